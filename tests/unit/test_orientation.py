"""Masks and image are brought to one [row, col] frame, by convention and by evidence."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse
from builders import Field, field_of_view, make_nwbfile, write_nwb
from helpers import run

from ndx_match.errors import InputError
from ndx_match.matchfile import read_match_file, write_match_file
from ndx_match.methods import consensus
from ndx_match.model import Orientation
from ndx_match.sources import SourceOptions, read_sessions, source_warnings
from ndx_match.sources.masks import StoredMasks
from ndx_match.sources.orientation import AS_STORED, decide, in_words, orient

SQUARE = (90, 90)
FIELD = field_of_view(shape=SQUARE, seed=3)
WIDE = field_of_view(shape=(60, 90), seed=3)
TRANSPOSED = Orientation(masks_transposed=True)


def image_masks(masks: np.ndarray) -> StoredMasks:
    return StoredMasks(scipy.sparse.csr_array(masks.reshape(len(masks), -1)), masks.shape[1:], whole=True)


def pixel_masks(masks: np.ndarray) -> StoredMasks:
    """As read from pixel masks: a frame that ends with the last pixels."""
    rows, cols = (np.flatnonzero(masks.any(axis=axes)).max() + 1 for axes in ((0, 2), (0, 1)))
    return StoredMasks(image_masks(masks[:, :rows, :cols]).footprints, (rows, cols), whole=False)


def transposed(masks: np.ndarray) -> np.ndarray:
    return masks.transpose(0, 2, 1)


def scrambled(masks: np.ndarray) -> np.ndarray:
    return np.stack([mask.ravel(order="F").reshape(mask.shape) for mask in masks])


def in_frame(masks: StoredMasks, image: np.ndarray | None, convention: Orientation) -> np.ndarray:
    footprints, oriented = orient(masks, image, convention, "file")
    return footprints.toarray().reshape(-1, *oriented.shape)


@pytest.mark.parametrize("kind", [image_masks, pixel_masks])
def test_a_convention_that_holds_is_confirmed_without_a_word(kind):
    for masks, convention in ((FIELD.masks, AS_STORED), (transposed(FIELD.masks), TRANSPOSED)):
        decision = decide(kind(masks), FIELD.image, convention, "A writer")
        assert decision.orientation == convention
        assert decision.warning == ""
        assert re.fullmatch(r"A writer's convention; (\d+) of \1 ROIs have a higher contrast .*", decision.reason)
        np.testing.assert_array_equal(in_frame(kind(masks), FIELD.image, decision.orientation), FIELD.masks)


@pytest.mark.parametrize("kind", [image_masks, pixel_masks])
@pytest.mark.parametrize("field", [FIELD, WIDE])
def test_masks_that_speak_against_it_are_transposed_with_a_warning(kind, field: Field):
    """By contrast where the field is square, by size where it is not."""
    decision = decide(kind(transposed(field.masks)), field.image, AS_STORED, "A writer")
    assert decision.orientation == TRANSPOSED
    assert "contrary to A writer's convention" in decision.warning
    assert "give --transpose" in decision.warning
    assert in_words(decision.orientation) == "masks transposed, image as stored"
    assert decision.reason.startswith("contrary")
    np.testing.assert_array_equal(
        in_frame(kind(transposed(field.masks)), field.image, decision.orientation), field.masks
    )


def test_a_stray_pixel_outside_does_not_transpose_all_masks():
    """They fit when transposed and do not as stored, but they are not seen there."""
    tall = field_of_view(shape=(90, 60), seed=3)
    stray = np.pad(tall.masks, ((0, 0), (0, 0), (0, 30)))
    stray[:, 60:] = 0
    stray[3, 5, 80] = 1
    masks = pixel_masks(stray)
    assert stray.any(axis=(1, 2)).sum() >= 9
    assert masks.shape[0] <= 60
    decision = decide(masks, tall.image, AS_STORED, "A writer")
    assert decision.orientation == AS_STORED
    with pytest.raises(InputError, match="mask pixels reach x = 80"):
        orient(masks, tall.image, decision.orientation, "file")


def test_both_transposed_cannot_be_seen_but_is_known_of_a_writer():
    stored, both = image_masks(transposed(WIDE.masks)), Orientation(masks_transposed=True, image_transposed=True)
    assert decide(stored, WIDE.image.T, None, "unknown writer").orientation == AS_STORED
    decision = decide(stored, WIDE.image.T, both, "A writer")
    assert decision.orientation == both
    footprints, image = orient(stored, WIDE.image.T, both, "file")
    np.testing.assert_array_equal(footprints.toarray().reshape(WIDE.masks.shape), WIDE.masks)
    np.testing.assert_array_equal(image, WIDE.image)


@pytest.mark.parametrize("image", [np.random.default_rng(0).normal(size=SQUARE), np.ones(SQUARE), -FIELD.image])
def test_an_image_without_bright_cells_overrides_nothing(image: np.ndarray):
    """Noise, a constant image, and cells darker than their surround."""
    for convention in (AS_STORED, TRANSPOSED):
        decision = decide(image_masks(FIELD.masks), image, convention, "A writer")
        assert (decision.orientation, decision.warning) == (convention, "")


def test_too_few_rois_override_nothing():
    decision = decide(image_masks(transposed(FIELD.masks[:4])), FIELD.image, AS_STORED, "A writer")
    assert decision.orientation == AS_STORED
    assert "does not decide" in decision.reason


def test_torn_masks_are_restored():
    stored, convention = image_masks(scrambled(WIDE.masks)), Orientation(masks_scrambled=True)
    decision = decide(stored, WIDE.image, convention, "CaImAn")
    assert (decision.orientation, decision.warning) == (convention, "")
    np.testing.assert_array_equal(in_frame(stored, WIDE.image, convention), WIDE.masks)
    decision = decide(stored, WIDE.image, None, "unknown writer")
    assert decision.orientation == convention
    assert "scrambled into stripes" in decision.warning


def test_masks_that_the_writer_no_longer_tears_are_left_whole():
    decision = decide(image_masks(WIDE.masks), WIDE.image, Orientation(masks_scrambled=True), "CaImAn")
    assert decision.orientation == AS_STORED
    assert "not scrambled" in decision.warning


def test_torn_masks_of_a_square_field_are_transposed_ones():
    stored = image_masks(scrambled(FIELD.masks))
    decision = decide(stored, FIELD.image, Orientation(masks_scrambled=True), "CaImAn")
    assert (decision.orientation, decision.warning) == (TRANSPOSED, "")
    np.testing.assert_array_equal(in_frame(stored, FIELD.image, decision.orientation), FIELD.masks)


@pytest.mark.parametrize(("word", "masks", "image"), [("masks", True, False), ("image", False, True),
                                                      ("both", True, True), ("none", False, False)])  # fmt: skip
def test_the_users_word_settles_it(word: str, masks: bool, image: bool):
    decision = decide(image_masks(FIELD.masks), FIELD.image, TRANSPOSED, "A writer", word)
    assert decision.orientation == Orientation(masks, image)
    assert decision.reason == "set by --transpose"


def test_a_word_against_the_sizes_is_refused():
    with pytest.raises(InputError, match="image and masks differ in size"):
        orient(image_masks(WIDE.masks), WIDE.image, TRANSPOSED, "file")
    with pytest.raises(InputError, match="mask pixels reach x"):
        orient(pixel_masks(WIDE.masks), WIDE.image, Orientation(image_transposed=True), "file")
    with pytest.raises(InputError, match="is not one of masks, image, both, none"):
        SourceOptions(transpose="rows")


def write_two(folder: Path, second_transposed: bool, **options) -> list[Path]:
    """Two sessions of the same cells; the second with its masks stored [column, row]."""
    paths = []
    for k, shift in enumerate(((0, 0), (3, 2))):
        field = field_of_view(shift, shape=(150, 150))
        if k and second_transposed:
            field = Field(field.image, transposed(field.masks))
        nwbfile = make_nwbfile(field, session_id=str(101 + k), **options)
        paths.append(write_nwb(folder / f"{second_transposed}_{k}.nwb", nwbfile))
    return paths


@pytest.mark.slow
def test_sessions_of_two_orientations_match_as_those_of_one_and_are_read_back(tmp_path: Path):
    results = []
    for second_transposed in (False, True):
        sessions = read_sessions(write_two(tmp_path, second_transposed))
        assert len(source_warnings(sessions)) == int(second_transposed)
        result = consensus.match(sessions)
        results.append(result.cells)
        write_match_file(sessions, result, tmp_path / f"{second_transposed}.nwb")
        for written, again in zip(
            sessions, read_match_file(tmp_path / f"{second_transposed}.nwb").sessions, strict=True
        ):
            np.testing.assert_array_equal(again.footprints.toarray(), written.footprints.toarray())
            np.testing.assert_array_equal(again.image, written.image)
            assert again.orientation == written.orientation
    assert (results[0] >= 0).all(axis=1).sum() >= 15
    np.testing.assert_array_equal(*results)


@pytest.mark.slow
def test_excluded_rois_are_in_no_cell_and_stay_in_the_copied_table(tmp_path: Path):
    paths = []
    for k, path in enumerate(write_two(tmp_path, False)):
        nwbfile = make_nwbfile(field_of_view(((0, 0), (3, 2))[k], shape=(150, 150)), session_id=str(101 + k))
        table = nwbfile.processing["ophys"]["image_segmentation"]["roi_table"]
        table.add_column(name="quality", description="Of the cell.", data=np.where(np.arange(20) % 5 == k, 0.1, 0.9))
        paths.append(write_nwb(path, nwbfile))
    matches = tmp_path / "m.nwb"
    out = run("write", *paths, "-o", matches, "--where", "quality > 0.5").succeeded().out
    assert "16 of 20" in out
    file = read_match_file(matches)
    for k, session in enumerate(file.sessions):
        excluded = np.flatnonzero(np.arange(20) % 5 == k)
        rows = file.result.cells[:, k]
        assert sorted(rows[rows >= 0]) == np.setdiff1d(np.arange(20), excluded).tolist()
        assert session.excluded.tolist() == excluded.tolist()
        assert session.roi_ids.tolist() == list(range(20))
        assert session.roi_selection_reason == "quality > 0.5 (16 of 20 ROIs)"
        assert session.only_taking_part().footprints[excluded].nnz == 0
    both = file.result.cells[(file.result.cells >= 0).all(axis=1)]
    assert len(both) >= 9
    assert (both[:, 0] == both[:, 1]).all()
    run("plot", matches, "-o", tmp_path / "plots").succeeded()


@pytest.mark.slow
@pytest.mark.parametrize("without", [(True, True), (False, True), (False, False)])
def test_sessions_without_images_are_matched_by_their_rois(tmp_path: Path, without):
    paths = [
        write_nwb(
            tmp_path / f"{k}.nwb",
            make_nwbfile(
                field_of_view(((0, 0), (3, 2))[k], shape=(150, 150)),
                session_id=str(101 + k),
                **({"images": ()} if without[k] else {}),
            ),
        )
        for k in range(2)
    ]
    options = () if any(without) else ("--image", "none")
    command = ("write", *paths, "-o", tmp_path / "m.nwb", "--plots", tmp_path / "plots", *options)
    outcome = run(*command).succeeded()
    assert outcome.err.count("so the session is registered by its ROIs alone") == (sum(without) or 2)
    file = read_match_file(tmp_path / "m.nwb")
    both = file.result.cells[(file.result.cells >= 0).all(axis=1)]
    assert len(both) >= 15
    assert (both[:, 0] == both[:, 1]).all()
    assert file.sessions[1].image.shape == (150, 150)
    assert [bool(session.image.any()) for session in file.sessions] == [bool(any(without)) and not w for w in without]
