"""Key object selections (PS3.3 A.35.4, PS3.16 TID 2010): the images somebody marked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from viewers.objects.contents import evidence, references, tree
from viewers.objects.said import Origin, Where
from viewers.objects.words import lines, maker, moment, named, plain
from viewers.sources import values

if TYPE_CHECKING:
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
