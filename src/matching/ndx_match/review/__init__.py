"""Correct a match file in a browser, on a page that is served only on this machine."""

from .desk import Desk
from .server import ReviewServer

__all__ = ["Desk", "ReviewServer"]
