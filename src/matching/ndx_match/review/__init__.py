"""Correct a match file in a browser: its page, served on this machine only, and what is saved from it."""

from .desk import Desk
from .server import ReviewServer

__all__ = ["Desk", "ReviewServer"]
