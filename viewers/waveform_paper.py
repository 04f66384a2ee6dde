"""Where traces lie on the paper: speed, gain, layouts and pages, in millimetres. No Qt.

The frame of reference is the paper's own: x to the right, y down, in mm; `PX_PER_MM` level-0 pixels make one of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from viewers.geometry import Size
from viewers.waveform import Channel, Group

PX_PER_MM = 8
SPEEDS_MM_S = (25.0, 50.0)
GAINS_MM_MV = (5.0, 10.0, 20.0)
PAGE_S = 10.0
Layout = Literal["3 × 4 + rhythm", "one below the other"]
LAYOUTS: tuple[Layout, ...] = ("3 × 4 + rhythm", "one below the other")
_COLUMNS = (("I", "II", "III"), ("aVR", "aVL", "aVF"), ("V1", "V2", "V3"), ("V4", "V5", "V6"))
_RHYTHM = "II"
_MARGIN, _HEAD, _PULSE = 8.0, 15.0, 12.0
"""Beside everything; above and below, where the words stand; and for the pulse of 1 mV and 200 ms in front of each row."""
_ROW = {"3 × 4 + rhythm": 30.0, "one below the other": 20.0}
"""Height of a row at 10 mm/mV."""
_TALLEST = 15.0
"""mm that a trace without a voltage may take, up or down."""


@dataclass(frozen=True, slots=True)
class Setting:
    speed_mm_s: float = 25.0
    gain_mm_mv: float = 10.0
    layout: Layout = "3 × 4 + rhythm"

    def next(self, what: Literal["speed", "gain", "layout"]) -> Setting:
        """With the next value of one of them, round and round."""
        if what == "speed":
            return replace(self, speed_mm_s=_after(SPEEDS_MM_S, self.speed_mm_s))
        if what == "gain":
            return replace(self, gain_mm_mv=_after(GAINS_MM_MV, self.gain_mm_mv))
        return replace(self, layout=LAYOUTS[(LAYOUTS.index(self.layout) + 1) % len(LAYOUTS)])

    def __str__(self) -> str:
        return f"{self.speed_mm_s:g} mm/s  {self.gain_mm_mv:g} mm/mV"


@dataclass(frozen=True, slots=True)
class Strip:
    """One channel from `start_s` to `end_s`, drawn from `x` mm on around the line `y` mm."""

    channel: int
    start_s: float
    end_s: float
    x: float
    y: float
    mm_per_unit: float
    rhythm: bool = False


@dataclass(frozen=True, slots=True)
class Paper:
    width: float
    height: float
    strips: tuple[Strip, ...]
    rows: tuple[float, ...]
    """The lines of the rows, y in mm."""
    row_height: float
    pages: int
    setting: Setting

    @property
    def size(self) -> Size:
        return Size(round(self.width * PX_PER_MM), round(self.height * PX_PER_MM))

    def at(self, x: float, y: float) -> tuple[Strip, float] | None:
        """The strip at a place and the time there in s; None beside them."""
        near = [one for one in self.strips if one.x <= x <= one.x + (one.end_s - one.start_s) * self.setting.speed_mm_s]
        if not near:
            return None
        strip = min(near, key=lambda one: abs(one.y - y))
        if abs(strip.y - y) > self.row_height:
            return None
        return strip, strip.start_s + (x - strip.x) / self.setting.speed_mm_s

    def strip_of(self, channel: int, time_s: float, rhythm: bool = False) -> Strip | None:
        """The strip that shows a channel at a time: the one for the rhythm where it is wanted and there, else another."""
        found = [one for one in self.strips if one.channel == channel and one.start_s <= time_s <= one.end_s]
        return min(found, key=lambda one: one.rhythm != rhythm, default=None)

    def place(self, strip: Strip, time_s: float, value: float) -> tuple[float, float]:
        return strip.x + (time_s - strip.start_s) * self.setting.speed_mm_s, strip.y - value * strip.mm_per_unit


def paper(group: Group, setting: Setting, page: int = 0) -> Paper:
    """One page: ten seconds of every channel, or in the layout of 3 × 4 a quarter of them each, with lead II below for all ten.

    Groups without the twelve leads lie one below the other.
    """
    pages = max(1, math.ceil(group.duration_s / PAGE_S - 1e-6))
    start = min(max(page, 0), pages - 1) * PAGE_S
    length = min(PAGE_S, group.duration_s - start) if pages > 1 else group.duration_s
    standard = setting.layout == LAYOUTS[0] and all(group.lead(name) is not None for column in _COLUMNS for name in column)
    layout = setting.layout if standard else LAYOUTS[1]
    high = _ROW[layout] * max(0.75, setting.gain_mm_mv / 10.0)
    left, strips = _MARGIN + _PULSE, list[Strip]()

    def strip(channel: int, from_s: float, to_s: float, x: float, row: int, rhythm: bool = False) -> None:
        y = _HEAD + (row + 0.5) * high
        strips.append(Strip(channel, from_s, to_s, x, y, _mm_per_unit(group.channels[channel], setting), rhythm))

    if standard:
        short = length <= PAGE_S / 4
        part = length if short else length / 4
        for number, column in enumerate(_COLUMNS):
            begin = start if short else start + number * part
            for row, name in enumerate(column):
                channel = group.lead(name)
                assert channel is not None
                strip(channel, begin, begin + part, left + number * part * setting.speed_mm_s, row)
        rows, wide = 3, 4 * part
        rhythm = group.lead(_RHYTHM)
        if not short and rhythm is not None:
            strip(rhythm, start, start + length, left, 3, True)
            rows = 4
    else:
        for row in range(len(group.channels)):
            strip(row, start, start + length, left, row)
        rows, wide = len(group.channels), length
    lines = tuple(_HEAD + (row + 0.5) * high for row in range(rows))
    width = left + wide * setting.speed_mm_s + _MARGIN
    return Paper(width, 2 * _HEAD + rows * high, tuple(strips), lines, high, pages, setting)


def trace(group: Group, sheet: Paper, strip: Strip, px_per_sample: float = 1.0) -> NDArray[np.float32]:
    """The trace as level-0 pixels (n, 2), NaN at gaps.

    Where several samples fall on one device pixel (`px_per_sample` < 0.5), each pixel keeps its lowest and highest sample, so
    that no peak is lost.
    """
    channel, rate = group.channels[strip.channel], group.frequency_hz
    first = max(0, math.floor((strip.start_s - channel.skew_s) * rate + 1e-6))
    last = min(len(channel.values), math.ceil((strip.end_s - channel.skew_s) * rate - 1e-6) + 1)
    values = channel.values[first:last]
    times = (np.arange(first, last, dtype=np.float64) / rate + channel.skew_s).astype(np.float64)
    if 0 < px_per_sample < 0.5 and len(values) > 8:
        values, times = _thinned(values, times, int(1 / px_per_sample))
    x = (strip.x + (times - strip.start_s) * sheet.setting.speed_mm_s) * PX_PER_MM
    y = (strip.y - values * strip.mm_per_unit) * PX_PER_MM
    return np.stack([x, y], axis=1).astype(np.float32)


def _thinned(
    values: NDArray[np.float32], times: NDArray[np.float64], step: int
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    whole = len(values) // step * step
    blocks = values[:whole].reshape(-1, step)
    filled = np.where(np.isnan(blocks), np.inf, blocks)
    low = filled.argmin(axis=1)
    high = np.where(np.isnan(blocks), -np.inf, blocks).argmax(axis=1)
    order = np.sort(np.stack([low, high], axis=1), axis=1) + np.arange(len(blocks))[:, None] * step
    kept = np.concatenate([order.ravel(), np.arange(whole, len(values))])
    return values[kept], times[kept]


def _mm_per_unit(channel: Channel, setting: Setting) -> float:
    """By the gain for voltages; anything else by a round scale that fits its row."""
    if channel.millivolts is not None:
        return setting.gain_mm_mv * channel.millivolts
    finite = channel.values[np.isfinite(channel.values)]
    tallest = float(np.abs(finite).max()) if finite.size else 0.0
    if tallest == 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(_TALLEST / tallest))
    return max(step * power for step in (1, 2, 5) if step * power * tallest <= _TALLEST)


def _after(choices: tuple[float, ...], now: float) -> float:
    return choices[(choices.index(now) + 1) % len(choices)] if now in choices else choices[0]
