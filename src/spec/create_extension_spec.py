"""Generate the schema of the extension: the one source of the files in `spec/`.

Run `python src/spec/create_extension_spec.py [FOLDER]`; without FOLDER the files in the repository's `spec/` are
written anew.
"""

from __future__ import annotations

import argparse
import functools
import sys
from pathlib import Path
from typing import Any

from pynwb.spec import NWBAttributeSpec, NWBDatasetSpec, NWBGroupSpec, NWBNamespaceBuilder, NWBRefSpec, export_spec

# The codes of the package are the one source of their meanings; its own `__init__` needs the schema that is made here.
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "pynwb" / "ndx_cell_matching"))
from codes import DecisionKind, Presence, RegistrationOutcome, Review, RoiSelection, SessionStatus

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

REPOSITORY = Path(__file__).resolve().parents[2]
#: Name, version and authors are those of the package, which are stated there and nowhere else.
PROJECT: dict[str, Any] = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def column(
    name: str,
    doc: str,
    dtype: str | NWBRefSpec,
    *,
    dims: tuple[str, ...] | None = None,
    shape: tuple[int | None, ...] | None = None,
    optional: bool = False,
) -> NWBDatasetSpec:
    """A predefined column of a table."""
    quantity = "?" if optional else 1
    return NWBDatasetSpec(
        neurodata_type_inc="VectorData", name=name, doc=doc, dtype=dtype, dims=dims, shape=shape, quantity=quantity
    )


#: A column that a table can lack.
optional = functools.partial(column, optional=True)


def table(name: str, default_name: str, doc: str, columns: list[NWBDatasetSpec]) -> NWBGroupSpec:
    """A type of tables."""
    return NWBGroupSpec(
        neurodata_type_def=name, neurodata_type_inc="DynamicTable", default_name=default_name, doc=doc, datasets=columns
    )


def member(name: str, neurodata_type: str, doc: str, **quantity: str) -> NWBGroupSpec:
    """A table that a result of matching holds."""
    return NWBGroupSpec(name=name, neurodata_type_inc=neurodata_type, doc=doc, **quantity)


def text_attribute(name: str, doc: str, *, optional: bool = False) -> NWBAttributeSpec:
    """A text attribute of a group."""
    return NWBAttributeSpec(name=name, doc=doc, dtype="text", required=not optional)


