"""Find the movie of an imaging plane in an NWB file, and how its frames are oriented relative to the masks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pynwb import NWBFile
from pynwb.image import ImageSeries
from pynwb.ophys import CorrectedImageStack

from ..arrays import Array, Indices
from ..errors import InputError
from ..model import Session
from ..storage.datasets import is_in_file
from ..storage.opening import objects_of
from .candidates import TableCandidate, path_of

FRAMES_LOOKED_AT = 32  #: number of frames, spread over the movie, from which its orientation is decided
#: Least correlation with the session's image of a series that names no imaging plane, which may be of a camera.
LEAST_LIKENESS = 0.5


@dataclass(frozen=True)
class Movie:
    """A movie whose frames have the size of a session's image."""

    path: str  #: in the file
    series: ImageSeries
    transposed: bool  #: whether its frames are stored [col, row]
    mirrored: bool  #: whether the columns of its frames, as [row, col], are in reverse order

    @property
    def data(self) -> Any:
        """The frames as stored, of shape (n_frames, n, m)."""
        return self.series.data

    @property
    def n_frames(self) -> int:
        """Number of frames."""
        return int(self.data.shape[0])

    def stored_places(self, shape: tuple[int, int]) -> Indices:
        """The position in a stored frame of each pixel of the session's image, both as linear indices."""
        return stored_places(shape, self.transposed, self.mirrored)


def stored_places(shape: tuple[int, int], transposed: bool, mirrored: bool) -> Indices:
    """For each pixel of an image of `shape` (n_rows, n_cols), its position as stored, both as linear indices."""
    row, col = np.divmod(np.arange(shape[0] * shape[1]), shape[1])
    col = shape[1] - 1 - col if mirrored else col
    return np.asarray(col * shape[0] + row if transposed else row * shape[1] + col, np.intp)


def find_movie(
    nwbfile: NWBFile, table: TableCandidate, session: Session, where: str, movie_path: str | None = None
) -> Movie | None:
    """The movie in which the ROIs of a table were found; None if it is not in the file.

    If there are several movies, the one that was corrected for motion. A series that names no imaging plane is a movie
    only if there is no other, and the mean of its frames resembles the session's image.

    Parameters
    ----------
    nwbfile : NWBFile
        Open.
    table : TableCandidate
        The ROI table in this file.
    session : Session
        Read from that table.
    where : str
        The file, for messages.
    movie_path : str, optional
        Path of the movie in the file, or the path's end.

    Raises
    ------
    InputError
        There are several movies to choose from, the wanted movie is not in the file, or the movie has more or fewer
        timestamps than frames.
    """
    movies = sorted(
        ((path_of(item), item) for item in objects_of(nwbfile) if _shows(item, table, session.shape)),
        key=lambda movie: movie[0],
    )
    if movie_path is not None:
        chosen = [movie for movie in movies if f"/{movie[0]}".endswith(f"/{movie_path.strip('/')}")]
        if not chosen:
            raise InputError(
                f"{where}: there is no movie {movie_path} of the imaging plane {table.plane} with frames of the "
                f"image's size; there are: {_listed(movies)}."
            )
        movies = chosen
    else:
        movies = [movie for movie in movies if _is_of_plane(movie[1])] or [
            movie for movie in movies if _resembles_image(movie[1].data, session)
        ]
    movies = [movie for movie in movies if isinstance(movie[1].parent, CorrectedImageStack)] or movies
    if len(movies) > 1:
        raise InputError(
            f"{where}: there are several movies of the imaging plane {table.plane}; choose one with --movie: "
            f"{_listed(movies)}."
        )
    for path, series in movies:
        _check_times(series, f"{where}, {path}")
        return Movie(path, series, _is_transposed(series.data, session), session.orientation.mirrored)
    return None


def _listed(movies: Sequence[tuple[str, ImageSeries]]) -> str:
    return ", ".join(path for path, _ in movies) or "none"


def _shows(item: Any, table: TableCandidate, shape: tuple[int, int]) -> bool:
    """Whether `item` is a movie of the table's plane that is stored in the file, with frames of the image's size."""
    if not isinstance(item, ImageSeries) or not is_in_file(item.data) or item.data.dtype.kind not in "biuf":
        return False
    frame = tuple(item.data.shape[1:])
    fits = len(item.data) > 0 and frame in (shape, shape[::-1])
    return fits and _plane_of(item) in (None, table.imaging_plane)


def _plane_of(series: ImageSeries) -> Any:
    """The imaging plane of a series, or of the series from which it was corrected; None if neither names one."""
    original = getattr(series.parent, "original", None) if isinstance(series.parent, CorrectedImageStack) else None
    return getattr(series, "imaging_plane", None) or getattr(original, "imaging_plane", None)


def _is_of_plane(series: ImageSeries) -> bool:
    return _plane_of(series) is not None or isinstance(series.parent, CorrectedImageStack)


def _resembles_image(data: Any, session: Session) -> bool:
    likeness = [_likeness(mean, _stored_image(session)) for mean in _means(data, session.shape)]
    return session.has_image and max(likeness) >= LEAST_LIKENESS


def _check_times(series: ImageSeries, where: str) -> None:
    """Refuse a movie that has more or fewer timestamps than frames."""
    if series.timestamps is not None and len(series.timestamps) != len(series.data):
        raise InputError(
            f"{where}: the movie has {len(series.data)} frames, but {len(series.timestamps)} timestamps; repair the "
            "file, or write the outlines only (`ndx-match propagate --no-traces`)."
        )


def _is_transposed(data: Any, session: Session) -> bool:
    """Whether the frames of a movie are stored [col, row].

    This is decided by the size of the frames or, if they are square, by their likeness to the image; without an image,
    the frames are taken to be stored like the masks.
    """
    if session.shape[0] != session.shape[1]:
        return tuple(data.shape[1:]) != session.shape
    if not session.has_image:
        return session.orientation.masks_transposed
    straight, turned = (_likeness(mean, _stored_image(session)) for mean in _means(data, session.shape))
    return session.orientation.masks_transposed if straight == turned else turned > straight


def _means(data: Any, shape: tuple[int, int]) -> list[Array]:
    """The mean of some frames as stored and transposed, as far as these have the shape (n_rows, n_cols) of the image.

    Pixels without a finite value are left out; 0 where a pixel has none.
    """
    frames = np.unique(np.linspace(0, len(data) - 1, FRAMES_LOOKED_AT).astype(int))
    total, n = np.zeros(data.shape[1:]), np.zeros(data.shape[1:])
    for frame in frames:
        values = np.asarray(data[int(frame)], float)
        finite = np.isfinite(values)
        total[finite] += values[finite]
        n += finite
    mean = np.divide(total, n, out=np.zeros_like(total), where=n > 0)
    return [each for each in (mean, mean.T) if each.shape == shape]


def _stored_image(session: Session) -> Array:
    return session.image[:, ::-1] if session.orientation.mirrored else session.image


def _likeness(one: Array, other: Array) -> float:
    """The correlation of two images; 0 if one has no contrast."""
    one, other = (np.nan_to_num(each - np.nanmean(each)).ravel() for each in (one, other))
    size = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(one @ other) / size if size else 0.0
