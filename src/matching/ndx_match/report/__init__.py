"""Figures of a match, one module each; `fractions`, `images` and `labels` make what they show."""
