"""Read tables of other tools without running code that they contain."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...arrays import Array, Floats
from ...errors import InputError

MISSING = ("", "none", "nan", "na", "n/a", "<na>", "null")  #: words that mean that there is no ROI, in lower case


def read_table(path: Path, delimiter: str | None = None) -> tuple[list[str], list[list[str]]]:
    """Read the titles and the rows of a text table; each row has as many values as there are titles.

    By default the delimiter is the one of comma, semicolon and tab that occurs most often in the first line.

    Raises
    ------
    InputError
        If the file is missing, is no text, or has a row with more or fewer values than titles.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        first = text.split("\n", 1)[0]
        reader = csv.reader(text.splitlines(), delimiter=delimiter or max(",;\t", key=first.count))
        lines = [line for line in reader if len(line) > 1 or "".join(line).strip()]
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file.") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}).") from error
    except (ValueError, csv.Error) as error:
        raise InputError(f"{path}: is no text table ({error}); give the table as a .csv file.") from None
    if not lines:
        raise InputError(f"{path}: is empty; give a table with a line of titles.")
    titles, rows = [title.strip() for title in lines[0]], lines[1:]
    for number, row in enumerate(rows):
        if len(row) != len(titles):
            raise InputError(
                f"{path}: row {number + 1} has {len(row)} values, but there are {len(titles)} titles; give one row per "
                "cell and one column per session."
            )
    return titles, rows


def numbers_in(words: Sequence[Sequence[str]] | Sequence[str], where: str) -> Floats:
    """Words as numbers, NaN if a word means that there is none; raises an InputError for other words."""
    texts = np.array(words, str)
    flat = [text.strip() for text in texts.ravel().tolist()]
    try:
        values = [np.nan if text.lower() in MISSING else _number(text) for text in flat]
    except ValueError as error:
        word = str(error).partition(": ")[2]
        raise InputError(
            f"{where}: {word} is no number; give ROI numbers, and no text where a cell has no ROI."
        ) from None
    return np.array(values, float).reshape(texts.shape)


def _number(text: str) -> float:
    """A text as a number; unlike `float`, this does not accept 0_15, which may be the ROI 15 of plane 0."""
    if "_" in text:
        raise ValueError(f"could not convert string to float: {text!r}")
    return float(text)


def as_table(values: Any, where: str) -> Floats:
    """Values as a table with one row per cell and one column per session; raises an InputError if they are not."""
    try:
        table = np.asarray(values, float)
    except (TypeError, ValueError):
        raise InputError(f"{where}: holds values that are not numbers; give the file as the tool wrote it.") from None
    if table.ndim != 2:
        raise InputError(
            f"{where}: holds no table of cells and sessions, but an array of {table.ndim} dimensions; give the file as "
            "the tool wrote it."
        )
    return table


def read_npy(path: Path, allow_pickle: bool = False, name: str = "") -> Array:
    """The array in a .npy file, or the array called `name` in a .npz file.

    Raises
    ------
    InputError
        If the file cannot be read, or holds pickled objects although `allow_pickle` is False.
    """
    try:
        loaded = np.load(path, allow_pickle=allow_pickle)
        return np.asarray(loaded[name] if name and not isinstance(loaded, np.ndarray) else loaded)
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file.") from None
    except Exception as error:  # unpickling and NumPy's reader raise many kinds of exceptions
        if not allow_pickle and "pickle" in str(error):
            raise InputError(
                f"{path}: holds pickled objects, which can run programs when they are read, or is no NumPy file; "
                "give the same numbers in another of the formats that `ndx-match import --help` lists."
            ) from None
        raise InputError(
            f"{path}: cannot be read as a NumPy file ({error}); give the file as the tool wrote it."
        ) from None
