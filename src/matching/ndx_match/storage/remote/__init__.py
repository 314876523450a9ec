"""Files on the network: web servers, S3 and DANDI. Only the parts that are read are fetched, and kept in a cache."""

from .access import remote_access, shared_access
from .locations import file_stem, is_of_dandi, is_url, parsed, public_name, recorded_location, same_place
from .transports import import_extra

__all__ = [
    "file_stem",
    "import_extra",
    "is_of_dandi",
    "is_url",
    "parsed",
    "public_name",
    "recorded_location",
    "remote_access",
    "same_place",
    "shared_access",
]
