"""Word the advice in messages: it names options while the command runs, else the arguments of Python."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

#: Arguments that are named as their options are: of functions, fields of `SourceOptions` and `FileMetadata`, and
#: parameters of methods. An option without an argument in Python is left as it is.
ARGUMENTS = {
    "age", "count_from", "depth_tolerance", "experiment_description", "experimenter", "image", "institution",
    "keywords", "largest_rotation", "location", "method", "mirror", "movie", "numbers", "plane", "roi_table",
    "session_id", "sex", "species", "subject_description", "subject_id", "transpose", "where", "z_plane",
}  # fmt: skip
FLAGS = {"all_rois", "allow_different_subjects", "dandi_name", "in_place", "overwrite", "strict"}
RENAMED = {"--nway-python": "python", "--session": "sessions", "--session-start": "session_starts"} | {
    "--sessions": "session_table"
}

_OUTPUT = re.compile(r" \(-o [A-Z]+\)")  #: the option beside its meaning in words, which is enough in Python
_COMMAND = re.compile(r"`[^`]*`")
#: An option and the value that follows it: quoted, a number, a word that the option takes, or a capitalised example.
_OPTION = re.compile(
    r"(?<![\w-])(?P<option>--[a-z][a-z-]*)"
    r"(?: (?P<value>'[^']*'|\"[^\"]*\"|\d+(?:\.\d+)?|(?:none|all|consensus|nway|rows|accepted|ids)\b"
    r"|[A-Z](?:[\w|,]|\.(?=\w))*(?![\w|,=])))?"
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
    if _in_command:
        return text
    text = _OUTPUT.sub("", text)
    pieces, start = [], 0
    for command in _COMMAND.finditer(text):
        pieces += [_OPTION.sub(_argument, text[start : command.start()]), command.group()]
        start = command.end()
    return "".join((*pieces, _OPTION.sub(_argument, text[start:])))


def _argument(match: re.Match[str]) -> str:
    """The argument for an option, with its value if one follows."""
    option, value = match["option"], match["value"]
    name = RENAMED.get(option, option[2:].replace("-", "_"))
    if name in FLAGS:
        return f"{name}=True{f' {value}' if value else ''}"
    if option not in RENAMED and name not in ARGUMENTS:
        return match.group()
    if value is None:
        return f"`{name}`"
    return f"{name}={value}" if value[0] in "'\"0123456789" else f"{name}={value!r}"
