"""Make movies of simulated sessions, in which the activity of each cell, detected or not, is known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from hdmf.backends.hdf5 import H5DataIO
from hdmf.data_utils import DataChunkIterator
from pynwb import NWBHDF5IO
from pynwb.ophys import TwoPhotonSeries
from scipy.ndimage import gaussian_filter1d
from scipy.sparse import csr_array

from ndx_match.simulate import CELLS_PER_FIELD, Simulation, body_masks

RATE = 30.0  #: frames per second
EVENTS = 0.01  #: transients per cell and frame
DECAY = 18.0  #: decay time of a transient, in frames
GAIN = 0.6  #: brightness of a transient in the focal plane, relative to the mean image
NEUROPIL = 0.08  #: standard deviation of the neuropil's common fluctuations, relative to the mean image
NOISE = 1.5  #: standard deviation of a pixel's noise, relative to the square root of its grey value


@dataclass(frozen=True)
class SimulatedMovie:
    """The movie of one session and its truth."""

    image: np.ndarray  #: mean image, shape (n_rows, n_cols)
    cells: np.ndarray  #: numbers of all cells in view, as in `Simulation.identity`
    activity: np.ndarray  #: activity of each cell, shape (n_cells, n_frames)
    bodies: csr_array  #: brightness that each active cell adds to each pixel, shape (n_cells, n_pixels)
    neuropil: np.ndarray  #: fluctuations of the neuropil, shape (n_frames,)
    seed: int

    def frames(self) -> Iterator[np.ndarray]:
        """The frames one by one, uint16, [row, col]."""
        rng = np.random.default_rng(self.seed)
        spread = csr_array(self.bodies.T)
        for time, neuropil in enumerate(self.neuropil):
            light = self.image * (1 + NEUROPIL * neuropil)
            light = light + (spread @ self.activity[:, time]).reshape(self.image.shape)
            noise = NOISE * np.sqrt(np.maximum(light, 1)) * rng.standard_normal(self.image.shape, np.float32)
            yield np.clip(np.round(4 * (light + noise)), 0, 65535).astype(np.uint16)


def movie_of(simulation: Simulation, session: int, n_frames: int, seed: int = 0) -> SimulatedMovie:
    """The movie of a session: transients of all cells in view, weaker out of focus, on the mean image."""
    rng = np.random.default_rng([seed, session, n_frames])
    cells, masks = body_masks(simulation, session)
    bodies = simulation.bodies[simulation.fields[session]]
    offset = bodies.depth[cells % CELLS_PER_FIELD] - simulation.focal_depths[session]
    image = np.asarray(simulation.sessions[session].image, float)
    gain = GAIN * np.exp(-((offset / simulation.parameters.slab) ** 2) / 2)
    shining = masks.multiply(gain[:, None]).multiply(image.ravel()[None]).tocsr()
    kernel = np.exp(-np.arange(6 * DECAY) / DECAY)
    events = rng.random((len(cells), n_frames)) < EVENTS
    events[np.arange(len(cells)), rng.integers(n_frames, size=len(cells))] = True  # no cell is silent
    activity = np.stack([np.convolve(row, kernel)[:n_frames] for row in events.astype(float)])
    neuropil = gaussian_filter1d(rng.standard_normal(n_frames), 10)
    return SimulatedMovie(
        image, cells, activity.astype(np.float32), csr_array(shining, dtype=np.float32), neuropil / neuropil.std(), seed
    )


def add_movie(path: Path, movie: SimulatedMovie, transposed: bool = False) -> None:
    """Add a movie to the NWB file of a simulated session, as `acquisition/TwoPhotonSeries`."""
    frames = (np.ascontiguousarray(frame.T) if transposed else frame for frame in movie.frames())
    shape = movie.image.shape[::-1] if transposed else movie.image.shape
    data = DataChunkIterator(
        data=frames, buffer_size=16, maxshape=(len(movie.neuropil), *shape), dtype=np.dtype(np.uint16)
    )
    with NWBHDF5IO(path, "r+") as io:
        nwbfile = io.read()
        (plane,) = nwbfile.imaging_planes.values()
        nwbfile.add_acquisition(
            TwoPhotonSeries(
                name="TwoPhotonSeries",
                data=H5DataIO(data, chunks=(16, *shape)),
                imaging_plane=plane,
                unit="n.a.",
                rate=RATE,
            )
        )
        io.write(nwbfile)
