"""`ndx-match curate`: apply decisions of persons to a match file."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import click

from ..decisions import Decision
from ..storage.outputs import check_output
from .common import FILE, LOCATION, output_option, overwrite_option, progress_bar, say, warn


@click.command()
@click.argument("matches", type=LOCATION, metavar="MATCHES.NWB")
@click.argument("decisions", type=FILE, metavar="DECISIONS.CSV")
@output_option("Match file to write; a Zarr store if it ends in .zarr.")
@click.option("--reviewer", metavar="NAME", default="", help="Who decided, where the list does not say.")
@overwrite_option
def curate(matches: str, decisions: Path, output: Path, reviewer: str, overwrite: bool) -> None:
    """Apply a list of decisions, for example saved from the page of `report`, and write a new match file.

    Cells keep their ids. The new file holds the decisions, and the cells as they were before, beside the corrected
    ones. A decision that cannot be applied is reported, and kept with the reason.
    """
    from ..curation import curate as apply
    from ..curation import read_decisions
    from ..matchfile import read_planes_of_match_file, write_planes

    check_output(output, overwrite, [matches, decisions])
    now = datetime.now().astimezone().isoformat(timespec="seconds")
    made = [_signed(decision, reviewer, now) for decision in read_decisions(decisions)]
    with progress_bar() as progress:
        curated = apply(read_planes_of_match_file(matches), made, progress)
        written = write_planes(curated.planes, output, overwrite=overwrite)
    warn(curated.sentences)
    warn(written.warnings)
    say(f"Applied {len(made) - len(curated.left_out)} of {len(made)} decisions")
    say(f"Wrote {output}")


def _signed(decision: Decision, reviewer: str, now: str) -> Decision:
    return replace(decision, reviewer=decision.reviewer or reviewer, reviewed_on=decision.reviewed_on or now)
