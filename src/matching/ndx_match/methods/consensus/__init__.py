"""Matching by consensus: every registration is tested, every match has a probability, all sessions agree.

See :func:`match`.
"""

from .parameters import ConsensusParameters
from .pipeline import match

__all__ = ["ConsensusParameters", "match"]
