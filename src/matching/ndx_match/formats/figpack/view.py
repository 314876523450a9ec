"""Write a figure of figpack, which any browser can show from a disk or a web server."""

from __future__ import annotations

import json
import tarfile
import tempfile
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from ... import __version__
from ...errors import OutputError
from ...model import MatchedPlane
from ..protocol import Exporter
from ..tables import cells_dataframe

SUFFIX = ".figpack.tar.gz"
EXTENSION, VIEW = "ndx-cell-matching", "ndx-cell-matching.MatchedCells"
SCRIPT = "figpack_view.js"
#: The parts of the content of the report's page that the figure shows.
OF_PLANE = ("cells", "cellIds", "colours", "sure", "sureness")
OF_SESSION = ("name", "date", "shape", "image", "roiIds", "outlines", "nTakingPart")


def write_figpack(planes: Sequence[MatchedPlane], path: Path) -> None:
    """Write the figure as an archive, with one tab per imaging plane and one tab for the table of cells."""
    try:
        import figpack
        from figpack import views
    except ImportError as error:
        raise OutputError(
            'Writing a figure of figpack needs figpack; run pip install "ndx-cell-matching[figpack]".'
        ) from error
    code = (files(__package__) / SCRIPT).read_text(encoding="utf-8")
    extension = figpack.FigpackExtension(name=EXTENSION, javascript_code=code, version=__version__)

    class MatchedCells(figpack.ExtensionView):  # type: ignore[misc]
        """The sessions of one imaging plane."""

        def __init__(self, plane: MatchedPlane) -> None:
            super().__init__(extension=extension, view_type=VIEW)
            self.plane = plane

        def write_to_zarr_group(self, group: Any) -> None:
            super().write_to_zarr_group(group)
            text = json.dumps(shown_of(self.plane), separators=(",", ":"), allow_nan=False)
            group.create_dataset("content", data=np.frombuffer(text.encode(), np.uint8))

    several = len(planes) > 1
    tabs = [
        views.TabLayoutItem(MatchedCells(plane), label=f"Plane {plane.name}" if several else "Cells")
        for plane in planes
    ]
    tabs.append(views.TabLayoutItem(views.DataFrame(cells_dataframe(planes)), label="Table"))
    with tempfile.TemporaryDirectory() as temporary:
        views.TabLayout(items=tabs).save(temporary, title="Matched cells")
        with tarfile.open(path, "w:gz") as archive:
            archive.add(temporary, arcname=".", filter=_of_nobody)


def shown_of(plane: MatchedPlane) -> dict[str, Any]:
    """The content of the figure for a plane, in types that JSON has: a part of the content of the report's page."""
    from ...report.page.content import plane_content

    content = plane_content(plane)
    sessions = [{name: session[name] for name in OF_SESSION} for session in content["sessions"]]
    return {"sessions": sessions, **{name: content[name] for name in OF_PLANE}}


def _of_nobody(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Remove the user's name and number from a member of the archive."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


EXPORTER = Exporter(
    "figpack",
    SUFFIX,
    "a figure of figpack: the ROIs of every session, with one colour per cell (needs figpack)",
    write_figpack,
    needs_masks=True,
)
