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
        10.0, "distance of centroids after registration from which ROIs are never matched", above=0, unit="pixels"
    )
    motion_type: str = parameter("MOTION_EUCLIDEAN", "freedom of the ECC registration", choices=MOTION_TYPES)
    registration_iterations: int = parameter(1000, "greatest number of ECC iterations", minimum=1)
    registration_precision: float = parameter(1.5e-7, "gain of correlation at which ECC stops", above=0)
    gauss_filt_size: int = parameter(5, "odd size of the Gaussian that ECC smooths with", minimum=1, unit="pixels")
    clahe_grid: int = parameter(
        24, "tiles along each side of the adaptive histogram equalisation (CLAHE); -1: none", minimum=-1
    )
    clahe_clip: float = parameter(2.5, "contrast limit of CLAHE; 0: none", minimum=0)
    edge_buffer: int = parameter(
        40,
        "width cropped from all four sides before registration (half the image or more: no estimate)",
        minimum=0,
        unit="pixels",
    )
    include_original: bool = parameter(False, "try one more chain of steps, without the crop: CLAHE, ECC")
    assignment_solver: str = parameter(
        "Blossom",
        "how ROIs are assigned: Blossom has the greatest total weight, Hungarian the least total cost",
        choices=ASSIGNMENT_SOLVERS,
    )
    pruning_method: str = parameter(
        "keepmin",
        "how conflicting groups are settled: keepmin keeps the group of least cost, popmax drops that of greatest cost",
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
        "restore every behaviour of the published pipeline: refuse sessions where no registration is better than none "
        "at all, and match ROIs that were warped out of the image as if they lay in its corner (0, 0)",
    )
