"""Metadata with which a dandiset of match files names the dandisets from which their sessions were read."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..model import Session
from ..storage.remote import import_extra

_SOURCE = re.compile(r"dandi://(?P<instance>[^/]+)/(?P<dandiset>\d+)@(?P<version>[^/]+)/")
IDENTIFIERS = {
    "dandi": "DANDI",
    "ember-dandi": "EMBER-DANDI",
    "linc": "LINC",
}  #: instance of DANDI -> prefix of the identifiers of its dandisets


def related_resources(sessions: Sequence[Session]) -> list[dict[str, str]]:
    """The entries of `relatedResource` in a dandiset's metadata, one for each dandiset from which sessions were read.

    Each entry has the form of DANDI's schema and says that the dandiset with the match file is derived from the source.
    """
    matches = [_SOURCE.match(session.source.uri) for session in sessions]
    sources = dict.fromkeys(each.group("instance", "dandiset", "version") for each in matches if each)
    return [_entry(*source) for source in sources]


def _entry(instance: str, dandiset: str, version: str) -> dict[str, str]:
    known_instances = import_extra("dandi.consts", public=f"dandi://{instance}/{dandiset}").known_instances
    name = f"{IDENTIFIERS.get(instance, instance.upper())}:{dandiset}"
    return {
        "schemaKey": "Resource",
        "identifier": name if version == "draft" else f"{name}/{version}",
        "name": f"The sessions whose cells were matched: {name}",
        "url": f"{known_instances[instance].gui.rstrip('/')}/dandiset/{dandiset}/{version}",
        "repository": "DANDI Archive" if instance == "dandi" else instance,
        "relation": "dcite:IsDerivedFrom",
        "resourceType": "dcite:Dataset",
    }
