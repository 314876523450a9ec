"""JSON files: read with a message that says what is wrong, written whole or not at all."""

from __future__ import annotations

import json
import os
from typing import Any

from ..errors import InputError
from ..storage.publish import publish


def read_json(path: str | os.PathLike[str]) -> Any:
    """The content of a JSON file; raises InputError if it is missing, cannot be read, or holds no JSON."""
    try:
        with open(path, encoding="utf-8") as stream:
            return json.load(stream)
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file.") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}).") from error
    except (ValueError, RecursionError) as error:  # also text that is not UTF-8
        raise InputError(f"{path}: holds no JSON ({error}).") from None


def write_json(content: object, path: str | os.PathLike[str], overwrite: bool = False) -> None:
    """Write a JSON file, whole or not at all; raises OutputError if it cannot, or may not be overwritten."""
    with publish(path, overwrite) as temporary, open(temporary, "w", encoding="utf-8") as stream:
        json.dump(content, stream)
