"""Refuse match files that contradict themselves, in one sentence each; checked once, when a file is read."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from hdmf.common import DynamicTableRegion, VectorIndex
from pynwb.ophys import PlaneSegmentation

from ndx_cell_matching import CellMatching, DecisionKind, Presence, RegistrationOutcome

from ..arrays import Array, Floats32
from ..errors import InputError, NdxMatchError
from ..footprints import aligns
from ..sources.images import MOST_WITHOUT_DATA
from ..storage.datasets import text_of
from ..storage.opening import first_line
from .decisions import AUTOMATIC

ROUNDING = 1e-6  #: by which a number may exceed what is possible


class _Contradiction(Exception):
    """What contradicts what: a clause."""


@contextmanager
def contradictions_refused(where: str) -> Iterator[None]:
    """While a match file is read: raise what makes no sense in it as InputError that begins with `where`."""
    try:
        yield
    except (NdxMatchError, OSError, MemoryError):
        raise
    except Exception as error:  # h5py, zarr, hdmf and numpy raise many kinds
        problem = str(error) if isinstance(error, _Contradiction) else f"it cannot be read ({first_line(error)})"
        raise InputError(
            f"{where}: this match file makes no sense: {problem}; write it again with `ndx-match write`."
        ) from error


def check_matching(matching: CellMatching) -> None:
    """Raise what contradicts itself in a result of matching, within :func:`contradictions_refused`.

    Masks are not read, and of images neither: see :func:`checked_image`.
    """
    _check_json(matching)
    names, roi_tables = _check_sessions(matching.sessions)
    counts = [len(table.id) for table in roi_tables]
    _check_cells(matching.cells, names, roi_tables)
    if matching.roi_pairs is not None:
        _check_roi_pairs(matching.roi_pairs, names, counts)
    if matching.registrations is not None:
        _check_registrations(matching.registrations, names)
    if matching.decisions is not None:
        _check_decisions(matching.decisions)
    for name, roi_table in zip(names, roi_tables, strict=True):
        if AUTOMATIC in roi_table.colnames:
            _check_automatic(roi_table, name)


def checked_image(stored: Any, session: str) -> Floats32:
    """The copy of a session's projection image, NaN where it has no data, within :func:`contradictions_refused`."""
    image = np.asarray(stored[:])
    if image.ndim != 2 or not image.size or image.dtype.kind not in "biuf":
        raise _Contradiction(f"the image of the session {session!r} is not one of numbers in rows and columns")
    with np.errstate(over="ignore"):
        image = image.astype(np.float32, copy=False)
    n_lost = int(np.isnan(image).sum())
    if n_lost > MOST_WITHOUT_DATA * image.size or np.isinf(image).any():
        raise _Contradiction(
            f"the image of the session {session!r} holds infinite values, or no data (NaN) in {n_lost} of its "
            f"{image.size} pixels"
        )
    return image


def _check_json(matching: CellMatching) -> None:
    for name in ("parameters", "software"):
        text = getattr(matching, name)
        if name == "software" and not text:
            continue
        try:
            content = json.loads(text)
        except (TypeError, ValueError, RecursionError):
            content = None
        if not isinstance(content, dict):
            raise _Contradiction(f"the attribute {name} is no JSON object")


def _check_sessions(table: Any) -> tuple[list[str], list[PlaneSegmentation]]:
    """The names of the sessions and their ROI tables."""
    names = [text_of(name) for name in _column(table, "session_name").data[:]]
    if not names:
        raise _Contradiction("it has no sessions")
    repeated = [name for name in names if names.count(name) > 1]
    if repeated:
        raise _Contradiction(f"two sessions have the name {repeated[0]!r}")
    for code in ("status", "roi_selection"):
        _numbers(table, code, "iu", (len(names),))
    for name, kinds, shape in (("z_plane", "iu", ()), ("imaging_depth", "f", ()), ("pixel_size", "f", (2,))):
        if name in table.colnames:
            _numbers(table, name, kinds, (len(names), *shape))
    roi_tables: list[PlaneSegmentation] = []
    for position, name in enumerate(names):
        roi_table = _target(table, "roi_table", position, name)
        if not isinstance(roi_table, PlaneSegmentation):
            raise _Contradiction(f"the roi_table of the session {name!r} is no ROI table")
        if any(roi_table is other for other in roi_tables):
            first = names[[roi_table is other for other in roi_tables].index(True)]
            raise _Contradiction(f"the sessions {first!r} and {name!r} have the same ROI table {roi_table.name!r}")
        ids = np.asarray(roi_table.id.data[:])
        if ids.dtype.kind not in "iu" or len(np.unique(ids)) != len(ids):
            raise _Contradiction(f"the ids of the ROIs of the session {name!r} are not whole numbers, each its own")
        if not hasattr(_target(table, "image", position, name), "data"):
            raise _Contradiction(f"the image of the session {name!r} is no image")
        roi_tables.append(roi_table)
    return names, roi_tables


