"""The stages of the nway pipeline, from sessions to a match result."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import combinations

import cv2
import numpy as np
import skimage

from ... import __version__
from ...arrays import Ints32
from ...errors import MethodError
from ...footprints import corners, transform_points
from ...model import MatchResult, Progress, Registration, RegistrationOutcome, RoiPairs, Session, SessionStatus
from ...presence import presence_codes
from ...warping import to_8_bit
from ...workers import one_thread_per_worker
from . import registration as candidates
from .groups import group_matches
from .matching import SessionMasks, match_pair
from .parameters import NAME, NwayParameters

FALSE_SHIFT = 0.2  #: fraction of the field by which a session is shifted to count the matches by chance
NOT_REGISTERED = "it could not be registered with any other session"
ALIGNED_ALREADY = 1.0
"""Pixels. Identity counts as right if the best estimated alignment moves no corner of the image farther than this."""

SMALLEST_IMAGE = 7  #: pixels per side


def register_all(
    sessions: Sequence[Session], parameters: NwayParameters, progress: Progress | None = None, workers: int = 2
) -> tuple[Registration, ...]:
    """Register every pair of sessions, in the order (0, 1), (0, 2), ..., (1, 2), ..."""
    for session in sessions:
        if min(session.shape) < SMALLEST_IMAGE:
            raise MethodError(
                f"{session.name}: an image of {session.shape[0]} x {session.shape[1]} pixels is too small to be "
                "registered; leave this session out."
            )
    images = [to_8_bit(session.image) for session in sessions]
    pairs = list(combinations(range(len(sessions)), 2))
    chosen = []
    with one_thread_per_worker(), ThreadPoolExecutor(max_workers=workers) as pool:
        futures = [pool.submit(candidates.register, images[i], images[j], parameters) for i, j in pairs]
        for done, ((i, j), future) in enumerate(zip(pairs, futures, strict=True)):
            if progress:
                progress("registering", done, len(pairs))
            chosen.append(_choose(i, j, future.result(), images[i].shape, parameters.strict))
    if progress:
        progress("registering", len(pairs), len(pairs))
    failed = [registration for registration in chosen if not registration.registered]
    if failed and parameters.strict:
        first = failed[0]
        raise MethodError(
            f"Not all pairwise registrations succeeded: {sessions[first.fixed_session].name} and "
            f"{sessions[first.moving_session].name} ({first.reason}); leave out --strict to go on without that pair."
        )
    return tuple(chosen)


def match_registered(
    sessions: Sequence[Session],
    registrations: Sequence[Registration],
    parameters: NwayParameters,
    progress: Progress | None = None,
) -> MatchResult:
    """Do everything after registration (cost, assignment and groups) with the given registrations."""
    masks = [SessionMasks.of(session) for session in sessions]
    parts: list[RoiPairs] = []
    tested: list[Registration] = []
    for done, registration in enumerate(registrations):
        if progress:
            progress("matching", done, len(registrations))
        if registration.registered:
            fixed, moving = masks[registration.fixed_session], masks[registration.moving_session]
            parts.append(match_pair(fixed, moving, registration, parameters))
            registration = replace(registration, chance_matches=_by_chance(fixed, moving, registration, parameters))
        tested.append(registration)
    if progress:
        progress("matching", len(registrations), len(registrations))
    roi_pairs = RoiPairs.concatenate(parts)
    cells = _cells(roi_pairs, [session.n_rois for session in sessions], parameters)
    registered = {k for r in registrations if r.registered for k in (r.fixed_session, r.moving_session)}
    status = np.array([SessionStatus.NOT_REGISTERED] * len(sessions), np.uint8)
    status[list(registered)] = SessionStatus.MATCHED
    return MatchResult(
        method=NAME,
        method_version=__version__,
        parameters=parameters.stored(),
        software={"opencv": cv2.__version__, "scikit-image": skimage.__version__},  # type: ignore[attr-defined]
        cells=cells,
        presence=presence_codes(cells, sessions, registrations, status),
        roi_pairs=roi_pairs,
        registrations=tuple(tested),
        session_status=status,
        status_reasons=tuple("" if k in registered else NOT_REGISTERED for k in range(len(sessions))),
        warnings=tuple(_warnings(sessions, tested, roi_pairs)),
    )


def _choose(
    fixed: int, moving: int, alignments: list[candidates.Candidate], shape: tuple[int, ...], strict: bool
) -> Registration:
    best = alignments[0]
    registered, reason = True, ""
    if best.steps == candidates.IDENTITY:
        registered, reason = False, "no estimated alignment is better than none at all"
        if len(alignments) == 1:
            reason = "the images gave no estimate of their alignment"
        elif not strict:
            moved = transform_points(alignments[1].matrix, corners(shape)) - corners(shape)
            if np.linalg.norm(moved, axis=1).max() <= ALIGNED_ALREADY:
                registered, reason = True, "the images are aligned already"
    outcome = RegistrationOutcome.REGISTERED if registered else RegistrationOutcome.NOT_REGISTERED
    return Registration(fixed, moving, best.matrix, best.steps, outcome, reason, best.ssim)


def _by_chance(
    fixed: SessionMasks, moving: SessionMasks, registration: Registration, parameters: NwayParameters
) -> float:
    """Mean number of matches after the moving session was shifted so far that all matches must be wrong."""
    shift = FALSE_SHIFT * min(fixed.shape)
    counts = []
    for x, y in ((shift, 0), (-shift, 0), (0, shift), (0, -shift)):
        shifted = replace(registration, matrix=np.array([[1, 0, x], [0, 1, y], [0, 0, 1]]) @ registration.matrix)
        counts.append(match_pair(fixed, moving, shifted, parameters).accepted.sum())
    return float(np.mean(counts))


def _cells(pairs: RoiPairs, roi_counts: Sequence[int], parameters: NwayParameters) -> Ints32:
    accepted = pairs.take(pairs.accepted)
    matches = np.full((len(accepted), len(roi_counts)), -1, np.int32)
    each = np.arange(len(accepted))
    matches[each, accepted.fixed_session] = accepted.fixed_roi_row
    matches[each, accepted.moving_session] = accepted.moving_roi_row
    groups = group_matches(matches, pairs.by_rois(pairs.cost), parameters.pruning_method)
    singles = []
    for session, n_rois in enumerate(roi_counts):
        missing = np.setdiff1d(np.arange(n_rois), groups[:, session])
        rows = np.full((len(missing), len(roi_counts)), -1, np.int32)
        rows[:, session] = missing
        singles.append(rows)
    return np.concatenate([groups, *singles]).astype(np.int32)


def _warnings(sessions: Sequence[Session], registrations: Sequence[Registration], pairs: RoiPairs) -> list[str]:
    warnings = []
    for r in registrations:
        names = f"{sessions[r.fixed_session].name} and {sessions[r.moving_session].name}"
        n_accepted = int(pairs.between(r.fixed_session, r.moving_session).accepted.sum())
        if not r.registered:
            warnings.append(f"{names} could not be registered ({r.reason}); the pair gives no matches.")
        elif r.like_chance(n_accepted):
            warnings.append(
                f"{names} are probably aligned wrongly: {n_accepted} pairs of ROIs are accepted, and "
                f"{r.chance_matches:.0f} if one session is shifted on purpose; look at the overlay, or use --method "
                "consensus."
            )
    return warnings
