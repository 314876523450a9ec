"""A match file under review: its page, and the new match file that results from the decisions."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from threading import Lock

from ..curation import Curated, Decision, curate, parse_decisions
from ..errors import OutputError
from ..matchfile import read_planes_of_match_file, write_planes
from ..model import FileState, MatchedPlane, Progress
from ..report.page import Service, make_page
from ..storage.outputs import check_output
from ..storage.remote import public_name
from ..storage.unchanged import check_unchanged, state_of


class Desk:
    """A match file under review.

    Every save applies all decisions so far to the file as it was opened, and writes the output again, completely or not
    at all. The file under review is never changed.

    Parameters
    ----------
    matches : path or str
        The match file.
    output : path
        The match file to write.
    overwrite : bool
        Whether the output may exist already.
    reviewer : str
        Name of the person who decides.
    progress : callable, optional

    Raises
    ------
    InputError
        If the match file cannot be read.
    OutputError
        If the output cannot be written.
    """

    def __init__(
        self,
        matches: str | os.PathLike[str],
        output: Path,
        overwrite: bool = False,
        reviewer: str = "",
        progress: Progress | None = None,
    ) -> None:
        check_output(output, overwrite, [matches])
        self.output = output
        self._matches = matches
        self._title = public_name(matches).rsplit("/", 1)[-1]
        self._reviewer = reviewer
        self._progress = progress
        self._original_planes: tuple[MatchedPlane, ...] = read_planes_of_match_file(matches, progress=progress)
        self._current_planes = self._original_planes
        self._decisions: list[Decision] = []
        self._output_state: FileState | None = state_of(output) if output.exists() else None
        self._lock = Lock()

    def page(self, token: str) -> str:
        """The HTML of the page in its present state; the page sends decisions with the token."""
        with self._lock:
            return make_page(
                self._current_planes, self._title, self._progress, Service(token, self.output.name, self._reviewer)
            )

    def save(self, text: str) -> Curated:
        """Write the output with the given decisions (CSV), applied after those that were saved before.

        Raises
        ------
        InputError
            If the text is not a list of decisions, or the match file was changed since it was opened.
        OutputError
            If the output cannot be written, or was changed by another program.
        """
        now = datetime.now().astimezone().isoformat(timespec="seconds")
        new = [replace(each, reviewed_on=each.reviewed_on or now) for each in parse_decisions(text, "The page")]
        with self._lock:
            self._check_output()
            check_unchanged(self._matches, self._original_planes[0].sessions[0].state)
            decisions = [*self._decisions, *new]
            curated = curate(self._original_planes, decisions, self._progress)
            write_planes(curated.planes, self.output, overwrite=self._output_state is not None)
            self._output_state = state_of(self.output)
            self._decisions, self._current_planes = decisions, curated.planes
            return curated

    def _check_output(self) -> None:
        if (state_of(self.output) if self.output.exists() else None) != self._output_state:
            raise OutputError(
                f"{self.output}: another program changed this file since it was last saved here, so nothing was saved; "
                "rename it, and save again."
            )
