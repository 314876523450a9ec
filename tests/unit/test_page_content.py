"""What is put together for the page of a match, and what its first screen says."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import numpy.testing as npt
import pytest
from builders import field_of_view, result_of, session_of

from ndx_match.model import MatchedPlane, MatchResult, Registration, RegistrationOutcome, RoiPairs, Session
from ndx_match.report.outlines import outlines
from ndx_match.report.page.content import days_of, plane_content
from ndx_match.report.page.evidence import distributions, neighbour_distances, support_and_rivals
from ndx_match.report.page.verdict import Verdict, verdict_of

N_SESSIONS = 4


def make_plane(**changes: object) -> MatchedPlane:
    """Four sessions that see the same 18 cells, all of which are matched."""
    field = field_of_view()
    sessions = tuple(session_of(field, f"day {k + 1}") for k in range(N_SESSIONS))
    rows = np.arange(sessions[0].n_rois, dtype=np.int32)
    cells = np.repeat(rows[:, None], N_SESSIONS, axis=1)
    two = [(i, j) for i in range(N_SESSIONS) for j in range(i + 1, N_SESSIONS)]
    pairs = RoiPairs(
        fixed_session=np.repeat([i for i, _ in two], len(rows)).astype(np.int32),
        moving_session=np.repeat([j for _, j in two], len(rows)).astype(np.int32),
        fixed_roi_row=np.tile(rows, len(two)),
        moving_roi_row=np.tile(rows, len(two)),
        centroid_distance=np.full(len(rows) * len(two), 0.5),
        iou=np.full(len(rows) * len(two), 0.9),
        accepted=np.ones(len(rows) * len(two), bool),
    )
    result = MatchResult(
        method="made up",
        method_version="1",
        parameters={},
        cells=cells,
        presence=np.ones(cells.shape, np.uint8),
        roi_pairs=pairs,
        registrations=tuple(Registration(i, j, np.eye(3), chance_matches=2.0) for i, j in two),
        session_status=np.zeros(N_SESSIONS, np.uint8),
    )
    return MatchedPlane(sessions, dataclasses.replace(result, **changes))


def with_registration(number: int, **changes: object) -> MatchedPlane:
    registrations = list(make_plane().result.registrations)
    registrations[number] = dataclasses.replace(registrations[number], **changes)
    return make_plane(registrations=tuple(registrations))


def unmatched(plane: MatchedPlane, session: int, n_rois: int) -> MatchedPlane:
    """The first so many ROIs of a session made cells of their own."""
    cells = plane.result.cells.copy()
    alone = np.full((n_rois, N_SESSIONS), -1, np.int32)
    alone[:, session], cells[:n_rois, session] = cells[:n_rois, session], -1
    cells = np.concatenate([cells, alone])
    presence = (cells >= 0).astype(np.uint8)
    return MatchedPlane(
        plane.sessions, dataclasses.replace(plane.result, cells=cells, presence=presence, cell_ids=None)
    )


class TestVerdict:
    def test_a_match_without_doubts(self) -> None:
        plane = make_plane()
        verdict = verdict_of(plane)
        n = len(plane.result.cells)
        assert verdict == Verdict(
            "good",
            "Matched.",
            f"{n} cells were followed through two or more of 4 sessions.",
            (),
            (
                (f"{n}", "cells followed (in two or more sessions)"),
                (f"{n}", "cells in all 4 sessions"),
                ("4 of 4", "sessions matched"),
                ("6 of 6", "pairs aligned"),
            ),
        )

    @pytest.mark.parametrize(
        ("plane", "reason"),
        [
            (make_plane(warnings=("Something.",)), None),
            (
                make_plane(session_status=np.array([0, 0, 0, 1], np.uint8), status_reasons=("", "", "", "too dim")),
                "Session day 4 is set aside: too dim.",
            ),
            (
                with_registration(0, outcome=RegistrationOutcome.NOT_REGISTERED, reason="no better than chance"),
                "day 1 and day 2: not aligned with each other: no better than chance.",
            ),
            (
                with_registration(5, outcome=RegistrationOutcome.COMPOSED, score=9.0, reason="its own was left out"),
                "day 3 and day 4: aligned by way of other sessions; its own was left out.",
            ),
            (
                unmatched(make_plane(), 2, 15),
                "Session day 3: only 25% of its ROIs were found in another session (the median over sessions is 100%).",
            ),
        ],
    )
    def test_matches_with_doubts(self, plane: MatchedPlane, reason: str | None) -> None:
        verdict = verdict_of(plane)
        assert (verdict.level, verdict.word) == ("doubtful", "Matched, with doubts.")
        assert verdict.reasons == (() if reason is None else (reason,))

    def test_a_pair_that_needed_no_alignment_of_its_own_is_no_doubt(self) -> None:
        assert verdict_of(with_registration(5, outcome=RegistrationOutcome.COMPOSED)).level == "good"

    def test_an_alignment_no_better_than_chance_makes_the_result_useless(self) -> None:
        verdict = verdict_of(with_registration(1, chance_matches=18.0))
        assert (verdict.level, verdict.word) == ("failed", "Do not use these matches.")
        assert verdict.headline.startswith("1 of 6 alignments is probably wrong")
        (reason,) = verdict.reasons
        assert reason.startswith("day 1 and day 3: probably aligned wrongly, because 20 pairs")

    def test_without_any_cell_found_again_the_match_failed(self) -> None:
        cells = np.full((8, N_SESSIONS), -1, np.int32)
        cells[np.arange(8), np.repeat(range(4), 2)] = np.tile([0, 1], 4)
        plane = make_plane(cells=cells, presence=(cells >= 0).astype(np.uint8), cell_ids=None)
        assert verdict_of(plane).level == "failed"
        assert verdict_of(plane).headline == "No cell was found again in any of 4 sessions."


class TestEvidence:
    #: Fixed ROI 0 has two candidates, of which the second in the list is nearer; fixed ROI 1 has one.
    PAIRS = RoiPairs(
        fixed_session=np.array([0, 0, 0, 0], np.int32),
        moving_session=np.array([1, 1, 1, 2], np.int32),
        fixed_roi_row=np.array([0, 0, 1, 0], np.int32),
        moving_roi_row=np.array([0, 1, 0, 0], np.int32),
        centroid_distance=np.array([5.0, 1.0, 2.0, np.inf]),
        iou=np.array([0.1, 0.7, 0.4, 0.2]),
        accepted=np.array([False, True, True, False]),
        probability=np.array([0.2, 0.9, 0.8, 0.6]),
    )

    def test_neighbours_are_measured_after_the_alignment(self) -> None:
        fixed, moving = session_of(field_of_view(), "a"), session_of(field_of_view((5, 3)), "b")
        matrix = np.array([[1, 0, -3], [0, 1, -5], [0, 0, 1.0]])
        nearest, second = neighbour_distances([fixed, moving], [Registration(0, 1, matrix)])
        assert len(nearest) == len(second) > 15
        assert np.median(nearest) < 0.1
        assert second.min() > 10  # the cells are at least 15 pixels apart
        apart = Registration(0, 1, matrix, outcome=RegistrationOutcome.NOT_REGISTERED)
        assert [len(each) for each in neighbour_distances([fixed, moving], [apart])] == [0, 0]

    def test_distributions_count_every_finite_pair_once(self) -> None:
        cells = np.zeros((1, 3), np.int32)
        result = result_of(cells, self.PAIRS)
        counts = {each["name"]: each["counts"] for each in distributions([], result)}
        assert list(counts) == [
            "Intersection over union",
            "Centroid distance (pixels)",
            "Probability of being the same cell",
        ]
        assert [sum(counts["Intersection over union"][group]) for group in ("accepted", "rejected")] == [2, 2]
        assert [sum(counts["Centroid distance (pixels)"][group]) for group in ("accepted", "rejected")] == [2, 1]

    def test_support_and_rivals(self) -> None:
        sessions = [session_of(field_of_view(), name) for name in "abc"]
        n = sessions[0].n_rois
        cells = np.full((3 * n - 2, 3), -1, np.int32)
        cells[0], cells[1] = (0, 1, -1), (1, 0, -1)
        alone = [(k, row) for k in range(3) for row in range(n) if k == 2 or row > 1]
        cells[range(2, 2 + len(alone)), [k for k, _ in alone]] = [row for _, row in alone]
        cells = cells[: 2 + len(alone)]
        result = result_of(cells, self.PAIRS)
        (support, measure, rival), (of_second, *_), (of_third, third_measure, third_rival) = support_and_rivals(
            sessions, result
        )
        npt.assert_allclose(support[:2], [0.9, 0.8])
        npt.assert_allclose(of_second[:2], [0.8, 0.9])
        assert np.isnan(of_third).all()
        assert (measure[0], rival[0]) == (0.6, np.flatnonzero(cells[:, 2] == 0)[0])
        assert (third_measure[0], third_rival[0]) == (0.6, 0)
        assert (measure[5], rival[5]) == (0, -1)


class TestContent:
    def test_it_is_json_without_numbers_that_are_not_finite(self) -> None:
        plane = make_plane(confidence=np.full(len(make_plane().result.cells), np.nan))
        content = json.loads(json.dumps(plane_content(plane), allow_nan=False))
        assert content["cells"] == plane.result.cells.tolist()
        assert content["sure"] == [None] * len(plane.result.cells)
        assert [len(session["outlines"]) for session in content["sessions"]] == [20] * 4
        assert content["pairs"][0]["accepted"] == 20

    def test_images_of_many_pixels_are_made_smaller(self) -> None:
        session = session_of(field_of_view(shape=(1600, 400)), "a")
        result = result_of(np.arange(session.n_rois, dtype=np.int32)[:, None])
        (session_content,) = plane_content(MatchedPlane((session,), result))["sessions"]
        assert session_content["imageScale"] == pytest.approx(1024 / 1600)
        assert session_content["shape"] == [1600, 400]

    def test_days(self) -> None:
        starts = ("2024-03-05T12:00:00+00:00", "2024-03-01T12:00:00Z", "soon", "")
        session = session_of(field_of_view(), "a")
        assert days_of([dataclasses.replace(session, session_start=start) for start in starts]) == [
            4.0,
            0.0,
            None,
            None,
        ]


class TestOutlines:
    @staticmethod
    def session(mask: np.ndarray) -> Session:
        return session_of(dataclasses.replace(field_of_view(shape=mask.shape), masks=mask[None].astype(np.float32)))

    def test_they_go_through_the_outermost_pixels(self) -> None:
        mask = np.zeros((40, 50))
        mask[10:21, 5:31] = 1
        ((polygon,),) = outlines(self.session(mask))
        assert sorted(map(tuple, polygon.tolist())) == [(5, 10), (5, 20), (30, 10), (30, 20)]

    def test_an_roi_may_have_parts_and_specks_are_left_out(self) -> None:
        mask = np.zeros((40, 50))
        mask[10:20, 5:15] = mask[10:20, 25:35] = mask[35, 45] = 1
        (parts,) = outlines(self.session(mask))
        assert sorted(part[:, 0].min() for part in parts) == [5, 25]

    def test_faint_tails_and_empty_masks(self) -> None:
        mask = np.zeros((40, 50))
        assert outlines(self.session(mask)) == [[]]
        mask[5:35, 5:45] = 0.1
        mask[10:20, 10:20] = 1
        ((polygon,),) = outlines(self.session(mask))
        assert (polygon.min(), polygon.max()) == (10, 19)
