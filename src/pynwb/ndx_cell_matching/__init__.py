"""NWB extension for cells matched across imaging sessions.

After `import ndx_cell_matching`, pynwb reads the types of the namespace `ndx-cell-matching` as the classes below.
"""

from importlib.metadata import PackageNotFoundError, version

from .cell_matching import CellMatching
from .cells import MatchedCellsTable
from .codes import DecisionKind, Presence, RegistrationOutcome, Review, RoiSelection, SessionStatus, label_of
from .registrations import SessionRegistration
from .tables import DecisionsTable, MatchedSessionsTable, RoiPairsTable, SessionRegistrationsTable
from .traces import RoiTrace

try:
    __version__ = version("ndx-cell-matching")
except PackageNotFoundError:  # run from a source tree that is not installed
    __version__ = "0.0.0"

__all__ = [
    "CellMatching",
    "DecisionKind",
    "DecisionsTable",
    "MatchedCellsTable",
    "MatchedSessionsTable",
    "Presence",
    "RegistrationOutcome",
    "Review",
    "RoiPairsTable",
    "RoiSelection",
    "RoiTrace",
    "SessionRegistration",
    "SessionRegistrationsTable",
    "SessionStatus",
    "__version__",
    "label_of",
]
