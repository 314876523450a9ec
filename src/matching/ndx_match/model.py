"""The data of the pipeline: sessions go in, a match result comes out.

Conventions that hold everywhere in this package:

- arrays over pixels are indexed [row, col]; points and matrices are in (x, y) = (col, row);
- `roi_row` is the position of an ROI in its session's ROI table (0, 1, 2, ...), `roi_id` is the value of the
  table's `id` column; the two are never mixed;
- `cell_row` is the position of a cell in a result, `cell_id` is a number that it keeps for as long as it exists;
  these are never mixed either;
- a session pair is (fixed, moving) with fixed earlier in the list of inputs; a registration matrix maps fixed
  pixel coordinates to moving pixel coordinates.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import scipy.sparse

from ndx_cell_matching.codes import Presence, RegistrationOutcome, RoiSelection, SessionStatus, label_of

from .arrays import Array, Bools, Bytes, Floats, Floats32, Indices, Ints32, Ints64, Points
from .decisions import AutomaticCells, Decision, Reviews
from .errors import InputError, one_line
from .footprints import without_rows
from .gaps import filled

LEAST_PROBABILITY = 0.001  #: a candidate pair with a lower probability is kept only within a cell
SHOWN_SESSIONS = 30  #: greatest number of sessions of which a list shows each
CLEARLY_MORE = 1.5  #: an alignment with fewer than so many times the matches that chance gives is suspect
#: Called as `progress(stage, done, total)` while a method runs.
Progress = Callable[[str, int, int], None]
Step = Callable[..., None]  #: called after each step of a stage, or after several with their number
Item = TypeVar("Item")


def as_texts(texts: str | Iterable[str]) -> tuple[str, ...]:
    """Texts as a tuple, also if a single one is given."""
    return (texts,) if isinstance(texts, str) else tuple(texts)


def check_are_sessions(sessions: Any, function: str) -> None:
    """Raise TypeError if a function that takes sessions is given something else."""
    if isinstance(sessions, Sequence) and all(isinstance(each, Session) for each in sessions):
        return
    type_name = type(sessions[0] if isinstance(sessions, (list, tuple)) and sessions else sessions).__name__
    raise TypeError(
        f"{function} takes a list of sessions, and was given {type_name}; read them first: "
        "sessions = ndx_match.read_sessions(['a.nwb', 'b.nwb'])."
    )


def check_fit(sessions: Any, result: Any, function: str) -> None:
    """Raise an error if a function that takes sessions and their result is given something else.

    Raises
    ------
    TypeError
        If the first are no sessions, or the second is no result.
    ValueError
        If the result is of another number of sessions, or of these in another order.
    """
    check_are_sessions(sessions, function)
    if not isinstance(result, MatchResult):
        raise TypeError(
            f"{function} takes the sessions and then their MatchResult, and was given {type(result).__name__}; make it "
            "first: result = ndx_match.match(sessions)."
        )
    if len(sessions) != len(result.session_status):
        raise ValueError(f"{len(sessions)} sessions do not fit a result of {len(result.session_status)}")
    names = tuple(session.name for session in sessions)
    known = result.session_names  # sessions may have got new names since
    if any(name in known and name != before for name, before in zip(names, known, strict=False)):
        raise ValueError(
            f"the result is of the sessions {', '.join(result.session_names)} in this order, and was given with "
            f"{', '.join(names)}; give those that were matched, in the same order."
        )


def listed_planes(planes: Any, function: str) -> list[MatchedPlane]:
    """One matched plane or several as a list; TypeError if a function is given something else."""
    if isinstance(planes, MatchedPlane):
        return [planes]
    listed = list(planes) if isinstance(planes, Iterable) and not isinstance(planes, str) else [planes]
    for each in listed:
        if not isinstance(each, MatchedPlane):
            raise TypeError(
                f"{function} takes a MatchedPlane or a list of them, and was given {type(each).__name__}; read the "
                "match file first: plane = ndx_match.read_match_file('matches.nwb')."
            )
    return listed


def with_progress(progress: Progress | None, stage: str, items: Sequence[Item]) -> Iterator[Item]:
    """Yield the items one by one, and report to `progress` how many are done."""
    for done, item in enumerate(items):
        if progress:
            progress(stage, done, len(items))
        yield item
    if progress:
        progress(stage, len(items), len(items))


def steps_of(progress: Progress | None, stage: str, n_steps: int) -> Step:
    """A function to call after each step of a stage; it reports to `progress` how many are done."""
    done = 0

    def step(n: int = 1) -> None:
        nonlocal done
        done += n
        if progress:
            progress(stage, done, n_steps)

    step(0)
    return step


class _Brief:
    """A dataclass of arrays that is shown without their values."""

    def __repr__(self) -> str:
        text = ", ".join(f"{each.name}={_abbreviated(getattr(self, each.name))}" for each in fields(self) if each.repr)  # type: ignore[arg-type]
        return f"{type(self).__name__}({text})"


def _abbreviated(value: Any) -> str:
    """A value in few words."""
    if isinstance(value, np.ndarray | scipy.sparse.sparray):
        return f"<{value.dtype} {' x '.join(map(str, value.shape))}>"
    if isinstance(value, tuple) and value and isinstance(value[0], _Brief):
        return f"<{len(value)} {type(value[0]).__name__}>"
    return textwrap.shorten(repr(value), 300, placeholder=" ...")


@dataclass(frozen=True)
class Orientation:
    """How the source stores masks and image, if not as [row, col]."""

    masks_transposed: bool = False  #: stored [col, row]; in pixel and voxel masks, x holds the row
    image_transposed: bool = False  #: stored [col, row]
    #: The pixels of image masks were flattened by columns and then reshaped by rows. Masks of a square field are then
    #: transposed; masks of other fields are scrambled into stripes.
    masks_scrambled: bool = False
    mirrored: bool = False  #: the columns of masks and image are in reverse order, once both are [row, col]
    z_plane: int | None = None  #: the plane (z) of voxel masks that was taken; None for all


@dataclass(frozen=True)
class SourceInfo:
    """Where a session came from: columns of the match file, there with the prefix `source_`. Empty if unknown."""

    #: Path or URL of the NWB file, as opened. The match file holds its name, a path relative to the match file, or a
    #: URL without user and query.
    uri: str = ""
    identifier: str = ""  #: of the file
    object_id: str = ""  #: of the file
    session_id: str = ""  #: of the file
    plane_path: str = ""  #: of the imaging plane in the file
    roi_table_path: str = ""
    roi_table_object_id: str = ""
    image_path: str = ""  #: of the projection image
    sha256: str = ""  #: of the file, computed or as its archive recorded it
    dandiset_id: str = ""  #: of a file that was read from DANDI
    dandi_asset_id: str = ""


@dataclass(frozen=True)
class FileState:
    """The properties of a file that show whether it was changed."""

    size: int  #: in bytes; for a Zarr store the sum over its files
    #: When the content was last changed, in nanoseconds; for a Zarr store the latest time of its files; for a file on
    #: the network the version that its server states.
    modified: int | str
    changed: int = 0  #: when content, permissions or links were last changed; unlike `modified`, no program can set it
    n_files: int = 1  #: number of files of a Zarr store


@dataclass(frozen=True, repr=False)
class Session(_Brief):
    """One imaging session of one plane."""

    name: str  #: unique among the sessions matched together; it also names the session's column in the match file
    #: Projection image (the mean over time, if there is a choice), shape (n_rows, n_cols); zeros if there is none.
    #: Pixels that are not finite hold no data, and get the value of the nearest finite pixel.
    image: Floats32
    #: The masks' weights, float32, shape (n_rois, n_rows * n_cols), one row per ROI: pixel [row, col] is column
    #: `row * n_cols + col`. Explicit zeros are not allowed; an ROI with an empty mask is an empty row.
    footprints: scipy.sparse.csr_array
    roi_ids: Ints64  #: the ROI table's ids, shape (n_rois,), without duplicates
    #: Which ROIs take part in matching, shape (n_rois,); by default all.
    takes_part: Bools = None  # type: ignore[assignment]
    roi_selection: RoiSelection = RoiSelection.ALL  #: how these were chosen
    roi_selection_reason: str = ""  #: the same in words, for people
    has_image: bool = True  #: whether there is a projection image
    pixel_size: tuple[float, float] | None = None  #: micrometres per pixel along (rows, columns)
    imaging_depth: float | None = None  #: in micrometres
    #: Which pixels of the image hold data, shape (n_rows, n_cols); None if all do. The others are outside the field.
    has_data: Bools | None = None
    session_start: str = ""  #: ISO 8601 text; empty if unknown
    subject_id: str = ""  #: empty if unknown
    #: Properties of the animal that the file states and that do not change from day to day, for example `sex`. Not kept
    #: in a match file.
    subject: Mapping[str, str] = field(default_factory=dict, compare=False)
    orientation: Orientation = Orientation()  #: how masks and image were stored
    orientation_reason: str = ""  #: why they were read so, for people
    source: SourceInfo = field(default_factory=SourceInfo)
    #: What the user should know about how the session was read, one sentence each; not kept in a match file.
    warnings: tuple[str, ...] = field(default=(), compare=False)
    #: The state of the file when it was read, if it is known; not kept in a match file.
    state: FileState | None = field(default=None, compare=False, repr=False)
    #: If the session was read from a match file, where masks and image lie in it; None if read from its own file.
    match_file_source: SourceInfo | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        if self.takes_part is None:
            object.__setattr__(self, "takes_part", np.ones(len(self.roi_ids), bool))
        where = self.source.uri or f"session {self.name!r}"
        if self.image.ndim != 2:
            raise InputError(f"{where}: the projection image must have two dimensions, not {self.image.ndim}.")
        if self.has_data is None:
            image, has_data = filled(self.image)
            object.__setattr__(self, "image", image)
            object.__setattr__(self, "has_data", has_data)
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
        if self.takes_part.shape != self.roi_ids.shape:
            raise ValueError(f"takes_part must say for each of {len(self.roi_ids)} ROIs whether it takes part")

    @property
    def data_source(self) -> SourceInfo:
        """The file from which masks and image were read, and where they are in it."""
        return self.match_file_source or self.source

    @property
    def n_rois(self) -> int:
        """Number of ROIs, including those that take no part."""
        return len(self.roi_ids)

    @property
    def n_taking_part(self) -> int:
        """Number of ROIs that take part in matching."""
        return int(self.takes_part.sum())

    @property
    def excluded(self) -> Indices:
        """The `roi_row` of every ROI that takes no part."""
        return np.flatnonzero(~self.takes_part)

    @property
    def shape(self) -> tuple[int, int]:
        """(n_rows, n_cols) of the image."""
        return self.image.shape[0], self.image.shape[1]

    def _repr_html_(self) -> str:
        from .report.notebook import html_of_sessions

        return html_of_sessions([self])

    def holds(self, points: Points) -> Bools:
        """Whether points (x, y), shape (n, 2), finite, lie in the field, on pixels with data."""
        col, row = np.floor(points.T + 0.5)
        inside = (col >= 0) & (col < self.shape[1]) & (row >= 0) & (row < self.shape[0])
        if self.has_data is not None:
            inside[inside] = self.has_data[row[inside].astype(np.intp), col[inside].astype(np.intp)]
        return np.asarray(inside)

    @property
    def empty_rows(self) -> Indices:
        """The `roi_row` of every ROI that takes part and whose mask has no pixel."""
        return np.flatnonzero((np.diff(self.footprints.indptr) == 0) & self.takes_part)

    def only_taking_part(self) -> Session:
        """The session with empty masks for the ROIs that take no part, so that they are matched with nothing."""
        return self if self.takes_part.all() else replace(self, footprints=without_rows(self.footprints, self.excluded))

    def with_all_rois(self) -> Session:
        """The session with all ROIs taking part; if only one plane (z) of voxel masks was taken, all ROIs in it."""
        in_plane = np.ones(self.n_rois, bool)
        if self.orientation.z_plane is not None:
            in_plane = np.diff(self.footprints.indptr) > 0
        if np.array_equal(in_plane, self.takes_part):
            return self
        return replace(
            self, takes_part=in_plane, roi_selection=RoiSelection.ALL, roi_selection_reason=RoiSelection.ALL.label
        )


class Sessions(list[Session]):
    """Sessions in their order, shown as a table."""

    def __repr__(self) -> str:
        lines = (
            f"<{each.name}: {each.n_taking_part} of {each.n_rois} ROIs, image {each.shape[0]} x {each.shape[1]}>"
            for each in self[:SHOWN_SESSIONS]
        )
        more = len(self) - SHOWN_SESSIONS
        return "[" + ",\n ".join([*map(one_line, lines), *([f"... and {more} more"] if more > 0 else [])]) + "]"

    def _repr_html_(self) -> str:
        from .report.notebook import html_of_sessions

        return html_of_sessions(self)


@dataclass(frozen=True, repr=False)
class Registration(_Brief):
    """The alignment of one pair of sessions."""

    fixed_session: int  #: position in the list of sessions, before that of the moving one
    moving_session: int
    matrix: Floats  #: shape (3, 3), maps fixed pixel coordinates (x, y, 1) to moving ones
    steps: tuple[str, ...] = ()  #: how it was found, for example `("Crop", "CLAHE", "ECC")`; for people
    outcome: int = RegistrationOutcome.REGISTERED  #: how it ended; a pair that is not registered gives no matches
    reason: str = ""  #: why it ended so, for people
    ssim: float | None = None  #: structural similarity by which the method chose this alignment
    score: float | None = None  #: z score of the alignment by the correlation of the two sessions
    chance_score: float | None = None  #: best z score of alignments that must be wrong; a right one scores far above it
    chance_matches: float | None = None  #: how many matches the method makes of sessions aligned wrongly on purpose
    #: What a smooth deformation adds to the moving (x, y) that the matrix gives, shape (n, n, 2), at points spaced
    #: evenly over the fixed image, from its first to its last pixel along rows and columns.
    displacement: Floats32 | None = None

    def __post_init__(self) -> None:
        if self.matrix.shape != (3, 3):
            raise ValueError(f"a registration matrix is 3 x 3, not {self.matrix.shape}")
        if not 0 <= self.fixed_session < self.moving_session:
            raise ValueError(f"fixed ({self.fixed_session}) must come before moving ({self.moving_session})")

    @property
    def registered(self) -> bool:
        """Whether the matrix aligns the two sessions."""
        return self.outcome in RegistrationOutcome.with_matrix()

    def like_chance(self, n_accepted: int) -> bool:
        """Whether `n_accepted` pairs of ROIs are hardly more than a wrong alignment gives."""
        return self.chance_matches is not None and n_accepted < CLEARLY_MORE * self.chance_matches


@dataclass(frozen=True, repr=False)
class RoiPairs(_Brief):
    """Candidate pairs of ROIs, one entry per pair; every array has the same length."""

    fixed_session: Ints32  #: position in the list of sessions
    moving_session: Ints32
    fixed_roi_row: Ints32  #: `roi_row` in the ROI table of the fixed session
    moving_roi_row: Ints32
    centroid_distance: npt.NDArray[np.floating[Any]]  #: in pixels of the fixed session, after registration
    iou: npt.NDArray[np.floating[Any]]  #: intersection over union of the masks as the method defines it, 0 to 1
    #: Whether the method took the two ROIs for one cell; `nway` decides this when it compares their two sessions. The
    #: number of matches of two sessions follows from the cells (`MatchResult.n_matches`).
    accepted: Bools
    cost: npt.NDArray[np.floating[Any]] | None = None  #: the method's cost, lower is better
    probability: npt.NDArray[np.floating[Any]] | None = None  #: that the two ROIs are the same cell
    #: How far the pair's probability is above that of the best alternative of either ROI.
    margin: npt.NDArray[np.floating[Any]] | None = None

    def __post_init__(self) -> None:
        lengths = {name: len(values) for name, values in vars(self).items() if values is not None}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"columns of ROI pairs differ in length: {lengths}")

    def __len__(self) -> int:
        return len(self.iou)

    def between(self, fixed: int, moving: int) -> RoiPairs:
        """The pairs of one pair of sessions."""
        return self.take(np.flatnonzero((self.fixed_session == fixed) & (self.moving_session == moving)))

    def take(self, entries: Array) -> RoiPairs:
        """The given entries, by position or by a boolean array."""
        columns: dict[str, Any] = {k: None if v is None else v[entries] for k, v in vars(self).items()}
        return RoiPairs(**columns)

    def by_rois(self, values: Array | None) -> dict[tuple[int, int, int, int], float]:
        """Values by the pair's (fixed session, its roi_row, moving session, its roi_row); empty if there are none."""
        rois = np.stack([self.fixed_session, self.fixed_roi_row, self.moving_session, self.moving_roi_row], axis=1)
        return {} if values is None else dict(zip(map(tuple, rois.tolist()), values.tolist(), strict=True))

    @staticmethod
    def concatenate(parts: Sequence[RoiPairs]) -> RoiPairs:
        """All pairs of several collections, in order; optional columns must be present in all or in none."""
        if not parts:
            integers, reals = np.zeros(0, np.int32), np.zeros(0)
            return RoiPairs(integers, integers, integers, integers, reals, reals, np.zeros(0, bool))
        columns: dict[str, Any] = {
            name: None if first is None else np.concatenate([getattr(part, name) for part in parts])
            for name, first in vars(parts[0]).items()
        }
        return RoiPairs(**columns)


