"""Exceptions of the pipeline. Each message is one sentence: what is wrong, in which file, what to do."""

from __future__ import annotations

import re

from .addresses import public_text
from .wording import advice

#: Characters that would break a line, or that a terminal takes for commands.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def one_line(text: object) -> str:
    """A text as it may be shown in a line: file names and ids can hold anything, line breaks too."""
    return _CONTROL.sub(lambda pattern_match: ascii(pattern_match.group())[1:-1], str(text))


class NdxMatchError(Exception):
    """Base of every error that `ndx_match` raises on purpose; the command prints it and exits with 2.

    Addresses in the message, also in what it cites of other libraries, lose what may not be shown. Options of the
    command that it names become the arguments of Python that do the same, unless the command runs.
    """

    def __init__(self, message: str = "") -> None:
        super().__init__(advice(public_text(message)))

    def __str__(self) -> str:
        return one_line(super().__str__())


class InputError(NdxMatchError):
    """An input file is missing, damaged, or does not hold what is needed."""


class AmbiguousInputError(InputError):
    """An input file holds several candidates (planes, ROI tables, images) and none was chosen."""


class OutputError(NdxMatchError):
    """The output cannot be written: it exists already, its folder is missing, the disk is full."""


class MethodError(NdxMatchError):
    """A matching method cannot run or its parameters make no sense."""
