"""The rules of the tables of a match file: one function per rule, which yields a clause for each violation.

A file can be read only if it keeps the rules in `RELIED_ON`; a valid file keeps all rules in `ALL`. A rule may assume
that the rules before it hold. No rule reads masks, and only the last rules read images.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import numpy as np

from ndx_cell_matching import DecisionKind, Presence, RegistrationOutcome, Review, RoiSelection, SessionStatus, label_of
from ndx_cell_matching.registrations import displacement_points

from ..addresses import public_name
from ..arrays import Array, Floats32
from ..footprints import aligns, corners, transform_points
from ..sources.candidates import path_of
from ..sources.images import MOST_WITHOUT_DATA
from ..storage.datasets import text_of
from .decisions import AUTOMATIC
from .stored import Contradiction, StoredTables

Rule = Callable[[StoredTables], Iterator[str]]
ROUNDING = 1e-6  #: by how much a number may lie outside its limits
MOST_APART = 0.01  #: greatest distance in pixels of a point from itself, mapped to the other session and back
#: As above, for the median point, with displacements, whose inverse is approximate.
MOST_APART_IF_BENT = 1.0
NUMBERS_OF_SESSIONS = (("z_plane", "iu", ()), ("imaging_depth", "f", ()), ("pixel_size", "f", (2,)))


def parameters_are_json(tables: StoredTables) -> Iterator[str]:
    """The attribute `parameters` is a JSON object."""
    yield from _not_json("parameters", tables.matching.parameters)


def software_is_json(tables: StoredTables) -> Iterator[str]:
    """The attribute `software`, if there is one, is a JSON object."""
    if tables.matching.software:
        yield from _not_json("software", tables.matching.software)


def _not_json(name: str, text: Any) -> Iterator[str]:
    try:
        content = json.loads(text)
    except (TypeError, ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        yield f"the attribute {name} is not a JSON object"


def there_are_sessions(tables: StoredTables) -> Iterator[str]:
    """There is at least one session."""
    if not tables.names:
        yield "it has no sessions"


def session_names_differ(tables: StoredTables) -> Iterator[str]:
    """No two sessions have the same name."""
    for name, times in Counter(tables.names).items():
        if times > 1:
            yield f"two sessions have the name {name!r}"


def sessions_hold_numbers(tables: StoredTables) -> Iterator[str]:
    """The codes and measures of the sessions are numbers."""
    sessions, n = tables.matching.sessions, len(tables.names)
    for code in ("status", "roi_selection"):
        tables.numbers(sessions, code, "iu", (n,))
    for name, kinds, shape in NUMBERS_OF_SESSIONS:
        if name in sessions.colnames:
            tables.numbers(sessions, name, kinds, (n, *shape))
    yield from ()


def roi_tables_are_distinct(tables: StoredTables) -> Iterator[str]:
    """No two sessions have the same ROI table."""
    roi_tables = tables.roi_tables
    for position, roi_table in enumerate(roi_tables):
        first = next(k for k, other in enumerate(roi_tables) if other is roi_table)
        if first < position:
            names = tables.names[first], tables.names[position]
            yield f"the sessions {names[0]!r} and {names[1]!r} have the same ROI table {roi_table.name!r}"


def roi_ids_differ(tables: StoredTables) -> Iterator[str]:
    """No two ROIs of a session have the same id."""
    for position, name in enumerate(tables.names):
        if not _are_ids(tables.roi_ids(position)):
            yield f"the ids of the ROIs of the session {name!r} are not whole numbers that all differ"


def images_are_there(tables: StoredTables) -> Iterator[str]:
    """Each session has a projection image."""
    for position, name in enumerate(tables.names):
        if not hasattr(tables.target("image", position), "data"):
            yield f"the image of the session {name!r} is not an image"


def cell_ids_differ(tables: StoredTables) -> Iterator[str]:
    """No two cells have the same id, and none is negative, which stands for no cell."""
    if not _are_ids(tables.cell_ids):
        yield "the ids of the cells are not whole numbers that all differ"
    elif tables.cell_ids.min(initial=0) < 0:
        yield f"the id of a cell is {tables.cell_ids.min()}, and negative ids stand for no cell"


def cells_hold_one_roi_a_session(tables: StoredTables) -> Iterator[str]:
    """A cell has at most one ROI in each session."""
    for position in tables.positions:
        if (tables.counts(position) > 1).any():
            yield f"{tables.where(position)} has several ROIs for one cell"


def cells_hold_rois_that_exist(tables: StoredTables) -> Iterator[str]:
    """The ROIs of the cells are rows of the ROI tables."""
    for position in tables.positions:
        yield from _missing_rows(tables.rows(position), len(tables.roi_ids(position)), tables.where(position))


def rois_are_in_one_cell(tables: StoredTables) -> Iterator[str]:
    """An ROI is in one cell only."""
    for position in tables.positions:
        values, times = np.unique(tables.rows(position), return_counts=True)
        if (times > 1).any():
            yield f"{tables.where(position)} has the ROI of row {values[times > 1][0]} in several cells"


def presence_says_where_rois_are(tables: StoredTables) -> Iterator[str]:
    """According to `presence`, a cell is present exactly in the sessions in which it has an ROI."""
    present = tables.present
    presence = tables.numbers(tables.matching.cells, "presence", "iu", present.shape)
    for cell, position in np.argwhere((presence == Presence.PRESENT) != present)[:1].tolist():
        has = "has an ROI" if present[cell, position] else "has no ROI"
        yield (
            f"the cell {tables.cell_ids[cell]} {has} in the session {tables.names[position]!r}, but its presence there "
            f"is {presence[cell, position]}"
        )


def sessions_of_cells_are_counted(tables: StoredTables) -> Iterator[str]:
    """`n_sessions` counts the sessions in which a cell has an ROI."""
    stated = tables.numbers(tables.matching.cells, "n_sessions", "iu", tables.cell_ids.shape)
    for cell in tables.cell_ids[stated != tables.present.sum(axis=1)][:1]:
        yield f"n_sessions of the cell {cell} is not the number of sessions in which it has an ROI"


def confidence_is_a_probability(tables: StoredTables) -> Iterator[str]:
    """`confidence` is between 0 and 1."""
    yield from _not_fractions(tables, tables.matching.cells, "confidence")


def reviews_are_codes(tables: StoredTables) -> Iterator[str]:
    """`review` holds whole numbers."""
    if "review" in tables.matching.cells.colnames:
        tables.numbers(tables.matching.cells, "review", "iu", tables.cell_ids.shape)
    yield from ()


def pairs_are_of_two_sessions(tables: StoredTables) -> Iterator[str]:
    """The fixed session of a candidate pair comes before the moving one."""
    for table in _present(tables.matching.roi_pairs):
        fixed, moving = tables.pairs_of_sessions(table)
        if (fixed >= moving).any():
            yield "the fixed session of a pair in roi_pairs does not come before the moving one"


def pairs_hold_rois_that_exist(tables: StoredTables) -> Iterator[str]:
    """The ROIs of candidate pairs are rows of the ROI tables."""
    for table in _present(tables.matching.roi_pairs):
        for side, sessions in zip(("fixed", "moving"), tables.pairs_of_sessions(table), strict=True):
            rows = tables.numbers(table, f"{side}_roi_row", "iu", sessions.shape)
            for position, name in enumerate(tables.names):
                where = f"{side}_roi_row of roi_pairs, session {name!r},"
                yield from _missing_rows(rows[sessions == position], len(tables.roi_ids(position)), where)


def pairs_are_there_once(tables: StoredTables) -> Iterator[str]:
    """No candidate pair is listed twice."""
    for table in _present(tables.matching.roi_pairs):
        fixed, moving = tables.pairs_of_sessions(table)
        rows = [tables.numbers(table, f"{side}_roi_row", "iu", fixed.shape) for side in ("fixed", "moving")]
        pairs = np.stack([fixed, rows[0].astype(np.int64), moving, rows[1].astype(np.int64)])
        sizes = pairs.max(axis=1, initial=0) + 1
        if len(np.unique(np.ravel_multi_index(tuple(np.maximum(pairs, 0)), tuple(sizes)))) < len(fixed):
            yield "roi_pairs holds a pair of ROIs twice"


def pairs_hold_numbers(tables: StoredTables) -> Iterator[str]:
    """The evidence of candidate pairs consists of numbers."""
    for table in _present(tables.matching.roi_pairs):
        n = (len(table.id),)
        tables.numbers(table, "accepted", "biu", n)
        for name in ("centroid_distance", "cost", "margin"):
            if name in table.colnames:
                tables.numbers(table, name, "iuf", n)
    yield from ()


def overlaps_and_probabilities_are_fractions(tables: StoredTables) -> Iterator[str]:
    """`iou` and `probability` of candidate pairs are between 0 and 1."""
    for table in _present(tables.matching.roi_pairs):
        for name in ("iou", "probability"):
            yield from _not_fractions(tables, table, name)


def registrations_are_of_two_sessions(tables: StoredTables) -> Iterator[str]:
    """A registration is of two different sessions; none is listed twice, or only from the later to the earlier one."""
    for table in _present(tables.matching.registrations):
        times = Counter(_directions(tables, table))
        for (first, second), n in times.items():
            if first == second:
                yield f"{_registration(tables, first, second)} is that of a session with itself"
            elif n > 1:
                yield f"{_registration(tables, first, second)} is listed twice"
            elif first > second and (second, first) not in times:
                yield f"{_registration(tables, first, second)} is listed in only one direction"


def registrations_align(tables: StoredTables) -> Iterator[str]:
    """If two sessions are aligned, the matrix of their registration can be inverted and its displacement is finite."""
    for table in _present(tables.matching.registrations):
        directions, n = _directions(tables, table), len(table.id)
        matrices, outcomes = _matrices(tables, table)
        displacements = None
        if "displacement" in table.colnames:
            size = np.shape(table["displacement"].data)[1:2]
            displacements = tables.numbers(table, "displacement", "f", (n, *size, *size, 2))
        for row in np.flatnonzero(np.isin(outcomes, RegistrationOutcome.with_matrix())):
            both = "the sessions {!r} and {!r}".format(*(tables.names[position] for position in directions[row]))
            if not aligns(matrices[row]):
                yield f"the matrix that aligns {both} is singular or holds no finite numbers"
            if displacements is not None and not np.isfinite(displacements[row]).all():
                yield f"the displacement between {both} holds NaN or infinite values"


def registrations_hold_numbers(tables: StoredTables) -> Iterator[str]:
    """The scores of registrations are numbers."""
    for table in _present(tables.matching.registrations):
        for name in ("ssim", "score", "chance_score", "chance_matches"):
            if name in table.colnames:
                tables.numbers(table, name, "iuf", (len(table.id),))
    yield from ()


def decisions_hold_numbers(tables: StoredTables) -> Iterator[str]:
    """Decisions name cells, ROIs and kinds by whole numbers."""
    for table in _present(tables.matching.decisions):
        n = (len(table.id),)
        for name in ("decision", "kind", "cell_id", "other_cell_id", "roi_id"):
            tables.numbers(table, name, "iu", n)
        tables.numbers(table, "applied", "biu", n)
    yield from ()


def decisions_on_alignments_align(tables: StoredTables) -> Iterator[str]:
    """A decision on an alignment names two sessions and a matrix that can be inverted."""
    for table in _present(tables.matching.decisions):
        n = len(table.id)
        aligning = tables.numbers(table, "kind", "iu", (n,)) == DecisionKind.ALIGN
        if aligning.any():
            tables.column(table, "moving_session_name")
            if not all(map(aligns, tables.numbers(table, "matrix", "f", (n, 3, 3))[aligning])):
                yield "a decision on an alignment has a matrix that is singular or holds no finite numbers"


def automatic_cells_hold_one_roi_a_session(tables: StoredTables) -> Iterator[str]:
    """The cells as the method left them have at most one ROI in each session."""
    for roi_table, name in zip(tables.roi_tables, tables.names, strict=True):
        if AUTOMATIC not in roi_table.colnames:
            continue
        ids = tables.numbers(roi_table, AUTOMATIC, "iu", (len(roi_table.id),))
        values, times = np.unique(ids[ids >= 0], return_counts=True)
        if (times > 1).any():
            yield f"{AUTOMATIC} of the session {name!r} puts several ROIs in the cell {values[times > 1][0]}"


def images_hold_data(tables: StoredTables) -> Iterator[str]:
    """The image of a session has data in most pixels, and no infinite values."""
    for position, name in enumerate(tables.names):
        checked_image(tables.target("image", position).data, name)
    yield from ()


def masks_and_images_have_one_size(tables: StoredTables) -> Iterator[str]:
    """Image masks are as large as the session's image."""
    for position, (roi_table, name) in enumerate(zip(tables.roi_tables, tables.names, strict=True)):
        if "image_mask" in roi_table.colnames:
            masks, image = (np.shape(d) for d in (roi_table["image_mask"].data, tables.target("image", position).data))
            if sorted(masks[1:]) != sorted(image):
                yield f"the masks of the session {name!r} have {_size(masks[1:])} pixels, its image {_size(image)}"