TYPES = [
    NWBGroupSpec(
        neurodata_type_def="CellMatching",
        neurodata_type_inc="NWBDataInterface",
        default_name="CellMatching",
        doc=(
            "Which regions of interest (ROIs) of several imaging sessions of one subject are the same cell, how sure "
            "that is, and on what evidence. Lives in the processing module 'ophys', beside copies of the ROI tables, "
            "imaging planes and projection images of the sessions, which are usually stored in files of their own."
        ),
        attributes=[
            text_attribute("method", "Name of the method that matched the cells, for example 'consensus'."),
            text_attribute("method_version", "Version of the method, or of the software that contains it."),
            text_attribute("parameters", "All parameters of the method and their values, as one JSON object."),
            text_attribute(
                "software",
                "Versions of the libraries on which the numbers depend, as one JSON object of name and version.",
                optional=True,
            ),
            NWBAttributeSpec(
                name="warnings",
                doc="What a user of the result should know, one sentence per element; absent if there is nothing.",
                dtype="text",
                dims=("warnings",),
                shape=(None,),
                required=False,
            ),
            text_attribute(
                "imaging_plane",
                "Name of the imaging plane. A file in which the cells of several imaging planes were matched, plane "
                "by plane, holds a CellMatching for each, in which this differs.",
                optional=True,
            ),
            NWBAttributeSpec(
                name="last_cell_id",
                doc="The greatest id that a cell ever had, in this file or in one from which its cells have their ids; "
                "new cells get greater ones. Absent if a cell of this file has this id.",
                dtype="int64",
                required=False,
            ),
        ],
        groups=[
            member("sessions", "MatchedSessionsTable", "The sessions that were matched, one row per session."),
            member("cells", "MatchedCellsTable", "The cells, one row per cell."),
            member(
                "roi_pairs",
                "RoiPairsTable",
                "The pairs of ROIs of two sessions that were compared, one row per pair. Absent if the method "
                "reports none.",
                quantity="?",
            ),
            member(
                "registrations",
                "SessionRegistrationsTable",
                "How the images of each two sessions were aligned, one row per direction. Absent if the "
                "method aligned none.",
                quantity="?",
            ),
            member(
                "decisions",
                "DecisionsTable",
                "What persons decided on the cells and alignments, in order. Absent if nobody decided anything.",
                quantity="?",
            ),
        ],
    ),
    table(
        "MatchedSessionsTable",
        "sessions",
        "The sessions whose ROIs were matched, one row per session: one imaging plane of one recording. Says where "
        "each session's data came from, and points at their copies in this file. Wherever another table names a "
        "session by a number, that number is the row in this table, counted from 0. The columns that begin with "
        "'source_' describe the file that the session was read from; all other paths are paths in this file.",
        [
            column(
                "session_name",
                "Name of the session, unique in this table and equal to the name of the session's column in the "
                "table of cells.",
                "text",
            ),
            column(
                "roi_table",
                "Reference to the copy, in this file, of the session's ROI table: the same ROIs in the same order as "
                "in the source, with the same ids. Its column 'took_part' says whether each ROI took part in the "
                "matching; if a person decided on the cells, its column 'automatic_cell_id' holds the cell that the "
                "method had put each ROI in (-1: none).",
                NWBRefSpec(target_type="PlaneSegmentation", reftype="object"),
            ),
            column(
                "roi_table_path", "Path of that copy in this file, for readers that cannot follow references.", "text"
            ),
            column(
                "image",
                "Reference to the copy, in this file, of the projection image (usually the mean over time) by which "
                "the session was aligned with the others; a black image if the source holds none, in which case "
                "'source_image_path' is empty.",
                NWBRefSpec(target_type="Image", reftype="object"),
            ),
            column("image_path", "Path of that copy in this file, for readers that cannot follow references.", "text"),
            column("status", f"What happened to the session. {SessionStatus.spelled_out()}.", "uint8"),
            column("status_reason", "Why, in words for people; may be empty.", "text"),
            column("session_start", "When the session began: 'session_start_time' of the source, ISO 8601.", "text"),
            column("roi_selection", f"Which ROIs of the session took part. {RoiSelection.spelled_out()}.", "uint8"),
            column("roi_selection_reason", "By which condition they were chosen, in words for people.", "text"),
            column(
                "masks_transposed",
                "Whether the masks are stored [column, row] (of pixel and voxel masks: x holds the row).",
                "bool",
            ),
            column("image_transposed", "Whether the projection image is stored [column, row].", "bool"),
            column(
                "masks_scrambled",
                "Whether the image masks were flattened column by column and shaped again row by row, as some versions "
                "of CaImAn store them.",
                "bool",
            ),
            column(
                "mirrored",
                "Whether the order of the columns of masks and image is reversed against the other sessions, after "
                "both were brought to [row, column].",
                "bool",
            ),
            column(
                "orientation_reason", "Why masks and image are read in this orientation, in words for people.", "text"
            ),
            column("source_uri", "Name, path relative to this file, or URL of the source file.", "text"),
            column("source_identifier", "The field 'identifier' of the source NWB file.", "text"),
            column("source_object_id", "The object id of the root of the source NWB file (a UUID).", "text"),
            column("source_session_id", "The field 'session_id' of the source NWB file; may be empty.", "text"),
            column("source_plane_path", "Path of the imaging plane in the source file.", "text"),
            column("source_roi_table_path", "Path of the ROI table in the source file.", "text"),
            column("source_roi_table_object_id", "The object id of the ROI table in the source file (a UUID).", "text"),
            column(
                "source_image_path", "Path of the projection image in the source file; empty if none was used.", "text"
            ),
            optional("source_sha256", "SHA-256 of the source file, hexadecimal.", "text"),
            optional("source_dandiset_id", "The dandiset that holds the source, for example '000336'.", "text"),
            optional("source_dandi_asset_id", "The DANDI asset that is the source (a UUID).", "text"),
            optional("subject_id", "The subject of the source file.", "text"),
            optional(
                "imaging_depth",
                "Depth of the imaging plane below the surface of the brain, in micrometres; NaN if unknown.",
                "float64",
            ),
            optional(
                "pixel_size",
                "Size of a pixel in micrometres: first the distance between neighbouring rows, then that between "
                "neighbouring columns; NaN if unknown.",
                "float64",
                dims=("sessions", "rows_columns"),
                shape=(None, 2),
            ),
            optional(
                "z_plane",
                "The plane (z) of voxel masks that was matched; -1 if the masks lie in one plane or all planes were "
                "projected onto one.",
                "int32",
            ),
            optional(
                "propagated_roi_table_path",
                "Path in this file of a PlaneSegmentation with outlines that were not detected in this session but "
                "carried over from other sessions; its column 'cell_id' names the cell of each. Empty if there is "
                "none. Such outlines are never members of a cell.",
                "text",
            ),
        ],
    ),
    table(
        "MatchedCellsTable",
        "cells",
        "The cells, one row per cell: every ROI that took part in the matching is in exactly one row, an ROI that "
        "was matched with no other in a row of its own. The column 'id' is the cell's identity: it stays the same "
        "when the file is copied, converted or corrected and when sessions are added, and no two cells of one file "
        "share it. Beside the columns declared here the table has a column for each session, named as in "
        "'session_name' of the table of sessions: a ragged DynamicTableRegion into that session's ROI table, with "
        "one element (the row of the cell's ROI, counted from 0) or none. A session in which no cell has an ROI "
        "has no column.",
        [
            column("n_sessions", "In how many sessions the cell has an ROI.", "int32"),
            optional(
                "confidence",
                "Probability, 0 to 1, that all ROIs of the cell are one cell. Absent if the method gives no "
                "probabilities; NaN for a cell that has an ROI in one session only, or whose ROIs a person changed.",
                "float64",
            ),
            column(
                "presence",
                "Why the cell has, or has not, an ROI in each session; sessions in the order of the table of sessions. "
                f"{Presence.spelled_out()}.",
                "uint8",
                dims=("cells", "sessions"),
                shape=(None, None),
            ),
            optional("review", f"What a person decided on the cell. {Review.spelled_out()}.", "uint8"),
            optional("reviewer", "Who decided; empty if nobody.", "text"),
            optional("reviewed_on", "When, ISO 8601; empty if never.", "text"),
            optional("review_comment", "Why, in the person's words; may be empty.", "text"),
        ],
    ),
    table(
        "RoiPairsTable",
        "roi_pairs",
        "Pairs of ROIs of two sessions that could be the same cell, one row per pair, with the evidence for it. "
        "The session that comes first in the table of sessions is called fixed, the other moving. Holds every pair "
        "of ROIs that are in one cell and that the method compared, and of the other pairs those that the method "
        "does not rule out.",
        [
            column("fixed_session", "The fixed session: its row in the table of sessions.", "int32"),
            column("moving_session", "The moving session: its row in the table of sessions.", "int32"),
            column("fixed_roi_row", "The ROI of the fixed session: its row (not its id) in the ROI table.", "int32"),
            column("moving_roi_row", "The ROI of the moving session: its row (not its id) in the ROI table.", "int32"),
            column(
                "centroid_distance",
                "Distance between the centroids of the two ROIs after alignment, in pixels of the fixed session.",
                "float32",
            ),
            column(
                "iou",
                "Overlap of the two masks after alignment, as the method defines it: their intersection over their "
                "union, 0 to 1.",
                "float32",
            ),
            column(
                "accepted",
                "Whether the method matched the two ROIs when it compared these two sessions. The table of cells "
                "has the final say, which looks at all sessions together.",
                "bool",
            ),
            optional("cost", "The method's cost of matching the pair; lower is better.", "float32"),
            optional("probability", "Probability, 0 to 1, that the two ROIs are the same cell.", "float32"),
            optional(
                "margin",
                "By how much the pair's probability exceeds that of the best alternative of either ROI, -1 to 1.",
                "float32",
            ),
        ],
    ),
    table(
        "SessionRegistrationsTable",
        "registrations",
        "How the fields of view of each two sessions were aligned, one row per direction: each pair has a row in "
        "which one session is called fixed and the other moving, and one the other way round, so that no reader "
        "has to invert anything.",
        [
            column("fixed_session", "The fixed session: its row in the table of sessions.", "int32"),
            column("moving_session", "The moving session: its row in the table of sessions.", "int32"),
            column(
                "matrix",
                "Matrix that maps pixel coordinates of the fixed image to pixel coordinates of the moving image: "
                "(x_moving, y_moving, 1) = matrix @ (x_fixed, y_fixed, 1), where x is the column and y the row, "
                "counted from 0 at the centre of the first pixel. A projective transform is defined up to a factor: "
                "divide by the third element.",
                "float64",
                dims=("session_pairs", "moving_xy1", "fixed_xy1"),
                shape=(None, 3, 3),
            ),
            column(
                "outcome",
                f"How the alignment ended. {RegistrationOutcome.spelled_out()}. If the two were not registered, the "
                "matrix has no meaning.",
                "uint8",
            ),
            column("reason", "Why this was the outcome, in words for people; may be empty.", "text"),
            column("steps", "How the matrix was found, in words for people, for example 'Crop, CLAHE, ECC'.", "text"),
            optional(
                "ssim",
                "Structural similarity of the aligned images by which the method chose this alignment, at most 1; "
                "NaN if it was not computed.",
                "float64",
            ),
            optional(
                "score",
                "How well the two sessions agree in this alignment: z score of their correlation among those of all "
                "shifts; NaN if it was not computed.",
                "float64",
            ),
            optional(
                "chance_score",
                "The best such z score of alignments that must be wrong; an alignment is right if its score is far "
                "above it. NaN if it was not computed.",
                "float64",
            ),
            optional(
                "chance_matches",
                "How many matches the method made of the two sessions when they were aligned wrongly on purpose: what "
                "chance gives. NaN if it was not counted.",
                "float64",
            ),
            optional(
                "displacement",
                "What a smooth deformation adds to the moving (x, y) that the matrix gives, in pixels, at points "
                "spaced evenly over the fixed image, from the centre of its first pixel to that of its last along "
                "rows and columns; interpolate in between.",
                "float32",
                dims=("session_pairs", "fixed_rows", "fixed_cols", "moving_xy"),
                shape=(None, None, None, 2),
            ),
        ],
    ),
    table(
        "DecisionsTable",
        "decisions",
        "What persons decided on the cells and alignments, in the order in which it was decided. A decision that names "
        "several ROIs has one row for each of them, any other one row. The tables of cells and registrations hold "
        "what follows from it; the column 'automatic_cell_id' of the ROI tables holds the cells as the method "
        "left them.",
        [
            column("decision", "Number of the decision, from 0 on; its rows follow each other.", "int32"),
            column("kind", f"What was decided. {DecisionKind.spelled_out()}.", "uint8"),
            column("cell_id", "The cell that it is about, or to which the ROI was moved; -1: none.", "int64"),
            column(
                "other_cell_id",
                "For a join, the other cell; for a split or removal, the cell that the ROIs became; -1: none.",
                "int64",
            ),
            column(
                "session_name",
                "The session of the ROI, or the fixed session of an alignment; empty if there is neither.",
                "text",
            ),
            column("roi_id", "The ROI by its id (not its row) in that session's ROI table; -1: none.", "int64"),
            optional("moving_session_name", "The moving session of an alignment; empty if there is none.", "text"),
            optional(
                "matrix",
                "The matrix of an alignment, as in the table of registrations; NaN if there is none.",
                "float64",
                dims=("decision_rows", "moving_xy1", "fixed_xy1"),
                shape=(None, 3, 3),
            ),
            column("applied", "Whether the cells and registrations of this file follow it.", "bool"),
            optional("reason", "Why they do not, in words for people; may be empty.", "text"),
            optional("reviewer", "Who decided; may be empty.", "text"),
            optional("reviewed_on", "When, ISO 8601; may be empty.", "text"),
            optional("review_comment", "Why, in the person's words; may be empty.", "text"),
        ],
    ),
]


def main() -> None:
    """Command line: write the namespace and the types as YAML into a folder, which must exist."""
    parser = argparse.ArgumentParser(description="Generate the schema of the extension.")
    parser.add_argument("folder", nargs="?", type=Path, default=REPOSITORY / "spec", help="where to write")
    builder = NWBNamespaceBuilder(
        name=PROJECT["name"],
        version=PROJECT["version"],
        doc="NWB extension for cells matched across imaging sessions. Licence: BSD-3-Clause.",
        author=[author["name"] for author in PROJECT["authors"]],
        contact=[author["email"] for author in PROJECT["authors"] if "email" in author],
    )
    builder.include_namespace("core")
    export_spec(builder, TYPES, str(parser.parse_args().folder))


if __name__ == "__main__":
    main()
