"""The page of a match: one HTML file that needs no other files. Python computes the numbers, and JavaScript draws."""

from .build import Service, make_page, write_page

__all__ = ["Service", "make_page", "write_page"]
