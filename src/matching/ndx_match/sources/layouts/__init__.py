"""The layout of each program that writes ROIs into NWB files, one module per program.

To add a layout, put a module that defines `LAYOUT` (or several, in `LAYOUTS`) into this folder, or name it in another
package as an entry point of the group `ndx_match.layouts`. No other file has to be changed.
"""

from .protocol import DepthPlace, Layout
from .recognise import Recognised, depth_of_plane, find_layouts, pixel_size_of_plane, recognise

__all__ = ["DepthPlace", "Layout", "Recognised", "depth_of_plane", "find_layouts", "pixel_size_of_plane", "recognise"]
