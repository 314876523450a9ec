"""The JSON files of the Allen Institute's nway package: write its input, and read and write its output."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from ...methods.nway.parameters import PipelineParameters
from ...model import MatchedPlane
from ..protocol import Exporter, Importer
from .ids import RoiIds, read_ids
from .inputs import NwayInput, write_nway_input
from .outputs import nway_output, read_nway_output, write_nway_output

__all__ = [
    "EXPORTER",
    "IMPORTER",
    "NwayInput",
    "RoiIds",
    "nway_output",
    "read_ids",
    "read_nway_output",
    "write_nway_input",
    "write_nway_output",
]


def _write(planes: Sequence[MatchedPlane], path: Path) -> None:
    for plane in planes:
        path.write_text(json.dumps(nway_output(plane.result, plane.sessions)), encoding="utf-8")


IMPORTER = Importer(
    "nway",
    "the Allen Institute's package: the file that it wrote as --output_json",
    "the ids in ids.json beside the file, or else in the ROI tables",
    read_nway_output,
    PipelineParameters,
)
EXPORTER = Exporter(
    "nway", ".json", "the file that the Allen Institute's package writes as --output_json", _write, several_planes=False
)
