"""Key object selections (PS3.3 A.35.4, PS3.16 TID 2010): the images somebody marked, read and written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from viewers.objects.contents import evidence, references, tree
from viewers.objects.said import Origin, Where
from viewers.objects.words import lines, maker, moment, named, plain
from viewers.sources import values

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pydicom.dataset import Dataset

_MODIFIERS = {"113011", "121405"}
"""Document Title Modifier."""
_OBSERVER, _DEVICE, _DESCRIPTION = "121008", "121013", "113012"


def read(dataset: Dataset) -> dict[str, Any]:
    """What a `Said` of key images holds. Raises Unusable."""
    root = tree(dataset)
    title, reasons, text, who = root.concept.meaning or "key images", list[str](), list[tuple[int, str]](), ""
    images: list[Where] = []
    for node in root.walk():
        concept = node.concept.value
        if node.type in ("IMAGE", "COMPOSITE", "WAVEFORM"):
            images += references(node.item)
        elif concept in _MODIFIERS:
            reasons.append(node.value_code.meaning)
        elif concept == _DESCRIPTION or (node.type == "TEXT" and concept not in (_DEVICE,)):
            text += [(0, line) for line in lines(values.text(node.item, "TextValue"), 4000)]
        elif concept == _OBSERVER:
            who = who or named(node.item, "PersonName")
        elif concept == _DEVICE:
            who = who or plain(values.text(node.item, "TextValue"), 80)
    made = maker(dataset)
    when = moment(values.text(dataset, "ContentDate"), values.text(dataset, "ContentTime"))
    return {
        "form": "key images",
        "title": ", ".join([f"key images: {title}", *reasons]),
        "origin": Origin(who or made, made if who else "", when),
        "images": tuple(dict.fromkeys(images)) or evidence(dataset),
        "text": tuple(text),
    }


def write(path: Path, images: Sequence[Dataset], description: str, who: str = "") -> None:
    """A Key Object Selection Document "Of Interest" (113000, DCM) of these images of one study, written by atomic replace.

    `images` are whole headers. Raises SourceError when they cannot be referred to.
    """
    from highdicom.ko import KeyObjectSelection, KeyObjectSelectionDocument
    from highdicom.sr import ObserverContext, PersonObserverIdentifyingAttributes
    from pydicom.sr.codedict import codes

    from viewers.annotations import dicom_slide
    from viewers.writing import taking_place

    with dicom_slide.making(path):
        observer = None
        if who:
            observer = ObserverContext(codes.DCM.Person, PersonObserverIdentifyingAttributes(name=who))
        content = KeyObjectSelection(
            document_title=codes.DCM.OfInterest, referenced_objects=list(images), description=description or None,
            observer_person_context=observer,
        )  # fmt: skip
        made = dicom_slide.equipment()
        document = KeyObjectSelectionDocument(
            evidence=list(images), content=content, series_instance_uid=made["series_instance_uid"], series_number=900,
            sop_instance_uid=made["sop_instance_uid"], instance_number=1, manufacturer=made["manufacturer"],
        )  # fmt: skip
    with taking_place(path) as temporary:
        document.save_as(temporary, enforce_file_format=True)
