"""What was read is what is copied: a source that was changed since is refused, and one that is damaged is named."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from builders import as_zarr, field_of_view, make_nwbfile, write_nwb, write_sessions
from helpers import listing

from ndx_match.errors import InputError
from ndx_match.matchfile import write, write_match_file
from ndx_match.matchfile.sources import check_sources
from ndx_match.methods import nway
from ndx_match.model import MatchResult, Session
from ndx_match.sources import SourceOptions, read_planes, read_sessions
from ndx_match.storage import convert, datasets, opening, unchanged
from ndx_match.storage.opening import files_kept_open
from ndx_match.storage.unchanged import open_steady, state_of

TABLE = "processing/ophys/image_segmentation/roi_table"
CHANGED = "the file was changed since it was read"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sessions and another that is not matched."""
    folder = tmp_path_factory.mktemp("made")
    write_sessions(folder, ((0, 0), (3, 2)))
    write_nwb(folder / "another.nwb", make_nwbfile(field_of_view((1, 1)), session_id="another"))
    return folder


@pytest.fixture(scope="module")
def stores(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One of the sessions, and the other that is not matched, as Zarr stores."""
    pytest.importorskip("hdmf_zarr", reason="hdmf_zarr is not installed; install the group test")
    folder = tmp_path_factory.mktemp("stores")
    for name in ("session_0.nwb", "another.nwb"):
        as_zarr(Path(shutil.copy(made / name, folder)))
    return folder


@pytest.fixture(scope="module")
def result(made: Path) -> MatchResult:
    return nway.match(read_sessions(sorted(made.glob("session_?.nwb"))))


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """Copies that a test may change."""
    for path in made.glob("*.nwb"):
        shutil.copy(path, tmp_path)
    return tmp_path


def sources(folder: Path) -> list[Path]:
    return sorted(folder.glob("session_?.nwb"))


def in_place(change: Callable[[h5py.File], None]) -> Callable[[Path], None]:
    """A change within a file that leaves its size, and of which its time of modification does not tell."""

    def apply(path: Path) -> None:
        before = path.stat()
        with h5py.File(path, "r+") as file:
            change(file)
        assert path.stat().st_size == before.st_size
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    return apply


def change_image(file: h5py.File) -> None:
    file["processing/ophys/images/average_image"][0, 0] += 1


def change_ids(file: h5py.File) -> None:
    file[f"{TABLE}/id"][:] = file[f"{TABLE}/id"][:][::-1]


def change_masks(file: h5py.File) -> None:
    masks = file[f"{TABLE}/image_mask"]
    masks[0], masks[1] = masks[1], masks[0]


def replace_by_another(path: Path) -> None:
    before = path.stat()
    another = shutil.copy(path.parent / "another.nwb", path.parent / "renamed.nwb")
    os.utime(another, ns=(before.st_atime_ns, before.st_mtime_ns))
    os.replace(another, path)


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


CHANGES: dict[str, Callable[[Path], None]] = {
    "overwritten in place": in_place(change_image),
    "replaced by another session's file": replace_by_another,
    "truncated": truncate,
    "other ids": in_place(change_ids),
    "other masks": in_place(change_masks),
    "deleted": Path.unlink,
}


@pytest.mark.parametrize(("position", "checksum"), [(0, True), (1, False)])
@pytest.mark.parametrize("kind", CHANGES)
def test_a_source_that_was_changed_after_reading_is_refused(
    folder: Path, result: MatchResult, kind: str, position: int, checksum: bool
):
    paths = sources(folder)
    sessions = read_sessions(paths, SourceOptions(checksum=checksum))
    CHANGES[kind](paths[position])
    before = listing(folder)
    words = "the file was removed after it was read" if kind == "deleted" else CHANGED
    with pytest.raises(InputError, match=rf"session_{position}\.nwb: {words}"):
        write_match_file(sessions, result, folder / "m.nwb")
    assert listing(folder) == before


def change_a_byte(path: Path) -> None:
    """As another program may, while HDF5 has the file open here."""
    before = path.stat()
    with open(path, "r+b") as file:
        file.seek(-1, os.SEEK_END)
        last = file.read(1)
        file.seek(-1, os.SEEK_END)
        file.write(bytes([last[0] ^ 1]))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize("change", [replace_by_another, truncate, Path.unlink, change_a_byte])
def test_a_source_that_is_kept_open_and_was_changed_is_refused(
    folder: Path, result: MatchResult, change: Callable[[Path], None]
):
    paths = sources(folder)
    with files_kept_open():
        sessions = read_sessions(paths, SourceOptions(checksum=False))
        change(paths[0])
        before = listing(folder)
        words = "the file was removed after it was read" if change is Path.unlink else CHANGED
        with pytest.raises(InputError, match=rf"session_0\.nwb: {words}"):
            write_match_file(sessions, result, folder / "m.nwb")
    assert listing(folder) == before


def test_files_that_are_kept_open_are_read_once_each(folder: Path, monkeypatch: pytest.MonkeyPatch):
    first, second = sources(folder)
    read: list[str] = []
    open_reader = opening.open_reader
    monkeypatch.setattr(opening, "open_reader", lambda path: (read.append(Path(path).name), open_reader(path))[1])
    monkeypatch.setattr(opening, "MOST_OPEN_FILES", 1)
    with files_kept_open():
        for path in (first, second, first, second):
            with opening.open_nwb(path):
                pass
        assert read == ["session_0.nwb", "session_1.nwb", "session_1.nwb"]
        replace_by_another(first)
        with opening.open_nwb(first) as nwbfile:
            assert nwbfile.session_id == "another"
    with opening.open_nwb(second):
        pass
    assert read[3:] == ["session_0.nwb", "session_1.nwb"]


def test_an_error_while_files_are_kept_open_is_of_none_or_of_the_right_one(folder: Path):
    first, second = sources(folder)

    def fail_with_both_open() -> None:
        with files_kept_open():
            for path in (first, second):
                with opening.open_nwb(path):
                    pass
            raise OSError("mine")

    with pytest.raises(OSError, match=r"^mine$"):
        fail_with_both_open()
    with files_kept_open():
        for path in (first, second):
            with opening.open_nwb(path):
                pass
        with pytest.raises(InputError, match=r"session_0\.nwb: .*damaged"), opening.open_nwb(first):
            raise OSError("cannot read")


@pytest.mark.parametrize("kind", CHANGES)
def test_a_source_that_is_changed_while_it_is_copied_is_refused(
    folder: Path, result: MatchResult, kind: str, monkeypatch: pytest.MonkeyPatch
):
    """At the end, when all data have been copied."""
    paths = sources(folder)
    sessions = read_sessions(paths)
    fill = write._fill

    def fill_and_change(*arguments) -> None:
        fill(*arguments)
        # HDF5 does not open a file for writing that it has open, so it is changed under another name.
        copy = shutil.copy2(paths[0], folder / "copy.nwb")
        CHANGES[kind](Path(copy))
        if kind == "deleted":
            paths[0].unlink()
        else:
            os.replace(copy, paths[0])

    monkeypatch.setattr(write, "_fill", fill_and_change)
    words = "the file was removed after it was read" if kind == "deleted" else CHANGED
    with pytest.raises(InputError, match=rf"session_0\.nwb: {words}"):
        write_match_file(sessions, result, folder / "m.nwb")
    assert not [name for name in os.listdir(folder) if name[0] in ".m"]


def test_planes_too_are_refused_when_their_file_was_changed(tmp_path: Path):
    paths = write_sessions(tmp_path, planes=("upper", "lower"))
    planes = read_planes(paths).planes
    in_place(lambda file: file["session_description"].write_direct(np.array("A test SESSION.", object)))(paths[1])
    for plane in planes:
        with pytest.raises(InputError, match=rf"session_1\.nwb: {CHANGED}"):
            write_match_file(plane.sessions, nway.match(plane.sessions), tmp_path / "m.nwb")


def test_a_source_that_is_changed_while_it_is_read_is_refused(folder: Path):
    path = sources(folder)[0]

    def read() -> None:
        with open_steady(path):
            os.utime(path, (1, 1))

    with pytest.raises(InputError, match=rf"session_0\.nwb: {CHANGED}"):
        read()


def test_a_source_of_which_only_permissions_and_links_change_is_accepted(
    folder: Path, result: MatchResult, monkeypatch: pytest.MonkeyPatch
):
    """Its content, which may have changed for all that its times tell, has the checksum that was recorded."""
    paths = sources(folder)
    sessions = read_sessions(paths)
    paths[0].chmod(0o600)
    os.link(paths[1], folder / "another name.nwb")
    assert [state_of(path) for path in paths] != [session.state for session in sessions]
    write_match_file(sessions, result, folder / "m.nwb")
    monkeypatch.setattr(unchanged, "sha256_of", lambda _: pytest.fail("the checksum is not needed"))
    write_match_file(read_sessions(paths, SourceOptions(checksum=False)), result, folder / "again.nwb")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (replace_by_another, CHANGED),
        (in_place(change_ids), "the ROI table .* was changed since it was read"),
        (lambda path: write_nwb(path, make_nwbfile(field_of_view(shape=(150, 150)))), "the ROI table .* was changed"),
        (
            lambda path: write_nwb(path, make_nwbfile(images=("another",))),
            ".* was removed from this file since it was read",
        ),
    ],
)
def test_where_nothing_else_is_known_of_a_source_its_ids_and_shapes_tell(
    folder: Path, result: MatchResult, change: Callable[[Path], object], words: str
):
    """As of an open file."""
    paths = sources(folder)
    sessions = [replace(session, state=None) for session in read_sessions(paths)]
    write_match_file(sessions, result, folder / "unchanged.nwb")
    change(paths[0])
    with pytest.raises(InputError, match=rf"session_0\.nwb: {words}"):
        write_match_file(sessions, result, folder / "m.nwb")


def test_the_state_is_not_part_of_what_a_session_is(folder: Path):
    (session, _) = read_sessions(sources(folder))
    fields = {name: getattr(session, name) for name in ("name", "image", "footprints", "roi_ids")}
    assert session.state is not None
    assert Session(**fields).state is None


def chunk_of(store: Path) -> Path:
    return sorted(path for path in (store / TABLE / "image_mask").rglob("*") if path.name[0] not in ".z")[0]


def change_chunk(store: Path) -> None:
    chunk = chunk_of(store)
    before = chunk.stat()
    chunk.write_bytes(chunk.read_bytes()[::-1])
    os.utime(chunk, ns=(before.st_atime_ns, before.st_mtime_ns))


def replace_store(store: Path) -> None:
    shutil.rmtree(store)
    shutil.copytree(store.parent / "another.nwb.zarr", store, copy_function=shutil.copy2)


@pytest.mark.parametrize("change", [change_chunk, replace_store, lambda store: chunk_of(store).unlink(), shutil.rmtree])
def test_a_store_that_was_changed_is_refused(
    folder: Path, stores: Path, result: MatchResult, change: Callable[[Path], None]
):
    for path in stores.glob("*.zarr"):
        shutil.copytree(path, folder / path.name)
    sessions = read_sessions([folder / "session_0.nwb.zarr", folder / "session_1.nwb"])
    check_sources(sessions)
    change(folder / "session_0.nwb.zarr")
    with pytest.raises(InputError, match=r"session_0\.nwb\.zarr: (the file was changed|the file was removed)"):
        write_match_file(sessions, result, folder / "m.nwb")


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("output", ["m.nwb", "m.nwb.zarr"])
def test_a_source_that_is_damaged_is_named_not_the_output_nor_another_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, output: str, large: bool
):
    """In a column that is copied but not read before: in memory, or, if large, by HDF5 while it writes."""
    if output.endswith(".zarr"):
        pytest.importorskip("hdmf_zarr", reason="hdmf_zarr is not installed; install the group test")
    if large:
        monkeypatch.setattr(datasets, "LARGE_BYTES", 10)
    paths = []
    for session_id in ("a", "b", "c"):
        nwbfile = make_nwbfile(session_id=session_id)
        table = nwbfile.processing["ophys"]["image_segmentation"]["roi_table"]
        table.add_column(name="remark", description="Only copied.", data=[f"remark {k}" for k in range(20)])
        paths.append(write_nwb(tmp_path / f"{session_id}.nwb", nwbfile))
    with h5py.File(paths[1], "r") as file:
        place = file[f"{TABLE}/remark"].id.get_chunk_info(0).byte_offset
    with open(paths[1], "r+b") as raw:
        raw.seek(place + 10 * 16 + 4)  # where the address of the text of row 10 is
        raw.write((1 << 40).to_bytes(8, "little"))
    sessions = read_sessions(paths)
    before = listing(tmp_path)
    with pytest.raises(InputError, match=rf"b\.nwb: the file is damaged or incomplete .*{TABLE}/remark"):
        write_match_file(sessions, nway.match(sessions), tmp_path / output)
    assert listing(tmp_path) == before


def test_a_source_that_cannot_be_read_is_not_taken_for_a_full_disk_by_annotate(
    folder: Path, result: MatchResult, monkeypatch: pytest.MonkeyPatch
):
    from ndx_match.annotate import annotate_files, pipeline

    paths = sources(folder)
    write_match_file(read_sessions(paths), result, folder / "m.nwb")

    def fail(*_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(pipeline, "copy_files", fail)
    monkeypatch.setattr(pipeline, "sha256_of", fail)
    with pytest.raises(InputError, match=r"session_0\.nwb: the file is damaged or incomplete \(Input/output error\)"):
        annotate_files(folder / "m.nwb", paths, folder / "out")
    assert not (folder / "out").exists()


def test_a_folder_that_was_made_for_a_file_does_not_stay_without_it(folder: Path, result: MatchResult):
    sessions = read_sessions(sources(folder))

    def write_late(sessions: list[Session]) -> None:
        write_match_file(sessions, result, folder, dandi_name=True)

    before = listing(folder)
    with h5py.File(sources(folder)[0], "r+") as file:
        change_masks(file)
    with pytest.raises(InputError, match=CHANGED):
        write_late(sessions)
    assert listing(folder) == before


def test_a_source_that_is_changed_while_it_is_converted_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch):
    path = sources(folder)[0]
    hand_over = convert._hand_over

    def hand_over_and_touch(*arguments) -> None:
        hand_over(*arguments)
        os.utime(path, (1, 1))

    monkeypatch.setattr(convert, "_hand_over", hand_over_and_touch)
    with pytest.raises(InputError, match=rf"session_0\.nwb: {CHANGED}"):
        convert.convert_file(path, folder / "converted.nwb")
    assert not (folder / "converted.nwb").exists()
