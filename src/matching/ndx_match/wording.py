"""Word the advice in messages: it names options while the command runs, else the arguments of Python."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

#: Arguments of functions, fields of `SourceOptions` and `FileMetadata`, and parameters of methods. An option that is
#: not listed has no argument of its own in Python and is left as it is.
ARGUMENTS = {
    "--age": "age",
    "--all-rois": "all_rois",
    "--allow-different-subjects": "allow_different_subjects",
    "--count-from": "count_from",
    "--dandi-name": "dandi_name",
    "--depth-tolerance": "depth_tolerance",
    "--experiment-description": "experiment_description",
    "--experimenter": "experimenter",
    "--image": "image",
    "--in-place": "in_place",
    "--institution": "institution",
    "--keywords": "keywords",
    "--largest-rotation": "largest_rotation",
    "--location": "location",
    "--method": "method",
    "--mirror": "mirror",
    "--movie": "movie",
    "--numbers": "numbers",
    "--nway-python": "python",
    "--overwrite": "overwrite",
    "--plane": "plane",
    "--roi-table": "roi_table",
    "--session-id": "session_id",
    "--session-start": "session_starts",
    "--sessions": "session_table",
    "--sex": "sex",
    "--species": "species",
    "--strict": "strict",
    "--subject-description": "subject_description",
    "--subject-id": "subject_id",
    "--transpose": "transpose",
    "--where": "where",
    "--z-plane": "z_plane",
}
FLAGS = {"all_rois", "allow_different_subjects", "dandi_name", "in_place", "overwrite", "strict"}

_COMMAND = re.compile(r"`[^`]*`")
#: An option and the value that follows it: quoted, a number, a word that the option takes, or a capitalised example.
_OPTION = re.compile(
    r"(?<![\w-])(?P<option>--[a-z][a-z-]*)"
    r"(?: (?P<value>'[^']*'|\"[^\"]*\"|\d+(?:\.\d+)?|(?:none|all|consensus|nway|rows|accepted|ids)\b"
    r"|[A-Z][\w|,]*(?![\w|,=])))?"
)

_in_command = False


@contextmanager
def in_command() -> Iterator[None]:
    """Let messages name the options of the command."""
    global _in_command
    before, _in_command = _in_command, True
    try:
        yield
    finally:
        _in_command = before


def advice(text: str) -> str:
    """A message in the words of its reader: the option `--plane upper` of the command is `plane='upper'` in Python.

    Commands in backquotes stay as they are.
    """
    if _in_command or "--" not in text:
        return text
    pieces, start = [], 0
    for command in _COMMAND.finditer(text):
        pieces += [_OPTION.sub(_argument, text[start : command.start()]), command.group()]
        start = command.end()
    return "".join((*pieces, _OPTION.sub(_argument, text[start:])))


def _argument(match: re.Match[str]) -> str:
    """The argument for an option, with its value if one follows."""
    name, value = ARGUMENTS.get(match["option"]), match["value"]
    if name is None:
        return match.group()
    if name in FLAGS:
        return f"{name}=True{f' {value}' if value else ''}"
    if value is None:
        return f"`{name}`"
    return f"{name}={value}" if value[0] in "'\"0123456789" else f"{name}={value!r}"
