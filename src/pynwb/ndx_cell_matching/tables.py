"""The tables of sessions, of candidate pairs and of registrations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from pynwb import get_class, register_class
from pynwb.base import Image
from pynwb.ophys import PlaneSegmentation

from ._columns import table_from_columns, texts
from ._namespace import NAMESPACE

_MatchedSessionsTable: Any = get_class("MatchedSessionsTable", NAMESPACE)
_RoiPairsTable: Any = get_class("RoiPairsTable", NAMESPACE)
_SessionRegistrationsTable: Any = get_class("SessionRegistrationsTable", NAMESPACE)


@register_class("MatchedSessionsTable", NAMESPACE)
class MatchedSessionsTable(_MatchedSessionsTable):
    """The sessions that were matched, a row a session."""

    @classmethod
    def from_arrays(
        cls,
        *,
        session_name: Sequence[str],
        roi_table: Sequence[PlaneSegmentation],
        image: Sequence[Image],
        nwb_identifier: Sequence[str],
        nwb_object_id: Sequence[str],
        session_start: Sequence[str],
        imaging_plane_path: Sequence[str],
        roi_table_path: Sequence[str],
        roi_table_object_id: Sequence[str],
        image_path: Sequence[str],
        source_uri: Sequence[str],
        status: Sequence[str],
        mask_orientation: Sequence[str],
        roi_selection: Sequence[str],
        sha256: Sequence[str] | None = None,
        dandiset_id: Sequence[str] | None = None,
        dandi_asset_id: Sequence[str] | None = None,
        subject_id: Sequence[str] | None = None,
        imaging_depth: npt.ArrayLike | None = None,
        pixel_size: npt.ArrayLike | None = None,
        name: str = "sessions",
        description: str = "The sessions whose ROIs were matched, a row a session.",
    ) -> MatchedSessionsTable:
        """Build the table; every argument but the last two has one entry a session.

        Parameters
        ----------
        session_name : sequence of str
            Unique; the names of the sessions' columns in the table of cells.
        roi_table : sequence of PlaneSegmentation
            The copies of the ROI tables in the file that is written.
        image : sequence of Image
            The copies of the projection images in the file that is written.
        nwb_identifier, nwb_object_id, session_start : sequence of str
            Of the source files; `session_start` as ISO 8601.
        imaging_plane_path, roi_table_path, image_path : sequence of str
            Paths inside the source files.
        roi_table_object_id : sequence of str
            Of the ROI tables in the source files.
        source_uri : sequence of str
            Path or URL by which each source was opened.
        status : sequence of str
            `matched`, or why the session was set aside.
        mask_orientation, roi_selection : sequence of str
            How masks were brought to [row, col]; which ROIs took part.
        sha256, dandiset_id, dandi_asset_id, subject_id : sequence of str, optional
            Of the source files; an empty text where unknown.
        imaging_depth : array_like of float, shape (n_sessions,), optional
            In micrometres; NaN where unknown.
        pixel_size : array_like of float, shape (n_sessions, 2), optional
            In micrometres along (rows, columns); NaN where unknown.
        name, description : str
            Of the table.

        Returns
        -------
        MatchedSessionsTable
            Without those optional columns of which nothing is known.

        Raises
        ------
        ValueError
            If the arguments differ in length, two sessions have the same name, or `pixel_size` is not (n, 2).
        """
        names = texts(session_name)
        if len(set(names)) != len(names):
            repeated = next(name for name in names if names.count(name) > 1)
            raise ValueError(f"two sessions have the name {repeated!r}; give every session its own.")
        sizes = _known_numbers(pixel_size)
        if sizes is not None and sizes.shape[1:] != (2,):
            raise ValueError(f"pixel_size must have the shape (n_sessions, 2), not {sizes.shape}.")
        return table_from_columns(
            cls,
            name,
            description,
            {
                "session_name": names,
                "roi_table": list(roi_table),
                "image": list(image),
                "nwb_identifier": texts(nwb_identifier),
                "nwb_object_id": texts(nwb_object_id),
                "session_start": texts(session_start),
                "imaging_plane_path": texts(imaging_plane_path),
                "roi_table_path": texts(roi_table_path),
                "roi_table_object_id": texts(roi_table_object_id),
                "image_path": texts(image_path),
                "source_uri": texts(source_uri),
                "status": texts(status),
                "mask_orientation": texts(mask_orientation),
                "roi_selection": texts(roi_selection),
                "sha256": _known_texts(sha256),
                "dandiset_id": _known_texts(dandiset_id),
                "dandi_asset_id": _known_texts(dandi_asset_id),
                "subject_id": _known_texts(subject_id),
                "imaging_depth": _known_numbers(imaging_depth),
                "pixel_size": sizes,
            },
        )


@register_class("RoiPairsTable", NAMESPACE)
class RoiPairsTable(_RoiPairsTable):
    """Pairs of ROIs of two sessions that could be the same cell, a row a pair."""

    @classmethod
    def from_arrays(
        cls,
        *,
        fixed_session: npt.ArrayLike,
        moving_session: npt.ArrayLike,
        fixed_roi_row: npt.ArrayLike,
        moving_roi_row: npt.ArrayLike,
        centroid_distance: npt.ArrayLike,
        iou: npt.ArrayLike,
        accepted: npt.ArrayLike,
        cost: npt.ArrayLike | None = None,
        probability: npt.ArrayLike | None = None,
        margin: npt.ArrayLike | None = None,
        name: str = "roi_pairs",
        description: str = "Pairs of ROIs of two sessions that could be the same cell, a row a pair.",
    ) -> RoiPairsTable:
        """Build the table; every argument but the last two has the shape (n_pairs,).

        Parameters
        ----------
        fixed_session, moving_session : array_like of int
            Rows in the table of sessions.
        fixed_roi_row, moving_roi_row : array_like of int
            Rows in the two sessions' ROI tables.
        centroid_distance : array_like of float
            In pixels of the fixed session, after alignment.
        iou : array_like of float
            Intersection over union of the masks, 0 to 1.
        accepted : array_like of bool
            Whether the method matched the pair when it compared the two sessions.
        cost, probability, margin : array_like of float, optional
            Cost (lower is better), probability of being the same cell, lead over the best alternative.
        name, description : str
            Of the table.

        Raises
        ------
        ValueError
            If the arguments differ in length.
        """
        return table_from_columns(
            cls,
            name,
            description,
            {
                "fixed_session": np.asarray(fixed_session, dtype=np.int32),
                "moving_session": np.asarray(moving_session, dtype=np.int32),
                "fixed_roi_row": np.asarray(fixed_roi_row, dtype=np.int32),
                "moving_roi_row": np.asarray(moving_roi_row, dtype=np.int32),
                "centroid_distance": np.asarray(centroid_distance, dtype=np.float64),
                "iou": np.asarray(iou, dtype=np.float64),
                "accepted": np.asarray(accepted, dtype=bool),
                "cost": _numbers(cost),
                "probability": _numbers(probability),
                "margin": _numbers(margin),
            },
        )


@register_class("SessionRegistrationsTable", NAMESPACE)
class SessionRegistrationsTable(_SessionRegistrationsTable):
    """How the fields of view of each two sessions were aligned, a row a pair of sessions."""

    @classmethod
    def from_arrays(
        cls,
        *,
        fixed_session: npt.ArrayLike,
        moving_session: npt.ArrayLike,
        affine_matrix: npt.ArrayLike,
        steps: Sequence[str],
        registered: npt.ArrayLike,
        reason: Sequence[str],
        ssim: npt.ArrayLike | None = None,
        score: npt.ArrayLike | None = None,
        chance_score: npt.ArrayLike | None = None,
        chance_matches: npt.ArrayLike | None = None,
        displacement: npt.ArrayLike | None = None,
        name: str = "registrations",
        description: str = "How the fields of view of each two sessions were aligned, a row a direction.",
    ) -> SessionRegistrationsTable:
        """Build the table; every argument but the last two has one entry a pair and direction.

        Parameters
        ----------
        fixed_session, moving_session : array_like of int
            Rows in the table of sessions.
        affine_matrix : array_like of float, shape (n_pairs, 3, 3)
            Maps fixed pixel (x, y, 1) to moving pixel (x, y, 1), x = column.
        steps : sequence of str
            How each matrix was found.
        registered : array_like of bool
            False where the pair could not be aligned.
        reason : sequence of str
            Why not; otherwise a remark or an empty text.
        ssim : array_like of float, optional
            Structural similarity by which each alignment was chosen; NaN where unknown.
        score, chance_score : array_like of float, optional
            z score of each alignment, and the best z score of alignments that must be wrong; NaN where unknown.
        chance_matches : array_like of float, optional
            How many matches the method made of the two sessions when they were aligned wrongly on purpose.
        displacement : array_like of float, shape (n_pairs, n_rows, n_cols, 2), optional
            What a smooth deformation adds to the moving (x, y), at points spaced evenly over the fixed image.
        name, description : str
            Of the table.

        Returns
        -------
        SessionRegistrationsTable
            Without those optional columns of which nothing is known.

        Raises
        ------
        ValueError
            If the arguments differ in length or the matrices are not 3 x 3.
        """
        matrices = np.asarray(affine_matrix, dtype=np.float64)
        if matrices.ndim != 3 or matrices.shape[1:] != (3, 3):
            raise ValueError(f"affine_matrix must have the shape (n_pairs, 3, 3), not {matrices.shape}.")
        return table_from_columns(
            cls,
            name,
            description,
            {
                "fixed_session": np.asarray(fixed_session, dtype=np.int32),
                "moving_session": np.asarray(moving_session, dtype=np.int32),
                "affine_matrix": matrices,
                "steps": texts(steps),
                "registered": np.asarray(registered, dtype=bool),
                "reason": texts(reason),
                "ssim": _known_numbers(ssim),
                "score": _known_numbers(score),
                "chance_score": _known_numbers(chance_score),
                "chance_matches": _known_numbers(chance_matches),
                "displacement": None if displacement is None else np.asarray(displacement, dtype=np.float32),
            },
        )


def _numbers(values: npt.ArrayLike | None) -> npt.NDArray[np.float64] | None:
    return None if values is None else np.asarray(values, dtype=np.float64)


def _known_numbers(values: npt.ArrayLike | None) -> npt.NDArray[np.float64] | None:
    """The values, None where all are NaN: an optional column that says nothing is left out."""
    numbers = _numbers(values)
    return None if numbers is None or np.isnan(numbers).all() else numbers


def _known_texts(values: Sequence[str] | None) -> list[str] | None:
    """The values, None where all are empty."""
    return None if values is None or not any(values) else texts(values)
