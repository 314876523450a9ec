"""Figures of a match: what was aligned, what was matched, and how well.

Arrays and numbers first (no matplotlib is imported for them):

- `fractions`: matched fraction of every pair of sessions;
- `images`: contrast, warping, overlay and structural similarity of projection images;
- `masks`: one colour a cell, and label images painted from sparse footprints;
- `labels`: short names, dates and one-line summaries.

Then one module a figure (`registration`, `overlay_matrix`, `fraction_matrix`, `cell_map`, `group_sizes`), each a
pure function from sessions and a match result to a :class:`matplotlib.figure.Figure`, and `figures`, which writes
them all to a folder.
"""