def paths_lead_where_references_lead(tables: StoredTables) -> Iterator[str]:
    """`roi_table_path` and `image_path` name the same objects as the references beside them."""
    for column in ("roi_table", "image"):
        stored = tables.column(tables.matching.sessions, f"{column}_path").data[:]
        for position, name in enumerate(tables.names):
            path, right = text_of(stored[position]), path_of(tables.target(column, position))
            if path.strip("/") != right.strip("/"):
                yield f"{column}_path of the session {name!r} is {path!r}, but the reference beside it leads to {right}"


def sources_are_named_without_private_parts(tables: StoredTables) -> Iterator[str]:
    """`source_uri` does not contain absolute folders, users or passwords."""
    sessions = tables.matching.sessions
    stored = sessions["source_uri"].data[:] if "source_uri" in sessions.colnames else []
    for name, uri in zip(tables.names, map(text_of, stored), strict=False):
        if re.match(r"[/\\~]|[A-Za-z]:[/\\]", uri) or public_name(uri) != uri:
            yield f"source_uri of the session {name!r} is an absolute path, or an address with a user or a query"


def sources_are_described(tables: StoredTables) -> Iterator[str]:
    """`session_start` is a date in ISO 8601, and `source_sha256`, if it is known, has 64 hexadecimal digits."""
    sessions = tables.matching.sessions
    for name, start in zip(tables.names, map(text_of, tables.column(sessions, "session_start").data[:]), strict=True):
        try:
            datetime.fromisoformat(start.replace("Z", "+00:00") or "2000-01-01")
        except ValueError:
            yield f"session_start of the session {name!r} is {start!r}, which is no date in ISO 8601"
    stored = sessions["source_sha256"].data[:] if "source_sha256" in sessions.colnames else []
    for name, digest in zip(tables.names, map(text_of, stored), strict=False):
        if not re.fullmatch(r"([0-9a-f]{64})?", digest):
            yield f"source_sha256 of the session {name!r} is {digest!r}, which is no SHA-256"


