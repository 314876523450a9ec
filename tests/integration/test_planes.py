"""Files of several imaging planes: matched plane by plane into one match file, and what is made of that file."""

from __future__ import annotations

import gzip
import json
import re
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pynwb
import pytest
from builders import START, Field, field_of_view, make_nwbfile, write_nwb
from helpers import listing, run
from nwbinspector import inspect_nwbfile, load_config

from ndx_match.annotate import COLUMN
from ndx_match.errors import AmbiguousInputError, InputError
from ndx_match.formats import cells_dataframe
from ndx_match.matchfile import read_match_file, read_planes_of_match_file, write_planes
from ndx_match.methods import nway
from ndx_match.planes import match_planes
from ndx_match.sources import SourceOptions, read_planes

METHOD = ("--method", "nway")
SHIFTS = ((0, 0), (3, 2), (-4, 5))
DEPTHS = {"deep": 300.0, "upper": 100.0}
SEEDS = {"deep": 0, "upper": 5}
DOCUMENT = Path(__file__).parents[2] / "docs" / "planes.md"
FILES = Path(__file__).parent.parent / "back_compat" / "files"


def field(plane: str, session: int) -> Field:
    return field_of_view(SHIFTS[session], seed=SEEDS.get(plane, 9))


def write_session(
    folder: Path,
    number: int,
    depths: dict[str, float] | None = None,
    like: dict[str, str] | None = None,
    change: Callable[[str, Field], Field] = lambda _, shown: shown,
) -> Path:
    """A session of the planes in `depths`; `like` says of a plane of which other it is a recording."""
    depths = DEPTHS if depths is None else depths
    fields = {name: change(name, field((like or {}).get(name, name), number)) for name in depths}
    nwbfile = make_nwbfile(
        planes=fields, depths=depths, session_id=str(101 + number), start=START + timedelta(days=number)
    )
    return write_nwb(folder / f"session_{number}.nwb", nwbfile)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("planes")


@pytest.fixture(scope="module")
def inputs(folder: Path) -> list[Path]:
    return [write_session(folder, k) for k in range(3)]


@pytest.fixture(scope="module")
def matches(folder: Path, inputs: list[Path]) -> Path:
    run("write", *inputs, "--all-planes", "-o", folder / "m.nwb", *METHOD).succeeded()
    return folder / "m.nwb"


@pytest.mark.slow
def test_each_plane_is_matched_as_if_it_were_alone(matches: Path, inputs: list[Path], tmp_path: Path):
    planes = read_planes_of_match_file(matches)
    assert [plane.name for plane in planes] == ["deep", "upper"]
    for plane in planes:
        run("write", *inputs, "--plane", plane.name, "-o", tmp_path / f"{plane.name}.nwb", *METHOD).succeeded()
        alone = read_match_file(tmp_path / f"{plane.name}.nwb")
        np.testing.assert_array_equal(plane.result.cells, alone.result.cells)
        assert (plane.result.n_sessions_of_cell == 3).sum() >= 15
        for session, expected in zip(plane.sessions, alone.sessions, strict=True):
            np.testing.assert_array_equal(session.image, expected.image)
            np.testing.assert_array_equal(session.footprints.toarray(), expected.footprints.toarray())
            assert (session.name, session.source) == (expected.name, expected.source)
            assert session.imaging_depth == DEPTHS[plane.name]
    assert not np.array_equal(planes[0].sessions[0].image, planes[1].sessions[0].image)


@pytest.mark.slow
def test_the_file_is_valid_and_read_with_pynwb_alone(matches: Path):
    assert pynwb.validate(path=matches) == []
    with pynwb.NWBHDF5IO(matches, "r") as io:
        nwbfile = io.read()
        for plane in DEPTHS:
            matching = nwbfile.processing["ophys"][f"CellMatching_{plane}"]
            assert matching.imaging_plane == plane
            cells = matching.cells.to_dataframe(index=True)
            assert list(cells.columns[-3:]) == ["101", "102", "103"]
            table = matching.sessions["roi_table"][1]
            assert table.name == f"102_{plane}_roi_table"
            assert table.imaging_plane.name == plane  # one for all sessions: their planes are the same
        assert "in the imaging planes deep, upper," in nwbfile.session_description
        assert len(nwbfile.devices) == 1


