"""Measuring a quantised drafter against itself unquantised: the same films, the same questions, the same words read along."""

from __future__ import annotations

import gc
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from threading import Event

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inference import boxes, catalogue, fitting, ladder, lengths, prompts, quantisations
from inference.answers import Box, Progress
from inference.catalogue import Entry
from inference.errors import ModelRefused, look
from inference.measured import NOT_MEASURED, Measured
from inference.medgemma import Drafter
from inference.preprocess.padding import Padding
from inference.quantisations import QUANTISED
from inference.questions import BoxQuestion, Decoding, DraftQuestion, FreeQuestion, Picture

Said = frozenset[tuple[str, str, bool]]
"""(finding, side, absent) of a text."""
LONGEST = 64
"""Tokens of a text along which the two are compared."""
WORDS = (
    "Which laboratory values tell a bacterial from a viral pneumonia?",
    "Name three causes of a pleural effusion and how they differ on a chest film.",
    "A patient of 70 years has lost 8 kg and coughs blood. What should be done first?",
)
"""For models without eyes."""


@dataclass(frozen=True, slots=True, eq=False)
class Film:
    """uint8 (H, W, 3), and what is asked for a box of."""

    pixels: NDArray[np.uint8]
    objects: tuple[str, ...] = ()


@dataclass(slots=True)
class Heard:
    """What one of the two wrote: texts, chances of every token along the exact one's texts, boxes by (film, object)."""

    texts: list[str] = field(default_factory=list)
    chances: list[Tensor] = field(default_factory=list)
    boxes: dict[tuple[int, str], Box] = field(default_factory=dict)
    words: str = ""
    tokens: int = 0
    seconds: float = 0.0


