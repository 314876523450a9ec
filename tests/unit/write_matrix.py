"""Write the matrix of `docs/layouts.md` anew: `python tests/unit/write_matrix.py`."""

from __future__ import annotations

import gzip
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))
from test_layouts import BEGIN, DOCUMENT, END, FOLDER, matrix

with tempfile.TemporaryDirectory() as temporary:

    def unpack(name: str) -> Path:
        path = Path(temporary) / f"{name}.nwb"
        path.write_bytes(gzip.decompress((FOLDER / "files" / f"{name}.nwb.gz").read_bytes()))
        return path

    text = DOCUMENT.read_text()
    start, end = text.index(BEGIN) + len(BEGIN), text.index(END)
    DOCUMENT.write_text(text[:start] + matrix(unpack) + text[end:])
