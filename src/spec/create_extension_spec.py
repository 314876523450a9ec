"""Generate the schema of the extension: the one source of the files in `spec/`.

Run `python src/spec/create_extension_spec.py [FOLDER]`; without FOLDER the files in the repository's `spec/` are
written anew.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pynwb.spec import (
    NWBAttributeSpec,
    NWBDatasetSpec,
    NWBGroupSpec,
    NWBNamespaceBuilder,
    NWBRefSpec,
    export_spec,
)

# The codes of the package are the one source of their meanings; its own `__init__` needs the schema that is made here.
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "pynwb" / "ndx_cell_matching"))
from codes import Presence, RegistrationOutcome, Review, RoiSelection, SessionStatus

NAME = "ndx-cell-matching"
VERSION = "0.1.0"


def column(
    name: str,
    doc: str,
    dtype: str | NWBRefSpec,
    *,
    optional: bool = False,
    dims: tuple[str, ...] | None = None,
    shape: tuple[int | None, ...] | None = None,
) -> NWBDatasetSpec:
    """A predefined column of a table."""
    return NWBDatasetSpec(
        neurodata_type_inc="VectorData",
        name=name,
        doc=doc,
        dtype=dtype,
        dims=dims,
        shape=shape,
        quantity="?" if optional else 1,
    )


def text_attribute(name: str, doc: str, *, optional: bool = False) -> NWBAttributeSpec:
    """A text attribute of a group."""
    return NWBAttributeSpec(name=name, doc=doc, dtype="text", required=not optional)


def cell_matching() -> NWBGroupSpec:
    """The group that holds one result of matching."""
    return NWBGroupSpec(
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
        ],
        groups=[
            NWBGroupSpec(
                name="sessions",
                neurodata_type_inc="MatchedSessionsTable",
                doc="The sessions that were matched, one row per session.",
            ),
            NWBGroupSpec(
                name="cells",
                neurodata_type_inc="MatchedCellsTable",
                doc="The cells, one row per cell.",
            ),
            NWBGroupSpec(
                name="roi_pairs",
                neurodata_type_inc="RoiPairsTable",
                doc=(
                    "The pairs of ROIs of two sessions that were compared, one row per pair. Absent if the method "
                    "reports none."
                ),
                quantity="?",
            ),
            NWBGroupSpec(
                name="registrations",
                neurodata_type_inc="SessionRegistrationsTable",
                doc=(
                    "How the images of each two sessions were aligned, one row per direction. Absent if the "
                    "method aligned none."
                ),
                quantity="?",
            ),
        ],
    )


def matched_sessions_table() -> NWBGroupSpec:
    """The table of sessions."""
    return NWBGroupSpec(
        neurodata_type_def="MatchedSessionsTable",
        neurodata_type_inc="DynamicTable",
        default_name="sessions",
        doc=(
            "The sessions whose ROIs were matched, one row per session: one imaging plane of one recording. Says where "
            "each session's data came from, and points at their copies in this file. Wherever another table names a "
            "session by a number, that number is the row in this table, counted from 0. The columns that begin with "
            "'source_' describe the file that the session was read from; all other paths are paths in this file."
        ),
        datasets=[
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
                "matching; if a person changed the cells, its column 'automatic_cell_id' holds the cell that the "
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
            column("status", f"What became of the session. {SessionStatus.spelled_out()}.", "uint8"),
            column("status_reason", "Why, in words for people; may be empty.", "text"),
            column("session_start", "When the session began: 'session_start_time' of the source, ISO 8601.", "text"),
            column(
                "roi_selection",
                f"Which ROIs of the session took part. {RoiSelection.spelled_out()}.",
                "uint8",
            ),
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
            column("orientation_reason", "Why the masks and the image are read so, in words for people.", "text"),
            column("source_uri", "Name, path relative to this file, or URL of the source file.", "text"),
            column("source_identifier", "The field 'identifier' of the source NWB file.", "text"),
            column("source_object_id", "The object id of the root of the source NWB file (a UUID).", "text"),
            column("source_session_id", "The field 'session_id' of the source NWB file; may be empty.", "text"),
            column("source_plane_path", "Path of the imaging plane in the source file.", "text"),
            column("source_roi_table_path", "Path of the ROI table in the source file.", "text"),
            column("source_roi_table_object_id", "The object id of the ROI table in the source file (a UUID).", "text"),
            column(
                "source_image_path",
                "Path of the projection image in the source file; empty if none was used.",
                "text",
            ),
            column("source_sha256", "SHA-256 of the source file, hexadecimal.", "text", optional=True),
            column(
                "source_dandiset_id", "The dandiset that holds the source, for example '000336'.", "text", optional=True
            ),
            column("source_dandi_asset_id", "The DANDI asset that is the source (a UUID).", "text", optional=True),
            column("subject_id", "The subject of the source file.", "text", optional=True),
            column(
                "imaging_depth",
                "Depth of the imaging plane below the surface of the brain, in micrometres; NaN if unknown.",
                "float64",
                optional=True,
            ),
            column(
                "pixel_size",
                "Size of a pixel in micrometres: first the distance between neighbouring rows, then that between "
                "neighbouring columns; NaN if unknown.",
                "float64",
                optional=True,
                dims=("sessions", "rows_columns"),
                shape=(None, 2),
            ),
            column(
                "z_plane",
                "The plane (z) of voxel masks that was matched; -1 if the masks lie in one plane or all planes were "
                "projected onto one.",
                "int32",
                optional=True,
            ),
            column(
                "propagated_roi_table_path",
                "Path in this file of a PlaneSegmentation with outlines that were not detected in this session but "
                "carried over from other sessions; its column 'cell_id' names the cell of each. Empty if there is "
                "none. Such outlines are never members of a cell.",
                "text",
                optional=True,
            ),
        ],
    )


def matched_cells_table() -> NWBGroupSpec:
    """The table of cells."""
    return NWBGroupSpec(
        neurodata_type_def="MatchedCellsTable",
        neurodata_type_inc="DynamicTable",
        default_name="cells",
        doc=(
            "The cells, one row per cell: every ROI that took part in the matching is in exactly one row, an ROI that "
            "was matched with no other in a row of its own. The column 'id' is the cell's identity: it stays the same "
            "when the file is copied, converted or corrected and when sessions are added, and no two cells of one file "
            "share it. Beside the columns declared here the table has a column for each session, named as in "
            "'session_name' of the table of sessions: a ragged DynamicTableRegion into that session's ROI table, with "
            "one element (the row of the cell's ROI, counted from 0) or none. A session in which no cell has an ROI "
            "has no column."
        ),
        datasets=[
            column("n_sessions", "In how many sessions the cell has an ROI.", "int32"),
            column(
                "confidence",
                "Probability, 0 to 1, that all ROIs of the cell are one cell. Absent if the method gives no "
                "probabilities; NaN for a cell that has an ROI in one session only.",
                "float64",
                optional=True,
            ),
            column(
                "presence",
                "Why the cell has, or has not, an ROI in each session; sessions in the order of the table of sessions. "
                f"{Presence.spelled_out()}.",
                "uint8",
                dims=("cells", "sessions"),
                shape=(None, None),
            ),
            column(
                "review",
                f"What a person decided on the cell. {Review.spelled_out()}.",
                "uint8",
                optional=True,
            ),
            column("reviewer", "Who decided; empty if nobody.", "text", optional=True),
            column("reviewed_on", "When, ISO 8601; empty if never.", "text", optional=True),
            column("review_comment", "Why, in the person's words; may be empty.", "text", optional=True),
        ],
    )


def roi_pairs_table() -> NWBGroupSpec:
    """The table of candidate pairs."""
    return NWBGroupSpec(
        neurodata_type_def="RoiPairsTable",
        neurodata_type_inc="DynamicTable",
        default_name="roi_pairs",
        doc=(
            "Pairs of ROIs of two sessions that could be the same cell, one row per pair, with the evidence for it. "
            "The session that comes first in the table of sessions is called fixed, the other moving. Holds every pair "
            "of ROIs that are in one cell and that the method compared, and of the other pairs those that the method "
            "does not rule out."
        ),
        datasets=[
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
            column("cost", "The method's cost of matching the pair; lower is better.", "float32", optional=True),
            column(
                "probability", "Probability, 0 to 1, that the two ROIs are the same cell.", "float32", optional=True
            ),
            column(
                "margin",
                "By how much the pair's probability exceeds that of the best alternative of either ROI, -1 to 1.",
                "float32",
                optional=True,
            ),
        ],
    )


def session_registrations_table() -> NWBGroupSpec:
    """The table of registrations."""
    return NWBGroupSpec(
        neurodata_type_def="SessionRegistrationsTable",
        neurodata_type_inc="DynamicTable",
        default_name="registrations",
        doc=(
            "How the fields of view of each two sessions were aligned, one row per direction: each pair has a row in "
            "which one session is called fixed and the other moving, and one the other way round, so that no reader "
            "has to invert anything."
        ),
        datasets=[
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
            column("reason", "Why it ended so, in words for people; may be empty.", "text"),
            column("steps", "How the matrix was found, in words for people, for example 'Crop, CLAHE, ECC'.", "text"),
            column(
                "ssim",
                "Structural similarity of the aligned images by which the method chose this alignment, at most 1; "
                "NaN if it was not computed.",
                "float64",
                optional=True,
            ),
            column(
                "score",
                "How well the two sessions agree when aligned so: z score of their correlation among those of all "
                "shifts; NaN if it was not computed.",
                "float64",
                optional=True,
            ),
            column(
                "chance_score",
                "The best such z score of alignments that must be wrong; an alignment is right if its score is far "
                "above it. NaN if it was not computed.",
                "float64",
                optional=True,
            ),
            column(
                "chance_matches",
                "How many matches the method made of the two sessions when they were aligned wrongly on purpose: what "
                "chance gives. NaN if it was not counted.",
                "float64",
                optional=True,
            ),
            column(
                "displacement",
                "What a smooth deformation adds to the moving (x, y) that the matrix gives, in pixels, at points "
                "spaced evenly over the fixed image, from the centre of its first pixel to that of its last along "
                "rows and columns; interpolate in between.",
                "float32",
                dims=("session_pairs", "fixed_rows", "fixed_cols", "moving_xy"),
                shape=(None, None, None, 2),
                optional=True,
            ),
        ],
    )


def write_spec(folder: Path) -> None:
    """Write the namespace and the types as YAML into `folder`, which must exist."""
    builder = NWBNamespaceBuilder(
        name=NAME,
        version=VERSION,
        doc="NWB extension for cells matched across imaging sessions. Licence: BSD-3-Clause.",
        author=["The ndx-cell-matching developers"],
        contact=[],
    )
    builder.include_namespace("core")
    types = [
        cell_matching(),
        matched_sessions_table(),
        matched_cells_table(),
        roi_pairs_table(),
        session_registrations_table(),
    ]
    export_spec(builder, types, str(folder))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Generate the schema of the extension.")
    parser.add_argument(
        "folder", nargs="?", type=Path, default=Path(__file__).resolve().parents[2] / "spec", help="where to write"
    )
    write_spec(parser.parse_args().folder)


if __name__ == "__main__":
    main()
