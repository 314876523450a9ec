"""What is read of NWB files, how it is chosen, and what is said where it cannot be."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from datetime import timedelta, timezone
from pathlib import Path

import h5py
import numpy as np
import pytest
from builders import SHAPE, START, SUBJECT, Field, field_of_view, make_nwbfile, roi_table, write_nwb, write_sessions
from hdmf.common import VectorData
from pynwb.base import Images
from pynwb.image import GrayscaleImage, RGBImage
from pynwb.ophys import ImageSegmentation, PlaneSegmentation

from ndx_match.errors import AmbiguousInputError, InputError
from ndx_match.sources import SourceOptions, inspect_file, read_session, read_sessions, source_warnings


@pytest.fixture
def two_planes(tmp_path: Path) -> Path:
    return write_nwb(tmp_path / "planes.nwb", make_nwbfile(planes=("VISp_0", "VISp_1")))


def test_inspecting_a_file_says_what_would_be_read(two_planes: Path):
    unclear = inspect_file(two_planes, SourceOptions(checksum=False))
    assert unclear.used == {}
    assert "`plane`: VISp_0, VISp_1" in unclear.problems[""]
    options = SourceOptions(plane="VISp_1", checksum=False)
    clear, read = inspect_file(two_planes, options), read_session(two_planes, options)
    assert clear.used[""].source == read.source
    assert (clear.session_id, clear.subject_id) == ("101", read.subject_id)
    assert [table.path for table in clear.contents.tables] == [
        f"processing/{plane}/image_segmentation/roi_table" for plane in ("VISp_0", "VISp_1")
    ]
    every = inspect_file(two_planes, SourceOptions(checksum=False), all_planes=True)
    assert [(plane.name, plane.depth) for plane in every.recorded] == [(p.name, p.depth) for p in every.planes]
    assert not every.problems


@pytest.mark.parametrize("mask_kind", ["image_mask", "pixel_mask", "voxel_mask"])
def test_masks_of_every_kind_give_the_same_footprints(tmp_path: Path, mask_kind: str):
    field = field_of_view()
    session = read_session(write_nwb(tmp_path / "a.nwb", make_nwbfile(field, mask_kind=mask_kind)))
    np.testing.assert_array_equal(session.footprints.toarray().reshape(field.masks.shape), field.masks)
    np.testing.assert_array_equal(session.image, field.image)


def test_ids_are_the_tables_and_rows_keep_its_order(tmp_path: Path):
    field, ids = field_of_view(), [*range(40, 20, -1)]
    session = read_session(write_nwb(tmp_path / "a.nwb", make_nwbfile(field, roi_ids=ids)))
    assert session.roi_ids.tolist() == ids
    for roi_row in (0, 7, 19):
        assert session.footprints[[roi_row]].sum() == field.masks[roi_row].sum()


def test_many_compressed_masks_are_read_in_whole_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Blocks that end within a chunk, at its end, and beyond the last ROI give the same footprints."""
    field = field_of_view()
    path = write_nwb(tmp_path / "a.nwb", make_nwbfile(field))
    with h5py.File(path, "r+") as file:
        table = file["processing/ophys/image_segmentation/roi_table"]
        attributes = dict(table["image_mask"].attrs)
        del table["image_mask"]
        table.create_dataset("image_mask", data=field.masks, chunks=(3, 50, 50), compression="gzip")
        table["image_mask"].attrs.update(attributes)
    for bytes_of_block in (1, field.masks[:2].nbytes, field.masks[:7].nbytes, 10**9):
        monkeypatch.setattr("ndx_match.sources.masks.BLOCK_BYTES", bytes_of_block)
        np.testing.assert_array_equal(read_session(path).footprints.toarray(), field.footprints.toarray())


