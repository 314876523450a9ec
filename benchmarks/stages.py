"""Match NWB files in this process and print how many seconds each stage took, as a JSON object.

The wall time of a stage is named after it, its processor time "processor " and its name.

python benchmarks/stages.py nway|consensus OUTPUT FILE FILE...
"""

from __future__ import annotations

import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any
from unittest.mock import patch

Seconds = defaultdict[str, float]


@contextmanager
def clock(seconds: Seconds, stage: str) -> Iterator[None]:
    """Add the elapsed time and the processor time of the block to a stage."""
    wall, processor = time.perf_counter(), time.process_time()
    yield
    seconds[stage] += time.perf_counter() - wall
    seconds[f"processor {stage}"] += time.process_time() - processor


def match_nway(sessions: Sequence[Any], seconds: Seconds) -> Any:
    """The steps of `ndx_match.methods.nway.match`, stage by stage."""
    pipeline = import_module("ndx_match.methods.nway.pipeline")
    parameters = pipeline.NwayParameters()
    grouping = clocked(pipeline.group_matches, seconds, "grouping")
    with clock(seconds, "matching"):
        with clock(seconds, "registration"):
            registrations = pipeline.register_all(sessions, parameters)
        with clock(seconds, "after registration"), patch.object(pipeline, "group_matches", grouping):
            return pipeline.match_registered(sessions, registrations, parameters)


def match_consensus(sessions: Sequence[Any], seconds: Seconds) -> Any:
    """The consensus method as a whole."""
    with clock(seconds, "matching"):
        return import_module("ndx_match.methods.consensus").match(sessions)


def clocked(function: Callable[..., Any], seconds: Seconds, stage: str) -> Callable[..., Any]:
    """The function, changed so that its time is added to a stage."""

    def with_clock(*arguments: Any, **named: Any) -> Any:
        with clock(seconds, stage):
            return function(*arguments, **named)

    return with_clock


def main(method: str, output: str, files: Sequence[str]) -> None:
    """Read, match and write, as `ndx-match write` does."""
    seconds: Seconds = defaultdict(float)
    with clock(seconds, "import"):
        import_module("ndx_match.cli.write")
        import_module(f"ndx_match.methods.{method}")
    with clock(seconds, "reading"):
        sessions = import_module("ndx_match.sources").read_sessions(files)
    result = {"nway": match_nway, "consensus": match_consensus}[method](sessions, seconds)
    with clock(seconds, "writing"):
        import_module("ndx_match.matchfile").write_match_file(sessions, result, output, overwrite=True)
    print(json.dumps(seconds))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
