"""The figures of a match: that they are written, and that what they show is what the result holds."""

from __future__ import annotations

import dataclasses
import itertools

import matplotlib
import matplotlib.image
import numpy as np
import numpy.testing as npt
import pytest
import scipy.sparse
from builders import result_of
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.text import Text
from skimage.color import rgb2lab

from ndx_match.errors import OutputError
from ndx_match.footprints import centroids
from ndx_match.model import MatchResult, Registration, RegistrationOutcome, RoiPairs, Session, cell_of_roi
from ndx_match.report.canvas import FAILURE
from ndx_match.report.cell_map import cell_map_figure, roi_image
from ndx_match.report.colours import cell_colours
from ndx_match.report.figures import pairs_to_draw, write_figures
from ndx_match.report.fraction_matrix import fraction_matrix_figure
from ndx_match.report.fractions import matched_fractions, shared_cell_fractions
from ndx_match.report.group_sizes import group_sizes_figure
from ndx_match.report.images import even_out, overlay, stretch
from ndx_match.report.labels import (
    quality_text,
    registration_file_names,
    short_names,
    transform_text,
)
from ndx_match.report.overlay_matrix import overlay_matrix_figure
from ndx_match.report.registration import registration_figure
from ndx_match.warping import to_8_bit, warp_image

SHAPE = (72, 64)
SHIFT = np.array([3.0, 2.0])  # (x, y) by which each session is displaced against the one before
N_CELLS = 24


def disc(centre: np.ndarray, shape: tuple[int, int], radius: float = 3.0) -> np.ndarray:
    """A mask of 0 and 1 round a centre (x, y)."""
    rows, cols = np.indices(shape)
    return ((cols - centre[0]) ** 2 + (rows - centre[1]) ** 2 <= radius**2).astype(np.float32)


def make_session(name: str, masks: list[np.ndarray], image: np.ndarray, date: str = "") -> Session:
    flat = np.array([mask.ravel() for mask in masks]).reshape(len(masks), image.size)
    return Session(
        name=name,
        image=image.astype(np.float32),
        footprints=scipy.sparse.csr_array(flat.astype(np.float32)),
        roi_ids=np.arange(len(masks)) + 100,
        session_start=date,
    )


def make_case(
    n_sessions: int, names: list[str] | None = None, failed: tuple[int, ...] = ()
) -> tuple[list[Session], MatchResult]:
    """Sessions that see the same cells, each shifted by `SHIFT` against the one before, and the true matches.

    Of each session's cells a fifth is missing. `failed` sessions are registered with none.
    """
    rng = np.random.default_rng(7)
    places = rng.uniform(8, np.array(SHAPE[::-1]) - 8, (N_CELLS, 2))
    texture = rng.normal(size=(3 * SHAPE[0], 3 * SHAPE[1]))
    cells = np.full((N_CELLS, n_sessions), -1, np.int32)
    sessions = []
    for number in range(n_sessions):
        offset = SHIFT * (number % 4)
        cell_rows = np.flatnonzero(rng.random(N_CELLS) < 0.8)
        cells[cell_rows, number] = np.arange(len(cell_rows))
        masks = [disc(places[cell] + offset, SHAPE) for cell in cell_rows]
        x, y = (int(o) for o in offset)
        start = SHAPE[0] - y, SHAPE[1] - x
        image = texture[start[0] : start[0] + SHAPE[0], start[1] : start[1] + SHAPE[1]] + 4 * np.sum(masks, axis=0)
        name = names[number] if names else f"session_{number + 1}"
        sessions.append(make_session(name, masks, image, f"2021-03-{number + 1:02d}T10:00:00+00:00"))
    cells = cells[(cells >= 0).any(axis=1)]
    for number in failed:
        rows = cells[cells[:, number] >= 0, number]
        cells[:, number] = -1
        alone = np.full((len(rows), n_sessions), -1, np.int32)
        alone[:, number] = rows
        cells = np.concatenate([cells[(cells >= 0).any(axis=1)], alone])
    registrations, pairs = [], []
    for fixed, moving in itertools.combinations(range(n_sessions), 2):
        matrix = np.eye(3)
        matrix[:2, 2] = SHIFT * (moving % 4) - SHIFT * (fixed % 4)
        bad = fixed in failed or moving in failed
        reason = "no better than chance" if bad else ""
        registrations.append(Registration(fixed, moving, matrix, ("ECC",), outcome=int(not bad), reason=reason))
        both = cells[(cells[:, fixed] >= 0) & (cells[:, moving] >= 0)]
        pairs += [(fixed, moving, cell[fixed], cell[moving], 0.5, 0.8, True) for cell in both]
    return sessions, make_result(cells, pairs, registrations)


