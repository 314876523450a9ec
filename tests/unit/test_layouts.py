"""Files as many writers leave them: one recording with known cells, read from each (see `tests/back_compat`)."""

from __future__ import annotations

import gzip
import importlib.util
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import pynwb
import pytest
from document_tables import layouts_table
from helpers import run

from ndx_match.errors import AmbiguousInputError, InputError
from ndx_match.matchfile import read_match_file
from ndx_match.model import Session
from ndx_match.sources import SourceOptions, list_contents, open_nwb, read_session
from ndx_match.sources.layouts import find_layouts, recognise
from ndx_match.sources.orientation import in_words

FOLDER = Path(__file__).parent.parent / "back_compat"
DOCUMENT = FOLDER.parent.parent / "docs" / "layouts.md"
BEGIN, END = "<!-- matrix: written by the tests -->\n", "<!-- end of the matrix -->\n"

_spec = importlib.util.spec_from_file_location("recording", FOLDER / "recording.py")
recording = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(recording)
ACCEPTED = recording.ACCEPTED


@dataclass(frozen=True)
class Expected:
    """What must be found in a file; `factor` is that between its image and the recording's, 0 where it has none."""

    file: str
    made: str
    writer: str
    image: str
    orientation: str
    accepted: str = ""
    depth: bool = False
    pixel_size: bool = False
    factor: float = 1.0
    background: int = 0


BY_HAND = "after its layout"
EXPECTED = (
    Expected("pynwb_2.8.3", "by pynwb 2.8.3", "unknown writer", "mean", "masks as stored, image as stored",
             depth=True, pixel_size=True),
    Expected("pynwb_4.2.0", "by pynwb 4.2.0", "unknown writer", "mean", "masks as stored, image as stored",
             depth=True, pixel_size=True),
    Expected("neuroconv_suite2p", "by neuroconv 0.10.2", "neuroconv", "MeanImage", "masks transposed, image transposed",
             "iscell > 0.5"),
    Expected("neuroconv_caiman", "by neuroconv 0.10.2", "neuroconv", "mean_image", "masks transposed, image transposed",
             "is_accepted > 0"),
    Expected("neuroconv_extract", "by neuroconv 0.10.2", "neuroconv", "summary_image",
             "masks transposed, image transposed"),
    Expected("neuroconv_minian", "by neuroconv 0.10.2", "neuroconv", "maximum_projection",
             "masks transposed, image transposed", factor=2),
    Expected("neuroconv_inscopix", "by neuroconv 0.10.2", "neuroconv", "", "masks transposed, image transposed",
             "cell_status == accepted", factor=0),
    Expected("neuroconv_older", BY_HAND, "neuroconv (without its mark)", "mean", "masks transposed, image transposed",
             "Accepted > 0"),
    Expected("ndx_microscopy", "by ndx-microscopy 0.4.0", "ndx-microscopy", "mean", "masks as stored, image as stored",
             depth=True, pixel_size=True),
    Expected("suite2p", "by Suite2p 0.14.6", "Suite2p", "Backgrounds_0/meanImg", "masks transposed, image as stored",
             "iscell > 0.5"),
    Expected("caiman", BY_HAND, "CaImAn", "local_correlations", "masks unscrambled, image as stored", "accepted > 0",
             factor=1 / 200, background=1),
    Expected("visual_coding", BY_HAND, "Visual Coding", "maximum_intensity_projection",
             "masks transposed, image as stored", depth=True, pixel_size=True),
    Expected("allensdk", BY_HAND, "AllenSDK", "average_image", "masks as stored, image as stored", "valid_roi > 0",
             depth=True),
    Expected("aind_multiplane", BY_HAND, "AIND multiplane", "average_projection", "masks as stored, image as stored",
             "is_soma > 0", depth=True),
)  # fmt: skip
each_file = pytest.mark.parametrize("expected", EXPECTED, ids=lambda expected: expected.file)


