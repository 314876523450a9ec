"""Parameters of the nway pipeline, with the published names and defaults."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ...errors import MethodError

MOTION_TYPES = ("MOTION_EUCLIDEAN", "MOTION_TRANSLATION", "MOTION_AFFINE", "MOTION_HOMOGRAPHY")
ASSIGNMENT_SOLVERS = ("Blossom", "Hungarian")
PRUNING_METHODS = ("keepmin", "popmax")


@dataclass(frozen=True)
class NwayParameters:
    """Parameters of :func:`ndx_match.methods.nway.match`.

    Attributes
    ----------
    maximum_distance : float
        Pixels; ROIs whose centroids lie farther apart after registration are never matched.
    motion_type : str
        Freedom of the ECC step: `MOTION_EUCLIDEAN`, `MOTION_TRANSLATION`, `MOTION_AFFINE`, `MOTION_HOMOGRAPHY`.
    registration_iterations : int
        Greatest number of ECC iterations.
    registration_precision : float
        ECC stops when its correlation grows by less than this.
    gauss_filt_size : int
        Size in pixels of the Gaussian that ECC smooths with; odd.
    clahe_grid : int
        Tiles a side of the adaptive histogram equalisation (CLAHE); -1 turns it off.
    clahe_clip : float
        Contrast limit of CLAHE.
    edge_buffer : int
        Pixels cropped from all four sides before estimating; 0 crops nothing.
    include_original : bool
        Adds one candidate: CLAHE and ECC without the crop.
    assignment_solver : str
        `Blossom` (maximum weight) or `Hungarian` (minimum total cost).
    pruning_method : str
        `keepmin` or `popmax`: how conflicting groups are settled.
    strict : bool
        Restores what the published pipeline does where this implementation departs from it on purpose: it raises
        where identity is the best alignment of any pair, and matches ROIs that were warped out of the image as
        if they sat in the corner (0, 0).
    """

    maximum_distance: float = 10.0
    motion_type: str = "MOTION_EUCLIDEAN"
    registration_iterations: int = 1000
    registration_precision: float = 1.5e-7
    gauss_filt_size: int = 5
    clahe_grid: int = 24
    clahe_clip: float = 2.5
    edge_buffer: int = 40
    include_original: bool = False
    assignment_solver: str = "Blossom"
    pruning_method: str = "keepmin"
    strict: bool = False

    def __post_init__(self) -> None:
        for name, choices in (
            ("motion_type", MOTION_TYPES),
            ("assignment_solver", ASSIGNMENT_SOLVERS),
            ("pruning_method", PRUNING_METHODS),
        ):
            if getattr(self, name) not in choices:
                raise MethodError(f"{name} is {getattr(self, name)!r}; choose one of {', '.join(choices)}.")
        for name in ("maximum_distance", "registration_iterations", "registration_precision"):
            if not 0 < getattr(self, name) < math.inf:
                raise MethodError(f"{name} is {getattr(self, name)}; it must be a number greater than 0.")
        if self.gauss_filt_size < 1 or self.gauss_filt_size % 2 == 0:
            raise MethodError(f"gauss_filt_size is {self.gauss_filt_size}; it must be odd and positive.")
        if self.clahe_grid < 1 and self.clahe_grid != -1:
            raise MethodError(f"clahe_grid is {self.clahe_grid}; it must be positive, or -1 for no CLAHE.")
        if not 0 <= self.clahe_clip < math.inf:
            raise MethodError(f"clahe_clip is {self.clahe_clip}; it must be 0 (no limit) or more.")
        if self.edge_buffer < 0:
            raise MethodError(f"edge_buffer is {self.edge_buffer}; it must be 0 or more pixels.")
