"""Matched cells as a figure of figpack: every session with its ROIs, and which ROIs are the same cell."""

from .view import EXPORTER

__all__ = ["EXPORTER"]
