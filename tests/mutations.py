"""Valid HDF5 files and JSON texts in which something is changed at random, but always the same way for a seed."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import h5py
import numpy as np

TEXTS = ("", "x", "two\nlines", "0", "nan", "x" * 500, "/", "../x", "\u00b5m", "{}")
NUMBERS: tuple[Any, ...] = (0, -1, 1, 3, 2**31, 2**40, -(2**63), 0.5, -0.5, 1e300, float("nan"), float("inf"))
#: JSON itself has no infinite numbers, but Python reads and writes them, and numbers of any length.
JSON_VALUES: tuple[Any, ...] = (
    None, True, False, "false", "", "x", "1", [], {}, [[]], [1], {"x": 1}, 10**400, *NUMBERS,
)  # fmt: skip
DECLARED = (200_000, 200_000)  #: rows and columns of data that are stated to be there, of which none is stored
LEFT_ALONE = ("specifications",)


def mutate_file(path: Path, rng: Random) -> str:
    """Change one to three things of an HDF5 file; returns what was done."""
    done = []
    with h5py.File(path, "r+") as file:
        for _ in range(rng.choice((1, 1, 2, 3))):
            names = _names(file)
            name = rng.choice([each for each in names if isinstance(file[each], h5py.Dataset)] * 2 + names)
            item = file[name]
            changes: list[Callable[[h5py.File, str, Random], object]] = [_delete, _rename, _replace_attribute]
            if isinstance(item, h5py.Dataset):
                changes += [_replace_data] * 5 + [_link_to_another, _make_group]
            else:
                changes += [_delete_attribute, _link_to_nothing, _make_dataset]
            change = rng.choice(changes)
            done.append(f"{change.__name__} {name}: {change(file, name, rng)}")
    return "; ".join(done)


def mutate_json(content: Any, rng: Random) -> tuple[str, str]:
    """The text of a JSON value in which one to three values are changed or left out, and what was done."""
    content = copy.deepcopy(content)
    done = []
    for _ in range(rng.choice((1, 1, 2, 3))):
        places = list(_places(content))
        if not places:
            break
        parent, key = rng.choice(places)
        if rng.random() < 0.2:
            done.append(f"without {key}")
            del parent[key]
        elif rng.random() < 0.1 and isinstance(parent, list):
            done.append(f"{key} twice")
            parent.append(parent[key])
        else:
            value = rng.choice(JSON_VALUES)
            done.append(f"{key}: {str(value)[:30]}")
            parent[key] = value
    text = json.dumps(content)
    if rng.random() < 0.05:
        done.append("cut")
        text = text[: rng.randrange(len(text))]
    return text, "; ".join(done)


def _places(content: Any) -> Any:
    """Every value below: its parent and its key."""
    items = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for key, value in list(items):
        yield content, key
        yield from _places(value)


def _names(file: h5py.File) -> list[str]:
    names: list[str] = []
    file.visit(names.append)
    return [name for name in names if name.split("/")[0] not in LEFT_ALONE and name in file]


def _delete(file: h5py.File, name: str, _: Random) -> None:
    del file[name]


def _rename(file: h5py.File, name: str, _: Random) -> None:
    file.move(name, f"{name}_x")


def _delete_attribute(file: h5py.File, name: str, rng: Random) -> str:
    key = rng.choice([*file[name].attrs] or [""])
    if key:
        del file[name].attrs[key]
    return key


def _replace_attribute(file: h5py.File, name: str, rng: Random) -> str:
    key = rng.choice([*file[name].attrs] or ["x"])
    arrays = (np.array([1.0, np.nan]), np.array(["a", "a"], dtype=object), h5py.Empty("f4"))
    value: Any = rng.choice([*TEXTS, *NUMBERS, *arrays])
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        value = float(value)
    if isinstance(value, np.ndarray) and value.dtype == object:
        file[name].attrs.create(key, value, dtype=h5py.string_dtype())
    else:
        file[name].attrs[key] = value
    return f"{key} = {value!r}"[:60]


def _link_to_nothing(file: h5py.File, name: str, _: Random) -> None:
    del file[name]
    file[name] = h5py.SoftLink("/nowhere")


def _link_to_another(file: h5py.File, name: str, rng: Random) -> str:
    other = rng.choice([each for each in _names(file) if isinstance(file[each], h5py.Dataset)])
    data = file[other]
    del file[name]
    file[name] = data
    return other


def _make_group(file: h5py.File, name: str, _: Random) -> None:
    attributes = dict(file[name].attrs)
    del file[name]
    file.create_group(name).attrs.update(attributes)


def _make_dataset(file: h5py.File, name: str, _: Random) -> None:
    attributes = {key: value for key, value in file[name].attrs.items() if not isinstance(value, h5py.Reference)}
    del file[name]
    file.create_dataset(name, data=np.arange(3.0)).attrs.update(attributes)


def _replace_data(file: h5py.File, name: str, rng: Random) -> str:
    """Other values, another type or another shape; the attributes stay."""
    dataset = file[name]
    data = dataset[()]
    made = rng.choice(_NEW_DATA)
    try:
        new = made(np.asarray(data), rng)
    except (TypeError, ValueError, IndexError):  # not for this type or shape
        made, new = _empty, np.zeros(0)
    attributes = dict(dataset.attrs)
    fresh = f"{name}_new"
    if made is _declared:
        rank = max(1, np.ndim(data))
        shape = (2, *DECLARED)[-rank:] if rank <= 3 else DECLARED
        file.create_dataset(fresh, shape, "f4", chunks=tuple(min(n, 1000) for n in shape))
    elif new.dtype.kind in "OUS":
        if new.dtype.kind == "O" and h5py.check_ref_dtype(dataset.dtype):
            file.create_dataset(fresh, data=new, dtype=h5py.ref_dtype)
        else:
            texts = [each.decode() if isinstance(each, bytes) else str(each) for each in new.ravel()]
            file.create_dataset(fresh, data=np.array(texts, object).reshape(new.shape), dtype=h5py.string_dtype())
    else:
        file.create_dataset(fresh, data=new)
    file[fresh].attrs.update(attributes)
    del file[name]
    file.move(fresh, name)
    return f"{made.__name__} {new.dtype} {new.shape}"


def _empty(data: np.ndarray, _: Random) -> np.ndarray:
    return data[:0]


def _fewer(data: np.ndarray, _: Random) -> np.ndarray:
    return data[:-1]


def _more(data: np.ndarray, _: Random) -> np.ndarray:
    return np.concatenate([data, data[-1:]])


def _shuffled(data: np.ndarray, rng: Random) -> np.ndarray:
    return data[rng.sample(range(len(data)), len(data))]


def _all_the_same(data: np.ndarray, rng: Random) -> np.ndarray:
    return np.repeat(data[rng.randrange(len(data))][None], len(data), axis=0)


def _zeros(data: np.ndarray, _: Random) -> np.ndarray:
    return np.zeros(data.shape)


def _number_somewhere(data: np.ndarray, rng: Random) -> np.ndarray:
    new = data.astype(float)
    new[tuple(rng.randrange(n) for n in new.shape)] = rng.choice(NUMBERS)
    return new


def _number_of_the_same_type(data: np.ndarray, rng: Random) -> np.ndarray:
    new = data.copy()
    number = rng.choice(NUMBERS)
    with np.errstate(all="ignore"):
        new[tuple(rng.randrange(n) for n in new.shape)] = np.array(number if number == number else 0).astype(new.dtype)
    return new


def _nan(data: np.ndarray, _: Random) -> np.ndarray:
    return np.full(data.shape, np.nan)


def _negative(data: np.ndarray, _: Random) -> np.ndarray:
    return -1.0 - data.astype(float)


def _complex(data: np.ndarray, _: Random) -> np.ndarray:
    return data.astype(complex)


def _texts(data: np.ndarray, rng: Random) -> np.ndarray:
    return np.full(data.shape, rng.choice(TEXTS), dtype=object)


def _booleans(data: np.ndarray, _: Random) -> np.ndarray:
    return data.astype(bool)


def _transposed(data: np.ndarray, _: Random) -> np.ndarray:
    return np.ascontiguousarray(data.T)


def _one_more_axis(data: np.ndarray, _: Random) -> np.ndarray:
    return data[..., None]


def _first(data: np.ndarray, _: Random) -> np.ndarray:
    return np.asarray(data[0])


def _fewer_fields(data: np.ndarray, rng: Random) -> np.ndarray:
    names = list(data.dtype.names)
    names.remove(rng.choice(names))
    return np.array(data[names].tolist(), dtype=[(name, data.dtype[name]) for name in names])


def _declared(data: np.ndarray, _: Random) -> np.ndarray:
    return np.zeros(0)


_NEW_DATA: tuple[Callable[[np.ndarray, Random], np.ndarray], ...] = (
    _empty, _fewer, _more, _shuffled, _all_the_same, _zeros, _number_somewhere, _number_of_the_same_type, _nan,
    _negative, _complex, _texts, _booleans, _transposed, _one_more_axis, _first, _fewer_fields, _declared,
)  # fmt: skip
