"""What is fetched of a file of 500 MB: masks, image and metadata, not the movie and the traces."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers import run
from large_file import write_large_file
from remote_servers import LoopbackServer

from ndx_match.matchfile import read_match_file

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("cache")]


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("options", [(), ("--no-cache",)])
def test_only_what_is_needed_is_fetched(tmp_path: Path, compressed: bool, options: tuple[str, ...]):
    files = [write_large_file(tmp_path / f"day_{k}.nwb", f"day-{k}", 4 + k, compressed) for k in range(2)]
    assert all(file.path.stat().st_size > 500_000_000 for file in files)
    with LoopbackServer().running() as server:
        server.latency = 0.05
        server.files = {f"/{file.path.name}": file.path for file in files}
        urls = [server.url + name for name in server.files]
        run("write", *urls, "-o", tmp_path / "m.nwb", "--method", "nway", *options).succeeded()
        assert server.sent <= sum(file.masks + file.image + 5_000_000 for file in files)
        assert len(server.requests) < 200
        assert {request.path for request in server.requests} == set(server.files)
    assert read_match_file(tmp_path / "m.nwb", footprints=False).result.cells.shape == (240, 2)
