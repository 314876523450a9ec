"""Match the cells of several imaging planes, plane by plane; a plane that fails does not affect the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .errors import MethodError, NdxMatchError
from .methods import DEFAULT, Method, Parameters, find_method, match
from .methods.apply import method_parameters
from .model import MatchedPlane, Progress, with_distinct_cell_ids
from .sources import Plane


@dataclass(frozen=True)
class MatchedPlanes:
    """The planes that were matched, and one sentence for each plane that could not be, which says why."""

    planes: tuple[MatchedPlane, ...]
    warnings: tuple[str, ...]


def match_planes(
    planes: Sequence[Plane],
    method: str | Method = DEFAULT,
    parameters: Parameters | Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> MatchedPlanes:
    """Match every plane on its own; method and parameters are those of :func:`ndx_match.methods.match`.

    Parameters
    ----------
    planes : sequence of Plane
        As read by :func:`ndx_match.sources.read_planes`.
    method : str or Method
    parameters : Parameters or mapping, optional
    progress : callable, optional

    Raises
    ------
    MethodError
        If there is no such method, if the parameters are not the method's, or if no plane could be matched. In the last
        case, if planes failed with errors of other packages, the first of these errors is raised instead.

    Examples
    --------
    >>> import ndx_match
    >>> read = ndx_match.read_planes(["planes1.nwb", "planes2.nwb"])
    >>> matched = ndx_match.match_planes(read.planes)
    >>> [plane.name for plane in matched.planes]
    ['deep', 'upper']
    """
    for plane in planes if isinstance(planes, Sequence) else [planes]:
        if not isinstance(plane, Plane):
            raise TypeError(
                f"match_planes takes a list of planes, and was given {type(plane).__name__}; read them first: planes = "
                "ndx_match.read_planes(['a.nwb', 'b.nwb']).planes."
            )
    method = find_method(method) if isinstance(method, str) else method
    parameters = method_parameters(method, parameters)
    matched: list[MatchedPlane] = []
    failures: dict[str, Exception] = {}
    for plane in planes:
        try:
            result = match(plane.sessions, method, parameters, progress_of(progress, plane.name))
        except Exception as error:  # data may make any library fail, and the other planes must not be lost
            failures[plane.name] = error
        else:
            matched.append(MatchedPlane(plane.sessions, result, plane.name))
    sentences = tuple(_failure(name, error) for name, error in failures.items())
    if not matched:
        for failure in failures.values():
            if not isinstance(failure, NdxMatchError):
                raise failure
        raise MethodError(" ".join(sentences))
    return MatchedPlanes(with_distinct_cell_ids(matched), sentences)


def _failure(plane: str, error: Exception) -> str:
    reason = str(error).strip().rstrip(".")
    if not isinstance(error, NdxMatchError):
        reason = f"{type(error).__name__}: {reason}"
    return f"The plane {plane} could not be matched: {reason}."


def progress_of(progress: Progress | None, plane: str) -> Progress:
    """Report the progress of one plane among several, with its name."""

    def of_plane(stage: str, done: int, total: int) -> None:
        if progress is not None:
            progress(f"{plane} {stage}", done, total)

    return of_plane