def cell_of_roi(rows: Ints32, n_rois: int) -> Indices:
    """The cell of each `roi_row` of one session, shape (n_rois,), -1 if it has none.

    `rows`, shape (n_cells,), is the session's column of `MatchResult.cells`.
    """
    cell = np.full(n_rois, -1, np.intp)
    present = np.flatnonzero(rows >= 0)
    cell[rows[present]] = present
    return cell


def cells_of_rois(cells: Ints32, sessions: Ints32, roi_rows: Ints32) -> Indices:
    """The cell of each ROI, given by session and `roi_row`, shape (n,); -1 if it is in none.

    `cells` are those of a `MatchResult`.
    """
    n_rois = 1 + max(int(rows.max(initial=-1)) for rows in (cells, roi_rows))
    return np.stack([cell_of_roi(rows, n_rois) for rows in cells.T])[sessions, roi_rows]


def shared_cells(cells: Ints32) -> Ints64:
    """For every two sessions the number of cells with an ROI in both, shape (n_sessions, n_sessions).

    `cells` are those of a `MatchResult`. The diagonal counts the cells of each session.
    """
    present = (cells >= 0).astype(np.int64)
    return np.asarray(present.T @ present)


@dataclass(frozen=True, repr=False)
class MatchResult(_Brief):
    """Which ROIs are the same cell."""

    method: str
    method_version: str
    parameters: Mapping[str, Any]  #: every parameter of the method; can be written as JSON
    #: `roi_row` of each cell's ROI in each session, shape (n_cells, n_sessions), -1 if it has none. Every ROI that
    #: takes part is in exactly one row.
    cells: Ints32
    presence: Bytes  #: codes of :class:`Presence`, shape (n_cells, n_sessions)
    roi_pairs: RoiPairs  #: the evidence
    registrations: tuple[Registration, ...]  #: one per pair of sessions that was tried
    session_status: Bytes  #: codes of :class:`SessionStatus`, shape (n_sessions,)
    status_reasons: tuple[str, ...] = ()  #: why each session has its status, for people; by default empty
    #: The probability that all ROIs of the cell are one cell, shape (n_cells,), NaN for a cell of one session; None if
    #: the method gives no probabilities.
    confidence: Floats | None = None
    #: The numbers by which the cells are known, shape (n_cells,), without duplicates; by default 0, 1, 2, ...
    cell_ids: Ints64 = None  # type: ignore[assignment]
    #: The greatest id that a cell had in an earlier result from which cells have their ids; -1 if there is none.
    last_earlier_id: int = -1
    #: Versions of the libraries whose numbers the result depends on.
    software: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    warnings: tuple[str, ...] = ()  #: what the user should know, one sentence each
    reviews: Reviews | None = None  #: what persons decided on each cell
    decisions: tuple[Decision, ...] = ()  #: all that persons decided, in order
    automatic: AutomaticCells | None = None  #: the cells as the method left them, if a person decided on cells
    session_names: tuple[str, ...] = ()  #: names of the sessions, in the order of the columns; empty if not known

    def __post_init__(self) -> None:
        if self.cell_ids is None:
            object.__setattr__(self, "cell_ids", np.arange(len(self.cells), dtype=np.int64))
        if not self.status_reasons:
            object.__setattr__(self, "status_reasons", ("",) * len(self.session_status))
        if self.cell_ids.shape != self.cells.shape[:1] or len(np.unique(self.cell_ids)) != len(self.cell_ids):
            raise ValueError("cell_ids must be one number for each cell, without duplicates")
        if self.cells.ndim != 2 or self.cells.shape[1] != len(self.session_status):
            raise ValueError(f"cells of shape {self.cells.shape} do not fit {len(self.session_status)} sessions")
        if self.presence.shape != self.cells.shape:
            raise ValueError("presence and cells differ in shape")
        if self.reviews is not None and len(self.reviews.review) != len(self.cells):
            raise ValueError("reviews and cells differ in length")
        if ((self.presence == Presence.PRESENT) != (self.cells >= 0)).any():
            raise ValueError("presence says PRESENT exactly where a cell has an ROI")
        for column in self.cells.T:
            rows = column[column >= 0]
            if len(np.unique(rows)) != len(rows):
                raise ValueError("an ROI is in more than one cell")

    def _repr_html_(self) -> str:
        from .report.notebook import html_of_result

        return html_of_result(self)

    @property
    def n_matches(self) -> Ints64:
        """The number of matches of every two sessions, that is, of cells with an ROI in both, shape (n, n)."""
        return shared_cells(self.cells)

    @property
    def last_id(self) -> int:
        """The greatest id that a cell has or ever had; -1 if there are none."""
        ids = [self.cell_ids] if self.automatic is None else [self.cell_ids, self.automatic.cell_ids]
        named = [number for d in self.decisions for number in (d.cell_id, d.other_cell_id) if number is not None]
        return max([self.last_earlier_id, *(int(each.max(initial=-1)) for each in ids), *named])

    @property
    def pairs_not_ruled_out(self) -> RoiPairs:
        """The candidate pairs that a reader can use: all pairs within cells, and the others that may be right.

        If the method gives probabilities, one below :data:`LEAST_PROBABILITY` rules a pair out.
        """
        pairs = self.roi_pairs
        if pairs.probability is None:
            return pairs
        fixed = cells_of_rois(self.cells, pairs.fixed_session, pairs.fixed_roi_row)
        moving = cells_of_rois(self.cells, pairs.moving_session, pairs.moving_roi_row)
        return pairs.take(
            (pairs.probability >= LEAST_PROBABILITY) | ((fixed == moving) & (fixed >= 0)) | pairs.accepted
        )

    @property
    def n_sessions_of_cell(self) -> Ints64:
        """In how many sessions each cell has an ROI, shape (n_cells,)."""
        return (self.cells >= 0).sum(axis=1)

    def registration(self, fixed: int, moving: int) -> Registration | None:
        """The registration of a pair of sessions; None if it was not tried."""
        pair = (fixed, moving)
        return next((r for r in self.registrations if (r.fixed_session, r.moving_session) == pair), None)

    def status_in_words(self) -> list[str]:
        """The status of each session and the reason for it, in words."""
        labels = [label_of(SessionStatus, status) for status in self.session_status]
        return [": ".join(filter(None, words)) for words in zip(labels, self.status_reasons, strict=True)]

    @property
    def is_matched(self) -> Bools:
        """Which sessions took part in the matching, shape (n_sessions,)."""
        return np.asarray(self.session_status == SessionStatus.MATCHED)