@pytest.mark.slow
def test_the_inspector_finds_nothing_in_a_complete_file(inputs: list[Path], tmp_path: Path):
    metadata = (
        "--subject-description", "A mouse.", "--location", "VISp", "--experimenter", "Doe, Jane",
        "--experiment-description", "Seeing.", "--institution", "An institute", "--keywords", "cortex",
    )  # fmt: skip
    run("write", *inputs, "--all-planes", "-o", tmp_path / "m.nwb", *METHOD, *metadata).succeeded()
    messages = inspect_nwbfile(nwbfile_path=tmp_path / "m.nwb", config=load_config("dandi"))
    assert [message.check_function_name for message in messages] == []


def test_a_file_of_one_plane_says_nothing_of_planes(tmp_path: Path):
    paths = [write_session(tmp_path, k, {"deep": 300}) for k in range(2)]
    run("write", *paths, "--all-planes", "-o", tmp_path / "m.nwb", *METHOD).succeeded()
    with h5py.File(tmp_path / "m.nwb") as file:
        assert {"CellMatching", "roi_tables", "projection_images"} == set(file["processing/ophys"])
        assert "imaging_plane" not in file["processing/ophys/CellMatching"].attrs
    assert read_match_file(tmp_path / "m.nwb", plane="deep").name == "deep"


def test_reading_asks_for_a_plane_where_there_are_several(matches: Path):
    with pytest.raises(AmbiguousInputError, match="choose one with `plane`: deep, upper"):
        read_match_file(matches)
    assert read_match_file(matches, plane="upper").name == "upper"
    with pytest.raises(InputError, match="no plane 'middle'; give `plane` one of: deep, upper"):
        read_match_file(matches, plane="middle")


@pytest.mark.slow
def test_a_plane_that_a_session_lacks_is_matched_among_the_others(tmp_path: Path):
    paths = [
        write_session(tmp_path, 0),
        write_session(tmp_path, 1, {"deep": 300}),
        write_session(tmp_path, 2, {**DEPTHS, "third": 500}),
    ]
    outcome = run("write", *paths, "--all-planes", "-o", tmp_path / "m.nwb", *METHOD).succeeded()
    sentences = (
        "The plane upper is missing in 102 and is matched in the other sessions.",
        "103: the plane third (500 um) is in no other session, so it is not matched.",
    )
    for sentence in sentences:
        assert outcome.err.count(sentence) == 1
    deep, upper = read_planes_of_match_file(tmp_path / "m.nwb", footprints=False)
    assert [session.name for session in deep.sessions] == ["101", "102", "103"]
    assert [session.name for session in upper.sessions] == ["101", "103"]
    assert set(sentences) <= set(deep.result.warnings)
    run("export", tmp_path / "m.nwb", "-o", tmp_path / "cells.csv").succeeded()
    table = pd.read_csv(tmp_path / "cells.csv")
    assert table[table["plane"] == "upper"]["102"].isna().all()


def test_planes_are_paired_by_depth_where_their_names_differ(tmp_path: Path):
    paths = [
        write_session(tmp_path, 0),
        write_session(tmp_path, 1, {"plane_0": 104, "plane_1": 297}, like={"plane_0": "upper", "plane_1": "deep"}),
    ]
    outcome = run("write", *paths, "--all-planes", "-o", tmp_path / "m.nwb", *METHOD).succeeded()
    assert "matched by their depths, as deep: 101 deep (300 um), 102 plane_1 (297 um)" in outcome.err
    deep, upper = read_planes_of_match_file(tmp_path / "m.nwb", footprints=False)
    assert [s.source.plane_path for s in upper.sessions] == [
        f"general/optophysiology/{n}" for n in ("upper", "plane_0")
    ]
    assert all((plane.result.n_sessions_of_cell == 2).sum() >= 15 for plane in (deep, upper))


@pytest.mark.slow
def test_depths_that_do_not_agree(tmp_path: Path):
    paths = [write_session(tmp_path, 0), write_session(tmp_path, 1, {"deep": 330, "upper": 100})]
    arguments = ("write", *paths, "--all-planes", "-o", tmp_path / "m.nwb", *METHOD)
    outcome = run(*arguments).succeeded()
    assert "102: the plane deep (330 um) is not matched, because the depths" in outcome.err
    assert "--depth-tolerance" in outcome.err
    assert [plane.name for plane in read_planes_of_match_file(tmp_path / "m.nwb")] == ["upper"]
    run(*arguments, "--depth-tolerance", 30, "--overwrite").succeeded()
    assert [plane.name for plane in read_planes_of_match_file(tmp_path / "m.nwb")] == ["deep", "upper"]


