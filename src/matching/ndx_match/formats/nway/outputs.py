"""The output of the nway package to a match result, and a match result to such an output."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ndx_cell_matching.codes import Code, label_of

from ... import __version__
from ...errors import InputError
from ...model import MatchResult, Presence, Registration, RegistrationOutcome, RoiPairs, Session, SessionStatus
from ...presence import presence_codes
from .ids import IDS_FILE, RoiIds, RoiLookup, describe_ids, ids_as_json, ids_from_json, json_ids, read_ids
from .json_files import read_json, write_json

NOT_REGISTERED = "it could not be registered with any other session"


def read_nway_output(
    path: str | os.PathLike[str],
    sessions: Sequence[Session],
    parameters: Mapping[str, Any] | None = None,
    ids: RoiIds | None = None,
    *,
    method: str = "import",
    method_version: str = __version__,
) -> MatchResult:
    """Read the JSON that the nway package printed, or :func:`write_nway_output` wrote.

    Parameters
    ----------
    path : path
        The package's `--output_json`.
    sessions : sequence of Session
        Those that were matched, in the same order.
    parameters : mapping, optional
        For the result; the file does not hold them.
    ids : RoiIds, optional
        What the ROI ids stand for. Where it is not given: the ids that :func:`write_nway_output` put into the file,
        else `ids.json` beside the file, else the ROI tables' own ids.
    method, method_version : str
        For the result.

    Returns
    -------
    MatchResult
        `cells` in the order of the file; `roi_pairs` in order of sessions and rows, `accepted` where the file has the
        pair under `matches`. ROIs that the file does not mention are cells of their own, and a warning says so.

    Raises
    ------
    InputError
        The file is missing, is no output of nway, has another number of sessions, holds an ROI twice, or holds an id
        that is in no session or in several.
    """
    path = Path(path)
    output = _mapping(read_json(path), f"{path}: is no output of nway: it")
    groups = _list(output, "nway_matches", path)
    pair_entries = [
        _mapping(entry, f"{path}: is no output of nway: an entry of pairwise_results")
        for entry in _list(output, "pairwise_results", path)
    ]
    pairs = _session_pairs(output, pair_entries, sessions, path)
    lookup = _lookup(output, ids, sessions, path)

    registrations: list[Registration] = []
    found: list[dict[str, Any]] = []
    for (fixed, moving), entry in zip(pairs, pair_entries, strict=True):
        transform = _key(entry, "transform", path)
        if transform is not None:
            registrations.append(_registration(fixed, moving, transform, path))
        for key in ("matches", "rejected"):
            for pair in _list(entry, key, path):
                found.append(_roi_pair(fixed, moving, pair, key == "matches", lookup, path))

    cells, cell_ids, warnings = _cells(groups, output, sessions, lookup, path)
    status, reasons = _session_status(output, sessions, registrations, path)
    return MatchResult(
        method=method,
        method_version=method_version,
        parameters=dict(parameters or {}),
        cells=cells,
        cell_ids=cell_ids,
        presence=_presence(cells, sessions, registrations, status, pairs),
        roi_pairs=_roi_pairs(found),
        registrations=tuple(registrations),
        session_status=status,
        status_reasons=reasons,
        warnings=tuple(warnings),
    )


def write_nway_output(
    result: MatchResult, sessions: Sequence[Session], path: str | os.PathLike[str], overwrite: bool = False
) -> None:
    """Write the JSON of :func:`nway_output`, whole or not at all.

    Raises
    ------
    OutputError
        It exists and may not be overwritten, or cannot be written.
    """
    write_json(nway_output(result, sessions), path, overwrite)


def nway_output(result: MatchResult, sessions: Sequence[Session]) -> dict[str, Any]:
    """A match result as the JSON that the nway package prints, without its plots.

    ROI ids are the ROI tables' own where all are distinct and from 1 to 2**32 - 1, else 1, 2, 3, ...; experiment ids
    are 0, 1, 2, .... Beside nway's keys stand `cell_ids` (one for each group), `sessions` (name and status of each
    experiment) and `roi_ids` (what each ROI id stands for: [session name, roi_row, roi_id]), so that the file can be
    read back by itself; beside the keys of a pair stand `probability` and `margin`, beside those of a transform `ssim`,
    `outcome_code` (if it is not 1, registered) and `reason`, if the result has them. Confidences of cells have no place
    in it.

    Parameters
    ----------
    result : MatchResult
    sessions : sequence of Session
        The sessions of the result.
    """
    ids = json_ids(sessions)
    pairs = [
        _pair_entry(result, fixed, moving, ids)
        for fixed, moving in combinations(range(len(sessions)), 2)
        if result.registration(fixed, moving) is not None or len(result.roi_pairs.between(fixed, moving))
    ]
    return {
        "nway_matches": [
            [int(ids[k][roi_row]) for k, roi_row in enumerate(cell) if roi_row >= 0] for cell in result.cells.tolist()
        ],
        "pairwise_results": pairs,
        "cell_ids": result.cell_ids.tolist(),
        "sessions": [
            {
                "name": session.name,
                "status_code": int(status),
                "status": label_of(SessionStatus, status),
                "status_reason": reason,
            }
            for session, status, reason in zip(sessions, result.session_status, result.status_reasons, strict=True)
        ],
        "roi_ids": ids_as_json(describe_ids(sessions, ids)),
    }


# ---- reading


def _mapping(content: object, what: str) -> dict[str, Any]:
    if not isinstance(content, dict):
        raise InputError(f"{what} must be a JSON object.")
    return content


def _key(content: Mapping[str, Any], key: str, path: Path) -> Any:
    if key not in content:
        raise InputError(
            f"{path}: is no output of nway: the key {key!r} is missing; give the file that nway wrote as --output_json."
        )
    return content[key]


def _list(content: Mapping[str, Any], key: str, path: Path) -> list[Any]:
    values = _key(content, key, path)
    if not isinstance(values, list):
        raise InputError(f"{path}: is no output of nway: {key!r} must be a list.")
    return values


def _session_pairs(
    output: Mapping[str, Any], entries: Sequence[Mapping[str, Any]], sessions: Sequence[Session], path: Path
) -> list[tuple[int, int]]:
    """The positions in the list of sessions of each entry's fixed and moving experiment.

    Experiment ids may be any; but every pair is listed once, its fixed experiment the earlier one, so that an
    experiment is moving as many times as there are experiments before it.
    """
    pairs = [
        tuple(str(_key(entry, key, path)) for key in ("fixed_experiment", "moving_experiment")) for entry in entries
    ]
    if "sessions" in output:
        experiments = [str(k) for k in range(len(_list(output, "sessions", path)))]
        complete = {*pairs} <= {*combinations(experiments, 2)} and len({*pairs}) == len(pairs)
    else:
        times_moving = Counter(moving for _, moving in pairs)
        experiments = sorted(
            {experiment for pair in pairs for experiment in pair}, key=lambda experiment: times_moving[experiment]
        )
        complete = sorted(pairs) == sorted(combinations(experiments, 2))
    if not complete:
        raise InputError(
            f"{path}: is no output of nway: pairwise_results must hold each pair of experiments once, the earlier one "
            "as fixed_experiment."
        )
    if len(experiments) != len(sessions):
        raise InputError(
            f"{path}: holds {len(experiments)} sessions, but {len(sessions)} were given "
            f"({', '.join(session.name for session in sessions)}); give the files that were matched, in their order."
        )
    return [(experiments.index(fixed), experiments.index(moving)) for fixed, moving in pairs]


def _lookup(output: Mapping[str, Any], ids: RoiIds | None, sessions: Sequence[Session], path: Path) -> RoiLookup:
    if ids is None and "roi_ids" in output:
        ids = ids_from_json(output["roi_ids"], str(path))
    if ids is None and (path.parent / IDS_FILE).is_file():
        ids = read_ids(path.parent / IDS_FILE)
    return RoiLookup(sessions, ids, path)


def _registration(fixed: int, moving: int, transform: Any, path: Path) -> Registration:
    transform = _mapping(transform, f"{path}: is no output of nway: a transform")
    try:
        matrix = np.array(_key(transform, "matrix", path), np.float64).reshape(3, 3)
    except (TypeError, ValueError):
        raise InputError(f"{path}: the matrix between experiments {fixed} and {moving} is not 3 x 3 numbers.") from None
    ssim = transform.get("ssim")
    return Registration(
        fixed_session=fixed,
        moving_session=moving,
        matrix=matrix,
        steps=tuple(map(str, _list(transform, "best_registration", path))),
        outcome=_code(RegistrationOutcome, transform.get("outcome_code", RegistrationOutcome.REGISTERED), path),
        reason=str(transform.get("reason", "")),
        ssim=None if ssim is None else float(ssim),
    )


def _roi_pair(fixed: int, moving: int, pair: Any, accepted: bool, lookup: RoiLookup, path: Path) -> dict[str, Any]:
    pair = _mapping(pair, f"{path}: is no output of nway: an entry of matches or rejected")
    try:
        numbers = {
            "centroid_distance": float(_key(pair, "distance", path)),
            "iou": float(_key(pair, "iou", path)),
            **{name: float(pair[name]) for name in ("cost", "probability", "margin") if pair.get(name) is not None},
        }
    except (TypeError, ValueError):
        raise InputError(f"{path}: distance, iou and cost of a pair must be numbers ({pair}).") from None
    return {
        "fixed_session": fixed,
        "moving_session": moving,
        "fixed_roi_row": lookup.row(_key(pair, "fixed", path), fixed),
        "moving_roi_row": lookup.row(_key(pair, "moving", path), moving),
        "accepted": accepted,
        **numbers,
    }


def _roi_pairs(found: Sequence[Mapping[str, Any]]) -> RoiPairs:
    def integers(name: str) -> npt.NDArray[np.int32]:
        return np.array([pair[name] for pair in found], np.int32)

    def numbers(name: str) -> npt.NDArray[np.float64]:
        return np.array([pair.get(name, math.nan) for pair in found], np.float64)

    def optional(name: str) -> npt.NDArray[np.float64] | None:
        return numbers(name) if any(name in pair for pair in found) else None

    pairs = RoiPairs(
        fixed_session=integers("fixed_session"),
        moving_session=integers("moving_session"),
        fixed_roi_row=integers("fixed_roi_row"),
        moving_roi_row=integers("moving_roi_row"),
        centroid_distance=numbers("centroid_distance"),
        iou=numbers("iou"),
        accepted=np.array([pair["accepted"] for pair in found], bool),
        cost=optional("cost"),
        probability=optional("probability"),
        margin=optional("margin"),
    )
    return pairs.take(
        np.lexsort((pairs.moving_roi_row, pairs.fixed_roi_row, pairs.moving_session, pairs.fixed_session))
    )


def _cells(
    groups: Sequence[Any], output: Mapping[str, Any], sessions: Sequence[Session], lookup: RoiLookup, path: Path
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64], list[str]]:
    """`roi_row` and id of each cell, and warnings of ROIs that the file does not mention."""
    seen = [np.zeros(session.n_rois, bool) for session in sessions]
    cells: list[list[int]] = []
    for group in groups:
        if not isinstance(group, list):
            raise InputError(f"{path}: is no output of nway: an entry of 'nway_matches' must be a list of ROI ids.")
        cell = [-1] * len(sessions)
        for json_id in group:
            k, roi_row = lookup.roi(json_id)
            if cell[k] >= 0:
                raise InputError(
                    f"{path}: a group of nway_matches holds two ROIs of session {sessions[k].name} (ROI id {json_id} "
                    "is the second); give the files that it was made from."
                )
            if seen[k][roi_row]:
                raise InputError(f"{path}: the ROI id {json_id} is in more than one group of nway_matches.")
            cell[k] = roi_row
            seen[k][roi_row] = True
        if group:
            cells.append(cell)
    for k, present in enumerate(seen):
        for roi_row in np.flatnonzero(~present).tolist():
            cells.append([roi_row if j == k else -1 for j in range(len(sessions))])
    warnings = [
        warning
        for session, present in zip(sessions, seen, strict=True)
        for warning in _missing_warnings(session, ~present, path)
    ]
    return np.array(cells, np.int32).reshape(-1, len(sessions)), _cell_ids(output, groups, len(cells), path), warnings


def _cell_ids(output: Mapping[str, Any], groups: Sequence[Any], n_cells: int, path: Path) -> npt.NDArray[np.int64]:
    """Ids as written beside nway's keys; cells that the file does not mention have those that follow."""
    written = output.get("cell_ids", list(range(len(groups))))
    whole = isinstance(written, list) and all(type(number) is int and 0 <= number < 2**63 for number in written)
    if not whole or len({*written}) != len(groups) or len(written) != len(groups):
        raise InputError(f"{path}: 'cell_ids' must hold a number of its own for each group of nway_matches.")
    ids = [number for number, group in zip(written, groups, strict=True) if group]
    first = max(ids, default=-1) + 1
    return np.array([*ids, *range(first, first + n_cells - len(ids))], np.int64)


