"""Matched cells as a view of figpack: every session with its ROIs, and which of them are the same cell."""

from .view import EXPORTER

__all__ = ["EXPORTER"]
