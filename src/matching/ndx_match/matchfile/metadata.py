"""Who and what a match file is about: carried over from the sources, completed by options."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pynwb import NWBFile
from pynwb.file import Subject

MOUSE = ("Mus musculus", "http://purl.obolibrary.org/obo/NCBITaxon_10090")
PLACEHOLDERS = ("unknown", "none", "n/a", "na", "no location", "location", "brain", "cortex", "v1")


@dataclass(frozen=True)
class FileMetadata:
    """What to write into the match file instead of what the sources say; None takes theirs.

    Attributes
    ----------
    session_id : str or None
        By default made of the first and last session's.
    subject_id, sex, species, age : str or None
        Sex is M, F, O or U; species in Latin or as an NCBI taxonomy link; age as ISO 8601 duration (`P90D`).
    subject_description : str or None
    experimenter : tuple of str or None
        Each as `Last, First`.
    location : str or None
        Of the imaging planes: for a mouse the name or acronym of a structure of the Allen atlas, `VISp`.
    institution, lab, experiment_description : str or None
    keywords : tuple of str or None
    """

    session_id: str | None = None
    subject_id: str | None = None
    sex: str | None = None
    species: str | None = None
    age: str | None = None
    subject_description: str | None = None
    location: str | None = None
    experimenter: tuple[str, ...] | None = None
    institution: str | None = None
    lab: str | None = None
    experiment_description: str | None = None
    keywords: tuple[str, ...] | None = None


@dataclass(frozen=True)
class MissingField:
    """A field that DANDI or the inspector asks for and that the sources lack or hold in another form.

    Attributes
    ----------
    field : str
        In words.
    option : str
        The command's option that fills it.
    problem : str
        What is wrong.
    required : bool
        Whether DANDI refuses a file without it.
    """

    field: str
    option: str
    problem: str
    required: bool


def build_nwbfile(
    sources: Sequence[NWBFile],
    session_names: Sequence[str],
    method: str,
    identifier: str,
    version: str,
    metadata: FileMetadata,
) -> NWBFile:
    """An NWB file with the general metadata and the subject, without data."""
    earliest = min(sources, key=lambda source: source.session_start_time)
    subject = _subject(sources, earliest, metadata)
    of_subject = f" of subject {subject.subject_id}" if subject and subject.subject_id else ""
    return NWBFile(
        identifier=identifier,
        session_description=f"Cells matched across {len(sources)} imaging sessions{of_subject} "
        f"({', '.join(session_names)}) with ndx-cell-matching, method {method}.",
        session_start_time=earliest.session_start_time,
        session_id=metadata.session_id or default_session_id(session_names),
        experimenter=metadata.experimenter or _union(sources, "experimenter"),
        institution=metadata.institution or _common(sources, "institution"),
        lab=metadata.lab or _common(sources, "lab"),
        experiment_description=metadata.experiment_description or _common(sources, "experiment_description"),
        keywords=metadata.keywords or _with_own_keyword(_union(sources, "keywords")),
        protocol=_common(sources, "protocol"),
        surgery=_common(sources, "surgery"),
        virus=_common(sources, "virus"),
        related_publications=_union(sources, "related_publications"),
        was_generated_by=[["ndx-cell-matching", version]],
        subject=subject,
    )


def default_session_id(session_names: Sequence[str]) -> str:
    """For example `775289198-to-792354406`."""
    return f"{session_names[0]}-to-{session_names[-1]}"


def missing_fields(nwbfile: NWBFile) -> list[MissingField]:
    """What the file lacks for DANDI and the inspector, each with the option that fills it."""
    missing = []

    def check(value: Any, field: str, option: str, required: bool, form: str = "", example: str = "") -> None:
        if value is None or len(value) == 0:
            missing.append(MissingField(field, f"{option} {example}".strip(), "is not stated", required))
        elif form and not re.fullmatch(form, value):
            problem = f"is {value!r}, which is not in the standard form"
            missing.append(MissingField(field, f"{option} {example}".strip(), problem, required))

    subject = nwbfile.subject
    value = {name: getattr(subject, name, None) for name in ("subject_id", "sex", "species", "age")}
    latin = r"[A-Z][a-z]+ [a-z]+( [a-z]+)?|https?://purl\.obolibrary\.org/obo/NCBITaxon_\d+"
    duration = r"P(?=.)(\d+(\.\d+)?Y)?(\d+(\.\d+)?M)?(\d+(\.\d+)?W)?(\d+(\.\d+)?D)?(T(?=\d)(\d+H)?(\d+M)?(\d+S)?)?"
    check(value["subject_id"], "the subject's id", "--subject-id", True, r"[^/]+", "ID")
    check(value["sex"], "the subject's sex", "--sex", True, "[MFOU]", "M|F|O|U")
    check(value["species"], "the subject's species", "--species", True, latin, "'Mus musculus'")
    if subject is None or subject.date_of_birth is None or value["age"]:
        check(value["age"], "the subject's age", "--age", True, rf"{duration}(/({duration})?)?", "P90D")
    check(subject.description if subject else None, "the subject's description", "--subject-description", False,
          example="TEXT")  # fmt: skip
    for location in sorted({plane.location for plane in nwbfile.imaging_planes.values()}):
        if value["species"] in MOUSE and not _is_plain_location(location):
            problem = f"is {location!r}, which is no term of the Allen atlas"
            missing.append(MissingField("the imaging plane's location", "--location VISp", problem, False))
    check(nwbfile.session_id, "the session id", "--session-id", True, r"[^/]+", "ID")
    check(nwbfile.institution, "the institution", "--institution", False, example="NAME")
    check(nwbfile.experiment_description, "the experiment's description", "--experiment-description", False,
          example="TEXT")  # fmt: skip
    experimenters = list(nwbfile.experimenter or ())
    check(experimenters, "the experimenter", "--experimenter", False, example="'Last, First'")
    for name in experimenters:
        check(name, "the experimenter", "--experimenter", False, r"[^,]+, [^,]+(, [^,]+)?", "'Last, First'")
    check(list(nwbfile.keywords if nwbfile.keywords is not None else ()), "the keywords", "--keywords", False,
          example="WORD,WORD")  # fmt: skip
    return missing


def _subject(sources: Sequence[NWBFile], earliest: NWBFile, metadata: FileMetadata) -> Subject | None:
    own = earliest.subject or next((source.subject for source in sources if source.subject is not None), None)
    fields = {
        name: getattr(own, name, None)
        for name in ("subject_id", "sex", "species", "genotype", "strain", "description", "weight", "date_of_birth")
    }
    age = _age_range([source.subject.age for source in sources if source.subject is not None and source.subject.age])
    fields["age"] = age
    fields["description"] = metadata.subject_description or fields["description"]
    for name in ("subject_id", "sex", "species", "age"):
        fields[name] = getattr(metadata, name) or fields[name]
    if not any(fields.values()):
        return None
    if fields["age"] and own is not None and metadata.age is None and own.age__reference:
        fields["age__reference"] = own.age__reference
    return Subject(**{name: value for name, value in fields.items() if value is not None})


def _is_plain_location(location: str) -> bool:
    """Whether the text can be the name or acronym of one brain structure, and nothing else."""
    return bool(re.fullmatch(r"[A-Za-z][A-Za-z0-9/ ,\-]*", location)) and location.lower() not in PLACEHOLDERS


def _age_range(ages: Sequence[str]) -> str | None:
    """The age, or the range `P90D/P120D` where sessions differ and all are given in days."""
    if not ages:
        return None
    days = [re.fullmatch(r"P(\d+)D", age) for age in ages]
    if len(set(ages)) == 1 or not all(days):
        return ages[0]
    ordered = sorted(int(day.group(1)) for day in days if day)
    return f"P{ordered[0]}D/P{ordered[-1]}D"


def _common(sources: Sequence[NWBFile], name: str) -> str | None:
    """The value where all sources that state it agree."""
    values = {getattr(source, name) for source in sources if getattr(source, name)}
    return values.pop() if len(values) == 1 else None


def _union(sources: Sequence[NWBFile], name: str) -> tuple[str, ...] | None:
    values: dict[str, None] = {}
    for source in sources:
        stated = getattr(source, name)
        if stated is not None:
            values.update(dict.fromkeys([stated] if isinstance(stated, str) else (_text(value) for value in stated[:])))
    return tuple(values) or None


def _with_own_keyword(keywords: tuple[str, ...] | None) -> tuple[str, ...] | None:
    return None if keywords is None else tuple(dict.fromkeys((*keywords, "cell matching")))


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
