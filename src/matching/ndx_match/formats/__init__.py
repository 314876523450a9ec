"""Exchange with other tools: the nway package's JSON, tables of matched cells."""

from .nway_json import NwayInput, RoiIds, read_ids, read_nway_output, write_nway_input, write_nway_output
from .tables import cells_dataframe, planes_dataframe, write_cells

__all__ = [
    "NwayInput",
    "RoiIds",
    "cells_dataframe",
    "planes_dataframe",
    "read_ids",
    "read_nway_output",
    "write_cells",
    "write_nway_input",
    "write_nway_output",
]