def test_pixels_of_weight_zero_are_not_part_of_a_footprint(tmp_path: Path):
    nwbfile = make_nwbfile(mask_kind="pixel_mask")
    table = nwbfile.processing["ophys"]["image_segmentation"]["roi_table"]
    table.add_roi(id=99, pixel_mask=[(3, 4, 1.0), (5, 4, 0.0), (6, 4, 0.5)])
    footprint = read_session(write_nwb(tmp_path / "a.nwb", nwbfile)).footprints[[20]].toarray().reshape(SHAPE)
    assert {tuple(map(int, p)): footprint[tuple(p)] for p in np.argwhere(footprint)} == {(4, 3): 1.0, (4, 6): 0.5}


@pytest.mark.parametrize("end", [3, 10_000])
def test_an_index_that_does_not_fit_the_pixels_is_refused(tmp_path: Path, end: int):
    path = write_nwb(tmp_path / "a.nwb", make_nwbfile(mask_kind="pixel_mask"))
    with h5py.File(path, "r+") as file:
        file["processing/ophys/image_segmentation/roi_table/pixel_mask_index"][-1] = end
    with pytest.raises(InputError, match="pixel_mask_index does not fit"):
        read_session(path)


def test_an_empty_mask_is_kept_and_reported(tmp_path: Path):
    field = field_of_view()
    field.masks[[2, 5]] = 0
    session = read_session(write_nwb(tmp_path / "a.nwb", make_nwbfile(field, roi_ids=[*range(100, 120)])))
    assert session.n_rois == 20
    assert session.empty_rows.tolist() == [2, 5]
    assert "2 of 20 ROIs have an empty mask" in source_warnings([session])[0]
    assert "102, 105" in source_warnings([session])[0]


def test_a_file_of_several_planes_asks_for_one(two_planes: Path):
    with pytest.raises(AmbiguousInputError, match="with `plane`: VISp_0, VISp_1"):
        read_session(two_planes)
    session = read_session(two_planes, SourceOptions(plane="VISp_1"))
    assert session.source.plane_path == "general/optophysiology/VISp_1"
    assert session.source.roi_table_path == "processing/VISp_1/image_segmentation/roi_table"
    assert session.source.image_path == "processing/VISp_1/images/average_image"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (SourceOptions(plane="VISl"), "give `plane` one of: VISp_0, VISp_1"),
        (SourceOptions(roi_table="other"), "give `roi_table` one of: processing/VISp_0/"),
        (SourceOptions(roi_table="roi_table"), "`plane`: VISp_0, VISp_1"),
        (SourceOptions(plane="VISp_0", image="other"), "give `image` one of: processing/VISp_0/"),
    ],
)
def test_a_choice_that_settles_nothing_is_told_what_there_is(two_planes: Path, options: SourceOptions, message: str):
    with pytest.raises(InputError) as caught:
        read_session(two_planes, options)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "path", ["processing/VISp_1/image_segmentation/roi_table", "/processing/VISp_1/image_segmentation/roi_table/",
             "VISp_1/image_segmentation/roi_table"],
)  # fmt: skip
def test_a_table_is_chosen_by_its_path_or_its_end(two_planes: Path, path: str):
    source = read_session(two_planes, SourceOptions(roi_table=path)).source
    assert source.roi_table_path == "processing/VISp_1/image_segmentation/roi_table"
    assert source.image_path.startswith("processing/VISp_1/")


def test_two_tables_of_one_plane_ask_for_a_table(tmp_path: Path):
    nwbfile = make_nwbfile()
    table = roi_table(field_of_view().masks, nwbfile.imaging_planes["plane"])
    nwbfile.processing["ophys"].add(ImageSegmentation(name="other", plane_segmentations=[table]))
    path = write_nwb(tmp_path / "a.nwb", nwbfile)
    with pytest.raises(AmbiguousInputError, match=r"`roi_table`: .*image_segmentation/roi_table, .*other/roi_table"):
        read_session(path)
    assert "other" in read_session(path, SourceOptions(roi_table="other/roi_table")).source.roi_table_path


