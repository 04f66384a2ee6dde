"""What an archive answers to a question: studies and their series."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from app.pacs.answer_text import is_uid, iso_date, iso_time, number, shown_name, text
from app.pacs.nodes import Node
from app.pacs.query import Query

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

MOST = 500
"""Studies shown of one question, and series of one study; of more the reader is told."""
STUDY_KEYS = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyInstanceUID", "StudyDate", "StudyTime",
    "StudyDescription", "AccessionNumber", "ModalitiesInStudy", "NumberOfStudyRelatedSeries", "NumberOfStudyRelatedInstances",
)  # fmt: skip
SERIES_KEYS = (
    "StudyInstanceUID", "SeriesInstanceUID", "SeriesNumber", "SeriesDescription", "Modality", "BodyPartExamined",
    "NumberOfSeriesRelatedInstances",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Series:
    uid: str
    study_uid: str
    number: str = ""
    description: str = ""
    modality: str = ""
    body_part: str = ""
    count: int | None = None
    """Objects in it, where the archive says."""


@dataclass(frozen=True, slots=True)
class Study:
    uid: str
    patient_name: str = ""
    """As DICOM writes it: "Müller^Jürgen"."""
    patient_id: str = ""
    birth_date: str = ""
    sex: str = ""
    day: str = ""
    """ISO date, "" where there is none."""
    time: str = ""
    description: str = ""
    accession: str = ""
    modalities: tuple[str, ...] = ()
    series_count: int | None = None
    count: int | None = None
    series: tuple[Series, ...] = ()
    """Filled where they were asked for."""

    @property
    def name(self) -> str:
        """The patient's, as a person writes it: "Müller, Jürgen"."""
        return shown_name(self.patient_name)


@dataclass(frozen=True, slots=True)
class Answer:
    """Studies, the newest first, and in sentences what was left out and why."""

    studies: tuple[Study, ...] = ()
    notes: tuple[str, ...] = ()
    more: bool = False
    """There were more than were taken."""


@dataclass(slots=True)
class Sieve:
    """Keeps what fits the question; an archive that ignores a key, or answers for another patient, is not shown unseen."""

    node: Node
    query: Query
    studies: dict[str, Study] = field(default_factory=dict)
    foreign: int = 0
    broken: int = 0

    def add(self, dataset: Dataset) -> bool:
        """Whether there is room for more."""
        if len(self.studies) >= MOST:
            return False
        study = study_of(dataset)
        if study is None:
            self.broken += 1
        elif not self._fits(study):
            self.foreign += 1
        else:
            self.studies[study.uid] = study
        return True

    def give_series(self, study_uid: str, series: tuple[Series, ...]) -> None:
        """For a question about a body part: those of it, where the archive says; a study without any goes."""
        part = self.query.body_part.strip().upper()
        fitting = tuple(one for one in series if not part or one.body_part.upper() == part)
        if fitting:
            self.studies[study_uid] = replace(self.studies[study_uid], series=fitting)
        else:
            del self.studies[study_uid]

    def answer(self, more: bool) -> Answer:
        notes = []
        if self.foreign:
            notes.append(f"{self.node.name} also gave {self.foreign} that were not asked for; they are not shown.")
        if self.broken:
            notes.append(f"{self.broken} answers of {self.node.name} named no study and are not shown.")
        if more:
            all_seen = f"the {MOST} shown" if len(self.studies) >= MOST else "could be looked through"
            notes.append(f"{self.node.name} has more than {all_seen}; narrow the question.")
        newest = sorted(self.studies.values(), key=lambda one: (one.day, one.time), reverse=True)
        return Answer(tuple(newest), tuple(notes), more)

    def _fits(self, study: Study) -> bool:
        """By what can be compared exactly; of names only the archive knows what it counts as the same."""
        asked = self.query
        exact = ((asked.patient_id, study.patient_id), (asked.accession, study.accession))
        if asked.study_uid and study.uid != asked.study_uid:
            return False
        if any(wanted.strip() and not set("*?") & set(wanted) and wanted.strip() != found for wanted, found in exact):
            return False
        if study.day and ((asked.since and study.day < f"{asked.since}") or (asked.until and study.day > f"{asked.until}")):
            return False
        return not (asked.modality and study.modalities and asked.modality.strip().upper() not in study.modalities)


def study_of(dataset: Dataset) -> Study | None:
    """From an answer; None where it names no study by a proper UID."""
    uid = text(dataset, "StudyInstanceUID")
    if not is_uid(uid):
        return None
    return Study(
        uid=uid,
        patient_name=text(dataset, "PatientName", 200),
        patient_id=text(dataset, "PatientID"),
        birth_date=iso_date(text(dataset, "PatientBirthDate")),
        sex=text(dataset, "PatientSex", 1),
        day=iso_date(text(dataset, "StudyDate")),
        time=iso_time(text(dataset, "StudyTime")),
        description=text(dataset, "StudyDescription"),
        accession=text(dataset, "AccessionNumber"),
        modalities=tuple(one for one in text(dataset, "ModalitiesInStudy").split("\\") if one),
        series_count=number(dataset, "NumberOfStudyRelatedSeries"),
        count=number(dataset, "NumberOfStudyRelatedInstances"),
    )


def series_of(dataset: Dataset, study_uid: str) -> Series | None:
    """From an answer; None where it names no series by a proper UID, or one of another study."""
    uid = text(dataset, "SeriesInstanceUID")
    if not is_uid(uid) or (text(dataset, "StudyInstanceUID") or study_uid) != study_uid:
        return None
    return Series(
        uid=uid,
        study_uid=study_uid,
        number=text(dataset, "SeriesNumber", 12),
        description=text(dataset, "SeriesDescription"),
        modality=text(dataset, "Modality", 16),
        body_part=text(dataset, "BodyPartExamined", 16),
        count=number(dataset, "NumberOfSeriesRelatedInstances"),
    )


def by_number(series: list[Series]) -> tuple[Series, ...]:
    return tuple(sorted(series, key=lambda one: (int(one.number) if one.number.isdecimal() else 10**12, one.uid)))
