"""Files on the network: web servers, S3 and DANDI. Only the parts that are read are fetched, and kept in a cache."""

from .access import RemoteAccess, current_access, remote_access
from .locations import file_stem, is_url, public_name, same_place

__all__ = [
    "RemoteAccess",
    "current_access",
    "file_stem",
    "is_url",
    "public_name",
    "remote_access",
    "same_place",
]