def _presence(
    cells: npt.NDArray[np.int32],
    sessions: Sequence[Session],
    registrations: Sequence[Registration],
    status: npt.NDArray[np.uint8],
    compared: Sequence[tuple[int, int]],
) -> npt.NDArray[np.uint8]:
    """Codes of presence; a cell was not looked for in a session that the file compares with none of the cell's."""
    codes = presence_codes(cells, sessions, registrations, status)
    looked = np.zeros((len(sessions), len(sessions)), bool)
    for fixed, moving in compared:
        looked[fixed, moving] = looked[moving, fixed] = True
    set_aside = status != SessionStatus.MATCHED
    looked |= set_aside | set_aside[:, None]  # these could not be compared, which is another reason
    present = cells >= 0
    codes[~present & (present.astype(int) @ looked.astype(int) == 0)] = Presence.NOT_LOOKED_FOR
    return codes


def _missing_warnings(session: Session, missing: npt.NDArray[np.bool_], path: Path) -> Iterable[str]:
    empty = np.zeros(session.n_rois, bool)
    empty[session.empty_rows] = True
    if (missing & empty).any():
        yield (
            f"Session {session.name}: {_ids_in_words(session, missing & empty)} without a mask pixel could not be "
            "matched and is kept as a cell without matches."
        )
    if (missing & ~empty).any():
        yield (
            f"Session {session.name}: {_ids_in_words(session, missing & ~empty)} is not in {path.name} and is kept as "
            "a cell without matches."
        )


