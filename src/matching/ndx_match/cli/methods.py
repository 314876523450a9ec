"""The matching methods as options of the command."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any, TypeVar

import click

from ..errors import MethodError
from ..methods import consensus, nway
from ..model import MatchResult, Progress, Session
from .common import with_options

Command = TypeVar("Command", bound=Callable[..., Any])
METHODS = ("consensus", "nway", "allen")
TAKES_ALL_ROIS = ("nway", "allen")  #: as the published pipeline does


def _options_of(defaults: Any) -> Callable[[str, Any, str], Callable[[Command], Command]]:
    """Makes options that say the parameters' defaults and are None where they are not given."""

    def option(name: str, kind: Any, text: str) -> Callable[[Command], Command]:
        flag, default = f"--{name.replace('_', '-')}", getattr(defaults, name)
        if kind is bool:
            flag, default = f"{flag}/--no-{flag[2:]}", "yes" if default else "no"
            return click.option(flag, default=None, help=f"{text}  [default: {default}]")
        return click.option(flag, type=kind, default=None, help=f"{text}  [default: {default}]")

    return option


_nway, _consensus = _options_of(nway.NwayParameters()), _options_of(consensus.ConsensusParameters())

nway_options = with_options(
    _nway("maximum_distance", float, "nway: pixels beyond which centroids are never matched."),
    _nway("motion_type", click.Choice(nway.MOTION_TYPES), "nway: freedom of the ECC registration."),
    _nway("registration_iterations", int, "nway: greatest number of ECC iterations."),
    _nway("registration_precision", float, "nway: gain of correlation at which ECC stops."),
    _nway("gauss_filt_size", int, "nway: size in pixels of ECC's Gaussian."),
    _nway("clahe_grid", int, "nway: tiles a side of the contrast equalisation (CLAHE); -1: none."),
    _nway("clahe_clip", float, "nway: contrast limit of CLAHE."),
    _nway("edge_buffer", int, "nway: pixels cropped from all sides before registration."),
    _nway("include_original", bool, "nway: try without the crop too."),
    _nway("assignment_solver", click.Choice(nway.ASSIGNMENT_SOLVERS), "nway: how pairs are assigned."),
    _nway("pruning_method", click.Choice(nway.PRUNING_METHODS), "nway: how conflicting groups are settled."),
)
consensus_options = with_options(
    _consensus("largest_shift", float, "consensus: shift that is searched for, as a fraction of the field."),
    _consensus("largest_rotation", float, "consensus: degrees that are searched for."),
    _consensus("smallest_scale", float, "consensus: least magnification of an axis that is searched for."),
    _consensus("largest_scale", float, "consensus: greatest magnification of an axis that is searched for."),
    _consensus("non_rigid", bool, "consensus: correct smooth deformations where the data support it."),
    _consensus("significance", float, "consensus: z score that an alignment must reach."),
    _consensus("reach", float, "consensus: distance of centroids, in ROI radii, up to which ROIs are compared."),
    _consensus("least_probability", float, "consensus: probability that a match must reach."),
)
method_options = with_options(
    click.option("--method", type=click.Choice(METHODS), default="consensus", show_default=True,
                 help="consensus: tested registration and match probabilities; nway: the published pipeline; allen: "
                 "the Allen Institute's own package. Options below name the methods they belong to; those of nway are "
                 "allen's too."),
    consensus_options,
    nway_options,
    _nway("strict", bool, "nway: restore every behaviour of the published pipeline."),
    click.option("--nway-python", metavar="PATH", help="allen: Python interpreter that has the Allen package."),
)  # fmt: skip


def take_nway_parameters(values: dict[str, Any]) -> dict[str, Any]:
    """Remove the options of the nway pipeline that were given from a command's values."""
    return _take_given(values, nway.NwayParameters)


def take_method(values: dict[str, Any]) -> Callable[[Sequence[Session], Progress], MatchResult]:
    """Remove the method and its options from a command's values; returns the function that matches.

    Raises
    ------
    MethodError
        An option of another method was given, or a parameter makes no sense.
    """
    method = values.pop("method")
    of_nway = take_nway_parameters(values)
    of_consensus = _take_given(values, consensus.ConsensusParameters)
    python = values.pop("nway_python")
    of_allen = {} if python is None else {"python": python}
    if method == "consensus":
        _refuse(method, of_nway, of_allen)
        parameters = consensus.ConsensusParameters(**of_consensus)
        return lambda sessions, progress: consensus.match(sessions, parameters, progress)
    if method == "nway":
        _refuse(method, of_consensus, of_allen)
        nway_parameters = nway.NwayParameters(**of_nway)
        return lambda sessions, progress: nway.match(sessions, nway_parameters, progress)
    from ..methods import allen

    _refuse(method, of_consensus, {name: value for name, value in of_nway.items() if name == "strict"})
    allen_parameters = allen.AllenParameters(**of_nway, **of_allen)
    return lambda sessions, progress: allen.match(sessions, allen_parameters, progress)


def _take_given(values: dict[str, Any], parameters: Any) -> dict[str, Any]:
    """Remove a method's options from a command's values; returns those that were given."""
    found = {field.name: values.pop(field.name, None) for field in fields(parameters)}
    return {name: value for name, value in found.items() if value is not None}


def _refuse(method: str, *others: dict[str, Any]) -> None:
    for name in (name for options in others for name in options):
        option = "--nway-python" if name == "python" else f"--{name.replace('_', '-')}"
        raise MethodError(f"{option} does not belong to --method {method}; `ndx-match write --help` says whose it is.")
