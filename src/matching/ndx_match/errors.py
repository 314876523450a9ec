"""Exceptions of the pipeline. Each message is one sentence: what is wrong, in which file, what to do."""

from __future__ import annotations

from .addresses import public_text


class NdxMatchError(Exception):
    """Base of every error that `ndx_match` raises on purpose; the command prints it and exits with 2.

    Addresses in the message, also in what it cites of other libraries, lose what may not be shown.
    """

    def __init__(self, message: str = "") -> None:
        super().__init__(public_text(message))


class InputError(NdxMatchError):
    """An input file is missing, damaged, or does not hold what is needed."""


class AmbiguousInputError(InputError):
    """An input file holds several candidates (planes, ROI tables, images) and none was chosen."""


class OutputError(NdxMatchError):
    """The output cannot be written: it exists already, its folder is missing, the disk is full."""


class MethodError(NdxMatchError):
    """A matching method cannot run or its parameters make no sense."""