def make_result(cells: np.ndarray, pairs: list[tuple], registrations: list[Registration]) -> MatchResult:
    table = np.array(pairs, float).reshape(-1, 7)
    columns = (*table[:, :4].astype(np.int32).T, table[:, 4], table[:, 5], table[:, 6].astype(bool))
    return result_of(cells, RoiPairs(*columns), registrations)


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text) if text.get_text() and text.get_visible()]


def all_text(figure: Figure) -> str:
    return "\n".join(texts(figure))


def drawn_texts(figure: Figure, monkeypatch: pytest.MonkeyPatch) -> list[Text]:
    """The texts that are really drawn: a figure holds more, for example the labels of hidden axes."""
    drawn: list[Text] = []
    draw = Text.draw
    with monkeypatch.context() as patch:
        patch.setattr(Text, "draw", lambda text, renderer: (drawn.append(text), draw(text, renderer)))
        figure.draw_without_rendering()
    return [text for text in drawn if text.get_visible() and text.get_text().strip()]


def figure_functions(sessions: list[Session], result: MatchResult) -> dict[str, Figure]:
    return {
        "registration": registration_figure(sessions, result, 0, len(sessions) - 1),
        "overlay matrix": overlay_matrix_figure(sessions, result),
        "fraction matrix": fraction_matrix_figure(sessions, result),
        "cell map": cell_map_figure(sessions, result),
        "group sizes": group_sizes_figure(sessions, result),
    }


class TestFractions:
    def test_rejected_rois_are_not_counted_as_unmatched(self):
        # Fixed ROIs 0 and 1 are matched, 2 is rejected, 3 and 4 unmatched; moving 0, 1 matched, 2 unmatched.
        cells = np.array([[0, 0], [1, 1], [2, -1], [3, -1], [4, -1], [-1, 2]], np.int32)
        pairs = [(0, 1, 0, 0, 1, 0.9, 1), (0, 1, 1, 1, 1, 0.9, 1), (0, 1, 2, 1, 4, 0.1, 0)]
        fractions, counts = matched_fractions(make_result(cells, pairs, [Registration(0, 1, np.eye(3))]), [5, 3])
        npt.assert_allclose(fractions, [[1, 2 / 5], [2 / 5, 1]])
        npt.assert_array_equal(counts, [[5, 2], [2, 3]])

    def test_pairs_that_were_not_aligned_have_no_fraction(self):
        cells = np.array([[0, -1, -1], [-1, 0, -1], [-1, -1, 0]], np.int32)
        registrations = [
            Registration(0, 1, np.eye(3)),
            Registration(0, 2, np.eye(3), outcome=RegistrationOutcome.NOT_REGISTERED),
        ]
        fractions, counts = matched_fractions(make_result(cells, [], registrations), [1, 1, 1])
        assert fractions[0, 1] == 0
        assert np.isnan(fractions[0, 2])
        assert np.isnan(fractions[1, 2])
        npt.assert_array_equal(counts, np.eye(3))

    def test_sessions_without_rois_have_no_fraction(self):
        result = make_result(np.zeros((0, 2), np.int32), [], [Registration(0, 1, np.eye(3))])
        assert np.isnan(matched_fractions(result, [0, 0])[0][0, 1])
        assert np.isnan(shared_cell_fractions(result.cells)[0]).all()

    def test_counts_of_another_number_of_sessions_are_refused(self):
        _, result = make_case(3)
        with pytest.raises(ValueError, match="2 ROI counts"):
            matched_fractions(result, [1, 2])

    def test_final_cells(self):
        cells = np.array([[0, 0], [1, -1], [-1, 1], [2, 2]], np.int32)
        fractions, counts = shared_cell_fractions(cells)
        npt.assert_allclose(fractions, [[1, 0.5], [0.5, 1]])
        npt.assert_array_equal(counts, [[3, 2], [2, 3]])


