"""Importers and exporters as plug-ins: one new file adds a format."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from builders import write_sessions
from document_tables import DOCUMENTS, formats_table
from helpers import run

from ndx_match import formats
from ndx_match.errors import InputError, MethodError, OutputError
from ndx_match.formats.nway import write_nway_output
from ndx_match.matchfile import read_match_file
from ndx_match.methods import consensus
from ndx_match.model import Presence
from ndx_match.sources import SourceOptions, read_sessions

#: The format that the documents show, with other names: somebody who follows CONTRIBUTING.md has added it as well.
TOY = re.search(r"## Add a format.*?```python\n(.*?)```", (DOCUMENTS / "formats.md").read_text(), re.DOTALL).group(1)
TOY = TOY.replace('"rows"', '"toy"').replace('".rows"', '".toy"').replace("first_number", "first_toy")


@pytest.fixture
def toy(add_file):
    add_file("ndx_match.formats", "toy", TOY, "ndx_match.cli.exchange")


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return write_sessions(tmp_path_factory.mktemp("inputs"))


def test_a_format_is_added_by_one_file(toy, inputs: list[Path], tmp_path: Path):
    run("write", *inputs, "-o", tmp_path / "m.nwb").succeeded()
    assert ".toy: cells as lists of rows." in " ".join(run("export", "--help").out.split())

    help_text = " ".join(run("import", "--help").out.split())
    assert re.search(r"--from \[aind-roicat\|[^]]*\btoy\b[^]]*\]", help_text)
    assert "toy: cells as lists of rows." in help_text
    assert "Parameters of toy: --first-toy INTEGER Number of the first row. [default: 0; at least 0]" in help_text

    run("export", tmp_path / "m.nwb", "-o", tmp_path / "cells.toy").succeeded()
    (row, other_row), *others = json.loads((tmp_path / "cells.toy").read_text())
    cells = np.array([[row, -1], [-1, other_row], *others])
    (tmp_path / "cells.toy").write_text(json.dumps(np.where(cells < 0, -1, cells + 1).tolist()))
    arguments = ("import", tmp_path / "cells.toy", *inputs, "-o", tmp_path / "again.nwb", "--first-toy", 1)
    run(*arguments, "--from", "nway").refused("--first-toy does not belong to --from nway")
    run(*arguments, "--from", "toy").succeeded()

    result = read_match_file(tmp_path / "again.nwb").result
    np.testing.assert_array_equal(result.cells, cells)
    assert (result.method, dict(result.parameters)) == ("import-toy", {"first_toy": 1})
    assert (result.presence[result.cells < 0] == Presence.NOT_LOOKED_FOR).all()


def test_an_added_importer_need_not_look_whether_its_file_exists(toy, inputs: list[Path], tmp_path: Path):
    arguments = (tmp_path / "missing.toy", *inputs, "-o", tmp_path / "m.nwb")
    run("import", "--from", "toy", *arguments).refused("missing.toy: there is no such file.")


@pytest.mark.parametrize(
    ("cells", "problem"),
    [
        (
            [[0, 0], [10_000, 1]],
            r"has row 10000 of the ROI table of .*, counted from 0; give the files",
        ),
        ([[0, 0], [0, 1]], r"cannot read it \(an ROI is in more than one cell\)"),
        ([[0], [1]], r"cells.toy: the importer of toy cannot read it \(.* do not fit 2 sessions\); give the result"),
    ],
)
def test_rows_that_an_added_importer_reads_are_checked(toy, inputs: list[Path], tmp_path: Path, cells, problem):
    (tmp_path / "cells.toy").write_text(json.dumps(cells))
    refused = run("import", "--from", "toy", tmp_path / "cells.toy", *inputs, "-o", tmp_path / "m.nwb")
    assert refused.code == 2
    assert re.search(problem, refused.err)


def test_a_format_has_rows_in_the_documents(toy):
    table = formats_table()
    assert "| `import --from toy` | cells as lists of rows | rows of the ROI tables | one |" in table
    assert "| `export -o NAME.toy` | cells as lists of rows | - | one |" in table


def test_without_the_file_there_is_no_such_format(inputs: list[Path], tmp_path: Path):
    refused = run("import", "--from", "toy", "x", *inputs, "-o", tmp_path / "m.nwb")
    assert refused.code == 2
    assert "'toy' is not one of 'aind-roicat', " in refused.err
    with pytest.raises(InputError, match=r"no importer toy; choose one of aind-roicat, .*, column:NAME, .*, nway, "):
        formats.import_result("toy", tmp_path / "x", [])
    with pytest.raises(OutputError, match=r"must end in \.csv, .*\.json\b"):
        formats.export([], tmp_path / "cells.toy")


def test_the_longest_suffix_counts(add_file):
    add_file("ndx_match.formats", "toy", TOY.replace('".toy"', '".toy.json"'))
    assert formats.find_exporter("cells.toy.json").name == "toy"
    assert formats.find_exporter("cells.JSON").name == "nway"


def test_python_imports_as_the_command_does(inputs: list[Path], tmp_path: Path):
    sessions = read_sessions(inputs, SourceOptions(all_rois=True))
    result = consensus.match(sessions)
    write_nway_output(result, sessions, tmp_path / "o.json")
    imported = formats.import_result("nway", tmp_path / "o.json", sessions, {"maximum_distance": 7.0})
    run("import", "--from", "nway", tmp_path / "o.json", *inputs, "-o", tmp_path / "m.nwb",
        "--maximum-distance", 7).succeeded()  # fmt: skip
    written = read_match_file(tmp_path / "m.nwb").result
    assert written.method == imported.method == "import-nway"
    assert written.parameters == imported.parameters == {"maximum_distance": 7.0}
    for name in ("cells", "presence"):
        np.testing.assert_array_equal(getattr(written, name), getattr(imported, name))


def test_parameters_of_another_importer_are_refused(inputs: list[Path]):
    with pytest.raises(InputError, match="largest_shift is no parameter of nway; its parameters are: maximum_"):
        formats.import_result("nway", "o.json", [], {"largest_shift": 1})
    with pytest.raises(MethodError, match="motion_type"):
        formats.import_result("nway", "o.json", [], {"motion_type": "sideways"})


@pytest.mark.slow
def test_listing_formats_loads_no_heavy_library():
    code = "import sys; from ndx_match.formats import *; find_exporters(); print(*sys.modules)"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    loaded = set(printed.split())
    assert "ndx_match.formats.parquet" in loaded
    assert not loaded & {"cv2", "matplotlib", "networkx", "skimage", "PIL"}
