"""Figures of a match, one module each; `fractions`, `images` and `labels` make the numbers, images and words."""
