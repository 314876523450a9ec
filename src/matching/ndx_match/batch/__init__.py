"""Match the sessions of many animals: files grouped by animal and imaging plane, one match file for each group."""

from .job import Outcome
from .run import BatchResult, match_batch

__all__ = ["BatchResult", "Outcome", "match_batch"]
