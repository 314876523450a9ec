"""Let the libraries work if the user's home folder cannot be used, as in some jobs on a cluster."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

FOLDERS = ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "MPLCONFIGDIR")  #: environment variables


@contextmanager
def usable_home() -> Iterator[None]:
    """Give libraries a temporary folder while the block runs, if the user's folders are not writable.

    pynwb makes a folder of its own when it is imported, and fails if it cannot; matplotlib complains.
    """
    if _is_usable():
        yield
        return
    before = {name: os.environ.get(name) for name in FOLDERS}
    with tempfile.TemporaryDirectory(prefix="ndx-match-", ignore_cleanup_errors=True) as folder:
        os.environ.update(dict.fromkeys(FOLDERS, folder))
        try:
            yield
        finally:
            for name, value in before.items():
                del os.environ[name]
                if value is not None:
                    os.environ[name] = value


def _is_usable() -> bool:
    try:
        from platformdirs import user_cache_dir

        folder = user_cache_dir("pynwb-hdmf", ensure_exists=True)
    except ImportError:
        return True
    except OSError:
        return False
    return os.path.isabs(folder) and os.access(folder, os.W_OK | os.X_OK)
