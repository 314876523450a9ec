"""The codes in the columns of the match file, and their meanings.

The meaning of a code never changes, and a code is never used again for something else; a newer version may add codes.
A reader that meets an unknown code says so (:func:`label_of`) and goes on.
"""

from __future__ import annotations

import enum


class Code(enum.IntEnum):
    """A number in a file, with its meaning in words."""

    label: str

    def __new__(cls, value: int, label: str = "") -> Code:
        code = int.__new__(cls, value)
        code._value_ = value
        code.label = label
        return code

    @classmethod
    def spelled_out(cls) -> str:
        """All codes with their meanings, for the description of a column."""
        return "; ".join(f"{code.value}: {code.label}" for code in cls)


class Presence(Code):
    """Why a cell has an ROI in a session, or has none: column `presence` of the table of cells."""

    NOT_DETECTED = 0, "not detected"  #: the place lies in the session's field of view, but no ROI there was matched
    PRESENT = 1, "present"  #: an ROI of the session belongs to the cell
    OUTSIDE_FIELD = 2, "outside the field"  #: the cell's place lies outside the session's field of view
    AMBIGUOUS = 3, "ambiguous"  #: several ROIs could be the cell and none stands out
    NOT_REGISTERED = 4, "session not registered"  #: the session was not aligned with those in which the cell was seen
    NOT_LOOKED_FOR = 5, "not looked for"  #: the method did not look for the cell in this session


class SessionStatus(Code):
    """What became of a session: column `status` of the table of sessions."""

    MATCHED = 0, "matched"  #: it took part in the matching
    NOT_REGISTERED = 1, "set aside"  #: it could not be aligned with any other session, so its ROIs were not matched
    LEFT_OUT = 2, "left out"  #: a person decided to leave it out


class RegistrationOutcome(Code):
    """How the alignment of two sessions ended: column `outcome` of the table of registrations."""

    NOT_REGISTERED = 0, "not registered"  #: the two could not be aligned; the matrix has no meaning
    REGISTERED = 1, "registered"  #: the two were aligned with each other
    COMPOSED = 2, "composed"  #: the matrix follows from alignments with other sessions, not from one between the two
    BY_HAND = 3, "by hand"  #: a person gave the alignment

    @classmethod
    def with_matrix(cls) -> tuple[RegistrationOutcome, ...]:
        """The outcomes after which the matrix aligns the two sessions."""
        return cls.REGISTERED, cls.COMPOSED, cls.BY_HAND


class RoiSelection(Code):
    """Which ROIs of a session took part: column `roi_selection` of the table of sessions."""

    ALL = 0, "all ROIs"
    ACCEPTED_BY_WRITER = 1, "ROIs that the file's writer accepts"
    CHOSEN_BY_USER = 2, "ROIs that meet a condition of the user"


class Review(Code):
    """What a person decided on a cell: column `review` of the table of cells."""

    NOT_REVIEWED = 0, "not reviewed"
    ACCEPTED = 1, "accepted"  #: the automatic result is right
    CHANGED = 2, "changed"  #: a person joined, split or moved ROIs
    UNCERTAIN = 3, "uncertain"  #: a person looked and cannot tell


class DecisionKind(Code):
    """What a person decided: column `kind` of the table of decisions."""

    SPLIT = 0, "split"  #: ROIs leave a cell and are a cell of their own
    JOIN = 1, "join"  #: cells are one cell
    MOVE = 2, "move"  #: an ROI belongs to another cell
    REMOVE = 3, "remove"  #: an ROI leaves its cell and is a cell of its own
    ACCEPT = 4, "accept"  #: a cell is right
    UNCERTAIN = 5, "uncertain"  #: a person looked at a cell and cannot tell
    ALIGN = 6, "align"  #: two sessions are aligned by the given matrix


def label_of(codes: type[Code], code: int) -> str:
    """The meaning of a code in a file, or a text that says that this version does not know the code.

    Examples
    --------
    >>> label_of(Presence, 2), label_of(Presence, 7)
    ('outside the field', 'code 7 (unknown: written by a newer version?)')
    """
    try:
        return codes(int(code)).label
    except ValueError:
        return f"code {int(code)} (unknown: written by a newer version?)"
