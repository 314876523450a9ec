"""Files with data of odd types, shapes, sizes and places: each is refused in one sentence, or read with a warning."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from builders import SHAPE, START, field_of_view, make_nwbfile, write_nwb
from helpers import listing, run, run_process
from pynwb import TimeSeries

from ndx_match.errors import InputError
from ndx_match.sources import read_session

TABLE = "processing/ophys/image_segmentation/roi_table"
IMAGES = "processing/ophys/images"
PLANE = "general/optophysiology/plane"
N = 20  #: ROIs

PYNWB = "pynwb cannot read this NWB file"  #: what pynwb itself refuses, with its reason

Change = Callable[[h5py.File], None]


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A file for each kind of masks."""
    folder = tmp_path_factory.mktemp("good")
    return {
        kind: write_nwb(folder / f"{kind}.nwb", make_nwbfile(mask_kind=kind))
        for kind in ("image_mask", "pixel_mask", "voxel_mask")
    }


def put(path: str, data: Any = None, **options: Any) -> Change:
    """Replace a dataset, which keeps its attributes, and to which its index still leads."""

    def change(file: h5py.File) -> None:
        attributes = dict(file[path].attrs)
        del file[path]
        file.create_dataset(path, data=data, **options).attrs.update(attributes)
        if f"{path}_index" in file:
            file[f"{path}_index"].attrs["target"] = file[path].ref

    return change


def column(name: str, data: Any) -> Change:
    """Replace a column of the ROI table, or add one."""

    def change(file: h5py.File) -> None:
        if name in file[TABLE]:
            put(f"{TABLE}/{name}", data)(file)
            return
        attributes = {**file[f"{TABLE}/image_mask"].attrs, "object_id": str(uuid.uuid4())}
        file[TABLE].create_dataset(name, data=data).attrs.update(attributes)
        file[TABLE].attrs["colnames"] = [*file[TABLE].attrs["colnames"], name]

    return change


def pixels(change: Callable[[np.ndarray], np.ndarray]) -> Change:
    """Change the pixels of masks."""

    def apply(file: h5py.File) -> None:
        name = next(kind for kind in ("pixel_mask", "voxel_mask") if kind in file[TABLE])
        put(f"{TABLE}/{name}", change(file[f"{TABLE}/{name}"][()]))(file)

    return apply


def field(name: str, value: float, dtype: str | None = None) -> Change:
    """Give one pixel another value."""

    def change(values: np.ndarray) -> np.ndarray:
        types = [(n, dtype if n == name and dtype else values.dtype[n]) for n in values.dtype.names]
        changed = values.astype(types)
        changed[name][3] = value
        return changed

    return pixels(change)


def without(*names: str) -> Change:
    """Leave out fields of mask pixels."""
    return pixels(
        lambda values: np.array(
            [tuple(v[n] for n in values.dtype.names if n not in names) for v in values],
            [(n, values.dtype[n]) for n in values.dtype.names if n not in names],
        )
    )


def remove_index(file: h5py.File) -> None:
    """And leave as many pixels as there are ROIs."""
    pixels(lambda values: values[:N])(file)
    del file[f"{TABLE}/pixel_mask_index"]


def masks(values: Any) -> Change:
    return put(f"{TABLE}/image_mask", values)


def images(data: Any = None, **options: Any) -> Change:
    def change(file: h5py.File) -> None:
        del file[f"{IMAGES}/max_projection"]
        put(f"{IMAGES}/average_image", data, **options)(file)

    return change


MASKS = field_of_view().masks
HUGE = {"shape": (N, 40_000, 40_000), "dtype": "f4", "chunks": (1, 1000, 1000)}
GAPS = np.where(np.arange(SHAPE[0])[:, None] < 100, np.nan, field_of_view().image)

