"""ROI ids in nway's JSON, in which an id stands for one ROI among the ROIs of all sessions."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ...arrays import Ints64
from ...errors import InputError
from ...model import Session
from ..json_files import read_json

#: For each id in the JSON, (session name, `roi_row`, `roi_id`) of its ROI.
RoiIds = Mapping[int, tuple[str, int, int]]

IDS_FILE = "ids.json"
LARGEST_ID = int(np.iinfo(np.uint32).max)
"""The package stores ids in 32 bits, so that it changes greater ids."""


def json_ids(sessions: Sequence[Session]) -> list[Ints64]:
    """The id of every ROI in nway's JSON.

    These are the ids of the ROI tables if no id occurs twice in all the sessions and every id is from 1 to 2**32 - 1,
    because the package loses an ROI with the id 0 and stores ids in 32 bits. Otherwise all ROIs are numbered 1, 2, 3,
    ... in the order of the sessions.

    Returns
    -------
    list of ndarray of int64, shape (n_rois,)
        One array per session, in the order of `roi_row`.
    """
    roi_ids = np.concatenate([np.zeros(0, np.int64), *(session.roi_ids for session in sessions)])
    if len(np.unique(roi_ids)) == len(roi_ids) and ((roi_ids > 0) & (roi_ids <= LARGEST_ID)).all():
        return [session.roi_ids.astype(np.int64) for session in sessions]
    ends = np.cumsum([session.n_rois for session in sessions])
    return [
        np.arange(end - session.n_rois, end, dtype=np.int64) + 1 for session, end in zip(sessions, ends, strict=True)
    ]


def describe_ids(sessions: Sequence[Session], ids: Sequence[Ints64]) -> RoiIds:
    """The ROI for which each id of :func:`json_ids` stands."""
    return {
        json_id: (session.name, roi_row, roi_id)
        for session, numbers in zip(sessions, ids, strict=True)
        for roi_row, (json_id, roi_id) in enumerate(zip(numbers.tolist(), session.roi_ids.tolist(), strict=True))
    }


def read_ids(path: str | os.PathLike[str]) -> RoiIds:
    """Read `ids.json`.

    Raises
    ------
    InputError
        If the file is missing or does not hold ids.
    """
    return ids_from_json(read_json(path), str(path))


def ids_from_json(content: object, where: str) -> RoiIds:
    """The ids in the content of a JSON file, whose keys are text; raises an InputError that begins with `where`."""
    try:
        if not isinstance(content, dict):
            raise TypeError
        return {int(json_id): _roi_of(roi) for json_id, roi in content.items()}
    except (TypeError, ValueError):
        raise InputError(
            f"{where}: the ROI ids must be an object that holds [session name, roi_row, roi_id] under each id; "
            "give the file as it was written."
        ) from None


def _roi_of(entry: object) -> tuple[str, int, int]:
    """(Session name, `roi_row`, `roi_id`) of an entry; raises ValueError or TypeError if it is something else."""
    if not isinstance(entry, list):
        raise TypeError
    name, roi_row, roi_id = entry
    if not isinstance(name, str) or type(roi_row) is not int or type(roi_id) is not int:
        raise TypeError
    return name, roi_row, roi_id


class RoiLookup:
    """Finds the ROI for which an id in nway's JSON stands.

    `ids` states the ROI of each id; if it is None, the ids are those of the ROI tables. Raises an InputError that
    begins with the file `where` if `ids` names a session or an ROI that is not in `sessions`.
    """

    def __init__(self, sessions: Sequence[Session], ids: RoiIds | None, where: Path) -> None:
        self._names = [session.name for session in sessions]
        self._where = where
        self._rois: dict[int, list[tuple[int, int]]] = {}
        if ids is None:
            for k, session in enumerate(sessions):
                for roi_row, roi_id in enumerate(session.roi_ids.tolist()):
                    self._rois.setdefault(roi_id, []).append((k, roi_row))
        for json_id, (name, roi_row, roi_id) in (ids or {}).items():
            if name not in self._names:
                raise InputError(
                    f"{where}: some of its ROI ids belong to the session {name}, which is not among "
                    f"{', '.join(self._names)}; give the files from which it was made."
                )
            k = self._names.index(name)
            roi_ids = sessions[k].roi_ids
            if not 0 <= roi_row < len(roi_ids) or roi_ids[roi_row] != roi_id:
                raise InputError(
                    f"{where}: its ROI ids state that ROI {roi_id} is in row {roi_row} of session {name}, but it is "
                    "not; give the files, imaging planes and ROI tables from which it was made."
                )
            self._rois[json_id] = [(k, roi_row)]

    def roi(self, json_id: object) -> tuple[int, int]:
        """(Position of the session, `roi_row`) of an id; raises InputError if it does not stand for exactly one ROI."""
        if isinstance(json_id, float) and json_id.is_integer():
            json_id = int(json_id)
        if not isinstance(json_id, int) or isinstance(json_id, bool):
            raise InputError(
                f"{self._where}: the ROI id {repr(json_id)[:40]} is not a whole number; give the file as it "
                "was written."
            )
        rois = self._rois.get(json_id, [])
        if not rois:
            raise InputError(
                f"{self._where}: the ROI id {json_id} is in none of the sessions {', '.join(self._names)}; "
                "give the files from which it was made, and put the "
                f"{IDS_FILE} that was written with nway's input, if there is one, beside it."
            )
        if len(rois) > 1:
            names = " and ".join(self._names[k] for k, _ in rois)
            raise InputError(
                f"{self._where}: the ROI id {json_id} is in {names}, so that it does not identify an ROI; put the "
                f"{IDS_FILE} that was written with nway's input beside it."
            )
        return rois[0]

    def row(self, json_id: object, session: int) -> int:
        """`roi_row` of an id; raises InputError as :meth:`roi` does, and if the ROI belongs to another session."""
        k, roi_row = self.roi(json_id)
        if k != session:
            raise InputError(
                f"{self._where}: the ROI id {json_id} belongs to {self._names[k]}, but stands where ROIs of "
                f"{self._names[session]} are expected; give the files in the order in which they were matched."
            )
        return roi_row
