"""Which files of a batch belong together."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from ndx_match.batch.groups import BatchFile, Group, Grouping, group_files
from ndx_match.batch.inputs import Input
from ndx_match.errors import InputError
from ndx_match.sources import SourceOptions
from ndx_match.sources.planes import PlaneOfFile

START = datetime(2024, 3, 4, tzinfo=timezone.utc)


def readable(name: str, subject: str, day: int = 0, depths: dict[str, float | None] | None = None) -> BatchFile:
    planes = {"plane": None} if depths is None else depths
    planes_in_file = tuple(PlaneOfFile(plane, depth, SourceOptions(plane=plane)) for plane, depth in planes.items())
    return BatchFile(Input(f"/data/{name}.nwb"), subject, START + timedelta(days=day), planes_in_file)


def broken(location: str, subject: str = "") -> BatchFile:
    return BatchFile(Input(location, subject), problem=f"{location}: damaged.")


def files_of(group: Group) -> list[str]:
    return [member.location for member in group.members]


def group(*files: BatchFile, options: SourceOptions | None = None) -> Grouping:
    return group_files(files, options or SourceOptions())


def test_files_are_grouped_by_animal_in_the_order_of_their_dates():
    grouping = group(readable("c", "m1", 3), readable("x", "m2", 1), readable("a", "m1", 5), readable("y", "m2", 0))
    assert [each.name for each in grouping.groups] == ["sub-m1_plane-plane", "sub-m2_plane-plane"]
    assert files_of(grouping.groups[0]) == ["/data/c.nwb", "/data/a.nwb"]
    assert files_of(grouping.groups[1]) == ["/data/y.nwb", "/data/x.nwb"]
    assert grouping.notes == ()


def test_each_plane_is_a_group_and_one_of_a_single_session_a_note():
    first = readable("a", "m", 0, {"top": 100.0, "deep": 300.0})
    second = readable("b", "m", 1, {"top": 104.0, "lower": 305.0, "lost": 700.0})
    grouping = group(first, second)
    assert {each.plane: len(each.members) for each in grouping.groups} == {"top": 2, "deep": 2}
    deep = next(each for each in grouping.groups if each.plane == "deep")
    assert [member.options.plane for member in deep.members] == ["deep", "lower"]
    assert len(grouping.notes) == 1
    assert "lost" in grouping.notes[0]


def test_a_single_session_is_a_note():
    grouping = group(readable("a", "m1"))
    assert grouping.groups == ()
    assert "/data/a.nwb" in grouping.notes[0]


@pytest.mark.parametrize("subject", ["mouse 1", "mouse.1"])
def test_a_broken_file_is_a_problem_of_the_animal_in_its_name(subject: str):
    grouping = group(
        readable("a", subject),
        readable("b", subject),
        broken("/data/sub-mouse-1/c.nwb"),
        readable("d", "m"),
        readable("e", "m"),
    )
    problems = {each.subject: each.problem for each in grouping.groups}
    assert problems == {subject: "/data/sub-mouse-1/c.nwb: damaged.", "m": ""}


def test_a_broken_file_of_an_unknown_animal_is_a_problem_of_its_own():
    grouping = group(readable("a", "m"), readable("b", "m"), broken("/data/c.nwb"))
    assert [(each.name, bool(each.problem)) for each in grouping.groups] == [("c", True), ("sub-m_plane-plane", False)]


def test_a_broken_file_is_a_problem_of_the_animal_that_was_matched_with_it():
    """Another animal that was matched with a file of this name still has its own."""
    files = [readable(name, name[0]) for name in ("m/1", "m/2", "n/2", "n/3")]
    matched = {"m": {"1.nwb", "2.nwb", "3.nwb"}, "n": {"2.nwb", "3.nwb"}}
    grouping = group_files([*files, broken("/data/m/3.nwb")], SourceOptions(), matched=matched)
    assert {each.subject: each.problem for each in grouping.groups} == {"m": "/data/m/3.nwb: damaged.", "n": ""}


def test_files_without_subject_are_not_mixed():
    grouping = group(readable("a", ""), readable("b", ""))
    assert [each.members for each in grouping.groups] == [(), ()]
    assert all("no subject" in each.problem for each in grouping.groups)
    (together,) = group_files([readable("a", ""), readable("b", "")], SourceOptions(), "m").groups
    assert len(together.members) == 2


def test_names_of_match_files_differ():
    names = [
        each.name
        for each in group(*(readable(f"{k}{s}", s) for s in ("m 1", "m/1", "M-1", "m-1") for k in "ab")).groups
    ]
    assert len({name.casefold() for name in names}) == 4
    assert all("/" not in name and " " not in name for name in names)


def test_options_for_files_go_to_these_only():
    options = SourceOptions(mirror=("a.nwb",), transpose_file=(("b.nwb", "masks"),))
    with_options = [
        BatchFile(each.source, each.subject, each.start, (PlaneOfFile("plane", None, options),))
        for each in (readable("a", "m"), readable("b", "m", 1))
    ]
    (plane_group,) = group(*with_options, options=options).groups
    first, second = (member.options for member in plane_group.members)
    assert (bool(first.mirror), first.transpose) == (True, None)
    assert (second.mirror, second.transpose) == ((), "masks")


def test_a_tolerance_that_makes_no_sense():
    with pytest.raises(InputError, match="depth_tolerance"):
        group_files([], SourceOptions(), tolerance=-1)
