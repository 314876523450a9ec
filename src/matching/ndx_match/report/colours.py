"""Choose one colour per cell, the same in all sessions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.spatial import cKDTree
from skimage.color import lab2rgb, rgb2lab

from ..arrays import Floats, Ints32
from ..footprints import centroids
from ..model import Session, cell_of_roi

GOLDEN_ANGLE = np.pi * (3 - np.sqrt(5))
#: CIE L* of successive colours; all stand out from a dimmed image and from white.
LIGHTNESS = (62.0, 76.0, 50.0, 84.0)
CHROMA = 70.0
#: How many ROIs around an ROI should differ from it in colour, and how many colours there are to choose from.
N_NEIGHBOURS = 6
N_CHOICES = 32


def cell_colours(sessions: Sequence[Session], cells: Ints32) -> Floats:
    """The colour of every cell: white if it was seen in one session only, or else a colour of its own.

    The colours come in a fixed order in CIELAB, a perceptually even space. Successive colours differ by the golden
    angle in hue, and also in lightness, so that they can be told apart without colour vision. Each cell in turn takes,
    from the next few colours, the one that differs most from the colours of its neighbours in any session.

    Parameters
    ----------
    sessions : sequence of Session
    cells : ndarray of int, shape (n_cells, n_sessions)
        As in :class:`~ndx_match.model.MatchResult`.

    Returns
    -------
    ndarray of float64, shape (n_cells, 3), RGB, 0..1
    """
    matched = np.flatnonzero((cells >= 0).sum(axis=1) > 1)
    neighbours = _neighbours(sessions, cells)
    colours = np.ones((len(cells), 3))
    waiting = list(_palette(len(matched) + N_CHOICES))
    chosen: dict[int, Floats] = {}
    for cell in matched.tolist():
        neighbour_colours = [chosen[other] for other in neighbours[cell] if other in chosen]
        best = 0
        if neighbour_colours:
            choices = np.array(waiting[:N_CHOICES])
            differences = np.linalg.norm(choices[:, None] - np.array(neighbour_colours)[None], axis=2)
            best = int(differences.min(axis=1).argmax())
        chosen[cell] = waiting.pop(best)
        colours[cell] = np.clip(lab2rgb(chosen[cell]), 0, 1)
    return colours


def _palette(n_colours: int) -> Floats:
    """Different colours that a screen can show, as CIELAB, shape (n_colours, 3)."""
    order = np.arange(n_colours)
    hue = order * GOLDEN_ANGLE
    lightness = np.take(LIGHTNESS, order % len(LIGHTNESS))
    lab = np.stack([lightness, CHROMA * np.cos(hue), CHROMA * np.sin(hue)], axis=1)
    return rgb2lab(np.clip(lab2rgb(lab), 0, 1))


def _neighbours(sessions: Sequence[Session], cells: Ints32) -> list[set[int]]:
    """For each cell, its neighbours: cells with ROIs nearest to its own in any session, or the other way round."""
    neighbours: list[set[int]] = [set() for _ in cells]
    for session, rows in zip(sessions, cells.T, strict=True):
        places = centroids(session.footprints, session.shape[1])
        known = np.flatnonzero(np.isfinite(places[:, 0]))
        if len(known) < 2:
            continue
        cell = cell_of_roi(rows, session.n_rois)[known]
        _, nearest = cKDTree(places[known]).query(places[known], min(N_NEIGHBOURS + 1, len(known)))
        for one, others in zip(cell.tolist(), cell[nearest].tolist(), strict=True):
            for other in others:
                if one >= 0 and other >= 0 and other != one:
                    neighbours[one].add(other)
                    neighbours[other].add(one)
    return neighbours
