"""nway's JSON: what the package is given, and what is made of its output."""

from __future__ import annotations

import errno
import json
import math
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse
from builders import field_of_view, session_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from ndx_match.errors import InputError, OutputError
from ndx_match.formats import import_result
from ndx_match.formats.nway import read_ids, read_nway_output, write_nway_input, write_nway_output
from ndx_match.methods import match
from ndx_match.model import (
    MatchResult,
    Presence,
    Registration,
    RegistrationOutcome,
    RoiPairs,
    Session,
    SessionStatus,
)
from ndx_match.presence import presence_codes


def make_session(name: str, roi_ids: list[int], empty: tuple[int, ...] = (), shape: tuple[int, int] = (12, 20)):
    """A session of 2 x 2 masks side by side, some of them empty."""
    masks = np.zeros((len(roi_ids), *shape), np.float32)
    for row in range(len(roi_ids)):
        if row not in empty:
            masks[row, 1:3, 1 + 2 * row : 3 + 2 * row] = 0.5
    image = np.arange(shape[0] * shape[1], dtype=np.float32).reshape(shape)
    return Session(
        name, image, scipy.sparse.csr_array(masks.reshape(len(roi_ids), image.size)), np.array(roi_ids, np.int64)
    )


def pair(fixed, moving, matches=(), rejected=()):
    def entries(pairs):
        return [
            {"fixed": f, "moving": m, "distance": 1.5, "iou": 0.25, "cost": 0.9, "something_new": 1} for f, m in pairs
        ]

    return {
        "fixed_experiment": fixed,
        "moving_experiment": moving,
        "transform": {
            "best_registration": ["Crop", "CLAHE", "ECC"],
            "matrix": [[1, 0, 3], [0, 1, 2], [0, 0, 1]],
            "properties": {},
            "transform_type": "MOTION_EUCLIDEAN",
        },
        "matches": entries(matches),
        "rejected": entries(rejected),
        "unmatched": {"fixed": [], "moving": []},
    }


def write(path: Path, groups, pairs) -> Path:
    path.write_text(json.dumps({"nway_matches": groups, "pairwise_results": pairs, "nway_warp_overlay_plot": "x.png"}))
    return path


TWO = (make_session("monday", [11, 12, 13]), make_session("tuesday", [21, 22]))
TWO_OUTPUT = ([[11, 22], [12], [13], [21]], [pair(0, 1, matches=[(11, 22)], rejected=[(12, 21)])])


def experiments_of(path: Path):
    return json.loads(path.read_text())["experiment_containers"]["ophys_experiments"]


# ---- input


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_every_mask_pixel_arrives_where_it_was(tmp_path, data):
    shape = data.draw(st.tuples(st.integers(1, 9), st.integers(1, 9)))
    pixels = st.lists(st.booleans(), min_size=shape[0] * shape[1], max_size=shape[0] * shape[1])
    masks = np.array(data.draw(st.lists(pixels, min_size=1, max_size=4)), bool)
    session = Session(
        "a", np.zeros(shape, np.float32), scipy.sparse.csr_array(masks * np.float32(0.1)), np.arange(len(masks)) + 7
    )

    written = write_nway_input([session], tmp_path)

    painted = {}
    for roi in experiments_of(written.input_json)[0]["cell_rois"]:
        mask = np.array(roi["mask_matrix"])
        assert mask.shape == (roi["height"], roi["width"])
        assert all(edge.any() for edge in (mask[0], mask[-1], mask[:, 0], mask[:, -1]))
        canvas = np.zeros(shape, bool)
        canvas[roi["y"] : roi["y"] + roi["height"], roi["x"] : roi["x"] + roi["width"]] = mask
        painted[written.ids[roi["id"]][1]] = canvas.ravel()
    left_out = {row for _, row in written.left_out}
    assert set(painted) | left_out == set(range(len(masks)))
    for row, mask in enumerate(masks):
        assert mask.any() != (row in left_out)
        if row in painted:
            np.testing.assert_array_equal(painted[row], mask)