class TestImages:
    def test_8bit_runs_from_minimum_to_maximum_and_truncates(self):
        npt.assert_array_equal(to_8_bit(np.array([[5.0, 6.0, 7.0]])), [[0, 127, 255]])

    @pytest.mark.parametrize("scale", [to_8_bit, stretch, even_out])
    def test_a_constant_image_has_no_nan(self, scale):
        assert np.isfinite(scale(np.full((20, 20), 3, np.float32))).all()

    def test_blank_margins_do_not_take_up_the_contrast(self):
        image = np.random.default_rng(0).uniform(100, 110, (40, 40))
        inside = stretch(image)
        image[:5] = 0
        npt.assert_allclose(stretch(image)[5:], inside[5:], atol=0.05)

    @settings(max_examples=30)
    @given(
        st.integers(-9, 9),
        st.integers(-9, 9),
        st.floats(0.2, 5),
        st.tuples(st.integers(20, 40), st.integers(20, 40)),
    )
    def test_warping_takes_each_fixed_pixel_from_where_the_matrix_says(self, x, y, scale, shape):
        moving = np.random.default_rng(0).random((30, 25)).astype(np.float32)
        # A matrix is defined up to a factor.
        matrix = scale * np.array([[1, 0, x], [0, 1, y], [0, 0, 1.0]])
        warped = warp_image(moving, matrix, shape)
        expected = np.zeros(shape)
        for row, col in np.ndindex(*shape):
            if 0 <= row + y < 30 and 0 <= col + x < 25:
                expected[row, col] = moving[row + y, col + x]
        npt.assert_allclose(warped, expected, atol=1e-4)

    def test_projective_matrices_are_not_cut_to_affine_ones(self):
        moving = np.random.default_rng(0).random((60, 60)).astype(np.float32)
        matrix = np.array([[1, 0, 0], [0, 1, 0], [0.01, 0, 1.0]])
        warped = warp_image(moving, matrix, (60, 60))
        # (x, y) = (50, 30) lies at (50 / 1.5, 30 / 1.5) of the moving image.
        assert warped[30, 50] == pytest.approx(moving[20, 33] * 2 / 3 + moving[20, 34] / 3, abs=0.02)

    def test_agreement_is_grey_in_the_overlay(self):
        image = np.random.default_rng(0).random((5, 6)).astype(np.float32)
        same = overlay(image, image)
        assert (same == same[..., :1]).all()
        npt.assert_array_equal(overlay(image, 0 * image)[..., 1], 0)  # fixed alone: magenta, no green

    def test_evening_out_removes_a_brightness_gradient(self):
        rng = np.random.default_rng(0)
        cells = rng.random((200, 200)) + 1
        image = cells * np.linspace(0.5, 1.5, 200)[None, :]

        def unevenness(picture):
            left, right = picture[:, 20:100].mean(), picture[:, 100:180].mean()
            return abs(left - right) / (left + right)

        assert unevenness(stretch(image)) > 0.25
        assert unevenness(even_out(image)) < 0.1


