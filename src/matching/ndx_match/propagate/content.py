"""Build the file of a session: its ROI table, the outlines of absent cells, and the fluorescence of both."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from hdmf.common import VectorData
from hdmf.data_utils import DataChunkIterator
from pynwb import NWBFile
from pynwb.base import Images
from pynwb.ophys import Fluorescence, ImageSegmentation, PlaneSegmentation, RoiResponseSeries
from scipy.sparse import csr_array, vstack

from ..arrays import Array, Floats32
from ..matchfile.copying import ImagingPlaneCopies, SessionCopy, copy_session, fill_pixels
from ..matchfile.metadata import nwbfile_like
from ..model import MatchedPlane, Presence, Progress, Session, label_of
from ..sources.inputs import PROPAGATED_OUTLINES
from ..sources.movies import Movie, stored_places
from ..sources.read import SourceFile
from ..storage.formats import StorageFormat
from .fluorescence import cell_pixels, mean_traces, neuropil_rings
from .outlines import Outlines

SEGMENTATION = "roi_tables"
NEUROPIL_SHARE = 0.7  #: share of the neuropil's fluorescence that is subtracted from an ROI's, as in Suite2p


@dataclass(frozen=True)
class PlaneContent:
    """The part of a session's file that belongs to one imaging plane."""

    plane: MatchedPlane
    position: int  #: position of the session
    outlines: Outlines
    movie: Movie | None

    @property
    def session(self) -> Session:
        """The session."""
        return self.plane.sessions[self.position]


def build_file(
    contents: Sequence[PlaneContent],
    opened: Mapping[str, SourceFile],
    source: NWBFile | None,
    file_format: StorageFormat,
    progress: Progress | None = None,
) -> tuple[NWBFile, Callable[[Any], None]]:
    """Build the file of a session, and the function that fills in its pixels after it was written.

    Parameters
    ----------
    contents : sequence of PlaneContent
        One for each imaging plane of the session.
    opened : mapping of str to SourceFile
        The open match file, by its location.
    source : NWBFile or None
        The open file of the session; if it is None, the metadata of the animal come from the match file.
    file_format : StorageFormat
        The format of the file that is written.
    progress : callable, optional
    """
    first = contents[0].session
    of_match_file = opened[first.data_source.uri].nwbfile
    nwbfile = nwbfile_like(
        [source or of_match_file],
        f"Outlines where cells that were not detected in the session {first.name} should be, made of their masks in "
        f"other sessions with ndx-cell-matching; cells matched by {contents[0].plane.result.method}, in the NWB file "
        f"{of_match_file.identifier}.",
        first.source.session_id or first.name,
        datetime.fromisoformat(first.session_start) if first.session_start else of_match_file.session_start_time,
    )
    module = nwbfile.create_processing_module("ophys", PROPAGATED_OUTLINES)
    segmentation, images = ImageSegmentation(name=SEGMENTATION), Images(name="images", description="Projections.")
    module.add(segmentation)
    module.add(images)
    fluorescence = Fluorescence(name="Fluorescence")
    planes, copies = ImagingPlaneCopies(nwbfile), []
    for content in contents:
        suffix = f"_{content.plane.name}" if len(contents) > 1 else ""
        copy = copy_session(
            content.session, opened[content.session.data_source.uri], planes, f"{first.name}{suffix}", file_format
        )
        copies.append(copy)
        segmentation.add_plane_segmentation(copy.table)
        images.add_image(copy.image)
        tables = {f"detected{suffix}": copy.table}
        if len(content.outlines):
            propagated = _table(content, copy, f"propagated{suffix}", of_match_file.identifier, file_format)
            segmentation.add_plane_segmentation(propagated)
            tables[propagated.name] = propagated
        if content.movie is not None:
            if not fluorescence.roi_response_series:
                module.add(fluorescence)
            for series in _series(content, content.movie, tables, file_format, progress):
                fluorescence.add_roi_response_series(series)
    return nwbfile, lambda root: _fill(root, copies)


def _fill(root: Any, copies: Sequence[SessionCopy]) -> None:
    for copy in copies:
        fill_pixels(root[f"processing/ophys/{SEGMENTATION}"], copy)


