"""A whole CT or MR stack as a model receives it: slices from end to end, each from its values, never from the screen."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from app.model_pixels import CT_WINDOWS
from app.numbered import Numbered
from inference.answers import Progress
from inference.catalogue import Entry
from inference.errors import look
from inference.questions import Picture
from viewers.sources import GrayscaleSource, Source, StackedSource
from viewers.sources.stacks import Stack, stack_of

Values = NDArray[np.float32]
_AXIAL = 0.8
"""Cosine between the slices' normal and the patient's long axis from which they count as axial."""


def pictures(
    source: Source,
    frame: int,
    entry: Entry,
    on_progress: Callable[[Progress], None],
    cancel: threading.Event | None = None,
    tails: float = 0.0,
) -> tuple[Picture, ...]:
    """The stack that `frame` lies in: its slices in their order along the normal, at most as many as `entry`'s model reads,
    evenly spread, the first and the last among them.

    CT goes from HU through the three windows of the model's version; MR from the least to the greatest value of the whole
    acquisition, or between the percentiles `tails` and 100 - `tails` of it. Raises ValueError for what is no such stack,
    SourceError where a slice cannot be read, Cancelled.
    """
    if not isinstance(source, GrayscaleSource) or source.modality not in ("CT", "MR"):
        raise ValueError(f"{source.name} is no grey CT or MR series; only those are read as a whole")
    from inference.preprocess import ct, mri

    stack = _stack(source, frame)
    chosen = _chosen(stack, entry)
    steps = (*_words(chosen, stack), *_remarks(source, stack))
    read = _read(source, chosen, on_progress, cancel)
    if source.modality == "CT":
        windows = entry.ct_windows or CT_WINDOWS
        steps = (*steps, f"HU through the windows of {windows}")
        return tuple(Picture(ct.to_rgb(values, windows), "ct", steps=steps) for values in read)
    span = _span(lambda: _read(source, stack.frames, on_progress, cancel), tails)
    how = f"percentiles {tails:g} to {100 - tails:g}" if tails else "minimum to maximum"
    steps = (*steps, f"{how} of the whole acquisition")
    if tails:
        steps = (
            *steps,
            f"remark: the grey scale leaves out {tails:g} % of the values at either end; models were trained without",
        )
    return tuple(Picture(mri.to_rgb(values, span), "mr", steps=steps) for values in read)


def numbered(source: Source, frame: int, entry: Entry) -> Numbered:
    """Which slices those of `pictures` are. Raises ValueError for what is no stack."""
    return Numbered.slices(_chosen(_stack(source, frame), entry))


def _chosen(stack: Stack, entry: Entry) -> list[int]:
    from inference.preprocess import ct

    return [stack.first + number for number in ct.choose(stack.count, entry.max_slices or ct.MOST_SLICES)]


def _stack(source: Source, frame: int) -> Stack:
    if not 0 <= frame < source.frames:
        raise ValueError(f"frame {frame} was asked for; {source.name} has {source.frames}, counted from 0")
    stack = stack_of(source.stacks, frame) if isinstance(source, StackedSource) else None
    if stack is None or stack.count < 2:
        raise ValueError(f"{source.name} is a single slice; ask about the slice itself")
    return stack


def _read(
    source: GrayscaleSource, frames: Iterable[int], on_progress: Callable[[Progress], None], cancel: threading.Event | None
) -> Iterator[Values]:
    frames = list(frames)
    for done, frame in enumerate(frames):
        look(cancel)
        on_progress(Progress("reading slices", done, len(frames)))
        yield source.values(frame)


def _span(read: Callable[[], Iterator[Values]], tails: float) -> tuple[float, float]:
    """Least and greatest of all finite values; between percentiles, those of a histogram of 65,536 steps. One slice is held."""
    low, high = np.inf, -np.inf
    for values in read():
        found = values[np.isfinite(values)]
        if found.size:
            low, high = min(low, float(found.min())), max(high, float(found.max()))
    if not tails or high <= low:
        return (low, high) if high >= low else (0.0, 0.0)
    counts = np.zeros(65_536, np.int64)
    for values in read():
        counts += np.histogram(values[np.isfinite(values)], len(counts), (low, high))[0]
    share, ends = np.cumsum(counts) / counts.sum(), np.linspace(low, high, len(counts) + 1)
    return float(ends[np.searchsorted(share, tails / 100)]), float(ends[np.searchsorted(share, 1 - tails / 100) + 1])


def _words(chosen: list[int], stack: Stack) -> tuple[str, ...]:
    if len(chosen) == stack.count:
        return (f"all {stack.count} slices along their normal",)
    return (f"{len(chosen)} of {stack.count} slices along their normal, evenly spread",)


def _remarks(source: Source, stack: Stack) -> list[str]:
    """What of the stack lies outside of what models were trained on (arXiv 2604.05081: axial, of uniform thickness)."""
    found = [stack.warning] if stack.warning else []
    if stack.gaps is not None and abs(float(stack.gaps.normal[2])) < _AXIAL:
        found.append("not axial, which models were trained on")
    if stack.label:
        found.append(f"one of {len(source.stacks)} volumes of the series: {stack.label}")  # type: ignore[attr-defined]
    return [f"remark: {one}" for one in found]
