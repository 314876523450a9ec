"""The JSON of the Allen Institute's nway package: its input from sessions, its output to and from a match result."""

from .ids import RoiIds, read_ids
from .inputs import NwayInput, write_nway_input
from .outputs import read_nway_output, write_nway_output

__all__ = [
    "NwayInput",
    "RoiIds",
    "read_ids",
    "read_nway_output",
    "write_nway_input",
    "write_nway_output",
]
