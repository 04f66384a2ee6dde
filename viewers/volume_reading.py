"""From a series to voxels, beside the window: with progress, a stop, and a limit on memory. No Qt here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from viewers.cache import memory_share
from viewers.errors import SourceError
from viewers.grayscale import Grayscale, Window
from viewers.sources import GrayscaleSource, Source, StackedSource
from viewers.sources.series_window import series_window
from viewers.sources.stacks import Stack, stack_of
from viewers.volume import Volume

MOST_BYTES = 4 * 2**30
SHARE = 0.25
"""Of the machine's memory, that the voxels of one volume may take."""
Progress = Callable[[int, int], None]
"""Slices read, of how many."""


class Stopped(Exception):
    """A person stopped the reading."""


def budget() -> int:
    """Bytes the voxels of one volume may take here."""
    return memory_share(SHARE, MOST_BYTES)


def refusal(source: Source, frame: int, most_bytes: int | None = None) -> str:
    """One sentence that says why no volume can be made of the stack that `frame` belongs to; "" where it can."""
    if not isinstance(source, StackedSource) or source.kind == "slide":
        return "Only series of slices can be cut in other planes: open a CT or MR series."
    stack = stack_of(source.stacks, frame)
    if not isinstance(source, GrayscaleSource):
        return "Colour pictures cannot be cut in other planes: open a series in grey."
    if stack.gaps is None or stack.why_flat:
        return f"{source.name} cannot be cut in other planes. {stack.why_flat}".strip()
    needed, most = bytes_needed(source, stack), budget() if most_bytes is None else most_bytes
    if needed > most:
        return (
            f"{source.name} needs {_gib(needed)} of memory as a volume, more than the limit of {_gib(most)} here: "
            "open a series of fewer or smaller slices."
        )
    return ""


def bytes_needed(source: StackedSource, stack: Stack) -> int:
    """Of the voxels, at 16 bits each."""
    return 2 * stack.count * source.size.width * source.size.height


def read_volume(source: Source, frame: int, progress: Progress, stopped: Callable[[], bool]) -> Volume:
    """The stack that `frame` belongs to. Whole numbers of up to 16 bits with one rescale are kept as stored, all else as 16 bits
    between the lowest and the highest value.

    Raises SourceError, also where `refusal` says why, and Stopped.
    """
    if why := refusal(source, frame):
        raise SourceError(source.path, why)
    assert isinstance(source, GrayscaleSource)
    assert isinstance(source, StackedSource)
    stack = stack_of(source.stacks, frame)
    first = source.plane(stack.first)
    assert first is not None
    assert first.spacing_mm is not None
    scales = [source.frame_grayscale(number) for number in stack.frames]
    middle = scales[len(scales) // 2]
    sample = source.stored(stack.first)
    same = all((one.slope, one.intercept, one.modality_lut) == (middle.slope, middle.intercept, None) for one in scales)
    exact = same and sample.dtype.kind in "iu" and sample.dtype.itemsize <= 2
    window, lossy = middle.default or series_window(source), bool(source.info().get("lossy"))
    read = _Read(source, stack, progress, stopped, 1 if exact else 2)
    if exact:
        voxels, bounds = read.as_stored(scales, sample.dtype)
        return Volume(voxels, middle, stack, first, first.spacing_mm, bounds, window or Window.spanning(*bounds), 0.0, lossy)
    voxels, scale, bounds = read.rounded(scales)
    told = replace(
        middle,
        quantities=tuple(one for one in middle.quantities if one.factor is not None),
        slope=scale,
        intercept=bounds[0] + 32768 * scale,
        modality_lut=None,
        padding=None,
        bits=16,
        signed=True,
    )
    return Volume(voxels, told, stack, first, first.spacing_mm, bounds, window or Window.spanning(*bounds), scale, lossy)


class _Read:
    """Goes through the slices, once or twice."""

    def __init__(
        self, source: GrayscaleSource, stack: Stack, progress: Progress, stopped: Callable[[], bool], turns: int
    ) -> None:
        self._source, self._stack, self._progress, self._stopped = source, stack, progress, stopped
        self._turns, self._done = turns, 0
        self._shape = stack.count, source.size.height, source.size.width

    def as_stored(self, scales: list[Grayscale], dtype: np.dtype[np.generic]) -> tuple[NDArray[np.generic], tuple[float, float]]:
        voxels = np.empty(self._shape, dtype)
        low, high = np.inf, -np.inf
        for index, scale in enumerate(scales):
            stored = self._slice(index)
            if stored.dtype != dtype:
                raise SourceError(
                    self._source.path, f"{self._source.name} holds slices of different kinds of numbers: export it again."
                )
            voxels[index] = stored
            low, high = _wider((low, high), scale.bounds(stored))
        return voxels, (low, high)

    def rounded(self, scales: list[Grayscale]) -> tuple[NDArray[np.generic], float, tuple[float, float]]:
        """Voxels as 16 bits, the modality value of one step, and the lowest and highest value."""
        low, high = np.inf, -np.inf
        for index, scale in enumerate(scales):
            low, high = _wider((low, high), scale.bounds(self._slice(index)))
        step = max((high - low) / 65535, 1e-12)
        voxels = np.empty(self._shape, np.int16)
        for index, scale in enumerate(scales):
            values = np.nan_to_num(scale.modality_values(self._slice(index)), nan=low, posinf=high, neginf=low)
            codes = np.rint((values.astype(np.float64) - low) / step).clip(0, 65535) - 32768
            voxels[index] = codes.astype(np.int16)
        return voxels, step, (low, high)

    def _slice(self, index: int) -> NDArray[np.generic]:
        if self._stopped():
            raise Stopped
        stored = self._source.stored(self._stack.first + index)
        self._done += 1
        self._progress(self._done, self._turns * self._stack.count)
        return stored


def _wider(one: tuple[float, float], other: tuple[float, float]) -> tuple[float, float]:
    return min(one[0], other[0]), max(one[1], other[1])


def _gib(count: int) -> str:
    return f"{count / 2**30:.1f} GiB"
