"""What is written into a match file, and read back from it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import h5py
import numpy as np
import pynwb
import pytest
from builders import START, SUBJECT, field_of_view, make_nwbfile, write_nwb, write_sessions
from hdmf.common import DynamicTable, VectorIndex
from helpers import run
from pynwb import NWBHDF5IO
from pynwb.ophys import PlaneSegmentation

from ndx_match.errors import InputError, OutputError
from ndx_match.matchfile import FileMetadata, dandi_path, read_match_file, write_match_file
from ndx_match.matchfile.metadata import COMMON_AREAS, is_placeholder
from ndx_match.methods import nway
from ndx_match.model import MatchResult, Presence, Registration, RoiPairs, Session, cell_of_roi
from ndx_match.sources import SourceOptions, read_sessions
from ndx_match.storage.remote.locations import recorded_location


def match(sessions: list[Session]) -> MatchResult:
    """The cells of sessions that are registered by the shift they were made with."""
    matrix = np.array([[1.0, 0, -2], [0, 1, -3], [0, 0, 1]])
    pairs = [(i, j) for i in range(len(sessions)) for j in range(i + 1, len(sessions))]
    return nway.match_registered(sessions, [Registration(i, j, matrix, ("known shift",), ssim=0.9) for i, j in pairs])


def write(paths: list[Path], output: Path, metadata: FileMetadata | None = None, **options) -> list[str]:
    """Write a match file of the sessions; returns the warnings."""
    sessions = read_sessions(paths, SourceOptions(**options))
    return list(write_match_file(sessions, match(sessions), output, metadata).warnings)


def external_links(path: Path) -> list[str]:
    links: list[str] = []

    def look(group: h5py.Group) -> None:
        for name in group:
            link = group.get(name, getlink=True)
            if isinstance(link, h5py.ExternalLink):
                links.append(f"{group.name}/{name}")
            elif isinstance(link, h5py.HardLink) and isinstance(group[name], h5py.Group):
                look(group[name])
            elif isinstance(link, h5py.HardLink) and group[name].external:
                links.append(group[name].name)

    with h5py.File(path) as file:
        look(file)
    return links


@pytest.fixture
def matches(tmp_path: Path) -> Path:
    path = tmp_path / "matches.nwb"
    write(write_sessions(tmp_path), path)
    return path


def test_it_is_valid_and_points_to_no_other_file(matches: Path):
    assert pynwb.validate(path=matches) == []
    assert external_links(matches) == []


def test_everything_is_read_back(tmp_path: Path):
    sessions = read_sessions(write_sessions(tmp_path, ((0, 0), (3, 2), (-4, 5)), roi_ids=[*range(50, 30, -1)]))
    result = replace(nway.match(sessions), warnings=("Beware.", "Of the dog."))
    write_match_file(sessions, result, tmp_path / "m.nwb")
    read = read_match_file(tmp_path / "m.nwb")
    for name in ("method", "method_version", "parameters", "software", "status_reasons", "warnings", "confidence"):
        assert getattr(read.result, name) == getattr(result, name), name
    np.testing.assert_array_equal(read.result.cells, result.cells)
    np.testing.assert_array_equal(read.result.cell_ids, result.cell_ids)
    np.testing.assert_array_equal(read.result.session_status, result.session_status)
    np.testing.assert_array_equal(read.result.presence, result.presence)
    for name, values in vars(result.roi_pairs).items():
        np.testing.assert_array_equal(getattr(read.result.roi_pairs, name), values, err_msg=name)
    for registration, expected in zip(read.result.registrations, result.registrations, strict=True):
        np.testing.assert_array_equal(registration.matrix, expected.matrix)
        assert registration.steps == (", ".join(expected.steps),)
        for name in ("fixed_session", "moving_session", "outcome", "reason", "ssim"):
            assert getattr(registration, name) == getattr(expected, name), name
    for session, expected in zip(read.sessions, sessions, strict=True):
        assert session.name == expected.name
        np.testing.assert_array_equal(session.image, expected.image)
        np.testing.assert_array_equal(session.footprints.toarray(), expected.footprints.toarray())
        np.testing.assert_array_equal(session.roi_ids, expected.roi_ids)
        assert session.pixel_size == pytest.approx(expected.pixel_size)
        assert session.source == replace(expected.source, uri=Path(expected.source.uri).name)


def test_reading_without_masks_gives_the_same_but_them(matches: Path):
    whole, light = read_match_file(matches), read_match_file(matches, footprints=False)
    assert all(session.footprints.nnz == 0 for session in light.sessions)
    assert [s.n_rois for s in light.sessions] == [s.n_rois for s in whole.sessions]
    np.testing.assert_array_equal(light.result.cells, whole.result.cells)


@pytest.mark.slow
def test_a_result_without_pairs_and_registrations_is_written(tmp_path: Path):
    sessions = read_sessions(write_sessions(tmp_path))
    alone = np.full((40, 2), -1, np.int32)
    alone[:20, 0] = alone[20:, 1] = np.arange(20)
    result = MatchResult(
        "none", "1", {}, alone, (alone >= 0).astype(np.uint8), RoiPairs.concatenate([]), (), np.ones(2, np.uint8)
    )
    write_match_file(sessions, result, tmp_path / "m.nwb")
    assert pynwb.validate(path=tmp_path / "m.nwb") == []
    read = read_match_file(tmp_path / "m.nwb").result
    np.testing.assert_array_equal(read.cells, alone)
    assert len(read.roi_pairs) == len(read.registrations) == 0


def test_every_column_and_id_of_the_roi_tables_is_copied(tmp_path: Path):
    nwbfile = make_nwbfile(roi_ids=[*range(20, 0, -1)])
    table: PlaneSegmentation = nwbfile.processing["ophys"]["image_segmentation"]["roi_table"]
    ends = np.arange(2, 42, 2)
    plain = {
        "is_soma": np.arange(20) % 3 == 0,
        "area": np.arange(20, dtype=np.uint16),
        "offset": np.arange(20, dtype=np.int64) - 10,
        "snr": np.linspace(0, 1, 20, dtype=np.float32),
        "label": [f"cell {k} µm" for k in range(20)],
        "iscell": np.linspace(0, 1, 40).reshape(20, 2),
    }
    for name, data in plain.items():
        table.add_column(name=name, description=f"The {name}.", data=data)
    table.add_column(name="spikes", description="Ragged.", data=np.arange(40.0), index=ends)
    table.add_column(name="tags", description="Ragged.", data=[f"tag {k}" for k in range(40)], index=ends)
    twice = [[[k, k + 1], [k]] for k in range(20)]
    table.add_column(name="epochs", description="Ragged twice.", data=twice, index=2)
    first = write_nwb(tmp_path / "a.nwb", nwbfile)
    second = write_nwb(tmp_path / "b.nwb", make_nwbfile(session_id="b", start=START + timedelta(days=1)))
    assert write([first, second], tmp_path / "m.nwb") == []
    with NWBHDF5IO(tmp_path / "m.nwb", "r") as io, NWBHDF5IO(first, "r") as source_io:
        copy = io.read().processing["ophys"]["roi_tables"]["101_roi_table"]
        source = source_io.read().processing["ophys"]["image_segmentation"]["roi_table"]
        assert copy.colnames == (*source.colnames, "took_part")
        assert copy.id.data[:].tolist() == [*range(20, 0, -1)]
        for name, data in plain.items():
            assert copy[name].data.dtype == source[name].data.dtype, name
            assert np.array_equal(copy[name].data[:].astype(np.asarray(data).dtype), data), name
            assert copy[name].description == f"The {name}."
        for name in ("spikes", "tags", "epochs"):
            assert isinstance(copy[name], VectorIndex)
            for row in range(20):
                np.testing.assert_equal(copy[name][row], source[name][row])
        np.testing.assert_array_equal(copy["image_mask"].data[:], source["image_mask"].data[:])


@pytest.mark.slow
def test_columns_that_point_elsewhere_are_left_out_and_named(tmp_path: Path):
    nwbfile = make_nwbfile(mask_kind="pixel_mask")
    table: PlaneSegmentation = nwbfile.processing["ophys"]["image_segmentation"]["roi_table"]
    layers = DynamicTable(name="layers", description="Cortical layers.", id=[0, 1])
    layers.add_column(
        name="depth",
        description="Micrometres.",
        data=[100, 200],
    )
    nwbfile.processing["ophys"].add(layers)
    table.add_column(name="layer", description="Rows of another table.", data=[0] * 20, table=layers)
    table.add_column(name="near", description="The same, ragged.", data=[0] * 20, index=np.arange(1, 21), table=layers)
    table.add_column(name="plane", description="Objects.", data=[nwbfile.imaging_planes["plane"]] * 20)
    table.add_column(name="size", description="Plain.", data=np.arange(20))
    first = write_nwb(tmp_path / "a.nwb", nwbfile)
    second = write_nwb(tmp_path / "b.nwb", make_nwbfile(session_id="b", start=START + timedelta(days=1)))
    warnings = write([first, second], tmp_path / "m.nwb")
    assert len(warnings) == 1
    assert (
        "101: the copy of the ROI table does not have these columns, which cannot be copied: layer, near, plane."
        in warnings[0]
    )
    assert pynwb.validate(path=tmp_path / "m.nwb") == []
    with NWBHDF5IO(tmp_path / "m.nwb", "r") as io:
        copy = io.read().processing["ophys"]["roi_tables"]["101_roi_table"]
        assert copy.colnames == ("pixel_mask", "size", "took_part")


@pytest.mark.slow
@pytest.mark.parametrize("mask_kind", ["image_mask", "pixel_mask", "voxel_mask"])
@pytest.mark.parametrize("compression", [None, "gzip"])
def test_large_masks_are_streamed_and_stored_compressed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mask_kind: str, compression: str | None
):
    monkeypatch.setattr("ndx_match.storage.datasets.LARGE_BYTES", 1000)
    monkeypatch.setattr("ndx_match.storage.datasets.BUFFER_BYTES", 300_000)
    paths = write_sessions(tmp_path, mask_kind=mask_kind)
    table = f"processing/ophys/image_segmentation/roi_table/{mask_kind}"
    for path in paths:
        with h5py.File(path, "r+") as file:
            data, attributes = file[table][()], dict(file[table].attrs)
            del file[table]
            file.create_dataset(table, data=data, compression=compression)
            file[table].attrs.update(attributes)
            if mask_kind != "image_mask":
                file[f"{table}_index"].attrs["target"] = file[table].ref
    write(paths, tmp_path / "m.nwb")
    assert external_links(tmp_path / "m.nwb") == []
    assert pynwb.validate(path=tmp_path / "m.nwb") == []
    with h5py.File(tmp_path / "m.nwb") as file:
        for name in ("101_roi_table", "102_roi_table"):
            assert file[f"processing/ophys/roi_tables/{name}/{mask_kind}"].compression == "gzip"
    for session, shift in zip(read_match_file(tmp_path / "m.nwb").sessions, ((0, 0), (3, 2)), strict=True):
        np.testing.assert_array_equal(session.footprints.toarray(), field_of_view(shift).footprints.toarray())


def test_inputs_stay_as_they_are_and_may_be_read_only(tmp_path: Path):
    folder = tmp_path / "inputs"
    folder.mkdir()
    paths = write_sessions(folder)
    before = [hashlib.sha256(path.read_bytes()).digest() for path in paths]
    times = [path.stat().st_mtime_ns for path in paths]
    for path in paths:
        path.chmod(0o444)
    folder.chmod(0o555)
    try:
        write(paths, tmp_path / "m.nwb")
    finally:
        folder.chmod(0o755)
    assert [hashlib.sha256(path.read_bytes()).digest() for path in paths] == before
    assert [path.stat().st_mtime_ns for path in paths] == times
    assert sorted(folder.iterdir()) == sorted(paths)


def test_an_input_is_never_overwritten(tmp_path: Path):
    paths = write_sessions(tmp_path)
    before = paths[0].read_bytes()
    sessions = read_sessions(paths)
    with pytest.raises(OutputError, match="one of the inputs"):
        write_match_file(sessions, match(sessions), paths[0], overwrite=True)
    assert paths[0].read_bytes() == before


def test_a_source_that_was_changed_since_is_refused(tmp_path: Path):
    paths = write_sessions(tmp_path)
    sessions = read_sessions(paths)
    write_nwb(paths[1], make_nwbfile(session_id="other", images=("another",)))
    with pytest.raises(InputError, match=r"session_1\.nwb: the file was changed since it was read"):
        write_match_file(sessions, match(sessions), tmp_path / "m.nwb")
    paths[1].unlink()
    with pytest.raises(InputError, match=r"session_1\.nwb: the file was removed after it was read"):
        write_match_file(sessions, match(sessions), tmp_path / "m.nwb")
    assert not (tmp_path / "m.nwb").exists()


def test_a_file_without_matches_is_refused(tmp_path: Path):
    path = write_nwb(tmp_path / "a.nwb", make_nwbfile())
    with pytest.raises(InputError, match=r"holds no matched cells .*ndx-match write"):
        read_match_file(path)


# ---- who and what it is about


@pytest.fixture
def opened() -> Iterator[Callable[[Path], pynwb.NWBFile]]:
    """Opens files that stay open until the test ends."""
    with ExitStack() as stack:
        yield lambda path: stack.enter_context(NWBHDF5IO(path, "r")).read()


def test_what_the_sources_agree_on_is_carried_over(tmp_path: Path, opened):
    common = {"lab": "A lab", "institution": "An institute", "surgery": "Window."}
    paths = [
        write_nwb(tmp_path / "b.nwb", make_nwbfile(
            session_id="b", start=START + timedelta(days=9), subject={**SUBJECT, "age": "P99D"}, keywords=["cortex"],
            experimenter=["Doe, Jane"], protocol="7", experiment_description="Vision.", **common,
        )),
        write_nwb(tmp_path / "a.nwb", make_nwbfile(
            session_id="a", experimenter=["Roe, Rob"], keywords=["mouse"], protocol="8", **common
        )),
    ]  # fmt: skip
    write(paths, tmp_path / "m.nwb")
    nwbfile = opened(tmp_path / "m.nwb")
    assert nwbfile.session_start_time == START
    assert nwbfile.session_id == "bToA"
    assert (nwbfile.lab, nwbfile.institution, nwbfile.surgery) == ("A lab", "An institute", "Window.")
    assert nwbfile.protocol is None
    assert nwbfile.experiment_description == "Vision."
    assert sorted(nwbfile.experimenter) == ["Doe, Jane", "Roe, Rob"]
    assert list(nwbfile.keywords) == ["cortex", "mouse", "cell matching"]
    assert nwbfile.subject.subject_id == "mouse-1"
    assert nwbfile.subject.age == "P90D/P99D"
    assert nwbfile.was_generated_by[0][0] == "ndx-cell-matching"
    assert "2 imaging sessions of subject mouse-1 (b, a)" in nwbfile.session_description


def test_options_go_before_sources(tmp_path: Path, opened):
    metadata = FileMetadata(
        session_id="week-1", subject_id="m", sex="M", species="Rattus norvegicus", age="P100D", subject_description="X",
        experimenter=("Doe, Jane",), location="VISl", institution="I", lab="L", experiment_description="E",
        keywords=("one", "two"),
    )  # fmt: skip
    paths = write_sessions(tmp_path, institution="Other", experimenter=["Roe, Rob"], keywords=["three"])
    write(paths, tmp_path / "m.nwb", metadata)
    nwbfile = opened(tmp_path / "m.nwb")
    assert nwbfile.session_id == "week-1"
    subject = nwbfile.subject
    assert (subject.subject_id, subject.sex, subject.species) == ("m", "M", "Rattus norvegicus")
    assert (subject.age, subject.description) == ("P100D", "X")
    assert {plane.location for plane in nwbfile.imaging_planes.values()} == {"VISl"}
    assert (nwbfile.institution, nwbfile.lab, nwbfile.experiment_description) == ("I", "L", "E")
    assert list(nwbfile.experimenter) == ["Doe, Jane"]
    assert list(nwbfile.keywords) == ["one", "two"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("ages", "expected"),
    [
        (("P90D", "P90D"), "P90D"),
        (("P95D", "P90D"), "P90D/P95D"),
        (("P12W", "P90D"), "P12W/P90D"),
        (("P84D", "P12W"), "P84D"),
        (("P80D/P90D", "P100D"), "P80D/P100D"),
        (("P1Y", "P11M"), "P11M/P1Y"),
        (("90 days", "P91D"), "P91D"),
        (("90 days", "91 days"), "90 days"),
        (("P90D/", "P90D/"), "P90D/"),
        ((None, "P90D"), "P90D"),
        ((None, None), None),
    ],
)
def test_the_age_is_the_range_over_the_sessions(tmp_path: Path, opened, ages, expected):
    paths = [
        write_nwb(tmp_path / f"{k}.nwb", make_nwbfile(
            session_id=f"s{k}", subject={name: v for name, v in {**SUBJECT, "age": age}.items() if v}
        ))
        for k, age in enumerate(ages)
    ]  # fmt: skip
    write(paths, tmp_path / "m.nwb")
    assert opened(tmp_path / "m.nwb").subject.age == expected


def test_the_first_source_that_says_so_describes_the_subject(tmp_path: Path, opened):
    subjects = [None, {"subject_id": "mouse-1", "sex": ""}, {**SUBJECT, "weight": "20 g", "genotype": "wt"}]
    paths = [
        write_nwb(tmp_path / f"{k}.nwb", make_nwbfile(session_id=f"s{k}", subject=subject))
        for k, subject in enumerate(subjects)
    ]
    write(paths, tmp_path / "m.nwb")
    subject = opened(tmp_path / "m.nwb").subject
    assert (subject.subject_id, subject.sex, subject.genotype) == ("mouse-1", "F", "wt")
    assert subject.weight is None  # of one session, not of all


def test_without_any_subject_there_is_none(tmp_path: Path, opened):
    write(write_sessions(tmp_path, subject=None), tmp_path / "m.nwb")
    assert opened(tmp_path / "m.nwb").subject is None


def test_a_description_that_says_nothing_is_not_carried_over(tmp_path: Path, opened):
    plane = {"description": "no description", "reference_frame": ""}
    paths = write_sessions(tmp_path, table_description="No description.", plane_options=plane)
    write(paths, tmp_path / "m.nwb")
    nwbfile = opened(tmp_path / "m.nwb")
    table = nwbfile.processing["ophys"]["roi_tables"]["101_roi_table"]
    assert table.description == "roi_table; the source does not describe it."
    assert nwbfile.imaging_planes["plane"].description.endswith("the source does not describe it.")
    assert nwbfile.imaging_planes["plane"].reference_frame is None


@pytest.mark.parametrize("text", ["", "  ", None, "none", "No description", "no desc.", "PLACEHOLDER"])
def test_placeholders_say_nothing(text: str | None):
    assert is_placeholder(text)
    assert not is_placeholder(f"x{text}")


# ---- a name that DANDI accepts


def test_the_name_in_dandis_style(tmp_path: Path):
    sessions = read_sessions(write_sessions(tmp_path))
    written = write_match_file(sessions, match(sessions), tmp_path, dandi_name=True)
    expected = tmp_path / "sub-mouse-1" / "sub-mouse-1_ses-101To102_desc-cellmatches_ophys.nwb"
    assert written.path == expected
    assert expected.is_file()
    with pytest.raises(OutputError, match="exists already"):
        write_match_file(sessions, match(sessions), tmp_path, dandi_name=True)
    write_match_file(sessions, match(sessions), tmp_path, dandi_name=True, overwrite=True)


def test_characters_that_dandi_does_not_accept_are_replaced():
    path = dandi_path(Path("d"), "m_1/a", "day 1.5")
    assert path == Path("d/sub-m-1-a/sub-m-1-a_ses-day-1-5_desc-cellmatches_ophys.nwb")


@pytest.mark.parametrize("subject", [None, {**SUBJECT, "subject_id": "???"}])
def test_a_name_in_dandis_style_needs_a_subject(tmp_path: Path, subject):
    sessions = read_sessions(write_sessions(tmp_path, subject=subject))
    with pytest.raises(OutputError, match="give subject_id='ID'"):
        write_match_file(sessions, match(sessions), tmp_path, dandi_name=True)
    written = write_match_file(sessions, match(sessions), tmp_path, FileMetadata(subject_id="m1"), dandi_name=True)
    assert written.path.parent.name == "sub-m1"


def test_a_name_in_dandis_style_needs_a_folder(tmp_path: Path):
    sessions = read_sessions(write_sessions(tmp_path))
    with pytest.raises(OutputError, match="no such folder; with dandi_name=True, the output is the dandiset's folder"):
        write_match_file(sessions, match(sessions), tmp_path / "none", dandi_name=True)


def test_codes_of_a_newer_version_are_named_and_the_rest_is_read(matches: Path):
    group = "processing/ophys/CellMatching"
    with h5py.File(matches, "r+") as file:
        for column in ("cells/presence", "sessions/status", "sessions/roi_selection", "registrations/outcome"):
            dataset = file[f"{group}/{column}"]
            dataset[0] = np.where(dataset[0] == Presence.PRESENT, dataset[0], 77)
        file[f"{group}/registrations/outcome"][:] = 77
    read = read_match_file(matches)
    assert [warning for warning in read.result.warnings if "code 77 (unknown: written by a newer version?)" in warning]
    assert not any(registration.registered for registration in read.result.registrations)
    assert read.result.status_in_words()[0].startswith("code 77")
    shown = run("show", matches).succeeded()
    assert "code 77 (unknown: written by a newer version?)" in shown.out
    assert "Warning: " in shown.err


def test_codes_of_a_newer_version_are_kept_when_the_file_is_corrected(matches: Path, tmp_path: Path):
    session = read_match_file(matches).sessions[1]
    decisions = tmp_path / "decisions.csv"
    decisions.write_text(f"kind,cell_id,session_name,roi_id\nremove,,{session.name},{session.roi_ids[0]}\n")
    run("curate", matches, decisions, "-o", tmp_path / "newer.nwb").succeeded()

    def codes(path: Path) -> list[list[int]]:
        with h5py.File(path) as file:
            tables = file["processing/ophys/CellMatching"]
            return [tables["cells/presence"][:].tolist(), tables["sessions/roi_selection"][:].tolist()]

    with h5py.File(tmp_path / "newer.nwb", "r+") as file:
        tables = file["processing/ophys/CellMatching"]
        presence = tables["cells/presence"][:]
        tables["cells/presence"][:] = np.where(presence == Presence.PRESENT, presence, 77)
        tables["sessions/roi_selection"][:] = 77
    newer = codes(tmp_path / "newer.nwb")
    assert [77 in np.ravel(column) for column in newer] == [True, True]

    decisions.write_text("kind,cell_id\naccept,0\n")
    run("curate", tmp_path / "newer.nwb", decisions, "-o", tmp_path / "corrected.nwb").succeeded()
    assert codes(tmp_path / "corrected.nwb") == newer


def test_no_folder_of_this_machine_is_recorded(tmp_path: Path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "project" / "data").mkdir(parents=True)
    field = field_of_view()
    first = write_nwb(tmp_path / "elsewhere" / "a.nwb", make_nwbfile(field, session_id="a"))
    second = write_nwb(tmp_path / "project" / "data" / "b.nwb", make_nwbfile(field, session_id="b"))
    write([first, second], tmp_path / "project" / "m.nwb")
    assert [session.source.uri for session in read_match_file(tmp_path / "project" / "m.nwb").sessions] == [
        "a.nwb",
        "data/b.nwb",
    ]
    assert str(tmp_path).encode() not in (tmp_path / "project" / "m.nwb").read_bytes()


@pytest.mark.parametrize(
    ("url", "recorded"),
    [
        ("https://anna:secret@example.org/a.nwb?token=1234#x", "https://example.org/a.nwb"),
        ("s3://KEY:SECRET@bucket/a.nwb?versionId=7&X-Amz-Signature=12", "s3://bucket/a.nwb?versionId=7"),
    ],
)
def test_urls_are_recorded_without_user_and_query(url: str, recorded: str):
    assert recorded_location(url, Path("m.nwb")) == recorded


def test_paths_in_this_file_lead_to_tables_and_images(matches: Path):
    with h5py.File(matches) as file:
        sessions = file["processing/ophys/CellMatching/sessions"]
        for kind in ("roi_table", "image"):
            paths = sessions[f"{kind}_path"].asstr()[:]
            assert [file[reference] for reference in sessions[kind][:]] == [file[path] for path in paths]


def test_pairs_that_are_ruled_out_are_not_stored_but_those_within_cells_are(tmp_path: Path):
    sessions = read_sessions(write_sessions(tmp_path))
    result = match(sessions)
    pairs = result.roi_pairs
    probability = np.where(np.arange(len(pairs)) % 2, 0.5, 0.0001).astype(np.float32)
    result = replace(result, roi_pairs=replace(pairs, probability=probability, cost=None))
    write_match_file(sessions, result, tmp_path / "m.nwb")
    read = read_match_file(tmp_path / "m.nwb").result
    cell_of = [cell_of_roi(rows, 20) for rows in result.cells.T]
    in_one_cell = cell_of[0][pairs.fixed_roi_row] == cell_of[1][pairs.moving_roi_row]
    kept = in_one_cell | pairs.accepted | (probability > 0.001)
    assert len(read.roi_pairs) == kept.sum()
    assert read.roi_pairs.probability.dtype == np.float32


def test_what_is_read_is_shown_in_few_words(matches: Path):
    plane = read_match_file(matches)
    for item in (plane, plane.result, plane.result.roi_pairs, *plane.result.registrations, *plane.sessions):
        assert len(repr(item)) < 3000
    assert "footprints=<float32 20 x 24000>" in repr(plane.sessions[0])
    assert "registrations=<1 Registration>" in repr(plane.result)


def test_cell_ids_are_kept(tmp_path: Path):
    sessions = read_sessions(write_sessions(tmp_path))
    result = match(sessions)
    ids = np.random.default_rng(0).permutation(1000)[: len(result.cells)]
    write_match_file(sessions, replace(result, cell_ids=ids), tmp_path / "m.nwb")
    np.testing.assert_array_equal(read_match_file(tmp_path / "m.nwb").result.cell_ids, ids)
    with NWBHDF5IO(tmp_path / "m.nwb", "r") as io:
        matching = io.read().processing["ophys"]["CellMatching"]
        assert matching.cell_of("101", roi_row=int(result.cells[0, 0])) == ids[0]


@pytest.mark.slow
def test_sessions_share_the_description_of_their_microscope(tmp_path: Path, opened):
    paths = write_sessions(tmp_path, ((0, 0), (3, 2), (1, 1)))
    write(paths, tmp_path / "m.nwb")
    nwbfile = opened(tmp_path / "m.nwb")
    assert list(nwbfile.devices) == ["microscope"]
    assert list(nwbfile.imaging_planes) == ["plane"]
    different = write_nwb(tmp_path / "d.nwb", make_nwbfile(session_id="d", plane_options={"indicator": "jGCaMP8"}))
    write([*paths, different], tmp_path / "n.nwb")
    nwbfile = opened(tmp_path / "n.nwb")
    assert {name: plane.indicator for name, plane in nwbfile.imaging_planes.items()} == {
        "plane": "GCaMP6f",
        "plane_2": "jGCaMP8",
    }


def test_areas_that_are_known_without_the_inspector_are_known_to_it():
    inspector = pytest.importorskip(
        "nwbinspector.checks", reason="nwbinspector is not installed; install the group test"
    )
    files = {area: make_nwbfile(location=area) for area in (*COMMON_AREAS, "somewhere")}
    check = inspector.check_imaging_plane_location_allen_ccf
    assert [area for area, nwbfile in files.items() if check(nwbfile.imaging_planes["plane"])] == ["somewhere"]
