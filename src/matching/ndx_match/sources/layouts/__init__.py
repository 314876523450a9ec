"""How each program that writes ROIs into NWB files arranges them: one module per program.

A module that defines `LAYOUT`, or `LAYOUTS` for several, put into this folder or named by another package as an entry
point of the group `ndx_match.layouts`, adds its layouts; no other file is edited.
"""

from .protocol import DepthPlace, Layout
from .recognise import Recognised, depth_of_plane, find_layouts, pixel_size_of_plane, recognise

__all__ = ["DepthPlace", "Layout", "Recognised", "depth_of_plane", "find_layouts", "pixel_size_of_plane", "recognise"]
