"""Convert the output of the nway package to a match result, and a match result to such an output."""

from __future__ import annotations

import json
import math
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from ndx_cell_matching.codes import Code, label_of

from ... import __version__
from ...arrays import Bools, Bytes, Ints32, Ints64
from ...errors import InputError
from ...footprints import aligns
from ...model import MatchResult, Presence, Registration, RegistrationOutcome, RoiPairs, Session, SessionStatus
from ...presence import presence_codes
from ..json_files import read_json, write_json
from .ids import IDS_FILE, RoiIds, RoiLookup, describe_ids, ids_from_json, json_ids, read_ids

ROUNDING = 1e-6  #: amount by which a fraction may exceed 1
AS_WRITTEN = "give the file as it was written"
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
    """Read the JSON that the nway package or :func:`write_nway_output` wrote.

    Parameters
    ----------
    path : path
        The package's `--output_json`.
    sessions : sequence of Session
        The sessions that were matched, in the same order.
    parameters : mapping, optional
        The parameters of the result, which the file does not hold.
    ids : RoiIds, optional
        The ROI for which each id in the file stands. By default, the file itself states this if
        :func:`write_nway_output` wrote it; otherwise `ids.json` beside the file states it; without that file, the ids
        are those of the ROI tables.
    method, method_version : str
        The method of the result and its version.

    Returns
    -------
    MatchResult
        `cells` are in the order of the file. `roi_pairs` are in the order of sessions and rows; a pair is `accepted` if
        the file lists it under `matches`. Each ROI that the file does not mention is a separate cell, and a warning
        says so.

    Raises
    ------
    InputError
        If the file is missing, is no output of nway, has another number of sessions, holds an ROI twice, or holds an
        id that is in no session or in several.
    """
    return _Reader(Path(path), sessions, ids).result(method, method_version, parameters or {})


def write_nway_output(
    result: MatchResult, sessions: Sequence[Session], path: str | os.PathLike[str], overwrite: bool = False
) -> None:
    """Write the JSON of :func:`nway_output`. If this fails, no output is left.

    Raises
    ------
    OutputError
        If the file exists and `overwrite` is False, or if it cannot be written.
    """
    write_json(nway_output(result, sessions), path, overwrite)


