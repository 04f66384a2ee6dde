"""Whether a file may be handed on as far as its pixels are concerned: what looks like text, and what cannot be looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from viewers.deidentify import burned_in
from viewers.deidentify.instance import may_have_picture
from viewers.errors import SourceError
from viewers.geometry import Region
from viewers.sources import codecs, decode, values
from viewers.sources.header import dataset_of, header_of


@dataclass(frozen=True, slots=True)
class Suspicion:
    boxes: tuple[Region, ...] = ()
    """What looks like text, in pixels."""
    stated: bool = False
    """The header says that there is burned-in text (BurnedInAnnotation YES)."""
    unseen: str = ""
    """Why the picture could not be looked at."""
    looked: int = 0
    """How many of its frames were looked at."""
    frames: int = 0

    def reason(self, burned: Sequence[Region] = ()) -> str:
        """Why a person has to look first, with `burned` made black; "" when nothing is suspected."""
        if self.unseen:
            return f"its picture cannot be looked at for burned-in text ({self.unseen})"
        open_boxes = [one for one in self.boxes if not any(_within(one, box) for box in burned)]
        if open_boxes:
            places = f"{len(open_boxes)} place{'s' * (len(open_boxes) > 1)}"
            return f"there may be burned-in text at {places}, the first {_said(open_boxes[0])}"
        if self.stated and not burned:
            return "its header says that there is burned-in text, and none was found"
        return ""


def suspicion(path: Path) -> Suspicion:
    """Of one DICOM file; nothing is suspected of one without a picture. Raises SourceError."""
    if not may_have_picture(dataset_of(path)):
        return Suspicion()
    header = header_of(path)
    stated = values.text(header.dataset, "BurnedInAnnotation") == "YES"
    looks = burned_in.affordable(header.frames, header.size.width * header.size.height)
    try:
        found = burned_in.proposed(decode.decoded(header, number) for number in looks)
    except SourceError:
        if header.coded.native or header.syntax in codecs.DECODERS:
            raise
        return Suspicion(stated=stated, unseen=f"it is stored as {decode.syntax_name(header.syntax)}")
    return Suspicion(tuple(found), stated, looked=len(looks), frames=header.frames)


def _within(inner: Region, outer: Region) -> bool:
    shared = inner.intersection(outer)
    return shared is not None and shared.width * shared.height >= 0.9 * inner.width * inner.height


def _said(box: Region) -> str:
    return f"{box.x},{box.y},{box.width},{box.height}"
