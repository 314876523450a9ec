"""Figures of a match, one module each, and `figures`, which writes them all to a folder.

A figure is made by a pure function from sessions and a match result to a :class:`matplotlib.figure.Figure`. The modules
`fractions`, `images`, `masks` and `labels` make arrays, numbers and words for them without matplotlib.
"""
