"""Parameters of the consensus method: few, and in the units of the field."""

from __future__ import annotations

from dataclasses import dataclass

from ..parameters import NAMED_PROBABILITIES, Parameters, documented, parameter

NAME = "consensus"


@documented
@dataclass(frozen=True)
class ConsensusParameters(Parameters):
    """Parameters of :func:`ndx_match.methods.consensus.match`."""

    largest_shift: float = parameter(
        0.4,
        "largest shift of the middle of the field that is searched for",
        above=0,
        maximum=0.8,
        unit="fractions of the field",
    )
    largest_rotation: float = parameter(
        15.0, "largest rotation that is searched for", minimum=0, maximum=180, unit="degrees"
    )
    smallest_scale: float = parameter(
        0.7,
        "smallest magnification of an axis that is searched for if shift and rotation alone do not align two sessions",
        above=0,
        maximum=1,
    )
    largest_scale: float = parameter(1.3, "largest magnification of an axis that is searched for", minimum=1)
    non_rigid: bool = parameter(True, "correct smooth deformations if the data support it")
    significance: float = parameter(
        9.0,
        "z score that the correlation of an alignment must reach; it must also be 2.5 times the best z score of shifts "
        "that are certainly wrong",
        above=0,
    )
    reach: float = parameter(
        1.6, "largest distance of the centroids of two ROIs that are compared", above=0, unit="typical ROI radii"
    )
    least_probability: float = parameter(
        0.5, "probability that every two ROIs of a cell must reach", above=0, below=1, names=NAMED_PROBABILITIES
    )