class TestMasks:
    def test_the_same_cell_has_the_same_colour_where_it_is_in_every_session(self):
        sessions, result = make_case(3)
        matched = result.n_sessions_of_cell > 1
        colours = cell_colours(sessions, result.cells)
        for number, session in enumerate(sessions):
            cell = cell_of_roi(result.cells[:, number], session.n_rois)
            picture = np.append(cell, -1)[roi_image(session, on_top=np.append(matched, False)[cell])]
            for cell in np.flatnonzero(result.cells[:, number] >= 0):
                mask = session.footprints[[result.cells[cell, number]]].toarray().reshape(SHAPE) > 0
                others = picture[mask & (picture != cell)]
                assert (others >= 0).all()  # hidden, if at all, by another cell
                assert (colours[picture[mask & (picture == cell)]] == colours[cell]).all()

    def test_matched_cells_have_colours_of_their_own_and_unmatched_are_white(self):
        sessions, result = make_case(3, failed=(1,))
        colours = cell_colours(sessions, result.cells)
        matched = result.n_sessions_of_cell > 1
        assert 0 < matched.sum() < len(matched)
        assert (colours[~matched] == 1).all()
        assert len(np.unique(colours[matched].round(6), axis=0)) == matched.sum()
        assert (colours[matched].min(axis=1) < 0.9).all()
        npt.assert_array_equal(colours, cell_colours(sessions, result.cells))

    def test_touching_cells_differ_clearly_in_colour(self):
        # A grid of touching ROIs, all of which are in both sessions, as cells in an order of chance.
        masks = [disc(np.array([x, y]), (88, 88)) for y in range(4, 84, 7) for x in range(4, 84, 7)]
        sessions = [make_session(name, masks, np.zeros((88, 88))) for name in "ab"]
        cell_rows = np.random.default_rng(0).permutation(len(masks)).astype(np.int32)
        colours = np.empty((len(masks), 3))
        colours[cell_rows] = cell_colours(sessions, np.stack([cell_rows, cell_rows], axis=1))
        lab = rgb2lab(colours.reshape(12, 12, 3))
        for along in (np.diff(lab, axis=0), np.diff(lab, axis=1)):
            # In CIELAB 2.3 is just noticeable; colours given out in order come as near as 2 to 8.
            assert np.linalg.norm(along, axis=-1).min() > 25

    def test_overlaps_show_matched_rois_and_then_small_ones(self):
        large, small, matched = (disc(np.array([10, 10]), (20, 20), radius) for radius in (6, 3, 4))
        session = make_session("a", [small, large, matched], np.zeros((20, 20)))
        picture = roi_image(session, on_top=np.array([False, False, True]))
        assert picture[10, 10] == 2
        assert picture[10, 15] == 1
        assert picture[0, 0] == -1
        assert roi_image(session, on_top=np.zeros(3, bool))[10, 10] == 0

    def test_faint_tails_of_weighted_footprints_are_left_out(self):
        weights = np.zeros((20, 20), np.float32)
        weights[5, :] = 0.01
        weights[5, 8:11] = 1
        picture = roi_image(make_session("a", [weights], np.zeros((20, 20))), on_top=np.array([True]))
        npt.assert_array_equal(np.argwhere(picture == 0), [[5, 8], [5, 9], [5, 10]])

    def test_cell_of_roi_turns_the_cells_round(self):
        npt.assert_array_equal(cell_of_roi(np.array([2, -1, 0], np.int32), 4), [2, -1, 0, -1])

    def test_centroids_are_xy_and_nan_for_empty_masks(self):
        session = make_session("a", [disc(np.array([12, 5]), (20, 30)), np.zeros((20, 30))], np.zeros((20, 30)))
        npt.assert_allclose(centroids(session.footprints, 30), [[12, 5], [np.nan, np.nan]])


class TestLabels:
    def test_short_names_drop_what_all_share(self):
        names = ["sub-1_ses-775289198_ophys", "sub-1_ses-778015591_ophys"]
        assert short_names(names, 40) == names
        assert short_names(names, 20) == ["775289198", "778015591"]
        assert short_names(["a long name, part 1", "a long name, part 2"], 10) == ["1", "2"]
        assert short_names(["mouse7_monday_afternoon", "mouse8_tuesday_morning"], 11) == ["mouse…rnoon", "mouse…rning"]

    @given(st.lists(st.text("ab_-7", min_size=1, max_size=40), min_size=1, max_size=6, unique=True), st.integers(6, 30))
    def test_short_names_can_be_told_apart(self, names, width):
        shortened = short_names(names, width)
        assert len(set(shortened)) == len(names)
        assert all(len(name) <= max(width + 2, 8) for name in shortened)

    @given(st.lists(st.text(min_size=1, max_size=120), min_size=2, max_size=5, unique=True))
    def test_file_names_are_different_and_safe(self, names):
        pairs = list(itertools.combinations(range(len(names)), 2))
        files = registration_file_names(names, pairs)
        assert len({file.casefold() for file in files}) == len(pairs)
        assert all("/" not in file and "\\" not in file and "\0" not in file and "\n" not in file for file in files)

    def test_plain_names_are_kept_in_file_names(self):
        assert registration_file_names(["day_1", "ses-2.b"], [(0, 1)]) == ["registration_day_1_ses-2.b.png"]

    def test_transforms_are_described(self):
        angle = np.deg2rad(10)
        cos, sin = np.cos(angle), np.sin(angle)
        matrix = np.array([[cos, -sin, -4.25], [sin, cos, 0.04], [0, 0, 1]])
        assert transform_text(Registration(0, 1, matrix)) == (
            "rotation 10.00°, scale 1.000 × 1.000, translation (−4.2, 0.0) px"
        )
        assert transform_text(Registration(0, 1, np.full((3, 3), np.nan))) == "no transform"


