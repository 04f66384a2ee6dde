"""The frames of a series before they are ordered: where each lies and what tells it from its neighbours."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from viewers.sources import values
from viewers.sources.header import Header
from viewers.sources.slice_plane import SlicePlane, planes_of

if TYPE_CHECKING:
    from pydicom.dataset import Dataset


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """One frame of one file. `traits` holds, by the reader's word, what volumes of one series may differ in."""

    header: Header
    frame: int
    plane: SlicePlane | None
    traits: Mapping[str, Hashable]
    order: tuple[object, ...]
    """Where it stands without a position: stack, place in it, time, instance number, frame, path."""
    localizer: bool = False


def placed(header: Header) -> list[Placed]:
    """The frames of one file, in the order they are stored."""
    dataset = header  # asked for single values it need not be parsed
    own, shared = (
        values.items(dataset, "PerFrameFunctionalGroupsSequence"),
        values.item(dataset, "SharedFunctionalGroupsSequence"),
    )
    planes = planes_of(dataset, header.frames)
    kind = tuple(values.texts(dataset, "ImageType"))
    localizer = "LOCALIZER" in (one.upper() for one in kind)
    number, found = values.integer(dataset, "InstanceNumber") or 0, list[Placed]()
    common: dict[str, Hashable] = {KIND: kind[2:]} if kind[2:] else {}
    common |= _plain(dataset) | _grouped(shared)
    for frame in range(header.frames):
        group = own[frame] if frame < len(own) else None
        content = values.item(group, "FrameContentSequence") if group is not None else None
        index = values.numbers(content, "DimensionIndexValues") if content is not None else ()
        order = index, number, frame, str(header.path)
        found.append(Placed(header, frame, planes[frame], common | _grouped(group), order, localizer))
    return found


def _plain(dataset: Dataset) -> dict[str, Hashable]:
    """Traits that hold for the whole file."""
    return {word: value for word, (keyword, _, _) in TRAITS.items() if (value := values.number(dataset, keyword)) is not None}


def _grouped(holder: Dataset | None) -> dict[str, Hashable]:
    """Traits out of the functional groups of a frame, or of those all frames share."""
    found: dict[str, Hashable] = {}
    if holder is None:
        return found
    for word, (_, group, keyword) in TRAITS.items():
        if group and group in holder and (value := values.number(values.item(holder, group), keyword)) is not None:
            found[word] = value
    for group in ("MRImageFrameTypeSequence", "CTImageFrameTypeSequence"):
        if group in holder and (kind := tuple(values.texts(values.item(holder, group), "FrameType")[2:])):
            found[KIND] = kind
    return found


KIND = "kind of image"
"""The trait that is ImageType beyond its first two values: magnitude, phase, in-phase, water …"""
_PHASE = "NominalPercentageOfCardiacPhase"
TRAITS: Mapping[str, tuple[str, str, str]] = {
    "temporal position": ("TemporalPositionIdentifier", "FrameContentSequence", "TemporalPositionIndex"),
    "echo": ("EchoNumbers", "", ""),
    "echo time": ("EchoTime", "MREchoSequence", "EffectiveEchoTime"),
    "b-value": ("DiffusionBValue", "MRDiffusionSequence", "DiffusionBValue"),
    "cardiac phase": (_PHASE, "CardiacSynchronizationSequence", _PHASE),
    "trigger time": ("TriggerTime", "CardiacSynchronizationSequence", "NominalCardiacTriggerDelayTime"),
    "acquisition": ("AcquisitionNumber", "FrameContentSequence", "FrameAcquisitionNumber"),
    "reference time": ("FrameReferenceTime", "", ""),
}
"""What volumes at the same places may differ in, the most telling first: keyword of the file, and functional group and keyword
of a frame (PS3.3 C.7.6.16.2, C.8.3, C.8.13)."""
