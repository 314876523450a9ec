"""Cells keep their ids: what a new result has in common with an earlier one, ROI by ROI."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import coo_array

from .arrays import Array, Indices
from .assignment import best_assignment
from .errors import InputError
from .footprints import pairwise_iou
from .model import MatchedPlane, Session, cell_of_roi, with_distinct_cell_ids

SAME_MASK = 0.5  #: IoU of two masks of one session from which they are of one ROI
EARLIER = "the earlier result"
LISTED = 5  #: ids that a sentence names at most

Place = tuple[int, int]  #: position of a plane, and of a session in it


@dataclass(frozen=True)
class KeptSessions:
    """Where the sessions of an earlier result are among new ones."""

    #: The earlier place of a session, by its new one.
    places: Mapping[Place, Place]
    #: The earlier `roi_row` of each ROI of a session, shape (n_rois,), -1 for an ROI that is new, by its new place.
    rows: Mapping[Place, Indices]
    warnings: tuple[str, ...]  #: what of the earlier result is not found again, one sentence each


def same_session(session: Session, other: Session) -> bool:
    """Whether two sessions were read from the same ROI table of the same recording.

    By the object ids of file and ROI table; where these are new, as after an export, by the file's identifier and the
    table's path.
    """
    a, b = session.source, other.source
    if a.object_id and (a.object_id, a.roi_table_object_id) == (b.object_id, b.roi_table_object_id):
        return True
    known = bool(a.identifier) and (a.identifier, a.roi_table_path) == (b.identifier, b.roi_table_path)
    return known and session.orientation.z_plane == other.orientation.z_plane


def same_rois(session: Session, earlier: Session) -> Indices:
    """The `roi_row` of each ROI in an earlier reading of the same session, shape (n_rois,); -1 for one that is new.

    Two ROIs are the same where their masks overlap by half and neither overlaps another more, those of the same id
    first: an id that was given to another ROI since says nothing. An ROI with an empty mask is known by its id alone.
    """
    if session.shape != earlier.shape:
        return np.full(session.n_rois, -1, np.intp)
    overlap = pairwise_iou(session.footprints, earlier.footprints).tocoo()
    similar = overlap.data >= SAME_MASK
    new, old = (ends[similar] for ends in overlap.coords)
    alike = overlap.data[similar] + (session.roi_ids[new] == earlier.roi_ids[old])
    found = np.full(session.n_rois, -1, np.intp)
    mutual = _first_of_each(new, alike) & _first_of_each(old, alike)
    found[new[mutual]] = old[mutual]
    empty_new, empty_old = (np.flatnonzero(np.diff(each.footprints.indptr) == 0) for each in (session, earlier))
    _, at_new, at_old = np.intersect1d(session.roi_ids[empty_new], earlier.roi_ids[empty_old], return_indices=True)
    found[empty_new[at_new]] = empty_old[at_old]
    return found


def _first_of_each(ends: Array, values: Array) -> Array:
    """Which entries have the highest value among those of the same end, the first of equals."""
    order = np.lexsort((-values, ends))
    best = np.zeros(len(ends), bool)
    best[order[np.flatnonzero(np.diff(ends[order], prepend=-1))]] = True
    return best


def keep_ids(
    planes: Sequence[MatchedPlane], previous: Sequence[MatchedPlane], where: str = EARLIER
) -> tuple[tuple[MatchedPlane, ...], tuple[str, ...]]:
    """The planes with the cell ids of an earlier result, and what of it is not found again, one sentence each.

    Parameters
    ----------
    planes : sequence of MatchedPlane
        A new result.
    previous : sequence of MatchedPlane
        The earlier one, its masks included, as of :func:`ndx_match.matchfile.read_planes_of_match_file`.
    where : str
        What messages call the earlier result: its file.

    Raises
    ------
    InputError
        None of the sessions of the earlier result is in the new one.
    """
    kept = find_kept([plane.sessions for plane in planes], previous, where)
    return with_kept_ids(planes, previous, kept), kept.warnings


def check_continues(sessions: Sequence[Session], previous: Sequence[MatchedPlane], where: str = EARLIER) -> None:
    """Raise InputError if none of the sessions of an earlier result is among the sessions."""
    earlier = [session for plane in previous for session in plane.sessions]
    if not any(same_session(session, other) for session in sessions for other in earlier):
        raise InputError(
            f"{where}: none of its sessions is among the files given, so that no cell can keep its id; give the files "
            "that it was made of and any new ones."
        )


def find_kept(
    sessions: Sequence[Sequence[Session]], previous: Sequence[MatchedPlane], where: str = EARLIER
) -> KeptSessions:
    """Find the sessions and ROIs of an earlier result among sessions, plane by plane; raises as :func:`keep_ids`."""
    check_continues([session for plane in sessions for session in plane], previous, where)
    places: dict[Place, Place] = {}
    earlier = {(p, k): session for p, plane in enumerate(previous) for k, session in enumerate(plane.sessions)}
    rows: dict[Place, Indices] = {}
    warnings: list[str] = []
    for place, session in (((p, k), s) for p, plane in enumerate(sessions) for k, s in enumerate(plane)):
        found = next((at for at, other in earlier.items() if same_session(session, other)), None)
        if found is None or found in places.values():
            continue
        places[place], rows[place] = found, same_rois(session, earlier[found])
        warnings += _lost(earlier[found], rows[place], where)
    missing = [session.name for at, session in earlier.items() if at not in places.values()]
    if missing:
        listed = ", ".join(dict.fromkeys(missing))
        warnings.append(
            f"Of {where} not among the files: {listed}; the ids of cells that were seen nowhere else are not given "
            "again."
        )
    return KeptSessions(places, rows, tuple(warnings))


def _lost(earlier: Session, rows: Indices, where: str) -> list[str]:
    """A sentence if ROIs that took part are not there any more."""
    lost = np.flatnonzero(earlier.takes_part & ~np.isin(np.arange(earlier.n_rois), rows))
    if not len(lost):
        return []
    ids = ", ".join(map(str, earlier.roi_ids[lost[:LISTED]])) + ", ..." * (len(lost) > LISTED)
    return [
        f"{earlier.name}: {len(lost)} of the {earlier.n_taking_part} ROIs that took part in {where} are not there any "
        f"more, by their masks and ids (ROI ids {ids})."
    ]


def with_kept_ids(
    planes: Sequence[MatchedPlane], previous: Sequence[MatchedPlane], kept: KeptSessions
) -> tuple[MatchedPlane, ...]:
    """The planes with the cell ids of an earlier result.

    A cell gets the id of the earlier cell with which it shares the most ROIs. Where several compete, each id goes to
    one cell, so that as many ROIs as possible keep their id, the first of equals. The other cells get ids above all
    that cells of the earlier result ever had, in their order.
    """
    starts = np.cumsum([0, *(len(plane.result.cells) for plane in planes)])
    earlier_starts = np.cumsum([0, *(len(plane.result.cells) for plane in previous)])
    new_cells: list[Indices] = [np.zeros(0, np.intp)]
    old_cells: list[Indices] = [np.zeros(0, np.intp)]
    for (plane, session), (old_plane, old_session) in kept.places.items():
        old_row = kept.rows[plane, session]
        before, now = previous[old_plane], planes[plane]
        new_cell = cell_of_roi(now.result.cells[:, session], len(old_row))
        old_of_row = cell_of_roi(before.result.cells[:, old_session], before.sessions[old_session].n_rois)
        old_cell = np.where(old_row < 0, -1, old_of_row[old_row])
        both = (new_cell >= 0) & (old_cell >= 0)
        new_cells.append(new_cell[both] + starts[plane])
        old_cells.append(old_cell[both] + earlier_starts[old_plane])
    old_ids = np.concatenate([plane.result.cell_ids for plane in with_distinct_cell_ids(previous)])
    successor = successors(np.concatenate(new_cells), np.concatenate(old_cells), int(starts[-1]), len(old_ids))
    ids = np.full(starts[-1], -1, np.int64)
    ids[successor >= 0] = old_ids[successor[successor >= 0]]
    is_new = np.flatnonzero(successor < 0)
    last = max([int(old_ids.max(initial=-1)), *(plane.result.last_id for plane in previous)])
    ids[is_new] = 1 + last + np.arange(len(is_new))
    return tuple(
        replace(plane, result=replace(plane.result, cell_ids=part, last_earlier_id=last))
        for plane, part in zip(planes, np.split(ids, starts[1:-1]), strict=True)
    )


def successors(new_cells: Indices, old_cells: Indices, n_new: int, n_old: int) -> Indices:
    """The old cell that each new cell continues, shape (n_new,), -1 for none, so that most ROIs stay in their cell.

    `new_cells` and `old_cells` are the cells of each ROI that is in both, positions below `n_new` and `n_old`.
    """
    shared = coo_array((np.ones(len(new_cells), np.int64), (new_cells, old_cells)), shape=(n_new, n_old))
    shared.sum_duplicates()
    new, old = shared.coords
    return best_assignment(new, old, shared.data, n_new, n_old)
