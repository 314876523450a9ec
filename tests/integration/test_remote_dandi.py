"""Source files on DANDI, read from a stand-in for its API and its store of files."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from builders import field_of_view, make_nwbfile, session_of, write_nwb, write_sessions
from helpers import listing, run
from remote_servers import DANDISET, KEY, PUBLISHED, Answer, StandInDandi

from ndx_match.matchfile import read_match_file
from ndx_match.matchfile.related import related_resources
from ndx_match.model import SourceInfo
from ndx_match.sources import read_session
from ndx_match.storage.remote import remote_access

if sys.version_info < (3, 11):
    pytest.skip("dandi needs Python 3.11", allow_module_level=True)
pytest.importorskip("dandi", reason="dandi is not installed; install the group test")
METHOD = ("--method", "nway")
FOLDER = "sub-621602"
NAMES = (
    f"{FOLDER}/sub-621602_ses-1193555033-acq-1193675753_ophys.nwb",
    f"{FOLDER}/sub-621602_ses-1194555033-acq-1194675753_behavior+ophys.nwb",
)
ROOT = f"dandi://dandi/{DANDISET}"
pytestmark = pytest.mark.usefixtures("cache")


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return write_sessions(tmp_path_factory.mktemp("sources"))


@pytest.fixture
def dandi(paths: list[Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[StandInDandi]:
    """Stands in for the instance `dandi`."""
    from dandi import consts, dandiapi

    others = {f"{FOLDER}/sub-621602_ses-1_ecephys.nwb": paths[0], f"{FOLDER}/dandiset.yaml": paths[0]}
    stand_in = StandInDandi({**dict(zip(NAMES, paths, strict=True)), **others})
    instance = consts.DandiInstance("dandi", "https://dandiarchive.org", stand_in.url)
    monkeypatch.setitem(consts.known_instances, "dandi", instance)
    for url in (stand_in.url, stand_in.api.url):  # of API and website
        monkeypatch.setitem(consts.known_instances_rev, url, "dandi")
    monkeypatch.setattr(dandiapi, "REQUEST_RETRIES", 1)
    with stand_in.running():
        yield stand_in


def sources(path: Path) -> list[tuple[str, str, str, str]]:
    session_sources = [session.source for session in read_match_file(path, footprints=False).sessions]
    return [(source.uri, source.dandiset_id, source.dandi_asset_id, source.sha256) for source in session_sources]


def expected(dandi: StandInDandi, version: str = PUBLISHED) -> list[tuple[str, str, str, str]]:
    """The first two files, with what DANDI knows of them."""
    return [
        (
            f"{ROOT}@{version}/{name.replace('+', '%2B')}",
            DANDISET,
            dandi.asset_ids[name],
            hashlib.sha256(dandi.files[name].read_bytes()).hexdigest(),
        )
        for name in NAMES
    ]


def test_files_by_their_addresses(tmp_path: Path, dandi: StandInDandi, paths: list[Path]):
    output = tmp_path / "m.nwb"
    run("write", *(f"{ROOT}/{name}" for name in NAMES), "-o", output, *METHOD).succeeded()
    assert sources(output) == expected(dandi)
    assert dandi.store.sent <= sum(path.stat().st_size for path in paths)
    downloads = [request for request in dandi.api.requests if request.path.endswith("/download/")]
    assert len(downloads) == len(NAMES)


@pytest.mark.slow
def test_write_prints_the_related_resource_of_a_dandiset(tmp_path: Path, dandi: StandInDandi, paths: list[Path]):
    from dandischema.models import Resource

    output = tmp_path / "m.nwb"
    printed = run("write", *(f"{ROOT}/{name}" for name in NAMES), "-o", output, *METHOD).succeeded().out
    _, _, entries = printed.partition("add to relatedResource in its metadata:\n")
    (entry,) = json.loads(entries)
    resource = Resource(**entry)
    assert resource.identifier == f"DANDI:{DANDISET}/{PUBLISHED}"
    assert str(resource.url) == f"https://dandiarchive.org/dandiset/{DANDISET}/{PUBLISHED}"
    assert resource.relation.value == "dcite:IsDerivedFrom"
    here = run("write", *paths, "-o", tmp_path / "n.nwb", *METHOD).succeeded().out
    assert "relatedResource" not in here


def test_a_draft_and_two_dandisets_have_an_entry_each():
    field = field_of_view()
    uris = ("dandi://dandi/000336@draft/a.nwb", "dandi://dandi/000336@draft/b.nwb", "dandi://linc/000010@0.24/c.nwb")
    sessions = [session_of(field, str(k), source=SourceInfo(uri=uri)) for k, uri in enumerate((*uris, "day4.nwb"))]
    first, second = related_resources(sessions)
    assert (first["identifier"], first["url"]) == ("DANDI:000336", "https://dandiarchive.org/dandiset/000336/draft")
    assert (second["identifier"], second["url"]) == ("LINC:000010/0.24", "https://lincbrain.org/dandiset/000010/0.24")


@pytest.mark.slow
def test_what_a_match_file_records_can_be_opened_again(tmp_path: Path, dandi: StandInDandi):
    run("write", f"{ROOT}/{FOLDER}/", "-o", tmp_path / "m.nwb", *METHOD).succeeded()
    again = [uri for uri, *_ in sources(tmp_path / "m.nwb")]
    run("write", *again, "-o", tmp_path / "n.nwb", *METHOD).succeeded()
    assert sources(tmp_path / "n.nwb") == sources(tmp_path / "m.nwb") == expected(dandi)


def test_a_folder_stands_for_its_ophys_files(dandi: StandInDandi):
    with remote_access() as access:
        all_files = [f"{ROOT}@{PUBLISHED}/{name.replace('+', '%2B')}" for name in NAMES]
        assert access.expand([f"{ROOT}/{FOLDER}/"]) == all_files
        assert access.expand([f"{ROOT}/{FOLDER}/*_ophys.nwb"]) == all_files[:1]
        site = f"{dandi.api.url}/#/dandiset/{DANDISET}/{PUBLISHED}/files?location={FOLDER}"
        instance = f"{dandi.url}/dandisets/{DANDISET}/versions/{PUBLISHED}/assets"
        assert access.expand([site]) == access.expand([f"{ROOT}@{PUBLISHED}/{FOLDER}/"])
        assert len(access.expand([f"{instance}/?path={FOLDER}/"])) == 2
        for session, names in {
            "1193555033-acq-1193675753": all_files[:1],
            "1194555033": all_files[1:],
            "119*": all_files,
        }.items():
            assert access.expand([f"{ROOT}/{FOLDER}/"], [session]) == names
        assert access.expand([f"{ROOT}/{FOLDER}/"], ["1194555033", "1193555033"]) == all_files
        assert access.expand([f"{ROOT}/{NAMES[0]}", "here.nwb"]) == [all_files[0], "here.nwb"]
        mixed = access.expand(["here.nwb", f"{ROOT}/{FOLDER}/"], ["1194555033"])
        assert mixed == ["here.nwb", all_files[1]]


def test_sessions_of_a_folder_on_the_command_line(tmp_path: Path, dandi: StandInDandi):
    folder = f"{ROOT}/{FOLDER}/"
    assert run("inspect", folder, "--session", "1194555033").succeeded().out.count("  session ") == 1
    run("write", folder, "-o", tmp_path / "m.nwb", "--session", "119*", *METHOD).succeeded()
    assert len(sources(tmp_path / "m.nwb")) == 2
    run("write", folder, "-o", tmp_path / "n.nwb", "--session", "77", *METHOD).refused(
        "no session 77", "--session one of: 1193555033-acq-1193675753, 1194555033-acq-1194675753"
    )
    run("write", folder, "-o", tmp_path / "n.nwb", "--session", "1194555033").refused("at least two sessions")
    run("inspect", f"{ROOT}/{NAMES[0]}", "--session", "1").refused("--session 1", "no input is such a folder")


@pytest.mark.parametrize("version", ["draft", PUBLISHED])
def test_versions(dandi: StandInDandi, version: str):
    assert read_session(f"{ROOT}@{version}/{NAMES[0]}").source.uri == expected(dandi, version)[0][0]
    dandi.published = False
    assert read_session(f"{ROOT}/{NAMES[0]}").source.uri == expected(dandi, "draft")[0][0]


def test_addresses_of_assets(dandi: StandInDandi):
    asset_id = dandi.asset_ids[NAMES[0]]
    of_version = read_session(f"{dandi.url}/dandisets/{DANDISET}/versions/{PUBLISHED}/assets/{asset_id}/download/")
    assert (of_version.source.uri, of_version.source.dandiset_id) == expected(dandi)[0][:2]
    alone = read_session(f"{dandi.url}/assets/{asset_id}/download/").source
    assert (alone.dandiset_id, alone.dandi_asset_id, alone.sha256) == ("", *expected(dandi)[0][2:])
    assert read_session(alone.uri).source == alone


def test_a_checksum_that_dandi_has_not_computed_yet_or_that_is_not_wanted(tmp_path: Path, dandi: StandInDandi):
    dandi.digests = False
    assert read_session(f"{ROOT}/{NAMES[0]}").source.sha256 == ""
    dandi.digests = True
    run("write", f"{ROOT}/{FOLDER}/", "-o", tmp_path / "m.nwb", "--no-checksum", *METHOD).succeeded()
    assert [sha256 for *_, sha256 in sources(tmp_path / "m.nwb")] == ["", ""]


def test_an_embargoed_dandiset(tmp_path: Path, cache: Path, dandi: StandInDandi, monkeypatch: pytest.MonkeyPatch):
    dandi.embargoed = True
    url = f"{ROOT}/{NAMES[0]}"
    arguments = ("write", url, f"{ROOT}/{NAMES[1]}", "-o", tmp_path / "m.nwb", *METHOD)
    run(*arguments).refused(url, "set DANDI_API_KEY to your key", "401")
    monkeypatch.setenv("DANDI_API_KEY", "a-wrong-key")
    refusal = run(*arguments).refused(url, "DANDI refuses the key in DANDI_API_KEY", "401")
    assert "a-wrong-key" not in refusal.err
    assert listing(tmp_path) == set()
    monkeypatch.setenv("DANDI_API_KEY", KEY)
    outcome = run(*arguments).succeeded()
    assert sources(tmp_path / "m.nwb") == expected(dandi)
    assert dandi.sent_keys() == []
    content = b"".join(path.read_bytes() for path in (tmp_path / "m.nwb", *cache.rglob("*")) if path.is_file())
    assert KEY not in outcome.out + outcome.err
    assert KEY.encode() not in content
    assert b"signature-" not in content


def test_the_key_is_sent_to_its_own_instance_only(dandi: StandInDandi, monkeypatch: pytest.MonkeyPatch):
    from dandi import consts

    for url in (dandi.url, dandi.api.url):
        monkeypatch.delitem(consts.known_instances_rev, url)
    monkeypatch.setenv("DANDI_API_KEY", KEY)
    read_session(f"{dandi.url}/assets/{dandi.asset_ids[NAMES[0]]}/")
    assert not any("authorization" in request.headers for request in dandi.api.requests)


def test_the_cache_knows_an_asset_by_whatever_url(dandi: StandInDandi):
    read_session(f"{ROOT}/{NAMES[0]}")
    dandi.store.reset()
    read_session(f"{ROOT}@draft/{NAMES[0]}")
    read_session(f"{dandi.url}/assets/{dandi.asset_ids[NAMES[0]]}/")
    assert len(dandi.store.requests) == 2


def test_addresses_of_the_store_expire(dandi: StandInDandi):
    dandi.valid = 4
    assert read_session(f"{ROOT}/{NAMES[0]}").n_rois == 20
    assert sum(request.path.endswith("/download/") for request in dandi.api.requests) > 1


def test_what_there_is_not(dandi: StandInDandi):
    for url, words in {
        f"{ROOT}/{FOLDER}/none_ophys.nwb": "DANDI has no such file or folder",
        f"{ROOT}/sub-none/": "DANDI has no such file or folder",
        f"dandi://dandi/000999/{NAMES[0]}": "DANDI has no such file or folder",
        f"{ROOT}@0.1.2/sub-none/": "DANDI has no such file or folder",
        ROOT: "this is a whole dandiset",
        f"dandi://nowhere/{DANDISET}/{NAMES[0]}": "this is not an address of DANDI",
        "dandi://dandi/336": "this is not an address of DANDI",
        f"{ROOT}/{FOLDER}/*ecephys.nwb": "none of the 1 files here is an optical physiology file",
    }.items():
        run("inspect", url).refused(url, words)


def test_a_zarr_asset(dandi: StandInDandi, paths: list[Path]):
    name = f"{FOLDER}/sub-621602_ses-9_ophys.nwb.zarr"
    dandi.files = {name: paths[0]}
    dandi.asset_ids = {name: next(iter(dandi.asset_ids.values()))}
    run("inspect", f"{ROOT}/{FOLDER}/").refused("this is a Zarr asset; download it")


def test_an_archive_that_is_down(dandi: StandInDandi, monkeypatch: pytest.MonkeyPatch):
    dandi.api.answer = lambda _: Answer(503)
    run("inspect", f"{ROOT}/{NAMES[0]}").refused("DANDI reports an error (HTTP status 503)")
    dandi.api.stop()
    run("inspect", f"{ROOT}/{NAMES[1]}").refused("DANDI cannot be reached")


def test_without_dandi_installed(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(__import__("sys").modules, "dandi.dandiarchive", None)
    run("inspect", f"{ROOT}/{NAMES[0]}").refused(
        'needs dandi; run pip install "ndx-cell-matching[remote]" with Python 3.11 or newer.'
    )


def test_a_local_file_needs_no_archive(tmp_path: Path):
    assert read_session(write_nwb(tmp_path / "a.nwb", make_nwbfile())).source.dandiset_id == ""