def measures_are_positive(tables: StoredTables) -> Iterator[str]:
    """Pixels have a size, distances are not negative, and a margin is between -1 and 1; NaN stands for unknown."""
    sessions = tables.matching.sessions
    if "pixel_size" in sessions.colnames:
        sizes = np.asarray(sessions["pixel_size"].data[:])
        for position in np.flatnonzero(((sizes <= 0) | np.isinf(sizes)).any(axis=1)):
            yield f"pixel_size of the session {tables.names[position]!r} is not a size: {sizes[position].tolist()}"
    for table in _present(tables.matching.roi_pairs):
        for name, least, most in (("centroid_distance", 0.0, np.inf), ("margin", -1.0, 1.0)):
            if name in table.colnames:
                values = np.asarray(table[name].data[:])
                for wrong in values[(values < least - ROUNDING) | (values > most + ROUNDING)][:1]:
                    limits = "is negative" if np.isinf(most) else f"is not between {least:g} and {most:g}"
                    yield f"the column {name} of roi_pairs holds {wrong:g}, which {limits}"


def rois_that_took_part_are_in_cells(tables: StoredTables) -> Iterator[str]:
    """An ROI took part in the matching, by the column `took_part` of its table, if it is in a cell."""
    for position, (roi_table, name) in enumerate(zip(tables.roi_tables, tables.names, strict=True)):
        if "took_part" not in roi_table.colnames:
            continue
        n = len(roi_table.id)
        took_part = tables.numbers(roi_table, "took_part", "biu", (n,)).astype(bool)
        in_cells = np.zeros(n, bool)
        rows = tables.rows(position)
        in_cells[rows[(rows >= 0) & (rows < n)]] = True
        for row in np.flatnonzero(took_part != in_cells)[:1]:
            said, article = ("took part", "no") if took_part[row] else ("did not take part", "a")
            roi = f"the ROI of row {row} of the session {name!r}"
            yield f"the column took_part says that {roi} {said}, but it is in {article} cell"


