"""Match the cells of calcium-imaging sessions across days, from NWB files to an NWB file."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("ndx-cell-matching")
except PackageNotFoundError:  # run from a source tree that is not installed
    __version__ = "0.0.0"
