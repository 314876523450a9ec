"""What flows through the pipeline: sessions in, a match result out.

Conventions that hold everywhere in this package:

- arrays over pixels are indexed [row, col]; points and matrices are in (x, y) = (col, row);
- `roi_row` is the position of an ROI in its session's ROI table (0, 1, 2, ...), `roi_id` is the value of the
  table's `id` column; they are never mixed;
- a session pair is (fixed, moving) with fixed earlier in the list of inputs; a registration matrix maps fixed
  pixel coordinates to moving pixel coordinates.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse

from .errors import InputError

#: Called as `progress(stage, done, total)` while a method runs.
Progress = Callable[[str, int, int], None]


class Presence(enum.IntEnum):
    """Why a cell has, or has not, an ROI in a session (the codes of the match file's `presence` column)."""

    NOT_DETECTED = 0  #: the place lies in the session's field of view, but no ROI there was matched
    PRESENT = 1  #: an ROI of the session belongs to the cell
    OUTSIDE_FIELD = 2  #: the cell's place lies outside the session's field of view
    AMBIGUOUS = 3  #: several ROIs could be the cell and none stands out
    NOT_REGISTERED = 4  #: the session could not be aligned with the sessions in which the cell was seen


@dataclass(frozen=True)
class SourceInfo:
    """Where a session came from. Every field is plain text or a number; empty or None where unknown.

    Attributes
    ----------
    uri : str
        Path or URL of the NWB file, as opened.
    plane_path, roi_table_path, image_path : str
        Paths inside the file of the imaging plane, the ROI table and the projection image.
    session_start : str
        ISO 8601 text.
    imaging_depth : float or None
        In micrometres.
    mask_kind : str
        `image_mask`, `pixel_mask` or `voxel_mask`.
    orientation : str
        How masks and image were brought to [row, col].
    roi_selection : str
        Which ROIs took part.
    sha256 : str
        Of the file, computed or as its archive recorded it.
    dandiset_id, dandi_asset_id : str
        Of a file that was read from DANDI.
    notes : tuple of str
        What the user should know of how the session was read, one sentence each; not kept in a match file.
    """

    uri: str = ""
    nwb_identifier: str = ""
    nwb_object_id: str = ""
    session_id: str = ""
    session_start: str = ""
    subject_id: str = ""
    plane_path: str = ""
    roi_table_path: str = ""
    roi_table_object_id: str = ""
    image_path: str = ""
    mask_kind: str = ""
    orientation: str = ""
    roi_selection: str = "all ROIs"
    imaging_depth: float | None = None
    sha256: str = ""
    dandiset_id: str = ""
    dandi_asset_id: str = ""
    notes: tuple[str, ...] = field(default=(), compare=False)


@dataclass(frozen=True)
class FileState:
    """By what a change of a file shows.

    Attributes
    ----------
    size : int
        In bytes; of a Zarr store of all its files.
    modified : int or str
        When the content was changed last, in nanoseconds, of a Zarr store of any of its files; of a file on the
        network what its server says of its version.
    changed : int
        When content, permissions or links were changed last, which, unlike `modified`, no program can set.
    n_files : int
        Of a Zarr store.
    """

    size: int
    modified: int | str
    changed: int = 0
    n_files: int = 1


@dataclass(frozen=True)
class Session:
    """One imaging session of one plane.

    Attributes
    ----------
    name : str
        Unique among the sessions matched together; the name of the session's column in the match file.
    image : ndarray of float32, shape (n_rows, n_cols)
        The projection image (the mean over time, where there is a choice), finite.
    footprints : scipy.sparse.csr_array of float32, shape (n_rois, n_rows * n_cols)
        The masks' weights, one ROI a row, pixels in row-major order: pixel [row, col] is column
        `row * n_cols + col`. Explicit zeros are not allowed; an ROI with an empty mask is an empty row.
    roi_ids : ndarray of int64, shape (n_rois,)
        The ROI table's ids, without duplicates.
    pixel_size : tuple of float or None
        Micrometres per pixel along (rows, columns).
    source : SourceInfo
        Provenance.
    excluded : ndarray of int, shape (n_excluded,)
        The `roi_row` of the ROIs that take no part in matching; their footprints are empty.
    state : FileState or None
        Of the file when it was read, where it is known; not kept in a match file.
    """

    name: str
    image: npt.NDArray[np.float32]
    footprints: scipy.sparse.csr_array
    roi_ids: npt.NDArray[np.int64]
    pixel_size: tuple[float, float] | None = None
    source: SourceInfo = field(default_factory=SourceInfo)
    excluded: npt.NDArray[np.intp] = field(default_factory=lambda: np.zeros(0, np.intp))
    state: FileState | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        where = self.source.uri or f"session {self.name!r}"
        if self.image.ndim != 2:
            raise InputError(f"{where}: the projection image must have two dimensions, not {self.image.ndim}.")
        if not np.isfinite(self.image).all():
            raise InputError(
                f"{where}: the projection image {self.source.image_path} holds NaN or infinite values; "
                "choose another image with --image or repair the file."
            )
        if self.footprints.shape != (len(self.roi_ids), self.image.size):
            raise InputError(
                f"{where}: footprints of shape {self.footprints.shape} do not fit {len(self.roi_ids)} ROIs in an "
                f"image of {self.image.shape[0]} rows and {self.image.shape[1]} columns."
            )
        if len(np.unique(self.roi_ids)) != len(self.roi_ids):
            values, counts = np.unique(self.roi_ids, return_counts=True)
            raise InputError(
                f"{where}: the ROI table {self.source.roi_table_path} holds duplicate ROI ids "
                f"(for example {values[counts > 1][0]}); give every ROI its own id."
            )
        if np.diff(self.footprints.indptr)[self.excluded].any():
            raise ValueError("an ROI that takes no part has an empty footprint")

    @property
    def n_rois(self) -> int:
        """Number of ROIs, those that take no part included."""
        return len(self.roi_ids)

    @property
    def n_taking_part(self) -> int:
        """Number of ROIs that take part in matching."""
        return self.n_rois - len(self.excluded)

    @property
    def shape(self) -> tuple[int, int]:
        """(n_rows, n_cols) of the image."""
        return self.image.shape[0], self.image.shape[1]

    @property
    def empty_rows(self) -> npt.NDArray[np.intp]:
        """The `roi_row` of every ROI that takes part and whose mask has no pixel."""
        return np.setdiff1d(np.flatnonzero(np.diff(self.footprints.indptr) == 0), self.excluded)


@dataclass(frozen=True)
class Registration:
    """The alignment of one pair of sessions.

    Attributes
    ----------
    fixed, moving : int
        Positions in the list of sessions, fixed < moving.
    matrix : ndarray of float64, shape (3, 3)
        Maps homogeneous fixed pixel coordinates (x, y, 1) to moving pixel coordinates.
    steps : str
        How the matrix was found, for example `Crop, CLAHE, ECC`.
    registered : bool
        False where the pair could not be aligned; it then gives no matches.
    reason : str
        Why not, where `registered` is False; a remark otherwise.
    ssim : float or None
        Structural similarity by which the method chose this alignment.
    score, chance : float or None
        z score of the alignment by the correlation of the two sessions, and the best z score of alignments that must
        be wrong; an alignment is right where its score is far above chance.
    chance_matches : float or None
        How many matches the method makes of the two sessions when they are aligned wrongly on purpose.
    displacement : ndarray of float32, shape (n, n, 2), or None
        What a smooth deformation adds to the moving (x, y) that the matrix gives, at points spaced evenly over the
        fixed image, from its first to its last pixel along rows and columns.
    """

    fixed: int
    moving: int
    matrix: npt.NDArray[np.float64]
    steps: str = ""
    registered: bool = True
    reason: str = ""
    ssim: float | None = None
    score: float | None = None
    chance: float | None = None
    chance_matches: float | None = None
    displacement: npt.NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        if self.matrix.shape != (3, 3):
            raise ValueError(f"a registration matrix is 3 x 3, not {self.matrix.shape}")
        if not 0 <= self.fixed < self.moving:
            raise ValueError(f"fixed ({self.fixed}) must come before moving ({self.moving})")


@dataclass(frozen=True)
class RoiPairs:
    """Candidate pairs of ROIs, one entry a pair; every array has the same length.

    Attributes
    ----------
    fixed_session, moving_session : ndarray of int32
        Positions in the list of sessions.
    fixed_row, moving_row : ndarray of int32
        `roi_row` in the ROI tables of the two sessions.
    centroid_distance : ndarray of float64
        In pixels of the fixed session, after registration.
    iou : ndarray of float64
        Intersection over union of the two masks as the method defines it, 0 to 1.
    accepted : ndarray of bool
        Whether the method matched the two ROIs when it compared these two sessions.
    cost : ndarray of float64 or None
        The method's cost, lower is better.
    probability : ndarray of float64 or None
        The probability that the two ROIs are the same cell.
    margin : ndarray of float64 or None
        How far the pair's probability is above that of the best alternative of either ROI.
    """

    fixed_session: npt.NDArray[np.int32]
    moving_session: npt.NDArray[np.int32]
    fixed_row: npt.NDArray[np.int32]
    moving_row: npt.NDArray[np.int32]
    centroid_distance: npt.NDArray[np.float64]
    iou: npt.NDArray[np.float64]
    accepted: npt.NDArray[np.bool_]
    cost: npt.NDArray[np.float64] | None = None
    probability: npt.NDArray[np.float64] | None = None
    margin: npt.NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        lengths = {name: len(values) for name, values in vars(self).items() if values is not None}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"columns of ROI pairs differ in length: {lengths}")

    def __len__(self) -> int:
        return len(self.iou)

    def between(self, fixed: int, moving: int) -> RoiPairs:
        """The pairs of one pair of sessions."""
        return self.take(np.flatnonzero((self.fixed_session == fixed) & (self.moving_session == moving)))

    def take(self, entries: npt.NDArray[Any]) -> RoiPairs:
        """The given entries, by position or by a boolean array."""
        columns: dict[str, Any] = {k: None if v is None else v[entries] for k, v in vars(self).items()}
        return RoiPairs(**columns)

    @staticmethod
    def concatenate(parts: Sequence[RoiPairs]) -> RoiPairs:
        """All pairs of several collections, in order; optional columns must be present in all or in none."""
        if not parts:
            whole, real = np.zeros(0, np.int32), np.zeros(0)
            return RoiPairs(whole, whole, whole, whole, real, real, np.zeros(0, bool))
        columns: dict[str, Any] = {
            name: None if first is None else np.concatenate([getattr(part, name) for part in parts])
            for name, first in vars(parts[0]).items()
        }
        return RoiPairs(**columns)