def ids_are_not_reused(tables: StoredTables) -> Iterator[str]:
    """`last_cell_id`, if there is one, is greater than the id of every cell."""
    last = tables.matching.last_cell_id
    if last is not None and last <= tables.cell_ids.max(initial=-1):
        yield f"last_cell_id is {last}, but there is a cell {tables.cell_ids.max()}"


def registrations_are_there_both_ways(tables: StoredTables) -> Iterator[str]:
    """A registration is listed in both directions, which are inverse to each other."""
    for table in _present(tables.matching.registrations):
        matrices, outcomes = _matrices(tables, table)
        directions = _directions(tables, table)
        rows = {pair: row for row, pair in enumerate(directions)}
        for (first, second), row in rows.items():
            back = rows.get((second, first))
            if back is None:
                yield f"{_registration(tables, first, second)} is listed in only one direction"
            elif first < second and outcomes[row] != outcomes[back]:
                yield f"{_registration(tables, first, second)} has different outcomes in its two directions"
            elif first < second and outcomes[row] in RegistrationOutcome.with_matrix():
                points = corners(np.shape(tables.target("image", first).data)[:2])
                mapped = transform_points(matrices[row], points)
                if not np.abs(transform_points(matrices[back], mapped) - points).max() <= MOST_APART:
                    yield f"{_registration(tables, first, second)} has two matrices that are not inverse to each other"
                elif not _displacement_apart(tables, first, second) <= MOST_APART_IF_BENT:
                    yield f"{_registration(tables, first, second)} has displacements that do not undo each other"