class TestRegistrationFigure:
    def test_it_shows_the_four_images_and_the_numbers(self):
        sessions, result = make_case(2)
        figure = registration_figure(sessions, result, 0, 1)
        assert sum(len(axes.images) for axes in figure.axes) == 4
        text = all_text(figure)
        n_matches = result.roi_pairs.accepted.sum()
        for expected in ("session_1", "2021-03-02", f"{n_matches} matched ROIs", "translation (3.0, 2.0) px"):
            assert expected in text
        assert "NOT REGISTERED" not in text

    @pytest.mark.parametrize(
        ("numbers", "shown", "matches"),
        [
            ({"score": 44.6, "chance_score": 4.2}, "z 45 (chance 4)", "{} matched ROIs"),
            ({"ssim": 0.14, "chance_matches": 5.6}, "SSIM 0.140", "{} (chance 6) matched ROIs"),
        ],
    )
    def test_the_numbers_are_those_that_are_printed(self, numbers, shown, matches):
        sessions, result = make_case(2)
        registration = dataclasses.replace(result.registrations[0], **numbers)
        assert quality_text(registration) == shown
        result = dataclasses.replace(result, registrations=(registration,))
        text = all_text(registration_figure(sessions, result, 0, 1))
        assert f"{shown};  {matches.format(result.n_matches[0, 1])}" in text
        assert "PROBABLY WRONG" not in text
        assert shown in [axes.get_title() for axes in overlay_matrix_figure(sessions, result).axes]

    def test_an_alignment_no_better_than_chance_is_said_in_red(self):
        sessions, result = make_case(2)
        n_accepted = int(result.roi_pairs.accepted.sum())
        registration = dataclasses.replace(result.registrations[0], chance_matches=n_accepted - 1.0)
        result = dataclasses.replace(result, registrations=(registration,))
        (headline,) = [
            text
            for text in registration_figure(sessions, result, 0, 1).findobj(Text)
            if text.get_text().startswith("PROBABLY WRONG")
        ]
        expected = f"{n_accepted} pairs of ROIs are accepted, and {n_accepted - 1} if it is wrong on purpose"
        assert headline.get_text().split() == ["PROBABLY", "WRONG:", *expected.split()]
        assert headline.get_color() == FAILURE
        titles = [axes.get_title() for axes in overlay_matrix_figure(sessions, result).axes]
        assert titles.count("PROBABLY WRONG") == 1

    def test_matched_rois_are_outlined_where_they_lie_in_the_fixed_session(self):
        sessions, result = make_case(2)
        figure = registration_figure(sessions, result, 0, 1)
        fixed, moving = figure.findobj(PolyCollection)
        places = [
            np.array([path.vertices[:-1].mean(axis=0) for path in shapes.get_paths()]) for shapes in (fixed, moving)
        ]
        assert len(places[0]) == len(places[1]) == result.n_matches[0, 1]
        assert np.linalg.norm(places[0] - places[1], axis=1).max() < 1.5

    def test_a_failed_registration_is_said_in_red(self):
        sessions, result = make_case(2, failed=(1,))
        figure = registration_figure(sessions, result, 0, 1)
        (warning,) = [text for text in figure.findobj(Text) if "NOT REGISTERED" in text.get_text()]
        assert warning.get_text() == "NOT REGISTERED: no better than chance"
        red, green, blue = matplotlib.colors.to_rgb(warning.get_color())
        assert red > 0.6 > 0.2 > green + blue

    @pytest.mark.parametrize(
        "registration", [None, Registration(0, 1, np.full((3, 3), np.nan), outcome=RegistrationOutcome.NOT_REGISTERED)]
    )
    def test_a_pair_without_a_matrix_is_drawn_unregistered(self, registration):
        sessions, result = make_case(2)
        result = dataclasses.replace(result, registrations=(registration,) if registration else ())
        figure = registration_figure(sessions, result, 0, 1)
        assert "NOT REGISTERED" in all_text(figure)
        assert sum(len(axes.images) for axes in figure.axes) == 2

    def test_images_of_different_size(self):
        sessions, result = make_case(2)
        masks = [mask.reshape(SHAPE)[:40] for mask in sessions[1].footprints.toarray()]
        cropped = make_session("cropped", masks, sessions[1].image[:40])
        figure = registration_figure([sessions[0], cropped], result, 0, 1)
        shapes = sorted(axes.images[0].get_array().shape[:2] for axes in figure.axes)
        assert shapes == [(40, 64), SHAPE, SHAPE, SHAPE]
        assert "sizes differ" in all_text(overlay_matrix_figure([sessions[0], cropped], result))


