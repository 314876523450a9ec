"""Load the schema of the extension into pynwb. Modules that define its types must import this one first."""

from __future__ import annotations

from pathlib import Path

from pynwb import load_namespaces

NAMESPACE = "ndx-cell-matching"


def _namespace_file() -> Path:
    """The file of the schema: inside the installed package, or in the repository's folder `spec`."""
    package = Path(__file__).resolve().parent
    installed = package / "spec" / f"{NAMESPACE}.namespace.yaml"
    return installed if installed.exists() else package.parents[2] / "spec" / f"{NAMESPACE}.namespace.yaml"


load_namespaces(str(_namespace_file()))
