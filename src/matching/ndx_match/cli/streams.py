"""Standard output and standard error of the command, which may be closed, full or limited to some characters."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TextIO

from ..addresses import is_address, public_text
from ..errors import OutputError


class CheckedStream:
    """A stream that shows no secrets of addresses, and reports in a sentence if it cannot be written.

    Parameters
    ----------
    stream : file
    addresses : sequence of str
        The addresses that the command was given.
    must_work : bool
        Whether a failure to write is an error; otherwise the text is lost silently.
    """

    def __init__(self, stream: TextIO, addresses: Sequence[str], must_work: bool) -> None:
        self._stream = stream
        self._addresses = addresses
        self._must_work = must_work
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")  # for characters that its encoding lacks

    def __getattr__(self, name: str) -> Any:
        if name == "buffer":  # if the encoding is ASCII, click would write into it and bypass this class
            raise AttributeError(name)
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write a text without the secrets of addresses."""
        public = public_text(text, self._addresses)
        if public:
            with self._checked():
                self._stream.write(public)
        return len(text)

    def flush(self) -> None:
        """Flush the stream."""
        with self._checked():
            self._stream.flush()

    @contextmanager
    def _checked(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError) as error:  # ValueError: the stream was closed
            with suppress(OSError, ValueError):  # or Python would complain when it exits
                os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())
            if isinstance(error, BrokenPipeError) and self._must_work:
                raise
            if self._must_work:
                reason = getattr(error, "strerror", None) or str(error)
                raise OutputError(f"Standard output cannot be written ({reason}); give it another place.") from error


def addresses_in(arguments: Sequence[str]) -> list[str]:
    """The addresses among the arguments of a command, alone or after a `=`."""
    values = [*arguments, *(argument.partition("=")[2] for argument in arguments)]
    return [value for value in values if is_address(value)]


@contextmanager
def checked_streams(arguments: Sequence[str]) -> Iterator[None]:
    """Replace standard output and standard error by checked streams while the block runs."""
    _fill_closed()
    before = sys.stdout, sys.stderr
    addresses = addresses_in(arguments)
    sys.stdout, sys.stderr = (  # type: ignore[assignment]
        CheckedStream(stream or os.fdopen(os.open(os.devnull, os.O_WRONLY), "w"), addresses, must_work)
        for stream, must_work in zip(before, (True, False), strict=True)
    )
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def _fill_closed() -> None:
    """Open the null device for each of the three standard streams that the process was started without.

    Otherwise a file opened later could get the number of standard output, into which libraries may write.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