@pytest.fixture(scope="module")
def unpack(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("files")

    def unpacked(name: str) -> Path:
        path = folder / f"{name}.nwb"
        if not path.exists():
            path.write_bytes(gzip.decompress((FOLDER / "files" / f"{name}.nwb.gz").read_bytes()))
        return path

    return unpacked


def dense(session: Session) -> np.ndarray:
    return session.footprints.toarray().reshape(-1, *session.shape)


@each_file
def test_the_layout_is_recognised(unpack, expected: Expected):
    with open_nwb(unpack(expected.file)) as nwbfile:
        recognised = recognise(list_contents(nwbfile))
    assert recognised.writer == expected.writer
    assert recognised.reason


@each_file
def test_masks_and_image_are_those_of_the_recording(unpack, expected: Expected):
    session = read_session(unpack(expected.file), SourceOptions(all_rois=True))
    assert session.source.image_path.endswith(expected.image)
    assert in_words(session.orientation) == expected.orientation
    np.testing.assert_allclose(session.image, expected.factor * recording.image(), rtol=1e-5)
    np.testing.assert_allclose(dense(session)[: recording.N_CELLS], recording.masks())
    assert session.n_rois == session.n_taking_part == recording.N_CELLS + expected.background
    assert len(session.warnings) == (0 if expected.factor else 1)


@each_file
def test_accepted_cells_take_part_and_rows_stay_the_tables(unpack, expected: Expected):
    session = read_session(unpack(expected.file), SourceOptions())
    taking_part = np.append(ACCEPTED, np.zeros(expected.background, bool)) if expected.accepted else np.full(18, True)
    assert session.excluded.tolist() == np.flatnonzero(~taking_part).tolist()
    assert session.roi_ids.tolist() == list(range(len(taking_part)))
    np.testing.assert_allclose(dense(session)[:18], recording.masks())
    assert session.roi_selection_reason.startswith(expected.accepted or "all ROIs")
    assert len(session.empty_rows) == 0


@each_file
def test_depth_and_pixel_size_are_found(unpack, expected: Expected):
    session = read_session(unpack(expected.file), SourceOptions())
    assert session.imaging_depth == (recording.DEPTH if expected.depth else None)
    if expected.pixel_size:
        np.testing.assert_allclose(session.pixel_size, recording.PIXEL_SIZE)
    else:
        assert session.pixel_size is None


def test_the_depth_of_a_location_needs_no_unit(unpack, tmp_path: Path):
    """Of the writer that always states micrometres."""
    path = tmp_path / "a.nwb"
    path.write_bytes(unpack("aind_multiplane").read_bytes())
    with h5py.File(path, "r+") as file:
        file["general/optophysiology/VISp_0/location"][()] = "Structure: VISp Depth: 87.5"
    assert read_session(path).imaging_depth == 87.5


def test_a_placeholder_is_no_pixel_size(unpack, tmp_path: Path):
    """Suite2p states 2 um whatever the pixels are; another size was put there by someone who knew."""
    path = tmp_path / "a.nwb"
    path.write_bytes(unpack("suite2p").read_bytes())
    with h5py.File(path, "r+") as file:
        spacing = file["general/optophysiology/ImagingPlane/grid_spacing"]
        assert spacing[:].tolist() == [2, 2]
        spacing[...] = [1.25, 0.75]
    assert read_session(path).pixel_size == recording.PIXEL_SIZE
    assert "pixel" not in next(line for line in run("inspect", unpack("suite2p")).out.splitlines() if " plane " in line)


def test_the_matrix_in_the_documents_is_what_the_files_give(unpack):
    """A row a file; `write_matrix.py` writes it anew."""
    text = DOCUMENT.read_text()
    assert text[text.index(BEGIN) + len(BEGIN) : text.index(END)] == matrix(unpack)


def test_every_layout_has_a_file():
    seen = {expected.writer for expected in EXPECTED}
    assert {layout.writer for layout in find_layouts()} <= seen


TOY = """
from ndx_match.sources.layouts import Layout

LAYOUT = Layout(
    writer="the toy",
    table="processing/ophys/segmentation/rois",
    columns=("good",),
    images=("mean",),
    accepted=("good>0",),
)
"""


def test_a_layout_is_added_by_one_file(unpack, add_file):
    """A file that was of an unknown writer is then known, and its writer's choice of ROIs taken."""
    path = unpack("pynwb_4.2.0")
    assert read_session(path).n_taking_part == 18
    add_file("ndx_match.sources.layouts", "toy", TOY)
    session = read_session(path)
    assert session.n_taking_part == ACCEPTED.sum()
    told = run("inspect", path).succeeded().out
    assert "the toy: ROI table processing/ophys/segmentation/rois; columns good" in told
    assert "| the toy | `processing/ophys/segmentation/rois` | columns `good` | `mean` | `good>0` |" in layouts_table()


def test_layouts_are_tried_in_order(add_file):
    writers = [layout.writer for layout in find_layouts()]
    assert writers == ["AllenSDK", "AIND multiplane", "neuroconv", "neuroconv (without its mark)", "Suite2p", "CaImAn",
                       "Visual Coding", "ndx-microscopy"]  # fmt: skip
    add_file("ndx_match.sources.layouts", "toy", TOY.replace('"the toy"', '"last", order=100'))
    assert [layout.writer for layout in find_layouts()] == [*writers, "last"]


def test_a_condition_replaces_the_writers_choice(unpack):
    session = read_session(unpack("suite2p"), SourceOptions(where=("iscell<0.5",)))
    assert session.excluded.tolist() == np.flatnonzero(ACCEPTED).tolist()
    assert session.roi_selection_reason == "iscell < 0.5 (3 of 18 ROIs)"
    path = unpack("pynwb_4.2.0")
    assert read_session(path, SourceOptions(where=("good==1",))).n_taking_part == ACCEPTED.sum()


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("iscell", "is no condition"),
        ("quality>1", "there is no column 'quality'; give --where one of: .*iscell"),
        ("iscell>high", "'high' is none"),
        ("iscell>2", "none of the 18 ROIs has iscell > 2; give --all-rois"),
        ("pixel_mask>2", "holds lists"),
    ],
)
def test_a_condition_that_makes_no_sense_is_refused(unpack, where: str, message: str):
    with pytest.raises(InputError, match=message):
        read_session(unpack("suite2p"), SourceOptions(where=(where,)))


