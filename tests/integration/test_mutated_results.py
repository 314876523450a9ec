"""Match files and results of another tool that were changed at random: each is read, or refused in one sentence."""

from __future__ import annotations

import copy
import json
import math
import shutil
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from builders import field_of_view, make_nwbfile, write_nwb
from helpers import run

from ndx_match.errors import NdxMatchError
from ndx_match.formats.nway import nway_output, read_nway_output
from ndx_match.matchfile import read_match_file
from ndx_match.model import MatchedPlane

pytestmark = pytest.mark.slow
N_MUTATIONS = 200
NUMBERS = (0, 1, -1, 255, 2**31 - 1, math.nan, math.inf, 1e300)
JSON_VALUES = (None, "", "false", "1", -1, 0, 10**400, math.inf, math.nan, 1e308, [], {}, [[1]], True, 2**63)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("good")
    inputs = [
        write_nwb(folder / f"{name}.nwb", make_nwbfile(field_of_view((k, k)), session_id=name))
        for k, name in enumerate("abc")
    ]
    run("write", *inputs, "-o", folder / "matches.nwb").succeeded()
    return folder / "matches.nwb"


def mutate_file(file: h5py.File, random: np.random.Generator) -> str:
    """Change one value, type, shape, object or attribute of what a match file holds of a result."""
    names: list[str] = []
    file["processing"].visit(names.append)
    name = names[random.integers(len(names))]
    item = file["processing"][name]
    if random.random() < 0.2 and len(item.attrs):
        attribute = sorted(item.attrs)[random.integers(len(item.attrs))]
        del item.attrs[attribute]
        value = (None, "x", 5, -1, math.nan, h5py.Reference())[random.integers(6)]
        if value is not None:
            item.attrs[attribute] = value
        return f"{name}@{attribute} = {value!r}"
    if isinstance(item, h5py.Group) or random.random() < 0.1:
        del file["processing"][name]
        return f"without {name}"
    values = item[()]
    if random.random() < 0.6 and item.shape and item.size and item.dtype.kind in "iuf":
        number = NUMBERS[random.integers(len(NUMBERS))]
        flat = values.ravel()
        with np.errstate(all="ignore"):
            flat[random.integers(len(flat))] = np.array(number).astype(item.dtype)
        item[...] = flat.reshape(item.shape)
        return f"{name} holds {number}"
    attributes = dict(item.attrs)
    other: Any = (np.zeros(item.shape, complex), np.zeros(0), np.array(3), np.full(item.shape, "a", "S1"))
    del file["processing"][name]
    file["processing"][name] = other[random.integers(4)]
    file["processing"][name].attrs.update(attributes)
    return f"{name} of another type"


@pytest.mark.filterwarnings("ignore")
def test_mutated_match_files(good: Path, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    refused = 0
    for _ in range(N_MUTATIONS):
        path = Path(shutil.copy(good, tmp_path / "m.nwb"))
        with h5py.File(path, "r+") as file:
            change = mutate_file(file, random)
        shown = run("show", path)
        assert shown.code in (0, 2), (change, shown.err)
        if shown.code == 2:
            refused += 1
            assert len(shown.err.splitlines()) == 1, (change, shown.err)
            assert str(path) in shown.err, (change, shown.err)
    assert N_MUTATIONS / 10 < refused < N_MUTATIONS


def mutate_json(content: Any, random: np.random.Generator) -> None:
    """Change or remove one value at a random place."""
    place = content
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = keys[random.integers(len(keys))]
        inner = place[key]
        if not isinstance(inner, dict | list) or not inner or random.random() < 0.15:
            break
        place = inner
    if random.random() < 0.2:
        del place[key]
    else:
        place[key] = JSON_VALUES[random.integers(len(JSON_VALUES))]


def test_mutated_json(good: Path, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    matched: MatchedPlane = read_match_file(good)
    output = nway_output(matched.result, matched.sessions)
    path = tmp_path / "output.json"
    refused: list[str] = []
    for _ in range(N_MUTATIONS):
        content = copy.deepcopy(output)
        mutate_json(content, random)
        path.write_text(json.dumps(content))
        try:
            result = read_nway_output(path, matched.sessions)
        except NdxMatchError as error:
            refused.append(str(error))
        else:
            assert all(np.isfinite(registration.matrix).all() for registration in result.registrations)
    assert all(message.startswith(str(path)) and len(message.splitlines()) == 1 for message in refused)
    assert N_MUTATIONS / 10 < len(refused) < N_MUTATIONS
