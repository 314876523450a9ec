"""Annotated copies: the numbers are the match file's, nothing else differs, and a difference would be seen."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from builders import field_of_view, make_nwbfile, result_of, write_nwb, write_sessions
from helpers import listing, without_privileges
from hypothesis import given
from hypothesis import strategies as st
from pynwb import NWBHDF5IO, validate

from ndx_match.annotate import COLUMN, annotate_files, pipeline
from ndx_match.annotate.identity import cell_ids_of_rois
from ndx_match.errors import InputError, NdxMatchError, OutputError
from ndx_match.matchfile import write_match_file
from ndx_match.sources import SourceOptions, read_session, read_sessions
from ndx_match.storage import hdf5
from ndx_match.storage.hdf5.comparing import _blocks, differences

TABLE = "processing/ophys/image_segmentation/roi_table"
N_ROIS = 20
#: ROI k of the first session is ROI k + 5 of the second; five ROIs of each are cells of one session.
CELLS = np.array(
    [[k, k + 5] for k in range(15)] + [[k, -1] for k in range(15, 20)] + [[-1, k] for k in range(5)], np.int32
)
EXPECTED = ([*range(20)], [*range(20, 25), *range(15)])


def write_matches(path: Path, sources: Sequence[Path], cells: np.ndarray = CELLS, **options) -> Path:
    sessions = read_sessions(sources, SourceOptions(**options))
    return write_match_file(sessions, result_of(cells), path).path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    write_matches(folder / "matches.nwb", write_sessions(folder))
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """Two sessions, `session_0.nwb` and `session_1.nwb`, and `matches.nwb`."""
    return shutil.copytree(made, tmp_path / "data")


@pytest.fixture
def validated() -> None:
    """For tests in which the copies are validated too, which takes most of the time."""


@pytest.fixture(autouse=True)
def quick(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "validated" not in request.fixturenames:
        monkeypatch.setattr(hdf5, "validate", lambda path: [])


@pytest.fixture
def sources(folder: Path) -> list[Path]:
    return [folder / "session_0.nwb", folder / "session_1.nwb"]


def column_of(path: Path, table: str = TABLE) -> list[int]:
    with h5py.File(path) as file:
        return file[table][COLUMN][:].tolist()


def change(path: Path, edit: Callable[[h5py.File], object]) -> Path:
    with h5py.File(path, "r+") as file:
        edit(file)
    return path


def test_the_numbers_are_the_rows_of_the_cells(folder: Path, sources: list[Path]):
    before = [path.read_bytes() for path in [*sources, folder / "matches.nwb"]]
    written = annotate_files(folder / "matches.nwb", sources, folder / "out")
    for file, source, expected in zip(written, sources, EXPECTED, strict=True):
        assert file.path == folder / "out" / source.name
        assert column_of(file.path) == expected
        assert (file.n_rois, file.n_shared, file.warnings) == (20, 15, ())
    assert [path.read_bytes() for path in [*sources, folder / "matches.nwb"]] == before
    assert listing(folder / "out") == {source.name for source in sources}


def test_pynwb_reads_the_column_and_says_what_it_is(folder: Path, sources: list[Path], validated: None):
    (file,) = annotate_files(folder / "matches.nwb", sources[1:], folder / "out")
    with NWBHDF5IO(folder / "matches.nwb", "r") as io:
        identifier = io.read().identifier
    with NWBHDF5IO(file.path, "r") as io:
        table = io.read().processing["ophys"]["image_segmentation"]["roi_table"]
        assert table.colnames[-1] == COLUMN
        assert table.to_dataframe()[COLUMN].tolist() == EXPECTED[1]
        assert table[COLUMN].data.dtype == np.int32
        for words in (identifier, "by-hand 1", "-1: none", "same cell"):
            assert words in table[COLUMN].description
    assert validate(path=str(file.path)) == []


def test_everything_else_is_as_it_was(folder: Path, sources: list[Path]):
    for file in annotate_files(folder / "matches.nwb", sources, folder / "out"):
        with h5py.File(file.source) as source, h5py.File(file.path) as copy:
            changes = set(differences(source, copy))
            assert changes == {
                f"/{TABLE}/{COLUMN} is in one of the files only",
                f"the links of /{TABLE} differ",
                f"the attribute colnames of /{TABLE} differs",
            }


@given(st.permutations(range(8)), st.lists(st.booleans(), min_size=8, max_size=8))
def test_an_id_identifies_the_cell(rows: list[int], in_a_cell: list[bool]):
    cells = np.array([[row if there else -1, k] for k, (row, there) in enumerate(zip(rows, in_a_cell, strict=True))])
    result = result_of(cells.astype(np.int32))
    ids = cell_ids_of_rois(result, 0, 8)
    for cell, (row, there) in enumerate(zip(rows, in_a_cell, strict=True)):
        assert ids[row] == (cell if there else -1)
    assert cell_ids_of_rois(result, 1, 8).tolist() == list(range(8))


def test_rois_in_no_cell_have_no_number(folder: Path, sources: list[Path]):
    matches = write_matches(folder / "some.nwb", sources, CELLS[3:])
    first, _ = annotate_files(matches, sources, folder / "out")
    assert column_of(first.path) == [-1, -1, -1, *range(17)]


def test_great_ids_are_kept(folder: Path, sources: list[Path]):
    """As another tool may have given them, which the match file keeps."""
    sessions = read_sessions(sources)
    ids = np.arange(len(CELLS)) + 5_000_000_000
    matches = write_match_file(sessions, replace(result_of(CELLS), cell_ids=ids), folder / "great.nwb").path
    copies = annotate_files(matches, sources, folder / "out")
    for file, expected in zip(copies, EXPECTED, strict=True):
        assert column_of(file.path) == [5_000_000_000 + k for k in expected]


def test_in_place_replaces_the_file_and_keeps_its_mode(folder: Path, sources: list[Path]):
    sources[0].chmod(0o640)
    link = folder / "link.nwb"
    link.symlink_to(sources[0])
    original = shutil.copy(sources[0], folder / "original.nwb")
    before = listing(folder)
    (file,) = annotate_files(folder / "matches.nwb", [link], in_place=True)
    assert column_of(sources[0]) == EXPECTED[0]
    assert link.is_symlink()
    assert sources[0].stat().st_mode & 0o777 == 0o640
    assert listing(folder) == before
    with h5py.File(original) as source, h5py.File(file.path) as copy:
        assert len(list(differences(source, copy))) == 3


@pytest.mark.slow
def test_a_column_that_is_there_is_replaced_only_where_asked(folder: Path, sources: list[Path]):
    annotate_files(folder / "matches.nwb", sources, in_place=True)
    others = write_matches(folder / "others.nwb", sources, CELLS[::-1].copy())
    before = sources[0].read_bytes()
    for options in ({"folder": folder / "out"}, {"in_place": True}):
        with pytest.raises(InputError, match="has a column global_roi_id already; replace it with overwrite=True"):
            annotate_files(others, sources, **options)
    assert sources[0].read_bytes() == before
    assert not (folder / "out").exists()
    written = annotate_files(others, sources, folder / "out", overwrite=True)
    assert column_of(written[0].path) == [24 - cell for cell in EXPECTED[0]]
    with h5py.File(written[0].path) as file:
        assert list(file[TABLE].attrs["colnames"]).count(COLUMN) == 1
    assert validate(path=str(written[0].path)) == []


def test_existing_copies_are_replaced_only_where_asked(folder: Path, sources: list[Path]):
    (folder / "out").mkdir()
    (folder / "out" / "session_1.nwb").write_text("mine")
    with pytest.raises(OutputError, match="overwrite=True"):
        annotate_files(folder / "matches.nwb", sources, folder / "out")
    assert listing(folder / "out") == {"session_1.nwb"}
    annotate_files(folder / "matches.nwb", sources, folder / "out", overwrite=True)
    assert column_of(folder / "out" / "session_1.nwb") == EXPECTED[1]


def test_a_file_of_another_experiment_is_refused(folder: Path, sources: list[Path]):
    other = write_nwb(folder / "other.nwb", make_nwbfile(session_id="other"))
    before = listing(folder)
    with pytest.raises(InputError, match=r"other\.nwb: no session of .*matches\.nwb was read from this file"):
        annotate_files(folder / "matches.nwb", [*sources, other], folder / "out")
    with pytest.raises(InputError, match="no session of"):
        annotate_files(folder / "matches.nwb", [folder / "matches.nwb"], in_place=True)
    assert listing(folder) == before


def test_a_file_that_changed_since_gives_a_warning(folder: Path, sources: list[Path]):
    change(sources[0], lambda file: file["general/session_id"].write_direct(np.array("new", object)))
    first, second = annotate_files(folder / "matches.nwb", sources, folder / "out")
    assert second.warnings == ()
    (warning,) = first.warnings
    assert "has changed since it was matched" in warning
    assert column_of(first.path) == EXPECTED[0]


def test_other_rois_than_were_matched_are_refused(folder: Path, sources: list[Path]):
    def renumber(file: h5py.File) -> None:
        file[TABLE]["id"][3] = 99

    change(sources[0], renumber)
    with pytest.raises(InputError, match=r"the ROI ids of .* have changed since session '101' was matched"):
        annotate_files(folder / "matches.nwb", sources, folder / "out")
    change(sources[0], lambda file: file.attrs.modify("object_id", "new"))
    with pytest.raises(InputError, match="has the identifier of session '101', but none of its ROI tables"):
        annotate_files(folder / "matches.nwb", sources, folder / "out")
    assert not (folder / "out").exists()


def test_a_file_with_new_object_ids_is_recognised_by_identifier_and_rois(folder: Path, sources: list[Path]):
    change(sources[0], lambda file: file.attrs.modify("object_id", "new"))
    (file,) = annotate_files(folder / "matches.nwb", sources[:1], folder / "out")
    assert any("by its identifier and ROI ids" in warning for warning in file.warnings)
    assert column_of(file.path) == EXPECTED[0]


def test_sessions_that_only_object_ids_tell_apart(folder: Path):
    sources = [
        write_nwb(folder / f"twin_{k}.nwb", make_nwbfile(field_of_view((k, 0)), session_id="same")) for k in range(2)
    ]
    matches = write_matches(folder / "twins.nwb", sources)
    first, second = annotate_files(matches, sources, folder / "out")
    assert (column_of(first.path), column_of(second.path)) == EXPECTED
    change(sources[0], lambda file: file.attrs.modify("object_id", "new"))
    with pytest.raises(InputError, match="could be any of the sessions"):
        annotate_files(matches, sources, folder / "again")


@pytest.mark.slow
def test_the_right_plane_is_annotated(folder: Path):
    paths = write_sessions(folder, planes=("deep", "shallow"))
    matches = write_matches(folder / "planes.nwb", paths, plane="shallow")
    for same_object_id in (True, False):
        if not same_object_id:
            change(paths[1], lambda file: file.attrs.modify("object_id", "new"))
        file = annotate_files(matches, paths, folder / "out", overwrite=True)[1]
        assert column_of(file.path, "processing/shallow/image_segmentation/roi_table") == EXPECTED[1]
        with h5py.File(file.path) as copy:
            assert COLUMN not in copy["processing/deep/image_segmentation/roi_table"]


def test_both_planes_of_one_file(folder: Path):
    path = write_nwb(folder / "two.nwb", make_nwbfile(planes=("deep", "shallow")))
    sessions = [replace(read_session(path, SourceOptions(plane=plane)), name=plane) for plane in ("deep", "shallow")]
    matches = write_match_file(sessions, result_of(CELLS), folder / "planes.nwb").path
    (file,) = annotate_files(matches, [path], folder / "out")
    assert file.sessions == ("deep", "shallow")
    for plane, expected in zip(("deep", "shallow"), EXPECTED, strict=True):
        assert column_of(file.path, f"processing/{plane}/image_segmentation/roi_table") == expected


def test_columns_are_written_as_the_files_schema_has_them(folder: Path, sources: list[Path]):
    def age(file: h5py.File) -> None:
        def older(_: str, item: h5py.Dataset | h5py.Group) -> None:
            item.attrs.pop("object_id", None)

        file.visititems(older)
        file.attrs.pop("object_id")
        table = file[TABLE]
        table.attrs.pop("object_id", None)
        table["image_mask"].attrs["help"] = "Values for a list of elements"
        names = [name.encode() for name in table.attrs["colnames"]]
        del table.attrs["colnames"]
        table.attrs["colnames"] = np.array(names, "S10")

    change(sources[0], age)
    (file,) = annotate_files(folder / "matches.nwb", sources[:1], folder / "out")
    with h5py.File(file.path) as copy:
        table = copy[TABLE]
        assert table.attrs["colnames"].tolist() == [b"image_mask", COLUMN.encode()]
        assert set(table[COLUMN].attrs) == {"namespace", "neurodata_type", "description", "help"}


SPOILT: dict[str, Callable[[h5py.File], object]] = {
    "values": lambda file: file["processing/ophys/images/average_image"].write_direct(np.zeros((160, 150), "f4")),
    "object": lambda file: file["general"].pop("session_id"),
    "attribute": lambda file: file[TABLE].attrs.modify("description", "other"),
    "colnames": lambda file: file[TABLE].attrs.create("colnames", [COLUMN, "image_mask"]),
    "numbers": lambda file: file[TABLE][COLUMN].write_direct(np.arange(1, 21, dtype="i4")),
}


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT.keys())
@pytest.mark.parametrize("in_place", [False, True])
def test_a_copy_that_fails_its_check_is_not_kept(
    folder: Path, sources: list[Path], monkeypatch: pytest.MonkeyPatch, spoil: Callable, in_place: bool
):
    add_columns = hdf5.Hdf5Format.add_columns

    def add_and_spoil(self: hdf5.Hdf5Format, path: Path, *arguments: Any) -> None:
        add_columns(self, path, *arguments)
        change(path, spoil)

    monkeypatch.setattr(hdf5.Hdf5Format, "add_columns", add_and_spoil)
    before, content = listing(folder), sources[0].read_bytes()
    with pytest.raises(OutputError, match="failed its check and was not kept") as caught:
        annotate_files(folder / "matches.nwb", sources, None if in_place else folder / "out", in_place=in_place)
    assert ".session" not in str(caught.value)
    assert listing(folder) == before
    assert sources[0].read_bytes() == content


def test_a_copy_that_is_less_valid_than_its_source_is_not_kept(
    folder: Path, sources: list[Path], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(
        hdf5, "validate", lambda path: ["old"] if path == str(sources[0]) else ["old", "argument missing"]
    )
    with pytest.raises(OutputError, match=r"a validation error .*: argument missing"):
        annotate_files(folder / "matches.nwb", sources[:1], folder / "out")
    assert not (folder / "out").exists()


@pytest.mark.slow
def test_a_source_that_is_not_valid_can_be_annotated(folder: Path, sources: list[Path], validated: None):
    def spoil(file: h5py.File) -> None:
        plane = file["general/optophysiology/plane"]
        del plane["grid_spacing"]
        plane["grid_spacing"] = ["one", "one"]

    change(sources[0], spoil)
    assert validate(path=str(sources[0]))
    (file,) = annotate_files(folder / "matches.nwb", sources[:1], folder / "out")
    assert column_of(file.path) == EXPECTED[0]


def test_where_a_later_file_fails_the_error_says_what_is_written(
    folder: Path, sources: list[Path], monkeypatch: pytest.MonkeyPatch
):
    def check(source: Path, *_: object) -> None:
        if source == sources[1]:
            raise OutputError(f"{source}: failed.")

    monkeypatch.setattr(pipeline, "_check", check)
    with pytest.raises(OutputError, match=r"session_1\.nwb: failed; these files were .*: .*session_0\.nwb\.$"):
        annotate_files(folder / "matches.nwb", sources, folder / "out")
    assert listing(folder / "out") == {"session_0.nwb"}


@pytest.mark.parametrize("in_place", [True, False])
def test_a_file_that_changes_meanwhile_is_not_replaced_nor_is_its_copy_kept(
    folder: Path, sources: list[Path], monkeypatch: pytest.MonkeyPatch, in_place: bool
):
    check = pipeline._check

    def check_and_touch(*arguments) -> None:
        check(*arguments)
        os.utime(sources[0], (1, 1))

    monkeypatch.setattr(pipeline, "_check", check_and_touch)
    before = sources[0].read_bytes()
    with pytest.raises(InputError, match=r"session_0\.nwb: the file was changed since it was read"):
        annotate_files(folder / "matches.nwb", sources, None if in_place else folder / "out", in_place=in_place)
    assert sources[0].read_bytes() == before
    assert not (folder / "out").exists()


def test_what_cannot_be_written_is_refused_before_any_work(folder: Path, sources: list[Path]):
    matches, before = folder / "matches.nwb", listing(folder)
    same_name = folder.parent / "elsewhere" / "session_0.nwb"
    same_name.parent.mkdir()
    shutil.copy(sources[0], same_name)
    for inputs, options, words in (
        (sources, {}, "a folder for the annotated copies or in_place=True"),
        (sources, {"folder": folder / "out", "in_place": True}, "in_place=True"),
        (sources, {"folder": folder}, "would replace one of the inputs"),
        (sources, {"folder": folder, "overwrite": True}, "would replace one of the inputs"),
        (sources, {"folder": matches}, "this is a file"),
        (sources, {"folder": folder / "none" / "out"}, "does not exist"),
        ([*sources, sources[0]], {"folder": folder / "out"}, "given 2 times"),
        ([*sources, same_name], {"folder": folder / "out"}, "same name"),
        ([folder / "gone.nwb"], {"in_place": True}, "there is no such file"),
    ):
        with pytest.raises(NdxMatchError, match=words):
            annotate_files(matches, inputs, **options)
    assert listing(folder) == before


def test_a_read_only_file_is_not_replaced(made: Path, open_path: Path):
    folder = shutil.copytree(made, open_path / "data")
    for path in folder.iterdir():
        path.chmod(0o444)
    folder.chmod(0o777)
    with without_privileges(), pytest.raises(OutputError, match="may not be changed"):
        annotate_files(folder / "matches.nwb", [folder / "session_0.nwb"], in_place=True)


def test_a_ragged_column_of_this_name_is_never_replaced(folder: Path, sources: list[Path]):
    change(sources[0], lambda file: file[TABLE].create_dataset(f"{COLUMN}_index", data=np.arange(20)))
    with pytest.raises(InputError, match="rename it first"):
        annotate_files(folder / "matches.nwb", sources, folder / "out", overwrite=True)


def test_links_to_files_beside_the_source(folder: Path, sources: list[Path]):
    with h5py.File(folder / "movie.h5", "w") as movie:
        movie["data"] = np.arange(4)
    change(sources[0], lambda file: file["analysis"].__setitem__("movie", h5py.ExternalLink("movie.h5", "data")))
    with pytest.raises(InputError, match=r"takes data from movie\.h5 beside it"):
        annotate_files(folder / "matches.nwb", sources, folder / "out")
    assert not (folder / "out").exists()
    (folder / "out").mkdir()
    shutil.copy(folder / "movie.h5", folder / "out")
    annotate_files(folder / "matches.nwb", sources[:1], folder / "out")
    with h5py.File(folder / "out" / "session_0.nwb") as file:
        assert file["analysis/movie"][:].tolist() == [0, 1, 2, 3]
    annotate_files(folder / "matches.nwb", sources, in_place=True)


# What the comparison sees


def example(path: Path) -> Path:
    """A file with everything that HDF5 files of NWB hold."""
    with h5py.File(path, "w") as file:
        group = file.create_group("group")
        group.attrs.update({"text": "a", "number": 1.5, "nothing": h5py.Empty("f8"), "names": ["a", "b"]})
        group["plain"] = np.arange(12.0).reshape(3, 4)
        group["plain"][0, 0] = np.nan
        group.create_dataset("packed", data=np.arange(1000).reshape(100, 10), chunks=(30, 10), compression="gzip")
        group["text"] = "hello"
        group.create_dataset("texts", data=["x", "y"], dtype=h5py.string_dtype(), chunks=(1,))
        group["flags"] = np.array([True, False])
        group["pixels"] = np.array([(1, 2, 0.5)], [("x", "u4"), ("y", "u4"), ("weight", "f4")])
        ragged = group.create_dataset("ragged", (2,), h5py.vlen_dtype("i4"))
        ragged[:] = [np.arange(2), np.arange(3)]
        group["scalar"] = 3
        group["nothing"] = h5py.Empty("i4")
        group.attrs["target"] = group["plain"].ref
        group["references"] = np.array([group["plain"].ref, group.ref, h5py.Reference()], h5py.ref_dtype)
        group["regions"] = np.array([group["plain"].regionref[1:2]], h5py.regionref_dtype)
        series = np.zeros(1, [("start", "i4"), ("series", h5py.ref_dtype)])
        series["series"][0] = group["text"].ref
        group["series"] = series
        group["soft"] = h5py.SoftLink("/group/plain")
        group["outside"] = h5py.ExternalLink("other.h5", "/data")
        group["alias"] = group["plain"]
        group["cycle"] = file["/"]
        group["type"] = np.dtype("i2")
        layout = h5py.VirtualLayout((4,), "f8")
        layout[:] = h5py.VirtualSource("other.h5", "data", (4,))
        group.create_virtual_dataset("virtual", layout)
    return path


def replaced(name: str, value: object, **options: object) -> Callable[[h5py.Group], None]:
    def edit(group: h5py.Group) -> None:
        del group[name]
        if options:
            group.create_dataset(name, data=value, **options)
        else:
            group[name] = value

    return edit


def element(name: str, where: object, value: object) -> Callable[[h5py.Group], None]:
    return lambda group: group[name].__setitem__(where, value)


EDITS: dict[str, Callable[[h5py.Group], object]] = {
    "value": element("plain", (2, 3), 0),
    "NaN to number": element("plain", (0, 0), 0),
    "value in a chunk": element("packed", (99, 9), -1),
    "scalar": element("scalar", (), 4),
    "text": element("text", (), "hallo"),
    "one of the texts": element("texts", 1, "z"),
    "flag": element("flags", 0, False),
    "weight": element("pixels", 0, (1, 2, 0.25)),
    "ragged": element("ragged", 1, np.arange(4)),
    "number type": replaced("scalar", np.int32(3)),
    "shape": replaced("plain", np.arange(12.0).reshape(4, 3)),
    "compression": replaced("packed", np.arange(1000).reshape(100, 10), chunks=(30, 10)),
    "chunks": replaced("packed", np.arange(1000).reshape(100, 10), chunks=(10, 10), compression="gzip"),
    "text to bytes": replaced("text", np.bytes_(b"hello")),
    "type of nothing": replaced("nothing", h5py.Empty("i8")),
    "added object": lambda group: group.create_group("new"),
    "removed object": lambda group: group.__delitem__("scalar"),
    "kind of object": lambda group: (group.__delitem__("scalar"), group.create_group("scalar")),
    "attribute": lambda group: group.attrs.modify("text", "b"),
    "attribute's type": lambda group: group.attrs.create("number", 1.5, dtype="f4"),
    "attribute added": lambda group: group["plain"].attrs.update({"unit": "m"}),
    "attribute removed": lambda group: group.attrs.pop("names"),
    "attribute that refers": lambda group: group.attrs.modify("target", group["packed"].ref),
    "reference": lambda group: group["references"].__setitem__(0, group["packed"].ref),
    "reference in a compound": lambda group: group["series"].__setitem__(0, (0, group["plain"].ref)),
    "region": lambda group: group["regions"].__setitem__(0, group["plain"].regionref[0:2]),
    "soft link": replaced("soft", h5py.SoftLink("/group/packed")),
    "external link": replaced("outside", h5py.ExternalLink("another.h5", "/data")),
    "link to a copy": lambda group: (group.__delitem__("alias"), group.copy("plain", "alias")),
    "link to another": lambda group: (group.__delitem__("alias"), group.__setitem__("alias", group["packed"])),
    "named type": replaced("type", np.dtype("i4")),
    "virtual source": lambda group: (
        group.__delitem__("virtual"),
        group.create_virtual_dataset("virtual", _virtual("another.h5")),
    ),
}


def _virtual(name: str) -> h5py.VirtualLayout:
    layout = h5py.VirtualLayout((4,), "f8")
    layout[:] = h5py.VirtualSource(name, "data", (4,))
    return layout


def test_equal_files_do_not_differ(tmp_path: Path):
    one, two = example(tmp_path / "one.h5"), example(tmp_path / "two.h5")
    copy = shutil.copy(one, tmp_path / "copy.h5")
    change(copy, lambda file: file["group"].create_dataset("new", data=1))
    with h5py.File(one) as first, h5py.File(two) as second, h5py.File(copy) as third:
        assert list(differences(first, second)) == []
        assert list(differences(first, third, {"/group/new"})) == []


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS.keys())
def test_every_difference_is_seen(tmp_path: Path, edit: Callable[[h5py.Group], object]):
    one = example(tmp_path / "one.h5")
    two = change(Path(shutil.copy(one, tmp_path / "two.h5")), lambda file: edit(file["group"]))
    with h5py.File(one) as first, h5py.File(two) as second:
        assert any("/group" in difference for difference in differences(first, second))


@given(st.lists(st.integers(0, 6), max_size=3), st.integers(1, 20))
def test_blocks_cover_every_element_once(shape: list[int], limit: int):
    counts = np.zeros(shape, int)
    for block in _blocks(tuple(shape), limit):
        assert counts[block].size <= limit
        counts[block] += 1
    assert (counts == 1).all()
