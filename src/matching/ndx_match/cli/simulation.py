"""`ndx-match simulate`, `score` and `demo`: sessions with known truth."""

from __future__ import annotations

from pathlib import Path

import click

from ..errors import OutputError
from ..matchfile import read_match_file, write_match_file
from ..methods import match
from ..model import MatchedPlane
from ..simulate.scores import LinkScore, TrackScore, complete_tracks_score, score_links
from ..sources import read_sessions
from .common import FILE, LOCATION, output_option, overwrite_option, plane_option, progress_bar
from .write import draw, print_result

TIER_NAMES = (
    "small", "typical", "typical_stripes", "hard", "unrelated", "odd_one_out", "one_photon", "five_sessions",
    "few_cells",
)  # fmt: skip


@click.command()
@output_option("Folder to write into; made if it does not exist.")
@click.option(
    "--sessions", type=click.IntRange(2, 200), default=None, help="Number of sessions.  [default: the tier's]"
)
@click.option("--tier", type=click.Choice(TIER_NAMES), default="typical", show_default=True, help="How hard.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="The same seed gives the same data.")
@overwrite_option
def simulate(output: Path, sessions: int | None, tier: str, seed: int, overwrite: bool) -> None:
    """Simulate sessions of one animal: mean images, ROI masks and truth.json, which `ndx-match score` reads."""
    for path in _simulate(output, sessions, tier, seed, overwrite):
        click.echo(path)
    click.echo(output / "truth.json")


@click.command()
@click.argument("matches", type=LOCATION, metavar="MATCHES.NWB")
@click.argument("truth", type=FILE, metavar="TRUTH")
@plane_option("Imaging plane to compare, where the match file holds several.")
def score(matches: str, truth: Path, plane: str | None) -> None:
    """Compare a match file with the truth: TRUTH is the file truth.json, or the folder that holds it."""
    links, tracks = _score(read_match_file(matches, footprints=False, plane=plane), truth)
    click.echo(_score_text(links, tracks))


@click.command()
@click.option("-o", "--output", type=FILE, default=Path("ndx-match-demo"), show_default=True, metavar="DIR")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@overwrite_option
def demo(output: Path, seed: int, overwrite: bool) -> None:
    """Run the whole job on built-in sample sessions whose truth is known."""
    matches, plots = output / "matches.nwb", output / "plots"
    if matches.exists() and not overwrite:
        raise OutputError(f"{matches}: this file exists already; give another folder with -o, or --overwrite.")
    with progress_bar() as progress:
        progress("simulating", 0, 1)
        paths = _simulate(output, 3, "typical", seed, overwrite)
        progress("simulating", 1, 1)
        sessions = read_sessions(paths, progress=progress)
        result = match(sessions, progress=progress)
        written = write_match_file(sessions, result, matches, overwrite=overwrite)
    file = MatchedPlane(tuple(sessions), result)
    print_result([file], written)
    draw([file], plots, matches)
    click.echo(_score_text(*_score(file, output)))


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
        f"{links.correct} right of {links.found} found, {links.true} true); "
        f"cells tracked through all sessions CT {tracks.score:.3f}"
    )
