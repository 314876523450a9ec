"""Write a file for each session with the outlines of absent cells, and their fluorescence if there is a movie."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pynwb import NWBFile

from ..annotate.identity import sessions_in
from ..errors import InputError
from ..matchfile.read import read_planes_of_match_file
from ..matchfile.sources import open_sources
from ..model import MatchedPlane, Progress, with_progress
from ..sources.inputs import files_of_matched_sessions
from ..sources.movies import Movie, find_movie
from ..sources.read import SourceFile, check_paths
from ..storage.opening import format_of, open_nwb
from ..storage.outputs import check_folder, check_name, check_output, folder_for_outputs, naming_written
from ..storage.publish import publish
from ..storage.remote import is_url, public_name, shared_access
from ..storage.unchanged import open_steady
from .content import PlaneContent, build_file
from .outlines import Outlines, propagated_outlines


@dataclass(frozen=True)
class PropagatedFile:
    """A file that was written."""

    path: Path
    session: str  #: its name in the match file
    n_outlines: int  #: number of outlines of absent cells
    n_of_several: int  #: how many of these were made of masks of two or more sessions
    n_rois: int  #: number of detected ROIs of the session
    movies: tuple[str, ...]  #: paths of the movies from which fluorescence was read
    n_frames: int  #: number of frames of the first of these movies
    warnings: tuple[str, ...]  #: what the user should know, one sentence each


def propagate_files(
    matches: str | os.PathLike[str],
    inputs: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    folder: str | os.PathLike[str],
    *,
    min_sources: int = 1,
    traces: bool = True,
    movie: str | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
    plane: str | None = None,
) -> tuple[PropagatedFile, ...]:
    """Write a file for each session with outlines where its absent cells should be, and their fluorescence.

    The file of the session NAME is `NAME_propagated.nwb`. It holds a copy of the session's ROI table and a table of the
    outlines. If the session's file holds the movie, it also holds the fluorescence of both and of the neuropil around
    them.

    Parameters
    ----------
    matches : path
        The match file.
    inputs : path or sequence of path
        Files from which its sessions were read, or some of them. If none is given, the outlines of all sessions are
        written, without fluorescence.
    folder : path
        Folder for the files; made if it does not exist.
    min_sources : int
        In how many other sessions a cell must have an ROI.
    traces : bool
        Read the movies.
    movie : str, optional
        Path of the movie in the files, or the path's end, if they hold several.
    overwrite : bool
        Replace existing files.
    progress : callable, optional
    plane : str, optional
        Only this imaging plane.

    Raises
    ------
    InputError
        If a file cannot be read, is no session of the match file, or holds several movies and `movie` names none.
    OutputError
        If a file exists already or cannot be written.
    """
    inputs = files_of_matched_sessions(inputs)
    check_paths(inputs, fewest=0)
    planes = read_planes_of_match_file(matches, plane=plane)
    files = _files_of_sessions(inputs, planes, matches)
    targets = {name: Path(folder, f"{name}_propagated.nwb") for name in files}
    for path in targets.values():
        check_folder(path.parent)
        check_name(path)
        if path.parent.is_dir():
            check_output(path, overwrite, [each for each in (matches, *inputs) if not is_url(each)])

    def outlines_of(each: MatchedPlane, session: int) -> Outlines:
        return propagated_outlines(each.sessions, each.result, session, min_sources)

    propagated_files: list[PropagatedFile] = []
    paths: list[Path] = []
    sessions = [session for each in planes for session in each.sessions]
    with open_sources(sessions) as opened, naming_written(paths), folder_for_outputs(Path(folder)):
        for name in with_progress(progress, "propagating", list(files)):
            with _opened(files[name], planes, matches, movie if traces else "", name) as source:
                propagated_files.append(
                    _write(name, targets[name], planes, opened, source, outlines_of, overwrite, progress)
                )
            paths.append(targets[name])
    return tuple(propagated_files)


@dataclass(frozen=True)
class _SourceOfSession:
    """The open file of a session, and the movies of the imaging planes in it by their position in the match file."""

    nwbfile: NWBFile | None
    movies: Mapping[int, Movie]
    warnings: tuple[str, ...] = ()


def _files_of_sessions(
    inputs: Sequence[str | os.PathLike[str]], planes: Sequence[MatchedPlane], matches: str | os.PathLike[str]
) -> dict[str, str | os.PathLike[str] | None]:
    """The file of each session, by the session's name; without inputs, None for every session."""
    if not inputs:
        return {session.name: None for plane in planes for session in plane.sessions}
    files: dict[str, str | os.PathLike[str] | None] = {}
    for path in inputs:
        with shared_access(), open_nwb(path) as nwbfile:
            where = public_name(path)
            tables = sessions_in(nwbfile, where, [plane.sessions for plane in planes], public_name(matches))
        for name in {planes[plane].sessions[k].name for plane, k, _, _ in tables}:
            if name in files:
                raise InputError(f"{where}: the session {name} was given already; give each session once.")
            files[name] = path
    return files


@contextmanager
def _opened(
    path: str | os.PathLike[str] | None,
    planes: Sequence[MatchedPlane],
    matches: str | os.PathLike[str],
    movie: str | None,
    name: str,
) -> Iterator[_SourceOfSession]:
    """Open a session's file and find its movies, unless `movie` is empty; the file must not change meanwhile."""
    if path is None:
        yield _SourceOfSession(None, {})
        return
    where = public_name(path)
    with shared_access(), open_steady(path) as (nwbfile, _):
        movies, warnings = {}, []
        for plane, k, table, by_object_id in sessions_in(nwbfile, where, [each.sessions for each in planes], matches):
            session = planes[plane].sessions[k]
            if session.name != name:
                continue
            if not by_object_id:
                warnings.append(
                    f"{where}: recognised as session {name} by its identifier and ROI ids, because its object ids are "
                    "not those that were recorded."
                )
            session_movie = find_movie(nwbfile, table, session, where, movie) if movie != "" else None
            if session_movie is not None:
                movies[plane] = session_movie
        yield _SourceOfSession(nwbfile, movies, tuple(dict.fromkeys(warnings)))


def _write(
    name: str,
    path: Path,
    planes: Sequence[MatchedPlane],
    opened: Mapping[str, SourceFile],
    source: _SourceOfSession,
    outlines_of: Callable[[MatchedPlane, int], Outlines],
    overwrite: bool,
    progress: Progress | None,
) -> PropagatedFile:
    contents = []
    for number, plane in enumerate(planes):
        for k, session in enumerate(plane.sessions):
            if session.name == name:
                contents.append(PlaneContent(plane, k, outlines_of(plane, k), source.movies.get(number)))
    file_format = format_of(path)
    nwbfile, fill = build_file(contents, opened, source.nwbfile, file_format, progress)
    with publish(path, overwrite, file_format.is_folder) as temporary:
        file_format.write(temporary, nwbfile, fill)
    movies = [each.movie for each in contents if each.movie is not None]
    return PropagatedFile(
        path,
        name,
        n_outlines=sum(len(each.outlines) for each in contents),
        n_of_several=sum(int((each.outlines.n_sources > 1).sum()) for each in contents),
        n_rois=sum(each.session.n_rois for each in contents),
        movies=tuple(movie.path for movie in movies),
        n_frames=movies[0].n_frames if movies else 0,
        warnings=source.warnings,
    )
