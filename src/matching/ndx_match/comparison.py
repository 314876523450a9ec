"""Compare two results of matching the same sessions: cells that agree, split and merge."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from .arrays import Bools, Indices, Ints32, Ints64
from .errors import InputError
from .identity import Place, find_common_sessions, same_session
from .model import MatchedPlane, Session, cell_of_roi, shared_cells
from .simulate.scores import LinkScore, score_links


class Kind(IntEnum):
    """How cells of two results that share ROIs correspond."""

    SAME = 0  #: one cell of both
    SPLIT = 1  #: one cell of the first result, several of the second
    MERGED = 2  #: several cells of the first result, one of the second
    REGROUPED = 3  #: several cells of both

    @property
    def label(self) -> str:
        """The kind in words."""
        return ("the same", "split", "merged", "regrouped")[self]


@dataclass(frozen=True)
class Comparison:
    """The comparison of two results of one imaging plane, over the sessions and ROIs that both have.

    A piece is the set of ROIs, at least one, that a cell of the first result and a cell of the second share.
    """

    first: MatchedPlane
    second: MatchedPlane
    #: For each session that both results have, its position in the first and in the second, in the order of the first.
    places: tuple[tuple[int, int], ...]
    #: For each piece the `roi_row` of its ROI in each of these sessions, as in the first result; -1 if it has none.
    #: Shape (n_pieces, n_sessions).
    pieces: Ints32
    first_cell: Indices  #: the cell of each piece in the first result, shape (n_pieces,)
    second_cell: Indices  #: the cell of each piece in the second result, shape (n_pieces,)
    #: How many ROIs of these sessions are in a cell of the first result only, and of the second only.
    n_only: tuple[int, int]

    @property
    def sessions(self) -> list[Session]:
        """The sessions that both results have, as in the first."""
        return [self.first.sessions[first] for first, _ in self.places]

    @cached_property
    def kinds(self) -> Indices:
        """The :class:`Kind` of each piece, shape (n_pieces,)."""
        _, x = np.unique(self.first_cell, return_inverse=True)
        _, y = np.unique(self.second_cell, return_inverse=True)
        n_x, n_y = x.max(initial=-1) + 1, y.max(initial=-1) + 1
        graph = coo_array((np.ones(len(x), bool), (x, n_x + y)), shape=(n_x + n_y, n_x + n_y))
        _, group = connected_components(graph, directed=False)
        several = [
            (np.bincount(group[nodes], minlength=n_x + n_y) > 1)[group[x]]
            for nodes in (np.arange(n_x), n_x + np.arange(n_y))
        ]
        return several[0] * int(Kind.MERGED) + several[1] * int(Kind.SPLIT)

    @property
    def sizes(self) -> Ints64:
        """The number of ROIs of each piece, shape (n_pieces,)."""
        return (self.pieces >= 0).sum(axis=1)

    def sizes_of_cells(self, second: bool = False) -> Ints64:
        """The number of ROIs of each piece's cell in one of the results, shape (n_pieces,)."""
        cell = self.second_cell if second else self.first_cell
        return np.bincount(cell, weights=self.sizes)[cell].astype(np.int64)

    @property
    def of_several_sessions(self) -> Bools:
        """Which pieces belong to a cell of several sessions in either result, shape (n_pieces,)."""
        return np.maximum(self.sizes_of_cells(), self.sizes_of_cells(second=True)) > 1

    def n_cells(self, second: bool = False) -> tuple[list[int], list[int]]:
        """The number of cells of each kind in one of the results: among those of several sessions, and of one."""
        cell, size = self.second_cell if second else self.first_cell, self.sizes_of_cells(second)
        several, one = (
            [len(np.unique(cell[(self.kinds == kind) & chosen])) for kind in Kind] for chosen in (size > 1, size == 1)
        )
        return several, one

    def cells_of(self, second: bool = False) -> Ints32:
        """The cells of one of the results, with only the ROIs that both results have, laid out as `pieces`."""
        _, cell = np.unique(self.second_cell if second else self.first_cell, return_inverse=True)
        cells = np.full((cell.max(initial=-1) + 1, self.pieces.shape[1]), -1, np.int32)
        np.maximum.at(cells, cell, self.pieces)
        return cells

    @property
    def links(self) -> tuple[Ints64, Ints64, Ints64]:
        """The number of links of every two sessions in the first result, in the second and in both, each shape (n, n).

        A link is a pair of ROIs of two sessions in one cell.
        """
        return shared_cells(self.cells_of()), shared_cells(self.cells_of(second=True)), shared_cells(self.pieces)

    def scores(self, identity: Sequence[Ints64]) -> tuple[LinkScore, LinkScore, LinkScore]:
        """Score the links of the first result, of the second and of both against the truth.

        `identity` is the true cell of each ROI of :attr:`sessions`, as in :func:`~.simulate.scores.score_links`.
        """
        first, second = self.cells_of(), self.cells_of(second=True)
        return score_links(first, identity), score_links(second, identity), score_links(self.pieces, identity)


