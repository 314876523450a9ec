"""Read `.npy` files of Python objects without running code that they contain."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import Array
from ..errors import InputError

#: The functions and classes that a pickle may call: those that make arrays, numbers and containers.
_ALLOWED = {
    "builtins": ("complex", "set", "frozenset", "slice", "range", "bytearray"),
    "collections": ("OrderedDict",),
    "_codecs": ("encode",),
    "numpy": ("ndarray", "dtype"),
    **dict.fromkeys(("numpy.core.multiarray", "numpy._core.multiarray"), ("_reconstruct", "scalar")),
    **dict.fromkeys(("numpy.core.numeric", "numpy._core.numeric"), ("_frombuffer",)),
}


class _Other:
    """Stands for an object of any other type, for example a path or a date; its content is dropped."""

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        pass

    def append(self, item: Any) -> None:
        pass

    def __setitem__(self, key: Any, item: Any) -> None:
        pass


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        return super().find_class(module, name) if name in _ALLOWED.get(module, ()) else _Other


def load_array(path: Path) -> Array:
    """The array of a `.npy` file, which may hold Python objects, as Suite2p's files do.

    Only arrays, numbers, texts, lists and dicts are read; other objects are dropped. No code in the file is run.

    Raises
    ------
    InputError
        If the file cannot be read.
    """
    try:
        with open(path, "rb") as file:
            is_first = np.lib.format.read_magic(file) == (1, 0)
            read = np.lib.format.read_array_header_1_0 if is_first else np.lib.format.read_array_header_2_0
            shape, fortran_order, dtype = read(file)
            if not dtype.hasobject:
                file.seek(0)
                return np.asarray(np.load(file, allow_pickle=False))
            array = np.asarray(_Unpickler(file, encoding="latin1").load(), dtype=object)
            return array.reshape(shape, order="F" if fortran_order else "C")
    except OSError as error:
        raise InputError(f"{path}: this file cannot be read ({error.strerror or error}).") from error
    except Exception as error:  # for a damaged file, pickle can raise any exception
        raise InputError(f"{path}: this is no complete .npy file ({error}); copy it again.") from error


def load_dict(path: Path) -> dict[str, Any]:
    """The dict that a `.npy` file holds; raises InputError if it cannot be read or holds no dict."""
    array = load_array(path)
    if array.dtype != object or array.shape != () or not isinstance(array.item(), dict):
        raise InputError(f"{path}: this file holds no settings (a dict); copy it again.")
    return dict(array.item())
