"""Parameters of the nway pipeline, with the published names and defaults."""

from __future__ import annotations

from dataclasses import dataclass

from ...errors import MethodError
from ..parameters import Parameters, documented, parameter

NAME = "nway"
MOTION_TYPES = ("MOTION_EUCLIDEAN", "MOTION_TRANSLATION", "MOTION_AFFINE", "MOTION_HOMOGRAPHY")
ASSIGNMENT_SOLVERS = ("Blossom", "Hungarian")
PRUNING_METHODS = ("keepmin", "popmax")


@documented
@dataclass(frozen=True)
class PipelineParameters(Parameters):
    """Parameters of the published pipeline, which the methods `nway` and `allen` share."""

    maximum_distance: float = parameter(
        10.0,
        "ROIs are never matched if their centroids are this far apart or farther after registration",
        above=0,
        unit="pixels",
    )
    motion_type: str = parameter(
        "MOTION_EUCLIDEAN", "kind of transform that the ECC registration estimates", choices=MOTION_TYPES
    )
    registration_iterations: int = parameter(1000, "greatest number of ECC iterations", minimum=1)
    registration_precision: float = parameter(
        1.5e-7, "gain of correlation per iteration below which ECC stops", above=0
    )
    gauss_filt_size: int = parameter(
        5, "size of the Gaussian with which ECC smooths the images; it must be odd", minimum=1, unit="pixels"
    )
    clahe_grid: int = parameter(
        24, "tiles along each side of the adaptive histogram equalisation (CLAHE); -1 turns CLAHE off", minimum=-1
    )
    clahe_clip: float = parameter(2.5, "contrast limit of CLAHE; 0 means no limit", minimum=0)
    edge_buffer: int = parameter(
        40,
        "width that is cropped from all four sides of an image before registration; if no part of the image is left, "
        "the chains of steps with a crop give no alignment",
        minimum=0,
        unit="pixels",
    )
    include_original: bool = parameter(False, "also try the chain of steps CLAHE, ECC, which has no crop")
    assignment_solver: str = parameter(
        "Blossom",
        "how ROIs are assigned: Blossom finds the greatest total weight, Hungarian the least total cost",
        choices=ASSIGNMENT_SOLVERS,
    )
    pruning_method: str = parameter(
        "keepmin",
        "how conflicts between groups are settled: keepmin keeps the group of least cost, popmax drops the group of "
        "greatest cost",
        choices=PRUNING_METHODS,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.gauss_filt_size % 2 == 0:
            raise MethodError(f"gauss_filt_size is {self.gauss_filt_size}; it must be odd.")
        if self.clahe_grid == 0:
            raise MethodError("clahe_grid is 0; it must be greater than 0, or -1 for no CLAHE.")


@documented
@dataclass(frozen=True)
class NwayParameters(PipelineParameters):
    """Parameters of :func:`ndx_match.methods.nway.match`."""

    strict: bool = parameter(
        False,
        "restore every behaviour of the published pipeline: refuse sessions if no estimated registration is better "
        "than none, and match ROIs that were warped out of the image as if they lay in its corner (0, 0)",
    )
