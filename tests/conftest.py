"""Fixtures and rules that all tests share."""

from __future__ import annotations

import importlib.util
import ipaddress
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
ALLEN_DATA = Path(os.environ.get("NDX_MATCH_ALLEN_DATA", REPOSITORY.parent / "shared" / "data" / "allen"))
WRITERS_DATA = Path(os.environ.get("NDX_MATCH_WRITERS_DATA", REPOSITORY.parent / "shared" / "data" / "writers"))
OTHER_TOOLS = Path(os.environ.get("NDX_MATCH_OTHER_TOOLS", REPOSITORY.parent / "shared" / "data" / "other_tools"))
CASES = Path(os.environ.get("NDX_MATCH_CASES", REPOSITORY.parent / "shared" / "cases"))

if "PYTEST_XDIST_WORKER" in os.environ:  # one processor for each of several, before the libraries count them
    for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "OPENCV_FOR_THREADS_NUM"):
        os.environ.setdefault(variable, "1")
# How long an example takes says more of the machine's load than of the code.
if importlib.util.find_spec("hypothesis") is not None:
    from hypothesis import settings

    settings.register_profile("without deadlines", deadline=None)
    settings.load_profile("without deadlines")
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # As in a shell's background job: the processes that the tests interrupt would inherit it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:  # as under nohup
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(scope="session")
def allen_data() -> Path:
    """Folder of three real sessions and recorded outputs, which the repository does not hold for their licence."""
    if not ALLEN_DATA.is_dir():
        pytest.skip(f"the Allen Institute's sample sessions are not here ({ALLEN_DATA}); set NDX_MATCH_ALLEN_DATA")
    return ALLEN_DATA


@pytest.fixture(scope="session")
def cases() -> Path:
    """Folder of scripts that make inputs on which earlier versions failed."""
    if not CASES.is_dir():
        pytest.skip(f"the scripts that make difficult inputs are not here ({CASES}); set NDX_MATCH_CASES")
    return CASES


@pytest.fixture(scope="session")
def allen_sessions(allen_data: Path) -> list[Path]:
    """The three real sessions in the older OpenScope layout, in the order of the recordings."""
    return sorted((allen_data / "openscope_old").glob("*.nwb"))


@pytest.fixture(scope="session")
def writers_data() -> Path:
    """Folder of simulated recordings as real writers left them, with their truth, too large for the repository."""
    if not WRITERS_DATA.is_dir():
        pytest.skip(f"the files of real writers are not here ({WRITERS_DATA}); set NDX_MATCH_WRITERS_DATA")
    return WRITERS_DATA


@pytest.fixture(scope="session")
def other_tools() -> Path:
    """Folder of what other programs wrote of simulated sessions, with their truth, too large for the repository."""
    if not OTHER_TOOLS.is_dir():
        pytest.skip(f"the results of other programs are not here ({OTHER_TOOLS}); set NDX_MATCH_OTHER_TOOLS")
    return OTHER_TOOLS


