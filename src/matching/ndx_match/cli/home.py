"""Let the libraries work where the user's home cannot be used, as in jobs of a cluster."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile


def replace_unusable_home() -> None:
    """Give libraries a temporary folder for their caches where the user's cannot be written into.

    pynwb makes its own when it is imported, and fails where it cannot; matplotlib complains.
    """
    try:
        import platformdirs
    except ImportError:
        return
    folder = platformdirs.user_cache_dir()
    if os.path.isabs(folder) and _is_usable(folder):
        return
    temporary = tempfile.mkdtemp(prefix="ndx-match-")
    atexit.register(shutil.rmtree, temporary, ignore_errors=True)
    os.environ.update(dict.fromkeys(("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "MPLCONFIGDIR"), temporary))


def _is_usable(folder: str) -> bool:
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK | os.X_OK)
