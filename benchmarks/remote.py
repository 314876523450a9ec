"""Measure how much of a large file on the network is fetched to read one session; writes remote.md.

python benchmarks/remote.py [--output PATH]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from markdown_tables import machine, say, table, write

sys.path.append(str(Path(__file__).resolve().parent.parent / "tests"))

from large_file import write_large_file
from remote_servers import LoopbackServer

from ndx_match.sources import read_session
from ndx_match.storage.remote import remote_access

LATENCY = 0.05  #: seconds before each answer
ALLOWED = 5_000_000  #: target: most bytes in addition to masks and image


def main() -> None:
    """Measure and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path(__file__).with_suffix(".md"))
    options = parser.parse_args()
    rows = [_row("compressed", True), _row("not compressed", False)]
    within = f"within {ALLOWED / 1e6:g} MB"
    header = ("masks", "file", "masks + image", "fetched", "more than needed", within, "requests", "time")
    write(
        options.output,
        [
            "# How much is fetched from a large file on the network",
            "Written by `python benchmarks/remote.py`. One session is read over the loopback interface, without a "
            f"cache, from a server that waits {LATENCY * 1000:.0f} ms before each answer. The files are made by "
            "`tests/large_file.py`: a movie, three sets of traces, masks and images, written in several steps.",
            machine(),
            table(header, rows),
        ],
    )


def _row(name: str, compressed: bool) -> tuple[object, ...]:
    with tempfile.TemporaryDirectory() as folder, LoopbackServer().running() as server:
        say(f"  masks {name}")
        file = write_large_file(Path(folder) / "large.nwb", compressed=compressed)
        server.files = {"/large.nwb": file.path}
        server.latency = LATENCY
        started = time.perf_counter()
        with remote_access(cache=False):
            read_session(f"{server.url}/large.nwb")
        seconds = time.perf_counter() - started
        needed = file.masks + file.image
        beyond = server.sent - needed
        sizes = (file.path.stat().st_size, needed, server.sent, beyond)
        holds = "holds" if beyond <= ALLOWED else "does not hold"
        return name, *(f"{size / 1e6:.2f} MB" for size in sizes), holds, len(server.requests), f"{seconds:.1f} s"


if __name__ == "__main__":
    main()
