"""Write a figure of figpack, which any browser shows from the disk, from a web server or from figpack's."""

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
#: What of the content of the report's page the view shows.
OF_PLANE = ("cells", "cellIds", "colours", "sure", "sureness")
OF_SESSION = ("name", "date", "shape", "image", "roiIds", "outlines", "nTakingPart")


def write_figpack(planes: Sequence[MatchedPlane], path: Path) -> None:
    """Write the figure as an archive: a tab for each imaging plane, and one with the table of cells."""
    try:
        import figpack
        from figpack import views
    except ImportError as error:
        raise OutputError(
            'Writing a view of figpack needs figpack; run pip install "ndx-cell-matching[figpack]".'
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
    """What the view shows of a plane, as JSON knows it: a part of what the report's page shows."""
    from ...report.page.content import plane_content

    content = plane_content(plane)
    sessions = [{name: session[name] for name in OF_SESSION} for session in content["sessions"]]
    return {"sessions": sessions, **{name: content[name] for name in OF_PLANE}}


def _of_nobody(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Without the user's name."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


EXPORTER = Exporter(
    "figpack",
    SUFFIX,
    "a view of figpack: the ROIs of every session, each cell in its colour (needs figpack)",
    write_figpack,
    needs_masks=True,
)