def nway_output(result: MatchResult, sessions: Sequence[Session]) -> dict[str, Any]:
    """A match result as the JSON that the nway package writes.

    ROI ids are the ids of the ROI tables if all are different and from 1 to 2**32 - 1, otherwise 1, 2, 3, ....
    Experiment ids are 0, 1, 2, .... The JSON has these keys in addition to those of nway:

    - `cell_ids` (one for each group), `sessions` (name and status of each experiment) and `roi_ids` ([session name,
      roi_row, roi_id] for each ROI id), so that :func:`read_nway_output` needs no other file;
    - in a pair, `probability` and `margin`, if the result has them;
    - in a transform, `ssim` and `reason`, if the result has them, and `outcome_code`, if it is not 1 (registered).

    The confidences of cells are not written.

    Parameters
    ----------
    result : MatchResult
    sessions : sequence of Session
        The sessions of the result.

    Returns
    -------
    dict of str
        The content of the JSON file.
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
        "roi_ids": {str(json_id): list(roi) for json_id, roi in describe_ids(sessions, ids).items()},
    }


# ---- reading


class _Reader:
    """Reads one output; every error names its file."""

    def __init__(self, path: Path, sessions: Sequence[Session], ids: RoiIds | None) -> None:
        self._path, self._sessions = path, sessions
        self._output = self._object(read_json(path), "it")
        self._groups = self._list(self._output, "nway_matches")
        entries = self._list(self._output, "pairwise_results")
        self._entries = [self._object(entry, "an entry of pairwise_results") for entry in entries]
        self._pairs = self._session_pairs()
        if ids is None and "roi_ids" in self._output:
            ids = ids_from_json(self._output["roi_ids"], str(path))
        if ids is None and (path.parent / IDS_FILE).is_file():
            ids = read_ids(path.parent / IDS_FILE)
        self._lookup = RoiLookup(sessions, ids, path)

    def result(self, method: str, method_version: str, parameters: Mapping[str, Any]) -> MatchResult:
        """The match result that the output holds."""
        registrations: list[Registration] = []
        roi_pairs: list[dict[str, Any]] = []
        for (fixed, moving), entry in zip(self._pairs, self._entries, strict=True):
            transform = self._value(entry, "transform")
            if transform is not None:
                registrations.append(self._registration(fixed, moving, self._object(transform, "a transform")))
            listed: set[tuple[int, int]] = set()
            for key in ("matches", "rejected"):
                for pair in self._list(entry, key):
                    fields = self._roi_pair(fixed, moving, self._object(pair, "an entry of matches or rejected"))
                    rois = fields["fixed_roi_row"], fields["moving_roi_row"]
                    if rois in listed:
                        raise self._error(
                            f"lists two ROIs of experiments {fixed} and {moving} as a pair twice; {AS_WRITTEN}."
                        )
                    listed.add(rois)
                    roi_pairs.append({**fields, "accepted": key == "matches"})
        cells, warnings = self._cells()
        status, reasons = self._session_status(registrations)
        return MatchResult(
            method=method,
            method_version=method_version,
            parameters=dict(parameters),
            cells=cells,
            cell_ids=self._cell_ids(len(cells)),
            presence=self._presence(cells, registrations, status),
            roi_pairs=_roi_pairs(roi_pairs),
            registrations=tuple(registrations),
            session_status=status,
            status_reasons=reasons,
            warnings=warnings,
        )

    def _error(self, problem: str) -> InputError:
        return InputError(f"{self._path}: {problem}")

    def _object(self, content: object, what: str) -> dict[str, Any]:
        if not isinstance(content, dict):
            raise self._error(f"is no output of nway: {what} must be a JSON object; {AS_WRITTEN}.")
        return content

    def _value(self, content: Mapping[str, Any], key: str) -> Any:
        if key not in content:
            raise self._error(
                f"is no output of nway: the key {key!r} is missing; give the file that nway wrote as --output_json."
            )
        return content[key]

    def _list(self, content: Mapping[str, Any], key: str) -> list[Any]:
        values = self._value(content, key)
        if not isinstance(values, list):
            raise self._error(f"is no output of nway: {key!r} must be a list; {AS_WRITTEN}.")
        return values

    def _number(self, value: object, what: str) -> float:
        """The value as a float; raises InputError if it is no finite number."""
        try:
            if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
                return float(value)
        except OverflowError:  # a whole number beyond the range of float
            pass
        raise self._error(f"{what} holds {json.dumps(value)[:40]}, which is no finite number; {AS_WRITTEN}.")

    def _session_pairs(self) -> list[tuple[int, int]]:
        """For each entry, the positions of its fixed and its moving experiment in the list of sessions.

        Experiment ids can be any values. Their order is found from the pairs: each pair is listed once, with the
        earlier experiment as the fixed one, so that the number of pairs in which an experiment is moving is the number
        of experiments before it.
        """
        pairs = [
            (str(self._value(entry, "fixed_experiment")), str(self._value(entry, "moving_experiment")))
            for entry in self._entries
        ]
        if "sessions" in self._output:
            experiments = [str(k) for k in range(len(self._list(self._output, "sessions")))]
            complete = {*pairs} <= {*combinations(experiments, 2)} and len({*pairs}) == len(pairs)
        else:
            times_moving = Counter(moving for _, moving in pairs)
            experiments = sorted({each for pair in pairs for each in pair}, key=lambda each: times_moving[each])
            complete = sorted(pairs) == sorted(combinations(experiments, 2))
        if not complete:
            raise self._error(
                "is no output of nway: pairwise_results must hold each pair of experiments once, with the earlier one "
                f"as fixed_experiment; {AS_WRITTEN}."
            )
        if len(experiments) != len(self._sessions):
            raise self._error(
                f"holds {len(experiments)} sessions, but {len(self._sessions)} were given "
                f"({', '.join(session.name for session in self._sessions)}); give the files that were matched, in "
                "the order in which they were matched."
            )
        return [(experiments.index(fixed), experiments.index(moving)) for fixed, moving in pairs]

    def _registration(self, fixed: int, moving: int, transform: Mapping[str, Any]) -> Registration:
        between = f"between experiments {fixed} and {moving}"
        rows = self._list(transform, "matrix")
        if len(rows) != 3 or not all(isinstance(row, list) and len(row) == 3 for row in rows):
            raise self._error(f"the matrix {between} does not have 3 x 3 numbers; {AS_WRITTEN}.")
        matrix = np.array([[self._number(value, f"the matrix {between}") for value in row] for row in rows])
        if not aligns(matrix):
            raise self._error(f"the matrix {between} is singular; {AS_WRITTEN}.")
        ssim = transform.get("ssim")
        return Registration(
            fixed_session=fixed,
            moving_session=moving,
            matrix=matrix,
            steps=tuple(map(str, self._list(transform, "best_registration"))),
            outcome=self._code(RegistrationOutcome, transform.get("outcome_code", RegistrationOutcome.REGISTERED)),
            reason=str(transform.get("reason", "")),
            ssim=None if ssim is None else self._number(ssim, f"ssim {between}"),
        )

    def _roi_pair(self, fixed: int, moving: int, pair: Mapping[str, Any]) -> dict[str, Any]:
        optional = [name for name in ("cost", "probability", "margin") if pair.get(name) is not None]
        numbers = {
            name: self._number(self._value(pair, key), f"{key} of a pair between experiments {fixed} and {moving}")
            for name, key in (("centroid_distance", "distance"), ("iou", "iou"), *((name, name) for name in optional))
        }
        for name in ("iou", "probability"):
            if not 0 <= numbers.get(name, 0) <= 1 + ROUNDING:
                raise self._error(f"{name} of a pair is {numbers[name]:g}, which is not between 0 and 1; {AS_WRITTEN}.")
        return {
            "fixed_session": fixed,
            "moving_session": moving,
            "fixed_roi_row": self._lookup.row(self._value(pair, "fixed"), fixed),
            "moving_roi_row": self._lookup.row(self._value(pair, "moving"), moving),
            **numbers,
        }

    def _cells(self) -> tuple[Ints32, tuple[str, ...]]:
        """The `roi_row`s of the cells, and warnings about ROIs that the file does not mention: each becomes a cell."""
        n_sessions = len(self._sessions)
        in_group = [np.zeros(session.n_rois, bool) for session in self._sessions]
        cells: list[list[int]] = []
        for group in self._groups:
            if not isinstance(group, list):
                raise self._error(
                    f"is no output of nway: an entry of 'nway_matches' must be a list of ROI ids; {AS_WRITTEN}."
                )
            cell = [-1] * n_sessions
            for json_id in group:
                k, roi_row = self._lookup.roi(json_id)
                if cell[k] >= 0:
                    raise self._error(
                        f"a group of nway_matches holds two ROIs of session {self._sessions[k].name} (ROI id "
                        f"{json_id} is the second); give the files from which it was made."
                    )
                if in_group[k][roi_row]:
                    raise self._error(f"the ROI id {json_id} is in more than one group of nway_matches; {AS_WRITTEN}.")
                cell[k] = roi_row
                in_group[k][roi_row] = True
            if group:
                cells.append(cell)
        warnings: list[str] = []
        for k, (session, present) in enumerate(zip(self._sessions, in_group, strict=True)):
            for roi_row in np.flatnonzero(~present).tolist():
                cells.append([roi_row if j == k else -1 for j in range(n_sessions)])
            empty = np.isin(np.arange(session.n_rois), session.empty_rows)
            for missing, reason in (
                (~present & empty, "has no mask pixel, could not be matched"),
                (~present & ~empty, f"is not in {self._path.name}"),
            ):
                if missing.any():
                    warnings.append(
                        f"Session {session.name}: {_ids_in_words(session, missing)} {reason} and is kept as a cell "
                        "without matches."
                    )
        return np.array(cells, np.int32).reshape(-1, n_sessions), tuple(warnings)

    def _cell_ids(self, n_cells: int) -> Ints64:
        """The ids of the cells, from `cell_ids` of the file if it has them; other cells have the next numbers."""
        cell_ids = self._output.get("cell_ids", list(range(len(self._groups))))
        whole = isinstance(cell_ids, list) and all(type(number) is int and 0 <= number < 2**63 for number in cell_ids)
        if not whole or not len({*cell_ids}) == len(cell_ids) == len(self._groups):
            raise self._error(f"'cell_ids' must hold a different number for each group of nway_matches; {AS_WRITTEN}.")
        ids = [number for number, group in zip(cell_ids, self._groups, strict=True) if group]
        first = max(ids, default=-1) + 1
        return np.array([*ids, *range(first, first + n_cells - len(ids))], np.int64)

    def _presence(self, cells: Ints32, registrations: Sequence[Registration], status: Bytes) -> Bytes:
        """Codes of presence; a cell was not looked for in a session that was compared with none of its sessions."""
        codes = presence_codes(cells, self._sessions, registrations, status)
        set_aside = status != SessionStatus.MATCHED
        looked = set_aside | set_aside[:, None]  # could not be compared, for which there is another code
        for fixed, moving in self._pairs:
            looked[fixed, moving] = looked[moving, fixed] = True
        present = cells >= 0
        codes[~present & (present.astype(int) @ looked.astype(int) == 0)] = Presence.NOT_LOOKED_FOR
        return codes

    def _session_status(self, registrations: Sequence[Registration]) -> tuple[Bytes, tuple[str, ...]]:
        """Status of each session and its reason, from `sessions` if the file has it, or else from registrations."""
        aligned = {k for r in registrations if r.registered for k in (r.fixed_session, r.moving_session)}
        statuses: list[tuple[int, str]] = [
            (SessionStatus.MATCHED, "") if k in aligned else (SessionStatus.NOT_REGISTERED, NOT_REGISTERED)
            for k in range(len(self._sessions))
        ]
        for k, entry in enumerate(self._output.get("sessions", ())):
            if isinstance(entry, dict) and "status_code" in entry:
                statuses[k] = self._code(SessionStatus, entry["status_code"]), str(entry.get("status_reason", ""))
        return np.array([code for code, _ in statuses], np.uint8), tuple(reason for _, reason in statuses)

    def _code(self, codes: type[Code], value: object) -> int:
        """A code in the file; an unknown code is kept, because a newer version may have written it."""
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 255:
            raise self._error(
                f"{value!r} is no code of {codes.__name__}, which is a whole number from 0 to 255; {AS_WRITTEN}."
            )
        return int(value)


def _roi_pairs(entries: Sequence[Mapping[str, Any]]) -> RoiPairs:
    types = dict.fromkeys(("fixed_session", "moving_session", "fixed_roi_row", "moving_roi_row"), np.int32)
    columns: dict[str, Any] = {
        name: np.array([pair.get(name, math.nan) for pair in entries], types.get(name, np.float64))
        for name in (*types, "centroid_distance", "iou", "cost", "probability", "margin")
        if name in (*types, "centroid_distance", "iou") or any(name in pair for pair in entries)
    }
    pairs = RoiPairs(**columns, accepted=np.array([pair["accepted"] for pair in entries], bool))
    return pairs.take(
        np.lexsort((pairs.moving_roi_row, pairs.fixed_roi_row, pairs.moving_session, pairs.fixed_session))
    )


def _ids_in_words(session: Session, selection: Bools, limit: int = 5) -> str:
    ids = session.roi_ids[selection].tolist()
    listed = ", ".join(map(str, ids[:limit])) + (", ..." if len(ids) > limit else "")
    return f"ROI id {listed}" if len(ids) == 1 else f"each of {len(ids)} ROIs (ids {listed})"


# ---- writing


def _pair_entry(result: MatchResult, fixed: int, moving: int, ids: Sequence[Ints64]) -> dict[str, Any]:
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


def _pair_list(pairs: RoiPairs, fixed_ids: Ints64, moving_ids: Ints64) -> list[dict[str, Any]]:
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
