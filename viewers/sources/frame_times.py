"""How fast the frames of a multi-frame file followed one another (PS3.3 C.7.6.5, C.7.6.18, C.8.4.12)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from viewers.sources import values

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_SHORTEST_MS, _LONGEST_MS = 1.0, 60_000.0


@dataclass(frozen=True, slots=True)
class FrameTimes:
    """`shown_ms`: how long each frame stands until the next. `stated_by` is the reader's word for where it was found."""

    shown_ms: tuple[float, ...]
    stated_by: str
    sweeping: bool = False
    """Back and forth, as PreferredPlaybackSequencing 1 asks for; else round and round."""

    @property
    def rate(self) -> float:
        """Frames a second on average."""
        return 1000.0 * len(self.shown_ms) / sum(self.shown_ms)


def times_of(dataset: Dataset, frames: int) -> FrameTimes | None:
    """The first usable of: FrameTimeVector, FrameTime, RecommendedDisplayFrameRate, CineRate, one heart beat over its frames.

    None where there is one frame or no usable value: 0, negative and absurd ones are none.
    """
    if frames < 2:
        return None
    sweeping = values.integer(dataset, "PreferredPlaybackSequencing") == 1
    vector = values.numbers(dataset, "FrameTimeVector")
    if len(vector) == frames and all(_usable(one) for one in vector[1:]):
        # the first is 0: each is the time since the frame before; the last stands as long as they do on average
        last = sum(vector[1:]) / (frames - 1)
        return FrameTimes((*vector[1:], last), "frame time vector", sweeping)
    for stated_by, shown in (
        ("frame time", values.number(dataset, "FrameTime")),
        ("recommended rate", _over(1000.0, values.number(dataset, "RecommendedDisplayFrameRate"))),
        ("cine rate", _over(1000.0, values.number(dataset, "CineRate"))),
        ("R-R interval", _beat(dataset, frames)),
        ("frame duration", values.number(dataset, "ActualFrameDuration")),
    ):
        if shown is not None and _usable(shown):
            return FrameTimes((shown,) * frames, stated_by, sweeping)
    return None


def _beat(dataset: Dataset, frames: int) -> float | None:
    """A gated acquisition shows one heart beat: its length over its frames."""
    gated = values.item(values.item(dataset, "GatedInformationSequence"), "DataInformationSequence")
    length = values.number(gated, "NominalInterval") or values.number(dataset, "NominalInterval")
    length = length or _over(60_000.0, values.number(dataset, "HeartRate") if gated is not None else None)
    images = values.integer(dataset, "CardiacNumberOfImages") or values.integer(dataset, "NumberOfTimeSlots") or frames
    return length / images if length and images > 0 else None


def _over(whole: float, part: float | None) -> float | None:
    return whole / part if part else None


def _usable(shown_ms: float) -> bool:
    return _SHORTEST_MS <= shown_ms <= _LONGEST_MS
