"""Earlier studies of a patient: the one place that says what may be compared with what. No Qt."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from app.modality import XRAY_CODES
from viewers.sources.facts import Facts


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a source that lies in the browser. `modality` is the DICOM code, `description` the series' own words,
    which nothing but a reader's rule looks at."""

    path: Path
    modality: str
    facts: Facts
    description: str = ""


@dataclass(frozen=True, slots=True)
class Prior:
    """An earlier picture; `days` before the current one. `sure`: both name the same body part."""

    known: Known
    days: int
    sure: bool

    @property
    def path(self) -> Path:
        return self.known.path

    @property
    def words(self) -> str:
        """For a list: date and distance, and what is not certain."""
        doubt = "" if self.sure else ", body part not stated"
        return f"{self.known.facts.study_date}, {before(self.days)}{doubt}"


def priors(current: Known, others: Iterable[Known]) -> list[Prior]:
    """Earlier pictures of the same patient, kind and body part, the latest first; then, of one study, those of the same view.

    A patient is the same when the number and who issued it are, and neither birth date, sex nor, without birth dates, family
    name says otherwise. Pictures without a study date, and of another body part, are never among them.
    """
    facts = current.facts
    found = [
        Prior(other, days_between(facts.study_date, other.facts.study_date), bool(facts.body_part and other.facts.body_part))
        for other in others
        if other.path != current.path
        and same_patient(facts, other.facts)
        and _comparable(current, other)
        and _earlier(other, facts)
    ]
    found.sort(key=lambda one: str(one.path))
    found.sort(key=lambda one: (one.known.facts.view == facts.view, one.known.facts.laterality == facts.laterality), reverse=True)
    found.sort(key=lambda one: (one.known.facts.study_date, one.known.facts.study_time), reverse=True)
    return found


def same_patient(one: Facts, other: Facts) -> bool:
    if not one.patient_key or one.patient_key != other.patient_key:
        return False
    if one.sex and other.sex and "O" not in (one.sex, other.sex) and one.sex != other.sex:
        return False
    if one.birth_key and other.birth_key:
        return one.birth_key == other.birth_key
    return not (one.name_key and other.name_key) or one.name_key == other.name_key


def days_between(later: str, earlier: str) -> int:
    """Of two ISO dates; 0 where one is none."""
    try:
        return (date.fromisoformat(later) - date.fromisoformat(earlier)).days
    except ValueError:
        return 0


def before(days: int) -> str:
    """How much earlier: "74 days before"."""
    return "the same day" if days == 0 else "1 day before" if days == 1 else f"{days} days before"


def kind(modality: str) -> str:
    """Modalities that show the same: all plain films, but mammograms and teeth only among themselves."""
    return "film" if modality in XRAY_CODES - {"MG", "PX", "IO"} else modality


def _comparable(current: Known, other: Known) -> bool:
    parts = current.facts.body_part, other.facts.body_part
    return kind(current.modality) == kind(other.modality) and (not all(parts) or parts[0] == parts[1])


def _earlier(other: Known, current: Facts) -> bool:
    when, now = (other.facts.study_date, other.facts.study_time), (current.study_date, current.study_time)
    different = not current.study_key or other.facts.study_key != current.study_key
    return bool(when[0]) and bool(now[0]) and different and when < now
