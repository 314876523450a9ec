"""Files are written whole or not at all."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from ndx_match.errors import OutputError
from ndx_match.storage.outputs import check_output
from ndx_match.storage.publish import publish


def test_a_new_name_in_a_folder_is_accepted(tmp_path: Path):
    check_output(tmp_path / "matches.nwb")


def test_an_existing_file_needs_overwrite(tmp_path: Path):
    path = tmp_path / "matches.nwb"
    path.touch()
    with pytest.raises(OutputError, match="exists already; give another name or --overwrite"):
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
