"""`ndx-match annotate` on matched sessions: copies that plain pynwb reads, whole or absent."""

from __future__ import annotations

import hashlib
import resource
import shutil
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from helpers import listing, run, run_process
from pynwb import NWBHDF5IO

from ndx_match.annotate import COLUMN
from ndx_match.matchfile import read_match_file
from ndx_match.simulate import SimulationParameters, simulate
from ndx_match.simulate.files import write_simulation
from ndx_match.storage.hdf5.comparing import differences

TABLE = "processing/ophys/image_segmentation/cell_specimen_table"
PARAMETERS = SimulationParameters(shape=(150, 140), n_cells=30, n_sessions=2, shift=8)


@pytest.fixture(scope="module")
def matched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("matched")
    paths = write_simulation(simulate(PARAMETERS, seed=3), folder / "sessions", n_samples=50)
    run("write", *paths, "-o", folder / "matches.nwb", "--method", "nway").succeeded()
    return folder


@pytest.fixture
def folder(matched: Path, tmp_path: Path) -> Path:
    """`matches.nwb` and the folder `sessions` of the files that were matched."""
    return shutil.copytree(matched, tmp_path / "data")


def sessions_of(folder: Path) -> list[Path]:
    return sorted((folder / "sessions").glob("*.nwb"))


def digests(folder: Path) -> dict[str, str]:
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*") if path.is_file()}


def check_annotated(sources: list[Path], copies: list[Path], matches: Path, table: str) -> None:
    """The numbers lead to the ROIs of the match file's cells, and the copies differ in nothing else."""
    file = read_match_file(matches, footprints=False)
    members: dict[int, dict[int, int]] = {}
    for k, (source, copy) in enumerate(zip(sources, copies, strict=True)):
        with NWBHDF5IO(copy, "r") as io:
            (rois,) = (item for item in io.read().objects.values() if getattr(item, "name", "") == table.split("/")[-1]
                       and item.id.data.parent.name == f"/{table}")  # fmt: skip
            frame = rois.to_dataframe(exclude={"image_mask"})[COLUMN]
        assert frame.index.tolist() == file.sessions[k].roi_ids.tolist()
        for row, cell in enumerate(frame):
            members.setdefault(int(cell), {})[k] = row
        with h5py.File(source) as first, h5py.File(copy) as second:
            ignored = {f"/{table}/{COLUMN}"}, {(f"/{table}", "colnames")}
            assert list(differences(first, second, *ignored)) == []
            assert [*first[table].attrs["colnames"], COLUMN] == list(second[table].attrs["colnames"])
    expected = {
        cell: {k: int(row) for k, row in enumerate(rows) if row >= 0} for cell, rows in enumerate(file.result.cells)
    }
    assert members == expected


@pytest.mark.slow
def test_copies_say_which_cell_each_roi_is(folder: Path):
    before = digests(folder)
    outcome = run("annotate", folder / "matches.nwb", *sessions_of(folder), "-o", folder / "out").succeeded()
    assert outcome.err == ""
    assert outcome.out.count("Wrote ") == 2
    copies = sorted((folder / "out").iterdir())
    check_annotated(sessions_of(folder), copies, folder / "matches.nwb", TABLE)
    assert {path: digest for path, digest in digests(folder).items() if path in before} == before


def test_only_some_of_the_files(folder: Path):
    second = sessions_of(folder)[1]
    run("annotate", folder / "matches.nwb", second, "-o", folder / "out").succeeded()
    assert listing(folder / "out") == {second.name}
    cells = read_match_file(folder / "matches.nwb", footprints=False).result.cells
    with h5py.File(folder / "out" / second.name) as file:
        np.testing.assert_array_equal(cells[file[TABLE][COLUMN][:], 1], np.arange(len(file[TABLE]["id"])))


@pytest.mark.slow
def test_in_place(folder: Path, tmp_path: Path):
    originals = shutil.copytree(folder / "sessions", tmp_path / "originals")
    before = listing(folder)
    run("annotate", folder / "matches.nwb", *sessions_of(folder), "--in-place").succeeded()
    assert listing(folder) == before
    check_annotated(sorted(originals.glob("*.nwb")), sessions_of(folder), folder / "matches.nwb", TABLE)
    run("annotate", folder / "matches.nwb", *sessions_of(folder), "--in-place").refused("--overwrite")
    again = run("annotate", folder / "matches.nwb", *sessions_of(folder), "--in-place", "--overwrite").succeeded()
    assert again.err.count("has changed since it was matched") == 2
    check_annotated(sorted(originals.glob("*.nwb")), sessions_of(folder), folder / "matches.nwb", TABLE)


