"""Files are written whole or not at all."""

from __future__ import annotations

import errno
import json
import os
import platform
import signal
from pathlib import Path
from typing import Any

import pytest

from ndx_match.errors import OutputError
from ndx_match.matchfile import FileMetadata, output_path
from ndx_match.storage import drafts
from ndx_match.storage.outputs import check_folder, check_output, make_folder
from ndx_match.storage.publish import publish, settle_drafts


def test_a_new_name_in_a_folder_is_accepted(tmp_path: Path):
    check_output(tmp_path / "matches.nwb")


def test_the_working_directory_is_accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    check_output("new.nwb")
    check_folder(Path())
    assert not make_folder(Path())


def test_a_folder_may_hold_folders_and_links_of_any_name(tmp_path: Path):
    for letter in "abcdefghijklmnopqrstuvwxyz":
        (tmp_path / letter).mkdir()
        (tmp_path / letter.upper()).symlink_to("gone")
    check_folder(tmp_path)
    assert not make_folder(tmp_path)


def test_an_existing_file_needs_overwrite(tmp_path: Path):
    path = tmp_path / "matches.nwb"
    path.touch()
    with pytest.raises(OutputError, match="exists already; give another name or overwrite=True"):
        check_output(path)
    check_output(path, overwrite=True)


def test_a_folder_and_a_missing_folder_are_refused(tmp_path: Path):
    with pytest.raises(OutputError, match="this is a folder"):
        check_output(tmp_path, overwrite=True)
    with pytest.raises(OutputError, match="does not exist; make it first"):
        check_output(tmp_path / "none" / "matches.nwb")
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="does not exist"):
        check_output(tmp_path / "file" / "matches.nwb")


def test_an_input_is_never_an_output_whatever_its_name(tmp_path: Path):
    source, link, hard = (tmp_path / name for name in ("a.nwb", "link.nwb", "hard.nwb"))
    source.touch()
    link.symlink_to(source)
    os.link(source, hard)
    for output in (source, link, hard, tmp_path / "." / "a.nwb"):
        with pytest.raises(OutputError, match="one of the inputs"):
            check_output(output, overwrite=True, inputs=[tmp_path / "gone.nwb", source])


def test_a_folder_that_may_not_be_written_into_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(OutputError, match="cannot be written into"):
        check_output(tmp_path / "matches.nwb")


def test_the_file_appears_when_the_block_ends(tmp_path: Path):
    path = tmp_path / "matches.nwb"
    with publish(path) as temporary:
        temporary.write_text("new")
        assert not path.exists()
        assert temporary.parent == path.parent
        assert temporary.suffix == ".nwb"
    assert path.read_text() == "new"
    assert os.listdir(tmp_path) == ["matches.nwb"]


def test_others_may_read_it_as_any_file_that_the_user_makes(tmp_path: Path):
    plain, path = tmp_path / "plain", tmp_path / "matches.nwb"
    plain.touch()
    with publish(path):
        pass
    assert path.stat().st_mode == plain.stat().st_mode


@pytest.mark.parametrize("error", [ValueError("broken"), KeyboardInterrupt()])
def test_where_the_block_fails_what_was_there_stays(tmp_path: Path, error: BaseException):
    path = tmp_path / "matches.nwb"
    path.write_text("old")

    def write_half() -> None:
        with publish(path, overwrite=True) as temporary:
            temporary.write_text("half")
            raise error

    with pytest.raises(type(error)):
        write_half()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["matches.nwb"]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "no space left on the disk"),
        (OSError(errno.EFBIG, "File too large"), "no space left on the disk"),
        (OSError("Unable to write (file write failed: error message = 'No space left on device')"), "no space left"),
        (OSError(errno.EIO, "Input/output error"), "Input/output error"),
    ],
)
def test_a_disk_that_fails_is_one_sentence(tmp_path: Path, error: OSError, reason: str):
    with pytest.raises(OutputError, match=f"cannot be written .{reason}"), publish(tmp_path / "m.nwb"):
        raise error
    assert os.listdir(tmp_path) == []


def test_a_missing_folder_is_one_sentence(tmp_path: Path):
    with pytest.raises(OutputError, match="folder cannot be written into"):
        with publish(tmp_path / "none" / "m.nwb"):
            pass


