"""What can go wrong with another machine, said in one sentence a clinician may read."""

from __future__ import annotations


class PacsError(Exception):
    """`str(error)` is one sentence: which node, what is wrong, what to do. It holds nothing of a patient and no password."""


class NodeError(PacsError):
    """A node's name or its particulars are wrong: nothing was connected."""


class Stopped(PacsError):
    """The reader asked to stop."""


class Lost(PacsError):
    """A connection that stood broke or fell silent."""


class Endless(PacsError):
    """More answers came than anybody asked for."""


class Refused(PacsError):
    """One object that came was not taken; the sentence says why."""
