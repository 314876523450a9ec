"""Read the tables that users write."""

from __future__ import annotations

import csv
import os

from ..errors import InputError


def read_rows(path: str | os.PathLike[str], what: str) -> tuple[list[str], list[dict[str, str]]]:
    """The column names of a CSV table, in lower case, and its rows; spaces at the ends of texts are removed.

    Parameters
    ----------
    path : path
    what : str
        What to call the table in an error message.

    Raises
    ------
    InputError
        The table cannot be read.
    """
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, skipinitialspace=True)
            columns = [str(name).strip().lower() for name in reader.fieldnames or ()]
            reader.fieldnames = columns
            return columns, [{name: str(row.get(name) or "").strip() for name in columns} for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise InputError(f"{path}: {what} cannot be read ({reason}); give a CSV file in UTF-8.") from error