def test_images_are_scaled_to_8_bits_and_truncated(tmp_path):
    image = np.array([[100.0, 150.0], [199.9, 200.0]], np.float32)
    session = Session("a", image, scipy.sparse.csr_array((0, 4), dtype=np.float32), np.zeros(0, np.int64))
    written = write_nway_input([session], tmp_path)
    with Image.open(written.images[0]) as png:
        assert png.mode == "L"
        np.testing.assert_array_equal(np.array(png), [[0, 127], [254, 255]])


def test_image_paths_are_absolute_also_for_a_relative_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("prepared").mkdir()
    written = write_nway_input(TWO, "prepared")
    for experiment in experiments_of(written.input_json):
        path = Path(experiment["ophys_average_intensity_projection_image"])
        assert path.is_absolute()
        assert path.is_file()


def test_roi_ids_of_the_tables_are_kept_where_they_can_serve(tmp_path):
    written = write_nway_input(TWO, tmp_path)
    assert [[roi["id"] for roi in e["cell_rois"]] for e in experiments_of(written.input_json)] == [
        [11, 12, 13],
        [21, 22],
    ]
    assert [e["id"] for e in experiments_of(written.input_json)] == [0, 1]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param([1, 2], [2, 3], id="restart in each file"),
        pytest.param([0, 1], [2, 3], id="zero"),
        pytest.param([-5, 1], [2, 3], id="negative"),
        pytest.param([1, 2**32], [2, 3], id="beyond 32 bits"),
    ],
)
def test_roi_ids_are_invented_where_the_tables_own_cannot_serve(tmp_path, first, second):
    sessions = [make_session("a", first), make_session("b", second)]
    written = write_nway_input(sessions, tmp_path)
    assert [roi["id"] for e in experiments_of(written.input_json) for roi in e["cell_rois"]] == [1, 2, 3, 4]
    assert read_ids(written.ids_json) == {
        1: ("a", 0, first[0]),
        2: ("a", 1, first[1]),
        3: ("b", 0, second[0]),
        4: ("b", 1, second[1]),
    }


def test_largest_id_that_the_package_keeps_is_kept(tmp_path):
    sessions = [make_session("a", [2**32 - 1]), make_session("b", [1])]
    written = write_nway_input(sessions, tmp_path)
    assert sorted(written.ids) == [1, 2**32 - 1]


def test_roi_without_a_pixel_is_left_out_and_named(tmp_path):
    written = write_nway_input([make_session("a", [1, 2, 3], empty=(1,)), make_session("b", [4])], tmp_path)
    assert written.left_out == ((0, 1),)
    assert [roi["id"] for roi in experiments_of(written.input_json)[0]["cell_rois"]] == [1, 3]


def test_input_needs_a_folder(tmp_path):
    with pytest.raises(OutputError, match=r"missing.*does not exist"):
        write_nway_input(TWO, tmp_path / "missing")


# ---- output of the package


def test_output_becomes_cells_pairs_and_registrations(tmp_path):
    result = read_nway_output(write(tmp_path / "output.json", *TWO_OUTPUT), TWO, {"maximum_distance": 10})

    assert result.method == "import"
    assert result.parameters == {"maximum_distance": 10}
    assert result.cells.tolist() == [[0, 1], [1, -1], [2, -1], [-1, 0]]
    assert result.is_matched.all()
    assert result.warnings == ()
    assert result.confidence is None
    pairs = result.roi_pairs
    assert list(
        zip(pairs.fixed_roi_row.tolist(), pairs.moving_roi_row.tolist(), pairs.accepted.tolist(), strict=True)
    ) == [
        (0, 1, True),
        (1, 0, False),
    ]
    assert pairs.centroid_distance.tolist() == [1.5, 1.5]
    assert pairs.iou.tolist() == [0.25, 0.25]
    assert pairs.cost is not None
    assert pairs.cost.tolist() == [0.9, 0.9]
    assert pairs.probability is None
    (registration,) = result.registrations
    assert registration.steps == ("Crop", "CLAHE", "ECC")
    np.testing.assert_array_equal(registration.matrix, [[1, 0, 3], [0, 1, 2], [0, 0, 1]])
    # ROI 21 lies at (1.5, 1.5) in tuesday, so at (-1.5, -0.5) in monday
    assert result.presence[:, 0].tolist() == [Presence.PRESENT] * 3 + [Presence.OUTSIDE_FIELD]
    assert result.presence[:, 1].tolist() == [
        Presence.PRESENT,
        Presence.NOT_DETECTED,
        Presence.NOT_DETECTED,
        Presence.PRESENT,
    ]


