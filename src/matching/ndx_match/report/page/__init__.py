"""The page of a match: one HTML file that holds all it needs. Python puts the numbers together, JavaScript draws."""

from .build import Service, make_page, write_page

__all__ = ["Service", "make_page", "write_page"]
