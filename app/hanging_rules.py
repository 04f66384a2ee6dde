"""Hanging rules as values: which picture belongs in which pane, and how it stands there. No Qt, no files.

A rule matches by coded attributes alone (Modality, BodyPartExamined, view, laterality, orientation); see resources/hanging.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from app.grid import Grid
from app.priors import Known, Prior, priors
from viewers.sources.facts import Facts
from viewers.turning import opposite

Which = Literal["current", "prior"]
Stands = Literal["", "left", "right"]


@dataclass(frozen=True, slots=True)
class Slot:
    """One pane. What is empty asks for nothing; `description` alone is free text, compared without regard to case."""

    which: Which = "current"
    modality: tuple[str, ...] = ()
    body_part: tuple[str, ...] = ()
    view: tuple[str, ...] = ()
    laterality: tuple[str, ...] = ()
    plane: tuple[str, ...] = ()
    description: str = ""
    right_edge: str = ""
    """The patient's side wanted at the picture's right edge, one letter."""
    stands: Stands = ""
    window: tuple[float, float] | None = None
    zoom: float | None = None
    turned: float = 0.0
    flipped: bool = False
    """Without `right_edge`: mirrored left to right."""
    optional: bool = False

    @property
    def empty(self) -> bool:
        """Whether it asks for no picture at all."""
        return not any((self.modality, self.body_part, self.view, self.laterality, self.plane, self.description))

    def fits(self, known: Known) -> bool:
        facts = known.facts
        asked = (
            (self.modality, known.modality), (self.body_part, facts.body_part), (self.view, facts.view),
            (self.laterality, facts.laterality), (self.plane, facts.plane),
        )  # fmt: skip
        coded = all(not wanted or has in wanted for wanted, has in asked)
        return coded and self.description.casefold() in known.description.casefold()

    def flips(self, facts: Facts) -> bool:
        """Whether a picture must be mirrored to stand as wanted; never where its sides are not known."""
        if not self.right_edge:
            return self.flipped
        return bool(facts.right_edge) and facts.right_edge[0] == opposite(self.right_edge)


@dataclass(frozen=True, slots=True)
class Rule:
    """`slots` stand row by row; there are at most as many as panes. `link` links the panes once they are hung."""

    name: str
    grid: Grid
    slots: tuple[Slot, ...]
    link: bool = False

    def __post_init__(self) -> None:
        if not self.name.strip() or len(self.name) > 80:
            raise ValueError("a hanging rule needs a name of at most 80 letters")
        if not 1 <= len(self.slots) <= self.grid.count:
            raise ValueError(f"{self.name[:80]} has {len(self.slots)} panes for a grid of {self.grid.count}")
        if all(slot.empty or slot.optional for slot in self.slots):
            raise ValueError(f"{self.name[:80]} asks for no picture: name a modality, body part or view for one pane")


@dataclass(frozen=True, slots=True)
class Hung:
    """A rule with the pictures found for its panes; None where a pane stays empty."""

    rule: Rule
    pictures: tuple[Known | None, ...]


def hung(rule: Rule, study: Sequence[Known], everything: Iterable[Known]) -> Hung | None:
    """The rule on the pictures of one study and the priors among `everything`; None where a pane that must have one has none.

    No picture hangs twice. All priors come from one earlier study, the latest that fills every pane that must be filled.
    """
    now = _filled(rule, "current", study, {})
    if now is None:
        return None
    if not any(slot.which == "prior" for slot in rule.slots):
        return _made(rule, now)
    earlier = _earlier(study, list(now.values()) or list(study), list(everything))
    for candidates in earlier:
        both = _filled(rule, "prior", candidates, now)
        if both is not None and len(both) > len(now):
            return _made(rule, both)
    needed = any(slot.which == "prior" and not slot.optional for slot in rule.slots)
    return None if needed else _made(rule, now)


def chosen(rules: Sequence[Rule], study: Sequence[Known], everything: Sequence[Known]) -> Hung | None:
    """Of the rules that can be hung the last, which is the reader's own where there is one."""
    found = (hung(rule, study, everything) for rule in reversed(rules))
    return next((one for one in found if one is not None), None)


def _made(rule: Rule, pictures: dict[int, Known]) -> Hung:
    return Hung(rule, tuple(pictures.get(at) for at in range(len(rule.slots))))


def _filled(rule: Rule, which: Which, candidates: Sequence[Known], already: dict[int, Known]) -> dict[int, Known] | None:
    found = dict(already)
    for at, slot in enumerate(rule.slots):
        if slot.which != which or slot.empty:
            continue
        taken = {one.path for one in found.values()}
        picture = next((one for one in candidates if one.path not in taken and slot.fits(one)), None)
        if picture is not None:
            found[at] = picture
        elif not slot.optional:
            return None
    return found


def _earlier(study: Sequence[Known], current: Sequence[Known], everything: Sequence[Known]) -> list[list[Known]]:
    """The pictures of earlier studies that may be compared with those of this one, study by study, the latest first."""
    found: dict[str, dict[str, Prior]] = {}
    for one in [*current, *study]:
        for prior in priors(one, everything):
            found.setdefault(prior.known.facts.study_key or str(prior.path), {})[str(prior.path)] = prior
    studies = [list(pictures.values()) for pictures in found.values()]
    studies.sort(key=lambda pictures: min(prior.days for prior in pictures))
    return [[prior.known for prior in pictures] for pictures in studies]
