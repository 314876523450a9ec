"""Find everything that is wrong with a match file: with its schema, tables and name, and for DANDI."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import ModuleType
from typing import Any

from hdmf.backends.io import HDMFIO
from pynwb import NWBFile, get_type_map, validate
from pynwb.validation import get_cached_namespaces_to_validate

import ndx_cell_matching
from ndx_cell_matching import CellMatching

from ..errors import InputError
from ..storage.files import Location, as_location
from ..storage.opening import first_line, format_of, objects_of, open_reader
from ..storage.remote import is_url, public_name
from . import rules
from .check import contradictions
from .read import planes_of_open_file
from .write import dandi_path

SCHEMA, INSPECTOR, TABLES, NAME = "schema", "inspector", "tables", "name"  #: the parts of the check
_LABEL = r"[^_*\\/<>:|\"'?%@;.]+"
#: A file name that DANDI accepts; the group `folder` is the folder that must hold it.
_DANDI_NAME = re.compile(
    rf"(?P<folder>sub-(?P<subject>{_LABEL}))(_ses-{_LABEL})?(_(tis|slice|cell|desc|probe|obj)-{_LABEL})*"
    r"(_[a-z]+(\+[a-z]+)*)?\.nwb(\.zarr)?"
)
_AGAIN = "write it again with `ndx-match write`"
_EXTENSION = "ndx-cell-matching"  #: the name of the schema
_BASE = ("core", "hdmf-common")  #: the names of the schemas that it includes
_IN_SOURCES = "correct it in the source files and write it again"
_BY_RULE: dict[rules.Rule, str] = {
    rules.codes_are_known: "a newer version wrote it, so update ndx-cell-matching",
    rules.sources_are_named_without_private_parts: f"{_AGAIN}, which records a path relative to the match file",
    rules.images_hold_data: "write it again with another image (`--image`)",
    rules.registrations_align: "align the two by hand with `ndx-match review`, or write it again",
    rules.registrations_are_there_both_ways: "align the two by hand with `ndx-match review`, or write it again",
}
#: What to do about a finding, by the name of the inspector's check.
_BY_CHECK = {
    "check_experimenter_exists": "write it again with `--experimenter 'Last, First'`",
    "check_experimenter_form": "write it again with `--experimenter 'Last, First'`",
    "check_experiment_description": "write it again with `--experiment-description TEXT`",
    "check_institution": "write it again with `--institution NAME`",
    "check_keywords": "write it again with `--keywords WORD,WORD`",
    "check_session_id_no_slashes": "write it again with `--session-id ID`",
    "check_file_extension": "rename it to end in .nwb",
    "check_subject_exists": "write it again with `--subject-id ID --sex M --species 'Mus musculus' --age P90D`",
    "check_subject_id_exists": "write it again with `--subject-id ID`",
    "check_subject_id_no_slashes": "write it again with `--subject-id ID`",
    "check_subject_sex": "write it again with `--sex M`, F, O or U",
    "check_subject_species_exists": "write it again with `--species 'Mus musculus'`",
    "check_subject_species_form": "write it again with `--species 'Mus musculus'`",
    "check_subject_age": "write it again with `--age P90D`",
    "check_subject_proper_age_range": "write it again with `--age P90D/P120D`",
    "check_imaging_plane_location_allen_ccf": "write it again with `--location VISp`",
}


@dataclass(frozen=True)
class Finding:
    """Something that is wrong with a file, or could be better."""

    part: str  #: the part of the check that found it: `schema`, `inspector`, `tables` or `name`
    is_wrong: bool  #: whether a reader or DANDI would refuse the file because of it; otherwise it is a recommendation
    problem: str  #: what is wrong, as a clause
    remedy: str  #: what to do, as a clause


def check_match_file(path: Location) -> tuple[Finding, ...]:
    """Find everything that is wrong with a match file.

    The file is validated against the schema that it carries, inspected with DANDI's configuration, and read with its
    masks and images. Its tables are checked against :data:`ndx_match.matchfile.rules.ALL`, and its name against DANDI's
    rules for names.

    Parameters
    ----------
    path : path, str or binary file
        The match file, as for :func:`ndx_match.matchfile.read_match_file`.

    Returns
    -------
    tuple of Finding

    Raises
    ------
    InputError
        If the file cannot be opened or is not an NWB file with matched cells, or the NWB Inspector is not installed.
    """
    inspector = _inspector()
    location = as_location(path)
    where = public_name(location)
    with open_reader(location) as reader, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        io = reader()
        findings = [*_of_schema(io), *_of_carried_schema(io)]
        try:
            nwbfile = io.read()
        except Exception as error:  # h5py, hdmf and pynwb raise many kinds
            return (*findings, Finding(SCHEMA, True, f"pynwb cannot read it ({first_line(error)})", _AGAIN))
        findings += _of_tables(nwbfile, where)
        findings += _of_inspector(nwbfile, inspector, format_of(location).is_folder)
        findings += _of_name(PurePosixPath(where if is_url(location) else Path(where).absolute().as_posix()), nwbfile)
    return tuple(findings)


def _inspector() -> ModuleType:
    try:
        import nwbinspector  # type: ignore[import-untyped]
    except ImportError:
        raise InputError(
            'Checking a file needs the NWB Inspector; run pip install "ndx-cell-matching[check]".'
        ) from None
    return nwbinspector  # type: ignore[no-any-return]


def _of_schema(io: HDMFIO) -> Iterator[Finding]:
    """What contradicts the schema in the file, according to pynwb."""
    try:
        problems = [str(error) for error in validate(io=io)]
    except Exception as error:  # pynwb cannot interpret the schema
        problems = [f"it cannot be validated ({first_line(error)})"]
    for problem in dict.fromkeys(problems):
        yield Finding(SCHEMA, True, problem, _AGAIN)


def _of_carried_schema(io: HDMFIO) -> Iterator[Finding]:
    """Whether the file carries the schema of the extension as it was published."""
    installed = get_type_map().namespace_catalog
    try:
        _, manager, carried = get_cached_namespaces_to_validate(io=io)
        catalog_in_file = manager.type_map.namespace_catalog if _EXTENSION in carried else None
    except Exception:  # pynwb cannot interpret the schema, which was reported before
        return
    if catalog_in_file is None:
        problem = (
            f"it does not carry the schema {_EXTENSION}, so that its tables were not validated, and that pynwb cannot "
            "read them without the extension"
        )
        yield Finding(SCHEMA, True, problem, _AGAIN)
        return
    versions = {
        name: tuple(catalog.get_namespace(name)["version"] for catalog in (catalog_in_file, installed))
        for name in (_EXTENSION, *_BASE)
        if name in catalog_in_file.namespaces
    }
    theirs, ours = versions[_EXTENSION]
    if _numbers(theirs) > _numbers(ours):
        problem = f"it was written with version {theirs} of the schema {_EXTENSION}, and version {ours} is installed"
        yield Finding(SCHEMA, False, problem, "update ndx-cell-matching")
    elif all(one == other for one, other in versions.values()):
        for name in _types_of(installed.get_namespace(_EXTENSION)):
            if catalog_in_file.get_spec(_EXTENSION, name) != installed.get_spec(_EXTENSION, name):
                problem = f"the type {name} in the schema that it carries is not that of {_EXTENSION} {ours}"
                yield Finding(SCHEMA, True, problem, _AGAIN)


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)]


def _types_of(namespace: Any) -> list[str]:
    """The types that a schema defines, without those of the schemas that it includes."""
    return [name for name in namespace.get_registered_types() if name in ndx_cell_matching.__all__]


def _of_tables(nwbfile: NWBFile, where: str) -> Iterator[Finding]:
    """The rules that the tables break; if they break none, whether masks and images can be read."""
    matchings = [item for item in objects_of(nwbfile) if isinstance(item, CellMatching)]
    findings = []
    for matching in sorted(matchings, key=lambda item: item.name):
        of = f"{matching.name}: " if len(matchings) > 1 else ""
        for rule, clause in contradictions(matching):
            findings.append(Finding(TABLES, True, of + clause, _BY_RULE.get(rule, _AGAIN)))
    yield from findings
    if not findings:
        try:
            planes_of_open_file(nwbfile, where, footprints=True, plane=None)
        except InputError as error:
            if not matchings:
                raise
            problem = str(error).removeprefix(where).lstrip(":, ").rstrip(".").removesuffix("; repair the file")
            yield Finding(TABLES, True, problem, _AGAIN)


def _of_inspector(nwbfile: NWBFile, inspector: Any, is_folder: bool) -> Iterator[Finding]:
    """What the NWB Inspector finds with DANDI's configuration."""
    levels, failures = inspector.Importance, set()
    for message in inspector.inspect_nwbfile_object(nwbfile, config=inspector.load_config("dandi")):
        if message.importance == levels.ERROR:  # the check itself failed, as some do on Zarr stores of format 3
            failures.add(message.message.strip().splitlines()[-1].rstrip("."))
            continue
        default = _AGAIN if message.object_type in ndx_cell_matching.__all__ else _IN_SOURCES
        is_of_subject = (message.check_function_name, message.object_type) == ("check_description", "Subject")
        remedy = "write it again with `--subject-description TEXT`" if is_of_subject else default
        place = f"{message.object_type} {message.object_name!r}"
        problem = f"{place}: {message.message.strip().rstrip('.')}"
        remedy = _BY_CHECK.get(str(message.check_function_name), remedy)
        yield Finding(INSPECTOR, message.importance.value >= levels.CRITICAL.value, problem, remedy)
    for failure in sorted(failures):
        remedy = "check a copy in HDF5 as well" if is_folder else "correct what else is found, and check it again"
        yield Finding(INSPECTOR, False, f"a check of the inspector failed ({failure})", remedy)


def _of_name(path: PurePosixPath, nwbfile: NWBFile) -> Iterator[Finding]:
    """Whether the file's name is one that DANDI accepts."""
    subject_id = nwbfile.subject.subject_id if nwbfile.subject is not None else None
    remedy = "write it with `--dandi-name` and `--subject-id ID`"
    if subject_id and re.search("[A-Za-z0-9]", subject_id):
        right = dandi_path(Path(), subject_id, nwbfile.session_id or "cells")
        remedy = f"rename it to {right.as_posix()}"
    named = _DANDI_NAME.fullmatch(path.name)
    if named is None:
        yield Finding(NAME, True, f"{path.name!r} is not a name that DANDI accepts", remedy)
    elif subject_id and named["subject"] != right.parent.name.removeprefix("sub-"):
        problem = f"the subject is {named['subject']!r} in its name but {subject_id!r} in the file"
        yield Finding(NAME, True, problem, remedy)
    elif path.parent.name != named["folder"]:
        yield Finding(NAME, True, f"it does not lie in a folder {named['folder']}, as DANDI requires", remedy)
