"""Stands in for `nway.nway_matching`: checks what it is given, then does as its plan says.

The tests copy this file to `nway/nway_matching.py` in a folder of modules, beside `plan.json`:

- `expected`: an .npz of `image_k` (uint8) and `masks_k` (bool, [roi, row, col]) for each session k, masks in the
  order in which their ids ascend;
- `print`: what to print; `seconds`: how long to wait; `output`: the output JSON, null for none; `exit_code`.

It writes its arguments to `arguments.json` in the same folder. A failed check ends it before its output.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image

HERE = Path(__file__).parent


def check(experiments, expected):
    ids = set()
    for k, experiment in enumerate(experiments):
        assert experiment["id"] == k
        image = expected[f"image_{k}"]
        with Image.open(experiment["ophys_average_intensity_projection_image"]) as png:
            assert png.mode == "L", png.mode
            np.testing.assert_array_equal(np.array(png), image)
        rois = sorted(experiment["cell_rois"], key=lambda roi: roi["id"])
        masks = expected[f"masks_{k}"]
        assert len(rois) == len(masks), (len(rois), len(masks))
        for roi, mask in zip(rois, masks):  # noqa: B905 (the package's interpreters may not know strict)
            assert isinstance(roi["id"], int)
            assert 0 < roi["id"] < 2**32
            assert roi["id"] not in ids
            ids.add(roi["id"])
            placed = np.zeros(image.shape, bool)
            block = np.array(roi["mask_matrix"], bool)
            assert block.shape == (roi["height"], roi["width"])
            placed[roi["y"] : roi["y"] + roi["height"], roi["x"] : roi["x"] + roi["width"]] = block
            np.testing.assert_array_equal(placed, mask)


def main():
    plan = json.loads((HERE / "plan.json").read_text())
    parser = argparse.ArgumentParser()
    for name in ("input_json", "output_json", "output_directory"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    paths, options = parser.parse_known_args()
    (HERE / "arguments.json").write_text(json.dumps(options))
    assert paths.output_directory.is_dir()
    content = json.loads(paths.input_json.read_text())
    with np.load(plan["expected"]) as expected:
        check(content["experiment_containers"]["ophys_experiments"], expected)
    print(plan["print"], flush=True)
    time.sleep(plan["seconds"])
    if plan["output"] is not None:
        paths.output_json.write_text(json.dumps(plan["output"]))
    sys.exit(plan["exit_code"])


if __name__ == "__main__":
    main()
