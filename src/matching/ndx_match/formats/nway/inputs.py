"""Write sessions as the input of the nway package: a JSON file and one 8-bit PNG per session."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...arrays import Ints64
from ...errors import OutputError
from ...footprints import pixel_coordinates
from ...model import Session
from ...storage.publish import publish
from ..json_files import write_json
from .ids import IDS_FILE, RoiIds, describe_ids, json_ids


@dataclass(frozen=True)
class NwayInput:
    """The files that :func:`write_nway_input` wrote."""

    input_json: Path  #: the package's `--input_json`
    ids_json: Path  #: the ROI of each id in the input; :func:`read_nway_output` looks for it beside the output
    images: tuple[Path, ...]  #: the PNG of each session
    ids: RoiIds  #: the content of `ids_json`
    left_out: tuple[tuple[int, int], ...]  #: (session, `roi_row`) of the ROIs that have no mask pixel


def write_nway_input(sessions: Sequence[Session], folder: str | os.PathLike[str]) -> NwayInput:
    """Write the input of the nway package: `input.json`, `image_0.png`, `image_1.png`, ... and `ids.json`.

    Each image is scaled so that its minimum is 0 and its maximum 255, and truncated to whole numbers. A mask is True
    where its weight is not zero, and is cropped to its bounding box. Experiment ids are 0, 1, 2, ... in the order of
    the sessions; ROI ids are those of :func:`json_ids`. Existing files with these names are replaced. An ROI without a
    mask pixel is left out, because the package would match it with nothing; :func:`read_nway_output` makes it a cell
    without matches.

    Parameters
    ----------
    sessions : sequence of Session
    folder : path
        An existing folder.

    Returns
    -------
    NwayInput
        The paths of the files, and the ids in them.

    Raises
    ------
    OutputError
        If the folder does not exist or cannot be written.
    """
    from PIL import Image

    from ...warping import to_8_bit

    folder = Path(folder).resolve()  # absolute, because the package may be started in another folder
    if not folder.is_dir():
        raise OutputError(f"{folder}: the folder does not exist; create it first.")
    numbers = json_ids(sessions)
    images = tuple(folder / f"image_{k}.png" for k in range(len(sessions)))
    experiments = []
    for k, (session, image, ids) in enumerate(zip(sessions, images, numbers, strict=True)):
        with publish(image, overwrite=True) as temporary:
            Image.fromarray(to_8_bit(session.image)).save(temporary)
        experiments.append(
            {
                "id": k,
                "stimulus_name": session.name,
                "ophys_average_intensity_projection_image": str(image),
                "cell_rois": _cell_rois(session, ids),
            }
        )
    nway_input = NwayInput(
        input_json=folder / "input.json",
        ids_json=folder / IDS_FILE,
        images=images,
        ids=describe_ids(sessions, numbers),
        left_out=tuple((k, int(row)) for k, session in enumerate(sessions) for row in session.empty_rows),
    )
    write_json(nway_input.ids, nway_input.ids_json, overwrite=True)
    write_json({"experiment_containers": {"ophys_experiments": experiments}}, nway_input.input_json, overwrite=True)
    return nway_input


def _cell_rois(session: Session, ids: Ints64) -> list[dict[str, Any]]:
    _, pixel_row, pixel_col = pixel_coordinates(session.footprints, session.shape[1])
    starts = session.footprints.indptr
    rois = []
    for json_id, start, stop in zip(ids.tolist(), starts[:-1], starts[1:], strict=True):
        if start == stop:
            continue
        rows, cols = pixel_row[start:stop], pixel_col[start:stop]
        x, y = int(cols.min()), int(rows.min())
        mask = np.zeros((int(rows.max()) - y + 1, int(cols.max()) - x + 1), bool)
        mask[rows - y, cols - x] = True
        rois.append(
            {
                "id": json_id,
                "x": x,
                "y": y,
                "width": mask.shape[1],
                "height": mask.shape[0],
                "z": 0,
                "valid": True,
                "mask_matrix": mask.tolist(),
            }
        )
    return rois
