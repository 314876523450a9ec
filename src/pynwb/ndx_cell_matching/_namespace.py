"""Loads the schema of the extension into pynwb; a module that defines one of its types imports this one first."""

from __future__ import annotations

from pathlib import Path

from pynwb import load_namespaces

NAMESPACE = "ndx-cell-matching"


def _namespace_file() -> Path:
    """The schema: beside this file where the package is installed, in the repository's `spec` otherwise."""
    package = Path(__file__).resolve().parent
    installed = package / "spec" / f"{NAMESPACE}.namespace.yaml"
    return installed if installed.exists() else package.parents[2] / "spec" / f"{NAMESPACE}.namespace.yaml"


load_namespaces(str(_namespace_file()))
