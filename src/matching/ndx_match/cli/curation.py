"""`ndx-match curate` and `review`: decisions of persons on a match file."""

from __future__ import annotations

import webbrowser
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import click

from ..decisions import Decision
from ..errors import InputError
from ..storage.outputs import check_output
from ..storage.remote import is_url, public_name
from .common import FILE, MATCH_FILE, Example, command, output_option, overwrite_option, progress_bar, say, warn


@command(
    Example(
        "ndx-match curate matches.nwb decisions.csv -o curated.nwb", "Apply decisions that were saved from a report"
    ),
    Example("ndx-match curate matches.nwb decisions.csv -o curated.nwb --reviewer Ada", "Record who decided"),
)
@click.argument("matches", type=MATCH_FILE, metavar="MATCHES.NWB")
@click.argument("decisions", type=FILE, metavar="DECISIONS.CSV")
@output_option()
@click.option(
    "--reviewer", metavar="NAME", default="", help="Name of the person who decided, if the list does not state it."
)
@overwrite_option
def curate(matches: str, decisions: Path, output: Path, reviewer: str, overwrite: bool) -> None:
    """Apply a list of decisions and write a new match file.

    The list can be saved from the page that `ndx-match report` writes. Cells keep their ids. The new file holds the
    corrected cells, the decisions, and the cells as the method had left them. A decision that cannot be applied is
    reported and kept in the file with the reason.
    """
    from ..curation import curate as apply
    from ..curation import read_decisions
    from ..matchfile import read_planes_of_match_file, write_planes

    check_output(output, overwrite, [matches, decisions])
    now = datetime.now().astimezone().isoformat(timespec="seconds")
    signed_decisions = [_signed(decision, reviewer, now) for decision in read_decisions(decisions)]
    with progress_bar() as progress:
        curated = apply(read_planes_of_match_file(matches, progress=progress), signed_decisions, progress)
        file = write_planes(curated.planes, output, overwrite=overwrite, progress=progress)
    warn(curated.sentences)
    warn(file.warnings)
    say(f"Applied {len(signed_decisions) - len(curated.unapplied)} of {len(signed_decisions)} decisions")
    say(f"Wrote {output}")


def _signed(decision: Decision, reviewer: str, now: str) -> Decision:
    return replace(decision, reviewer=decision.reviewer or reviewer, reviewed_on=decision.reviewed_on or now)


@command(
    Example("ndx-match review matches.nwb -o reviewed.nwb", "Correct a match in the browser"),
    Example(
        "ndx-match review matches.nwb --no-browser --port 8000", "Use the browser of another machine through a tunnel"
    ),
)
@click.argument("matches", type=MATCH_FILE, metavar="MATCHES.NWB")
@click.option("-o", "--output", type=FILE, metavar="PATH",
              help="Match file to write when you save.  [default: MATCHES_reviewed.nwb beside MATCHES]")  # fmt: skip
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port of the page.  [default: any free port]")
@click.option("--no-browser", is_flag=True, help="Print the address of the page without opening a browser.")
@click.option(
    "--reviewer", metavar="NAME", default="", help="Name of the person who decides; can be changed on the page."
)
@overwrite_option
def review(matches: str, output: Path | None, port: int, no_browser: bool, reviewer: str, overwrite: bool) -> None:
    """Look at a match file in a browser, correct it, and save a new match file.

    On the page, cells can be split, joined, accepted or marked as uncertain, ROIs can be moved or removed, and sessions
    can be aligned by hand. The page is served to this machine only, until Ctrl-C. The match file itself never changes.
    """
    from ..review import Desk, ReviewServer

    with progress_bar() as progress:
        desk = Desk(matches, output or _beside(matches), overwrite, reviewer, progress)
    try:
        server = ReviewServer(desk, port)
    except OSError as error:
        raise InputError(f"The port {port} cannot be used ({error.strerror}); give another, or none.") from error
    say(f"The page is at {server.url}", f"Saving writes {desk.output}; press Ctrl-C to end")
    if not no_browser:
        webbrowser.open(server.url)
    with server:
        server.serve_forever()


def _beside(matches: str) -> Path:
    """The match file to write if the user gives no name."""
    if is_url(matches):
        raise InputError(f"{public_name(matches)}: give the file to write with -o.")
    path = Path(matches)
    ending = ".nwb.zarr" if path.name.endswith(".nwb.zarr") else path.suffix
    return path.with_name(f"{path.name.removesuffix(ending)}_reviewed{ending}")
