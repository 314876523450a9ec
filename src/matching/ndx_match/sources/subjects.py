"""The animals from which a file, or an ROI table in it, was recorded."""

from __future__ import annotations

from typing import Any

from pynwb import NWBFile
from pynwb.file import Subject

from ..storage.datasets import text_of

#: Neurodata types of ndx-multisubjects. If it is not installed, their classes are made from the schema in the file.
SUBJECTS_TABLE, SELECTED_SUBJECTS = "SubjectsTable", "SelectSubjectsContainer"

#: The attributes of a subject that do not change from day to day.
FACTS_OF_SUBJECT = ("sex", "species", "genotype", "strain", "date_of_birth")
UNKNOWN_SEX = "U"


def facts_of(subject: Subject | None) -> dict[str, str]:
    """The stated attributes of a subject that do not change from day to day, as texts."""
    stated = {name: getattr(subject, name, None) for name in FACTS_OF_SUBJECT}
    return {name: str(value) for name, value in stated.items() if value and value != UNKNOWN_SEX}


def subject_id_of(nwbfile: NWBFile, table: Any = None) -> str:
    """The subject id of a file or of one of its ROI tables; several ids are sorted; empty if none is stated.

    A file of ndx-multisubjects lists its subjects in a table; an ROI table may lie in a container that selects some.
    """
    selected = _container_of(table, SELECTED_SUBJECTS)
    if selected is not None:
        rows = [int(row) for row in selected.subjects.data[:]]
        stated = [selected.subjects.table["subject_id"].data[row] for row in rows]
    else:
        tables = [item for item in nwbfile.children if type(item).__name__ == SUBJECTS_TABLE]
        stated = [subject_id for each in tables for subject_id in each["subject_id"].data[:]]
        stated += [nwbfile.subject.subject_id] if nwbfile.subject is not None else []
    return ", ".join(sorted({text_of(subject_id) for subject_id in stated if subject_id}))


def _container_of(item: Any, type_name: str) -> Any:
    """The container of this neurodata type that holds an object; None if there is none."""
    while item is not None and type(item).__name__ != type_name:
        item = item.parent
    return item
