"""Correct a match file in a browser: a page that is served on this machine only, and what it saves."""

from .desk import Desk
from .server import ReviewServer

__all__ = ["Desk", "ReviewServer"]
