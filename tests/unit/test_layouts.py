"""Files as many writers leave them: one recording with known cells, read from each (see `tests/back_compat`)."""

from __future__ import annotations

import gzip
import importlib.util
import math
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
    Expected("neuroconv_two_channels", "by neuroconv 0.10.2", "neuroconv", "MeanImageChan1Plane0",
             "masks transposed, image transposed", "iscell > 0.5"),
    Expected("neuroconv_inscopix", "by isx 2.1.0 and neuroconv 0.10.2", "neuroconv", "",
             "masks transposed, image transposed", "cell_status == accepted", factor=0),
    Expected("neuroconv_older", BY_HAND, "neuroconv (without its mark)", "mean", "masks transposed, image transposed",
             "Accepted > 0"),
    Expected("ndx_microscopy", "by ndx-microscopy 0.4.0", "ndx-microscopy", "mean", "masks as stored, image as stored",
             depth=True, pixel_size=True),
    Expected("ndx_microscopy_volume", "by ndx-microscopy 0.4.0", "ndx-microscopy", "mean",
             "masks as stored, image as stored", depth=True, pixel_size=True),
    Expected("ndx_multisubjects", "by ndx-multisubjects 0.1.1", "unknown writer", "mean",
             "masks as stored, image as stored", depth=True, pixel_size=True),
    Expected("optinist", "by OptiNiSt 2.4.1", "OptiNiSt", "", "masks as stored, image as stored", "iscell > 0.5",
             factor=0),
    Expected("suite2p_1", "by Suite2p 1.1.0", "Suite2p", "Backgrounds_0/meanImg", "masks transposed, image as stored",
             "iscell > 0.5"),
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
    with h5py.File(path, "r+") as file:
        file["general/optophysiology/ImagingPlane/grid_spacing"][...] = [math.inf, 0.75]
    assert read_session(path).pixel_size is None
    assert "pixel" not in next(line for line in run("inspect", unpack("suite2p")).out.splitlines() if " plane " in line)


def test_the_matrix_in_the_documents_is_what_the_files_give(unpack):
    """A row a file; `write_matrix.py` writes it anew."""
    text = DOCUMENT.read_text()
    assert text[text.index(BEGIN) + len(BEGIN) : text.index(END)] == matrix(unpack)


def test_every_layout_has_a_file():
    writers = {expected.writer for expected in EXPECTED} | {OURS}
    assert {layout.writer for layout in find_layouts()} <= writers


OURS = "results of another program"  #: of which the files are made in memory; see test_folders.py
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
    output = run("inspect", path).succeeded().out
    assert "the toy: ROI table processing/ophys/segmentation/rois; columns good" in output
    assert "| the toy | `processing/ophys/segmentation/rois` | columns `good` | `mean` | `good>0` |" in layouts_table()


def test_layouts_are_tried_in_order(add_file):
    writers = [layout.writer for layout in find_layouts()]
    known = ["AllenSDK", "AIND multiplane", "neuroconv", "neuroconv (without its mark)", "OptiNiSt", "Suite2p",
             "CaImAn", "Visual Coding", "ndx-microscopy", OURS]  # fmt: skip
    assert [writer for writer in writers if writer in known] == known
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
        ("iscell", "is not a condition"),
        ("quality>1", "there is no column 'quality'; give `where` one of: .*iscell"),
        ("iscell>high", "'high' is not a number"),
        ("iscell>2", "none of the 18 ROIs meets iscell > 2; give all_rois=True or another `where`"),
        ("pixel_mask>2", "holds lists"),
    ],
)
def test_a_condition_that_makes_no_sense_is_refused(unpack, where: str, message: str):
    with pytest.raises(InputError, match=message):
        read_session(unpack("suite2p"), SourceOptions(where=(where,)))


def test_a_column_of_words_is_compared_as_words(unpack):
    assert read_session(unpack("neuroconv_suite2p"), SourceOptions(where=("roi_name==3",))).n_taking_part == 1
    with pytest.raises(InputError, match="has words"):
        read_session(unpack("neuroconv_suite2p"), SourceOptions(where=("roi_name>3",)))


