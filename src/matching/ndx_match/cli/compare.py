"""`ndx-match compare`: compare two match files of the same sessions."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path

import click

from ..comparison import Comparison, Kind, compare, table_of_pieces
from ..matchfile import read_planes_of_match_file
from ..model import MatchedPlane
from ..simulate.scores import LinkScore
from ..storage.outputs import check_folder, folder_for_outputs
from ..storage.publish import publish
from ..storage.remote import public_name
from .common import FILE, MATCH_FILE, Example, command, plane_option, progress_bar, say, say_text, table, warn
from .summary import MAXIMUM_PAIRS

MEANINGS = {
    Kind.SAME: "the same",
    Kind.SPLIT: "split: one cell of x, several of y",
    Kind.MERGED: "merged: several cells of x, one of y",
    Kind.REGROUPED: "regrouped: several cells of both",
}


@command(
    Example("ndx-match compare matches.nwb nway.nwb", "See on which cells two methods agree"),
    Example(
        "ndx-match compare matches.nwb nway.nwb -o compared --truth truth.json",
        "Also score both, for simulated sessions",
    ),
    name="compare",
    prints_result=True,
)
@click.argument("x", type=MATCH_FILE, metavar="X.NWB")
@click.argument("y", type=MATCH_FILE, metavar="Y.NWB")
@click.option("--truth", type=FILE, metavar="TRUTH",
              help="Truth of simulated sessions, with which to score the links of both files.")  # fmt: skip
@click.option("-o", "--output", type=FILE, metavar="DIR", help="Folder for cells.csv and a picture of each plane.")
@plane_option("Compare this imaging plane only, if the match files hold several.")
def compare_(x: str, y: str, truth: Path | None, output: Path | None, plane: str | None) -> None:
    """Compare two match files: which cells agree, split or merge, among the sessions and ROIs that both hold.

    A link is a pair of ROIs of different sessions that are in one cell. Sessions and ROIs are recognised by their
    source and their masks, not by their names.
    """
    if output is not None:
        check_folder(output)
    names = (public_name(x), public_name(y))
    with progress_bar() as progress:
        progress("comparing", 0, 1)
        first, second = (read_planes_of_match_file(location, plane=plane) for location in (x, y))
        comparisons, warnings = compare(first, second, names)
        scores = [_scores_of(comparison, truth) for comparison in comparisons]
    say(f"x: {names[0]}, {_methods(first)}", f"y: {names[1]}, {_methods(second)}")
    for comparison, score in zip(comparisons, scores, strict=True):
        say_text()
        if len(comparisons) > 1:
            say(f"plane {comparison.first.name}", "")
        say_text("\n\n".join(_parts(comparison, score)))
    warn(warnings)
    if output is not None:
        say_text()
        for path in _write(comparisons, names, output):
            say(f"Wrote {path}")


def _methods(planes: Sequence[MatchedPlane]) -> str:
    methods = dict.fromkeys(f"{plane.result.method} {plane.result.method_version}" for plane in planes)
    return f"matched with {', '.join(methods)}"


def _scores_of(comparison: Comparison, truth: Path | None) -> tuple[LinkScore, LinkScore, LinkScore] | None:
    if truth is None:
        return None
    from ..simulate.files import true_identity

    return comparison.scores(true_identity(truth, comparison.sessions))


def _parts(comparison: Comparison, scores: tuple[LinkScore, LinkScore, LinkScore] | None) -> Iterator[str]:
    n_x, n_y = comparison.n_only
    yield (
        f"{len(comparison.places)} sessions and {comparison.sizes.sum()} ROIs are in both; "
        f"{n_x} ROIs only in cells of x, {n_y} only in cells of y"
    )
    yield table([("cells of several sessions", "in x", "in y"), *_kinds(comparison)])
    yield table([*_links(comparison)])
    if scores is not None:
        yield table([*_scores(*scores)])


def _kinds(comparison: Comparison) -> Iterator[tuple[str, str, str]]:
    (several_x, one_x), (several_y, one_y) = comparison.n_cells(), comparison.n_cells(second=True)
    for kind in Kind:
        yield MEANINGS[kind], str(several_x[kind]), str(several_y[kind])
    yield "in all", str(sum(several_x)), str(sum(several_y))
    yield "and cells of one session", str(sum(one_x)), str(sum(one_y))


def _links(comparison: Comparison) -> Iterator[tuple[str, ...]]:
    yield "links", "in x", "in y", "in both", "in both / in either"
    links, names = comparison.links, [session.name for session in comparison.sessions]
    pairs = list(combinations(range(len(names)), 2))
    for i, j in pairs if len(pairs) <= MAXIMUM_PAIRS else ():
        yield _row(f"{names[i]} - {names[j]}", *(int(counts[i, j]) for counts in links))
    yield _row("in all", *(int(sum(counts[pair] for pair in pairs)) for counts in links))


def _row(name: str, x: int, y: int, both: int) -> tuple[str, ...]:
    either = x + y - both
    return name, str(x), str(y), str(both), f"{both / either:.2f}" if either else ""


def _scores(x: LinkScore, y: LinkScore, both: LinkScore) -> Iterator[tuple[str, ...]]:
    yield "against the truth", "links", "right", "wrong", "precision", "recall", "F1"
    for name, score in (("x", x), ("y", y), ("both", both)):
        numbers = (f"{value:.3f}" for value in (score.precision, score.recall, score.f1))
        yield name, str(score.n_predicted), str(score.n_correct), str(score.n_predicted - score.n_correct), *numbers
    for name, score in (("only x", x), ("only y", y)):
        n_links, right = score.n_predicted - both.n_predicted, score.n_correct - both.n_correct
        yield name, str(n_links), str(right), str(n_links - right), f"{right / n_links:.3f}" if n_links else "", "", ""


def _write(comparisons: Sequence[Comparison], names: tuple[str, str], folder: Path) -> list[Path]:
    from ..report.comparison import write_comparison

    paths = [folder / "cells.csv"]
    with folder_for_outputs(folder):
        with publish(paths[0], overwrite=True) as temporary:
            with open(temporary, "w", encoding="utf-8", newline="") as file:
                csv.writer(file).writerows(table_of_pieces(comparisons))
        for comparison in comparisons:
            suffix = f"_{comparison.first.name}" if len(comparisons) > 1 else ""
            paths.append(write_comparison(comparison, names, folder / f"comparison{suffix}.png"))
    return paths
