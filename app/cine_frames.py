"""A film of many frames (ultrasound, angiography) as a model receives it: frames evenly in time, each with its moment."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from app.analysis import Request, model_picture
from app.numbered import Numbered
from inference.answers import Progress
from inference.catalogue import Entry
from inference.errors import look
from inference.questions import Picture
from viewers.geometry import Region
from viewers.sources import Source, StackedSource

USUAL = 8
MOST = 32
"""8,320 tokens of MedGemma's."""


def pictures(
    source: Source,
    request: Request,
    entry: Entry,
    on_progress: Callable[[Progress], None],
    cancel: threading.Event | None = None,
) -> tuple[Picture, ...]:
    """`request.frames` of the frames (0: `USUAL`), each the whole frame or the request's region of it. Raises ValueError for what
    has one frame and for numbers out of bounds, SourceError, Cancelled."""
    if source.frames < 2:
        raise ValueError(f"{source.name} is a single picture; ask about the picture itself")
    if request.frames and not 2 <= request.frames <= MOST:
        raise ValueError(f"{request.frames} frames were asked for; 2 to {MOST} go into one question")
    times = source.frame_times if isinstance(source, StackedSource) else None
    starts = _starts(source)
    chosen = choose(source.frames, request.frames or USUAL, starts)
    said = f"frame times by the file's {times.stated_by}" if times is not None else "the file states no frame times"
    steps = (f"{len(chosen)} of {source.frames} frames, evenly in time, the first and the last among them", said)
    made = []
    for done, frame in enumerate(chosen):
        look(cancel)
        on_progress(Progress("reading frames", done, len(chosen)))
        place = Region.whole(source.size, frame) if request.region is None else replace(request.region, frame=frame)
        one = model_picture(source, place, request.question, entry.ct_windows, request.said)
        when = f", {starts[frame]:.2f} s" if starts is not None else ""
        made.append(replace(one, steps=(*one.steps, *steps), caption=f"FRAME {frame + 1}{when}"))
    return tuple(made)


def numbered(source: Source, request: Request) -> Numbered:
    """Which frames those of `pictures` are."""
    return Numbered.moments(choose(source.frames, request.frames or USUAL, _starts(source)))


def _starts(source: Source) -> tuple[float, ...] | None:
    times = source.frame_times if isinstance(source, StackedSource) else None
    return starts_s(times.shown_ms) if times is not None else None


def choose(frames: int, count: int, starts: tuple[float, ...] | None = None) -> list[int]:
    """Frame numbers from 0, at most `count`, at least the first and the last: those whose start comes nearest to moments that
    part the film evenly. `starts` in seconds, None where frames follow at equal distances."""
    count = min(count, frames)
    begins = np.arange(frames, dtype=float) if starts is None else np.asarray(starts)
    moments = np.linspace(begins[0], begins[-1], count)
    return sorted({int(np.abs(begins - moment).argmin()) for moment in moments})


def starts_s(shown_ms: tuple[float, ...]) -> tuple[float, ...]:
    """When each frame begins, in seconds from the first."""
    return tuple(float(one) / 1000 for one in np.concatenate([[0.0], np.cumsum(shown_ms[:-1])]))
