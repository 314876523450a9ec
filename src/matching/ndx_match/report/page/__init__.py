"""The page of a match: one HTML file that holds all it needs. Python puts the numbers together, JavaScript draws."""

from .build import make_page, write_page

__all__ = ["make_page", "write_page"]
