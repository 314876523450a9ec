"""Write Markdown tables, and format the numbers in them."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np

LIBRARIES = ("numpy", "scipy", "opencv-python-headless", "scikit-image", "networkx", "h5py", "hdmf", "pynwb")


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table with aligned columns."""
    cells = [list(header), *([str(cell) for cell in row] for row in rows)]
    if any(len(row) != len(header) for row in cells):
        raise ValueError(f"every row needs {len(header)} cells, as many as the header")
    widths = [max(len(row[k]) for row in cells) for k in range(len(header))]
    lines = ["| " + " | ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) + " |" for row in cells]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def write(path: Path, parts: Iterable[str]) -> None:
    """Write paragraphs, headings and tables as one Markdown file."""
    path.write_text("\n\n".join(part.strip("\n") for part in parts) + "\n", encoding="utf-8")
    print(f"Wrote {path}")


def machine() -> str:
    """The machine and the libraries, in one sentence each."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES if _installed(name))
    return (
        f"Measured on {cores} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}; "
        f"ndx-cell-matching {version('ndx-cell-matching')}, {libraries}. "
        f"Load average when the measurement began: {os.getloadavg()[0]:.1f}."
    )


def _installed(name: str) -> bool:
    try:
        return bool(version(name))
    except ModuleNotFoundError:
        return False


def seconds(value: float) -> str:
    """A duration."""
    return f"{value:.2f} s" if value < 9.995 else f"{value:.1f} s"


def megabytes(value: float) -> str:
    """An amount of memory given in bytes."""
    return f"{value / 1e6:.0f} MB"


def mean_sd(values: Sequence[float], digits: int = 3, sign: bool = False) -> str:
    """Mean and standard deviation of a sample; only the mean if there is one value."""
    plus = "+" if sign else ""
    finite = np.asarray(values, float)
    finite = finite[np.isfinite(finite)]
    if not len(finite):
        return "-"
    mean = f"{finite.mean():{plus}.{digits}f}"
    return f"{mean} ± {finite.std(ddof=1):.{digits}f}" if len(finite) > 1 else mean


def verdict(holds: bool) -> str:
    """Whether a target is reached."""
    return "holds" if holds else "**does not hold**"


def say(*words: object) -> None:
    """Print progress."""
    print(*words, file=sys.stderr, flush=True)
