"""Table E.1-1 of PS3.15: what is to become of each attribute."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache

import resources
from viewers.deidentify.options import ACTS, Option

COLUMNS = tuple(one for one in Option if one not in ACTS)
_DATES = (Option.MODIFIED_DATES, Option.FULL_DATES)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. `tag` is eight hexadecimal digits, with x for any digit."""

    tag: str
    name: str
    basic: str
    """X, Z, D, U or several of them with / between, which the Type of the attribute decides."""
    options: Mapping[Option, str]
    """"K" (keep) or "C" (clean) for the options that say something of it."""

    def applied(self, options: Collection[Option]) -> tuple[str, Option | None]:
        """The action and the option it comes from, None for the basic profile.

        Modified dates come before any option that keeps, so that no date slips through unshifted.
        """
        said = [(one, self.options[one]) for one in options if one in self.options]
        for wanted in _DATES:
            if wanted in options and wanted in self.options:
                return self.options[wanted], wanted
        for action in ("K", "C"):
            for option, what in sorted(said):
                if what == action:
                    return action, option
        return self.basic, None


@lru_cache(1)
def table() -> tuple[Row, ...]:
    rows = list[Row]()
    head: list[str] = []
    for line in resources.text("deidentify/profile.tsv").splitlines():
        cells = line.split("\t")
        if line.startswith("#"):
            continue
        if not head:
            head = cells
            continue
        found = dict(zip(head, cells, strict=True))
        said = {one: found[one.value] for one in COLUMNS if found[one.value]}
        rows.append(Row(found["tag"], found["name"], found["basic"], said))
    return tuple(rows)


@lru_cache(1)
def _by_tag() -> dict[int, Row]:
    return {int(row.tag, 16): row for row in table() if "x" not in row.tag}


@lru_cache(1)
def _patterns() -> dict[str, Row]:
    return {row.tag: row for row in table() if "x" in row.tag}


def row_of(tag: int) -> Row | None:
    """The line of a tag (group · 65536 + element); None where the table does not name it."""
    group, element = tag >> 16, tag & 0xFFFF
    patterns = _patterns()
    if group % 2:
        return patterns["oddxxxxx"]
    if group & 0xFF00 == 0x5000:
        return patterns["50xxxxxx"]
    if group & 0xFF00 == 0x6000 and element in (0x3000, 0x4000):
        return patterns[f"60xx{element:04X}"]
    return _by_tag().get(tag)


@lru_cache(1)
def safe_private() -> Mapping[tuple[int, int, str], str]:
    """VR by (group, the element's low byte, private creator): PS3.15 Table E.3.10-1, its numbers and code strings."""
    lines = [line for line in resources.text("deidentify/safe_private.tsv").splitlines() if not line.startswith("#")]
    cells = [line.split("\t") for line in lines[1:]]
    return {(int(group, 16), int(element, 16), creator): vr for group, element, creator, vr, _ in cells}
