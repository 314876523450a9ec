"""NWB files in Zarr stores, of format 2 with hdmf-zarr before 0.14 and of format 3 with later versions.

Only :class:`ndx_match.storage.zarr.zarr_format.ZarrFormat` and the modules that it needs import Zarr.
"""
