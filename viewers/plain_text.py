"""Text from a file as a line that cannot misbehave, and as what a search compares. No Qt."""

from __future__ import annotations

import unicodedata

_TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Signs that turn the writing direction of what follows; letters of right-to-left scripts need none of them."""
_CUT = 16
"""A text is looked at for at most so many times the letters that are kept."""


def one_line(text: str, most: int) -> str:
    """`text` in one line of at most `most` letters: control signs and line breaks are blanks, turning signs are left out."""
    short = "".join(one if one.isprintable() else " " for one in text[: _CUT * most] if one not in _TURNING)
    line = " ".join(short.split())
    return line if len(line) <= most and len(text) <= _CUT * most else line[: most - 1].rstrip() + "…"


def folded(text: str) -> str:
    """What a search compares: without case, accents and width, so that "muller" finds "MÜLLER" and "иванов" finds "Иванов"."""
    if text.isascii():
        return text.lower()
    apart = unicodedata.normalize("NFKD", text.casefold())
    return "".join(one for one in apart if not unicodedata.combining(one))
