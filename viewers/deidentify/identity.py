"""The names and numbers by which a file knows persons, so that they are found again where they do not belong."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import resources
from viewers.deidentify.readable import readable, values_of

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_NUMBERS = frozenset(
    {
        "PatientID",
        "OtherPatientIDs",
        "AccessionNumber",
        "AdmissionID",
        "ServiceEpisodeID",
        "MedicalRecordLocator",
        "PatientAddress",
        "PatientTelephoneNumbers",
        "PatientTelecomInformation",
        "MilitaryRank",
        "InsurancePlanIdentification",
        "ClinicalTrialSubjectID",
        "SpecimenIdentifier",
        "ContainerIdentifier",
        "RequestedProcedureID",
        "PlacerOrderNumberImagingServiceRequest",
        "FillerOrderNumberImagingServiceRequest",
        "PatientBirthName",
        "PatientMotherBirthName",
        "ResponsibleOrganization",
    }
)
_INSTITUTION = frozenset({"InstitutionName", "InstitutionAddress", "InstitutionalDepartmentName"})
_SHORTEST_WORD, _SHORTEST_NUMBER = 3, 4
_FREE = re.compile(r"[A-Za-z]?\d{1,2}([.,]\d{1,2})?(mm|cm|st|nd|rd|th|d|D|s)?")
"""Numbers a description may keep: T1, L5, 5mm, 2.5, 3D. Longer ones may be dates or record numbers."""
_DATE = re.compile(
    r"(?<!\d)(\d{1,4}\s?[./\-]\s?\d{1,2}\s?[./\-]\s?\d{2,4}|\d{1,2}[./\-]\d{4}|\d{4}[./\-]\d{1,2}|\d{1,2}\.\d{1,2}\.(?!\d)"
    r"|\d{1,2}/\d{1,2}/?)(?!\d)"
)
"""A date or a part of one, also in pieces that would each pass for a number."""


_SHORTEST_PART = 5
"""Letters of a name that is looked for inside longer words too: DoeJohn, MEIERXRAY."""
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe", "æ": "ae"})


@dataclass(frozen=True, slots=True)
class Identity:
    """All in small letters; a text tells of somebody when it holds one of them."""

    words: frozenset[str]
    """Names, each by itself."""
    numbers: frozenset[str]
    names: frozenset[str] = frozenset()
    """Letters only: long names and whole ones, which count inside other words too."""
    digits: frozenset[str] = frozenset()
    """Letters and digits only: dates of birth as people write them, and long numbers."""

    def told_by(self, text: str) -> bool:
        small = text.casefold()
        if any(one in small for one in self.numbers):
            return True
        letters, signs = "".join(re.findall(r"[^\W\d_]+", small)), "".join(re.findall(r"[^\W_]+", small))
        if any(one in letters for one in self.names) or any(one in signs for one in self.digits):
            return True
        return bool(self.words.intersection(re.findall(r"[^\W\d_]+", small)))


def identity_of(dataset: Dataset, with_institution: bool) -> Identity:
    words, numbers, names, digits = set[str](), set[str](), set[str](), set[str]()
    for keyword, vr, text in _texts(dataset):
        if vr == "PN":
            for spelling in _spellings(text):
                words |= {word for word in re.findall(r"[^\W\d_]+", spelling) if len(word) >= _shortest(word, _SHORTEST_WORD)}
                names |= _whole_names(spelling)
        elif keyword == "PatientBirthDate":
            digits |= _written_dates(text)
        elif keyword in _NUMBERS or (with_institution and keyword in _INSTITUTION):
            numbers |= {text.strip().casefold()} if len(text.strip()) >= _SHORTEST_NUMBER else set()
            plain = "".join(re.findall(r"[^\W_]+", text.casefold()))
            digits |= {plain} if len(plain) >= _SHORTEST_PART + 1 else set()
    names |= {word for word in words if len(word) >= _shortest(word, _SHORTEST_PART)}
    return Identity(frozenset(words), frozenset(numbers), frozenset(names), frozenset(digits))


def _spellings(text: str) -> set[str]:
    """As it is, with umlauts written out, and without accents."""
    small = unicodedata.normalize("NFC", text).casefold()
    bare = "".join(one for one in unicodedata.normalize("NFKD", small) if not unicodedata.combining(one))
    return {small, small.translate(_UMLAUTS), bare}


def _whole_names(text: str) -> set[str]:
    """Family and given name in both orders without anything between, for each way of writing the name (PS3.5 6.2.1.1)."""
    whole = set[str]()
    for group in text.split("="):
        parts = ["".join(re.findall(r"[^\W\d_]+", part)) for part in group.split("^")[:2]]
        if len(parts) == 2 and all(parts):
            whole |= {
                name for name in ("".join(parts), "".join(reversed(parts))) if len(name) >= _shortest(name, _SHORTEST_NUMBER)
            }
    return whole


def _shortest(word: str, letters: int) -> int:
    """How many letters are enough to be a name; two where a sign is a syllable or a word (from U+2E80 on)."""
    return 2 if word and min(word) >= "\u2e80" else letters


def _written_dates(text: str) -> set[str]:
    """A date as year, month, day; day, month, year; and month, day, year."""
    plain = "".join(re.findall(r"\d", text))
    if len(plain) != 8:
        return set()
    year, month, day = plain[:4], plain[4:6], plain[6:]
    return {year + month + day, day + month + year, month + day + year}


def without_strangers(text: str, identity: Identity) -> str:
    """The words of medicine and small numbers in a text, without those that name somebody; "" when none is left."""
    kept = [
        word
        for word in re.findall(r"[\w.,]+", _DATE.sub(" ", text))
        if _common(word.strip(".,")) and word.casefold() not in identity.words
    ]
    cleaned = " ".join(kept)
    return "" if identity.told_by(cleaned) else cleaned


def _common(word: str) -> bool:
    return word.casefold() in vocabulary() or _FREE.fullmatch(word) is not None


@lru_cache(1)
def vocabulary() -> frozenset[str]:
    lines = [line for line in resources.text("deidentify/words.txt").splitlines() if not line.startswith("#")]
    return frozenset(" ".join(lines).split())


def _texts(dataset: Dataset) -> Iterator[tuple[str, str, str]]:
    """(keyword, VR, text) of every readable value at any depth."""
    for element in readable(dataset):
        if element.VR == "SQ":
            for item in element.value or ():
                yield from _texts(item)
        elif not isinstance(element.value, bytes):
            for one in values_of(element.value):
                yield element.keyword, element.VR, str(one)
