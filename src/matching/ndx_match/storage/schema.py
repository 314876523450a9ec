"""Keep the schema of an NWB file in it."""

from __future__ import annotations

from typing import Any

from hdmf.backends.utils import NamespaceToBuilderHelper
from hdmf.spec import NamespaceCatalog

SPECIFICATIONS = "specifications"  #: the group that holds it in files of pynwb


def write_schema(catalog: NamespaceCatalog, group: Any, writer: Any) -> None:
    """Keep the schema in a file.

    Parameters
    ----------
    catalog : NamespaceCatalog
    group : group of h5py or Zarr
        The one for it in the file.
    writer : type
        hdmf's writer for a group.
    """
    for name in catalog.namespaces:
        version = catalog.get_namespace(name).version or "unversioned"
        builder = NamespaceToBuilderHelper.convert_namespace(catalog, name)
        builder.export("namespace", writer=writer(group.require_group(f"{name}/{version}")))
