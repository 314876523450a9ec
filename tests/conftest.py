"""Fixtures and rules that all tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
ALLEN_DATA = Path(os.environ.get("NDX_MATCH_ALLEN_DATA", REPOSITORY.parent / "shared" / "data" / "allen"))


@pytest.fixture(scope="session")
def allen_data() -> Path:
    """Folder of three real sessions and recorded outputs, which the repository does not hold for their licence."""
    if not ALLEN_DATA.is_dir():
        pytest.skip(f"the Allen Institute's sample sessions are not here ({ALLEN_DATA}); set NDX_MATCH_ALLEN_DATA")
    return ALLEN_DATA


@pytest.fixture(scope="session")
def allen_sessions(allen_data: Path) -> list[Path]:
    """The three real sessions in the older OpenScope layout, in the order of the recordings."""
    return sorted((allen_data / "openscope_old").glob("*.nwb"))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item):
    """Where the real sessions are present, a test that needs them must run: a skip is a failure."""
    outcome = yield
    report = outcome.get_result()
    needs_data = item.get_closest_marker("allen_data") or "allen_data" in getattr(item, "fixturenames", ())
    if needs_data and ALLEN_DATA.is_dir() and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped although the data are present: {report.longrepr}"