def test_where_no_depth_agrees_nothing_is_written(tmp_path: Path):
    paths = [write_session(tmp_path, 0), write_session(tmp_path, 1, {"deep": 500, "upper": 200})]
    before = listing(tmp_path)
    outcome = run("write", *paths, "--all-planes", "-o", tmp_path / "m.nwb", *METHOD)
    outcome.refused("No imaging plane is in two sessions", "101 has deep (300 um)", "--depth-tolerance")
    assert listing(tmp_path) == before


def still(plane: str, shown: Field) -> Field:
    """The deep plane as in every session: `--strict` refuses images that are aligned already."""
    return field_of_view() if plane == "deep" else shown


def test_a_plane_that_fails_leaves_the_others(tmp_path: Path):
    paths = [write_session(tmp_path, k, change=still) for k in range(2)]
    outcome = run("write", *paths, "--all-planes", "-o", tmp_path / "m.nwb", *METHOD, "--strict").succeeded()
    sentence = "The plane deep could not be matched: Not all pairwise registrations succeeded"
    assert outcome.err.count(sentence) == 1
    file = read_match_file(tmp_path / "m.nwb", plane="upper")
    assert (file.result.n_sessions_of_cell == 2).sum() >= 15
    assert any(sentence in warning for warning in file.result.warnings)


def test_where_all_planes_fail_nothing_is_written(tmp_path: Path):
    paths = [write_session(tmp_path, k, change=lambda *_: field_of_view()) for k in range(2)]
    before = listing(tmp_path)
    outcome = run("write", *paths, "--all-planes", "-o", tmp_path / "m.nwb", *METHOD, "--strict")
    outcome.refused("The plane deep could not", "The plane upper could not")
    assert listing(tmp_path) == before


def test_a_bug_in_one_plane_leaves_the_others_too(inputs: list[Path]):
    planes = read_planes(inputs).planes

    def match(sessions, parameters, progress):
        if sessions[0].imaging_depth == DEPTHS["deep"]:
            raise ZeroDivisionError("division by zero")
        return nway.METHOD.match(sessions, parameters, progress)

    method = replace(nway.METHOD, match=match)

    stages: list[str] = []
    matched = match_planes(planes, method, progress=lambda stage, *_: stages.append(stage))
    assert [plane.name for plane in matched.planes] == ["upper"]
    assert matched.warnings == ("The plane deep could not be matched: ZeroDivisionError: division by zero.",)
    assert stages
    with pytest.raises(ZeroDivisionError):
        match_planes(planes[:1], method)
    assert all(stage.startswith("upper ") for stage in stages)


@pytest.mark.slow
def test_a_plane_that_cannot_be_read_leaves_the_others(tmp_path: Path):
    def spoil(plane: str, shown: Field) -> Field:
        return Field(shown.image, shown.masks * np.nan) if plane == "deep" else shown

    paths = [write_session(tmp_path, 0), write_session(tmp_path, 1, change=spoil), write_session(tmp_path, 2)]
    outcome = run("write", *paths, "--all-planes", "-o", tmp_path / "m.nwb", *METHOD).succeeded()
    assert "102: the plane deep is left out: " in outcome.err
    assert "the masks hold NaN" in outcome.err
    deep, upper = read_planes_of_match_file(tmp_path / "m.nwb", footprints=False)
    assert (len(deep.sessions), len(upper.sessions)) == (2, 3)
    write_session(tmp_path, 1, {"deep": 300}, change=spoil)
    run("write", *paths, "--all-planes", "-o", tmp_path / "n.nwb", *METHOD).refused(str(paths[1]), "the masks hold NaN")
    assert not (tmp_path / "n.nwb").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--all-planes", "--plane", "deep"), "--all-planes excludes --plane"),
        (("--all-planes", "--z-plane", "1"), "--all-planes excludes"),
        (("--all-planes", "--depth-tolerance", "-3"), "--depth-tolerance -3 is not 0 or more"),
        (("--plane", "deep", "--depth-tolerance", "3"), "--depth-tolerance belongs to --all-planes"),
        ((), "or match each with `ndx-match write --all-planes`"),
    ],
)
def test_options_that_do_not_go_together(inputs: list[Path], tmp_path: Path, options: tuple[str, ...], words: str):
    run("write", *inputs, "-o", tmp_path / "m.nwb", *METHOD, *options).refused(words)
    assert listing(tmp_path) == set()


