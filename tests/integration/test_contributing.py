"""The recipes of CONTRIBUTING.md, each followed to the letter in a copy of the repository."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
SECTIONS = re.split(r"^## ", (REPOSITORY / "CONTRIBUTING.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
RECIPES = {title: text for title, _, text in (section.partition("\n") for section in SECTIONS) if title[:4] == "Add "}
BLOCK = re.compile(r"^ *```(\w+)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
NEW_FILE = re.compile(r"new file, `([^`]+)`\..*?module in\s+\[([^]]+)\]\([^)#]+#([^)]+)\)", re.DOTALL)
INSERT = re.compile(r"[Ii]n `([^`]+)`, above the line (?:that begins with )?`+ ?(.+?) ?`+, insert$")


def follow(recipe: str, folder: Path) -> list[str]:
    """Do what a recipe says, and return the commands that it ran."""
    ran = []
    for step in re.split(r"^(?=\d+\. )", recipe, flags=re.MULTILINE)[1:]:
        words = " ".join(BLOCK.sub("", step).split())
        if begin := NEW_FILE.search(step):
            path, document, heading = begin.groups()
            (folder / path).write_text(module_below(folder / document, heading))
        for language, indented in BLOCK.findall(step):
            code = re.sub("^   ", "", indented, flags=re.MULTILINE)  # as part of a list it stands to the right
            before = re.sub(r"\n\s*", " ", step[: step.index(indented)]).removesuffix(f" ```{language} ").strip()
            if language == "bash":
                ran += run_commands(code, folder)
            elif insert := INSERT.search(before):
                path, line = insert.groups()
                insert_above(folder / path, line, code)
            else:
                path = re.search(r"in `([^`]+)`:$", before)[1]
                (folder / path).write_text(code)
        assert BLOCK.search(step) or NEW_FILE.search(step), f"a step that a test cannot follow: {words}"
    return ran


def module_below(document: Path, heading: str) -> str:
    """The first module that a document shows below a heading, which is given as in a link."""
    for title, text in re.findall(r"^##+ (.+?)\n(.*?)(?=^##+ |\Z)", document.read_text(), re.MULTILINE | re.DOTALL):
        if title.lower().replace(" ", "-") == heading:
            return next(code for language, code in BLOCK.findall(text) if language == "python")
    raise AssertionError(f"{document.name} has no heading {heading}")


def insert_above(path: Path, beginning: str, code: str) -> None:
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    (position,) = (number for number, line in enumerate(lines) if line.strip().startswith(beginning))
    path.write_text("".join([*lines[:position], code, *lines[position:]]), encoding="utf-8")


def run_commands(code: str, folder: Path) -> list[str]:
    sources = os.pathsep.join(str(folder / "src" / name) for name in ("pynwb", "matching"))
    environment = {**os.environ, "PYTHONPATH": sources, "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    for variable in [name for name in environment if name.startswith("PYTEST_")]:
        del environment[variable]
    done = subprocess.run(["bash", "-e", "-c", code], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"\d+ passed", done.stdout), done.stdout
    return code.splitlines()


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of what the recipes change, with this interpreter as its `python`."""
    folder = tmp_path / "repository"
    for name in ("src", "spec", "tests", "docs"):
        ignored = shutil.ignore_patterns("__pycache__", "_build")
        shutil.copytree(REPOSITORY / name, folder / name, ignore=ignored)
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(REPOSITORY / name, folder)
    python = folder / "bin" / "python"
    python.parent.mkdir()
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    return folder


def test_there_are_recipes_for_what_is_added_most():
    assert list(RECIPES) == ["Add a layout", "Add a method", "Add an importer", "Add a column to the schema"]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="the commands of the recipes are those of a POSIX shell")
@pytest.mark.parametrize("title", RECIPES)
def test_a_recipe_works_to_the_letter(title: str, copy: Path):
    assert follow(RECIPES[title], copy)
    subprocess.run([sys.executable, "-m", "ruff", "check", "--no-cache", copy], check=True)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="the commands of the recipes are those of a POSIX shell")
def test_a_recipe_without_its_first_step_fails(copy: Path):
    """So that the test above is one: without the column in the schema its own test does not pass."""
    _, _, others = RECIPES["Add a column to the schema"].partition("\n2. ")
    with pytest.raises(AssertionError, match="objective"):
        follow(f"\n2. {others}", copy)