def _ids_in_words(session: Session, chosen: npt.NDArray[np.bool_], most: int = 5) -> str:
    ids = session.roi_ids[chosen].tolist()
    named = ", ".join(map(str, ids[:most])) + (", ..." if len(ids) > most else "")
    return f"ROI id {named}" if len(ids) == 1 else f"each of {len(ids)} ROIs (ids {named})"


def _session_status(
    output: Mapping[str, Any], sessions: Sequence[Session], registrations: Sequence[Registration], path: Path
) -> tuple[npt.NDArray[np.uint8], tuple[str, ...]]:
    """Code of each session's status, and why: as written beside nway's keys, else by the registrations."""
    aligned = {k for r in registrations if r.registered for k in (r.fixed_session, r.moving_session)}
    status: list[int] = [
        SessionStatus.MATCHED if k in aligned else SessionStatus.NOT_REGISTERED for k in range(len(sessions))
    ]
    reasons = ["" if k in aligned else NOT_REGISTERED for k in range(len(sessions))]
    for k, entry in enumerate(output.get("sessions", ())):
        if isinstance(entry, dict) and "status_code" in entry:
            status[k] = _code(SessionStatus, entry["status_code"], path)
            reasons[k] = str(entry.get("status_reason", ""))
    return np.array(status, np.uint8), tuple(reasons)