def cell_of_roi(rows: npt.NDArray[np.int32], n_rois: int) -> npt.NDArray[np.intp]:
    """Turn one session's column of `MatchResult.cells` round.

    Parameters
    ----------
    rows : ndarray of int32, shape (n_cells,)
        `roi_row` of each cell in the session, -1 where it has none.
    n_rois : int
        Of the session.

    Returns
    -------
    ndarray of int, shape (n_rois,)
        The cell of each `roi_row`, -1 where it has none.
    """
    cell = np.full(n_rois, -1, np.intp)
    present = np.flatnonzero(rows >= 0)
    cell[rows[present]] = present
    return cell


@dataclass(frozen=True)
class MatchResult:
    """Which ROIs are the same cell.

    Attributes
    ----------
    method, method_version : str
        What made it.
    parameters : mapping
        Every parameter of the method; can be written as JSON.
    software : mapping of str to str
        Versions of the libraries whose numbers the result depends on.
    cells : ndarray of int32, shape (n_cells, n_sessions)
        `roi_row` of each cell's ROI in each session, -1 where it has none. Every ROI that takes part is in
        exactly one row.
    presence : ndarray of uint8, shape (n_cells, n_sessions)
        Codes of :class:`Presence`.
    roi_pairs : RoiPairs
        The evidence.
    registrations : tuple of Registration
        One a pair of sessions that was tried.
    session_status : tuple of str
        For each session `matched`, or why it was set aside.
    confidence : ndarray of float64, shape (n_cells,), or None
        The probability that all ROIs of the cell are one cell; None where the method gives no probabilities.
    warnings : tuple of str
        What the user should know, one sentence each.
    """

    method: str
    method_version: str
    parameters: Mapping[str, Any]
    cells: npt.NDArray[np.int32]
    presence: npt.NDArray[np.uint8]
    roi_pairs: RoiPairs
    registrations: tuple[Registration, ...]
    session_status: tuple[str, ...]
    confidence: npt.NDArray[np.float64] | None = None
    software: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.cells.ndim != 2 or self.cells.shape[1] != len(self.session_status):
            raise ValueError(f"cells of shape {self.cells.shape} do not fit {len(self.session_status)} sessions")
        if self.presence.shape != self.cells.shape:
            raise ValueError("presence and cells differ in shape")
        if ((self.presence == Presence.PRESENT) != (self.cells >= 0)).any():
            raise ValueError("presence says PRESENT exactly where a cell has an ROI")
        for column in self.cells.T:
            rows = column[column >= 0]
            if len(np.unique(rows)) != len(rows):
                raise ValueError("an ROI is in more than one cell")

    @property
    def n_sessions_of_cell(self) -> npt.NDArray[np.int64]:
        """In how many sessions each cell has an ROI, shape (n_cells,)."""
        return (self.cells >= 0).sum(axis=1)

    def registration(self, fixed: int, moving: int) -> Registration | None:
        """The registration of a pair of sessions, None where it was not tried."""
        for registration in self.registrations:
            if (registration.fixed, registration.moving) == (fixed, moving):
                return registration
        return None
