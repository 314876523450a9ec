"""`ndx-match check`: what is wrong with a match file."""

from __future__ import annotations

from collections import Counter

import click

from ..storage.remote import public_name
from .common import MATCH_FILE, Example, command, progress_bar, say


@command(
    Example("ndx-match check matches.nwb", "Whether DANDI would take it; not by this name", code=1),
    prints_result=True,
)
@click.argument("matches", type=MATCH_FILE, metavar="MATCHES.NWB")
def check(matches: str) -> int:
    """Say what is wrong with a match file, and what to do about it.

    It is validated against its schema, inspected by the NWB Inspector with DANDI's configuration, its tables are held
    against the rules of the format, and its name against those that DANDI accepts. The exit code is 1 if anything is
    wrong; what is only recommended does not count.
    """
    from ..matchfile.checkup import check_match_file

    with progress_bar() as progress:
        progress("checking", 0, 1)
        findings = check_match_file(matches)
    for finding in findings:
        level = "Wrong" if finding.is_wrong else "Recommended"
        say(f"{level} ({finding.part}): {finding.problem}; {finding.remedy}.")
    counts = Counter(finding.is_wrong for finding in findings)
    verdict = f"{counts[True]} wrong" if counts[True] else "nothing is wrong"
    say(f"{public_name(matches)}: {verdict}{f', {counts[False]} recommended' if counts[False] else ''}.")
    return 1 if counts[True] else 0