def _table(
    content: PlaneContent, copy: SessionCopy, name: str, match_file: str, file_format: StorageFormat
) -> PlaneSegmentation:
    """The table of the outlines; their masks are stored in the same orientation as those of the session's ROIs."""
    outlines, result, session = content.outlines, content.plane.result, content.session
    rows = outlines.cell_rows
    presence = [label_of(Presence, code) for code in result.presence[rows, content.position]]
    columns: list[tuple[str, str, Any]] = [
        ("cell_id", f"The cell: its id in the table of cells of the NWB file {match_file}.", result.cell_ids[rows]),
        ("origin", "`propagated`: not detected in this session.", ["propagated"] * len(rows)),
        ("n_sources", "In how many other sessions the cell has the ROIs of which the outline was made.",
         outlines.n_sources.astype(np.int32)),
        ("presence", "What the match file says of the cell in this session.", presence),
        ("roi_overlap", "Intersection over union with the detected ROI of this session that the outline overlaps most; "
         "a large one may be the cell itself.", outlines.overlap),
    ]  # fmt: skip
    if result.confidence is not None:
        about = "Probability that the cell's ROIs are one cell; NaN for a cell of one session."
        columns.append(("confidence", about, result.confidence[rows]))
    masks = DataChunkIterator(
        data=_stored_masks(outlines.masks, session),
        buffer_size=8,
        maxshape=(len(rows), *_stored_shape(session)),
        dtype=np.dtype(bool),
    )
    columns.append(("image_mask", "The outline of each cell, stored as the session's masks.", masks))
    return PlaneSegmentation(
        name=name,
        description="Propagated, not detected: outlines where cells that were not detected in this session should be. "
        "Their masks in other sessions were carried over by the registrations and averaged, and the mean cut at half "
        "of its maximum.",
        imaging_plane=copy.table.imaging_plane,
        id=np.arange(len(rows)),
        columns=[
            VectorData(name=column, description=text, data=file_format.compressed(data) if data is masks else data)
            for column, text, data in columns
        ],
    )


def _stored_shape(session: Session) -> tuple[int, int]:
    return session.shape[::-1] if session.orientation.masks_transposed else session.shape


def _stored_masks(masks: csr_array, session: Session) -> Iterator[Array]:
    places = stored_places(session.shape, session.orientation.masks_transposed, session.orientation.mirrored)
    for row in range(masks.shape[0]):
        stored = np.zeros(len(places), bool)
        stored[places[masks.indices[masks.indptr[row] : masks.indptr[row + 1]]]] = True
        yield stored.reshape(_stored_shape(session))


def _series(
    content: PlaneContent,
    movie: Movie,
    tables: Mapping[str, PlaneSegmentation],
    file_format: StorageFormat,
    progress: Progress | None,
) -> Iterator[RoiResponseSeries]:
    """For each table, the fluorescence of the ROIs, of the neuropil around them, and of the ROIs less neuropil."""
    session = content.session
    parts = [session.footprints, content.outlines.masks][: len(tables)]
    of_cells = cell_pixels(session.only_taking_part().footprints, content.outlines.masks).reshape(session.shape)
    if session.has_data is not None:
        of_cells |= ~session.has_data
    masks = csr_array(vstack(parts))
    rings = neuropil_rings(masks, of_cells)
    both = csr_array(vstack([masks, rings]))
    traces = mean_traces(movie.data, both, movie.stored_places(session.shape), progress)
    n_rois = masks.shape[0]
    start = 0
    for (name, table), part in zip(tables.items(), parts, strict=True):
        rois = slice(start, start + part.shape[0])
        ring = slice(n_rois + rois.start, n_rois + rois.stop)
        start = rois.stop
        for series, values, about in (
            (name, traces[:, rois], "Mean fluorescence of each ROI, weighted by its mask"),
            (f"{name}_neuropil", traces[:, ring], "Mean fluorescence of the neuropil around each ROI, without cells"),
            (
                f"{name}_corrected",
                traces[:, rois] - NEUROPIL_SHARE * traces[:, ring],
                f"Mean fluorescence of each ROI less {NEUROPIL_SHARE} of that of the neuropil around it",
            ),
        ):
            yield _responses(series, values, f"{about}; of the movie {movie.path}, in its stored values.",
                             table, movie, file_format)  # fmt: skip


def _responses(
    name: str, values: Floats32, about: str, table: PlaneSegmentation, movie: Movie, file_format: StorageFormat
) -> RoiResponseSeries:
    series = movie.series
    times: dict[str, Any] = {"rate": series.rate, "starting_time": series.starting_time}
    if series.timestamps is not None:
        times = {"timestamps": np.asarray(series.timestamps[:], float)}
    return RoiResponseSeries(
        name=name,
        description=about,
        data=file_format.compressed(np.ascontiguousarray(values)),
        unit="a.u.",
        rois=table.create_roi_table_region(description="All ROIs.", region=list(range(len(table)))),
        **times,
    )
