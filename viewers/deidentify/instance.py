"""One DICOM file made anew without its patient (PS3.15 E.1): header, sequences, file meta, preamble and pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from viewers.deidentify import pixels
from viewers.deidentify.identity import identity_of
from viewers.deidentify.iod_types import types_of
from viewers.deidentify.options import ABOUT, BASIC, Option
from viewers.deidentify.refusals import refusal
from viewers.deidentify.walk import Choice, Walk
from viewers.errors import SourceError
from viewers.geometry import Region
from viewers.sources import values
from viewers.sources.header import Header, dataset_of, header_of

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

IMPLEMENTATION = "2.25.196867311403372113459713271836241873290"
"""Implementation Class UID of the files written here (PS3.10 7.1)."""


class NoPicture(SourceError):
    """Boxes are to be burned into an object that has no picture."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What a person saw. Nothing of it is ever assumed."""

    at_pixels: bool = False
    """Every frame was looked at and, with the boxes burned black, shows no text that identifies."""
    no_face: bool = False
    """Nobody can be recognised by what the picture shows."""


NOBODY = Looked()
"""Nobody looked."""


@dataclass(frozen=True, slots=True, eq=False)
class Made:
    """The new data set with its file meta; `patient`, `study`, `series` and `instance` name it without its patient."""

    dataset: Dataset
    patient: str
    study: str
    series: str
    instance: str
    notes: tuple[str, ...]
    original: Path


def deidentified(
    path: Path, choice: Choice, boxes: Sequence[Region] = (), looked: Looked = NOBODY, *, method: str = "Hilum"
) -> Made:  # fmt: skip
    """The file at `path` after the basic profile and the options of `choice`, with `boxes` burned black on every frame.

    `method` is the program that did it, for DeidentificationMethod. Raises SourceError, also for what is refused, and NoPicture.
    """
    original = dataset_of(path)
    sop_class = values.uid(original, "SOPClassUID") or values.uid(getattr(original, "file_meta", None), "MediaStorageSOPClassUID")
    why = refusal(sop_class, values.texts(original, "ImageType"), choice.options)
    if why:
        raise SourceError(path, f"{path.name} {why}.")
    if not values.uid(original, "SOPInstanceUID"):
        raise SourceError(path, f"{path.name} says nowhere which object it is (no SOP Instance UID): export it again.")
    header = header_of(path) if may_have_picture(original) else None
    if boxes and header is None:
        raise NoPicture(path, f"{path.name} has no picture to burn boxes into: leave the boxes out.")
    done = replace(choice, options=choice.options | _acts(looked))
    patient = patient_of(original)
    identity = identity_of(original, Option.INSTITUTION not in choice.options)
    made = Walk(done, types_of(sop_class), patient, identity).item(original)
    stored = pixels.put(header, made, boxes) if header else pixels.Stored(pixels.EXPLICIT)
    pseudonym = choice.pseudonyms.patient(patient)
    _state(made, done, pseudonym, looked, method)
    _meta(made, sop_class, stored.syntax)
    names = [choice.pseudonyms.file(values.uid(original, one) or path.name) for one in _LEVELS]
    return Made(made, pseudonym, names[0], names[1], names[2], _notes(original, header, stored, looked), path)


_LEVELS = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")


def patient_of(dataset: Dataset) -> str:
    """What one patient is known by: the patient ID; without one, name and date of birth; without those, the study."""
    found = values.text(dataset, "PatientID")
    if found:
        return "id\0" + found.upper()
    name = values.text(dataset, "PatientName"), values.text(dataset, "PatientBirthDate")
    return "name\0" + "\0".join(name).upper() if name[0] else "study\0" + values.uid(dataset, "StudyInstanceUID")


def may_have_picture(dataset: Dataset) -> bool:
    """Whether the data set before the pixels belongs to a picture, so that pixels must follow."""
    return "Rows" in dataset or "BitsAllocated" in dataset


def write(made: Made, file: BinaryIO) -> None:
    """Part 10, with a preamble of zeros (PS3.10 7.1). Raises SourceError for values that no file can hold, OSError."""
    try:
        made.dataset.save_as(file, enforce_file_format=True)
    except (OSError, MemoryError):
        raise
    except Exception as error:  # pydicom names no closed list of what a damaged value raises
        name = made.original.name
        raise SourceError(made.original, f"{name} holds a damaged value that cannot be written anew: export it again.") from error


def _acts(looked: Looked) -> frozenset[Option]:
    done = [(Option.PIXELS, looked.at_pixels), (Option.VISUAL, looked.no_face)]
    return frozenset(option for option, seen in done if seen)


def _state(made: Dataset, choice: Choice, pseudonym: str, looked: Looked, method: str) -> None:
    """What was done, in the attributes that PS3.15 E.1.1 asks for."""
    from pydicom.dataset import Dataset

    codes = []
    for value, meaning in [BASIC, *((ABOUT[one].code, ABOUT[one].meaning) for one in Option if one in choice.options)]:
        code = Dataset()
        code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, "DCM", meaning
        codes.append(code)
    made.PatientName = made.PatientID = pseudonym
    made.PatientIdentityRemoved = "YES"
    made.DeidentificationMethod = ["PS3.15 Basic Application Confidentiality Profile", method[:64]]
    made.DeidentificationMethodCodeSequence = codes
    dates = {Option.FULL_DATES: "UNMODIFIED", Option.MODIFIED_DATES: "MODIFIED"}
    made.LongitudinalTemporalInformationModified = next((dates[one] for one in dates if one in choice.options), "REMOVED")
    if looked.at_pixels:
        made.BurnedInAnnotation = "NO"
    if looked.no_face:
        made.RecognizableVisualFeatures = "NO"


def _meta(made: Dataset, sop_class: str, syntax: str) -> None:
    """A new file meta: no application entity, no private information, no trace of the program that wrote the original."""
    from pydicom.dataset import FileMetaDataset

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = sop_class
    meta.MediaStorageSOPInstanceUID = values.uid(made, "SOPInstanceUID")
    meta.TransferSyntaxUID = syntax
    meta.ImplementationClassUID = IMPLEMENTATION
    meta.ImplementationVersionName = "HILUM"
    made.file_meta = meta
    made.preamble = bytes(128)


def _notes(original: Dataset, header: Header | None, stored: pixels.Stored, looked: Looked) -> tuple[str, ...]:
    notes = [stored.note] if stored.note else []
    if header is not None and not looked.no_face and values.text(original, "RecognizableVisualFeatures") == "YES":
        notes.append("the patient may be recognised by the picture itself")
    return tuple(notes)