def test_a_column_of_words_is_compared_as_words(unpack):
    assert read_session(unpack("neuroconv_suite2p"), SourceOptions(where=("roi_name==3",))).n_taking_part == 1
    with pytest.raises(InputError, match="holds words"):
        read_session(unpack("neuroconv_suite2p"), SourceOptions(where=("roi_name>3",)))


def test_all_rois_and_a_condition_exclude_each_other():
    with pytest.raises(InputError, match="exclude each other"):
        SourceOptions(all_rois=True, where=("iscell>0",))


def test_another_channel_can_be_chosen(unpack):
    session = read_session(unpack("suite2p"), SourceOptions(image="meanImg_chan2"))
    np.testing.assert_array_equal(session.image, recording.image()[::-1])


def test_voxel_masks_of_several_planes_ask_for_one(unpack):
    path = unpack("suite2p_two_planes")
    with pytest.raises(AmbiguousInputError, match="--z-plane: 0, 1, project them with --z-plane all, or match each"):
        read_session(path)
    with pytest.raises(InputError, match="lies in z plane 2, only in: 0, 1"):
        read_session(path, SourceOptions(z_plane=2))


@pytest.mark.parametrize("z_plane", [0, 1])
def test_a_plane_of_voxel_masks_comes_with_its_image(unpack, z_plane: int):
    session = read_session(unpack("suite2p_two_planes"), SourceOptions(z_plane=z_plane))
    own = np.arange(36) // 18 == z_plane
    assert session.excluded.tolist() == np.flatnonzero(~(own & np.tile(ACCEPTED, 2))).tolist()
    np.testing.assert_allclose(dense(session)[own], recording.masks())
    np.testing.assert_allclose(session.image, recording.image() + 1000 * z_plane)
    assert session.source.image_path.endswith(f"Backgrounds_{z_plane}/meanImg")
    assert session.roi_selection_reason == f"iscell > 0.5 (30 of 36 ROIs), of which 15 in z plane {z_plane}"


