"""The names and numbers by which a file knows persons, so that they are found again where they do not belong."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import resources

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


@dataclass(frozen=True, slots=True)
class Identity:
    """`words` and `numbers` in small letters; a text tells of somebody when it holds one of them."""

    words: frozenset[str]
    numbers: frozenset[str]

    def told_by(self, text: str) -> bool:
        small = text.casefold()
        return any(one in small for one in self.numbers) or bool(self.words.intersection(re.findall(r"\w+", small)))


def identity_of(dataset: Dataset, with_institution: bool) -> Identity:
    words, numbers = set[str](), set[str]()
    for keyword, vr, text in _texts(dataset):
        if vr == "PN":
            words |= {word for word in re.findall(r"[^\W\d_]+", text.casefold()) if len(word) >= _SHORTEST_WORD}
        elif keyword in _NUMBERS or (with_institution and keyword in _INSTITUTION):
            numbers |= {text.strip().casefold()} if len(text.strip()) >= _SHORTEST_NUMBER else set()
    return Identity(frozenset(words), frozenset(numbers))


def without_strangers(text: str, identity: Identity) -> str:
    """The words of medicine and small numbers in a text, without those that name somebody; "" when none is left."""
    kept = [word for word in re.findall(r"[\w.,]+", text) if _common(word.strip(".,")) and word.casefold() not in identity.words]
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
    for tag in list(dataset.keys()):
        try:
            element = dataset[tag]
            value = element.value
        except Exception:  # pydicom parses when asked and names no closed list of what damage raises
            continue
        if element.VR == "SQ":
            for item in value or ():
                yield from _texts(item)
        elif value is not None and not isinstance(value, bytes):
            many = value if isinstance(value, list) or type(value).__name__ == "MultiValue" else [value]
            for one in many:
                yield element.keyword, element.VR, str(one)
