"""Match files for DANDI: what its tools and the inspector find, and that the command names it."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path

import pynwb
import pytest
from builders import SUBJECT, field_of_view, make_nwbfile, write_nwb, write_sessions
from helpers import run
from nwbinspector import inspect_nwbfile, load_config
from pynwb import NWBHDF5IO

METHOD = ("--method", "nway")
COMPLETE = (
    "--subject-description", "A mouse that learns.", "--location", "VISp", "--experimenter", "Doe, Jane",
    "--experiment-description", "Visual learning.", "--institution", "An institute", "--keywords", "cortex,vision",
)  # fmt: skip

#: The inspector's checks -> how the command's note of the same begins.
NOTES = {
    "check_experimenter_exists": "the experimenter: not stated",
    "check_experimenter_form": "the experimenter: ",
    "check_experiment_description": "the experiment's description: not stated",
    "check_institution": "the institution: not stated",
    "check_keywords": "the keywords: not stated",
    "check_doi_publications": "a related publication: ",
    "check_session_start_time_old_date": "the session's start: ",
    "check_session_start_time_future_date": "the session's start: ",
    "check_session_id_no_slashes": "the session's id: ",
    "check_file_extension": "the file's name: ",
    "check_subject_exists": "the subject's id: not stated",
    "check_subject_id_exists": "the subject's id: not stated",
    "check_subject_id_no_slashes": "the subject's id: ",
    "check_subject_sex": "the subject's sex: ",
    "check_subject_species_exists": "the subject's species: not stated",
    "check_subject_species_form": "the subject's species: ",
    "check_subject_age": "the subject's age: ",
    "check_subject_proper_age_range": "the subject's age: ",
    "check_imaging_plane_location_allen_ccf": "the imaging plane's location: ",
    "check_excitation_lambda_in_nm": "the excitation wavelength: ",
    "check_emission_lambda_in_nm": "the emission wavelength: ",
}


def inspect(path: Path) -> list[tuple[str, str]]:
    """(check, type of object) of everything that the inspector finds with DANDI's configuration."""
    messages = inspect_nwbfile(nwbfile_path=path, config=load_config("dandi"))
    return sorted({(message.check_function_name, message.object_type) for message in messages})


def notes(err: str) -> list[str]:
    return [line.removeprefix("Note: ") for line in err.splitlines() if line.startswith("Note: ")]


def assert_all_is_named(issues: list[tuple[str, str]], printed_notes: list[str]) -> None:
    for check, kind in issues:
        if (check, kind) == ("check_description", "Subject"):
            beginning = "the subject's description: not stated"
        else:
            beginning = NOTES[check]
        assert any(note.startswith(beginning) for note in printed_notes), (
            f"{check} of {kind} is not among {printed_notes}"
        )
    for note in printed_notes:
        assert "; give -" in note or note.endswith("; correct it in the source files."), note


@pytest.mark.slow
@pytest.mark.parametrize(("layout", "plane"), [("openscope_old", ()), ("openscope_multiplane", ("--plane", "VISp_1"))])
def test_real_sessions(allen_data: Path, tmp_path: Path, layout: str, plane: tuple[str, ...]):
    inputs = sorted((allen_data / layout).glob("*.nwb"))
    output = tmp_path / "m.nwb"
    printed_notes = notes(run("write", *inputs, "-o", output, *METHOD, *plane).succeeded().err)
    assert pynwb.validate(path=output) == []
    issues = inspect(output)
    assert_all_is_named(issues, printed_notes)
    assert len(printed_notes) == len(issues)
    assert not any("DANDI needs it" in note for note in printed_notes)
    complete = run("write", *inputs, "-o", output, *METHOD, *plane, *COMPLETE, "--overwrite").succeeded()
    assert notes(complete.err) == []
    assert inspect(output) == []
    assert pynwb.validate(path=output) == []


def test_two_complete_sessions_leave_nothing_to_say(tmp_path: Path):
    outcome = run("write", *write_sessions(tmp_path), "-o", tmp_path / "m.nwb", *METHOD, *COMPLETE).succeeded()
    assert notes(outcome.err) == []
    assert inspect(tmp_path / "m.nwb") == []