@pytest.mark.slow
def test_annotated_copies_can_be_matched_again(folder: Path):
    run("annotate", folder / "matches.nwb", *sessions_of(folder), "-o", folder / "out").succeeded()
    copies = sorted((folder / "out").iterdir())
    run("write", *copies, "-o", folder / "again.nwb", "--method", "nway").succeeded()
    first, again = (read_match_file(folder / f"{name}.nwb", footprints=False).result for name in ("matches", "again"))
    np.testing.assert_array_equal(first.cells, again.cells)


@pytest.mark.slow
def test_mistakes_are_one_sentence_and_leave_nothing_behind(folder: Path, tmp_path_factory):
    paths, matches = sessions_of(folder), folder / "matches.nwb"
    foreign = write_simulation(simulate(PARAMETERS, seed=4), folder / "foreign", n_samples=5)[0]
    truncated = folder / "truncated.nwb"
    truncated.write_bytes(paths[0].read_bytes()[:-1000])
    before = digests(folder)
    output = ("-o", folder / "out")
    run("annotate", matches, *paths, foreign, *output).refused(str(foreign), "no session of", "was read from this file")
    run("annotate", paths[0], *paths, *output).refused(str(paths[0]), "holds no matched cells")
    run("annotate", matches, truncated, *output).refused(str(truncated), "damaged or incomplete")
    run("annotate", matches, folder / "gone.nwb", "--in-place").refused("there is no such file")
    run("annotate", matches, tmp_path_factory.mktemp("empty"), "--in-place").refused("no NWB file lies in this folder")
    run("annotate", matches, *paths).refused("-o DIR", "--in-place")
    run("annotate", matches, *paths, *output, "--in-place").refused("-o DIR", "--in-place")
    run("annotate", matches, *paths, "-o", folder / "sessions", "--overwrite").refused(
        "would replace one of the inputs"
    )
    assert digests(folder) == before
    assert not (folder / "out").exists()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="limits of resources are those of Unix")
@pytest.mark.parametrize("room", [-5000, 500])
@pytest.mark.parametrize("in_place", [False, True])
def test_a_file_size_limit_while_copying_and_while_annotating(folder: Path, room: int, in_place: bool):
    path = sessions_of(folder)[0]
    size = path.stat().st_size + room
    before, content = listing(folder), digests(folder)
    where = ("--in-place",) if in_place else ("-o", folder / "out")
    outcome = run_process(
        "annotate", folder / "matches.nwb", path, *where,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)),
    )  # fmt: skip
    outcome.refused(path.name, "no space left on the disk")
    assert listing(folder) == before
    assert digests(folder) == content


def test_a_full_disk(folder: Path, small_disk: Path):
    run_process("annotate", folder / "matches.nwb", *sessions_of(folder), "-o", small_disk / "out").refused(
        "no space left on the disk"
    )
    assert listing(small_disk) == set()


@pytest.mark.slow
@pytest.mark.allen_data
@pytest.mark.parametrize(
    ("layout", "options", "table"),
    [
        ("openscope_old", (), TABLE),
        ("openscope_multiplane", ("--plane", "VISp_1"), "processing/VISp_1/image_segmentation/roi_table"),
    ],
)
def test_real_sessions(allen_data: Path, tmp_path: Path, layout: str, options: tuple[str, ...], table: str):
    sources = sorted((allen_data / layout).glob("*.nwb"))
    before = digests(allen_data / layout)
    run("write", *sources, "-o", tmp_path / "matches.nwb", *options).succeeded()
    run("annotate", tmp_path / "matches.nwb", *sources, "-o", tmp_path / "out").succeeded()
    copies = sorted((tmp_path / "out").iterdir())
    check_annotated(sources, copies, tmp_path / "matches.nwb", table)
    assert digests(allen_data / layout) == before
    if layout == "openscope_multiplane":
        with h5py.File(copies[0]) as file:
            assert COLUMN not in file["processing/VISp_0/image_segmentation/roi_table"]
