"""Read the structure of the sessions' activity from the files from which they were matched."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pynwb.ophys import DfOverF, RoiResponseSeries

from ndx_cell_matching.activity import choose_series, responses
from ndx_cell_matching.traces import series_of

from ..annotate.identity import sessions_in
from ..errors import InputError
from ..model import MatchedPlane, Progress, with_progress
from ..sources import open_nwb
from ..storage.files import Location, as_location
from ..storage.remote import public_name, shared_access
from .structure import Structure, structure_of


def read_structures(
    planes: Sequence[MatchedPlane],
    inputs: Sequence[Location],
    matches: str,
    series: str | None = None,
    progress: Progress | None = None,
) -> list[dict[int, Structure]]:
    """The correlations of the ROIs in each session whose file is given, plane by plane, by the session's position.

    Parameters
    ----------
    planes : sequence of MatchedPlane
        The planes of the match file.
    inputs : sequence of path, str or binary file
        The files from which its sessions were read, or some of them, in any order.
    matches : str
        The name of the match file in messages.
    series : str, optional
        Name of the series of responses, of its container, or both: `DfOverF/RoiResponseSeries`. By default the only one
        in the file, or else the only one of dF/F.
    progress : callable, optional

    Raises
    ------
    InputError
        If a file cannot be read or is no session of the match file, or its series cannot be chosen or read.
    """
    structures: list[dict[int, Structure]] = [{} for _ in planes]
    of_planes = [plane.sessions for plane in planes]
    with shared_access():
        for path in with_progress(progress, "reading", inputs):
            where = public_name(as_location(path))
            with open_nwb(path) as nwbfile:
                for plane, position, table, _ in sessions_in(nwbfile, where, of_planes, matches):
                    session = planes[plane].sessions[position]
                    if position in structures[plane]:
                        raise InputError(f"{where}: the session {session.name} is in two of the files; give only one.")
                    try:
                        roi_series = _choose(series_of(nwbfile, table.table), series, session.name)
                        traces = responses(roi_series, np.arange(session.n_rois))
                    except (KeyError, ValueError) as error:
                        problem = str(error.args[0]).rstrip(".").replace("; give name one of", "; give --series one of")
                        raise InputError(f"{where}: {problem}.") from error
                    structures[plane][position] = structure_of(traces)
    return structures


def _choose(candidates: Sequence[RoiResponseSeries], name: str | None, session: str) -> RoiResponseSeries:
    of_df = [each for each in candidates if isinstance(each.parent, DfOverF)]
    if name is None and len(of_df) == 1:
        return of_df[0]
    return choose_series(list(candidates), name, session)