def _displacement_apart(tables: StoredTables, first: int, second: int) -> float:
    """The median distance in pixels between points and where they come to if they are mapped there and back.

    The points are a grid over the image of the first session, as far as the matrix maps them into the second.
    """
    there, back = (tables.matching.registration(*pair) for pair in ((first, second), (second, first)))
    if there is None or back is None or (there.displacement is None and back.displacement is None):
        return 0.0
    shapes = []
    for position in (first, second):
        shape = np.shape(tables.target("image", position).data)[:2]
        shapes.append(shape[::-1] if tables.matching.sessions["image_transposed"].data[position] else shape)
    points = displacement_points(shapes[0])
    straight = transform_points(there.matrix, points)
    points = points[((straight >= 0) & (straight <= np.array(shapes[1][::-1]) - 1)).all(axis=1)]
    distances = np.linalg.norm(back.to_moving(there.to_moving(points)) - points, axis=1)
    return float(np.median(distances)) if len(points) else 0.0


def codes_are_known(tables: StoredTables) -> Iterator[str]:
    """Every code has a meaning in this version of the format."""
    matching = tables.matching
    for table, column, codes in (
        (matching.sessions, "status", SessionStatus),
        (matching.sessions, "roi_selection", RoiSelection),
        (matching.cells, "presence", Presence),
        (matching.cells, "review", Review),
        (matching.registrations, "outcome", RegistrationOutcome),
        (matching.decisions, "kind", DecisionKind),
    ):
        if table is not None and column in table.colnames:
            for code in sorted(set(np.unique(table[column].data[:]).tolist()) - set(codes)):
                yield f"the column {column} of {table.name} holds {label_of(codes, code)}"