REFUSED = {
    "masks of text": ("image_mask", masks(np.full((N, *SHAPE), b"x")), "hold text"),
    "complex masks": ("image_mask", masks(MASKS.astype(complex)), "hold complex numbers"),
    "masks all negative": ("image_mask", masks(-MASKS), "masks are negative"),
    "pixel masks all negative": (
        "pixel_mask",
        pixels(lambda p: _scaled(p, -1)),
        "masks are negative",
    ),
    "fewer masks than ROIs": ("image_mask", masks(MASKS[:-1]), PYNWB),
    "masks of one dimension": ("image_mask", masks(np.ones(N)), "not two-dimensional"),
    "masks of four dimensions": ("image_mask", masks(MASKS[..., None]), "not two-dimensional"),
    "huge masks": ("image_mask", put(f"{TABLE}/image_mask", **HUGE), "40000 rows"),
    "no weight": ("pixel_mask", without("weight"), "no field weight"),
    "no x": ("pixel_mask", without("x"), "no field x"),
    "no y": ("voxel_mask", without("y"), "no field y"),
    "no z": ("voxel_mask", without("z"), "no field z"),
    "no index": ("pixel_mask", remove_index, "needs one index (pixel_mask_index)"),
    "no index for many pixels": ("pixel_mask", lambda file: file.pop(f"{TABLE}/pixel_mask_index"), PYNWB),
    "an index of two dimensions": (
        "pixel_mask",
        put(f"{TABLE}/pixel_mask_index", np.arange(2 * N, dtype="u4").reshape(N, 2)),
        "does not fit",
    ),
    "a longer index": ("pixel_mask", put(f"{TABLE}/pixel_mask_index", np.arange(N + 3)), PYNWB),
    "an index of text": ("pixel_mask", put(f"{TABLE}/pixel_mask_index", np.full(N, b"1")), "does not fit"),
    "NaN for a place": ("pixel_mask", field("x", np.nan, "f8"), "NaN or infinite positions"),
    "infinity for a place": ("voxel_mask", field("z", np.inf, "f8"), "NaN or infinite positions"),
    "places of text": ("pixel_mask", pixels(lambda p: p.astype([("x", "S4"), ("y", "u4"), ("weight", "f4")])), "text"),
    "a place far away": ("pixel_mask", field("x", 2**32 - 1), "reach x = 4294967295"),
    "a place far away, down": ("voxel_mask", field("y", 2**32 - 1), "y = 4294967295"),
    "pixels in rows of five": ("pixel_mask", pixels(lambda p: np.ones((len(p), 5))), "no field x"),
    "infinite weights": ("pixel_mask", field("weight", np.inf), "NaN or infinite weights"),
    "weights beyond float32": ("pixel_mask", field("weight", 1e300, "f8"), "NaN or infinite weights"),
    "ids of text": (
        "image_mask",
        put(f"{TABLE}/id", [f"a{k}".encode() for k in range(N)]),
        PYNWB,
    ),
    "ids that are fractions": ("image_mask", put(f"{TABLE}/id", np.arange(N) + 0.5), PYNWB),
    "ids beyond 64 bits": ("image_mask", put(f"{TABLE}/id", np.arange(N, dtype="u8") + 2**63), "too large for 64 bits"),
    "complex images": ("image_mask", images(np.ones(SHAPE, complex)), "hold complex numbers"),
    "images of text": ("image_mask", images(np.full(SHAPE, b"x")), "hold text"),
    "an image without data": ("image_mask", images(GAPS), "no data (NaN)"),
    "an infinite image": ("image_mask", images(np.full(SHAPE, np.inf)), "infinite values"),
    "a huge image": ("pixel_mask", images(shape=(40_000, 40_000), dtype="f4", chunks=(1000, 1000)), "40000 rows"),
    "an image of another size": ("image_mask", images(np.ones((140, 130))), "140 rows x 130 columns"),
}


def _scaled(values: np.ndarray, factor: float) -> np.ndarray:
    values["weight"] *= factor
    return values