@dataclass(frozen=True, repr=False)
class MatchedPlane(_Brief):
    """The sessions and the result of one imaging plane, as in a match file; most match files have only one plane."""

    sessions: tuple[Session, ...]  #: `takes_part` is made to agree with the result: an ROI took part if it is in a cell
    result: MatchResult
    name: str = ""  #: of the imaging plane; empty if there is only one

    def _repr_html_(self) -> str:
        from .report.notebook import html_of_plane

        return html_of_plane(self)

    def __post_init__(self) -> None:
        check_fit(self.sessions, self.result, "MatchedPlane")
        pairs = zip(self.sessions, self.result.cells.T, strict=True)
        object.__setattr__(self, "sessions", tuple(_taking_part(session, rows) for session, rows in pairs))


def _taking_part(session: Session, rows: Ints32) -> Session:
    takes_part = cell_of_roi(rows, session.n_rois) >= 0
    if np.array_equal(takes_part, session.takes_part):
        return session
    complete = session.with_all_rois()
    return complete if np.array_equal(takes_part, complete.takes_part) else replace(session, takes_part=takes_part)


def with_distinct_cell_ids(planes: Sequence[MatchedPlane]) -> tuple[MatchedPlane, ...]:
    """The planes; if two cells have the same id, all cells get new ids, counted from 0 over all planes."""
    ids = np.concatenate([plane.result.cell_ids for plane in planes])
    if len(np.unique(ids)) == len(ids):
        return tuple(planes)
    ends = np.cumsum([len(plane.result.cells) for plane in planes])
    return tuple(
        replace(plane, result=replace(plane.result, cell_ids=np.arange(end - len(plane.result.cells), end)))
        for plane, end in zip(planes, ends, strict=True)
    )