RELIED_ON: tuple[Rule, ...] = (
    parameters_are_json,
    software_is_json,
    there_are_sessions,
    session_names_differ,
    sessions_hold_numbers,
    roi_tables_are_distinct,
    roi_ids_differ,
    images_are_there,
    cell_ids_differ,
    cells_hold_one_roi_a_session,
    cells_hold_rois_that_exist,
    rois_are_in_one_cell,
    presence_says_where_rois_are,
    sessions_of_cells_are_counted,
    confidence_is_a_probability,
    reviews_are_codes,
    pairs_are_of_two_sessions,
    pairs_hold_rois_that_exist,
    pairs_are_there_once,
    pairs_hold_numbers,
    overlaps_and_probabilities_are_fractions,
    registrations_are_of_two_sessions,
    registrations_align,
    registrations_hold_numbers,
    decisions_hold_numbers,
    decisions_on_alignments_align,
    automatic_cells_hold_one_roi_a_session,
)
ALL: tuple[Rule, ...] = (
    *RELIED_ON,
    images_hold_data,
    masks_and_images_have_one_size,
    paths_lead_where_references_lead,
    sources_are_named_without_private_parts,
    sources_are_described,
    measures_are_positive,
    rois_that_took_part_are_in_cells,
    ids_are_not_reused,
    registrations_are_there_both_ways,
    codes_are_known,
)


def checked_image(stored: Any, session: str) -> Floats32:
    """A session's projection image, NaN where it has no data. Raises Contradiction if it is unusable."""
    image = np.asarray(stored[:])
    if image.ndim != 2 or not image.size or image.dtype.kind not in "biuf":
        raise Contradiction(f"the image of the session {session!r} does not consist of numbers in rows and columns")
    with np.errstate(over="ignore"):
        image = image.astype(np.float32, copy=False)
    n_without_data = int(np.isnan(image).sum())
    if n_without_data > MOST_WITHOUT_DATA * image.size or np.isinf(image).any():
        raise Contradiction(
            f"the image of the session {session!r} holds infinite values, or no data (NaN) in {n_without_data} of its "
            f"{image.size} pixels"
        )
    return image


def _present(table: Any) -> tuple[Any, ...]:
    return () if table is None else (table,)


def _are_ids(ids: Array) -> bool:
    return ids.dtype.kind in "iu" and len(np.unique(ids)) == len(ids)


def _missing_rows(rows: Array, n_rois: int, where: str) -> Iterator[str]:
    for wrong in rows[(rows < 0) | (rows >= n_rois)][:1]:
        yield f"{where} holds the row {wrong}, but the ROI table has {n_rois} rows, counted from 0"


def _not_fractions(tables: StoredTables, table: Any, name: str) -> Iterator[str]:
    if name in table.colnames:
        values = tables.numbers(table, name, "iuf", (len(table.id),))
        for wrong in values[(values < -ROUNDING) | (values > 1 + ROUNDING)][:1]:
            yield f"the column {name} of {table.name} holds {wrong:g}, which is not between 0 and 1"


def _directions(tables: StoredTables, table: Any) -> list[tuple[int, int]]:
    fixed, moving = tables.pairs_of_sessions(table)
    return list(zip(fixed.tolist(), moving.tolist(), strict=True))


def _matrices(tables: StoredTables, table: Any) -> tuple[Array, Array]:
    """The matrices and the outcomes of registrations."""
    n = len(table.id)
    outcomes = tables.numbers(table, "outcome", "iu", (n,))
    return tables.numbers(table, "matrix", "iuf", (n, 3, 3)).astype(float), outcomes


def _registration(tables: StoredTables, first: int, second: int) -> str:
    return f"the registration of the sessions {tables.names[first]!r} and {tables.names[second]!r}"


def _size(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