def compare(
    first: Sequence[MatchedPlane], second: Sequence[MatchedPlane], names: tuple[str, str] = ("the first", "the second")
) -> tuple[tuple[Comparison, ...], tuple[str, ...]]:
    """Compare two results over the sessions and ROIs that both have. Imaging planes are paired by their sessions.

    Sessions and ROIs are recognised by :mod:`ndx_match.identity`, whatever their names and ids are.

    Parameters
    ----------
    first, second : sequence of MatchedPlane
        As read by :func:`ndx_match.matchfile.read_planes_of_match_file`, with masks.
    names : tuple of str
        The names of the two results in messages, usually their files.

    Returns
    -------
    comparisons : tuple of Comparison
        One for each imaging plane that both have.
    warnings : tuple of str
        What only one of the two has, one sentence each.

    Raises
    ------
    InputError
        The two results have no session in common.
    """
    earlier = [session for plane in first for session in plane.sessions]
    if not any(same_session(session, other) for plane in second for session in plane.sessions for other in earlier):
        raise InputError(
            f"{names[1]}: none of its sessions is in {names[0]}; give two match files of the same sessions."
        )
    common = find_common_sessions([plane.sessions for plane in second], first, names[0])
    compared = []
    for p, x in enumerate(first):
        for q, y in enumerate(second):
            places = sorted((old[1], new[1]) for new, old in common.places.items() if (new[0], old[0]) == (q, p))
            if places:
                compared.append(_compare(x, y, tuple(places), [common.rows[q, place] for _, place in places]))
    alone = _names_without(first, set(common.places.values())), _names_without(second, set(common.places))
    warnings = [f"Only in {name}: {', '.join(missing)}." for name, missing in zip(names, alone, strict=True) if missing]
    return tuple(compared), tuple(warnings)


def _names_without(planes: Sequence[MatchedPlane], places: Collection[Place]) -> list[str]:
    """The names of the sessions whose places are not among the given ones, each once."""
    missing = [s.name for p, plane in enumerate(planes) for k, s in enumerate(plane.sessions) if (p, k) not in places]
    return list(dict.fromkeys(missing))


def _compare(
    first: MatchedPlane, second: MatchedPlane, places: tuple[tuple[int, int], ...], rows: Sequence[Indices]
) -> Comparison:
    """Compare one plane. For each shared session, `rows` holds the first result's `roi_row` of each of its ROIs."""
    parts = []
    n_only = np.zeros(2, int)
    for k, ((x, y), row_in_first) in enumerate(zip(places, rows, strict=True)):
        first_cell = cell_of_roi(first.result.cells[:, x], first.sessions[x].n_rois)
        second_cell = np.full(len(first_cell), -1, np.intp)
        known = row_in_first >= 0
        of_second = cell_of_roi(second.result.cells[:, y], len(row_in_first))
        second_cell[row_in_first[known]] = of_second[known]
        both = np.flatnonzero((first_cell >= 0) & (second_cell >= 0))
        parts.append(np.stack([first_cell[both], second_cell[both], np.full(len(both), k), both], axis=1))
        n_only += (first_cell >= 0).sum() - len(both), (of_second >= 0).sum() - len(both)
    rois = np.concatenate(parts)
    cells, piece = np.unique(rois[:, :2], axis=0, return_inverse=True)
    pieces = np.full((len(cells), len(places)), -1, np.int32)
    pieces[piece.ravel(), rois[:, 2]] = rois[:, 3]
    return Comparison(first, second, places, pieces, cells[:, 0], cells[:, 1], (int(n_only[0]), int(n_only[1])))


def table_of_pieces(comparisons: Sequence[Comparison]) -> list[list[object]]:
    """One row per piece: its kind, its cells in both results, and the ids of its ROIs. Those that agree come last.

    The first row holds the titles.
    """
    sessions = list(dict.fromkeys(session.name for each in comparisons for session in each.sessions))
    rows: list[list[object]] = [["plane", "kind", "cell_id_x", "cell_id_y", *sessions]]
    for each in comparisons:
        ids = each.first.result.cell_ids[each.first_cell], each.second.result.cell_ids[each.second_cell]
        for piece in np.lexsort((ids[1], ids[0], each.kinds == Kind.SAME)):
            rois = {
                session.name: int(session.roi_ids[row])
                for session, row in zip(each.sessions, each.pieces[piece], strict=True)
                if row >= 0
            }
            kind = Kind(each.kinds[piece]).label
            numbers = [int(numbers[piece]) for numbers in ids]
            rows.append([each.first.name, kind, *numbers, *(rois.get(name, "") for name in sessions)])
    return rows