def test_the_mean_image_is_preferred_and_another_can_be_chosen(tmp_path: Path):
    path = write_nwb(tmp_path / "a.nwb", make_nwbfile(images=("max_projection", "average_projection", "std")))
    assert read_session(path).source.image_path.endswith("/average_projection")
    for image in ("max_projection", "images/max_projection"):
        assert read_session(path, SourceOptions(image=image)).source.image_path.endswith("/max_projection")


def test_images_none_of_which_is_known_ask_for_one(tmp_path: Path):
    path = write_nwb(tmp_path / "a.nwb", make_nwbfile(images=("reference_1", "reference_2")))
    with pytest.raises(AmbiguousInputError, match=r"`image`: .*reference_1, .*reference_2"):
        read_session(path)


def test_images_of_other_size_or_in_colour_are_passed_over(tmp_path: Path):
    nwbfile = make_nwbfile(images=("summary",))
    images = nwbfile.processing["ophys"]["images"]
    images.add_image(GrayscaleImage(name="average_image", data=np.ones((30, 40)), description="Thumbnail."))
    images.add_image(RGBImage(name="mean_image", data=np.ones((*SHAPE, 3)), description="Coloured."))
    assert read_session(write_nwb(tmp_path / "a.nwb", nwbfile)).source.image_path.endswith("/summary")


def _no_table(nwbfile):
    nwbfile.processing["ophys"].data_interfaces.pop("image_segmentation")


def _empty_table(nwbfile):
    nwbfile.processing["ophys"].data_interfaces.pop("image_segmentation")
    masks = VectorData(name="image_mask", description="Masks.", data=np.zeros((0, *SHAPE)))
    plane = nwbfile.imaging_planes["plane"]
    empty = PlaneSegmentation(
        name="none", description="Nothing.", imaging_plane=plane, id=[], columns=[masks], colnames=["image_mask"]
    )
    nwbfile.processing["ophys"].add(ImageSegmentation(name="image_segmentation", plane_segmentations=[empty]))


def _other_image_size(nwbfile):
    nwbfile.processing["ophys"].data_interfaces.pop("images")
    image = GrayscaleImage(name="average_image", data=np.ones((30, 40)), description="Small.")
    nwbfile.processing["ophys"].add(Images(name="images", images=[image], description="Projections."))


def _pixels_outside(nwbfile):
    table = nwbfile.processing["ophys"]["image_segmentation"]["roi_table"]
    table.add_roi(id=99, pixel_mask=[(SHAPE[1], 4, 1.0)])


@pytest.mark.parametrize(
    ("options", "spoil", "message"),
    [
        ({}, _no_table, "there is no ROI table"),
        ({}, _empty_table, "none is empty; leave this session out"),
        ({}, _other_image_size, "image and masks differ in size: .* 160 rows x 150 columns, .* 30 rows x 40 columns"),
        ({"mask_kind": "pixel_mask"}, _pixels_outside, "image and masks differ in size: mask pixels reach x = 150"),
        ({"roi_ids": [5, *range(19)]}, None, "duplicate ROI ids .for example 5."),
    ],
)
def test_what_cannot_be_matched_is_refused(tmp_path: Path, options, spoil, message: str):
    nwbfile = make_nwbfile(**options)
    if spoil:
        spoil(nwbfile)
    path = write_nwb(tmp_path / "a.nwb", nwbfile)
    with pytest.raises(InputError, match=message) as caught:
        read_session(path)
    assert str(caught.value).startswith(str(path))


