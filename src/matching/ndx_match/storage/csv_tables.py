"""Read the tables that users write."""

from __future__ import annotations

import csv
import os
from itertools import zip_longest

from ..errors import InputError


def read_rows(path: str | os.PathLike[str], what: str) -> tuple[list[str], list[dict[str, str]]]:
    """The column names of a CSV table, in lower case, and its rows; spaces at the ends of texts are removed.

    The delimiter is the one of comma, semicolon and tab that occurs most often in the first line. At the ends of rows,
    empty values may be missing or in excess.

    Parameters
    ----------
    path : path
    what : str
        What to call the table in an error message.

    Raises
    ------
    InputError
        The table cannot be read, two of its columns have the same name, or a row has more values than there are
        columns.
    """
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            first = file.readline()
            file.seek(0)
            reader = csv.reader(file, delimiter=max(",;\t", key=first.count), skipinitialspace=True)
            lines = [_without_empty_end([value.strip() for value in line]) for line in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise InputError(f"{path}: {what} cannot be read ({reason}); give a CSV file in UTF-8.") from error
    columns = [name.lower() for name in lines[0]] if lines else []
    for name in columns:
        if columns.count(name) > 1:
            raise InputError(f"{path}: {what} has the column {name!r} {columns.count(name)} times; keep only one.")
    rows = [line for line in lines[1:] if line]
    for row in rows:
        if len(row) > len(columns):
            raise InputError(
                f"{path}: the row {', '.join(row)!r} of {what} has {len(row)} values for {len(columns)} columns; put "
                "values that contain the delimiter in double quotes, and write decimals with a point."
            )
    return columns, [dict(zip_longest(columns, row, fillvalue="")) for row in rows]


def _without_empty_end(values: list[str]) -> list[str]:
    while values and not values[-1]:
        values = values[:-1]
    return values
