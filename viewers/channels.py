"""Channels of a fluorescence slide and how they are put together into colour. Values only: no Qt, no files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Colour = tuple[int, int, int]
"""sRGB, 0 … 255 each."""
COLOURS: tuple[Colour, ...] = (
    (0, 114, 255), (255, 176, 0), (220, 38, 127), (0, 200, 140), (254, 97, 0), (120, 94, 240), (180, 180, 180),
)  # fmt: skip
"""For channels whose file names no colour: kept apart by people with any kind of colour vision, also by their brightness."""


@dataclass(frozen=True, slots=True)
class Channel:
    """One channel on the screen: stored values from `low` (black) to `high` (the whole `colour`)."""

    name: str
    colour: Colour
    low: float
    high: float
    visible: bool = True

    def __post_init__(self) -> None:
        if not (np.isfinite(self.low) and np.isfinite(self.high) and self.low < self.high):
            raise ValueError(f"a channel's range goes from a lower to a higher value, not from {self.low} to {self.high}")


@dataclass(frozen=True, slots=True)
class Mix:
    """The channels in the file's order; none at all stands for a picture that is in colour already."""

    channels: tuple[Channel, ...] = ()

    def with_range(self, index: int, low: float, high: float) -> Mix:
        """One channel from `low` to `high`, in whichever order they are given; a range of nothing becomes the least there is."""
        low, high = min(low, high), max(low, high)
        return self._with(index, replace(self.channels[index], low=low, high=high if high > low else low + _step(low)))

    def with_visible(self, index: int, visible: bool) -> Mix:
        return self._with(index, replace(self.channels[index], visible=visible))

    def with_colour(self, index: int, colour: Colour) -> Mix:
        return self._with(index, replace(self.channels[index], colour=colour))

    def _with(self, index: int, channel: Channel) -> Mix:
        return Mix((*self.channels[:index], channel, *self.channels[index + 1 :]))


@dataclass(frozen=True, slots=True)
class Look:
    """What of a source is shown: which plane, through which mix."""

    frame: int
    mix: Mix


def composed(values: NDArray[np.generic], mix: Mix) -> NDArray[np.uint8]:
    """Stored values (channels, height, width) as uint8 sRGB (height, width, 3): visible channels added, clipped at white.

    With an empty mix the values are uint8 red, green and blue, and come back as they are. NaN counts as `low`.
    """
    if not mix.channels:
        return np.ascontiguousarray(np.moveaxis(values, 0, -1)).astype(np.uint8, copy=False)
    out = np.zeros((*values.shape[1:], 3), np.float32)
    for plane, channel in zip(values, mix.channels, strict=True):
        if not channel.visible:
            continue
        share = plane.astype(np.float32)
        share -= np.float32(channel.low)
        share *= np.float32(1.0 / (channel.high - channel.low))
        np.clip(np.nan_to_num(share, copy=False), 0.0, 1.0, out=share)
        for part, strength in enumerate(channel.colour):
            if strength:
                out[..., part] += share * np.float32(strength)
    return (np.minimum(out, 255.0, out=out) + np.float32(0.5)).astype(np.uint8)


def halved_values(values: NDArray[np.generic]) -> NDArray[np.generic]:
    """Every 2 × 2 values of (channels, height, width) as their mean, rounded for whole numbers; an odd last row or column
    counts twice. The dtype stays."""
    _, height, width = values.shape
    if height % 2 or width % 2:
        values = np.pad(values, ((0, 0), (0, height % 2), (0, width % 2)), mode="edge")
    corners = values[:, 0::2, 0::2], values[:, 1::2, 0::2], values[:, 0::2, 1::2], values[:, 1::2, 1::2]
    if values.dtype.kind == "f":
        mean: NDArray[np.generic] = np.mean(np.stack(corners), axis=0, dtype=values.dtype)
        return mean
    total = np.full(corners[0].shape, 2, np.int32 if values.dtype.itemsize <= 2 else np.int64)
    for corner in corners:
        total += corner.astype(total.dtype)
    return (total >> 2).astype(values.dtype)


def default_range(samples: Sequence[NDArray[np.generic]]) -> tuple[float, float]:
    """From the 1st to the 99.8th hundredth of the finite stored values, so that neither ground nor dust decides."""
    parts = [one[np.isfinite(one)] if one.dtype.kind == "f" else one.ravel() for one in samples]
    values = np.concatenate([part.ravel() for part in parts]) if parts else np.zeros(0)
    if not values.size:
        return 0.0, 1.0
    low, high = (float(one) for one in np.percentile(values, (1.0, 99.8)))
    return (low, high) if high > low else (low, low + _step(low))


def scale_of(channel: Channel) -> tuple[float, float]:
    """The values between which a channel's range can be set: down to 0 at least, and twice as far as the whole colour."""
    span = channel.high - channel.low
    return min(0.0, channel.low - span / 2), channel.high + span


def histogram(samples: Sequence[NDArray[np.generic]], scale: tuple[float, float], bins: int = 64) -> tuple[float, ...]:
    """How often values occur between both ends of `scale`, by the logarithm, the most frequent as 1."""
    counts = np.zeros(bins)
    for one in samples:
        counts += np.histogram(np.nan_to_num(one.astype(np.float32)), bins, scale)[0]
    heights = np.log1p(counts)
    return tuple(float(height) for height in heights / max(1e-9, float(heights.max())))


def _step(value: float) -> float:
    """The least difference a range may have at a value."""
    return max(1e-6, abs(value) * 1e-6) if value != round(value) else 1.0
