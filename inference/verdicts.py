"""What the answer to "Is there …?" comes to: as it says itself, never guessed."""

from __future__ import annotations

import re

from inference.answers import Verdict

_FINAL = re.compile(r"final answer[\s*_]*:", re.IGNORECASE)
_PLAIN = re.compile(r"\W*(yes|no)\b(?=[^\w\s]|\s*$|[\s*_]+\W|\s*\n)", re.IGNORECASE)
_SAID = re.compile(r"\b(yes|no)\b", re.IGNORECASE)


def verdict(text: str, first: bool = False) -> Verdict:
    """By "Final Answer: X" in `text` (arXiv 2507.05201 table A7): "yes" or "no" where X is that word alone or before a comma or
    full stop. "unclear" where X is anything else, where two of them differ, and where there is none.

    `first`: by the word that the text begins with, for a model that was taught to answer so.
    """
    marks = [mark.end() for mark in _FINAL.finditer(text)] or ([0] if first else [])
    found = {_one(text[mark:], whole=bool(mark)) for mark in marks}
    return found.pop() if len(found) == 1 else "unclear"


def _one(text: str, whole: bool) -> Verdict:
    """Of what stands behind a mark; `whole`: its line must not say the other word as well."""
    hit = _PLAIN.match(text)
    if hit is None:
        return "unclear"
    line = text[hit.start(1) :].splitlines()[0]
    if whole and len({word.lower() for word in _SAID.findall(line)}) > 1:
        return "unclear"
    return "yes" if hit[1].lower() == "yes" else "no"
