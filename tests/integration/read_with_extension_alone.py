"""Reads a match file in an environment that has the extension alone: give the file as the argument."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pynwb

import ndx_cell_matching


def main() -> None:
    """Exit with an error if a library of the pipeline is there, or the file cannot be read."""
    for name in ("cv2", "scipy", "matplotlib", "skimage", "click"):
        assert find_spec(name) is None, f"{name} is installed"
    matching: ndx_cell_matching.CellMatching = pynwb.read_nwb(sys.argv[1]).processing["ophys"]["CellMatching"]
    table = matching.to_dataframe()
    assert len(table) == matching.n_cells > 0
    assert matching.registration(0, 1).matrix.shape == (3, 3)
    print(table.head().to_string())
    command = subprocess.run([Path(sys.executable).with_name("ndx-match")], capture_output=True, text=True, check=False)
    assert command.returncode == 2, command
    assert command.stderr.endswith('run pip install "ndx-cell-matching[match]".\n'), command
    assert len(command.stderr.splitlines()) == 1
    print(command.stderr.strip())


if __name__ == "__main__":
    main()
