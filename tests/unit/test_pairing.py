"""Which planes of several sessions are taken for one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ndx_match.errors import InputError
from ndx_match.sources.pairing import Pairing, RecordedPlane, pair_planes


def planes(**sessions: dict[str, float | None]) -> list[RecordedPlane]:
    """Of each session, the depths of its planes."""
    return [
        RecordedPlane(session, name, depth) for session, depths in sessions.items() for name, depth in depths.items()
    ]


def members(pairing: Pairing) -> dict[str, list[str]]:
    return {plane.name: [f"{m.session}.{m.name}" for m in plane.members] for plane in pairing.planes}


def test_planes_of_the_same_name_are_one():
    pairing = pair_planes(planes(a={"deep": 300, "upper": 100}, b={"upper": 108, "deep": 295}))
    assert members(pairing) == {"deep": ["a.deep", "b.deep"], "upper": ["a.upper", "b.upper"]}
    assert pairing.warnings == ()


def test_a_depth_that_is_not_known_agrees_with_any():
    assert members(pair_planes(planes(a={"p": None}, b={"p": 100}, c={"p": None}))) == {"p": ["a.p", "b.p", "c.p"]}
    assert members(pair_planes(planes(a={"p": None}, b={"p": None}))) == {"p": ["a.p", "b.p"]}


def test_planes_of_other_names_are_paired_by_depth_the_nearest_first():
    pairing = pair_planes(planes(a={"0": 100, "1": 112}, b={"x": 111, "y": 101}))
    assert members(pairing) == {"0": ["a.0", "b.y"], "1": ["a.1", "b.x"]}
    assert "a 0 (100 um), b y (101 um)" in pairing.warnings[0]


def test_the_tolerance_decides():
    recorded = planes(a={"p": 100}, b={"p": 120})
    with pytest.raises(
        InputError, match=r"within 15 um\): a has p \(100 um\), b has p \(120 um\); .*`depth_tolerance`"
    ):
        pair_planes(recorded)
    assert members(pair_planes(recorded, 20)) == {"p": ["a.p", "b.p"]}
    with pytest.raises(InputError):
        pair_planes(recorded, 19.9)
    for senseless in (-1, float("nan")):
        with pytest.raises(InputError, match="is not 0 or more"):
            pair_planes(recorded, senseless)


def test_one_depth_that_differs_is_set_apart_and_reported():
    pairing = pair_planes(planes(a={"p": 100}, b={"p": 300}, c={"p": 104}))
    assert members(pairing) == {"p": ["a.p", "c.p"]}
    assert pairing.warnings == (
        "The plane p is missing in b and is matched in the other sessions.",
        "b: the plane p (300 um) is not matched, because the depths of the planes of this name differ by more than 15 "
        "um (a 100 um, c 104 um); raise --depth-tolerance to match them anyway.",
    )


def test_names_that_were_swapped_give_way_to_depths():
    pairing = pair_planes(planes(a={"0": 100, "1": 300}, b={"0": 300, "1": 100}))
    assert members(pairing) == {"0": ["a.0", "b.1"], "1": ["a.1", "b.0"]}
    assert len(pairing.warnings) == 2


def test_planes_that_some_sessions_lack():
    pairing = pair_planes(planes(a={"p": 100, "q": 200}, b={"p": 100}, c={"p": 100, "q": 200, "r": 400}))
    assert members(pairing) == {"p": ["a.p", "b.p", "c.p"], "q": ["a.q", "c.q"]}
    assert pairing.warnings == (
        "The plane q is missing in b and is matched in the other sessions.",
        "c: the plane r (400 um) is in no other session, so it is not matched.",
    )


def test_two_planes_of_one_name_are_told_apart_by_depth():
    pairing = pair_planes(planes(a={"p": 100}, b={"p": 102}, c={"p": 300}, d={"p": 301}))
    assert members(pairing) == {"p_100um": ["a.p", "b.p"], "p_300um": ["c.p", "d.p"]}


def test_names_are_fit_for_a_file():
    assert list(members(pair_planes(planes(a={"V1 / 2:3": 1, "ü": 50}, b={"V1 / 2:3": 1, "ü": 50})))) == [
        "V1-2-3",
        "plane",
    ]


recordings = st.lists(
    st.dictionaries(st.sampled_from("pqrs"), st.one_of(st.none(), st.integers(0, 60).map(float)), min_size=1),
    min_size=2,
    max_size=4,
).map(lambda sessions: planes(**{f"s{k}": depths for k, depths in enumerate(sessions)}))


@given(recordings, st.sampled_from([0.0, 5.0, 20.0]))
def test_each_plane_is_matched_at_most_once_and_within_tolerance(recorded: list[RecordedPlane], tolerance: float):
    try:
        pairing = pair_planes(recorded, tolerance)
    except InputError:
        return
    matched_planes = [member for plane in pairing.planes for member in plane.members]
    assert len(matched_planes) == len(set(matched_planes))
    assert set(matched_planes) <= set(recorded)
    assert len({plane.name for plane in pairing.planes}) == len(pairing.planes)
    for plane in pairing.planes:
        assert len({member.session for member in plane.members}) == len(plane.members) > 1
        depths = [member.depth for member in plane.members if member.depth is not None]
        assert not depths or max(depths) - min(depths) <= tolerance
    for alone in set(recorded) - set(matched_planes):
        assert any(f"{alone.session}: the plane {alone} " in warning for warning in pairing.warnings)
