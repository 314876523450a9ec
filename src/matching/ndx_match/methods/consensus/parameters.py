"""Parameters of the consensus method: few, and in the units of the field."""

from __future__ import annotations

from dataclasses import dataclass

from ...errors import MethodError


@dataclass(frozen=True)
class ConsensusParameters:
    """Parameters of :func:`ndx_match.methods.consensus.match`.

    Attributes
    ----------
    largest_shift : float
        Of the middle of the field, as a fraction of the field, that is searched for.
    largest_rotation : float
        Degrees that are searched for.
    smallest_scale, largest_scale : float
        Magnifications, of each axis on its own, that are searched for where shift and rotation alone do not do.
    non_rigid : bool
        Let smooth deformations correct what affine maps leave, where the data support it.
    significance : float
        Least z score of an alignment, by its correlation against those of shifts that must be wrong. It must also be
        2.5 times the best z of these shifts: unrelated fields, of which the search takes the best among millions of
        alignments, reach less than twice that, related ones mostly five times and more.
    reach : float
        Distance between centroids, in typical ROI radii, up to which two ROIs are compared.
    least_probability : float
        Of a pair to be matched.
    """

    largest_shift: float = 0.4
    largest_rotation: float = 15.0
    smallest_scale: float = 0.7
    largest_scale: float = 1.3
    non_rigid: bool = True
    significance: float = 9.0
    reach: float = 1.6
    least_probability: float = 0.5

    def __post_init__(self) -> None:
        if not 0 < self.largest_shift <= 0.8:
            raise MethodError(f"largest_shift is {self.largest_shift}; it must be a fraction between 0 and 0.8.")
        if not 0 <= self.largest_rotation <= 180:
            raise MethodError(f"largest_rotation is {self.largest_rotation}; it must be 0 to 180 degrees.")
        if not 0 < self.smallest_scale <= 1 <= self.largest_scale:
            raise MethodError(
                f"the scales {self.smallest_scale} to {self.largest_scale} must be positive and include 1."
            )
        if not self.significance > 0 or not self.reach > 0:
            raise MethodError("significance and reach must be greater than 0.")
        if not 0 < self.least_probability < 1:
            raise MethodError(f"least_probability is {self.least_probability}; it must lie between 0 and 1.")
