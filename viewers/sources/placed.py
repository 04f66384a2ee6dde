"""The frames of a series before they are ordered: where each lies and what tells it from its neighbours."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
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
    localizer = "LOCALIZER" in (one.upper() for one in values.texts(dataset, "ImageType"))
    number, found = values.integer(dataset, "InstanceNumber") or 0, list[Placed]()
    for frame in range(header.frames):
        groups = (own[frame] if frame < len(own) else None, shared)
        content = values.item(groups[0], "FrameContentSequence")
        index = values.numbers(content, "DimensionIndexValues") if content is not None else ()
        order = index, number, frame, str(header.path)
        traits = {word: value for word, ask in TRAITS.items() if (value := ask(dataset, groups)) is not None}
        found.append(Placed(header, frame, planes[frame], traits, order, localizer))
    return found


_Groups = tuple["Dataset | None", "Dataset | None"]


def _number(plain: str, group: str = "", keyword: str = "") -> Callable[[Dataset, _Groups], Hashable | None]:
    """Asks the functional groups of a frame, then the data set itself."""

    def ask(dataset: Dataset, groups: _Groups) -> Hashable | None:
        for holder in groups:
            item = values.item(holder, group) if group else None
            if item is not None and (value := values.number(item, keyword)) is not None:
                return value
        return values.number(dataset, plain)

    return ask


def _kind(dataset: Dataset, groups: _Groups) -> Hashable | None:
    """ImageType beyond its first two values: magnitude, phase, in-phase, water …"""
    item = values.item(groups[0], "MRImageFrameTypeSequence") or values.item(groups[0], "CTImageFrameTypeSequence")
    return tuple(values.texts(item, "FrameType")[2:] or values.texts(dataset, "ImageType")[2:]) or None


_PHASE = "NominalPercentageOfCardiacPhase"
TRAITS: Mapping[str, Callable[[Dataset, _Groups], Hashable | None]] = {
    "temporal position": _number("TemporalPositionIdentifier", "FrameContentSequence", "TemporalPositionIndex"),
    "echo": _number("EchoNumbers"),
    "echo time": _number("EchoTime", "MREchoSequence", "EffectiveEchoTime"),
    "b-value": _number("DiffusionBValue", "MRDiffusionSequence", "DiffusionBValue"),
    "cardiac phase": _number(_PHASE, "CardiacSynchronizationSequence", _PHASE),
    "trigger time": _number("TriggerTime", "CardiacSynchronizationSequence", "NominalCardiacTriggerDelayTime"),
    "acquisition": _number("AcquisitionNumber", "FrameContentSequence", "FrameAcquisitionNumber"),
    "kind of image": _kind,
    "reference time": _number("FrameReferenceTime"),
}
"""What volumes at the same places may differ in, the most telling first (PS3.3 C.7.6.16.2, C.8.3, C.8.13)."""