def test_a_file_against_its_schema_is_refused_in_one_short_sentence(tmp_path: Path):
    """hdmf's message describes half the file before it comes to the reason."""
    path = write_nwb(tmp_path / "a.nwb", make_nwbfile())
    with h5py.File(path, "r+") as file:
        del file["processing/ophys/image_segmentation/roi_table/image_mask"]
    with pytest.raises(InputError, match="pynwb cannot read this NWB file") as caught:
        read_session(path)
    assert len(str(caught.value)) < len(str(path)) + 350
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("mask_kind", "part", "message", "value"),
    [
        ("image_mask", "image", "average_image holds infinite values", np.inf),
        *(
            (kind, "masks", "the masks hold NaN or infinite weights", value)
            for kind in ("image_mask", "pixel_mask")
            for value in (np.nan, np.inf)
        ),
    ],
)
def test_values_that_are_not_finite_are_refused(tmp_path: Path, mask_kind: str, part: str, message: str, value: float):
    field = field_of_view()
    getattr(field, part)[..., 80, 75] = value
    with pytest.raises(InputError, match=message):
        read_session(write_nwb(tmp_path / "a.nwb", make_nwbfile(field, mask_kind=mask_kind)))


def test_voxel_masks_of_several_planes_are_refused(tmp_path: Path):
    nwbfile = make_nwbfile(mask_kind="voxel_mask")
    table = nwbfile.processing["ophys"]["image_segmentation"]["roi_table"]
    table.add_roi(id=99, voxel_mask=[(3, 4, 1, 1.0)])
    with pytest.raises(InputError, match="several planes"):
        read_session(write_nwb(tmp_path / "a.nwb", nwbfile))


def test_one_file_is_not_enough(tmp_path: Path):
    with pytest.raises(InputError, match="two or more NWB files"):
        read_sessions(write_sessions(tmp_path)[:1])


def test_the_same_file_twice_is_refused_under_any_name(tmp_path: Path):
    first, _ = write_sessions(tmp_path)
    copy, link, hard = tmp_path / "copy.nwb", tmp_path / "link.nwb", tmp_path / "hard.nwb"
    shutil.copy(first, copy)
    link.symlink_to(first)
    os.link(first, hard)
    for other in (first, copy, link, hard, tmp_path / "." / first.name):
        with pytest.raises(InputError, match=r"give each session once"):
            read_sessions([first, other])


def test_two_planes_of_one_file_are_two_sessions(two_planes: Path, tmp_path: Path):
    """Not a use that the command has, but their tables differ, so nothing speaks against it."""
    first, second = (read_session(two_planes, SourceOptions(plane=plane)) for plane in ("VISp_0", "VISp_1"))
    assert first.source.roi_table_object_id != second.source.roi_table_object_id


def test_different_subjects_are_refused_unless_that_is_allowed(tmp_path: Path):
    paths = [
        write_nwb(tmp_path / f"{name}.nwb", make_nwbfile(session_id=name, subject={**SUBJECT, "subject_id": name}))
        for name in ("mouse-1", "mouse-2")
    ]
    with pytest.raises(InputError, match=r"mouse-1 .*mouse-2 .*allow_different_subjects=True"):
        read_sessions(paths)
    assert len(read_sessions(paths, SourceOptions(allow_different_subjects=True))) == 2


def test_a_file_without_subject_goes_with_any(tmp_path: Path):
    first, _ = write_sessions(tmp_path)
    second = write_nwb(tmp_path / "b.nwb", make_nwbfile(session_id="b", subject=None))
    assert [session.subject_id for session in read_sessions([first, second])] == ["mouse-1", ""]


def test_what_does_not_fit_together_is_a_warning(tmp_path: Path):
    first = write_nwb(tmp_path / "a.nwb", make_nwbfile(session_id="a", start=START + timedelta(days=1)))
    plane = {"description": "Depth: 310 um", "grid_spacing": [0.8e-6, 0.9e-6], "grid_spacing_unit": "meters"}
    second = write_nwb(tmp_path / "b.nwb", make_nwbfile(session_id="b", plane_options=plane))
    warnings = source_warnings(read_sessions([first, second]))
    assert len(warnings) == 3
    assert "not in the order of their dates" in warnings[0]
    assert "a 300 um, b 310 um" in warnings[1]
    assert "(row x column) differ: a 0.8 x 0.8 um, b 0.9 x 0.8 um" in warnings[2]
    assert source_warnings(read_sessions(write_sessions(tmp_path))) == []


