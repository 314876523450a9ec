"""Match the sessions of many animals: group files by animal and imaging plane, and write a match file per group."""

from .job import Outcome
from .run import BatchResult, match_batch

__all__ = ["BatchResult", "Outcome", "match_batch"]
