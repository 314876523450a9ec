"""Read JSON files, with messages that state what is wrong, and write them so that no partial file is left."""

from __future__ import annotations

import json
import os
from typing import Any

from ..errors import InputError
from ..storage.publish import publish


def read_json(path: str | os.PathLike[str]) -> Any:
    """The content of a JSON file; raises an InputError if it is missing, cannot be read or holds no JSON."""
    try:
        with open(path, encoding="utf-8") as stream:
            return json.load(stream)
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file.") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}).") from error
    except (ValueError, RecursionError) as error:  # also text that is not UTF-8
        raise InputError(f"{path}: holds no JSON ({error}); give the file as it was written.") from None


def write_json(content: object, path: str | os.PathLike[str], overwrite: bool = False) -> None:
    """Write a JSON file; raises an OutputError if it exists and `overwrite` is False, or if it cannot be written."""
    with publish(path, overwrite) as temporary, open(temporary, "w", encoding="utf-8") as stream:
        json.dump(content, stream)
