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
    #: Number of ROIs of each session that the tool was given, if its result states it; each of them is then in a cell.
    n_rois: tuple[int, ...] | None = None
    #: Where the tool looked for a cell, shape (n_cells, n_sessions); None if it looked for every cell in every session.
    looked_for: Bools | None = None
    accepted_only: bool = False  #: whether the tool matches only the ROIs that a file accepts
    confidence: Floats | None = None  #: of each cell, from 0 to 1, as the tool states it, shape (n_cells,)
    cell_ids: Ints64 | None = None  #: the tool's ids of the first of its cells, not negative; None if it has no ids
    warnings: tuple[str, ...] = ()


def whole_numbers(values: npt.ArrayLike, absent: npt.ArrayLike, where: str) -> Ints64:
    """ROI numbers, :data:`ABSENT` where `absent` is True; raises an InputError if others are not whole numbers."""
    numbers = np.asarray(values)
    missing = np.broadcast_to(np.asarray(absent, bool), numbers.shape)
    if numbers.dtype.kind not in "biuf":
        raise InputError(f"{where}: holds values that are no ROI numbers; give the file as the tool wrote it.")
    present = np.where(missing, 0, numbers).astype(float)
    wrong = ~(np.isfinite(present) & (np.abs(present) < LARGEST) & (present == np.floor(present)))
    if wrong.any():
        raise InputError(f"{where}: {numbers[wrong][0]} is no ROI number; give the file as the tool wrote it.")
    return np.where(missing, ABSENT, present.astype(np.int64))


def cells_of_labels(
    labels: Sequence[Ints64], where: str, names: Sequence[str], in_words: Callable[[int], str] = str
) -> tuple[Ints64, Ints64]:
    """Make cells from labels: ROIs with the same label are one cell, an ROI with a negative label is a separate cell.

    Parameters
    ----------
    labels : sequence of ndarray of int64, shape (n_rois,)
        For each session, the label of each ROI.
    where : str
        The beginning of the error message.
    names : sequence of str
        The names of the sessions, for the error message.
    in_words : callable
        Returns the text of a label for the error message.

    Returns
    -------
    numbers : ndarray of int64, shape (n_cells, n_sessions)
        The position of each cell's ROI in the labels of a session, :data:`ABSENT` where it has none. Cells with a
        label come first, in the order of the labels.
    ids : ndarray of int64, shape (n_labels,)
        The labels of these cells.

    Raises
    ------
    InputError
        If two ROIs of a session have the same label.
    """
    ids = np.unique(np.concatenate([np.zeros(0, np.int64), *(each[each >= 0] for each in labels)]))
    blocks = [np.full((len(ids), len(labels)), ABSENT)]
    for position, (each, name) in enumerate(zip(labels, names, strict=True)):
        labelled = np.flatnonzero(each >= 0)
        values, counts = np.unique(each[labelled], return_counts=True)
        if (counts > 1).any():
            label = in_words(int(values[counts > 1][0]))
            raise InputError(
                f"{where}: {label} is the label of several ROIs of the session {name}; correct the labels so that each "
                "cell has at most one ROI in a session."
            )
        blocks[0][np.searchsorted(ids, each[labelled]), position] = labelled
        alone = np.flatnonzero(each < 0)
        blocks.append(np.full((len(alone), len(labels)), ABSENT))
        blocks[-1][:, position] = alone
    return np.concatenate(blocks), ids
