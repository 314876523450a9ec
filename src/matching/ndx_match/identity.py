"""Keep the ids of cells in a new result, by the ROIs that it has in common with an earlier one."""

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

SAME_MASK = 0.5  #: IoU from which two masks of one session are of the same ROI
EARLIER = "the earlier result"
LISTED = 5  #: greatest number of ids that a sentence names

Place = tuple[int, int]  #: position of a plane, and of a session in it


@dataclass(frozen=True)
class CommonSessions:
    """The sessions and ROIs of an earlier result that new sessions have as well."""

    #: New place of a session -> its earlier place.
    places: Mapping[Place, Place]
    #: New place of a session -> the earlier `roi_row` of each of its ROIs, shape (n_rois,), -1 for a new ROI.
    rows: Mapping[Place, Indices]
    warnings: tuple[str, ...]  #: what the new sessions lack of the earlier result, one sentence each


def same_session(session: Session, other: Session) -> bool:
    """Whether two sessions were read from the same ROI table of the same recording.

    They are compared by the object ids of file and ROI table or, as these differ after an export, by the file's
    identifier and the table's path. The plane (z) that was taken of a volume must be the same too.
    """
    a, b = session.source, other.source
    by_object_id = bool(a.object_id) and (a.object_id, a.roi_table_object_id) == (b.object_id, b.roi_table_object_id)
    by_path = bool(a.identifier) and (a.identifier, a.roi_table_path) == (b.identifier, b.roi_table_path)
    return (by_object_id or by_path) and session.orientation.z_plane == other.orientation.z_plane


def same_rois(session: Session, earlier: Session) -> Indices:
    """The `roi_row` of each ROI in an earlier reading of the same session, shape (n_rois,); -1 for a new ROI.

    Two ROIs are the same if the IoU of their masks is 0.5 or more and neither overlaps another ROI more. ROIs with the
    same id come first, but an id alone proves nothing, because it may since have been given to another ROI. Only an ROI
    with an empty mask is recognised by its id alone.
    """
    if session.shape != earlier.shape:
        return np.full(session.n_rois, -1, np.intp)
    overlap = pairwise_iou(session.footprints, earlier.footprints).tocoo()
    similar = overlap.data >= SAME_MASK
    new, old = (ends[similar] for ends in overlap.coords)
    alike = overlap.data[similar] + (session.roi_ids[new] == earlier.roi_ids[old])
    earlier_row = np.full(session.n_rois, -1, np.intp)
    mutual = _first_of_each(new, alike) & _first_of_each(old, alike)
    earlier_row[new[mutual]] = old[mutual]
    empty_new, empty_old = (np.flatnonzero(np.diff(each.footprints.indptr) == 0) for each in (session, earlier))
    _, at_new, at_old = np.intersect1d(session.roi_ids[empty_new], earlier.roi_ids[empty_old], return_indices=True)
    earlier_row[empty_new[at_new]] = empty_old[at_old]
    return earlier_row


def _first_of_each(ends: Array, values: Array) -> Array:
    """Which entries have the highest value among those with the same end; of equal ones the first."""
    order = np.lexsort((-values, ends))
    best = np.zeros(len(ends), bool)
    best[order[np.flatnonzero(np.diff(ends[order], prepend=-1))]] = True
    return best


def keep_ids(
    planes: Sequence[MatchedPlane], previous: Sequence[MatchedPlane], where: str = EARLIER
) -> tuple[tuple[MatchedPlane, ...], tuple[str, ...]]:
    """Give planes the cell ids of an earlier result; also say what they lack of it, one sentence each.

    Parameters
    ----------
    planes : sequence of MatchedPlane
        A new result.
    previous : sequence of MatchedPlane
        The earlier result, as read by :func:`ndx_match.matchfile.read_planes_of_match_file`, with masks.
    where : str
        The name of the earlier result in messages, usually its file.

    Raises
    ------
    InputError
        None of the sessions of the earlier result is in the new one.
    """
    common = find_common_sessions([plane.sessions for plane in planes], previous, where)
    return with_earlier_ids(planes, previous, common), common.warnings