def test_experiment_ids_may_be_any_and_pairs_in_any_order(tmp_path):
    sessions = [make_session("a", [1]), make_session("b", [2]), make_session("c", [3])]
    pairs = [pair(500, 20, matches=[(2, 3)]), pair(900, 20), pair(900, 500, matches=[(1, 2)])]
    result = read_nway_output(write(tmp_path / "o.json", [[1, 2, 3]], pairs), sessions)
    assert [(r.fixed_session, r.moving_session) for r in result.registrations] == [(1, 2), (0, 2), (0, 1)]
    assert result.roi_pairs.fixed_session.tolist() == [0, 1]
    assert result.cells.tolist() == [[0, 0, 0]]


def test_invented_ids_are_brought_back_by_the_file_beside_the_output(tmp_path):
    sessions = [make_session("a", [0, 1]), make_session("b", [0, 1])]
    write_nway_input(sessions, tmp_path)
    output = write(tmp_path / "output.json", [[1, 4], [2], [3]], [pair(0, 1, matches=[(1, 4)])])
    assert read_nway_output(output, sessions).cells.tolist() == [[0, 1], [1, -1], [-1, 0]]


def test_given_ids_are_preferred_to_the_file_beside_the_output(tmp_path):
    sessions = [make_session("a", [0, 1]), make_session("b", [0, 1])]
    write_nway_input(sessions, tmp_path)
    ids = {1: ("a", 1, 1), 2: ("a", 0, 0), 3: ("b", 0, 0), 4: ("b", 1, 1)}
    output = write(tmp_path / "output.json", [[1, 4]], [pair(0, 1)])
    assert read_nway_output(output, sessions, ids=ids).cells.tolist()[0] == [1, 1]


def test_roi_that_the_output_misses_is_kept_and_reported(tmp_path):
    result = read_nway_output(write(tmp_path / "output.json", [[11, 22], [12]], [pair(0, 1)]), TWO)
    assert result.cells.tolist() == [[0, 1], [1, -1], [2, -1], [-1, 0]]
    assert len(result.warnings) == 2
    assert "monday" in result.warnings[0]
    assert "13" in result.warnings[0]
    assert "output.json" in result.warnings[0]
    assert "tuesday" in result.warnings[1]
    assert "21" in result.warnings[1]


def test_roi_without_a_pixel_comes_back_unmatched_and_reported(tmp_path):
    sessions = [make_session("a", [1, 2], empty=(1,)), make_session("b", [3])]
    result = read_nway_output(write(tmp_path / "o.json", [[1, 3]], [pair(0, 1, matches=[(1, 3)])]), sessions)
    assert result.cells.tolist() == [[0, 0], [1, -1]]
    (warning,) = result.warnings
    assert "no mask pixel" in warning
    assert "ROI id 2" in warning


def test_no_group_and_no_pair_leaves_every_roi_alone(tmp_path):
    result = read_nway_output(write(tmp_path / "o.json", [], [pair(0, 1)]), TWO)
    assert (result.cells >= 0).sum(axis=1).tolist() == [1] * 5
    assert len(result.roi_pairs) == 0


def change(**changes):
    content = {"nway_matches": TWO_OUTPUT[0], "pairwise_results": TWO_OUTPUT[1]}
    content = json.loads(json.dumps(content))
    for key, value in changes.items():
        content[key] = value
    return content


def without(*keys: str):
    content = change()
    inner = content
    for key in keys[:-1]:
        inner = inner[key]
        inner = inner[0] if isinstance(inner, list) else inner
    del inner[keys[-1]]
    return content


def with_matrix(matrix):
    return change(pairwise_results=[{**pair(0, 1), "transform": {"best_registration": [], "matrix": matrix}}])


