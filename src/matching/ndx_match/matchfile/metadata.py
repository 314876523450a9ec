"""The metadata of a match file: taken from the sources, and completed or replaced by options."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from pynwb import NWBFile
from pynwb.file import Subject
from pynwb.ophys import ImagingPlane

from .. import __version__
from ..model import MatchedPlane, as_texts
from ..sources.subjects import FACTS_OF_SUBJECT, UNKNOWN_SEX
from ..storage.datasets import text_of
from ..wording import advice

MOUSE = ("Mus musculus", "Mouse", "mouse", "http://purl.obolibrary.org/obo/NCBITaxon_10090")
NO_BRAIN_AREA = ("unknown", "none", "n/a", "na", "no location", "location", "brain", "cortex", "v1")
#: Terms of the Allen atlas that are imaged most. Listing them avoids importing the inspector, which takes long.
COMMON_AREAS = ("VISp", "VISl", "VISal", "VISam", "VISpm", "VISrl", "VISa", "MOs", "MOp", "SSp", "RSP", "AUDp", "CA1")
DAYS_OF_UNIT = (365.25, 30.44, 7.0, 1.0, 1 / 24, 1 / 1440, 1 / 86400)  #: years, months, weeks, ..., seconds
SHORTEST_WAVELENGTH = 10.0  #: nanometres; a smaller number must be in another unit
REPAIR = "correct it in the source files"

_NUMBER = r"\d+(?:\.\d+)?"
_DURATION = re.compile(
    rf"P(?=.)(?:({_NUMBER})Y)?(?:({_NUMBER})M)?(?:({_NUMBER})W)?(?:({_NUMBER})D)?"
    rf"(?:T(?=\d)(?:({_NUMBER})H)?(?:({_NUMBER})M)?(?:({_NUMBER})S)?)?"
)


@dataclass(frozen=True)
class FileMetadata:
    """Metadata to write into the match file; if a field is None, the value of the sources is used.

    Examples
    --------
    >>> import ndx_match
    >>> metadata = ndx_match.FileMetadata(institution="An institute", keywords="cortex")
    >>> metadata.keywords
    ('cortex',)
    """

    session_id: str | None = None  #: by default made from the names of the first and last session
    subject_id: str | None = None
    sex: str | None = None  #: M, F, O or U
    species: str | None = None  #: in Latin, or an NCBI taxonomy link
    age: str | None = None  #: ISO 8601 duration, `P90D`
    subject_description: str | None = None
    location: str | None = None  #: where the imaging planes lie; for a mouse a structure of the Allen atlas, `VISp`
    experimenter: tuple[str, ...] | None = None  #: each as `Last, First`
    institution: str | None = None
    lab: str | None = None
    experiment_description: str | None = None
    keywords: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        for name in ("experimenter", "keywords"):
            texts = getattr(self, name)
            object.__setattr__(self, name, None if texts is None else as_texts(texts))


def given_metadata(metadata: FileMetadata | None) -> FileMetadata:
    """The metadata, or none if they are not given; TypeError if they are something else."""
    if not isinstance(metadata, FileMetadata | None):
        raise TypeError(f"metadata must be ndx_match.FileMetadata(...), and was {type(metadata).__name__}")
    return metadata or FileMetadata()


@dataclass(frozen=True)
class MissingField:
    """A field that DANDI or the inspector requires and that is missing in the sources or has the wrong form."""

    field: str  #: its name in words
    problem: str  #: what is wrong with it
    remedy: str  #: what to do: give an option (in Python an argument), or repair the source files
    required: bool  #: whether DANDI refuses a file without it


def build_nwbfile(
    sources: Sequence[NWBFile], session_names: Sequence[str], planes: Sequence[MatchedPlane], metadata: FileMetadata
) -> NWBFile:
    """An NWB file with the general metadata and the subject of the sources, but without data."""
    in_planes = f", in the imaging planes {', '.join(plane.name for plane in planes)}," if len(planes) > 1 else ""
    subject = _subject([source.subject for source in sources if source.subject is not None], metadata)
    of_subject = f" of subject {subject.subject_id}" if subject and subject.subject_id else ""
    return nwbfile_like(
        sources,
        f"Cells matched across {len(sources)} imaging sessions{of_subject} "
        f"({', '.join(session_names)}){in_planes} with ndx-cell-matching, method {planes[0].result.method}.",
        default_session_id(session_names),
        min(source.session_start_time for source in sources),
        metadata,
    )


def nwbfile_like(
    sources: Sequence[NWBFile],
    description: str,
    session_id: str,
    start: datetime,
    metadata: FileMetadata | None = None,
) -> NWBFile:
    """An NWB file with the general metadata and the subject of other files, but without data."""
    metadata = given_metadata(metadata)
    keywords = _union(sources, "keywords")
    return NWBFile(
        identifier=str(uuid.uuid4()),
        session_description=description,
        session_start_time=start,
        session_id=metadata.session_id or session_id,
        experimenter=metadata.experimenter or _union(sources, "experimenter"),
        institution=metadata.institution or _common(sources, "institution"),
        lab=metadata.lab or _common(sources, "lab"),
        experiment_description=metadata.experiment_description or _common(sources, "experiment_description"),
        keywords=metadata.keywords or (keywords and tuple(dict.fromkeys((*keywords, "cell matching")))),
        protocol=_common(sources, "protocol"),
        surgery=_common(sources, "surgery"),
        virus=_common(sources, "virus"),
        related_publications=_union(sources, "related_publications"),
        was_generated_by=[["ndx-cell-matching", __version__]],
        subject=_subject([source.subject for source in sources if source.subject is not None], metadata),
    )


def default_session_id(session_names: Sequence[str]) -> str:
    """An id such as `day1ToDay3` from the names of the first and last session, in letters and digits, as BIDS asks."""
    first, last = (re.sub("[^A-Za-z0-9]", "", name) for name in (session_names[0], session_names[-1]))
    return f"{first}To{last[:1].upper()}{last[1:]}"


def is_placeholder(text: str | None) -> bool:
    """Whether a description is empty or a placeholder."""
    return bool(re.fullmatch(r"\s*(no desc(ription)?|none|placeholder)?[\s.]*", text or "", re.IGNORECASE))


def missing_fields(nwbfile: NWBFile, path: Path) -> list[MissingField]:
    """The fields that DANDI or the inspector would miss in a match file that is about to be written to `path`."""
    fields = [*_of_file(nwbfile, path), *_of_subject(nwbfile.subject), *_of_planes(nwbfile)]
    return [replace(field, remedy=advice(field.remedy)) for field in fields]


def _of_file(nwbfile: NWBFile, path: Path) -> Iterator[MissingField]:
    name_form, doi = r"[\w\s\-.']+,\s+[\w\s\-.']+", r"(doi:|http://dx\.doi\.org/|https://doi\.org/).*"
    if not path.name.endswith((".nwb", ".nwb.zarr")):
        yield MissingField("the file's name", f"{path.name!r} does not end in .nwb", "give -o NAME.nwb", True)
    start = nwbfile.session_start_time
    if start.year < 1980 or start > datetime.now(timezone.utc):
        yield MissingField("the session's start", f"{start.isoformat()} cannot be its date", REPAIR, False)
    yield from _check("the session's id", [nwbfile.session_id], _form("[^/]+"), "give --session-id ID", True)
    yield from _check("the experimenter", _listed(nwbfile.experimenter), _form(name_form),
                      "give --experimenter 'Last, First'")  # fmt: skip
    yield from _check("the institution", [nwbfile.institution], _form(".+"), "give --institution NAME")
    yield from _check("the experiment's description", [nwbfile.experiment_description], _form("(?s).+"),
                      "give --experiment-description TEXT")  # fmt: skip
    yield from _check("the keywords", _listed(nwbfile.keywords), _form(".+"), "give --keywords WORD,WORD")
    if nwbfile.related_publications is not None:
        yield from _check("a related publication", _listed(nwbfile.related_publications), _form(doi), REPAIR)


def _of_subject(subject: Subject | None) -> Iterator[MissingField]:
    def check(field: str, is_valid: Callable[[str], bool], option: str, name: str = "") -> Iterator[MissingField]:
        value = getattr(subject, name or field, None)
        return _check(f"the subject's {field}", [value], is_valid, f"give {option}", field != "description")

    latin = r"[A-Z][a-z]* [a-z]+|http://purl\.obolibrary\.org/obo/NCBITaxon_\d+"
    yield from check("id", _form("[^/]+"), "--subject-id ID", "subject_id")
    yield from check("sex", _form("[MFOU]"), "--sex M|F|O|U")
    yield from check("species", _form(latin), "--species 'Mus musculus'")
    if subject is None or subject.date_of_birth is None or subject.age is not None:
        yield from check("age", _is_age, "--age P90D")
    yield from check("description", lambda _: True, "--subject-description TEXT")


def _of_planes(nwbfile: NWBFile) -> Iterator[MissingField]:
    planes = nwbfile.imaging_planes.values()
    is_mouse = nwbfile.subject is not None and nwbfile.subject.species in MOUSE
    for location in sorted({plane.location for plane in planes if is_mouse and not _is_allen_term(plane)}):
        problem = f"{location!r} is not a term of the Allen atlas"
        yield MissingField("the imaging plane's location", problem, "give --location VISp", False)
    wavelengths = [("excitation", plane.excitation_lambda) for plane in planes]
    wavelengths += [("emission", channel.emission_lambda) for plane in planes for channel in plane.optical_channel]
    for name, wavelength in sorted(set(wavelengths)):
        if wavelength < SHORTEST_WAVELENGTH:
            yield MissingField(f"the {name} wavelength", f"{wavelength:g} is not in nanometres", REPAIR, False)


def _check(
    field: str, values: Iterable[str | None], is_valid: Callable[[str], bool], remedy: str, required: bool = False
) -> Iterator[MissingField]:
    for value in values:
        if not value or is_placeholder(value):
            yield MissingField(field, "not stated", remedy, required)
        elif not is_valid(value):
            yield MissingField(field, f"{value!r} is not in the standard form", remedy, required)


def _form(pattern: str) -> Callable[[str], bool]:
    return lambda text: re.fullmatch(pattern, text) is not None


def _listed(values: Sequence[Any] | None) -> list[str | None]:
    return [None] if values is None or len(values) == 0 else [text_of(value) for value in values]


def _is_age(text: str) -> bool:
    """Whether the text is an ISO 8601 duration, or a range of two with the shorter one first."""
    lower, slash, upper = text.partition("/")
    days = [_days(bound) for bound in (lower, upper)]
    if not slash:
        return days[0] is not None
    if None in days:
        return all(day is not None or bound == "" for day, bound in zip(days, (lower, upper), strict=True))
    return days[0] < days[1]  # type: ignore[operator]


def _days(duration: str) -> float | None:
    """An ISO 8601 duration in days; None if the text is not a duration."""
    match = _DURATION.fullmatch(duration)
    if match is None:
        return None
    return sum(float(n or 0) * days for n, days in zip(match.groups(), DAYS_OF_UNIT, strict=True))


def _is_allen_term(plane: ImagingPlane) -> bool:
    """Whether a mouse's imaging plane is located in a structure of the Allen atlas.

    Only the inspector knows all terms of the atlas. If it is not installed, the text is accepted if it could be the
    name or acronym of one brain area.
    """
    if plane.location in COMMON_AREAS:
        return True
    try:
        from nwbinspector.checks import check_imaging_plane_location_allen_ccf  # type: ignore[import-untyped]
    except ImportError:
        text = plane.location
        return (
            re.fullmatch(r"[A-Za-z][A-Za-z0-9/ ,\-]*", text) is not None
            and re.search(r"\d\s*(um|mm|microns?)\b", text, re.IGNORECASE) is None
            and text.lower() not in NO_BRAIN_AREA
        )
    return check_imaging_plane_location_allen_ccf(plane) is None


def _subject(stated: Sequence[Subject], metadata: FileMetadata) -> Subject | None:
    """The subject, with each field from the first source that states it.

    Properties in which the sources disagree are left out, and also the weight, because it changes between sessions.
    """
    fields: dict[str, Any] = {}
    for name in ("subject_id", "description", *FACTS_OF_SUBJECT):
        values = [getattr(subject, name) for subject in stated if getattr(subject, name)]
        values = [value for value in values if value != UNKNOWN_SEX] or values
        agreed = name not in FACTS_OF_SUBJECT or len(set(values)) == 1
        fields[name] = values[0] if values and agreed else None
    fields["age"] = _age_range([subject.age for subject in stated if subject.age])
    reference = next((subject.age__reference for subject in stated if subject.age), None)
    for name in ("subject_id", "sex", "species", "age"):
        fields[name] = getattr(metadata, name) or fields[name]
    fields["description"] = metadata.subject_description or fields["description"]
    fields = {name: value for name, value in fields.items() if value}
    if not fields:
        return None
    if "age" in fields and metadata.age is None and reference:
        fields["age__reference"] = reference
    return Subject(**fields)


def _age_range(ages: Sequence[str]) -> str | None:
    """The age, or a range such as `P90D/P120D` if sessions differ; unreadable ages are ignored if any is readable."""
    if len(set(ages)) == 1:
        return ages[0]
    bounds = {bound: _days(bound) for age in ages for bound in age.split("/")}
    ordered = sorted((bound for bound in bounds if bounds[bound] is not None), key=lambda bound: bounds[bound] or 0.0)
    if not ordered:
        return ages[0] if ages else None
    first, last = ordered[0], ordered[-1]
    return first if bounds[first] == bounds[last] else f"{first}/{last}"


def _common(sources: Sequence[NWBFile], name: str) -> str | None:
    """The value, if all sources that state it agree; otherwise None."""
    values = {getattr(source, name) for source in sources if getattr(source, name)}
    return values.pop() if len(values) == 1 else None


def _union(sources: Sequence[NWBFile], name: str) -> tuple[str, ...] | None:
    """All values that the sources state, each once; None if there are none."""
    stated = [getattr(source, name) for source in sources]
    listed = [[values] if isinstance(values, str) else values[:] for values in stated if values is not None]
    return tuple(dict.fromkeys(text_of(value) for values in listed for value in values if len(value))) or None