def test_all_rois_and_a_condition_exclude_each_other():
    with pytest.raises(InputError, match="exclude each other"):
        SourceOptions(all_rois=True, where=("iscell>0",))


def test_another_channel_can_be_chosen(unpack):
    session = read_session(unpack("suite2p"), SourceOptions(image="meanImg_chan2"))
    np.testing.assert_array_equal(session.image, recording.image()[::-1])


def test_voxel_masks_of_several_planes_ask_for_one(unpack):
    path = unpack("suite2p_two_planes")
    with pytest.raises(AmbiguousInputError, match="`z_plane`: 0, 1, project them with z_plane='all', or match each"):
        read_session(path)
    with pytest.raises(InputError, match="lies in z plane 2, only in: 0, 1"):
        read_session(path, SourceOptions(z_plane=2))


@pytest.mark.parametrize("file", ["suite2p_two_planes", "suite2p_1_two_planes"])
@pytest.mark.parametrize("z_plane", [0, 1])
def test_a_plane_of_voxel_masks_comes_with_its_image(unpack, z_plane: int, file: str):
    session = read_session(unpack(file), SourceOptions(z_plane=z_plane))
    in_plane = np.arange(36) // 18 == z_plane
    assert session.excluded.tolist() == np.flatnonzero(~(in_plane & np.tile(ACCEPTED, 2))).tolist()
    np.testing.assert_allclose(dense(session)[in_plane], recording.masks())
    np.testing.assert_allclose(session.image, recording.image() + 1000 * z_plane)
    assert session.source.image_path.endswith(f"Backgrounds_{z_plane}/meanImg")
    assert session.roi_selection_reason == f"iscell > 0.5 (30 of 36 ROIs), of which 15 in z plane {z_plane}"


def test_voxel_masks_are_projected_with_a_note(unpack):
    session = read_session(unpack("suite2p_two_planes"), SourceOptions(z_plane="all", all_rois=True))
    np.testing.assert_allclose(dense(session), np.tile(recording.masks(), (2, 1, 1)))
    assert "projected" in session.warnings[0]


def test_pixel_masks_of_optinist_are_rows_first(unpack):
    """As its step for Suite2p hands them over; there is no image, so the frame ends with the last pixels."""
    session = read_session(unpack("optinist_suite2p"))
    assert in_words(session.orientation) == "masks transposed, image as stored"
    assert session.n_taking_part == ACCEPTED.sum()
    n_rows, n_cols = session.shape
    np.testing.assert_allclose(dense(session), recording.masks()[:, :n_rows, :n_cols])
    assert not recording.masks()[:, n_rows:].any()
    assert not recording.masks()[:, :, n_cols:].any()


PLANES = [f"ImagingPlaneChan{channel}Plane{plane}" for channel in (1, 2) for plane in (0, 1)]


def test_several_planes_and_channels_have_images_of_their_own(unpack):
    """Tables and images whose names end alike belong together."""
    path = unpack("neuroconv_2planes_2channels")
    with pytest.raises(AmbiguousInputError, match="4 ROI tables; choose a plane with `plane`: " + ", ".join(PLANES)):
        read_session(path)
    for plane in PLANES:
        session = read_session(path, SourceOptions(plane=plane))
        suffix = plane.removeprefix("ImagingPlane")
        assert session.source.roi_table_path.endswith(f"/PlaneSegmentation{suffix}")
        assert session.source.image_path.endswith(f"/MeanImage{suffix}")
        np.testing.assert_allclose(dense(session), recording.masks())
        channel, number = int(suffix[4]), int(suffix[-1])
        np.testing.assert_allclose(session.image, channel * recording.image() + 1000 * number, rtol=1e-5)


def test_the_name_of_an_image_without_its_suffix_is_enough(unpack):
    session = read_session(
        unpack("neuroconv_2planes_2channels"), SourceOptions(plane=PLANES[3], image="CorrelationImage")
    )
    assert session.source.image_path.endswith("/CorrelationImageChan2Plane1")