class TestMatrices:
    def test_every_pair_has_a_title_and_failures_are_marked(self):
        sessions, result = make_case(3, failed=(2,))
        titles = [axes.get_title() for axes in overlay_matrix_figure(sessions, result).axes]
        assert titles.count("registered") == 1
        assert titles.count("before") == 3
        assert titles.count("NOT REGISTERED") == 2

    def test_fractions_and_counts_are_written_into_the_matrix(self):
        sessions, result = make_case(3, failed=(2,))
        fractions, counts = matched_fractions(result, [session.n_rois for session in sessions])
        labels = texts(fraction_matrix_figure(sessions, result))
        assert f"{fractions[0, 1]:.2f}\n{counts[0, 1]}" in labels
        assert f"{sessions[2].n_rois}\nROIs" in labels
        assert labels.count("–") == 4


class TestCellMap:
    def test_titles_count_matched_rois(self):
        sessions, result = make_case(3, failed=(2,))
        result = dataclasses.replace(
            result, session_status=np.array([0, 0, 1], np.uint8), status_reasons=("", "", "too dim")
        )
        titles = [axes.get_title() for axes in cell_map_figure(sessions, result).axes]
        n_shared = shared_cell_fractions(result.cells)[1][0, 1]
        assert titles[0] == f"session_1\n2021-03-01   {n_shared} of {sessions[0].n_rois} ROIs matched"
        assert titles[2].endswith(f"0 of {sessions[2].n_rois} ROIs matched\nset aside: too dim")

    def test_matched_cells_carry_their_ids(self):
        sessions, result = make_case(2)
        result = dataclasses.replace(result, cell_ids=np.arange(len(result.cells)) + 500)
        for number, axes in enumerate(cell_map_figure(sessions, result).axes):
            written = {int(text.get_text()): text.get_position() for text in axes.texts}
            assert len(written) > 10
            for cell_id, place in written.items():
                assert result.n_sessions_of_cell[cell_id - 500] == 2
                mask = sessions[number].footprints[[result.cells[cell_id - 500, number]]]
                npt.assert_allclose(place, centroids(mask, SHAPE[1])[0])

    def test_a_matched_cell_is_painted_alike_in_all_sessions(self):
        masks = [disc(np.array(centre), (60, 60), 6) for centre in ((15, 15), (40, 40))]
        sessions = [
            make_session("a", masks, np.zeros((60, 60))),
            make_session("b", masks[::-1], np.zeros((60, 60))),
        ]
        result = make_result(np.array([[0, 1], [1, -1], [-1, 0]], np.int32), [], [Registration(0, 1, np.eye(3))])
        pictures = [axes.images[0].get_array() for axes in cell_map_figure(sessions, result).axes]
        pixels = len(pictures[0]) // 60
        middle = [picture[15 * pixels, 15 * pixels] for picture in pictures]
        npt.assert_array_equal(middle[0], middle[1])
        assert middle[0].max() > 0.2
        for picture in pictures:
            unmatched = picture[34 * pixels : 47 * pixels, 34 * pixels : 47 * pixels]
            assert (unmatched[6 * pixels, 6 * pixels] == 0).all()  # not filled
            assert {tuple(pixel) for pixel in unmatched.reshape(-1, 3)} == {(0, 0, 0), (1, 1, 1)}


