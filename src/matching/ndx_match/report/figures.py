"""All figures of a match, written to a folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from ..model import MatchResult, Progress, Session, check_fit
from ..storage.outputs import make_folder
from ..storage.publish import publish
from .cell_map import cell_map_figure
from .fraction_matrix import fraction_matrix_figure
from .group_sizes import group_sizes_figure
from .labels import registration_file_names
from .overlay_matrix import overlay_matrix_figure
from .registration import registration_figure

#: With more sessions than this, only some pairs get a figure of their own, unless `all_pairs` is set.
SESSIONS_WITH_ALL_PAIRS = 6
#: Keeps text as text in SVG and PDF, and makes the same figure give the same file.
VECTOR_TEXT: dict[Any, Any] = {"svg.fonttype": "none", "svg.hashsalt": "ndx-match", "pdf.fonttype": 42}


def write_figures(
    sessions: Sequence[Session],
    result: MatchResult,
    folder: str | os.PathLike[str],
    progress: Progress | None = None,
    all_pairs: bool = False,
    kind: str = "png",
) -> list[Path]:
    """Write the figures of a match; files of the same names are replaced.

    - `registration_<fixed>_<moving>`: how well two sessions are aligned, for :func:`pairs_to_draw`.
    - `registration_overlay_matrix`: the overlays of all pairs.
    - `matched_fraction_matrix`: fraction and number of matches of all pairs.
    - `cells`: the ROIs of every session, each cell in its colour.
    - `group_sizes`: cells by number of sessions; distance and IoU of accepted and rejected pairs.

    Parameters
    ----------
    sessions : sequence of Session
        In the order of the result's columns.
    result : MatchResult
    folder : path
        The folder is made if it does not exist; its parent must exist.
    progress : callable, optional
        Called as `progress("figures", done, total)`.
    all_pairs : bool
        Draw the registration of every pair, however many sessions there are.
    kind : str
        Format and suffix of the files: `png`, `svg` or `pdf`.

    Returns
    -------
    list of Path
        The files, in the order of the list above.

    Raises
    ------
    OutputError
        If the folder or a file in it cannot be written. No file is left half written.

    Examples
    --------
    >>> import ndx_match
    >>> plane = ndx_match.read_match_file("matches.nwb")
    >>> paths = ndx_match.write_figures(plane.sessions, plane.result, "pictures")
    >>> len(paths)
    7
    """
    check_fit(sessions, result, "write_figures")
    sessions = [session.only_taking_part() for session in sessions]
    folder = Path(folder)
    pairs = pairs_to_draw(len(sessions), all_pairs)
    names = registration_file_names([session.name for session in sessions], pairs, kind)
    figures: dict[str, Callable[[], Figure]] = {
        name: partial(registration_figure, sessions, result, fixed, moving)
        for name, (fixed, moving) in zip(names, pairs, strict=True)
    }
    figures[f"registration_overlay_matrix.{kind}"] = partial(overlay_matrix_figure, sessions, result)
    figures[f"matched_fraction_matrix.{kind}"] = partial(fraction_matrix_figure, sessions, result)
    figures[f"cells.{kind}"] = partial(cell_map_figure, sessions, result)
    figures[f"group_sizes.{kind}"] = partial(group_sizes_figure, sessions, result)

    make_folder(folder)
    paths = []
    # A user's own matplotlib settings (TeX, dark background) must not change or break the files.
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(VECTOR_TEXT)
        for done, (name, draw) in enumerate(figures.items()):
            if progress is not None:
                progress("figures", done, len(figures))
            paths.append(_save(draw(), folder / name, kind))
    if progress is not None:
        progress("figures", len(figures), len(figures))
    return paths


def pairs_to_draw(n_sessions: int, all_pairs: bool = False) -> list[tuple[int, int]]:
    """The session pairs (fixed, moving) that get a registration figure of their own.

    For up to six sessions, or if `all_pairs` is set, these are all pairs. Otherwise they are the pairs with the first
    session and the pairs of successive sessions.
    """
    pairs = combinations(range(n_sessions), 2)
    everything = all_pairs or n_sessions <= SESSIONS_WITH_ALL_PAIRS
    return [(i, j) for i, j in pairs if everything or i == 0 or j == i + 1]


def _save(figure: Figure, path: Path, kind: str) -> Path:
    undated = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(kind)
    with publish(path, overwrite=True) as temporary:
        figure.savefig(temporary, format=kind, metadata=undated)
    return path
