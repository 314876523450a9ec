"""Open the files of sessions again, to copy data from them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np

from ..errors import InputError, OutputError
from ..model import Session
from ..sources.candidates import FileContents
from ..sources.read import SourceFile
from ..storage.datasets import BUFFER_BYTES, is_in_file, stored
from ..storage.opening import damaged, open_nwb
from ..storage.publish import is_full
from ..storage.remote import shared_access
from ..storage.unchanged import changed, check_unchanged


@contextmanager
def open_sources(sessions: Sequence[Session]) -> Iterator[dict[str, SourceFile]]:
    """The files that hold the masks and images of sessions, by their `uri`, each opened once.

    Raises InputError if a file cannot be opened or was changed since it was read, or if the block fails because a file
    was changed meanwhile or is damaged.
    """
    with ExitStack() as stack:
        stack.enter_context(shared_access())
        check_sources(sessions)
        uris = dict.fromkeys(session.data_source.uri for session in sessions)
        sources = {uri: SourceFile(stack.enter_context(open_nwb(uri)), uri) for uri in uris}
        for session in sessions:
            _check_contents(session, sources[session.data_source.uri])
        try:
            yield sources
        except Exception as error:
            if _may_be_of_a_source(error):
                check_sources(sessions)
                for session in sessions:
                    _refuse_damaged(session, sources[session.data_source.uri].contents)
            if isinstance(error, OSError):  # otherwise the source that was opened last would be blamed
                raise OutputError(f"The output cannot be written ({error}); choose another folder.") from error
            raise


def check_sources(sessions: Sequence[Session]) -> None:
    """Raise InputError if a session's file was changed, replaced or removed since it was read."""
    for session in {session.data_source.uri: session for session in sessions}.values():
        check_unchanged(session.data_source.uri, session.state, session.data_source.sha256)


def _check_contents(session: Session, file: SourceFile) -> None:
    """Raise InputError if a file no longer has the content that was read; also for an open file, which has no state."""
    source = session.data_source
    if source.identifier not in ("", file.nwbfile.identifier):
        raise changed(source.uri)
    table = file.contents.table_at(source.roi_table_path)
    missing = [source.roi_table_path] if table is None else []
    missing += [source.image_path] if session.has_image and file.contents.image_at(source.image_path) is None else []
    if table is None or missing:
        raise InputError(
            f"{source.uri}: {missing[0]} was removed from this file since it was read; run the same again."
        )
    same_size = table.mask_shape is None or sorted(table.mask_shape) == sorted(session.shape)
    if not same_size or not np.array_equal(table.table.id.data[:], session.roi_ids):
        raise changed(source.uri, f"the ROI table {table.path}")


def _may_be_of_a_source(error: Exception) -> bool:
    """Whether writing may have failed because a source cannot be read; h5py and hdmf raise many errors for this."""
    cause = error.__cause__ if isinstance(error, OutputError) else error
    if isinstance(error, InputError) or cause is None or isinstance(cause, FileExistsError):
        return False
    return not (isinstance(cause, OSError) and is_full(cause))


def _refuse_damaged(session: Session, contents: FileContents) -> None:
    """Read all data that are copied from a session's file, and raise InputError if they cannot be read."""
    source = session.data_source
    image, table = contents.image_at(source.image_path), contents.table_at(source.roi_table_path)
    copied: dict[str, Any] = {} if image is None else {image.path: image.image}
    for column in table.table.columns if table is not None else ():
        copied[f"{source.roi_table_path}/{column.name}"] = column
    for path, column in copied.items():
        try:
            _read(stored(column.data))
        except InputError:
            raise
        except Exception as error:
            raise damaged(source.uri, error, path) from error


def _read(data: Any) -> None:
    """Read all data piece by piece."""
    if is_in_file(data) and len(data.shape):
        rows = max(1, BUFFER_BYTES * len(data) // max(1, data.nbytes))
        for start in range(0, len(data), rows):
            data[start : start + rows]
