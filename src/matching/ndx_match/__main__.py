"""Entry point of the command `ndx-match`, also as `python -m ndx_match`."""

from __future__ import annotations

import gc
import sys
from importlib.util import find_spec

#: Packages that the extra `match` installs; the extension alone does not need them.
NEEDED = ("click", "rich", "scipy", "cv2", "skimage", "networkx", "matplotlib", "PIL", "threadpoolctl")


def main() -> None:
    """Run the command, or say in one sentence that only the extension is installed."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        print(
            f"Error: ndx-match needs packages that are not installed ({', '.join(missing)}); "
            'run pip install "ndx-cell-matching[match]".',
            file=sys.stderr,
        )
        sys.exit(2)
    from .cli import main as run

    gc.set_threshold(20_000, 20, 20)  # pynwb's schemas are a million small objects, none of them garbage
    try:
        run()
    finally:
        gc.freeze()  # else they are searched once more at exit


if __name__ == "__main__":
    main()