def test_show_prints_all_planes_or_one(matches: Path):
    both = run("show", matches).succeeded().out
    assert both.count("matched with nway") == 2
    assert both.index("plane deep:") < both.index("plane upper:")
    one = run("show", matches, "--plane", "upper").succeeded().out
    assert one.count("matched with nway") == 1
    assert "100 um" in one
    assert "300 um" not in one
    run("show", matches, "--plane", "middle").refused("deep, upper")


def test_plot_draws_each_plane_into_a_folder_of_its_own(matches: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    drawn: dict[str, float | None] = {}

    def note(sessions, result, folder, *_):
        drawn[str(folder.relative_to(tmp_path))] = sessions[0].imaging_depth
        return []

    monkeypatch.setattr("ndx_match.report.figures.write_figures", note)
    run("plot", matches, "-o", tmp_path / "both").succeeded()
    run("plot", matches, "-o", tmp_path / "one", "--plane", "upper").succeeded()
    assert drawn == {"both/deep": 300, "both/upper": 100, "one": 100}


@pytest.mark.slow
def test_write_with_pictures_of_all_planes(inputs: list[Path], tmp_path: Path):
    run("write", *inputs[:2], "--all-planes", "-o", tmp_path / "m.nwb", "--plots", tmp_path / "p", *METHOD).succeeded()
    assert {"deep/cells.png", "upper/cells.png"} <= listing(tmp_path / "p")


def test_a_session_named_as_the_column_of_planes_is_refused(matches: Path):
    plane = read_match_file(matches, footprints=False, plane="deep")
    renamed = replace(plane, sessions=(replace(plane.sessions[0], name="plane"), *plane.sessions[1:]))
    with pytest.raises(InputError, match="give it another name"):
        cells_dataframe([renamed, plane])


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
@pytest.mark.slow
def test_export_numbers_the_cells_of_all_planes(matches: Path, tmp_path: Path, suffix: str):
    output = tmp_path / f"cells.{suffix}"
    outcome = run("export", matches, "-o", output).succeeded()
    table = pd.read_csv(output) if suffix == "csv" else pd.read_parquet(output)
    assert f"{len(table)} cells of 3 sessions in 2 imaging planes" in outcome.out
    assert table["cell_id"].tolist() == list(range(len(table)))
    assert list(table.columns) == ["plane", "cell_id", "n_sessions", "101", "102", "103"]
    for plane in read_planes_of_match_file(matches, footprints=False):
        part = table[table["plane"] == plane.name]
        expected = plane.result.cells.astype(float)
        assert np.array_equal(part[["101", "102", "103"]].fillna(-1).to_numpy(float), expected)
        assert part["cell_id"].tolist() == plane.result.cell_ids.tolist()
    run("export", matches, "-o", output, "--overwrite", "--plane", "deep").succeeded()
    one = pd.read_csv(output) if suffix == "csv" else pd.read_parquet(output)
    assert "plane" not in one
    assert len(one) == (table["plane"] == "deep").sum()


def test_the_format_of_nway_takes_one_plane(matches: Path, tmp_path: Path):
    output = tmp_path / "cells.json"
    run("export", matches, "-o", output).refused("choose one with --plane: deep, upper")
    run("export", matches, "-o", output, "--plane", "upper").succeeded()
    assert len(json.loads(output.read_text())["nway_matches"]) >= 20


def annotated(path: Path, plane: str) -> list[int] | None:
    with pynwb.NWBHDF5IO(path, "r") as io:
        table = io.read().processing[plane]["image_segmentation"]["roi_table"]
        return table[COLUMN][:].tolist() if COLUMN in table.colnames else None


@pytest.mark.slow
def test_annotate_writes_each_planes_own_table(matches: Path, inputs: list[Path], tmp_path: Path):
    outcome = run("annotate", matches, *inputs[::-1], "-o", tmp_path / "out").succeeded()
    assert "102 (deep), 102 (upper): 40 ROIs" in outcome.out
    cell_ids_of_plane: dict[str, set[int]] = {}
    for plane in read_planes_of_match_file(matches, footprints=False):
        for k, path in enumerate(inputs):
            ids = annotated(tmp_path / "out" / path.name, plane.name)
            roi_row_of_cell = dict(zip(plane.result.cell_ids, plane.result.cells[:, k], strict=True))
            assert [roi_row_of_cell[number] for number in ids] == list(range(20))
            cell_ids_of_plane.setdefault(plane.name, set()).update(ids)
    assert not cell_ids_of_plane["deep"] & cell_ids_of_plane["upper"]  # a number names one cell of the whole file


@pytest.mark.slow
def test_annotate_one_plane(matches: Path, inputs: list[Path], tmp_path: Path):
    run("annotate", matches, inputs[0], "-o", tmp_path / "out", "--plane", "upper").succeeded()
    run("annotate", matches, inputs[0], "-o", tmp_path / "all").succeeded()
    one, whole = (tmp_path / name / inputs[0].name for name in ("out", "all"))
    assert annotated(one, "deep") is None
    assert annotated(one, "upper") == annotated(whole, "upper")


def test_score_asks_for_a_plane(matches: Path, tmp_path: Path):
    run("score", matches, tmp_path).refused("choose one with --plane: deep, upper")
    run("score", matches, tmp_path, "--plane", "deep").refused("truth.json")


def test_inspect_says_what_would_be_used_of_all_planes(tmp_path: Path, inputs: list[Path]):
    other = write_session(tmp_path, 1, {"deep": 300, "first": 102})
    out = run("inspect", inputs[0], other, "--all-planes").succeeded().out
    marked = [line for line in out.splitlines() if line.startswith(" *")]
    assert len(marked) == 2 * 2 * 3  # files, planes; plane, table and image
    assert "orientation  deep: " in out
    assert "ROIs         first: all ROIs" in out
    lines = out.splitlines()
    heading = next(k for k, line in enumerate(lines) if line.startswith("matched together"))
    assert lines[heading].split()[2:] == ["session_0.nwb", "session_1.nwb"]
    assert lines[heading + 1].split() == ["deep", "deep", "(300", "um)", "deep", "(300", "um)"]
    assert lines[heading + 2].split() == ["upper", "upper", "(100", "um)", "first", "(102", "um)"]
    assert "matched together" not in run("inspect", inputs[0], "--all-planes").succeeded().out


@pytest.mark.slow
def test_voxel_masks_in_several_planes_are_matched_z_by_z(tmp_path: Path):
    """One ROI table holds them all: each plane has its ROIs, image and numbers."""
    paths = [tmp_path / f"{day}.nwb" for day in ("a", "b")]
    for path in paths:
        path.write_bytes(gzip.decompress((FILES / "suite2p_two_planes.nwb.gz").read_bytes()))
    with h5py.File(paths[1], "r+") as file:
        file.attrs["object_id"] = "0" * 36
    outcome = run("write", *paths, "--all-planes", "-o", tmp_path / "m.nwb").succeeded()
    assert "plane ImagingPlane_z0" in outcome.out
    planes = read_planes_of_match_file(tmp_path / "m.nwb")
    assert [plane.name for plane in planes] == ["ImagingPlane_z0", "ImagingPlane_z1"]
    assert pynwb.validate(path=tmp_path / "m.nwb") == []
    for z, plane in enumerate(planes):
        in_both = plane.result.cells[(plane.result.cells >= 0).all(axis=1)]
        assert len(in_both) >= 13
        assert (in_both // 18 == z).all()
        assert (in_both[:, 0] == in_both[:, 1]).all()
    run("annotate", tmp_path / "m.nwb", *paths, "-o", tmp_path / "out").succeeded()
    with h5py.File(tmp_path / "out" / "a.nwb") as file:
        ids = file["processing/ophys/ImageSegmentation/PlaneSegmentation"][COLUMN][:]
    assert (np.sort(ids[ids >= 0]) == np.unique(ids[ids >= 0])).all()
    assert (ids >= 0).sum() == 30  # those that are cells


def test_planes_of_one_name_are_told_apart_by_their_tables(tmp_path: Path):
    """As ndx-microscopy can leave them: each ROI table has a plane of its own within it, all of one name."""
    paths = [tmp_path / f"{day}.nwb" for day in ("a", "b")]
    for path in paths:
        path.write_bytes(gzip.decompress((FILES / "ndx_microscopy.nwb.gz").read_bytes()))
        with h5py.File(path, "r+") as file:
            tables = file["processing/ophys/segmentations"]
            tables.copy("rois", "more_rois")
            tables["more_rois/plane"].attrs["description"] = "VISp, depth 300 um"
            tables["more_rois/mean/data"][...] += 7
            tables.visititems(lambda _, item: item.attrs.modify("object_id", str(uuid.uuid4())))
            file.attrs["object_id"] = str(uuid.uuid4())
    run("write", *paths, "--all-planes", "-o", tmp_path / "m.nwb").succeeded()
    more, rois = read_planes_of_match_file(tmp_path / "m.nwb")
    assert (more.name, rois.name) == ("more_rois", "rois")
    assert [plane.sessions[0].imaging_depth for plane in (more, rois)] == [300, 210]
    np.testing.assert_array_equal(more.sessions[1].image, rois.sessions[1].image + 7)
    with pynwb.NWBHDF5IO(tmp_path / "m.nwb", "r") as io:
        tables = io.read().processing["ophys"]["roi_tables"]
        depths = {name: table.imaging_plane.description for name, table in tables.plane_segmentations.items()}
    assert depths["a_rois_rois"] == "VISp, depth 210 um"
    assert depths["a_more_rois_more_rois"] == "VISp, depth 300 um"


def test_an_roi_table_can_be_chosen_in_all_planes(inputs: list[Path], tmp_path: Path):
    run("write", *inputs[:2], "--all-planes", "--roi-table", "roi_table", "-o", tmp_path / "m.nwb", *METHOD).succeeded()
    assert len(read_planes_of_match_file(tmp_path / "m.nwb")) == 2
    outcome = run("write", *inputs[:2], "--all-planes", "--roi-table", "x", "-o", tmp_path / "n.nwb", *METHOD)
    outcome.refused(str(inputs[0]), "there is no ROI table 'x'")


@pytest.mark.slow
def test_the_same_from_python(inputs: list[Path], matches: Path, tmp_path: Path):
    read = read_planes(inputs[:2], SourceOptions(checksum=False))
    matched = match_planes(read.planes, "nway")
    write_planes(matched.planes, tmp_path / "m.nwb")
    assert [len(plane.sessions) for plane in read_planes_of_match_file(tmp_path / "m.nwb")] == [2, 2]
    assert all(session.source.sha256 == "" for plane in read.planes for session in plane.sessions)
    recorded = read_match_file(matches, plane="deep").sessions
    assert len({session.source.sha256 for session in recorded}) == 3


@pytest.mark.slow
def test_the_code_in_the_documents_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys):
    depths = {"VISp_0": 100.0, "VISp_1": 300.0}
    like = {"VISp_0": "upper", "VISp_1": "deep"}
    for k, name in enumerate("AB"):
        write_session(tmp_path, k, depths, like).rename(tmp_path / f"{name}.nwb")
    monkeypatch.chdir(tmp_path)
    reading, writing = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    exec(writing, {})
    exec(reading, {})
    printed = capsys.readouterr().out
    assert "VISp_0 2 (" in printed
    assert "CellMatching_VISp_1 VISp_1" in printed


@pytest.mark.slow
@pytest.mark.allen_data
def test_the_planes_of_real_sessions(allen_data: Path, tmp_path: Path):
    """One plane is the other mirrored, so both give nearly the same cells."""
    paths = sorted((allen_data / "openscope_multiplane").glob("*.nwb"))
    outcome = run("write", *paths[:2], "--all-planes", "-o", tmp_path / "m.nwb").succeeded()
    planes = read_planes_of_match_file(tmp_path / "m.nwb", footprints=False)
    assert [plane.name for plane in planes] == ["VISp_0", "VISp_1"]
    assert [plane.sessions[0].imaging_depth for plane in planes] == [175, 375]
    complete_cells = [
        {tuple(cell) for cell in plane.result.cells[(plane.result.cells >= 0).all(axis=1)]} for plane in planes
    ]
    assert len(complete_cells[0] & complete_cells[1]) > 0.95 * len(complete_cells[0] | complete_cells[1])
    assert outcome.out.count("matched fraction") == 2
