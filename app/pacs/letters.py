"""Names whose letters an archive cannot look for: it is asked with wildcards in their place, and its answers are sorted here."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import replace

from app.pacs.matches import Answer, Study
from app.pacs.query import Query, person_name

_PLAIN = re.compile(r"[A-Za-z0-9*?.-]+")
Find = Callable[[Query], Answer]


def found(find: Find, query: Query, name: str) -> Answer:
    """What `find` answers; where that is nothing and the name has letters beyond ASCII's, what a wider question brings.

    Archives that compare bytes, or do not decode an address, miss Müller although they have them. `name` is the archive's.
    """
    answer = find(query)
    wanted = person_name(query.patient_name)
    if answer.studies or not wanted or _PLAIN.fullmatch(wanted):
        return answer
    wider = find(replace(query, patient_name=widened(wanted)))
    fitting = tuple(one for one in wider.studies if fits(wanted, one))
    if not wider.studies:
        return answer
    note = f"{name} could not look for these letters: it was asked more widely, and what fits is shown."
    return Answer(fitting, (note, *wider.notes), wider.more)


def widened(name: str) -> str:
    """Wildcards in place of all but plain letters: M*ller*J*rgen*; "" where nothing else would be left."""
    wide = re.sub(r"\*+", "*", re.sub(r"[^A-Za-z0-9*?.-]+", "*", name))
    return "" if wide == "*" else wide


def fits(wanted: str, study: Study) -> bool:
    """Whether one of the scripts of a study's name is what was asked for, upper and lower case alike."""
    pattern = "".join({"*": ".*", "?": "."}.get(one, re.escape(one)) for one in _folded(wanted))
    groups = [_folded(group) for group in study.patient_name.split("=")]
    return any(re.fullmatch(pattern, group) or re.fullmatch(pattern, f"{group}^") for group in groups)


def _folded(text: str) -> str:
    return unicodedata.normalize("NFC", text).casefold()
