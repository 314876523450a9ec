"""`ndx-match simulate`, `score` and `demo`: simulated sessions whose true cells are known."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from ..errors import OutputError
from ..matchfile import read_match_file, write_match_file
from ..methods import match
from ..model import MatchedPlane
from ..simulate.scores import LinkScore, TrackScore, complete_tracks_score, score_links
from ..sources import read_sessions
from .common import FILE, MATCH_FILE, Example, command, output_option, overwrite_option, plane_option, progress_bar, say
from .write import draw, print_result

TIER_NAMES = (
    "small", "typical", "typical_stripes", "hard", "unrelated", "odd_one_out", "one_photon", "five_sessions",
    "few_cells",
)  # fmt: skip


@command(
    Example(
        "ndx-match simulate -o simulated --sessions 3 --tier few_cells", "Simulate three small sessions", slow=True
    ),
    Example("ndx-match simulate -o simulated --tier hard --seed 7", "Simulate larger shifts and more noise", slow=True),
)
@output_option("Folder to write into; it is created if needed.")
@click.option(
    "--sessions", type=click.IntRange(2, 200), default=None, help="Number of sessions.  [default: depends on the tier]"
)
@click.option(
    "--tier",
    type=click.Choice(TIER_NAMES),
    default="typical",
    show_default=True,
    help="Kind of sessions, and how hard they are to match.",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="The same seed gives the same data.")
@overwrite_option
def simulate(output: Path, sessions: int | None, tier: str, seed: int, overwrite: bool) -> None:
    """Simulate sessions of one animal: NWB files with mean images and ROI masks, and a truth for `ndx-match score`."""
    for path in _simulate(output, sessions, tier, seed, overwrite):
        say(path)
    say(output / "truth.json")


@command(Example("ndx-match score matches.nwb truth.json", "See how many matches are right"), prints_result=True)
@click.argument("matches", type=MATCH_FILE, metavar="MATCHES.NWB")
@click.argument("truth", type=FILE, metavar="TRUTH")
@plane_option("Imaging plane to score, if the match file holds several.")
def score(matches: str, truth: Path, plane: str | None) -> None:
    """Compare a match file with the truth of simulated sessions.

    TRUTH is the file truth.json, or the folder that holds it.
    """
    links, tracks = _score(read_match_file(matches, footprints=False, plane=plane), truth)
    say(_score_text(links, tracks))


@command(Example("ndx-match demo -o demo", "Run it all, in about 20 seconds", slow=True))
@click.option("-o", "--output", type=FILE, default=Path("ndx-match-demo"), show_default=True, metavar="DIR",
              help="Folder to write into; it is created if needed.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="The same seed gives the same data.")
@overwrite_option
def demo(output: Path, seed: int, overwrite: bool) -> None:
    """Simulate three sessions, match them, draw pictures and print the score against the truth."""
    matches, plots = output / "matches.nwb", output / "plots"
    if matches.exists() and not overwrite:
        raise OutputError(f"{matches}: this file exists already; give another folder with -o, or --overwrite.")
    with progress_bar() as progress:
        progress("simulating", 0, 1)
        paths = _simulate(output, 3, "typical", seed, overwrite)
        progress("simulating", 1, 1)
        sessions = read_sessions(paths, progress=progress)
        result = match(sessions, progress=progress)
        written_file = write_match_file(sessions, result, matches, overwrite=overwrite, progress=progress)
    file = MatchedPlane(tuple(sessions), result)
    print_result([file], written_file)
    draw([file], plots, matches)
    say(_score_text(*_score(file, output)))
    say("", "Next, look at every cell on a page that opens in your browser:")
    say(f"  {shlex.join(['ndx-match', 'review', str(matches)])}")
    say("and match sessions of your own:")
    say("  ndx-match write day1.nwb day2.nwb -o matches.nwb")


def _simulate(output: Path, n_sessions: int | None, tier: str, seed: int, overwrite: bool) -> tuple[Path, ...]:
    from ..simulate import TIERS
    from ..simulate import simulate as run
    from ..simulate.files import write_simulation

    parameters = TIERS[tier]
    if n_sessions is not None:
        parameters = parameters.with_sessions(n_sessions)
    return write_simulation(run(parameters, seed), output, overwrite=overwrite)


def _score(file: MatchedPlane, truth: Path) -> tuple[LinkScore, TrackScore]:
    from ..simulate.files import true_identity

    identity = true_identity(truth, file.sessions)
    return score_links(file.result.cells, identity), complete_tracks_score(file.result.cells, identity)


def _score_text(links: LinkScore, tracks: TrackScore) -> str:
    return (
        f"Score against the truth: links F1 {links.f1:.3f} "
        f"(precision {links.precision:.3f}, recall {links.recall:.3f}; "
        f"{links.n_correct} right of {links.n_predicted} found, {links.n_true} true); "
        f"cells tracked through all sessions CT {tracks.score:.3f}"
    )
