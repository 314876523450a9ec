"""Write the files that repeat what `pyproject.toml` states of the package: `ndx-meta.yaml` and `CITATION.cff`.

Run `python .ci/metadata.py [FOLDER]`; without FOLDER the files of the repository are written anew. With `--release`
nothing is written; the command fails if the owner has not filled in everything (see `OWNER.md`).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

REPOSITORY = Path(__file__).resolve().parents[1]
STATED = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT, URLS = STATED["project"], STATED["project"]["urls"]
WRITTEN = "# Written by .ci/metadata.py from pyproject.toml: change it there.\n"


def list_of(lines: list[str], indent: str = "") -> str:
    """A list in YAML."""
    return "".join(f"{indent}  - {line}\n" for line in lines)


def catalog_entry() -> str:
    """The fields that the catalogue of NWB extensions asks for."""
    return (
        f"{WRITTEN}name: {PROJECT['name']}\n"
        f"version: {PROJECT['version']}\n"
        f"src: {URLS['Source']}\n"
        f"pip: https://pypi.org/project/{PROJECT['name']}/\n"
        f"license: {PROJECT['license']}\n"
        f"maintainers:\n{list_of(STATED['tool']['nwb-catalog']['maintainers'])}"
    )


def citation() -> str:
    """How to cite the software, in the Citation File Format."""
    return (
        f"{WRITTEN}cff-version: 1.2.0\n"
        "message: If you use this software, please cite it as below.\n"
        "type: software\n"
        f"title: {PROJECT['name']}\n"
        f"abstract: {PROJECT['description']}.\n"
        f"version: {PROJECT['version']}\n"
        f"license: {PROJECT['license']}\n"
        f"repository-code: {URLS['Source']}\n"
        f"authors:\n{list_of(['name: ' + author['name'] for author in PROJECT['authors']])}"
        f"keywords:\n{list_of(PROJECT['keywords'])}"
    )


def main() -> None:
    """Command line: write both files, or check that they are complete."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=REPOSITORY, help="where to write")
    parser.add_argument("--release", action="store_true", help="only check that the owner has filled in everything")
    arguments = parser.parse_args()
    files = {"ndx-meta.yaml": catalog_entry(), "CITATION.cff": citation()}
    if arguments.release:
        stated = {"pyproject.toml": " ".join([*URLS.values(), *STATED["tool"]["nwb-catalog"]["maintainers"]])}
        unfinished = [name for name, text in {**stated, **files}.items() if "OWNER" in text]
        if unfinished:
            sys.exit(f"The word OWNER is still in {', '.join(unfinished)}; see OWNER.md.")
        return
    for name, text in files.items():
        (arguments.folder / name).write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
