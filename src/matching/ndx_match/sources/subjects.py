"""The animals from which a file, or an ROI table in it, was recorded."""

from __future__ import annotations

from typing import Any

from pynwb import NWBFile
from pynwb.file import Subject

from ..storage.datasets import text_of

#: Neurodata types of ndx-multisubjects, whose classes come with the file if the extension is not installed.
SUBJECTS_TABLE, SELECTED_SUBJECTS = "SubjectsTable", "SelectSubjectsContainer"

#: The attributes of a subject that do not change from day to day.
FACTS_OF_SUBJECT = ("sex", "species", "genotype", "strain", "date_of_birth")
UNKNOWN_SEX = "U"


def facts_of(subject: Subject | None) -> dict[str, str]:
    """The stated attributes of a subject that do not change from day to day, as texts."""
    stated = {name: getattr(subject, name, None) for name in FACTS_OF_SUBJECT}
    return {name: str(value) for name, value in stated.items() if value and value != UNKNOWN_SEX}


def subject_id_of(nwbfile: NWBFile, table: Any = None) -> str:
    """The subject id of a file or of one of its ROI tables; if there are several, all, sorted; empty if none is stated.

    A file of ndx-multisubjects lists its subjects in a table; ROI tables may lie in containers of some of them.
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
