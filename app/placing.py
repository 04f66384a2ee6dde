"""Where a source stands among the others: its patient, its study, its place in the study, and the words for each. No Qt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from viewers.plain_text import folded
from viewers.sources.facts import Facts
from viewers.sources.who import Who

UNDATED = "date not stated"


@dataclass(frozen=True, slots=True)
class Card:
    """What is known of a source before it is shown. `images`: files or frames, 0 where not counted yet."""

    path: Path
    modality: str = ""
    images: int = 0
    facts: Facts | None = None
    who: Who | None = None

    @property
    def patient(self) -> str:
        """An opaque key; a file without a patient's number goes with its study. "" for what stands alone."""
        if self.facts is None:
            return ""
        return self.facts.patient_key or (f"study {self.facts.study_key}" if self.facts.study_key else "")

    @property
    def study(self) -> str:
        return self.facts.study_key if self.facts is not None else ""

    @property
    def when(self) -> str:
        """Date and time of the study as digits, "" when not stated; sorts by age."""
        return "".join(one for one in self.facts.study_date + self.facts.study_time if one.isdigit()) if self.facts else ""

    @property
    def order(self) -> str:
        """Sorts the sources of one study: by series, then image, then path."""
        series = self.who.series_number if self.who is not None else None
        instance = self.facts.instance if self.facts is not None else None
        return f"{_digits(series)} {_digits(instance)} {self.path}"

    @property
    def title(self) -> str:
        """The series' own words, else what it is of, else the file's name."""
        if self.facts is None:
            return self.path.name
        said = self.who.series if self.who is not None else ""
        return said or " ".join(self.coded) or self.path.name

    @property
    def coded(self) -> tuple[str, ...]:
        """Modality, body part, view and side, as far as they are stated."""
        if self.facts is None:
            return (self.modality,) if self.modality else ()
        side = self.facts.laterality if self.facts.laterality in ("L", "R") else ""
        return tuple(filter(None, (self.modality, self.facts.body_part, self.facts.view, side)))

    def searched(self, alias: str, named: bool) -> str:
        """What a search looks through; `named` with what is hidden until asked for."""
        words = [self.path.name, *self.coded, alias]
        if self.facts is not None:
            words += [self.facts.study_date, self.facts.study_date.replace("-", "")]
        if self.who is not None:
            words += [self.who.study, self.who.series]
            words += [self.who.name, self.who.id, self.who.birth_date, self.who.accession] if named else []
        return folded(f"|{self.modality or 'none'}| " + " ".join(words))


def newest_first(when: str) -> str:
    """A key that sorts digits of dates from new to old, what has none at the end."""
    return "".join(str(9 - int(one)) for one in when.ljust(14, "0")) if when else "~"


def study_words(cards: Sequence[Card]) -> str:
    """Date, modalities and description of a study."""
    first = cards[0]
    date = first.facts.study_date if first.facts is not None else ""
    kinds = "/".join(sorted({card.modality for card in cards if card.modality}))
    said = next((card.who.study for card in cards if card.who is not None and card.who.study), "")
    return " · ".join(filter(None, (date or UNDATED, kinds, said)))


def patient_words(who: Who | None) -> str:
    """Name, number and date of birth: only for a reader who asked."""
    if who is None:
        return "no name stated"
    born = f"born {who.birth_date[:4]}-{who.birth_date[4:6]}-{who.birth_date[6:8]}" if len(who.birth_date) == 8 else ""
    return " · ".join(filter(None, (who.name, who.id, born))) or "no name stated"


def _digits(number: int | None) -> str:
    return f"{min(max(number, 0), 10**9):010d}" if number is not None else "~"
