"""Everything that knows how NWB files are stored: HDF5, Zarr, the network, publishing, damage."""
