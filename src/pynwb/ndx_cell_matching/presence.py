"""Why a cell has, or has not, an ROI in a session."""

from __future__ import annotations

import enum


class Presence(enum.IntEnum):
    """Codes of the column `presence` of the table of cells."""

    NOT_DETECTED = 0  #: the place lies in the session's field of view, but no ROI there was matched
    PRESENT = 1  #: an ROI of the session belongs to the cell
    OUTSIDE_FIELD = 2  #: the cell's place lies outside the session's field of view
    AMBIGUOUS = 3  #: several ROIs could be the cell and none stands out
    NOT_REGISTERED = 4  #: the session could not be aligned with the sessions in which the cell was seen

    @property
    def label(self) -> str:
        """The code in words."""
        return _LABELS[self]


_LABELS = {
    Presence.NOT_DETECTED: "not detected",
    Presence.PRESENT: "present",
    Presence.OUTSIDE_FIELD: "outside the field",
    Presence.AMBIGUOUS: "ambiguous",
    Presence.NOT_REGISTERED: "session not registered",
}
