"""The matching methods as options of the command."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any, TypeVar

import click

from ..errors import MethodError
from ..methods import nway
from ..model import MatchResult, Progress, Session
from .common import with_options

Command = TypeVar("Command", bound=Callable[..., Any])
METHODS = ("nway", "allen")
_DEFAULTS = nway.NwayParameters()


def _option(name: str, kind: Any, text: str) -> Callable[[Command], Command]:
    text = f"{text}  [default: {getattr(_DEFAULTS, name)}]"
    return click.option(f"--{name.replace('_', '-')}", type=kind, default=None, help=text)


nway_options = with_options(
    _option("maximum_distance", float, "Pixels beyond which centroids are never matched."),
    _option("motion_type", click.Choice(nway.MOTION_TYPES), "Freedom of the ECC registration."),
    _option("registration_iterations", int, "Greatest number of ECC iterations."),
    _option("registration_precision", float, "Gain of correlation at which ECC stops."),
    _option("gauss_filt_size", int, "Size in pixels of ECC's Gaussian."),
    _option("clahe_grid", int, "Tiles a side of the contrast equalisation (CLAHE); -1: none."),
    _option("clahe_clip", float, "Contrast limit of CLAHE."),
    _option("edge_buffer", int, "Pixels cropped from all sides before registration."),
    click.option("--include-original/--no-include-original", default=None, help="Try without the crop too."),
    _option("assignment_solver", click.Choice(nway.ASSIGNMENT_SOLVERS), "How pairs are assigned."),
    _option("pruning_method", click.Choice(nway.PRUNING_METHODS), "How conflicting groups are settled."),
)
method_options = with_options(
    click.option("--method", type=click.Choice(METHODS), default="nway", show_default=True,
                 help="nway: the published pipeline; allen: the Allen Institute's own package."),
    nway_options,
    click.option("--strict/--no-strict", default=None, help="nway: restore every behaviour of the published pipeline."),
    click.option("--nway-python", metavar="PATH", help="allen: Python interpreter that has the Allen package."),
)  # fmt: skip


def take_nway_parameters(values: dict[str, Any]) -> dict[str, Any]:
    """Remove the options of the nway pipeline that were given from a command's values."""
    names = [field.name for field in fields(nway.NwayParameters)]
    found = {name: values.pop(name) for name in names if name in values}
    return {name: value for name, value in found.items() if value is not None}


def take_method(values: dict[str, Any]) -> Callable[[Sequence[Session], Progress], MatchResult]:
    """Remove the method and its options from a command's values; returns the function that matches."""
    method, python = values.pop("method"), values.pop("nway_python")
    given = take_nway_parameters(values)
    if method == "allen":
        from ..methods import allen

        if given.pop("strict", None):
            raise MethodError("--strict belongs to --method nway; the Allen package is itself what it restores.")
        if python is not None:
            given["python"] = python
        allen_parameters = allen.AllenParameters(**given)
        return lambda sessions, progress: allen.match(sessions, allen_parameters, progress)
    if python is not None:
        raise MethodError("--nway-python belongs to --method allen; --method nway needs no other interpreter.")
    parameters = nway.NwayParameters(**given)
    return lambda sessions, progress: nway.match(sessions, parameters, progress)
