"""The files that describe the repository: they agree with `pyproject.toml`, and no person or address is invented."""

from __future__ import annotations

import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
SCRIPT = REPOSITORY / ".ci" / "metadata.py"


def run_script(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> None:
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), *map(str, arguments)])
    runpy.run_path(str(SCRIPT), run_name="__main__")


def test_the_files_repeat_what_the_package_states(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    run_script(monkeypatch, tmp_path)
    written = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert written == {name: (REPOSITORY / name).read_text() for name in ("ndx-meta.yaml", "CITATION.cff")}


def test_the_catalogue_and_citation_have_their_fields():
    entry = yaml.safe_load((REPOSITORY / "ndx-meta.yaml").read_text())
    assert set(entry) == {"name", "version", "src", "pip", "license", "maintainers"}
    assert isinstance(entry["maintainers"], list)
    citation = yaml.safe_load((REPOSITORY / "CITATION.cff").read_text())
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
    assert citation["version"] == entry["version"]


def test_the_version_is_stated_once():
    version = re.search(r'^version = "(.+)"$', (REPOSITORY / "pyproject.toml").read_text(), re.MULTILINE)[1]
    sources = [path for folder in ("src", ".ci", ".github") for path in (REPOSITORY / folder).rglob("*")]
    stating = [path.name for path in sources if path.suffix in (".py", ".yml") and f'"{version}"' in path.read_text()]
    assert stating == []


def test_a_release_waits_for_what_only_the_owner_can_say(monkeypatch: pytest.MonkeyPatch):
    if "OWNER" in (REPOSITORY / "pyproject.toml").read_text().split("[project.urls]")[1]:
        with pytest.raises(SystemExit, match=r"see OWNER\.md"):
            run_script(monkeypatch, "--release")
    else:
        run_script(monkeypatch, "--release")


def test_a_release_waits_for_every_address(tmp_path: Path):
    (tmp_path / ".ci").mkdir()
    shutil.copy(SCRIPT, tmp_path / ".ci")
    filled_in = (REPOSITORY / "pyproject.toml").read_text().replace("OWNER", "someone")
    for text, code in ((filled_in, 0), (filled_in.replace("https://someone.github.io", "https://OWNER.github.io"), 1)):
        (tmp_path / "pyproject.toml").write_text(text)
        command = [sys.executable, str(tmp_path / ".ci" / "metadata.py"), "--release"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (done.returncode, "OWNER is still in pyproject.toml; see" in done.stderr) == (code, code == 1)


@pytest.mark.parametrize("pattern", [".github/**/*.yml", ".pre-commit-config.yaml"])
def test_workflows_and_templates_are_yaml(pattern: str):
    texts = [path.read_text() for path in REPOSITORY.glob(pattern)]
    assert texts
    assert all(map(yaml.safe_load, texts))