def with_pair(**values):
    entry = pair(0, 1, matches=[(11, 22)])
    entry["matches"][0].update(values)
    return change(pairwise_results=[entry])


@pytest.mark.parametrize(
    "keys",
    [
        ("nway_matches",),
        ("pairwise_results",),
        ("pairwise_results", "fixed_experiment"),
        ("pairwise_results", "moving_experiment"),
        ("pairwise_results", "transform"),
        ("pairwise_results", "transform", "matrix"),
        ("pairwise_results", "transform", "best_registration"),
        ("pairwise_results", "matches"),
        ("pairwise_results", "rejected"),
        ("pairwise_results", "matches", "fixed"),
        ("pairwise_results", "matches", "distance"),
        ("pairwise_results", "matches", "iou"),
    ],
    ids=lambda keys: keys[-1],
)
def test_missing_key_is_named(tmp_path, keys):
    path = tmp_path / "output.json"
    path.write_text(json.dumps(without(*keys)))
    with pytest.raises(InputError, match=rf"output\.json: .*{keys[-1]!r} is missing"):
        read_nway_output(path, TWO)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (change(nway_matches=[[11, 99]]), "99 is in none of the sessions monday, tuesday"),
        (change(nway_matches=[[11, "22"]]), "'22' is not a whole number"),
        (change(nway_matches=[[11, True]]), "True is not a whole number"),
        (change(nway_matches=[[11, 12]]), "two ROIs of session monday"),
        (change(nway_matches=[[11, 21], [11, 22]]), "11 is in more than one group"),
        (change(nway_matches=[11, 22]), "must be a list of ROI ids"),
        (change(nway_matches={"a": 1}), "'nway_matches' must be a list"),
        (change(pairwise_results=[pair(0, 1), pair(0, 2), pair(1, 2)]), "3 sessions, but 2 were given"),
        (change(pairwise_results=[pair(0, 1), pair(1, 0)]), "each pair of experiments once"),
        (change(pairwise_results=[pair(0, 1, matches=[(22, 11)])]), "22 belongs to tuesday.*in the order"),
        (change(pairwise_results=[pair(0, 1, matches=[(11, 22), (11, 22)])]), "0 and 1 as a pair twice"),
        (
            change(pairwise_results=[{**pair(0, 1), "transform": {"best_registration": [], "matrix": [1]}}]),
            "does not have 3 x 3 numbers",
        ),
        (with_matrix([[1, 0, 0], [0, 1, 0], [0, 0, "1"]]), 'holds "1", which is no finite number'),
        (with_matrix([[1, 0, 0], [0, 1, 0], [0, 0, math.nan]]), "holds NaN, which is no finite number"),
        (with_matrix([[1, 0, 0], [0, 1, 0], [0, 0, 10**400]]), r"holds 1000*, which is no finite number; "),
        (with_matrix([[1, 0, 0], [0, 1, 0], [0, 0, False]]), "holds false, which is no finite number"),
        (with_matrix([[1, 1, 0], [1, 1, 0], [0, 0, 1]]), "is singular"),
        (with_matrix([[0, 0, 1], [0, 1, 0], [1, 0, 0]]), "is singular"),
        (with_pair(distance="false"), 'distance of a pair .* holds "false", which is no finite number'),
        (with_pair(iou=10**400), "iou of a pair between experiments 0 and 1 holds 1000*, which is no finite number"),
        (with_pair(iou=1.5), "iou of a pair is 1.5, which is not between 0 and 1"),
        (with_pair(probability=-0.1), "probability of a pair is -0.1"),
        (with_pair(cost=[1]), "cost of a pair"),
        (change(nway_matches=[[11, math.inf]]), "inf is not a whole number"),
        (change(nway_matches=[[11, 10**400]]), "ROI id 1000"),
        (change(roi_ids={"11": ["monday", math.inf, 11]}), "the ROI ids must be an object"),
        (change(roi_ids={"11": ["monday", 0, "11"]}), "the ROI ids must be an object"),
        (change(roi_ids={"11": "abc"}), "the ROI ids must be an object"),
        (change(roi_ids={"1e400": ["monday", 0, 11]}), "the ROI ids must be an object"),
        ([1, 2], "must be a JSON object"),
    ],
)
def test_output_that_does_not_fit_is_refused(tmp_path, content, message):
    path = tmp_path / "output.json"
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match=message) as caught:
        read_nway_output(path, TWO)
    assert str(path) in str(caught.value)