def _target(table: Any, column: str, position: int, session: str) -> Any:
    """What a reference leads to."""
    try:
        found = _column(table, column).data[position]
    except _Contradiction:
        raise
    except Exception as error:  # h5py, hdmf and zarr raise many kinds
        raise _Contradiction(f"the {column} of the session {session!r} leads to nothing") from error
    if found is None:
        raise _Contradiction(f"the {column} of the session {session!r} leads to nothing")
    return found


def _check_cells(table: Any, names: Sequence[str], roi_tables: Sequence[PlaneSegmentation]) -> None:
    ids = np.asarray(table.id.data[:])
    if ids.dtype.kind not in "iu" or len(np.unique(ids)) != len(ids):
        raise _Contradiction("the ids of the cells are not whole numbers, each its own")
    shape = (len(ids), len(names))
    present = np.zeros(shape, bool)
    for position, (name, roi_table) in enumerate(zip(names, roi_tables, strict=True)):
        if name in table.colnames:
            present[:, position] = _members(table[name], name, roi_table, len(ids))
    presence = _numbers(table, "presence", "iu", shape)
    wrong = np.argwhere((presence == Presence.PRESENT) != present)
    if len(wrong):
        cell, position = wrong[0].tolist()
        has = "has an ROI" if present[cell, position] else "has no ROI"
        raise _Contradiction(
            f"the cell {ids[cell]} {has} in the session {names[position]!r}, but its presence there is "
            f"{presence[cell, position]}"
        )
    miscounted = ids[_numbers(table, "n_sessions", "iu", (len(ids),)) != present.sum(axis=1)]
    if len(miscounted):
        raise _Contradiction(f"n_sessions of the cell {miscounted[0]} is not the number of sessions with an ROI of it")
    if "confidence" in table.colnames:
        _fraction(table, "confidence", len(ids))
    if "review" in table.colnames:
        _numbers(table, "review", "iu", (len(ids),))


def _members(column: Any, name: str, roi_table: PlaneSegmentation, n_cells: int) -> Array:
    """Which cells have an ROI in a session."""
    where = f"the column {name!r} of the table of cells"
    if not isinstance(column, VectorIndex) or not isinstance(column.target, DynamicTableRegion):
        raise _Contradiction(f"{where} is no ragged column of references to ROIs")
    if column.target.table is not roi_table:
        raise _Contradiction(f"{where} refers to another ROI table than that of the session")
    ends, rows = np.asarray(column.data[:]), np.asarray(column.target.data[:])
    if ends.shape != (n_cells,) or ends.dtype.kind not in "iu" or rows.ndim != 1 or rows.dtype.kind not in "iu":
        raise _Contradiction(f"{where} does not hold whole numbers for {n_cells} cells")
    counts = np.diff(ends.astype(np.int64), prepend=0)
    if (counts < 0).any() or counts.sum() != len(rows):
        raise _Contradiction(f"the index of {where} does not ascend from 0 to the {len(rows)} rows that it divides")
    if (counts > 1).any():
        raise _Contradiction(f"{where} has several ROIs for one cell")
    _check_rows(rows, len(roi_table.id), where)
    values, times = np.unique(rows, return_counts=True)
    if (times > 1).any():
        raise _Contradiction(f"{where} has the ROI of row {values[times > 1][0]} in several cells")
    return counts == 1


def _check_roi_pairs(table: Any, names: Sequence[str], counts: Sequence[int]) -> None:
    n = len(table.id)
    fixed, moving = _session_numbers(table, names, n)
    if (fixed >= moving).any():
        raise _Contradiction("the fixed session of a pair in roi_pairs does not come before the moving one")
    sides: list[Array] = []
    for side, sessions in (("fixed", fixed), ("moving", moving)):
        rows = _numbers(table, f"{side}_roi_row", "iu", (n,))
        for position, name in enumerate(names):
            _check_rows(rows[sessions == position], counts[position], f"{side}_roi_row of roi_pairs, session {name!r},")
        sides += [sessions, rows.astype(np.int64)]
    sizes = (len(names), max(counts)) * 2
    if n and len(np.unique(np.ravel_multi_index(tuple(sides), sizes))) < n:
        raise _Contradiction("roi_pairs holds a pair of ROIs twice")
    _numbers(table, "accepted", "biu", (n,))
    for name in ("centroid_distance", "cost", "margin"):
        if name in table.colnames:
            _numbers(table, name, "iuf", (n,))
    for name in ("iou", "probability"):
        if name in table.colnames:
            _fraction(table, name, n)


