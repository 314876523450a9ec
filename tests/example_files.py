"""Small files of the names that the examples of `--help` and of docstrings use."""

from __future__ import annotations

import csv
import shutil
import tempfile
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from builders import as_zarr, field_of_view, make_nwbfile, write_nwb

from ndx_match.curation import write_decisions
from ndx_match.decisions import Decision, DecisionKind
from ndx_match.formats.nway import write_nway_output
from ndx_match.matchfile import write_match_file
from ndx_match.methods import match
from ndx_match.simulate import SimulationParameters, simulate
from ndx_match.simulate.files import write_simulation
from ndx_match.sources import read_sessions

_folder = tempfile.TemporaryDirectory()
PARAMETERS = SimulationParameters(shape=(150, 140), n_cells=30, n_sessions=4, shift=8)


@cache
def example_files() -> Path:
    """A folder of them, made once, of which tests use copies.

    `day1.nwb` to `day4.nwb`, of which the first three are in `sessions` and matched in `matches.nwb`; lists, tables and
    results of other tools; `planes1.nwb` and `planes2.nwb` of two imaging planes.
    """
    folder = Path(_folder.name)
    made = folder / "made"
    paths = write_simulation(simulate(PARAMETERS, seed=3), made, n_samples=60)
    truth = (made / "truth.json").read_text()
    for number, path in enumerate(paths, start=1):
        truth = truth.replace(path.name, f"day{number}.nwb")
        path.rename(folder / f"day{number}.nwb")
    shutil.rmtree(made)
    (folder / "truth.json").write_text(truth)
    (folder / "sessions").mkdir()
    days = [Path(shutil.copy(folder / f"day{number}.nwb", folder / "sessions")) for number in (1, 2, 3)]
    sessions = read_sessions(days)
    result = match(sessions)
    write_match_file(sessions, result, folder / "matches.nwb")
    write_match_file(sessions, match(sessions, "nway"), folder / "nway.nwb")
    write_nway_output(result, sessions, folder / "nway.json")
    write_decisions([Decision(DecisionKind.ACCEPT, cell_id=0)], folder / "decisions.csv")
    with open(folder / "manifest.csv", "w", newline="") as file:
        csv.writer(file).writerows([["file"], *([f"sessions/{day.name}"] for day in days)])
    if find_spec("hdmf_zarr") is not None:
        as_zarr(folder / "day1.nwb")
    for number, shift in ((1, 0), (2, 2)):
        planes = dict.fromkeys(("upper", "deep"), field_of_view((shift, shift)))
        write_nwb(folder / f"planes{number}.nwb", make_nwbfile(session_id=f"planes{number}", planes=planes))
    return folder