def test_id_in_two_sessions_is_ambiguous_without_ids_json(tmp_path):
    sessions = [make_session("a", [0, 1]), make_session("b", [1, 2])]
    path = write(tmp_path / "output.json", [[1], [2]], [pair(0, 1)])
    with pytest.raises(InputError, match=r"ROI id 1 is in a and b.*ids\.json"):
        read_nway_output(path, sessions)


def test_ids_of_other_files_are_refused(tmp_path):
    write_nway_input([make_session("a", [0, 1]), make_session("b", [0, 1])], tmp_path)
    path = write(tmp_path / "output.json", [[1, 3]], [pair(0, 1)])
    with pytest.raises(InputError, match="session b, which is not among a, c"):
        read_nway_output(path, [make_session("a", [0, 1]), make_session("c", [0, 1])])
    with pytest.raises(InputError, match="ROI 1 is in row 1 of session a, but it is not"):
        read_nway_output(path, [make_session("a", [0, 2]), make_session("b", [0, 1])])


@pytest.mark.parametrize("text", ["", "not JSON", '{"nway_matches": ['])
def test_file_that_is_no_json(tmp_path, text):
    path = tmp_path / "output.json"
    path.write_text(text)
    with pytest.raises(InputError, match="holds no JSON"):
        read_nway_output(path, TWO)


