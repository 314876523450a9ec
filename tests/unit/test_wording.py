"""Messages name the options of the command to its users, and the arguments of Python to its callers."""

from __future__ import annotations

import dataclasses
import inspect
from pathlib import Path

import pytest
from builders import write_sessions
from helpers import run

import ndx_match
from ndx_match.errors import InputError, OutputError
from ndx_match.formats.importing.reading import Reading
from ndx_match.methods.registry import all_methods
from ndx_match.propagate.pipeline import propagate_files
from ndx_match.wording import ARGUMENTS, FLAGS, RENAMED, advice, in_command


@pytest.mark.parametrize(
    ("of_command", "of_python"),
    [
        ("choose one with --plane: deep, upper.", "choose one with `plane`: deep, upper."),
        ("give another name or --overwrite.", "give another name or overwrite=True."),
        ("give --subject-id ID.", "give subject_id='ID'."),
        ("give --sex M|F|O|U", "give sex='M|F|O|U'"),
        ("give --species 'Mus musculus'", "give species='Mus musculus'"),
        ("write it as --where 'column>0.5'.", "write it as where='column>0.5'."),
        ("give --numbers accepted --count-from 0", "give numbers='accepted' count_from=0"),
        ("or --method consensus --image none, which", "or method='consensus' image='none', which"),
        ("or a table with --sessions TABLE.csv.", "or a table with session_table='TABLE.csv'."),
        ("give --transpose FILE=masks or --mirror b.nwb", "give `transpose` FILE=masks or `mirror` b.nwb"),
        ("give a folder (-o DIR) or --in-place.", "give a folder or in_place=True."),
        ("give --largest-rotation 180", "give largest_rotation=180"),
        ("see `ndx-match write --all-planes` or --plane", "see `ndx-match write --all-planes` or `plane`"),
        ("/data/mouse--plane/a.nwb: use --no-cache", "/data/mouse--plane/a.nwb: use --no-cache"),
    ],
)  # fmt: skip
def test_options_become_arguments(of_command: str, of_python: str):
    assert str(InputError(of_command)) == advice(of_command) == of_python
    assert advice(of_python) == of_python
    with in_command():
        assert str(InputError(of_command)) == of_command
    assert advice(of_command) == of_python


def test_every_argument_is_one_of_python():
    functions = [propagate_files, *filter(inspect.isroutine, (getattr(ndx_match, name) for name in ndx_match.__all__))]
    known = {name for function in functions for name in inspect.signature(function).parameters}
    of_methods = [method.parameters for method in all_methods().values()]
    tables = [ndx_match.SourceOptions, ndx_match.FileMetadata, Reading, *of_methods]
    known |= {field.name for table in tables for field in dataclasses.fields(table)}
    assert {*ARGUMENTS, *FLAGS, *RENAMED.values()} - known == set()


def test_the_command_and_python_are_answered_in_their_own_words(tmp_path: Path):
    paths = write_sessions(tmp_path)
    sessions = ndx_match.read_sessions(paths)
    (tmp_path / "m.nwb").touch()
    with pytest.raises(OutputError, match=r"exists already; give another name or overwrite=True\."):
        ndx_match.write_match_file(sessions, ndx_match.match(sessions, "nway"), tmp_path / "m.nwb")
    run("write", *paths, "-o", tmp_path / "m.nwb").refused("exists already; give another name or --overwrite.")