def measure(
    model: str,
    kind: str,
    device: str,
    films: Sequence[Film],
    said: Callable[[str], Said],
    on_progress: Callable[[Progress], None],
    cancel: Event,
) -> Measured:
    """Loads the model twice, one after the other. `said` reads findings out of a text. Raises InferenceError, Cancelled."""
    entry, folder, revision = catalogue.require(model, "drafter")
    if kind not in QUANTISED:
        raise ModelRefused(f"{kind!r} is no quantisation that could be measured; choose one of {', '.join(QUANTISED)}")
    quantisations.must_be_available(kind)
    films = films if entry.family == "gemma3" else ()
    heard: list[Heard] = []
    place, each = "cpu", 2
    for one in ("none", kind):
        on_progress(Progress(f"loading {model}, {one}"))
        with ladder.told(f"{model}, {one},"):
            drafter = Drafter(folder, entry, device, one, revision=revision)
            place, each = drafter.place.device.type, drafter.place.dtype.itemsize
            heard.append(_listened(drafter, entry, films, heard[0].texts if heard else (), on_progress, cancel))
        del drafter
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
    exact, light = heard
    near = compared(exact.chances, light.chances)
    alike, sided = _findings([(said(a), said(b)) for a, b in zip(exact.texts, light.texts, strict=True)])
    drift, overlap, both = _drift(exact.boxes, light.boxes)
    shape = fitting.shape_of(folder)
    small, large = (fitting.need(shape, one, 1, bytes_each=each).weights / fitting.GB for one in (kind, "none"))
    return Measured(
        model, revision, "", kind, light.words, place, datetime.now(UTC).strftime("%Y-%m-%d"), len(films), near.tokens,
        near.kl_mean, near.kl_p99, near.top1, alike, sided, both, drift, overlap, small, large,
        light.tokens / max(light.seconds, 1e-9), exact.tokens / max(exact.seconds, 1e-9),
        f"torch {version('torch')}, hilum {version('hilum')}", f"{platform.machine()}, {platform.system()}",
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Near:
    kl_mean: float
    kl_p99: float
    top1: float
    tokens: int


def compared(exact: Sequence[Tensor], other: Sequence[Tensor]) -> Near:
    """Of logarithms of chances [T, vocabulary] each: KL(exact ‖ other) = Σ p (log p - log q), place by place."""
    p, q = torch.cat([*exact]).double(), torch.cat([*other]).double()
    divergence = (p.exp() * (p - q)).nan_to_num(0.0).sum(-1).clamp_min(0)
    same = (p.argmax(-1) == q.argmax(-1)).double().mean()
    return Near(float(divergence.mean()), float(divergence.quantile(0.99)), float(same), len(p))


def _listened(
    drafter: Drafter,
    entry: Entry,
    films: Sequence[Film],
    texts: Sequence[str],
    on_progress: Callable[[Progress], None],
    cancel: Event,
) -> Heard:
    """`texts` are the exact one's, along which chances are read; its own where there are none yet."""
    found = Heard(words=drafter.quantisation.partition("; measured")[0].partition(f"; {NOT_MEASURED}")[0])
    asked: list[tuple[DraftQuestion | FreeQuestion, list[Picture]]]
    asked = [(DraftQuestion(), [Picture(film.pixels, "cxr")]) for film in films]
    asked = asked or [(FreeQuestion(words), []) for words in WORDS]
    for number, (question, pictures) in enumerate(asked):
        look(cancel)
        on_progress(Progress(f"writing, {drafter.quantisation.partition(';')[0]}", number, len(asked)))
        messages = prompts.messages(question, pictures, entry)
        pixels = [one.pixels for one in pictures]
        began = time.monotonic()
        most = Decoding(min(200, lengths.most(question, entry)))
        written = drafter.write(messages, pixels, most, lambda _: None, cancel)
        found.seconds += time.monotonic() - began
        found.tokens += written.tokens
        found.texts.append(written.text)
        found.chances.append(drafter.chances(messages, pixels, texts[number] if texts else written.text, LONGEST, cancel))
    for number, film in enumerate(films):
        for name in film.objects:
            on_progress(Progress(f"boxes, {drafter.quantisation.partition(';')[0]}", number, len(films)))
            messages = prompts.messages(BoxQuestion(name), [Picture(film.pixels, "cxr")], entry)
            text = drafter.write(messages, [film.pixels], Decoding(200), lambda _: None, cancel).text
            for box in boxes.parse(text, Padding(*film.pixels.shape[:2]))[:1]:
                found.boxes[number, name] = box
    return found


def _findings(pairs: Sequence[tuple[Said, Said]]) -> tuple[float, float]:
    """(share of the findings named by either that both name alike, present or absent; of those both see, the same side)."""
    either = both = sided = same = 0
    for exact, light in pairs:
        first, second = ({(finding, absent) for finding, _, absent in one} for one in (exact, light))
        either += len(first | second)
        both += len(first & second)
        sides = [{finding: side for finding, side, absent in one if not absent and side} for one in (exact, light)]
        shared = sides[0].keys() & sides[1].keys()
        sided += len(shared)
        same += sum(sides[0][finding] == sides[1][finding] for finding in shared)
    return both / either if either else -1.0, same / sided if sided else -1.0


def _drift(exact: dict[tuple[int, str], Box], light: dict[tuple[int, str], Box]) -> tuple[float, float, int]:
    """(mean distance of corners in pixels, mean overlap, how many were compared)."""
    shared = sorted(exact.keys() & light.keys())
    if not shared:
        return -1.0, -1.0, 0
    pairs = [(exact[key], light[key]) for key in shared]
    corners = [np.hypot(a.x0 - b.x0, a.y0 - b.y0) / 2 + np.hypot(a.x1 - b.x1, a.y1 - b.y1) / 2 for a, b in pairs]
    return float(np.mean(corners)), float(np.mean([overlap(a, b) for a, b in pairs])), len(shared)


def overlap(a: Box, b: Box) -> float:
    """Intersection over union."""
    across, down = min(a.x1, b.x1) - max(a.x0, b.x0), min(a.y1, b.y1) - max(a.y0, b.y0)
    shared = max(across, 0.0) * max(down, 0.0)
    return shared / ((a.x1 - a.x0) * (a.y1 - a.y0) + (b.x1 - b.x0) * (b.y1 - b.y0) - shared)
