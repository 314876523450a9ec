"""The schema: what is committed is what the script generates, and it is a valid specification."""

import re
import runpy
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pynwb
import pytest
import yaml
from hdmf.testing.validate_spec import main as validate_hdmf_spec

import ndx_cell_matching
from ndx_match.model import Orientation, Registration, RoiPairs, Session, SourceInfo

REPOSITORY = Path(__file__).resolve().parents[2]
SPEC = REPOSITORY / "spec"


@pytest.fixture(scope="module")
def types() -> dict:
    """The types of the committed schema, by name."""
    schema = yaml.safe_load((SPEC / "ndx-cell-matching.extensions.yaml").read_text())
    return {group["neurodata_type_def"]: group for group in schema["groups"]}


def test_committed_schema_is_what_the_script_generates(tmp_path, monkeypatch):
    script = REPOSITORY / "src" / "spec" / "create_extension_spec.py"
    monkeypatch.setattr(sys, "argv", [str(script), str(tmp_path)])
    runpy.run_path(str(script), run_name="__main__")
    generated = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert generated == {path.name: path.read_bytes() for path in SPEC.iterdir()}


def test_schema_is_valid(monkeypatch):
    metaschema = Path(pynwb.__file__).parent / "nwb-schema" / "nwb.schema.json"
    monkeypatch.setattr(sys, "argv", ["validate_hdmf_spec", str(SPEC), "-m", str(metaschema)])
    validate_hdmf_spec()  # raises if it is not


def test_public_classes_are_the_types_of_the_schema(types):
    assert set(types) <= set(ndx_cell_matching.__all__)
    for name in types:
        assert pynwb.get_class(name, "ndx-cell-matching") is getattr(ndx_cell_matching, name)


def test_the_page_of_the_format_says_what_is_optional(types):
    sections = (REPOSITORY / "docs" / "format.md").read_text().split("\n### ")
    for name, group in types.items():
        section = next(text for text in sections if name in text.splitlines()[0])
        rows = re.findall(r"^\| (`.+?) \| (.+?) \|", section, flags=re.MULTILINE)
        stated = {column: "optional" in kind for columns, kind in rows for column in re.findall(r"`(\w+)`", columns)}
        members = [*group.get("attributes", ()), *group.get("datasets", ())]
        optional = {each["name"]: each.get("quantity") == "?" or each.get("required") is False for each in members}
        assert {column: stated.get(column) for column in optional} == optional


@pytest.mark.parametrize(
    ("table", "column", "codes"),
    [
        ("MatchedCellsTable", "presence", ndx_cell_matching.Presence),
        ("MatchedCellsTable", "review", ndx_cell_matching.Review),
        ("MatchedSessionsTable", "status", ndx_cell_matching.SessionStatus),
        ("MatchedSessionsTable", "roi_selection", ndx_cell_matching.RoiSelection),
        ("SessionRegistrationsTable", "outcome", ndx_cell_matching.RegistrationOutcome),
        ("DecisionsTable", "kind", ndx_cell_matching.DecisionKind),
    ],
)
def test_codes_are_spelled_out_in_the_schema(types, table, column, codes):
    columns = {dataset["name"]: dataset for dataset in types[table]["datasets"]}
    for code in codes:
        assert f"{code.value}: {code.label}" in columns[column]["doc"]


def test_what_python_can_omit_the_schema_does_not_require(types):
    def optional(name: str) -> set[str]:
        return {column["name"] for column in types[name]["datasets"] if column.get("quantity") == "?"}

    assert optional("MatchedCellsTable") == {
        "confidence",
        "review",
        "reviewer",
        "reviewed_on",
        "review_comment",
    }
    assert optional("RoiPairsTable") == {"cost", "probability", "margin"}
    assert optional("SessionRegistrationsTable") == {
        "ssim",
        "score",
        "chance_score",
        "chance_matches",
        "displacement",
    }
    assert optional("MatchedSessionsTable") == {
        "source_sha256",
        "source_dandiset_id",
        "source_dandi_asset_id",
        "subject_id",
        "imaging_depth",
        "pixel_size",
        "z_plane",
        "propagated_roi_table_path",
    }
    groups = {group["name"] for group in types["CellMatching"]["groups"] if group.get("quantity") == "?"}
    assert groups == {"roi_pairs", "registrations", "decisions"}
    assert optional("DecisionsTable") == {
        "moving_session_name",
        "matrix",
        "reason",
        "reviewer",
        "reviewed_on",
        "review_comment",
    }


def test_extension_imports_nothing_of_the_pipeline():
    command = (
        "import sys, ndx_cell_matching; "
        "sys.exit(any(name.partition('.')[0] in ('ndx_match', 'cv2', 'skimage', 'matplotlib') for name in sys.modules))"
    )
    subprocess.run([sys.executable, "-c", command], check=True)


def test_names_are_the_same_in_the_model_and_the_schema(types):
    def columns(name: str) -> set[str]:
        return {column["name"] for column in types[name]["datasets"]}

    assert {field.name for field in fields(RoiPairs)} == columns("RoiPairsTable")
    assert {field.name for field in fields(Registration)} == columns("SessionRegistrationsTable")
    of_sessions = columns("MatchedSessionsTable")
    assert {f"source_{field.name}" for field in fields(SourceInfo)} <= of_sessions
    assert {field.name for field in fields(Orientation)} <= of_sessions
    of_both = {"pixel_size", "imaging_depth", "session_start", "subject_id", "orientation_reason"}
    of_both |= {"roi_selection", "roi_selection_reason"}
    assert of_both <= of_sessions & {field.name for field in fields(Session)}