def test_voxel_masks_are_projected_with_a_note(unpack):
    session = read_session(unpack("suite2p_two_planes"), SourceOptions(z_plane="all", all_rois=True))
    np.testing.assert_allclose(dense(session), np.tile(recording.masks(), (2, 1, 1)))
    assert "projected" in session.warnings[0]


def test_inspect_says_the_layout_and_why(unpack):
    lines = run("inspect", unpack("suite2p")).succeeded().out.splitlines()
    told = {line[2:15].strip(): line[15:] for line in lines[1:]}
    assert told["layout"].startswith("Suite2p: ")
    assert "columns iscell" in told["layout"]
    assert told["orientation"].startswith("masks transposed, image as stored; Suite2p's convention")
    assert told["ROIs"] == "iscell > 0.5 (15 of 18 ROIs)"
    assert sum(line.startswith((" * image", " * ROI table")) for line in lines) == 2
    assert "not clear" in run("inspect", unpack("suite2p_two_planes")).succeeded().out


def test_the_recording_fits_no_other_orientation():
    """The fixtures themselves: neither square nor symmetric."""
    assert recording.SHAPE[0] != recording.SHAPE[1]
    for flipped in (recording.masks()[:, ::-1], recording.masks()[:, :, ::-1], recording.masks()[:, ::-1, ::-1]):
        assert not np.allclose(flipped, recording.masks())


def matrix(unpack) -> str:
    rows = [
        ("file", "made", "layout", "ROI table", "masks", "image", "orientation", "accepted cells", "depth",
         "pixel size")
    ]  # fmt: skip
    for expected in EXPECTED:
        session = read_session(unpack(expected.file), SourceOptions())
        source = session.source
        with open_nwb(unpack(expected.file)) as nwbfile:
            contents = list_contents(nwbfile)
            writer = recognise(contents).writer
        kind = next(table.mask_kind for table in contents.tables if table.path == source.roi_table_path)
        size = session.pixel_size
        rows.append(
            (
                expected.file,
                expected.made,
                writer,
                f"`{source.roi_table_path}`",
                kind,
                f"`{source.image_path}`" if source.image_path else "-",
                in_words(session.orientation),
                session.roi_selection_reason,
                "-" if session.imaging_depth is None else f"{session.imaging_depth:g} um",
                "-" if size is None else f"{size[0]:g} x {size[1]:g} um",
            )
        )
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]]) + "\n"


def test_sessions_of_any_layout_go_into_one_match_file(unpack, tmp_path: Path):
    """The same recording by four writers: every cell is itself, and the file reads as the sessions did."""
    paths = [unpack(name) for name in ("ndx_microscopy", "neuroconv_extract", "neuroconv_caiman", "suite2p")]
    run("write", *paths, "-o", tmp_path / "m.nwb").succeeded()
    file = read_match_file(tmp_path / "m.nwb")
    for path, session in zip(paths, file.sessions, strict=True):
        np.testing.assert_array_equal(dense(session), dense(read_session(path)))
        np.testing.assert_array_equal(session.image, read_session(path).image)
    in_all = file.result.cells[(file.result.cells >= 0).all(axis=1)]
    assert len(in_all) >= ACCEPTED.sum() - 2
    assert (in_all == in_all[:, :1]).all()
    assert pynwb.validate(path=tmp_path / "m.nwb") == []
