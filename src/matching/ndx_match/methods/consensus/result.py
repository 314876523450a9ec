"""Put together the match result: cells of all sessions, presence, confidence, status and warnings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import cv2
import numpy as np
import scipy

from ... import __version__
from ...model import MatchResult, RoiPairs, Session, SessionStatus
from ...presence import presence_codes
from .component_match import ComponentMatch
from .confidence import confidence_of, with_ambiguous
from .pairs import PairAlignment
from .parameters import NAME, ConsensusParameters
from .probability import FEW_PAIRS
from .registrations import registrations_of
from .synchronisation import Component

NOT_REGISTERED = "no alignment with any other session is better than chance"


def assemble(
    sessions: Sequence[Session],
    components: Sequence[Component],
    alignments: Mapping[tuple[int, int], PairAlignment],
    matches: Sequence[ComponentMatch],
    parameters: ConsensusParameters,
) -> MatchResult:
    """The result of all sessions."""
    n = len(sessions)
    none = replace(RoiPairs.concatenate([]), probability=np.zeros(0), margin=np.zeros(0))
    pairs = RoiPairs.concatenate([none, *(found.pairs for found in matches)])
    alone = [component.members[0] for component in components if len(component.members) == 1]
    parts = [(found.component.members, found.cells) for found in matches]
    parts += [((k,), np.arange(sessions[k].n_rois, dtype=np.int32)[:, None]) for k in alone]
    blocks = []
    for members, rows in parts:
        blocks.append(np.full((len(rows), n), -1, np.int32))
        blocks[-1][:, list(members)] = rows
    cells = np.concatenate(blocks)
    cells = cells[np.argsort(-(cells >= 0).sum(axis=1), kind="stable")]
    status = np.full(n, SessionStatus.MATCHED, np.uint8)
    status[alone] = SessionStatus.NOT_REGISTERED
    reasons = tuple("" if code == SessionStatus.MATCHED else NOT_REGISTERED for code in status)
    registrations = registrations_of(sessions, components, alignments, matches)
    return MatchResult(
        method=NAME,
        method_version=__version__,
        parameters=parameters.stored(),
        software={"opencv": cv2.__version__, "scipy": scipy.__version__, "numpy": np.__version__},
        cells=cells,
        presence=with_ambiguous(presence_codes(cells, sessions, registrations, status), cells, pairs),
        confidence=confidence_of(cells, pairs),
        roi_pairs=_as_float32(pairs),
        registrations=registrations,
        session_status=status,
        status_reasons=reasons,
        warnings=_warnings(sessions, components, matches, reasons),
    )


def _as_float32(pairs: RoiPairs) -> RoiPairs:
    """The pairs with measures that take half the room; nothing is decided by them any more."""
    halved = {
        name: values.astype(np.float32)
        for name, values in vars(pairs).items()
        if values is not None and values.dtype == float
    }
    return replace(pairs, **halved)


def _warnings(
    sessions: Sequence[Session],
    components: Sequence[Component],
    matches: Sequence[ComponentMatch],
    reasons: Sequence[str],
) -> tuple[str, ...]:
    warnings = [
        f"Only {len(found.pairs)} pairs of ROIs could be compared; probabilities rest on prior experience more than on "
        "these data."
        for found in matches
        if len(found.pairs) < FEW_PAIRS
    ]
    for session, reason in zip(sessions, reasons, strict=True):
        if reason:
            warnings.append(f"{session.name} was set aside: {reason}; its ROIs are matched with nothing.")
    together = [component.members for component in components if len(component.members) > 1]
    if len(together) > 1:
        listed = "; ".join(", ".join(sessions[k].name for k in members) for members in together)
        warnings.append(f"The sessions fall into sets that do not fit each other and are matched apart: {listed}.")
    return tuple(warnings)