@pytest.fixture
def registered_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sessions of a result that is imported are not registered again if they were in an earlier test."""
    from ndx_match.formats.importing import overlap

    def remembered(sessions: list[Any], progress: object = None) -> Any:
        key = tuple(map(id, sessions))
        if key not in _registered:  # with the sessions, so that none gets the id of one that was forgotten
            _registered[key] = match(sessions), sessions
        return _registered[key][0]

    match = overlap.match
    monkeypatch.setattr(overlap, "match", remembered)


_registered: dict[tuple[int, ...], tuple[Any, list[Any]]] = {}


def find_chromium() -> str | None:
    """The program of a Chromium browser, that named by NDX_MATCH_CHROMIUM or one on the PATH."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return os.environ.get("NDX_MATCH_CHROMIUM") or next(filter(None, map(shutil.which, names)), None)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A headless Chromium, driven by playwright, that sends no requests of its own to the network.

    It lives for one module only, because its event loop would disturb other tests.
    """
    program = find_chromium()
    if program is None:
        pytest.skip("there is no Chromium here to look at pages with; install it or set NDX_MATCH_CHROMIUM")
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed; install the group test"
    )
    quiet = ("no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-background-networking",
             "disable-component-update", "disable-sync")  # fmt: skip
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=[f"--{option}" for option in quiet])
        yield browser
        browser.close()


@pytest.fixture
def distributed() -> None:
    """For tests that start a cluster."""
    pytest.importorskip("distributed", reason="dask.distributed is not installed; install the group test")


@pytest.fixture
def open_path() -> Iterator[Path]:
    """A temporary folder in which other users may read. The folders of `tmp_path` are open to their owner alone, and
    every other pytest that starts on this machine closes them again."""
    others = os.umask(0o022)
    try:
        with tempfile.TemporaryDirectory() as folder:
            os.chmod(folder, 0o755)
            yield Path(folder)
    finally:
        os.umask(others)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a disk of 200 kB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = shutil.which("mount")
    command = [mount or "mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(disk)]
    if (
        mount is None
        or sys.platform == "win32"
        or os.geteuid() != 0
        or subprocess.run(command, capture_output=True, check=False).returncode
    ):
        pytest.skip("a small disk cannot be mounted here")
    try:
        yield disk
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@pytest.fixture
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache for this test alone, with short waits for servers, no credentials and no network."""
    from ndx_match.storage.remote import ranges

    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("NDX_MATCH_CACHE", str(folder))
    monkeypatch.setattr(ranges, "FIRST_WAIT", 0.01)
    for name in [name for name in os.environ if name.startswith("AWS_") or name.endswith("_API_KEY")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(folder / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(folder / "none"))
    monkeypatch.setenv("DANDI_NO_ET", "1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(socket.socket, "connect", _connect_to_loopback)
    return folder


_connect = socket.socket.connect


def _connect_to_loopback(self: socket.socket, address: Any) -> None:
    if self.family in (socket.AF_INET, socket.AF_INET6) and not ipaddress.ip_address(address[0]).is_loopback:
        raise ConnectionRefusedError(f"a test may not connect to {address[0]}")
    _connect(self, address)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item):
    """Where the data or scripts that a test needs are present, it must run: a skip is a failure. So it is without a
    browser, a cluster, or a library of the group test where all tests have to run, as `CI` says."""
    outcome = yield
    report = outcome.get_result()
    fixtures = getattr(item, "fixturenames", ())
    needed = [("allen_data", ALLEN_DATA), ("writers_data", WRITERS_DATA), ("cases", CASES),
              ("other_tools", OTHER_TOOLS)]  # fmt: skip
    present = any(folder.is_dir() and (name in fixtures or item.get_closest_marker(name)) for name, folder in needed)
    if os.environ.get("CI") == "true":
        present |= not {"chromium", "distributed"}.isdisjoint(fixtures)
        reason = str(report.longrepr) if report.skipped else ""
        present |= "is not installed" in reason and "group docs" not in reason  # the site has checks of its own
    if present and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped although it must run here: {report.longrepr}"


@pytest.fixture
def add_file(tmp_path: Path) -> Iterator[Callable[..., None]]:
    """Adds one new module to the folder of a package, for this test only: `add_file(package, name, source)`.

    Modules that list plug-ins when they are imported are named behind, to be loaded anew.
    """
    folder = tmp_path / "added"
    added: list[tuple[Any, str]] = []
    reloaded: list[str] = []

    def add(package: str, name: str, source: str, *reload: str) -> None:
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.py").write_text(source)
        module = importlib.import_module(package)
        module.__path__.append(str(folder))
        added.append((module, name))
        importlib.invalidate_caches()
        reloaded.extend(reload)
        for listing in reload:
            importlib.reload(importlib.import_module(listing))

    yield add
    for module, name in added:
        module.__path__.remove(str(folder))
        sys.modules.pop(f"{module.__name__}.{name}", None)
        if hasattr(module, name):
            delattr(module, name)
    for listing in reloaded:
        importlib.reload(importlib.import_module(listing))
