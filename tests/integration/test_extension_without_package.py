"""A file can be read by who has pynwb and has never heard of this package."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pynwb
import pytest
from pynwb import NWBHDF5IO

from ndx_cell_matching import CellMatching
from ndx_cell_matching.testing.mock import mock_CellMatching, mock_source_nwbfile
from ndx_match.matchfile.checkup import check_match_file

FORMAT = Path(__file__).resolve().parents[2] / "docs" / "format.md"
CELLS = np.array([[0, 2, 1], [1, -1, 0], [2, 0, -1], [-1, 1, -1]])

READ = """
import json, sys
from pynwb import NWBHDF5IO

with NWBHDF5IO("matches.nwb", "r", load_namespaces=True) as io:
    nwbfile = io.read()
    module = nwbfile.processing["ophys"]
    matching = module["CellMatching"]
    sessions, cells = matching.sessions.to_dataframe(), matching.cells.to_dataframe(index=True)
    names = sessions["session_name"].tolist()
    json.dump({
        "names": names,
        "rows": {name: [[int(row) for row in rows] for rows in cells[name]] for name in names},
        "presence": [[int(code) for code in row] for row in cells["presence"]],
        "n_sessions": cells["n_sessions"].tolist(),
        "roi_tables_found": [
            matching.sessions["roi_table"][position] is module[f"{name}_ImageSegmentation"][f"{name}_PlaneSegmentation"]
            for position, name in enumerate(names)
        ],
        "image": matching.sessions["image"][0].data[:].tolist(),
        "ids": matching.cells["day2"][0].index.tolist(),
        "mask": matching.cells["day2"][0]["image_mask"].iloc[0].tolist(),
        "pairs": matching.roi_pairs.to_dataframe()[["fixed_session", "moving_roi_row"]].values.tolist(),
        "matrix": matching.registrations["matrix"][0].tolist(),
        "warnings": list(matching.warnings),
    }, sys.stdout)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A folder with `matches.nwb` and the sources `day1.nwb`, `day2.nwb`, `day3.nwb`."""
    folder = tmp_path_factory.mktemp("files")
    sources = [mock_source_nwbfile(n_rois=3, seed=seed, session_id=f"day{seed + 1}") for seed in range(3)]
    matching = mock_CellMatching(cells=CELLS, sources=sources)
    for name, nwbfile in {
        "matches": matching.get_ancestor("NWBFile"),
        **{source.session_id: source for source in sources},
    }.items():
        with NWBHDF5IO(folder / f"{name}.nwb", "w") as io:
            io.write(nwbfile)
    return folder


@pytest.fixture(scope="module")
def plain_python(tmp_path_factory) -> Path:
    """The interpreter of a new environment with pynwb and without this package."""
    environment = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    python = environment / ("Scripts" if os.name == "nt" else "bin") / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", "pynwb>=4.1"], check=True)
    return python


def examples() -> list[str]:
    """The Python examples of the description of the format: reading without this package, with it, and writing."""
    return re.findall(r"^```python\n(.*?)^```", FORMAT.read_text(), flags=re.DOTALL | re.MULTILINE)


def run(python: Path | str, script: str, folder: Path, *options: str) -> str:
    done = subprocess.run([python, *options, "-c", script], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_tables_and_references(plain_python, folder):
    # -I: without the variables and folders by which the package could be found.
    with pytest.raises(AssertionError, match="No module named 'ndx_cell_matching'"):
        run(plain_python, "import ndx_cell_matching", folder, "-I")
    read = json.loads(run(plain_python, READ, folder, "-I"))

    assert read["names"] == ["day1", "day2", "day3"]
    for name, column in zip(read["names"], CELLS.T, strict=True):
        assert read["rows"][name] == [[row] if row >= 0 else [] for row in column]
    np.testing.assert_array_equal(np.array(read["presence"]) == 1, CELLS >= 0)
    assert read["n_sessions"] == [3, 2, 2, 1]
    assert read["roi_tables_found"] == [True, True, True]
    assert read["ids"] == [102]
    assert read["warnings"] == ["These cells are made up."]
    with NWBHDF5IO(folder / "matches.nwb", "r") as io:
        module = io.read().processing["ophys"]
        matching: CellMatching = module["CellMatching"]
        np.testing.assert_array_equal(
            read["mask"], module["day2_ImageSegmentation"]["day2_PlaneSegmentation"]["image_mask"][2]
        )
        np.testing.assert_array_equal(read["image"], module["day1_Images"]["mean"].data[:])
        np.testing.assert_array_equal(read["matrix"], matching.registration(0, 1).matrix)
        table = matching.roi_pairs
        expected = np.stack([table["fixed_session"][:], table["moving_roi_row"][:]], axis=1)
        np.testing.assert_array_equal(read["pairs"], expected)


@pytest.mark.slow
def test_example_without_the_package(plain_python, folder):
    shown = run(plain_python, examples()[0], folder, "-I")
    assert "day2 roi_row 2 roi_id 102 pixels 16" in shown


def test_example_with_the_package(folder):
    shown = run(sys.executable, examples()[1], folder)
    assert "day2 DfOverF column 0" in shown  # ROI 2 of 3 in reverse order


def test_example_of_writing(folder, tmp_path):
    for day in ("day1", "day2"):
        shutil.copy(folder / f"{day}.nwb", tmp_path)
    run(sys.executable, examples()[2], tmp_path)
    written = tmp_path / "by_eye.nwb"
    assert pynwb.validate(path=written) == []
    assert [finding for finding in check_match_file(written) if finding.part == "tables"] == []
    matching = pynwb.read_nwb(written).processing["ophys"]["CellMatching"]
    np.testing.assert_array_equal(matching.to_array(), CELLS[:, :2])
    assert matching.mask(0, "day2").sum() == 16
    assert len(matching.traces(0, {"day2": tmp_path / "day2.nwb"}, name="DfOverF")["day2"]) == 1
