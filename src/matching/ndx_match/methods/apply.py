"""Apply a method to sessions, by the same rules in Python and in the command."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..errors import MethodError
from ..workers import limited_workers
from .parameters import Parameters, parameters_of
from .protocol import Extend, Method
from .registry import DEFAULT, all_methods, find_method

if TYPE_CHECKING:
    from ..model import MatchResult, Progress, Registration, Session


def match(
    sessions: Sequence[Session],
    method: str | Method = DEFAULT,
    parameters: Parameters | Mapping[str, Any] | None = None,
    progress: Progress | None = None,
    workers: int | None = None,
) -> MatchResult:
    """Match the cells of several sessions.

    Parameters
    ----------
    sessions : sequence of Session
        At least two. In each pair of sessions, the earlier one is fixed and the later one is moving. If the method
        takes all ROIs, those that the files do not accept take part as well.
    method : str or Method
        One of :func:`all_methods`.
    parameters : Parameters or mapping, optional
        The method's parameters; those that are missing in a mapping have their defaults.
    progress : callable, optional
        Called as `progress(stage, done, total)`.
    workers : int, optional
        Number of tasks that run at the same time, by default one per core. The result does not depend on it.

    Returns
    -------
    MatchResult
        The result as a match file holds it, without the candidate pairs that are ruled out.

    Raises
    ------
    MethodError
        If there is no such method, if a parameter does not belong to it or has a value that is not valid, if there are
        fewer than two sessions, or if the method cannot match one of them.
    TypeError
        If something else is given in place of sessions, for example paths.

    Examples
    --------
    >>> import ndx_match
    >>> sessions = ndx_match.read_sessions("sessions")
    >>> result = ndx_match.match(sessions)
    >>> result.cells.shape == (len(result.cell_ids), 3)  # the ROI row of each cell in each session, -1 where absent
    True
    >>> confident = ndx_match.match(sessions, parameters={"least_probability": "confident"})
    """
    from ..model import check_are_sessions

    check_are_sessions(sessions, "match")
    method = find_method(method) if isinstance(method, str) else method
    valid = method_parameters(method, parameters)
    method_sessions = sessions_for(method, sessions)
    with limited_workers(workers):
        result = without_excluded(method.match(method_sessions, valid, progress), method_sessions)
    return replace(
        result,
        method=method.name,
        parameters=valid.stored(),
        roi_pairs=result.pairs_not_ruled_out,
        session_names=tuple(session.name for session in sessions),
    )


def add(
    sessions: Sequence[Session],
    result: MatchResult,
    session: Session,
    progress: Progress | None = None,
    workers: int | None = None,
) -> MatchResult:
    """Add a session to a result, without matching the others with each other again.

    Parameters
    ----------
    sessions : sequence of Session
        The sessions of the result, with their masks.
    result : MatchResult
        Its method and parameters are also applied to the new session.
    session : Session
        The new session.
    progress, workers
        As in :func:`match`.

    Returns
    -------
    MatchResult
        The result with the new session last. Every cell keeps its ROIs, its id and its row. New ROIs that belong to no
        cell become new cells at the end, with ids above all others.

    Raises
    ------
    MethodError
        If the method cannot add sessions or cannot take this session, or if its parameters are not valid in this
        version.
    """
    from ..curation.extended import with_decisions_of

    extend = check_adds(result.method)
    method = find_method(result.method)
    valid = method_parameters(method, result.parameters)
    *method_sessions, new = sessions_for(method, [*sessions, session])
    with limited_workers(workers):
        extended = extend(method_sessions, replace(result, reviews=None, automatic=None), new, valid, progress)
    names = tuple(each.name for each in (*sessions, session))
    return with_decisions_of(replace(extended, roi_pairs=extended.pairs_not_ruled_out, session_names=names), result)


def check_adds(name: str) -> Extend:
    """The function that adds a session to a result of the method of this name.

    Raises
    ------
    MethodError
        If there is no such method, or if it cannot add sessions.
    """
    known = all_methods().get(name)
    if known is None or known.extend is None:
        raise MethodError(
            f"No session can be added to a result of the method {name}; match all files again, with `ndx-match write "
            "--previous` so that cells keep their ids."
        )
    return known.extend


def match_by_hand(
    sessions: Sequence[Session],
    result: MatchResult,
    manual_alignments: Sequence[Registration],
    progress: Progress | None = None,
    workers: int | None = None,
) -> MatchResult:
    """Match sessions again by the method and parameters of a result, with alignments that a person gave.

    `consensus` refines the given alignments, tests all others again and makes all alignments consistent. `nway` uses
    the given alignments without change, and takes all others from the result.

    Parameters
    ----------
    sessions : sequence of Session
        The sessions of the result.
    result : MatchResult
    manual_alignments : sequence of Registration
        The alignments that the person gave.
    progress, workers
        As in :func:`match`.

    Raises
    ------
    MethodError
        If the method of the result is unknown or takes no alignments; also in the cases that :func:`match` lists.
    """
    method = all_methods().get(result.method)
    if method is None or method.match_by_hand is None:
        raise MethodError(
            f"The method {result.method} takes no alignments by hand; match the files with --method {DEFAULT} first."
        )
    valid = method_parameters(method, result.parameters)
    method_sessions = sessions_for(method, sessions)
    with limited_workers(workers):
        again = without_excluded(
            method.match_by_hand(method_sessions, valid, progress, result, manual_alignments), method_sessions
        )
    return replace(again, method=method.name, parameters=valid.stored(), roi_pairs=again.pairs_not_ruled_out)


def method_parameters(method: Method, parameters: Parameters | Mapping[str, Any] | None = None) -> Parameters:
    """The parameters of a method, checked.

    Raises
    ------
    MethodError
        If the parameters belong to another method, or have values that are not valid.
    """
    if isinstance(parameters, method.parameters):
        return parameters
    if isinstance(parameters, Parameters):
        raise MethodError(
            f"{type(parameters).__name__} does not belong to the method {method.name}; "
            f"give {method.parameters.__name__}."
        )
    values = dict(parameters or {})
    known = [each.name for each in parameters_of(method.parameters)]
    for name in values:
        if name not in known:
            listed = f"its parameters are {', '.join(known)}" if known else "it has no parameters"
            raise MethodError(f"{name} does not belong to the method {method.name}; {listed}.")
    return method.parameters(**values)


def sessions_for(method: Method, sessions: Sequence[Session]) -> list[Session]:
    """The sessions as the method takes them.

    Raises
    ------
    MethodError
        If there are fewer than two sessions, or one that the method cannot take.
    """
    from ..model import RoiSelection

    if len(sessions) < 2:
        raise MethodError("Matching needs at least two sessions.")
    for session in sessions:
        if method.takes_all_rois and session.roi_selection == RoiSelection.CHOSEN_BY_USER:
            raise MethodError(
                f"{session.name}: its ROIs are chosen by a condition (--where), but the method {method.name} takes all "
                "ROIs; leave out the condition or choose another method."
            )
        if method.needs_image and not session.has_image:
            raise MethodError(
                f"{session.name}: there is no projection image, which the method {method.name} needs; leave this "
                f"session out or use the method {DEFAULT}."
            )
    if method.takes_all_rois:
        return [session.with_all_rois() for session in sessions]
    return [session.only_taking_part() for session in sessions]


def without_excluded(result: MatchResult, sessions: Sequence[Session]) -> MatchResult:
    """The result without the cells that consist of an ROI that does not take part.

    Such an ROI has an empty footprint, so a method matches it with nothing and makes it a separate cell.
    """
    import numpy as np

    kept = np.ones(len(result.cells), bool)
    for session, rows in zip(sessions, result.cells.T, strict=True):
        kept &= ~np.isin(rows, session.excluded)
    if kept.all():
        return result
    confidence = None if result.confidence is None else result.confidence[kept]
    return replace(
        result,
        cells=result.cells[kept],
        presence=result.presence[kept],
        confidence=confidence,
        cell_ids=np.arange(kept.sum()),
    )