def _check_registrations(table: Any, names: Sequence[str]) -> None:
    n = len(table.id)
    fixed, moving = _session_numbers(table, names, n)
    pairs = list(zip(fixed.tolist(), moving.tolist(), strict=True))
    times = Counter(pairs)
    for first, second in pairs:
        of = f"the registration of the sessions {names[first]!r} and {names[second]!r}"
        if first == second:
            raise _Contradiction(f"{of} is one with itself")
        if times[first, second] > 1:
            raise _Contradiction(f"{of} is there twice")
        if first > second and (second, first) not in times:
            raise _Contradiction(f"{of} is there in one direction only")
    outcomes = _numbers(table, "outcome", "iu", (n,))
    matrices = _numbers(table, "matrix", "iuf", (n, 3, 3)).astype(float)
    displacements = None
    if "displacement" in table.colnames:
        size = np.shape(table["displacement"].data)[1:2]
        displacements = _numbers(table, "displacement", "f", (n, *size, *size, 2))
    for row in np.flatnonzero(np.isin(outcomes, RegistrationOutcome.with_matrix())):
        first, second = pairs[row]
        of = f"the sessions {names[first]!r} and {names[second]!r}"
        if not aligns(matrices[row]):
            raise _Contradiction(f"the matrix that aligns {of} is singular or holds no finite numbers")
        if displacements is not None and not np.isfinite(displacements[row]).all():
            raise _Contradiction(f"the displacement between {of} holds NaN or infinite values")
    for name in ("ssim", "score", "chance_score", "chance_matches"):
        if name in table.colnames:
            _numbers(table, name, "iuf", (n,))


def _check_decisions(table: Any) -> None:
    n = len(table.id)
    for name in ("decision", "kind", "cell_id", "other_cell_id", "roi_id"):
        _numbers(table, name, "iu", (n,))
    _numbers(table, "applied", "biu", (n,))
    kinds = np.asarray(table["kind"].data[:])
    aligning = kinds == DecisionKind.ALIGN
    if aligning.any():
        _column(table, "moving_session_name")
        if not all(aligns(matrix) for matrix in _numbers(table, "matrix", "f", (n, 3, 3))[aligning]):
            raise _Contradiction("a decision on an alignment has a matrix that is singular or holds no finite numbers")


def _check_automatic(roi_table: PlaneSegmentation, session: str) -> None:
    ids = _numbers(roi_table, AUTOMATIC, "iu", (len(roi_table.id),))
    values, times = np.unique(ids[ids >= 0], return_counts=True)
    if (times > 1).any():
        raise _Contradiction(
            f"{AUTOMATIC} of the session {session!r} puts several ROIs in the cell {values[times > 1][0]}"
        )


def _session_numbers(table: Any, names: Sequence[str], n: int) -> tuple[Array, Array]:
    found = []
    for side in ("fixed_session", "moving_session"):
        numbers = _numbers(table, side, "iu", (n,)).astype(np.int64)
        wrong = numbers[(numbers < 0) | (numbers >= len(names))]
        if len(wrong):
            raise _Contradiction(
                f"{side} of {table.name} holds {wrong[0]}, but there are {len(names)} sessions, from 0 on"
            )
        found.append(numbers)
    return found[0], found[1]


def _check_rows(rows: Array, n_rois: int, where: str) -> None:
    wrong = rows[(rows < 0) | (rows >= n_rois)]
    if len(wrong):
        raise _Contradiction(f"{where} holds the row {wrong[0]}, but the ROI table has {n_rois} rows, from 0 on")


def _fraction(table: Any, name: str, n: int) -> None:
    values = _numbers(table, name, "iuf", (n,))
    wrong = values[(values < -ROUNDING) | (values > 1 + ROUNDING)]
    if len(wrong):
        raise _Contradiction(f"the column {name} of {table.name} holds {wrong[0]:g}, which is not between 0 and 1")


def _numbers(table: Any, name: str, kinds: str, shape: tuple[int, ...]) -> Array:
    """A column of the kinds of numbers (of numpy's) and the shape."""
    values = np.asarray(_column(table, name).data[:])
    if values.dtype.kind not in kinds or values.shape != shape:
        what = "numbers" if "f" in kinds else "whole numbers"
        raise _Contradiction(
            f"the column {name} of {table.name} must hold {what} of shape {shape}, not {values.dtype} of shape "
            f"{values.shape}"
        )
    return values


def _column(table: Any, name: str) -> Any:
    if name not in table.colnames:
        raise _Contradiction(f"the table {table.name} has no column {name}")
    return table[name]
