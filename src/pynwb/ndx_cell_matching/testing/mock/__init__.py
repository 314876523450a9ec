"""Small valid objects of this extension, made like those of `pynwb.testing.mock`."""

from .cell_matching import mock_CellMatching, mock_source_nwbfile

__all__ = ["mock_CellMatching", "mock_source_nwbfile"]
