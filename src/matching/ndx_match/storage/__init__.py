"""Everything that depends on how NWB files are stored: HDF5, Zarr, the network, safe writing, damaged files."""
