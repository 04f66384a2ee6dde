"""What is known of a picture before a model is asked: kind, body part, view, side, plane. Words of ours, never a tag's text."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass

import resources
from app.modality import modality_of
from inference.questions import Modality
from viewers.sources import ChannelSource, Source
from viewers.sources.facts import Facts

OTHER = "another"
"""Stands for a code that a file names and that is not known here."""
_SIDES = {"L": "left", "R": "right"}


@dataclass(frozen=True, slots=True)
class Known:
    """ "" stands for what the file does not say. `part` and `view` are words of resources/guards.toml, or OTHER."""

    kind: Modality
    guess: str = ""
    """How the kind was guessed, where the file names no modality."""
    code: str = ""
    """DICOM modality, one of those known here."""
    header: bool = False
    """Whether there is a DICOM header that could have said more."""
    part: str = ""
    view: str = ""
    side: str = ""
    """The patient's: "left" or "right", where the picture is of one alone."""
    plane: str = ""
    """"AXIAL", "CORONAL", "SAGITTAL" or "OBLIQUE"."""
    right_edge: str = ""
    """The patient's side at the picture's right edge, "L" or "R"."""
    channels: int = 0
    """Measured apart, as in fluorescence, and mixed into colours for a model; 0 for a picture in colour."""
    facts: Facts | None = None
    """For keys and dates, which are compared and never shown."""


def known(source: Source, said: Modality | None = None) -> Known:
    """Of an opened source; the reader may have `said` what it is, where the file does not. Raises SourceError where a plain
    picture cannot be read for a guess."""
    kind, how = modality_of(source, said=said)
    facts = source.facts
    guess = how if how.startswith("taken for") else ""
    channels = len(source.mix.channels) if isinstance(source, ChannelSource) else 0
    if facts is None:
        return Known(kind, guess, channels=channels)
    tables = tomllib.loads(resources.text("guards.toml"))
    return Known(
        kind,
        guess,
        code=source.modality if source.modality in CODES else "",
        header=True,
        part=_word(facts.body_part, tables["parts"]),
        view=_word(facts.view, tables["views"]),
        side=_SIDES.get(facts.laterality, ""),
        plane=facts.plane,
        right_edge=facts.right_edge[:1] if facts.right_edge[:1] in ("L", "R") else "",
        channels=channels,
        facts=facts,
    )


CODES: Mapping[str, str] = {
    "CR": "film", "DX": "film", "RG": "film", "RF": "fluoroscopy", "MG": "mammogram", "PX": "panoramic film of the teeth",
    "IO": "film of teeth", "CT": "CT slice", "MR": "MR slice", "SM": "section",
    "US": "ultrasound picture", "XA": "angiogram", "NM": "nuclear medicine picture", "PT": "PET slice", "ES": "endoscopy picture",
    "OP": "fundus photograph", "XC": "photograph", "GM": "picture of gross anatomy or a microscope", "DMS": "skin photograph",
    "OPT": "tomogram of the eye", "OPM": "map of the eye",
}  # fmt: skip
"""Modalities in words, one of it."""


def _word(code: str, table: Mapping[str, list[str]]) -> str:
    wanted = code.upper().replace(" ", "").replace("_", "")
    if not wanted:
        return ""
    return next((word for word, codes in table.items() if wanted in codes), OTHER)