AWKWARD = {
    "no subject": {"subject": None},
    "a subject without any detail": {"subject": {"subject_id": "mouse-1"}},
    "a subject without age": {"subject": {name: value for name, value in SUBJECT.items() if name != "age"}},
    "a date of birth instead of an age": {
        "subject": {**SUBJECT, "age": None, "date_of_birth": datetime(2020, 1, 1, tzinfo=timezone.utc)}
    },
    "an age in words": {"subject": {**SUBJECT, "age": "about 90 days"}},
    "an age range that ends before it begins": {"subject": {**SUBJECT, "age": "P95D/P12W"}},
    "an age in hours": {"subject": {**SUBJECT, "age": "PT48H"}},
    "a species in English": {"subject": {**SUBJECT, "species": "Mouse"}},
    "a subspecies": {"subject": {**SUBJECT, "species": "Mus musculus domesticus"}},
    "a sex in words": {"subject": {**SUBJECT, "sex": "female"}},
    "a slash in the subject's id": {"subject": {**SUBJECT, "subject_id": "lab/1"}},
    "a weight without unit": {"subject": {**SUBJECT, "weight": "23"}},
    "a placeholder for the subject's description": {"subject": {**SUBJECT, "description": "no description"}},
    "empty texts": {"subject": {**SUBJECT, "genotype": "", "strain": ""}, "institution": "", "lab": "", "surgery": ""},
    "an experimenter in another form": {"experimenter": ["Jane Doe", "Doe, J.", "O'Neil-Smith, Zoë", "Doe, Jane, A."]},
    "keywords of one word": {"keywords": ["cortex"]},
    "a publication without DOI": {"related_publications": ["Doe et al. 2020", "doi:10.1000/1"]},
    "a slash in the session's id": {"session_id": "2020/05/04"},
    "a date of long ago": {"start": datetime(1970, 1, 1, tzinfo=timezone.utc)},
    "a location that is unknown": {"location": "unknown"},
    "a location in words": {"location": "primary visual cortex (V1)"},
    "a location with a depth": {"location": "VISp, 375 um"},
    "a location that looks like an acronym": {"location": "VISx"},
    "placeholders for descriptions": {
        "table_description": "no description", "plane_options": {"description": "None", "reference_frame": ""}
    },
    "wavelengths in metres": {"plane_options": {"excitation_lambda": 9.2e-7}},
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("options", AWKWARD.values(), ids=AWKWARD.keys())
def test_everything_that_the_inspector_finds_is_named(tmp_path: Path, options: dict):
    session_id = options.get("session_id", "one")
    start = {"start": options["start"]} if "start" in options else {}
    rest = {name: value for name, value in options.items() if name not in ("session_id", "start")}
    paths = [
        write_nwb(tmp_path / f"{k}.nwb", make_nwbfile(
            field_of_view(shift), session_id=f"{session_id}{k}", **start, **rest
        ))
        for k, shift in enumerate(((0, 0), (3, 2)))
    ]  # fmt: skip
    output = tmp_path / "m.nwb"
    printed_notes = notes(run("write", *paths, "-o", output, *METHOD).succeeded().err)
    assert_all_is_named(inspect(output), printed_notes)


@pytest.mark.slow
def test_a_device_without_description_gets_one(tmp_path: Path):
    nwbfile = make_nwbfile(session_id="one")
    paths = [write_nwb(tmp_path / "one.nwb", nwbfile), *write_sessions(tmp_path, ((3, 2),))]
    import h5py

    with h5py.File(paths[0], "r+") as file:
        del file["general/devices/microscope"].attrs["description"]
    run("write", *paths, "-o", tmp_path / "m.nwb", *METHOD, *COMPLETE).succeeded()
    assert inspect(tmp_path / "m.nwb") == []
    with NWBHDF5IO(tmp_path / "m.nwb", "r") as io:
        assert io.read().devices["microscope"].description.endswith("the source does not describe it.")


@pytest.mark.slow
def test_a_name_that_does_not_end_in_nwb_is_named(tmp_path: Path):
    outcome = run("write", *write_sessions(tmp_path), "-o", tmp_path / "m.h5", *METHOD, *COMPLETE).succeeded()
    assert_all_is_named(inspect(tmp_path / "m.h5"), notes(outcome.err))
    assert notes(outcome.err) == ["the file's name: 'm.h5' does not end in .nwb (DANDI needs it); give -o NAME.nwb."]


def test_what_dandi_needs_is_told_from_what_it_recommends(tmp_path: Path):
    outcome = run("write", *write_sessions(tmp_path, subject=None), "-o", tmp_path / "m.nwb", *METHOD).succeeded()
    needed = {note.split(":")[0] for note in notes(outcome.err) if "DANDI needs it" in note}
    assert needed == {"the subject's id", "the subject's sex", "the subject's species", "the subject's age"}


@pytest.mark.slow
def test_without_the_inspector_locations_are_judged_by_their_form(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "nwbinspector.checks", None)
    for location, is_named in (("VISp", False), ("unknown", True), ("VISp, 375 um", True), ("Structure: VISp", True)):
        paths = write_sessions(tmp_path, location=location)
        outcome = run("write", *paths, "-o", tmp_path / "m.nwb", *METHOD, "--overwrite").succeeded()
        assert any("location" in note for note in notes(outcome.err)) == is_named, location


@pytest.mark.slow
@pytest.mark.skipif(sys.version_info < (3, 11), reason="dandi needs Python 3.11")
def test_dandis_own_tools_accept_the_file(tmp_path: Path):
    """Its validation, and the metadata that it makes for an upload; both without network."""
    folder = tmp_path / "000001"
    folder.mkdir()
    (folder / "dandiset.yaml").write_text("identifier: DANDI:000001\nname: Cells matched across days\n")
    subject = {**SUBJECT, "subject_id": "mouse_1.b"}
    run("write", *write_sessions(tmp_path, subject=subject), "-o", folder, "--dandi-name", *METHOD, *COMPLETE,
        "--age", "P90D/P99D").succeeded()  # fmt: skip
    path = folder / "sub-mouse-1-b" / "sub-mouse-1-b_ses-101To102_desc-cellmatches_ophys.nwb"
    assert path.is_file()
    no_network = {"DANDI_NO_ET": "1", "http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}
    start = "from dandi.cli.command import main; main()"
    command = [sys.executable, "-c", start, "validate", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **no_network}, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No errors found" in done.stdout

    from dandi.metadata.nwb import nwb2asset
    from dandi.misctypes import Digest

    asset = nwb2asset(path, digest=Digest.dandi_etag(f"{'0' * 32}-1"))
    participant = asset.wasAttributedTo[0]
    assert participant.identifier == "mouse_1.b"
    assert participant.age.value == "P90D/P99D"
    assert participant.species.name.startswith("Mus musculus")
    assert asset.wasGeneratedBy[0].identifier == "101To102"
    assert "PlaneSegmentation" in {variable.value for variable in asset.variableMeasured}