@pytest.fixture(params=["matches.nwb", "matches.nwb.zarr"])
def output(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A file, and a folder as a Zarr store is."""
    return tmp_path / request.param


def is_folder(path: Path) -> bool:
    return path.suffix == ".zarr"


def write(path: Path, text: str) -> None:
    """As a writer fills what :func:`publish` gives it; a folder looks like the store of an NWB file."""
    if is_folder(path):
        path.mkdir(exist_ok=True)
        (path / ".zgroup").write_text("{}")
        (path / ".zattrs").write_text(json.dumps({"nwb_version": text}))
    else:
        path.write_text(text)


def content(path: Path) -> str:
    return json.loads((path / ".zattrs").read_text())["nwb_version"] if is_folder(path) else path.read_text()


def put(path: Path, text: str, overwrite: bool = False) -> None:
    with publish(path, overwrite, is_folder(path)) as temporary:
        write(temporary, text)


def test_what_is_there_is_not_replaced(output: Path):
    write(output, "theirs")
    with pytest.raises(OutputError, match="exists already; give another name or overwrite=True"):
        put(output, "ours")
    assert content(output) == "theirs"
    put(output, "ours", overwrite=True)
    assert content(output) == "ours"
    assert os.listdir(output.parent) == [output.name]


@pytest.mark.parametrize("appears", ["theirs", "", "a link to nothing"])
def test_what_appears_meanwhile_is_not_replaced(output: Path, appears: str):
    def write_slowly() -> None:
        with publish(output, folder=is_folder(output)) as temporary:
            write(temporary, "ours")
            if appears == "theirs":
                write(output, "theirs")
            elif appears:
                output.symlink_to("nowhere")
            else:
                output.mkdir() if is_folder(output) else output.touch()

    with pytest.raises(OutputError, match="was made by another program meanwhile and is not replaced"):
        write_slowly()
    assert os.listdir(output.parent) == [output.name]
    if appears == "theirs":
        assert content(output) == "theirs"
    elif appears:
        assert output.is_symlink()
    else:
        assert not (os.listdir(output) if is_folder(output) else output.read_text())


def test_of_two_writers_of_a_name_one_fails_also_where_files_cannot_be_linked(
    output: Path, monkeypatch: pytest.MonkeyPatch
):
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)

    def write_both() -> None:
        with publish(output, folder=is_folder(output)) as temporary:
            write(temporary, "first")
            put(output, "second")

    with pytest.raises(OutputError, match="meanwhile"):
        write_both()
    assert content(output) == "second"
    assert os.listdir(output.parent) == [output.name]


def test_where_the_name_cannot_be_taken_at_the_end_nothing_stays(output: Path, monkeypatch: pytest.MonkeyPatch):
    def fail(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    for name in ("link", "rename", "replace"):
        monkeypatch.setattr(os, name, fail)
    with pytest.raises(OutputError, match="Input/output error"):
        put(output, "ours")
    assert os.listdir(output.parent) == []


def test_the_mode_of_what_is_replaced_is_kept(output: Path):
    write(output, "old")
    output.chmod(0o700 if is_folder(output) else 0o600)
    before = output.stat()
    put(output, "new", overwrite=True)
    assert (output.stat().st_mode, output.stat().st_uid) == (before.st_mode, before.st_uid)
    output.chmod(0o755 if is_folder(output) else 0o444)
    before = output.stat()
    put(output, "newer", overwrite=True)
    assert (content(output), output.stat().st_mode) == ("newer", before.st_mode)


def test_a_half_written_file_is_for_its_owner_only(output: Path):
    with publish(output, folder=is_folder(output)) as temporary:
        assert temporary.stat().st_mode & 0o077 == 0
        write(temporary, "new")


def test_a_link_is_followed(output: Path):
    elsewhere = output.parent / "elsewhere"
    elsewhere.mkdir()
    target = elsewhere / f"target{output.suffix}"
    write(target, "old")
    output.symlink_to(target)
    with pytest.raises(OutputError, match="exists already"):
        put(output, "new")
    put(output, "new", overwrite=True)
    assert output.is_symlink()
    assert content(target) == "new"
    assert os.listdir(elsewhere) == [target.name]


def test_a_link_to_nothing_is_refused(output: Path):
    output.symlink_to("nowhere")
    for overwrite in (False, True):
        with pytest.raises(OutputError, match="this is a link to nowhere, which does not exist"):
            check_output(output, overwrite)
        with pytest.raises(OutputError):
            put(output, "new", overwrite)
    assert output.is_symlink()
    assert os.listdir(output.parent) == [output.name]


def test_only_the_store_of_an_nwb_file_is_replaced(tmp_path: Path):
    output = tmp_path / "photographs.zarr"
    output.mkdir()
    (output / "photograph").touch()
    with pytest.raises(OutputError, match="is not replaced"):
        put(output, "new", overwrite=True)
    assert os.listdir(output) == ["photograph"]
    assert os.listdir(tmp_path) == [output.name]


def test_names_that_are_too_long_are_refused_before_the_work(tmp_path: Path):
    check_output(tmp_path / f"{'n' * 251}.nwb")
    put(tmp_path / f"{'n' * 251}.nwb", "longest")
    put(tmp_path / ("n" * 200 + "." + "x" * 54), "longest suffix")
    deep = tmp_path.joinpath(*["d" * 200] * 20)
    for path, words in (
        (tmp_path / f"{'n' * 252}.nwb", "n.*: this name is too long"),
        (tmp_path / f"{'é' * 126}.nwb", "é.*: this name is too long"),
        (deep / "matches.nwb", "this path is too long"),
    ):
        for check in (check_output, check_folder):
            with pytest.raises(OutputError, match=words):
                check(path)
    for ids in ({"subject_id": "m" * 300}, {"subject_id": "m", "session_id": "s" * 240}):
        with pytest.raises(OutputError, match=r"sub-m.*: this name is too long"):
            output_path([], tmp_path, FileMetadata(**{"session_id": "s", **ids}), dandi_name=True)
    almost = Path(f"/{'/'.join(['d' * 200] * 19)}")
    with pytest.raises(OutputError, match="this path is too long"):  # of the arrays in a store
        check_output(almost / "matches.zarr")
    with pytest.raises(OutputError, match="does not exist"):
        check_output(almost / "matches.nwb")


def killed_writer(output: Path, until: str = "", host: str = "") -> None:
    """What a process leaves that is killed while it writes, or when it is about to call a function of `os`."""
    process = os.fork()
    if not process:
        if until:
            call = getattr(os, until)

            def call_or_die(*arguments: Any) -> Any:
                if str(arguments[-1]) == str(output):
                    os.kill(os.getpid(), signal.SIGKILL)
                return call(*arguments)

            setattr(os, until, call_or_die)
        if host:
            platform.node = lambda: host
        with publish(output, overwrite=output.exists(), folder=is_folder(output)) as temporary:
            write(temporary, "never finished")
            if not until:
                os.kill(os.getpid(), signal.SIGKILL)
    assert os.WTERMSIG(os.waitpid(process, 0)[1]) == signal.SIGKILL


def test_what_a_killed_writer_leaves_is_removed_by_the_next(output: Path):
    killed_writer(output)
    assert len(os.listdir(output.parent)) == 2
    assert all(name.startswith(".ndx-match-") for name in os.listdir(output.parent))
    check_output(output)
    assert os.listdir(output.parent) == []


@pytest.mark.parametrize("until", ["link", "rename"])
def test_a_writer_that_is_killed_at_the_end_leaves_nothing_of_that_name(tmp_path: Path, until: str):
    output = tmp_path / ("matches.nwb" if until == "link" else "matches.nwb.zarr")
    killed_writer(output, until)
    check_output(output)  # where the name was reserved, it is free again
    assert os.listdir(tmp_path) == []
    put(output, "next")
    assert content(output) == "next"


def test_a_store_is_back_after_a_writer_was_killed_between_its_two_renames(tmp_path: Path):
    output = tmp_path / "matches.nwb.zarr"
    write(output, "old")
    killed_writer(output, "rename")
    assert not output.exists() or not os.listdir(output)
    with pytest.raises(OutputError, match="exists already"):
        check_output(output)
    assert content(output) == "old"
    assert os.listdir(tmp_path) == [output.name]


def test_what_is_not_surely_of_a_dead_writer_stays(output: Path):
    killed_writer(output, host="another machine")
    others = {".ndx-match-0123456789abcdef.new.nwb", ".ndx-match-notes.lock", ".ndx-match-00112233445566gg.lock"}
    for name in others:
        (output.parent / name).write_text("mine")
    foreign = output.parent / ".ndx-match-ffffffffffffffff.lock"
    foreign.write_text(json.dumps({"output": "../../elsewhere", "host": platform.node()}))
    with publish(output, folder=is_folder(output)) as temporary:
        write(temporary, "new")
        before = set(os.listdir(output.parent))
        assert len(before) == 2 + 3 + 1 + 2
        check_output(output.parent / "other.nwb")
        assert set(os.listdir(output.parent)) == before
    assert content(output) == "new"


def test_a_store_that_took_the_name_of_one_moved_away_is_kept_and_so_is_that(tmp_path: Path):
    output = tmp_path / "matches.nwb.zarr"
    write(output, "old")
    killed_writer(output, "rename")
    write(output, "of another program")
    before = set(os.listdir(tmp_path))
    assert len(before) == 4
    with pytest.raises(OutputError, match="exists already"):
        check_output(output)
    assert set(os.listdir(tmp_path)) == before
    assert content(output) == "of another program"


def test_a_signal_while_it_is_cleaned_up_does_not_stop_that(output: Path, monkeypatch: pytest.MonkeyPatch):
    write(output, "old")
    signals = iter([KeyboardInterrupt, None, None])

    def interrupted(path: Path) -> None:
        if next(signals, None):
            raise KeyboardInterrupt
        remove(path)

    remove = drafts._remove
    monkeypatch.setattr(drafts, "_remove", interrupted)
    with pytest.raises(KeyboardInterrupt):
        put(output, "new", overwrite=True)
    assert content(output) == "new"
    assert os.listdir(output.parent) == [output.name]


def test_a_process_that_cannot_wait_leaves_nothing(output: Path):
    with publish(output, folder=is_folder(output)) as temporary:
        write(temporary, "half")
        settle_drafts()
        assert os.listdir(output.parent) == []
        write(temporary, "half")
    assert content(output) == "half"