def test_dates_of_different_time_zones_are_compared_as_instants(tmp_path: Path):
    """07:00 in Seattle is later than 10:00 in Paris, though its text sorts first."""
    paris, seattle = timezone(timedelta(hours=1)), timezone(timedelta(hours=-8))
    starts = START.replace(hour=10, tzinfo=paris), START.replace(hour=7, tzinfo=seattle)
    paths = [
        write_nwb(tmp_path / f"{k}.nwb", make_nwbfile(session_id=str(k), start=start)) for k, start in enumerate(starts)
    ]
    assert source_warnings(read_sessions(paths)) == []
    assert "order of their dates" in source_warnings(read_sessions(paths[::-1]))[0]


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ({"description": "Structure: VISp Depth: 375 um"}, 375.0),
        ({"description": "imaging depth 120.5 microns below pia"}, 120.5),
        ({"description": "A plane of depth unknown."}, None),
    ],
)
def test_the_imaging_depth_is_found_in_words(tmp_path: Path, stated, expected):
    path = write_nwb(tmp_path / "a.nwb", make_nwbfile(plane_options=stated))
    assert read_session(path).imaging_depth == expected


def test_sessions_get_distinct_names(tmp_path: Path):
    """The same session id in two files: named after the files; the same file names too: after their positions."""
    folders = [tmp_path / name for name in ("a", "b", "c")]
    for folder in folders:
        folder.mkdir()
    paths = [write_nwb(folder / "same.nwb", make_nwbfile(session_id="x y/z")) for folder in folders[:2]]
    paths.append(write_nwb(folders[2] / "other.nwb", make_nwbfile(session_id="session-1")))
    assert [s.name for s in read_sessions([paths[0], paths[2]])] == ["x-y-z", "session-1"]
    names = [session.name for session in read_sessions(paths)]
    assert len(set(names)) == 3
    shutil.copy(paths[1], tmp_path / "b" / "different.nwb")
    names = [session.name for session in read_sessions([paths[0], tmp_path / "b" / "different.nwb"])]
    assert names == ["same", "different"]


def test_a_session_without_id_is_named_after_its_file(tmp_path: Path):
    assert read_session(write_nwb(tmp_path / "day 1.nwb", make_nwbfile(session_id=None))).name == "day-1"


def test_where_it_came_from_is_recorded(tmp_path: Path):
    path = write_nwb(tmp_path / "a.nwb", make_nwbfile())
    session = read_session(path)
    source = session.source
    assert source.uri == str(path)
    assert session.session_start == START.isoformat()
    with h5py.File(path) as file:
        assert source.object_id == file.attrs["object_id"]
        assert source.roi_table_object_id == file[source.roi_table_path].attrs["object_id"]
        assert source.image_path in file
        assert source.plane_path in file
    shutil.copy(path, tmp_path / "b.nwb")
    assert read_session(tmp_path / "b.nwb").source.sha256 == source.sha256 != ""
    assert read_session(path, SourceOptions(checksum=False)).source == replace(source, sha256="")


def test_a_copy_of_the_field_is_equal(tmp_path: Path):
    """The builders themselves: a window moved by (3, 2) shows the tissue 3 rows and 2 columns further."""
    here, moved = field_of_view(), field_of_view((3, 2))
    np.testing.assert_array_equal(here.image[3:, 2:], moved.image[:-3, :-2])
    assert isinstance(here, Field)


def test_inputs_can_be_read_only(tmp_path: Path):
    path = write_nwb(tmp_path / "a.nwb", make_nwbfile())
    before = path.read_bytes()
    path.chmod(0o444)
    tmp_path.chmod(0o555)
    try:
        read_session(path)
    finally:
        tmp_path.chmod(0o755)
    assert path.read_bytes() == before
