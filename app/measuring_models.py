"""The phantom films that a quantised drafter is measured on, and how their findings are read out of its words."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from app.reports.mentions import mentions
from app.reports.sentences import sections
from inference.answers import Progress
from inference.measured import Measured, save

if TYPE_CHECKING:
    from inference.measuring import Film, Said

FILMS = 12
SEED = 2_500_000
"""Of the first film; no film of the demonstration's training or bench has such a number."""


def measure(
    model: str,
    kind: str,
    device: str,
    films: int,
    on_progress: Callable[[Progress], None],
    cancel: threading.Event | None = None,
) -> Measured:
    """Measure, and keep what was found. Raises InferenceError and OSError. In this process: not for the window's."""
    from inference import measuring

    found = measuring.measure(model, kind, device, [*phantoms(films)], said, on_progress, cancel or threading.Event())
    save(found)
    return found


def phantoms(count: int) -> Iterator[Film]:
    """Chest phantoms, each with what is to be pointed at: its findings, by side."""
    from inference.demo.chest import draw_pair
    from inference.demo.film import draw_film
    from inference.measuring import Film

    names = {"effusion": "pleural effusion", "opacity": "lung opacity", "pneumothorax": "pneumothorax"}
    for number in range(count):
        chest = draw_pair(SEED + number).current
        objects = [f"{one.side} {names[one.kind]}" if one.side else "cardiomegaly" for one in chest.findings]
        yield Film(np.repeat(draw_film(chest).pixels[..., None], 3, 2), tuple(objects[:2]))


def said(text: str) -> Said:
    """Findings of a draft, each with its side and whether it is said to be absent."""
    return frozenset((one.finding, one.side, one.absent) for _, sentence in sections(text) for one in mentions(sentence))