@pytest.mark.slow
@pytest.mark.parametrize("case", REFUSED)
def test_it_is_refused_in_a_sentence(tmp_path: Path, good: dict[str, Path], case: str):
    kind, change, words = REFUSED[case]
    bad = Path(shutil.copy(good[kind], tmp_path / "bad.nwb"))
    with h5py.File(bad, "r+") as file:
        change(file)
    outcome = run("write", good["image_mask"], bad, "-o", tmp_path / "m.nwb").refused(str(bad), words)
    if "image" in case.split():
        assert "--image none" in outcome.err
    if words != PYNWB:
        assert "not clear" in run("inspect", bad).succeeded().out
    assert listing(tmp_path) == {"bad.nwb"}


@pytest.fixture
def second(tmp_path: Path) -> Path:
    """Another session of the same tissue."""
    moved = make_nwbfile(field_of_view((3, 2)), session_id="102", start=START.replace(day=5))
    return write_nwb(tmp_path / "second.nwb", moved)


def changed(path: Path, source: Path, change: Change) -> Path:
    shutil.copy(source, path)
    with h5py.File(path, "r+") as file:
        change(file)
    return path


def image_with_border(file: h5py.File) -> None:
    border = field_of_view().image.copy()
    border[:, :12] = np.nan
    images(border)(file)


def share_an_object_id(file: h5py.File) -> None:
    file[f"{IMAGES}/average_image"].attrs["object_id"] = file[f"{TABLE}/image_mask"].attrs["object_id"]


HALF = np.where(np.arange(SHAPE[1]) < 40, -1, 1)
READ = {
    "a NaN border": (image_with_border, "no data (NaN) in 1920 of 24000 pixels"),
    "a blank image": (images(np.full(SHAPE, 7.0)), "average_image is blank"),
    "some negative weights": (masks(MASKS * HALF), "weights of the masks are negative and are taken as 0"),
    "a column of complex numbers": (column("phase", np.ones(N, complex)), ""),
    "one object id for two": (share_an_object_id, ""),
    **{
        f"grid_spacing {spacing}": (put(f"{PLANE}/grid_spacing", spacing), "")
        for spacing in ([np.nan, 1], [b"a", b"b"], [[1.0, 1.0], [1.0, 1.0]], [1j, 1], [np.inf, 1.0], [1.0])
    },
}


@pytest.mark.slow
@pytest.mark.parametrize("case", READ)
def test_it_is_read_and_the_rest_is_said(tmp_path: Path, good: dict[str, Path], second: Path, case: str):
    change, words = READ[case]
    odd = changed(tmp_path / "odd.nwb", good["image_mask"], change)
    outcome = run("write", odd, second, "-o", tmp_path / "m.nwb").succeeded()
    assert words in outcome.err
    with_pairs = [line for line in run("show", tmp_path / "m.nwb").succeeded().out.splitlines() if " - 102" in line]
    n_empty = 2 if case == "some negative weights" else 0
    assert f"{N - n_empty} (" in with_pairs[0] or f"  {N - n_empty}  " in with_pairs[0]


def test_pixels_without_data_are_outside_the_field(tmp_path: Path, good: dict[str, Path]):
    session = read_session(changed(tmp_path / "odd.nwb", good["image_mask"], image_with_border))
    assert np.isfinite(session.image).all()
    assert (session.image[:, :12] == session.image[:, 12:13]).all()
    assert session.holds(np.array([[11.4, 50], [11.6, 50], [149.4, 159.4], [149.6, 50]])).tolist() == [
        False, True, True, False,
    ]  # fmt: skip


def test_a_blank_image_is_no_image(tmp_path: Path, good: dict[str, Path]):
    session = read_session(changed(tmp_path / "odd.nwb", good["pixel_mask"], images(np.full(SHAPE, 7))))
    assert not session.has_image
    assert session.source.image_path == ""
    assert session.shape == SHAPE