def _code(codes: type[Code], value: object, path: Path) -> int:
    """A code as it is written; one that is not known is kept, as it may be of a newer version."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 255:
        raise InputError(f"{path}: {value!r} is no code of {codes.__name__}; it must be a whole number, 0 to 255.")
    return int(value)


# ---- writing


def _pair_entry(result: MatchResult, fixed: int, moving: int, ids: Sequence[npt.NDArray[np.int64]]) -> dict[str, Any]:
    pairs = result.roi_pairs.between(fixed, moving)
    return {
        "fixed_experiment": fixed,
        "moving_experiment": moving,
        "transform": _transform(result.registration(fixed, moving), result.parameters),
        "matches": _pair_list(pairs.take(pairs.accepted), ids[fixed], ids[moving]),
        "rejected": _pair_list(pairs.take(~pairs.accepted), ids[fixed], ids[moving]),
        "unmatched": {
            "fixed": np.delete(ids[fixed], pairs.fixed_roi_row).tolist(),
            "moving": np.delete(ids[moving], pairs.moving_roi_row).tolist(),
        },
    }


def _pair_list(
    pairs: RoiPairs, fixed_ids: npt.NDArray[np.int64], moving_ids: npt.NDArray[np.int64]
) -> list[dict[str, Any]]:
    columns: dict[str, list[Any]] = {
        "fixed": fixed_ids[pairs.fixed_roi_row].tolist(),
        "moving": moving_ids[pairs.moving_roi_row].tolist(),
        "distance": pairs.centroid_distance.tolist(),
        "iou": pairs.iou.tolist(),
        "cost": [None] * len(pairs) if pairs.cost is None else pairs.cost.tolist(),
    }
    for name, values in (("probability", pairs.probability), ("margin", pairs.margin)):
        if values is not None:
            columns[name] = values.tolist()
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def _transform(registration: Registration | None, parameters: Mapping[str, Any]) -> dict[str, Any] | None:
    if registration is None:
        return None
    from skimage.transform import AffineTransform

    affine = AffineTransform(matrix=registration.matrix)
    is_affine = np.array_equal(registration.matrix[2], [0, 0, 1])
    transform = {
        "best_registration": list(registration.steps),
        "properties": {
            "scale": [float(value) for value in affine.scale],
            "shear": float(affine.shear),
            "rotation": float(affine.rotation),
            "translation": [float(value) for value in affine.translation],
        },
        "matrix": registration.matrix.tolist(),
        "transform_type": parameters.get("motion_type", "MOTION_AFFINE" if is_affine else "MOTION_HOMOGRAPHY"),
    }
    if registration.ssim is not None:
        transform["ssim"] = registration.ssim
    if registration.outcome != RegistrationOutcome.REGISTERED:
        transform["outcome_code"] = int(registration.outcome)
    if registration.reason:
        transform["reason"] = registration.reason
    return transform
