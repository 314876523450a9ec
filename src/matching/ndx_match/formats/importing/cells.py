"""Cells in a tool's result, with the tool's own ROI numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...arrays import Bools, Floats, Ints64
from ...errors import InputError
from .reading import ABSENT, Reading

LARGEST = 2.0**53  #: above this, a float, which many formats store, cannot hold every whole number


@dataclass(frozen=True)
class ToolCells:
    """The cells in another tool's result."""

    #: The tool's number of each cell's ROI in each session, shape (n_cells, n_sessions), in the order of the files;
    #: :data:`ABSENT` where a cell has none.
    numbers: Ints64
    reading: Reading  #: what the numbers mean in this format
    #: How many ROIs of each session the tool was given, if its result states it; all of them are then in a cell.
    n_rois: tuple[int, ...] | None = None
    #: Where the tool looked for a cell, shape (n_cells, n_sessions); None if it looked for every cell in every session.
    looked_for: Bools | None = None
    accepted_only: bool = False  #: whether the tool matches only the ROIs that a file accepts
    confidence: Floats | None = None  #: of each cell from 0 to 1, as the tool gives it, shape (n_cells,)
    cell_ids: Ints64 | None = None  #: the tool's numbers of the first of its cells, if it has any, not negative
    warnings: tuple[str, ...] = ()


def whole_numbers(values: npt.ArrayLike, absent: npt.ArrayLike, where: str) -> Ints64:
    """Numbers of ROIs, :data:`ABSENT` where `absent` says so; raises InputError that begins with `where` for others."""
    given = np.asarray(values)
    missing = np.broadcast_to(np.asarray(absent, bool), given.shape)
    if given.dtype.kind not in "biuf":
        raise InputError(f"{where}: the numbers of ROIs are not numbers; give the file as the tool wrote it.")
    present = np.where(missing, 0, given).astype(float)
    wrong = ~(np.isfinite(present) & (np.abs(present) < LARGEST) & (present == np.floor(present)))
    if wrong.any():
        raise InputError(f"{where}: {given[wrong][0]} is no number of an ROI; give the file as the tool wrote it.")
    return np.where(missing, ABSENT, present.astype(np.int64))


def cells_of_labels(
    labels: Sequence[Ints64], where: str, names: Sequence[str], in_words: Callable[[int], str] = str
) -> tuple[Ints64, Ints64]:
    """Cells from the label of each ROI of each session; an ROI with a negative label is a cell of its own.

    Returns
    -------
    numbers : ndarray of int64, shape (n_cells, n_sessions)
        The place of each cell's ROI among the labels of a session, :data:`ABSENT` where it has none; cells with a label
        first, in order of labels.
    ids : ndarray of int64, shape (n_labels,)
        The labels of these.

    Raises
    ------
    InputError
        Two ROIs of one session, whose `names` are given, have one label, which is shown `in_words`.
    """
    ids = np.unique(np.concatenate([np.zeros(0, np.int64), *(each[each >= 0] for each in labels)]))
    blocks = [np.full((len(ids), len(labels)), ABSENT)]
    for position, (each, name) in enumerate(zip(labels, names, strict=True)):
        labelled = np.flatnonzero(each >= 0)
        values, counts = np.unique(each[labelled], return_counts=True)
        if (counts > 1).any():
            label = in_words(int(values[counts > 1][0]))
            raise InputError(
                f"{where}: {label} is the label of several ROIs of {name}; let a cell have one in a session."
            )
        blocks[0][np.searchsorted(ids, each[labelled]), position] = labelled
        alone = np.flatnonzero(each < 0)
        blocks.append(np.full((len(alone), len(labels)), ABSENT))
        blocks[-1][:, position] = alone
    return np.concatenate(blocks), ids