@pytest.mark.parametrize(("first", "second"), [("Chan1Plane1", "Chan1Plane11"), ("Plane0Chan1", "Plane1Chan1"),
                                               ("", "_deep"), ("VISp", "")])  # fmt: skip
@pytest.mark.slow
def test_suffixes_may_be_any(unpack, tmp_path: Path, first: str, second: str):
    path = tmp_path / "a.nwb"
    path.write_bytes(unpack("neuroconv_2planes_2channels").read_bytes())
    with h5py.File(path, "r+") as file:
        for old, new in (("Chan1Plane1", second), ("Chan1Plane0", first)):
            for name in ("ImageSegmentation/PlaneSegmentation", "SegmentationImages/MeanImage",
                         "SegmentationImages/CorrelationImage"):  # fmt: skip
                file["processing/ophys"].move(f"{name}{old}", f"{name}{new}")
    for number, suffix in enumerate((first, second)):
        session = read_session(path, SourceOptions(roi_table=f"PlaneSegmentation{suffix}"))
        assert session.source.image_path.endswith(f"/MeanImage{suffix}")
        np.testing.assert_allclose(session.image, recording.image() + 1000 * number, rtol=1e-5)


def test_an_image_of_another_table_is_not_taken(unpack, tmp_path: Path):
    path = tmp_path / "a.nwb"
    path.write_bytes(unpack("neuroconv_2planes_2channels").read_bytes())
    with h5py.File(path, "r+") as file:
        for kind in ("MeanImage", "CorrelationImage"):
            del file[f"processing/ophys/SegmentationImages/{kind}Chan1Plane1"]
    session = read_session(path, SourceOptions(plane="ImagingPlaneChan1Plane1"))
    assert not session.has_image
    assert "registered by its ROIs alone" in session.warnings[0]


def test_a_table_that_the_writer_left_empty_is_passed_over(unpack):
    for options in (SourceOptions(), SourceOptions(plane="ImagingPlane")):
        session = read_session(unpack("optinist"), options)
        assert session.source.roi_table_path == "processing/ophys/ImageSegmentation/lccd_detect_0"
    with pytest.raises(InputError, match="ImageSegmentation/PlaneSegmentation is empty; leave this session out"):
        read_session(unpack("optinist"), SourceOptions(roi_table="PlaneSegmentation"))
    output = run("inspect", unpack("optinist")).succeeded().out
    assert "PlaneSegmentation: 0 ROIs, no masks" in output


def test_rows_without_masks_do_not_make_a_file_unreadable(unpack, tmp_path: Path):
    """Which pynwb refuses as it does a table without anything."""
    path = tmp_path / "a.nwb"
    path.write_bytes(unpack("optinist").read_bytes())
    folder = "processing/ophys/ImageSegmentation"
    with h5py.File(path, "r+") as file:
        empty, rois = file[f"{folder}/PlaneSegmentation"], file[f"{folder}/lccd_detect_0"]
        attributes = dict(empty["id"].attrs)
        del empty["id"]
        empty.create_dataset("id", data=np.arange(3, dtype="int32")).attrs.update(attributes)
        rois.copy("iscell", empty)
        iscell = dict(empty["iscell"].attrs)
        del empty["iscell"]
        empty.create_dataset("iscell", data=np.ones(3, "int64")).attrs.update({**iscell, "object_id": "another"})
        empty.attrs["colnames"] = np.array(["iscell"], h5py.string_dtype())
    assert read_session(path).source.roi_table_path.endswith("/lccd_detect_0")
    with pytest.raises(
        InputError, match=r"PlaneSegmentation has no masks that can be read .* only the columns: iscell"
    ):
        read_session(path, SourceOptions(roi_table="PlaneSegmentation"))
    with h5py.File(path, "r+") as file:
        del file[f"{folder}/lccd_detect_0"], file["processing/ophys/lccd_detect_0"]
    with pytest.raises(InputError, match="PlaneSegmentation has no masks"):
        read_session(path)


