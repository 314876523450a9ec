"""The command `ndx-match`: a thin layer that parses arguments, shows progress and turns errors into messages."""

from .main import main

__all__ = ["main"]
