"""Apply decisions of persons to a match."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ndx_cell_matching.codes import DecisionKind, RegistrationOutcome, Review

from ..arrays import Array
from ..decisions import Decision, Reviews
from ..model import MatchedPlane
from ..suggestions import did_you_mean
from .cells import no_reviews, with_cells

Roi = tuple[int, int]  #: position of a session and `roi_row`
ReviewOfCell = tuple[int, str, str, str]  #: review, reviewer, reviewed_on, review_comment


@dataclass(frozen=True)
class UnappliedDecision:
    """A decision that could not be applied, and the reason, which is a clause without a full stop."""

    decision: Decision
    reason: str


@dataclass(frozen=True)
class Curated:
    """Planes to which decisions were applied, and the decisions that could not be applied."""

    planes: tuple[MatchedPlane, ...]
    unapplied: tuple[UnappliedDecision, ...]

    @property
    def sentences(self) -> list[str]:
        """One sentence for each decision that could not be applied, with the reason."""
        return [f"{in_words(each.decision)} was not applied: {each.reason}." for each in self.unapplied]


def in_words(decision: Decision) -> str:
    """Describe a decision in a few words, for example `The decision to join the cells 4 and 9`."""
    ids = [str(number) for number in (decision.cell_id, decision.other_cell_id) if number is not None]
    rois = ", ".join(f"ROI {roi_id} of {name}" for name, roi_id in decision.rois[:3])
    rois += ", ..." if len(decision.rois) > 3 else ""
    cell = f"the cell {ids[0]}" if ids else f"the cell of {rois}"
    return "The decision " + {
        DecisionKind.SPLIT: f"to split off {rois}",
        DecisionKind.REMOVE: f"to remove {rois} from its cell",
        DecisionKind.JOIN: f"to join the cells {' and '.join(ids)}" if len(ids) > 1 else f"to join the cells of {rois}",
        DecisionKind.MOVE: f"to move {rois} to {cell}",
        DecisionKind.ACCEPT: f"to accept {cell}",
        DecisionKind.UNCERTAIN: f"to call {cell} uncertain",
        DecisionKind.ALIGN: f"to align {' and '.join(decision.sessions or ())}",
    }.get(decision.kind, "of an unknown kind")


def apply_decisions(planes: Sequence[MatchedPlane], decisions: Iterable[Decision]) -> Curated:
    """Apply decisions, one after the other, to the cells of the planes of a match file.

    When a cell is split or an ROI removed, the part with more ROIs keeps the cell's id. The other part gets the id that
    the decision names for it, if that is free, or else the greatest id ever used plus one. A joined cell has the id of
    the cell with more ROIs. An alignment changes nothing here; it counts as applied if the two sessions are aligned by
    hand.

    Every decision is kept in the result, together with what it did or why it could not be applied.

    Parameters
    ----------
    planes : sequence of MatchedPlane
    decisions : iterable of Decision
        In the order in which they were made, without those that the results hold already.
    """
    decisions = list(decisions)
    new_ids = _NewIds(planes, decisions)
    names = [plane.name for plane in planes]
    of_plane: list[list[Decision]] = [[] for _ in planes]
    unapplied = []
    for decision in decisions:
        if decision.plane in names or (not decision.plane and len(planes) == 1):
            of_plane[names.index(decision.plane) if decision.plane else 0].append(decision)
        else:
            missing = f"there is no imaging plane {decision.plane!r}{did_you_mean(decision.plane, names)}"
            what = missing if decision.plane else "it names no imaging plane"
            unapplied.append(UnappliedDecision(decision, what))
    curated = []
    for plane, some in zip(planes, of_plane, strict=True):
        changed = _apply(plane, some, new_ids) if some else plane
        outcomes = changed.result.decisions[len(plane.result.decisions) :]
        unapplied += [UnappliedDecision(decision, decision.reason) for decision in outcomes if not decision.applied]
        curated.append(changed)
    return Curated(tuple(curated), tuple(unapplied))


def _apply(plane: MatchedPlane, decisions: Sequence[Decision], new_ids: _NewIds) -> MatchedPlane:
    cells = _Cells(plane, new_ids)
    applied = []
    for decision in decisions:
        try:
            applied.append(replace(cells.apply(decision), applied=True, reason=""))
        except _Misfit as misfit:
            applied.append(replace(decision, applied=False, reason=str(misfit)))
    result = plane.result
    ids = np.array(list(cells.members), np.int64)
    rows = np.full((len(ids), len(plane.sessions)), -1, np.int32)
    for row, rois in zip(rows, cells.members.values(), strict=True):
        sessions, roi_rows = zip(*rois, strict=True)
        row[list(sessions)] = roi_rows
    reviews_of = [cells.reviews[cell_id] for cell_id in cells.members]
    codes, reviewers, dates, comments = zip(*reviews_of, strict=True) if reviews_of else ((),) * 4
    changed = with_cells(result, rows, ids)
    reviews = Reviews(np.array(codes, np.uint8), reviewers, dates, comments)
    return replace(plane, result=replace(changed, reviews=reviews, decisions=(*result.decisions, *applied)))


class _Misfit(Exception):
    """A decision cannot be applied; the message is the reason, a clause without a full stop."""


class _NewIds:
    """Gives ids to new cells: the id that a decision names, or an id that was never used in the file."""

    def __init__(self, planes: Sequence[MatchedPlane], decisions: Sequence[Decision]) -> None:
        named = (number for d in decisions for number in (d.cell_id, d.other_cell_id) if number is not None)
        self._next = 1 + max([-1, *named, *(plane.result.last_id for plane in planes)])
        self.used_ids = {int(number) for plane in planes for number in plane.result.cell_ids}

    def give(self, cell_id: int | None) -> int:
        """Return `cell_id` if it is free, or else a new id."""
        if cell_id is None or cell_id in self.used_ids or cell_id < 0:
            cell_id, self._next = self._next, self._next + 1
        self.used_ids.add(cell_id)
        return cell_id


class _Cells:
    """The cells of a plane while decisions are applied."""

    def __init__(self, plane: MatchedPlane, new_ids: _NewIds) -> None:
        result = plane.result
        self._plane = plane
        self._new_ids = new_ids
        self._position = {session.name: k for k, session in enumerate(plane.sessions)}
        self.members: dict[int, set[Roi]] = _members(result.cells, result.cell_ids)
        self._cell_of = {roi: cell_id for cell_id, rois in self.members.items() for roi in rois}
        first = result.automatic or result
        self._automatic = {frozenset(rois) for rois in _members(first.cells, first.cell_ids).values()}
        reviews = result.reviews or no_reviews(len(result.cells))
        columns = (reviews.review.tolist(), reviews.reviewer, reviews.reviewed_on, reviews.review_comment)
        self.reviews: dict[int, ReviewOfCell] = dict(zip(self.members, zip(*columns, strict=True), strict=True))

    def apply(self, decision: Decision) -> Decision:
        """Apply a decision, and return it with the cells and ROIs that it changed."""
        kinds: Mapping[int, Callable[[Decision], Decision]] = {
            DecisionKind.SPLIT: self._split,
            DecisionKind.REMOVE: self._split,
            DecisionKind.JOIN: self._join,
            DecisionKind.MOVE: self._move,
            DecisionKind.ACCEPT: self._judge,
            DecisionKind.UNCERTAIN: self._judge,
            DecisionKind.ALIGN: self._check_aligned,
        }
        if decision.kind not in kinds:
            raise _Misfit("this version does not know this kind of decision")
        return kinds[decision.kind](decision)

    def _split(self, decision: Decision) -> Decision:
        leaving = set(self._rois(decision))
        if not leaving or (decision.kind == DecisionKind.REMOVE and len(leaving) > 1):
            raise _Misfit("it must name the ROI that leaves its cell")
        if frozenset(leaving) in map(frozenset, (self.members[self._cell_of[roi]] for roi in leaving)):
            return decision  # the ROIs are a separate cell already
        cell_id = self._cell(decision)
        staying = self.members[cell_id] - leaving
        new_id = self._new_ids.give(decision.other_cell_id)
        first, second = (staying, leaving) if len(staying) >= len(leaving) else (leaving, staying)
        self._set(decision, cell_id, first)
        self._set(decision, new_id, second)
        return replace(decision, cell_id=cell_id, other_cell_id=new_id)

    def _join(self, decision: Decision) -> Decision:
        if decision.rois:
            ids = list(dict.fromkeys(self._cell_of[roi] for roi in self._rois(decision)))
        else:
            ids = [self._existing(number) for number in (decision.cell_id, decision.other_cell_id)]
        if len(set(ids)) < 2:
            if decision.rois[1:]:
                return decision  # they are one cell already
            raise _Misfit("it must name two cells")
        joined = sorted(roi for cell_id in ids for roi in self.members[cell_id])
        session, times = Counter(session for session, _ in joined).most_common(1)[0]
        if times > 1:
            of = " and ".join(str(number) for number in ids)
            raise _Misfit(f"the cells {of} both have an ROI in the session {self._plane.sessions[session].name}")
        largest = min(ids, key=lambda cell_id: (-len(self.members[cell_id]), cell_id))
        others = [cell_id for cell_id in ids if cell_id != largest]
        for cell_id in others:
            self._set(decision, cell_id, set())
        self._set(decision, largest, set(joined))
        return replace(decision, cell_id=largest, other_cell_id=others[0], rois=self._names(joined))

    def _move(self, decision: Decision) -> Decision:
        rois = self._rois(decision)
        if len(rois) != 1:
            raise _Misfit("it must name one ROI")
        target, (roi,) = self._existing(decision.cell_id), rois
        origin = self._cell_of[roi]
        if origin == target:
            return decision
        if any(session == roi[0] for session, _ in self.members[target]):
            name = self._plane.sessions[roi[0]].name
            raise _Misfit(f"the cell {target} has another ROI in the session {name}")
        self._set(decision, origin, self.members[origin] - {roi})
        self._set(decision, target, self.members[target] | {roi})
        return decision

    def _judge(self, decision: Decision) -> Decision:
        cell_id = self._cell(decision)
        code = Review.UNCERTAIN if decision.kind == DecisionKind.UNCERTAIN else self._code(cell_id)
        self._record_review(decision, cell_id, code)
        rois = decision.rois or self._names(self.members[cell_id])
        return replace(decision, cell_id=cell_id, rois=rois)

    def _check_aligned(self, decision: Decision) -> Decision:
        if decision.sessions is None or decision.matrix is None:
            raise _Misfit("it must name two sessions and their matrix")
        fixed, moving = sorted(self._session(name) for name in decision.sessions)
        registration = self._plane.result.registration(fixed, moving)
        if registration is None or registration.outcome != RegistrationOutcome.BY_HAND:
            raise _Misfit(f"{' and '.join(decision.sessions)} are not aligned by this matrix")
        return decision

    def _set(self, decision: Decision, cell_id: int, rois: set[Roi]) -> None:
        """Give a cell its ROIs; a cell that is left without ROIs is deleted."""
        if not rois:
            del self.members[cell_id]
            return
        self.members[cell_id] = rois
        self._cell_of.update(dict.fromkeys(rois, cell_id))
        self._record_review(decision, cell_id, self._code(cell_id))

    def _record_review(self, decision: Decision, cell_id: int, code: int) -> None:
        self.reviews[cell_id] = (code, decision.reviewer, decision.reviewed_on, decision.review_comment)

    def _code(self, cell_id: int) -> Review:
        """The review of a cell that a person calls right: accepted if the method made it so, otherwise changed."""
        return Review.ACCEPTED if frozenset(self.members[cell_id]) in self._automatic else Review.CHANGED

    def _cell(self, decision: Decision) -> int:
        """The cell that a decision is about."""
        if not decision.rois:
            return self._existing(decision.cell_id)
        ids = sorted({self._cell_of[roi] for roi in self._rois(decision)})
        if len(ids) > 1:
            raise _Misfit(f"its ROIs are in several cells: {', '.join(map(str, ids))}")
        if decision.cell_id is not None and ids[0] != decision.cell_id:
            raise _Misfit(f"its ROIs are in the cell {ids[0]}, not in the cell {decision.cell_id}")
        return ids[0]

    def _existing(self, cell_id: int | None) -> int:
        if cell_id is None:
            raise _Misfit("it names no cell")
        if cell_id not in self.members:
            raise _Misfit(f"there is no cell {cell_id}")
        return cell_id

    def _rois(self, decision: Decision) -> list[Roi]:
        """The ROIs that a decision names."""
        rois = []
        for name, roi_id in decision.rois:
            session = self._session(name)
            row = self._row_of[session].get(roi_id)
            if row is None:
                raise _Misfit(f"the session {name} has no ROI {roi_id}")
            if (session, row) not in self._cell_of:
                raise _Misfit(f"the ROI {roi_id} of the session {name} did not take part in the matching")
            rois.append((session, row))
        return rois

    def _names(self, rois: Iterable[Roi]) -> tuple[tuple[str, int], ...]:
        sessions = self._plane.sessions
        return tuple((sessions[session].name, int(sessions[session].roi_ids[row])) for session, row in sorted(rois))

    def _session(self, name: str) -> int:
        if name not in self._position:
            raise _Misfit(f"there is no session {name}{did_you_mean(name, self._position)}")
        return self._position[name]

    @cached_property
    def _row_of(self) -> list[dict[int, int]]:
        """For each session, the `roi_row` of each `roi_id`."""
        return [{roi_id: row for row, roi_id in enumerate(s.roi_ids.tolist())} for s in self._plane.sessions]


def _members(cells: Array, cell_ids: Array) -> dict[int, set[Roi]]:
    """The ROIs of each cell, by its id, in the order of the cells."""
    members: dict[int, set[Roi]] = {cell_id: set() for cell_id in cell_ids.tolist()}
    for cell, session in np.argwhere(cells >= 0).tolist():
        members[int(cell_ids[cell])].add((session, int(cells[cell, session])))
    return members
