"""Stores of format 2 and 3 as plain hdmf-zarr leaves them: what the installed version reads, and what it says."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from builders import field_of_view

from ndx_match.errors import InputError
from ndx_match.matchfile import write_match_file
from ndx_match.methods import nway
from ndx_match.sources import open_nwb, read_session, read_sessions

pytest.importorskip("hdmf_zarr", reason="hdmf-zarr is not installed; install the extra [zarr]")

from zarr_stores import FORMAT

FILES = Path(__file__).resolve().parent.parent / "back_compat" / "files"
TABLE = "processing/ophys/image_segmentation/roi_table"
IMAGE = "processing/ophys/images/average_image"
READABLE = [store_format for store_format in (2, 3) if store_format <= FORMAT]


@pytest.fixture(params=[2, 3])
def folder(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """The stores that hdmf-zarr wrote in a format."""
    shutil.unpack_archive(FILES / f"hdmf_zarr_{request.param}.tar.xz", tmp_path / str(request.param), filter="data")
    return tmp_path / str(request.param)


@pytest.fixture
def store(folder: Path) -> Path:
    """One that the installed version reads."""
    if int(folder.name) not in READABLE:
        pytest.skip("hdmf-zarr 0.13 does not read format 3")
    return folder / "session.nwb.zarr"


def test_a_format_that_is_not_read_is_one_sentence_that_says_what_reads_it(folder: Path):
    if int(folder.name) in READABLE:
        pytest.skip("the installed hdmf-zarr reads it")
    with pytest.raises(
        InputError, match=r"has format 3.*Python 3\.12 or newer with hdmf-zarr 0\.14.*ndx-match convert"
    ):
        read_session(folder / "session.nwb.zarr")


def test_a_session_of_any_format_is_read(store: Path):
    session, field = read_session(store), field_of_view()
    np.testing.assert_array_equal(session.image, field.image)
    np.testing.assert_array_equal(session.footprints.toarray(), field.footprints.toarray())
    with open_nwb(store) as nwbfile:
        assert [str(word) for word in nwbfile.keywords[:]] == ["one", "two"]
        table = nwbfile.processing["ophys"]["image_segmentation"]["roi_table"]
        assert table.imaging_plane is nwbfile.imaging_planes["plane"]


def chunks_of(store: Path, array: str) -> list[Path]:
    return sorted(
        path for path in (store / array).rglob("*") if path.is_file() and re.fullmatch(r"c|\d+(\.\d+)*", path.name)
    )


@pytest.mark.parametrize("array", [f"{TABLE}/pixel_mask", f"{TABLE}/pixel_mask_index", f"{TABLE}/id", IMAGE])
@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda file: file.unlink(), "is missing"),
        (lambda file: file.write_bytes(file.read_bytes()[:-5]), "cut off or damaged|cannot be decoded"),
        (lambda file: file.write_bytes(b"?" * file.stat().st_size), "cut off or damaged|cannot be decoded"),
    ],
)
def test_damage_is_found_in_any_format(store: Path, array: str, spoil: Callable[[Path], object], words: str):
    spoil(chunks_of(store, array)[0])
    with pytest.raises(
        InputError, match=f"session.nwb.zarr: the Zarr store is damaged or incomplete.*{array}"
    ) as caught:
        read_session(store)
    assert re.search(words, str(caught.value))


@pytest.mark.parametrize("array", ["session_start_time", "identifier"])
def test_a_text_that_is_missing_is_damage_in_any_format(store: Path, array: str):
    chunks_of(store, array)[0].unlink()
    with pytest.raises(InputError, match=f"damaged or incomplete.*{array}.* is missing"):
        read_session(store)


def test_pickled_references_are_refused_in_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Those of hdmf-zarr 0.13; a match file has none that is pickled."""
    pickles = pytest.importorskip("numcodecs.pickles", reason="this version of numcodecs has no pickles")
    if not hasattr(pickles, "ALLOW_UNSAFE_PICKLE_DECODE"):
        pytest.skip("this version of numcodecs unpickles")
    shutil.unpack_archive(FILES / "hdmf_zarr_2.tar.xz", tmp_path, filter="data")

    def read_references() -> list[object]:
        with open_nwb(tmp_path / "references.nwb.zarr") as nwbfile:
            return list(nwbfile.processing["ophys"]["image_segmentation"]["roi_table"]["plane"].data[:])

    with pytest.raises(InputError, match=f"the references in {TABLE}/plane are pickled.*NUMCODECS_ALLOW_UNSAFE"):
        read_references()
    monkeypatch.setenv("NUMCODECS_ALLOW_UNSAFE_PICKLE_DECODE", "1")
    monkeypatch.setattr(pickles, "ALLOW_UNSAFE_PICKLE_DECODE", True)
    assert {plane.name for plane in read_references()} == {"plane"}


@pytest.mark.slow
def test_sessions_of_both_formats_are_matched_and_copied(tmp_path: Path, store: Path):
    from builders import make_nwbfile, write_nwb

    other = write_nwb(tmp_path / "other.nwb", make_nwbfile(session_id="other"))
    sessions = read_sessions([store, other])
    for name in ("m.nwb", "m.nwb.zarr"):
        write_match_file(sessions, nway.match(sessions), tmp_path / name)
        with open_nwb(tmp_path / name) as nwbfile:
            copy = nwbfile.processing["ophys"]["roi_tables"]["101_roi_table"]
            assert len(copy["pixel_mask"][3]) == np.diff(sessions[0].footprints.indptr)[3]