class TestGroupSizes:
    def test_bars_and_distributions_count_cells_and_pairs(self):
        sessions, result = make_case(3)
        figure = group_sizes_figure(sessions, result)
        heights = [bar.get_height() for bar in figure.axes[0].patches]
        assert heights == [np.sum(result.n_sessions_of_cell == size) for size in (1, 2, 3)]
        assert f"accepted ({len(result.roi_pairs)})" in all_text(figure)

    def test_infinite_distances_do_not_harm(self):
        sessions, result = make_case(2)
        pairs = dataclasses.replace(result.roi_pairs, centroid_distance=np.full(len(result.roi_pairs), np.inf))
        assert group_sizes_figure(sessions, dataclasses.replace(result, roi_pairs=pairs)).axes


def test_the_warnings_of_a_result_stand_below_the_figures():
    sessions, result = make_case(2)
    warnings = tuple(f"The reason number {k} to doubt this costs ${k} and ${k + 1}." for k in range(8))
    result = dataclasses.replace(result, warnings=warnings)
    for make in (fraction_matrix_figure, cell_map_figure, group_sizes_figure):
        without = make(sessions, dataclasses.replace(result, warnings=()))
        figure = make(sessions, result)
        text = " ".join(all_text(figure).replace("\\", "").split())
        assert [warning in text for warning in warnings] == [True] * 5 + [False] * 3
        assert "... and 3 more warnings" in text
        assert figure.get_figheight() > without.get_figheight()


@pytest.mark.slow
@pytest.mark.parametrize("n_sessions", [2, 3, 12])
def test_no_text_overlaps_or_leaves_the_figure(n_sessions, monkeypatch):
    names = [f"sub-722884882_ses-{775289198 + 1001 * i}-acq-{775614751 + i}_ophys" for i in range(n_sessions)]
    sessions, result = make_case(n_sessions, names, failed=(1,))
    warning = "A session was set aside, which is said in a long sentence. " * 5
    result = dataclasses.replace(result, warnings=(warning,) * 3)
    for name, figure in figure_functions(sessions, result).items():
        words = drawn_texts(figure, monkeypatch)
        assert words
        boxes = np.array([text.get_window_extent().extents for text in words])  # x0, y0, x1, y1
        outside = (boxes < 0).any(axis=1) | (boxes[:, 2:] > figure.bbox.extents[2:]).any(axis=1)
        assert not outside.any(), (name, [words[i].get_text() for i in np.flatnonzero(outside)])
        low, high = boxes[:, :2], boxes[:, 2:]
        overlap = ((low[:, None] < high[None]) & (low[None] < high[:, None])).all(axis=2)
        clashes = np.argwhere(np.triu(overlap, 1))
        assert not len(clashes), (name, [[words[i].get_text() for i in clash] for clash in clashes])


@pytest.fixture
def coarse(monkeypatch):
    """Figures of fewer pixels, where only their being written matters."""
    monkeypatch.setattr("ndx_match.report.canvas.DPI", 40)


