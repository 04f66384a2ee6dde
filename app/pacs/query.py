"""What is asked of an archive (PS3.4 C.6.2, Study Root)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from app.pacs.answer_text import is_uid
from app.pacs.errors import PacsError

_CODE = re.compile(r"[A-Z0-9_ ]{1,16}")


@dataclass(frozen=True, slots=True)
class Query:
    """As the reader types it; "" and None ask for any. Checked at birth: raises PacsError."""

    patient_name: str = ""
    """With * and ? as wildcards; without any, names that begin so. "Müller, Jürgen" and "Müller^Jürgen" are the same."""
    patient_id: str = ""
    since: date | None = None
    until: date | None = None
    """Both ends are included."""
    modality: str = ""
    accession: str = ""
    study_uid: str = ""
    body_part: str = ""
    """A series has it, not a study: the series of each study found are asked for theirs."""

    def __post_init__(self) -> None:
        for what, text, most in (
            ("The name", self.patient_name, 64), ("The patient's ID", self.patient_id, 64),
            ("The accession number", self.accession, 16),
        ):  # fmt: skip
            if len(text) > most or "\\" in text or not text.isprintable():
                raise PacsError(f"{what} to look for has at most {most} letters and no backslash.")
        if self.study_uid and not is_uid(self.study_uid):
            raise PacsError(f"{self.study_uid[:70]!r} is no Study Instance UID, which has digits and points alone.")
        for what, text in (("The modality", self.modality), ("The body part", self.body_part)):
            if text and not _CODE.fullmatch(text.upper()):
                raise PacsError(f"{what} {text[:20]!r} is no code; write it like CT or CHEST.")
        if self.since and self.until and self.since > self.until:
            raise PacsError(f"The dates run backwards: from {self.since} until {self.until}.")

    @property
    def about_a_patient(self) -> bool:
        return bool(self.patient_name.strip() or self.patient_id.strip() or self.accession.strip())

    def keys(self) -> Mapping[str, str]:
        """Matching keys of the study level by keyword, as the archive gets them; without those for any."""
        wanted = {
            "PatientName": person_name(self.patient_name),
            "PatientID": self.patient_id.strip(),
            "StudyDate": date_range(self.since, self.until),
            "ModalitiesInStudy": self.modality.strip().upper(),
            "AccessionNumber": self.accession.strip(),
            "StudyInstanceUID": self.study_uid.strip(),
        }
        return {keyword: value for keyword, value in wanted.items() if value}


def person_name(typed: str) -> str:
    """A name as it is asked for (PS3.4 C.2.2.2.4): Müller, Jürgen is Müller^Jürgen*."""
    parts = [part.strip() for part in re.split(r"[,^]", typed.strip())]
    name = "^".join(parts).strip("^")
    return name if not name or set("*?") & set(name) else f"{name}*"


def date_range(since: date | None, until: date | None) -> str:
    """PS3.4 C.2.2.2.5."""
    ends = [f"{one:%Y%m%d}" if one else "" for one in (since, until)]
    return "" if not any(ends) else ends[0] if ends[0] == ends[1] else "-".join(ends)
