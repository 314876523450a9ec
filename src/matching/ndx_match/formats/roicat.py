"""Results of ROICaT's tracking."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import Floats, Ints64
from ..errors import InputError
from ..model import Session
from .importing import NumberParameters, Reading, ToolCells, cells_of_labels, columns_of_sessions, whole_numbers
from .json_files import read_json
from .protocol import Importer

CLUSTERS = ".tracking.results_clusters.json"
WHOLE = ".tracking.results_all.richfile.zip"  #: ending of the file of all results, which names the tracked sessions
PATHS = "input_data.dict_item/value.dict/paths_stat.dict_item/value.list/"  #: folder of the sessions' paths in it
LONGEST_PATH = 100_000  #: bytes
SILHOUETTE = (
    "The confidence of a cell is the silhouette of its cluster in ROICaT (0 if the silhouette is negative), which "
    "measures how well the cluster is separated from others; it is no probability."
)


def read_roicat(path: Path, sessions: Sequence[Session], parameters: Mapping[str, Any]) -> ToolCells:
    """Read `NAME.tracking.results_clusters.json`, or the folder that holds it."""
    path = _the_file_in(path)
    content = read_json(path)
    try:
        by_session = [whole_numbers(labels, False, str(path)) for labels in content["labels_bySession"]]
        if any(labels.ndim != 1 for labels in by_session):
            raise TypeError
    except (TypeError, KeyError, ValueError):
        raise InputError(f"{path}: is no result of ROICaT's tracking; give the file {'NAME' + CLUSTERS}.") from None
    names = _paths_beside(path, len(by_session)) or len(by_session)
    by_session = [by_session[k] for k in columns_of_sessions(names, sessions, str(path))]
    numbers, labels = cells_of_labels(by_session, str(path), [session.name for session in sessions])
    try:
        confidence, warnings = _confidence(content.get("quality_metrics") or {}, labels, content["labels_bySession"])
    except (AttributeError, TypeError, KeyError, ValueError, IndexError, OverflowError):
        raise InputError(
            f"{path}: its quality_metrics do not fit its labels; give the file as it was written."
        ) from None
    if confidence is not None:
        confidence = np.concatenate([confidence, np.full(len(numbers) - len(labels), np.nan)])
    return ToolCells(
        numbers,
        Reading(),
        n_rois=tuple(map(len, by_session)),
        confidence=confidence,
        cell_ids=labels,
        warnings=warnings,
    )


def _the_file_in(path: Path) -> Path:
    if not path.is_dir():
        return path
    paths = sorted(path.glob(f"*{CLUSTERS}"))
    if len(paths) != 1:
        what = "several files" if paths else "no file"
        raise InputError(f"{path}: this folder holds {what} *{CLUSTERS}; give the file itself.")
    return paths[0]


def _paths_beside(path: Path, n_sessions: int) -> list[str]:
    """The paths of the tracked sessions, from the file of all results beside it; empty if they cannot be read.

    That file is a ZIP archive of JSON and NumPy files; no code in it is run.
    """
    try:
        with zipfile.ZipFile(path.with_name(path.name.replace(CLUSTERS, WHOLE))) as archive:
            members = [archive.getinfo(f"{PATHS}{k}.json") for k in range(n_sessions)]
            if any(member.file_size > LONGEST_PATH for member in members):
                return []
            paths = [json.loads(archive.read(member)) for member in members]
    except Exception:  # zipfile raises many kinds for damaged archives
        return []
    return paths if all(isinstance(each, str) for each in paths) else []


def _confidence(
    quality: Mapping[str, Any], labels: Ints64, by_session: Sequence[Sequence[int]]
) -> tuple[Floats | None, tuple[str, ...]]:
    """The least probability of the ROIs of each cluster, or its silhouette if there are none; and warnings."""
    if quality.get("sample_probabilities") is not None:
        of_rois = np.asarray(quality["sample_probabilities"], float)
        label_of_roi = np.concatenate([np.asarray(each, np.int64) for each in by_session])
        least = np.full(len(labels), np.inf)
        is_used = np.isin(label_of_roi, labels)  # labels of ROIs in sessions that were not given are left out
        np.minimum.at(least, np.searchsorted(labels, label_of_roi[is_used]), of_rois[is_used])
        return _fractions(least), ()
    if quality.get("cluster_silhouette") is None:
        return None, ()
    cluster_labels = np.asarray(quality["cluster_labels_unique"], float)
    silhouettes = dict(zip(cluster_labels.tolist(), quality["cluster_silhouette"], strict=True))
    return _fractions(np.array([silhouettes[float(label)] for label in labels], float)), (SILHOUETTE,)


def _fractions(values: Floats) -> Floats:
    return np.asarray(np.where(np.isfinite(values), np.clip(values, 0, 1), np.nan), float)


IMPORTER = Importer(
    "roicat",
    f"ROICaT's tracking: NAME{CLUSTERS}, or its folder",
    "rows of the ROI table, counted from 0 (ROIs that are not accepted count, too)",
    read_roicat,
    NumberParameters,
)
