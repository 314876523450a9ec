"""The parameters of simulations, and the tiers on which every method is measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal

from ..errors import MethodError


@dataclass(frozen=True)
class SimulationParameters:
    """How to simulate the sessions of one animal. Lengths are in pixels unless a unit is given."""

    n_sessions: int = 3  #: session 0 is the reference
    shape: tuple[int, int] = (512, 512)  #: (n_rows, n_cols) of every image
    pixel_size: float = 0.78  #: micrometres, the same along rows and columns
    #: Sharp bodies with dark nuclei and binary masks, or broad bodies and weighted footprints.
    modality: Literal["two_photon", "one_photon"] = "two_photon"
    n_cells: int = 300  #: cells near the focal plane with their centre in one field of view, detected or not
    cell_radius: float = 8.2  #: median of the bodies
    cell_radius_spread: float = 0.17  #: standard deviation of its logarithm
    slab: float = 10.0  #: half the thickness in micrometres of the layer that holds these cells
    shift: float = 30.0  #: largest shift of a session against the reference; every session's is at least half of it
    rotation: float = 3.0  #: largest rotation, likewise, in degrees
    scale: float = 0.01  #: largest relative change of scale along each axis
    non_rigid: float = 4.0  #: largest non-rigid displacement
    length_scale: float = 130.0  #: distance over which the broad part of the displacement changes
    stretched_session: int | None = None  #: session whose pixels have another aspect ratio
    stretch: tuple[float, float] = (0.75, 1.17)  #: its magnification along (x, y)
    depth_shift: float = 3.0  #: largest difference in micrometres of a session's focal plane from the reference's
    #: Mean probability that a session detects a cell of the field; a few more are lost because their masks are
    #: too small or merged.
    detection: float = 0.75
    detection_spread: float = 1.0  #: standard deviation over cells of the log-odds of detection
    mask_noise: float = 1.0  #: strength of the differences between the masks of one cell; 0 gives the true outline
    splits: float = 0.02  #: share of ROIs that are halves of a split cell's body
    merges: float = 0.02  #: share of ROIs that are two cells in one
    false_rois: float = 0.08  #: share of ROIs that are no cell at all
    brightness_spread: float = 0.35  #: standard deviation of the logarithm of a cell's change between sessions
    texture_change: float = 0.3  #: share of the neuropil's variance that is new in each session
    photons: float = 20000.0  #: per pixel in the whole recording at mean brightness; shot noise follows
    stripes: float = 0.0  #: amplitude of horizontal stripes fixed to the detector, relative to the mean brightness
    border: int = 5  #: width of the dim frame that motion correction leaves
    fields: tuple[int, ...] | None = None  #: which piece of tissue each session looks at; None: all at the same
    roi_id_style: Literal["large", "from_zero"] = "large"  #: such as 1080615751, or 0, 1, 2, ... in every session

    def __post_init__(self) -> None:
        if self.n_sessions < 1:
            raise MethodError(f"a simulation needs at least one session, not {self.n_sessions}.")
        if self.fields is not None and len(self.fields) != self.n_sessions:
            raise MethodError(f"fields names {len(self.fields)} sessions of {self.n_sessions}; name each once.")
        if min(self.field_of_session) < 0:
            raise MethodError(f"fields are counted from 0; {self.fields} holds a number below.")
        if self.stretched_session is not None and not 0 < self.stretched_session < self.n_sessions:
            raise MethodError(
                f"stretched_session is {self.stretched_session}; choose one of 1 to {self.n_sessions - 1}, as session "
                "0 is the reference."
            )
        if self.n_cells < 1:
            raise MethodError(f"a field needs at least one cell, not {self.n_cells}.")
        if not 0 < self.detection < 1:
            raise MethodError(f"detection is a probability between 0 and 1, not {self.detection}.")
        if min(self.shape) < 64:
            raise MethodError(f"images of {self.shape} are too small to simulate; use 64 pixels or more.")

    @property
    def field_of_session(self) -> tuple[int, ...]:
        """The piece of tissue at which each session looks."""
        return self.fields if self.fields is not None else (0,) * self.n_sessions

    def with_sessions(self, n_sessions: int) -> SimulationParameters:
        """The same difficulty with another number of sessions; if the last one is special, the new last one is too.

        Raises
        ------
        MethodError
            Fewer than two sessions are wanted, but the parameters distinguish between sessions.
        """
        fields, stretched = self.fields, self.stretched_session
        if fields is not None and n_sessions > 1:
            fields = (*fields[:-1], *(fields[0],) * n_sessions)[: n_sessions - 1] + fields[-1:]
        if stretched is not None and stretched == self.n_sessions - 1:
            stretched = n_sessions - 1
        return replace(self, n_sessions=n_sessions, fields=fields, stretched_session=stretched)


_TYPICAL = SimulationParameters()

#: The difficulties on which every method is measured; they must not be adapted to a method.
TIERS: Mapping[str, SimulationParameters] = MappingProxyType(
    {
        "small": replace(
            _TYPICAL, shift=10.0, rotation=1.0, scale=0.005, non_rigid=2.0, depth_shift=2.0, detection=0.8
        ),
        "typical": _TYPICAL,
        "typical_stripes": replace(_TYPICAL, stripes=0.12),
        "hard": replace(
            _TYPICAL,
            shift=80.0,
            rotation=8.0,
            scale=0.02,
            non_rigid=8.0,
            stretched_session=2,
            detection=0.6,
            depth_shift=4.0,
        ),
        "unrelated": replace(_TYPICAL, n_sessions=2, fields=(0, 1)),
        "odd_one_out": replace(_TYPICAL, fields=(0, 0, 1)),
        "one_photon": replace(
            _TYPICAL,
            modality="one_photon",
            shape=(300, 300),
            pixel_size=2.2,
            n_cells=190,
            cell_radius=8.5,
            shift=15.0,
            rotation=2.0,
            non_rigid=2.5,
            length_scale=90.0,
            merges=0.0,
            border=0,
        ),
        "five_sessions": replace(_TYPICAL, n_sessions=5),
        "few_cells": replace(_TYPICAL, n_cells=20),
    }
)