def test_pixels_and_images_of_several_sizes_are_checked_before_anything_is_allocated(
    tmp_path: Path, good: dict[str, Path], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("ndx_match.sources.checks.memory", lambda: 4 * 1000)
    with pytest.raises(InputError, match=r"column pixel_mask takes \d+ bytes, more than this computer can hold"):
        read_session(good["pixel_mask"])


OTHER = "lie in another file (other.h5)"


def external(path: str) -> Change:
    """Keep the values of a dataset in a file of their own."""

    def change(file: h5py.File) -> None:
        values, attributes = file[path][()], dict(file[path].attrs)
        other = Path(file.filename).with_name("other.h5")
        other.write_bytes(np.ascontiguousarray(values).tobytes())
        del file[path]
        dataset = file.create_dataset(path, values.shape, values.dtype, external=[(str(other), 0, h5py.h5f.UNLIMITED)])
        dataset.attrs.update(attributes)

    return change


def linked(path: str) -> Change:
    """Keep an object in a file of its own."""

    def change(file: h5py.File) -> None:
        other = Path(file.filename).with_name("other.h5")
        with h5py.File(other, "w") as target:
            for name in ("general", "processing", "acquisition"):
                if name in file:
                    file.copy(name, target)
        del file[path]
        file[path] = h5py.ExternalLink("other.h5", f"/{path}")

    return change


def virtual(path: str) -> Change:
    """Make a dataset of one of another file."""

    def change(file: h5py.File) -> None:
        values, attributes = file[path][()], dict(file[path].attrs)
        with h5py.File(Path(file.filename).with_name("other.h5"), "w") as target:
            target["values"] = values
        layout = h5py.VirtualLayout(values.shape, values.dtype)
        layout[...] = h5py.VirtualSource("other.h5", "values", values.shape)
        del file[path]
        file.create_virtual_dataset(path, layout)
        file[path].attrs.update(attributes)

    return change


@pytest.mark.parametrize("keep", [external, linked, virtual])
@pytest.mark.parametrize(
    "path", [f"{TABLE}/image_mask", f"{TABLE}/id", f"{IMAGES}/average_image", f"{PLANE}/grid_spacing"]
)
def test_what_lies_in_another_file_is_refused(tmp_path: Path, good: dict[str, Path], keep: Any, path: str):
    bad = changed(tmp_path / "bad.nwb", good["image_mask"], keep(path))
    run("write", good["image_mask"], bad, "-o", tmp_path / "m.nwb").refused(str(bad), f"/{path}", OTHER)


@pytest.mark.parametrize("path", ["processing/ophys/image_segmentation", TABLE, PLANE, "general"])
def test_a_group_that_lies_in_another_file_is_refused(tmp_path: Path, good: dict[str, Path], path: str):
    bad = changed(tmp_path / "bad.nwb", good["image_mask"], linked(path))
    run("write", good["image_mask"], bad, "-o", tmp_path / "m.nwb").refused(str(bad), f"/{path}", OTHER)


def test_what_is_neither_read_nor_copied_may_lie_in_another_file(tmp_path: Path, second: Path):
    nwbfile = make_nwbfile()
    nwbfile.add_acquisition(TimeSeries(name="movie", data=np.ones((3, 4)), unit="a.u.", rate=1.0))
    odd = write_nwb(tmp_path / "odd.nwb", nwbfile)
    with h5py.File(odd, "r+") as file:
        external("acquisition/movie/data")(file)
    run("write", odd, second, "-o", tmp_path / "m.nwb").succeeded()


def test_a_pipe_is_refused_at_once(tmp_path: Path, good: dict[str, Path]):
    pipe = tmp_path / "pipe.nwb"
    os.mkfifo(pipe)
    for arguments in (("inspect", pipe), ("write", good["image_mask"], pipe, "-o", tmp_path / "m.nwb")):
        run(*arguments).refused(str(pipe), "a pipe or a device")


@pytest.mark.slow
def test_a_file_that_another_program_writes_is_not_called_damaged(tmp_path: Path, good: dict[str, Path]):
    busy = Path(shutil.copy(good["image_mask"], tmp_path / "busy.nwb"))
    with h5py.File(busy, "r+", locking=True):
        outcome = run_process("inspect", busy, env={**os.environ, "HDF5_USE_FILE_LOCKING": "TRUE"})
    outcome.refused(str(busy), "another program")
    assert "damaged" not in outcome.err


def test_a_folder_stands_for_the_files_in_it(tmp_path: Path, good: dict[str, Path]):
    folder = tmp_path / "sessions"
    folder.mkdir()
    for arguments in (("inspect", folder), ("write", folder, "-o", tmp_path / "m.nwb")):
        run(*arguments).refused(f"{folder}: no NWB file lies in this folder; give an NWB file")
    for name in ("b.nwb", "a.nwb"):
        shutil.copy(good["image_mask"], folder / name)
    run("write", folder, "-o", tmp_path / "m.nwb").refused(f"{folder / 'b.nwb'}: this is the same session")


def test_names_with_line_breaks_stay_in_their_line(tmp_path: Path, good: dict[str, Path], second: Path):
    text = "an id\nError: none\x1b[31m\u2028"

    def rename(file: h5py.File) -> None:
        put("general/subject/subject_id", text)(file)
        put("general/session_id", text)(file)

    odd = changed(tmp_path / "a\nb\r\x1b[2J.nwb", good["image_mask"], rename)
    run("write", odd, second, "-o", tmp_path / "m.nwb").refused(
        r"a\nb\r\x1b[2J.nwb", r"an id\nError: none\x1b[31m\u2028"
    )
    run("write", tmp_path / "no\nfile.nwb", second, "-o", tmp_path / "m.nwb").refused(r"no\nfile.nwb")
    shown = run("inspect", odd, second).succeeded().out
    done = run("write", odd, second, "-o", tmp_path / "m\n.nwb", "--allow-different-subjects").succeeded()
    listed = run("show", tmp_path / "m\n.nwb").succeeded().out
    for out in (shown, done.out, done.err, listed):
        assert not set(out) & set("\r\x1b\u2028")
        assert not any(line.startswith(("Error", "b\\r", ".nwb")) for line in out.splitlines())


def transpose_all(file: h5py.File) -> None:
    masks(np.ascontiguousarray(file[f"{TABLE}/image_mask"][()].transpose(0, 2, 1)))(file)
    images(np.ascontiguousarray(file[f"{IMAGES}/average_image"][()].T))(file)


def mirror_all(file: h5py.File) -> None:
    masks(np.ascontiguousarray(file[f"{TABLE}/image_mask"][()][:, :, ::-1]))(file)
    images(np.ascontiguousarray(file[f"{IMAGES}/average_image"][()][:, ::-1]))(file)


@pytest.mark.parametrize(
    ("change", "option", "value"),
    [(transpose_all, "--transpose", "odd.nwb=both"), (mirror_all, "--mirror", "odd.nwb")],
)
def test_the_orientation_of_one_file_is_settled(
    tmp_path: Path, good: dict[str, Path], second: Path, change: Change, option: str, value: str
):
    odd = changed(tmp_path / "odd.nwb", good["image_mask"], change)
    outcome = run("write", odd, second, "-o", tmp_path / "m.nwb", option, value).succeeded()
    assert "set aside" not in outcome.out
    assert f"  {N} (" in outcome.out or f"  {N}  " in outcome.out
    inspected = run("inspect", odd, second, option, value).succeeded().out.splitlines()
    first, other = (line for line in inspected if line.startswith("  orientation"))
    assert option in first
    assert option not in other


def test_an_option_for_a_file_that_is_not_there(tmp_path: Path, good: dict[str, Path], second: Path):
    arguments = ("write", good["image_mask"], second, "-o", tmp_path / "m.nwb")
    run(*arguments, "--mirror", "third.nwb").refused("--mirror third.nwb: no file has this name", str(second))
    run(*arguments, "--transpose", "third.nwb=both").refused("--transpose third.nwb: no file has this name")
    run(*arguments, "--transpose", "second.nwb=twice").refused("--transpose twice is not one of masks, image, both")
    run(*arguments, "--transpose", "masks", "--transpose", "image").refused("more than once for all files")
    run("inspect", second, "--mirror", "third.nwb").refused("no file has this name")