def check_continues(sessions: Sequence[Session], previous: Sequence[MatchedPlane], where: str = EARLIER) -> None:
    """Raise InputError if none of the sessions of an earlier result is among the sessions."""
    earlier = [session for plane in previous for session in plane.sessions]
    if not any(same_session(session, other) for session in sessions for other in earlier):
        raise InputError(
            f"{where}: none of its sessions is among the files given, so that no cell can keep its id; give the files "
            "that it was made of and any new ones."
        )


def find_common_sessions(
    sessions: Sequence[Sequence[Session]], previous: Sequence[MatchedPlane], where: str = EARLIER
) -> CommonSessions:
    """Find the sessions and ROIs of an earlier result among the sessions of each plane.

    Raises
    ------
    InputError
        None of the sessions of the earlier result is among the sessions.
    """
    check_continues([session for plane in sessions for session in plane], previous, where)
    places: dict[Place, Place] = {}
    earlier = {(p, k): session for p, plane in enumerate(previous) for k, session in enumerate(plane.sessions)}
    rows: dict[Place, Indices] = {}
    warnings: list[str] = []
    for place, session in (((p, k), s) for p, plane in enumerate(sessions) for k, s in enumerate(plane)):
        earlier_place = next((at for at, other in earlier.items() if same_session(session, other)), None)
        if earlier_place is None or earlier_place in places.values():
            continue
        places[place], rows[place] = earlier_place, same_rois(session, earlier[earlier_place])
        warnings += _missing_rois(earlier[earlier_place], rows[place], where)
    missing = [session.name for at, session in earlier.items() if at not in places.values()]
    if missing:
        listed = ", ".join(dict.fromkeys(missing))
        warnings.append(
            f"These sessions of {where} are not among the files: {listed}; the ids of cells that were seen only there "
            "are not used again."
        )
    return CommonSessions(places, rows, tuple(warnings))


def _missing_rois(earlier: Session, rows: Indices, where: str) -> list[str]:
    """A sentence if ROIs that took part are missing now."""
    missing = np.flatnonzero(earlier.takes_part & ~np.isin(np.arange(earlier.n_rois), rows))
    if not len(missing):
        return []
    ids = ", ".join(map(str, earlier.roi_ids[missing[:LISTED]])) + ", ..." * (len(missing) > LISTED)
    return [
        f"{earlier.name}: {len(missing)} of the {earlier.n_taking_part} ROIs that took part in {where} were not found "
        f"again by their masks and ids (ROI ids {ids})."
    ]


def with_earlier_ids(
    planes: Sequence[MatchedPlane], previous: Sequence[MatchedPlane], common: CommonSessions
) -> tuple[MatchedPlane, ...]:
    """The planes with the cell ids of an earlier result.

    A cell gets the id of the earlier cell with which it shares the most ROIs. If several cells compete, each id goes to
    one of them, so that as many ROIs as possible keep the id of their cell. The other cells get, in their order, ids
    above all that cells of the earlier result ever had.
    """
    starts = np.cumsum([0, *(len(plane.result.cells) for plane in planes)])
    earlier_starts = np.cumsum([0, *(len(plane.result.cells) for plane in previous)])
    new_cells: list[Indices] = [np.zeros(0, np.intp)]
    old_cells: list[Indices] = [np.zeros(0, np.intp)]
    for (plane, session), (old_plane, old_session) in common.places.items():
        old_row = common.rows[plane, session]
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
    """The old cell that each new cell continues, shape (n_new,), -1 for none.

    They are chosen so that as many ROIs as possible stay in their cell. `new_cells` and
    `old_cells` are the cells of each ROI that both results have: positions below `n_new` and `n_old`.
    """
    shared = coo_array((np.ones(len(new_cells), np.int64), (new_cells, old_cells)), shape=(n_new, n_old))
    shared.sum_duplicates()
    new, old = shared.coords
    return best_assignment(new, old, shared.data, n_new, n_old)
