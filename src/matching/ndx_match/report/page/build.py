"""The HTML file: a template, its style and scripts, and the content as compressed JSON."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

from ... import __version__
from ...errors import one_line
from ...model import MatchedPlane, Progress, listed_planes, steps_of
from ...storage.publish import publish
from .content import plane_content
from .verdict import Verdict, verdict_of

#: In the order in which they are put together.
SCRIPTS = (
    "dom.js", "model.js", "edit.js", "state.js", "geometry.js", "canvas.js", "charts.js", "cells.js", "editor.js",
    "frame.js", "pairs.js", "landmarks.js", "evidence.js", "tables.js", "main.js",
)  # fmt: skip


def write_page(
    planes: MatchedPlane | Sequence[MatchedPlane],
    path: str | os.PathLike[str],
    title: str = "",
    overwrite: bool = False,
    progress: Progress | None = None,
) -> None:
    """Write the page of a match as one HTML file, which needs no network.

    Parameters
    ----------
    planes : MatchedPlane or sequence of MatchedPlane
        The planes of a match file, with footprints.
    path : path
    title : str
        Shown at the top, for example the name of the match file.
    overwrite : bool
        Replace an existing file.
    progress : callable, optional
        Called as `progress("page", done, total)`.

    Raises
    ------
    OutputError
        If the file exists and may not be replaced, or cannot be written.

    Examples
    --------
    >>> import ndx_match
    >>> plane = ndx_match.read_match_file("matches.nwb")
    >>> ndx_match.write_page([plane], "matches.html", title="matches.nwb")
    """
    page = make_page(listed_planes(planes, "write_page"), title, progress)
    with publish(path, overwrite) as temporary:
        Path(temporary).write_text(page, encoding="utf-8")


@dataclass(frozen=True)
class Service:
    """The server of the page, which saves decisions that are made on it."""

    token: str  #: the page must send it with each request
    output: str  #: the name of the file that is written
    reviewer: str = ""  #: name of the person who decides, if it is known


def make_page(
    planes: Sequence[MatchedPlane],
    title: str = "",
    progress: Progress | None = None,
    service: Service | None = None,
) -> str:
    """The HTML of the page; all names and texts in it are escaped.

    Without `service`, the page is a file that is complete in itself, and decisions are saved as a list.
    """
    step = steps_of(progress, "page", sum(len(plane.sessions) for plane in planes))
    content = {
        "service": None if service is None else asdict(service),
        "title": one_line(title),
        "software": f"ndx-match {__version__}",
        "planes": [plane_content(plane, step) for plane in planes],
    }
    packed = gzip.compress(json.dumps(content, separators=(",", ":"), allow_nan=False).encode(), 6, mtime=0)
    assets = files(__package__) / "assets"
    scripts = "\n".join((assets / name).read_text(encoding="utf-8") for name in SCRIPTS)
    script = f'\n(() => {{\n"use strict";\n{scripts}\n}})();\n'
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return Template((assets / "template.html").read_text(encoding="utf-8")).substitute(
        title=escape(one_line(title)),
        software=escape(f"ndx-match {__version__}"),
        glances="\n".join(_glance(plane, number, len(planes)) for number, plane in enumerate(planes)),
        style=(assets / "page.css").read_text(encoding="utf-8"),
        script=script,
        # No other script runs, whatever is in the file.
        script_policy=f"'sha256-{digest}'",
        connect_policy="'none'" if service is None else "'self'",
        about="This page is complete and loads nothing from the network."
        if service is None
        else "This page is served only on this machine.",
        content=base64.b64encode(packed).decode(),
    )


def _glance(plane: MatchedPlane, number: int, n_planes: int) -> str:
    """The summary at the top of a plane: whether the match worked, the numbers of cells, what is in doubt and why."""
    verdict = verdict_of(plane)
    heading = f"<h2>Plane {_text(plane.name)}</h2>" if n_planes > 1 else ""
    figures = "".join(f"<li><b>{_text(value)}</b> <span>{_text(label)}</span></li>" for value, label in verdict.figures)
    return (
        f'<section class="glance" data-plane="{number}">{heading}'
        f'<div class="verdict {verdict.level}"><p class="headline"><span class="mark" aria-hidden="true"></span>'
        f"<strong>{_text(verdict.word)}</strong> {_text(verdict.headline)}</p>{_reasons(verdict)}</div>"
        f'<ul class="figures">{figures}</ul>{_warnings(plane.result.warnings)}</section>'
    )


def _reasons(verdict: Verdict) -> str:
    """The sessions and pairs in doubt; those beyond the first few can be unfolded."""
    return _folded(verdict.reasons, 6, "reasons")


def _warnings(warnings: Sequence[str]) -> str:
    if not warnings:
        return ""
    return f'<div class="warnings"><h3>Warnings of the file ({len(warnings)})</h3>{_folded(warnings, 6, "")}</div>'


def _folded(texts: Sequence[str], n_open: int, kind: str) -> str:
    def listed(items: Sequence[str]) -> str:
        return f'<ul class="{kind}">' + "".join(f"<li>{_text(item)}</li>" for item in items) + "</ul>"

    if not texts:
        return ""
    rest = texts[n_open:]
    more = f"<details><summary>{len(rest)} more</summary>{listed(rest)}</details>" if rest else ""
    return listed(texts[:n_open]) + more


def _text(text: object) -> str:
    return escape(one_line(text))
