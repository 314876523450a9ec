"""What is secret in addresses is used and nowhere shown or kept."""

from __future__ import annotations

import io
import logging
import string
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, quote

import pytest
from builders import as_zarr, field_of_view, make_nwbfile, write_nwb
from helpers import Outcome, run
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from remote_servers import Answer, LoopbackServer, Request

from ndx_match.matchfile import read_match_file
from ndx_match.storage.remote import remote_access

SECRETS = st.text(string.ascii_letters + string.digits, min_size=12, max_size=30)
AROUND = st.text("!$'()*+,;=@:/?#&%\\\" ~", max_size=2)
ANSWERS = (
    Answer(404),
    Answer(403, b"<Error>"),
    Answer(200, b"no NWB file" * 300),
    Answer(500),
    Answer(206),
    Answer(200, b"x", {"Content-Encoding": "gzip"}),
)
pytestmark = pytest.mark.usefixtures("cache")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("files")
    return [
        write_nwb(folder / f"{name}.nwb", make_nwbfile(field_of_view((k, k)), session_id=name))
        for k, name in enumerate("ab")
    ]


@pytest.fixture
def server() -> Iterator[LoopbackServer]:
    with LoopbackServer().running() as running:
        yield running


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """All that any library logs."""
    handler = logging.StreamHandler(text := io.StringIO())
    root, level = logging.getLogger(), logging.getLogger().level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    for name in ("hdmf", "pynwb"):
        logging.getLogger(name).setLevel(logging.WARNING)
    yield text
    root.setLevel(level)
    root.removeHandler(handler)


def everything(outcome: Outcome, *folders: Path) -> str:
    """All that a command showed, and the names and contents of all files in folders."""
    texts = [outcome.out, outcome.err]
    for path in (path for folder in folders for path in folder.rglob("*")):
        texts += [str(path), path.read_bytes().decode("latin-1") if path.is_file() else ""]
    return "\n".join(texts)


@st.composite
def addresses(draw: st.DrawFn) -> tuple[str, list[str]]:
    """An address without its start, and the secrets in it, which are written as they should be or as they are."""
    secrets = [draw(SECRETS) for _ in range(5)]
    user, word, name, value, fragment = (draw(AROUND) + secret + draw(AROUND) for secret in secrets)
    if draw(st.booleans()):
        user, word, name, value, fragment = (quote(part, safe="") for part in (user, word, name, value, fragment))
    else:  # as people write them, but for what ends the part
        user, word = (part.replace("/", "").replace("\\", "") for part in (user, word))
    ending = draw(st.sampled_from(["nwb", "nwb.zarr"]))
    return f"{user}:{word}@%s/data/a.{ending}?{name}={value}#{fragment}", secrets


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    address=addresses(),
    scheme=st.sampled_from(["http", "http", "http", "HTTP", " http", "s3", "ftp", "dandi"]),
    command=st.sampled_from(
        ["inspect", "write", "annotate", "output", "convert", "plots", "usage", "choice", "named", "mirror"]
    ),
    answer=st.sampled_from(ANSWERS),
)
def test_no_secret_of_an_address_is_shown_or_kept(
    tmp_path: Path,
    cache: Path,
    files: list[Path],
    server: LoopbackServer,
    log: io.StringIO,
    monkeypatch: pytest.MonkeyPatch,
    address: tuple[str, list[str]],
    scheme: str,
    command: str,
    answer: Answer,
):
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
    server.answer = lambda _: answer
    host = server.url.removeprefix("http://") if scheme.strip().lower() == "http" else "bucket"
    url = f"{scheme}://{address[0].replace('%s', host)}"
    output = tmp_path / "out.nwb"
    arguments = {
        "inspect": ("inspect", url),
        "write": ("write", url, files[0], "-o", output),
        "annotate": ("annotate", files[0], url, "-o", tmp_path / "copies"),
        "output": ("write", *files, "-o", url),
        "convert": ("convert", files[0], url),
        "plots": ("write", *files, "-o", output, f"--plots={url}"),
        "usage": ("show", url, url),
        "choice": ("inspect", files[0], "--transpose", url),
        "named": ("inspect", files[0], "--transpose", f"{url}=masks"),
        "mirror": ("write", *files, "-o", output, "--mirror", url),
    }[command]
    outcome = run(*arguments)
    assert outcome.code == 2, outcome.err
    assert "Traceback" not in outcome.err
    shown = everything(outcome, tmp_path, cache) + log.getvalue()
    assert not [secret for secret in address[1] if secret in shown]