def test_pynwb_still_makes_no_table_without_masks():
    plane = pynwb.ophys.ImagingPlane(
        name="plane", description="A plane.", location="VISp", excitation_lambda=920.0, indicator="GCaMP6f",
        device=pynwb.device.Device(name="microscope"),
        optical_channel=pynwb.ophys.OpticalChannel(name="green", description="Green.", emission_lambda=520.0),
    )  # fmt: skip
    with pytest.raises(ValueError, match="Must provide at least one"):
        pynwb.ophys.PlaneSegmentation(description="ROIs.", imaging_plane=plane, name="rois", id=[0, 1])


def test_a_subject_may_be_in_a_table(unpack):
    assert read_session(unpack("ndx_multisubjects")).subject_id == "mouse-1"
    assert "subject      mouse-1, mouse-2" in run("inspect", unpack("ndx_multisubjects_selected")).succeeded().out
    assert read_session(unpack("ndx_multisubjects_selected")).subject_id == "mouse-2"


def test_subjects_in_tables_are_compared_as_others(unpack, tmp_path: Path):
    first, other = unpack("ndx_multisubjects"), unpack("ndx_multisubjects_selected")
    for option in ((), ("--all-planes",)):
        refused = run("write", first, other, *option, "-o", tmp_path / "m.nwb").refused("different subjects")
        assert "mouse-1 (" in refused.err
        assert "mouse-2 (" in refused.err


def test_a_volume_of_several_planes_asks_for_one(unpack, tmp_path: Path):
    path = tmp_path / "a.nwb"
    path.write_bytes(unpack("ndx_microscopy_volume").read_bytes())
    with h5py.File(path, "r+") as file:
        table = file["processing/ophys/segmentations/rois"]
        voxels = table["voxel_mask"][:]
        voxels["z"][table["voxel_mask_index"][8] :] = 2
        table["voxel_mask"][...] = voxels
    with pytest.raises(AmbiguousInputError, match="`z_plane`: 1, 2"):
        read_session(path)
    session = read_session(path, SourceOptions(z_plane=2))
    assert session.excluded.tolist() == list(range(9))
    np.testing.assert_allclose(dense(session)[9:], recording.masks()[9:])


@pytest.mark.parametrize(("file", "older"), [("ndx_microscopy", "Segmentation2D"),
                                             ("ndx_microscopy_volume", "Segmentation3D")])  # fmt: skip
@pytest.mark.slow
def test_tables_had_other_types_in_older_versions_of_ndx_microscopy(unpack, tmp_path: Path, file: str, older: str):
    """Made of the newer ones by renaming the type, in the schema as well."""
    path = tmp_path / "a.nwb"
    path.write_bytes(unpack(file).read_bytes())
    with h5py.File(path, "r+") as stored:
        table = stored["processing/ophys/segmentations/rois"]
        newer = table.attrs["neurodata_type"]
        table.attrs["neurodata_type"] = older
        (schema,) = stored["specifications/ndx-microscopy"].values()
        for name in list(schema):
            text = schema[name][()].decode().replace(f'"{newer}"', f'"{older}"')
            text = text.replace("pixel_size_in_um", "grid_spacing_in_um").replace(
                "voxel_size_in_um", "grid_spacing_in_um"
            )
            del schema[name]
            schema[name] = text
        space = next(group for group in table.values() if str(group.attrs.get("neurodata_type")).endswith("Space"))
        size = next(name for name in space if "size_in_um" in name)
        space.move(size, "grid_spacing_in_um")
    session = read_session(path)
    np.testing.assert_allclose(dense(session), recording.masks())
    np.testing.assert_allclose(session.pixel_size, recording.PIXEL_SIZE)


def test_inspect_says_the_layout_and_why(unpack):
    lines = run("inspect", unpack("suite2p")).succeeded().out.splitlines()
    entries = {line[2:15].strip(): line[15:] for line in lines[1:]}
    assert entries["layout"].startswith("Suite2p: ")
    assert "columns iscell" in entries["layout"]
    assert entries["orientation"].startswith("masks transposed, image as stored; Suite2p's convention")
    assert entries["ROIs"] == "iscell > 0.5 (15 of 18 ROIs)"
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


@pytest.mark.slow
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
