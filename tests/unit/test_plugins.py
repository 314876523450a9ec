"""Plug-ins of other packages, which name them as entry points."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ndx_match import plugins
from ndx_match.errors import NdxMatchError
from ndx_match.formats import export, find_exporter, find_exporters, find_importers, import_result
from ndx_match.sources.layouts import find_layouts

LAYOUT = """
from ndx_match.sources.layouts import Layout

LAYOUT = Layout(writer="theirs", table="processing/ophys/rois")
"""

FORMATS = """
from ndx_match.formats import Exporter, Importer

IMPORTER = Importer("theirs", "their results", "ROI ids", lambda path, sessions, parameters: None)
EXPORTER = Exporter("theirs", ".theirs", "their cells", lambda planes, path: path.write_text(f"{len(planes)} planes"))
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """`install(group, module, source)` makes an installed package of one module that names itself as an entry point."""

    def installed(group: str, module: str, source: str, named: str = "") -> None:
        about = tmp_path / f"{module}-1.0.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
        (about / "entry_points.txt").write_text(f"[{group}]\n{module} = {named or module}\n")
        (tmp_path / f"{module}.py").write_text(source)
        monkeypatch.syspath_prepend(str(tmp_path))
        plugins._of_other_packages.cache_clear()

    yield installed
    monkeypatch.undo()
    plugins._of_other_packages.cache_clear()


def test_another_package_adds_a_layout(install):
    known = find_layouts()
    install("ndx_match.layouts", "their_layout", LAYOUT)
    writers = [layout.writer for layout in find_layouts()]
    assert writers.index("theirs") < writers.index("AllenSDK")
    assert tuple(layout for layout in find_layouts() if layout.writer != "theirs") == known


def test_another_package_adds_formats(install, tmp_path: Path):
    known = find_importers()
    install("ndx_match.formats", "their_formats", FORMATS)
    assert list(find_importers()) == sorted([*known, "theirs"])
    export([], tmp_path / "cells.THEIRS")
    assert (tmp_path / "cells.THEIRS").read_text() == "0 planes"


def test_an_entry_point_may_name_the_plugin_itself(install):
    known = find_importers()
    install("ndx_match.formats", "their_importer", FORMATS, "their_importer:IMPORTER")
    assert list(find_importers()) == sorted([*known, "theirs"])
    assert ".theirs" not in find_exporters()


def test_a_package_that_cannot_be_imported_is_named(install):
    install("ndx_match.layouts", "broken_layout", "import no_such_library")
    with pytest.raises(NdxMatchError, match=r"broken_layout: .*no_such_library.*uninstall it"):
        find_layouts()


def test_a_format_that_cannot_be_imported_leaves_the_others_and_is_named_when_it_is_used(install, tmp_path: Path):
    known = find_importers()
    install("ndx_match.formats", "broken_format", "import no_such_library")
    assert list(find_importers()) == sorted([*known, "broken_format"])
    assert find_exporters()[".broken_format"].summary == "cannot be loaded"
    assert find_exporter("cells.csv").suffix == ".csv"
    for use in (
        lambda: import_result("broken_format", tmp_path, []),
        lambda: export([], tmp_path / "cells.broken_format"),
    ):
        with pytest.raises(NdxMatchError, match=r"broken_format: .*no_such_library.*uninstall it"):
            use()
    assert not [*tmp_path.glob("cells.*")]


def test_two_plugins_of_one_name_are_refused(install):
    install("ndx_match.layouts", "same_layout", LAYOUT.replace("theirs", "Suite2p"))
    with pytest.raises(NdxMatchError, match=r"two plug-ins of ndx_match\.layouts with the writer 'Suite2p'"):
        find_layouts()