class TestWriteFigures:
    @pytest.mark.slow
    def test_all_files_are_written_and_reported(self, tmp_path):
        sessions, result = make_case(3)
        reported = []
        paths = write_figures(
            sessions, result, tmp_path / "figures", lambda stage, done, total: reported.append((stage, done, total))
        )
        assert [path.name for path in paths] == [
            "registration_session_1_session_2.png",
            "registration_session_1_session_3.png",
            "registration_session_2_session_3.png",
            "registration_overlay_matrix.png",
            "matched_fraction_matrix.png",
            "cells.png",
            "group_sizes.png",
        ]
        assert sorted((tmp_path / "figures").iterdir()) == sorted(paths)
        assert reported == [("figures", done, 7) for done in range(8)]
        for path in paths:
            assert 1200 < matplotlib.image.imread(path).shape[1] < 2000

    @pytest.mark.slow
    def test_the_users_matplotlib_settings_neither_matter_nor_change(self, tmp_path, coarse):
        sessions, result = make_case(1)
        expected = [path.read_bytes() for path in write_figures(sessions, result, tmp_path / "a")]
        with matplotlib.rc_context({"text.usetex": True, "text.color": "red", "figure.dpi": 30}):
            paths = write_figures(sessions, result, tmp_path / "b")
            assert matplotlib.rcParams["text.usetex"] is True
        assert [path.read_bytes() for path in paths] == expected

    @pytest.mark.parametrize(("kind", "start"), [("svg", b"<?xml"), ("pdf", b"%PDF")])
    @pytest.mark.slow
    def test_other_formats(self, tmp_path, coarse, kind, start):
        sessions, result = make_case(1)
        contents = []
        for folder in ("a", "b"):
            paths = write_figures(sessions, result, tmp_path / folder, kind=kind)
            assert {path.suffix for path in paths} == {f".{kind}"}
            contents.append([path.read_bytes() for path in paths])
        assert contents[0] == contents[1]
        assert all(content.startswith(start) for content in contents[0])
        if kind == "svg":
            assert any(b">Sessions in which a cell was found</text>" in content for content in contents[0])

    def test_many_sessions_get_part_of_the_pairs(self):
        assert len(pairs_to_draw(6)) == 15
        assert pairs_to_draw(7) == [(0, m) for m in range(1, 7)] + [(f, f + 1) for f in range(1, 6)]
        assert len(pairs_to_draw(12, all_pairs=True)) == 66

    def test_empty_footprints_and_sessions_without_cells(self, tmp_path, coarse):
        image = np.random.default_rng(0).random(SHAPE)
        empty, full = np.zeros(SHAPE), disc(np.array([20, 20]), SHAPE)
        sessions = [
            make_session("holes", [empty, full], image),
            make_session("cell-free", [], image),
            make_session("constant $a$ $b", [full, empty], np.ones(SHAPE)),
        ]
        cells = np.array([[0, -1, 1], [1, -1, 0]], np.int32)
        registrations = [Registration(f, m, np.eye(3)) for f, m in ((0, 1), (0, 2), (1, 2))]
        result = make_result(cells, [(0, 2, 1, 0, 0, 1, 1)], registrations)
        assert len(write_figures(sessions, result, tmp_path)) == 7

    def test_a_missing_parent_folder_is_an_error(self, tmp_path):
        sessions, result = make_case(2)
        with pytest.raises(OutputError, match="missing does not exist"):
            write_figures(sessions, result, tmp_path / "missing" / "figures")
        assert not list(tmp_path.iterdir())

    def test_a_file_in_place_of_the_folder_is_an_error(self, tmp_path):
        sessions, result = make_case(2)
        (tmp_path / "figures").write_text("mine")
        with pytest.raises(OutputError, match="figures"):
            write_figures(sessions, result, tmp_path / "figures")
        assert (tmp_path / "figures").read_text() == "mine"

    def test_a_failed_write_leaves_nothing_behind(self, tmp_path, monkeypatch):
        sessions, result = make_case(2)

        def full_disk(self, path, **_):
            path.write_bytes(b"half a pict")
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(Figure, "savefig", full_disk)
        with pytest.raises(OutputError, match="no space left on the disk"):
            write_figures(sessions, result, tmp_path)
        assert not list(tmp_path.iterdir())

    def test_sessions_of_another_match_are_refused(self, tmp_path):
        sessions, result = make_case(2)
        with pytest.raises(ValueError, match="1 sessions do not fit"):
            write_figures(sessions[:1], result, tmp_path)
