"""`ndx-match check`: report what is wrong with a match file."""

from __future__ import annotations

from collections import Counter

import click

from ..storage.remote import public_name
from .common import MATCH_FILE, Example, command, progress_bar, say


@command(
    Example(
        "ndx-match check matches.nwb", "Find out whether DANDI would accept the file (not under this name)", code=1
    ),
    prints_result=True,
)
@click.argument("matches", type=MATCH_FILE, metavar="MATCHES.NWB")
def check(matches: str) -> int:
    """Report what is wrong with a match file, and what to do about it.

    The file is validated against its schema and inspected by the NWB Inspector with DANDI's configuration. Its tables
    are checked against the rules of the format, and its name against DANDI's rules for names. The exit code is 1 if
    anything is wrong; recommendations do not count.
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