def test_missing_file(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_nway_output(tmp_path / "output.json", TWO)


@pytest.mark.parametrize("content", [[1], {"x": ["a", 0, 0]}, {"1": ["a", 0]}, {"1": None}])
def test_ids_file_of_another_kind_is_refused(tmp_path, content):
    (tmp_path / "ids.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"ids\.json: the ROI ids must be"):
        read_ids(tmp_path / "ids.json")


# ---- export


@st.composite
def results(draw):
    """A result of two to four sessions: any cells, some evidence, any registrations."""
    counts = draw(st.lists(st.integers(0, 5), min_size=2, max_size=4))
    restart = draw(st.booleans())
    sessions = [
        make_session(f"s{k}", list(range(n)) if restart else [100 * k + 2 * row + 1 for row in range(n)])
        for k, n in enumerate(counts)
    ]
    cells = []
    free_rows = [list(range(n)) for n in counts]
    while any(free_rows):
        cell = [-1] * len(counts)
        for k in draw(st.sets(st.sampled_from([k for k, rows in enumerate(free_rows) if rows]), min_size=1)):
            cell[k] = free_rows[k].pop(0)
        cells.append(cell)
    cells = np.array(cells, np.int32).reshape(-1, len(counts))

    number = st.floats(0, 1)
    registrations, entries = [], []
    has_probability = draw(st.booleans())
    for fixed, moving in combinations(range(len(counts)), 2):
        matrix = np.eye(3)
        matrix[:2] += np.array(draw(st.lists(number, min_size=6, max_size=6))).reshape(2, 3) / 4
        outcome = draw(st.sampled_from(RegistrationOutcome))
        registered = outcome in RegistrationOutcome.with_matrix()
        registrations.append(
            Registration(
                fixed,
                moving,
                matrix,
                draw(st.sampled_from([(), ("Crop", "ECC"), ("grid search",)])),
                outcome,
                "" if registered else "too faint",
                draw(st.none() | number),
            )
        )
        candidates = [(f, m) for f in range(counts[fixed]) for m in range(counts[moving])]
        if candidates and registered:
            for f, m in sorted(draw(st.sets(st.sampled_from(candidates), max_size=4))):
                entries.append((fixed, moving, f, m, draw(number), draw(number), draw(st.booleans()), draw(number)))
    columns = list(zip(*entries, strict=True)) or [()] * 8
    integers = [np.array(column, np.int32) for column in columns[:4]]
    last = np.array(columns[7], float) if entries else None
    pairs = RoiPairs(
        *integers,
        centroid_distance=np.array(columns[4], float),
        iou=np.array(columns[5], float),
        accepted=np.array(columns[6], bool),
        **({"probability": last, "margin": last} if has_probability else {"cost": last}),
    )
    status = np.array([draw(st.sampled_from(SessionStatus)) for _ in counts], np.uint8)
    reasons = tuple("too dark" if code else "" for code in status)
    presence = presence_codes(cells, sessions, registrations, status)
    ids = np.array(draw(st.permutations(range(7, 7 + len(cells)))), np.int64)
    return MatchResult(
        "any", "1", {}, cells, presence, pairs, tuple(registrations), status, reasons, cell_ids=ids
    ), sessions


def _without_matrix(registration: Registration) -> dict[str, object]:
    return {name: value for name, value in vars(registration).items() if name != "matrix"}


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(made=results())
def test_export_can_be_read_back(tmp_path, made):
    result, sessions = made
    path = tmp_path / "matches.json"
    write_nway_output(result, sessions, path, overwrite=True)
    again = read_nway_output(path, sessions)

    np.testing.assert_array_equal(again.cells, result.cells)
    np.testing.assert_array_equal(again.presence, result.presence)
    np.testing.assert_array_equal(again.cell_ids, result.cell_ids)
    np.testing.assert_array_equal(again.session_status, result.session_status)
    assert again.status_reasons == result.status_reasons
    assert again.warnings == ()
    for name, values in vars(result.roi_pairs).items():
        np.testing.assert_array_equal(getattr(again.roi_pairs, name), values, err_msg=name)
    assert len(again.registrations) == len(result.registrations)
    for ours, theirs in zip(result.registrations, again.registrations, strict=True):
        np.testing.assert_array_equal(ours.matrix, theirs.matrix)
        assert _without_matrix(ours) == _without_matrix(theirs)


def of_three_sessions(**changes: object) -> dict[str, Any]:
    """An output that compares the first session with the second, and the second with the third."""
    return {
        "nway_matches": [[1, 3], [2], [5]],
        "pairwise_results": [pair(0, 1, matches=[(1, 3)]), pair(1, 2)],
        "sessions": [{"name": name, "status_code": 0} for name in "abc"],
        **changes,
    }


THREE = [make_session("a", [1, 2]), make_session("b", [3], shape=(30, 30)), make_session("c", [5])]


def read_content(path: Path, content: dict[str, Any]) -> MatchResult:
    path.write_text(json.dumps(content))
    return read_nway_output(path, THREE)


def test_a_cell_is_not_looked_for_in_a_session_that_is_compared_with_none_of_its_own(tmp_path):
    result = read_content(tmp_path / "o.json", of_three_sessions())
    looked_for = result.presence != Presence.NOT_LOOKED_FOR
    assert looked_for.tolist() == [[True, True, True], [True, True, False], [False, True, True]]
    assert result.presence[1, 1] == Presence.NOT_DETECTED


def test_a_session_that_was_set_aside_is_another_reason(tmp_path):
    status = [{"name": name, "status_code": int(name == "c")} for name in "abc"]
    result = read_content(tmp_path / "o.json", of_three_sessions(sessions=status))
    assert result.presence[:, 2].tolist() == [Presence.NOT_REGISTERED, Presence.NOT_REGISTERED, Presence.PRESENT]


def test_what_is_decided_is_not_read_from_texts(tmp_path):
    plain = of_three_sessions()
    changed = json.loads(json.dumps(plain))
    for entry in changed["sessions"]:
        entry |= {"status": "x", "status_reason": "x"}
    for entry in changed["pairwise_results"]:
        entry["transform"] |= {"reason": "x", "best_registration": ["x"]}
    first, second = (read_content(tmp_path / "o.json", content) for content in (plain, changed))
    for name in ("cells", "cell_ids", "presence", "session_status"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
    assert [r.outcome for r in first.registrations] == [r.outcome for r in second.registrations]


def test_a_code_of_a_newer_version_is_kept(tmp_path):
    status = [{"name": name, "status_code": 7} for name in "abc"]
    assert read_content(tmp_path / "o.json", of_three_sessions(sessions=status)).session_status.tolist() == [7] * 3


def test_cells_that_the_file_does_not_mention_have_ids_that_follow(tmp_path):
    content = of_three_sessions(nway_matches=[[1, 3], []], cell_ids=[40, 50])
    assert read_content(tmp_path / "o.json", content).cell_ids.tolist() == [40, 41, 42]


@pytest.mark.parametrize(
    "change",
    [
        {"cell_ids": [1, 2]},
        {"cell_ids": [1, 1, 2]},
        {"cell_ids": [1, 2, -3]},
        {"cell_ids": [1, 2, 2**63]},
        {"cell_ids": "012"},
        {"sessions": [{"status_code": "matched"}] * 3},
        {"sessions": [{"status_code": 256}] * 3},
    ],
    ids=str,
)
def test_ids_and_codes_that_make_no_sense_are_refused(tmp_path, change):
    with pytest.raises(InputError, match=r"o\.json: .*(cell_ids|is no code of SessionStatus)"):
        read_content(tmp_path / "o.json", of_three_sessions(**change))


def test_export_looks_like_the_packages_output(tmp_path):
    result = read_nway_output(write(tmp_path / "output.json", *TWO_OUTPUT), TWO, {"motion_type": "MOTION_AFFINE"})
    write_nway_output(result, TWO, tmp_path / "export.json")
    content = json.loads((tmp_path / "export.json").read_text())
    assert content["nway_matches"] == [[11, 22], [12], [13], [21]]
    (entry,) = content["pairwise_results"]
    assert (entry["fixed_experiment"], entry["moving_experiment"]) == (0, 1)
    assert entry["matches"] == [{"fixed": 11, "moving": 22, "distance": 1.5, "iou": 0.25, "cost": 0.9}]
    assert entry["rejected"] == [{"fixed": 12, "moving": 21, "distance": 1.5, "iou": 0.25, "cost": 0.9}]
    assert entry["unmatched"] == {"fixed": [13], "moving": []}
    assert entry["transform"] == {
        "best_registration": ["Crop", "CLAHE", "ECC"],
        "matrix": [[1, 0, 3], [0, 1, 2], [0, 0, 1]],
        "properties": {"scale": [1, 1], "shear": 0, "rotation": 0, "translation": [3, 2]},
        "transform_type": "MOTION_AFFINE",
    }


def test_failed_export_leaves_the_old_file(tmp_path, monkeypatch):
    result = read_nway_output(write(tmp_path / "output.json", *TWO_OUTPUT), TWO)
    path = tmp_path / "export.json"
    path.write_text("old")

    def fill_the_disk(content, stream):
        stream.write('{"nway_matches": [')
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(json, "dump", fill_the_disk)
    with pytest.raises(OutputError, match="no space left"):
        write_nway_output(result, TWO, path, overwrite=True)
    assert path.read_text() == "old"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["export.json", "output.json"]


def test_a_result_of_other_files_is_refused_by_where_its_matches_lie(tmp_path):
    rng = np.random.default_rng(0)
    sessions = [session_of(field_of_view(shift), name) for name, shift in (("a", (0, 0)), ("b", (3, 2)))]
    result = match(sessions, "consensus")
    write_nway_output(result, sessions, tmp_path / "o.json")
    content = json.loads((tmp_path / "o.json").read_text())
    del content["roi_ids"]
    (tmp_path / "o.json").write_text(json.dumps(content))
    ids = [np.arange(1, 21), np.arange(21, 41)]
    named = [replace(session, roi_ids=roi_ids) for session, roi_ids in zip(sessions, ids, strict=True)]
    assert import_result("nway", tmp_path / "o.json", named).n_matches[0, 1] == 20
    others = [named[0], replace(named[1], roi_ids=rng.permutation(ids[1]))]
    with pytest.raises(InputError, match=r"o\.json: \d+ of 20 matches of a and b do not have the distances"):
        import_result("nway", tmp_path / "o.json", others)