@pytest.mark.slow
def test_secrets_are_used_and_neither_recorded_nor_cached(
    tmp_path: Path, cache: Path, files: list[Path], server: LoopbackServer, log: io.StringIO
):
    pytest.importorskip("hdmf_zarr", reason="hdmf-zarr is not installed; install the extra [zarr]")
    store = as_zarr(write_nwb(tmp_path / "c.nwb", make_nwbfile(field_of_view((1, 2)), session_id="c")))
    store = store.rename(tmp_path / "store" if store.suffix != ".zarr" else store)

    def answer(request: Request) -> Answer | None:
        if request.headers.get("authorization") != "Basic bWU6cGFzc3dvcmRQQVNTV09SRA==":
            return Answer(401)
        if "id=identityIDENTITY" not in request.query:
            return Answer(404)
        if (path := tmp_path / request.path.lstrip("/")).is_file():
            server.files[request.path] = path
        return None

    server.files = {"/a.nwb": files[0]}
    server.answer = answer
    start = server.url.replace("//", "//me:passwordPASSWORD@")
    urls = [f"{start}/{name}?id=identityIDENTITY&x=1#fragmentFRAGMENT" for name in ("a.nwb", store.name)]
    matches = tmp_path / "m.nwb"
    outcome = run("write", *urls, "-o", matches, "--method", "nway").succeeded()
    (tmp_path / "c.nwb").unlink(missing_ok=True)
    shown = everything(outcome, tmp_path, cache) + log.getvalue()
    assert not [secret for secret in ("PASSWORD", "IDENTITY", "FRAGMENT") if secret in shown]
    uris = [session.source.uri for session in read_match_file(matches).sessions]
    assert uris == [f"{server.url}/a.nwb", f"{server.url}/{store.name}"]
    assert run("inspect", *urls).succeeded().out.count(f"{server.url}/") == 2


def test_files_that_differ_in_their_query_only(tmp_path: Path, files: list[Path], server: LoopbackServer):
    """They are two files, though their addresses look the same."""

    def answer(request: Request) -> None:
        server.files = {"/get": files["id=2" in request.query]}

    server.answer = answer
    urls = [f"{server.url}/get?id={number}" for number in (1, 2)]
    run("write", *urls, "-o", tmp_path / "m.nwb", "--method", "nway").succeeded()
    sessions = read_match_file(tmp_path / "m.nwb").sessions
    assert [session.name for session in sessions] == ["a", "b"]
    assert [session.source.uri for session in sessions] == [f"{server.url}/get"] * 2
    assert f"{server.url}/get#2\n" in run("inspect", *urls).succeeded().out
    run("write", urls[0], urls[0], "-o", tmp_path / "n.nwb").refused(f"{server.url}/get: ", "is given 2 times")


def test_a_version_of_an_object_is_asked_for_with_the_keys_of_its_address(
    files: list[Path], server: LoopbackServer, monkeypatch: pytest.MonkeyPatch
):
    pytest.importorskip("botocore", reason="botocore is not installed; install the extra [remote]")
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
    server.files = {"/bucket/a.nwb": files[0]}
    shown = run("inspect", "s3://KEYKEY:SEC%2FRET@bucket/a.nwb?versionId=v7&x=1").succeeded().out
    assert shown.startswith("s3://bucket/a.nwb?versionId=v7\n")
    for request in server.requests:
        query = parse_qs(request.query)
        assert query.pop("versionId") == ["v7"]
        assert all(name.startswith("X-Amz-") for name in query)
        assert query["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]
        assert query["X-Amz-SignedHeaders"] == ["host"]
        assert request.credential.startswith("KEYKEY/")


def test_nothing_of_a_signed_address_is_shown_or_kept(
    tmp_path: Path,
    cache: Path,
    files: list[Path],
    server: LoopbackServer,
    log: io.StringIO,
    monkeypatch: pytest.MonkeyPatch,
):
    pytest.importorskip("botocore", reason="botocore is not installed; install the extra [remote]")
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "keyKEY")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wordWORD")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "tokenTOKEN")
    server.files = {"/bucket/a.nwb": files[0]}
    outcomes = [run("write", "s3://bucket/a.nwb", files[1], "-o", tmp_path / "m.nwb", "--method", "nway").succeeded()]
    for answer in ANSWERS:
        server.answer = lambda _, answer=answer: answer
        outcomes.append(run("inspect", "s3://bucket/b.nwb"))
    server.stop()
    outcomes.append(run("inspect", "s3://bucket/b.nwb"))
    assert {outcome.code for outcome in outcomes[1:]} == {2}
    assert all("X-Amz-Security-Token=tokenTOKEN" in request.query for request in server.requests if request.query)
    signatures = {parse_qs(request.query).get("X-Amz-Signature", ["keyKEY"])[0] for request in server.requests}
    shown = log.getvalue() + "".join(everything(outcome, tmp_path, cache) for outcome in outcomes)
    assert not [secret for secret in ("keyKEY", "wordWORD", "tokenTOKEN", "X-Amz", *signatures) if secret in shown]


def test_logs_are_heard_again_after_the_access(log: io.StringIO):
    with remote_access(), remote_access():
        logging.getLogger("urllib3.connectionpool").warning("hidden")
    logging.getLogger("urllib3.connectionpool").warning("heard")
    assert log.getvalue() == "heard\n"
