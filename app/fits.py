"""What each model of the catalogue would need on this machine, and how fast it would write: said before anything is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from app import machine
from inference import catalogue, fitting
from inference.errors import ModelRefused

PRECISIONS: Mapping[str, str] = {"bf16": "none", "int8": "int8", "int4": "int4"}
"""The catalogue's words for a precision, and the engine's."""
PLACES, PICTURES = 4096, 1
"""Of the question that is reckoned with: one picture, some words, a report."""
CARDS: tuple[tuple[str, float], ...] = (
    ("H200", 4800), ("H100", 3350), ("A100", 1555), ("5090", 1792), ("4090", 1008), ("3090", 936), ("4080", 717), ("4070", 504),
    ("3060", 360), ("L40", 864), ("L4", 300), ("T4", 320),
)  # fmt: skip
"""Bandwidth of cards by a part of their name, GB a second, as their makers say."""


@dataclass(frozen=True, slots=True)
class Predicted:
    """`gigabytes` with cache and work for an installed drafter, else of the weights as the catalogue says;
    `tokens_per_second` 0 where it cannot be said."""

    fit: fitting.Fit
    gigabytes: float
    tokens_per_second: float = 0.0


def predicted(entry: catalogue.Entry) -> Mapping[str, Predicted]:
    """By precision. Measures this processor's memory once: not for the GUI thread."""
    where = machine.room()
    plain = {name: Predicted(machine.fit(size, where), size) for name, size in entry.memory.items() if name in PRECISIONS}
    if entry.role != "drafter" or not catalogue.installed(entry.id):
        return plain
    try:
        shape = fitting.shape_of(catalogue.folder(entry.id))
    except ModelRefused:
        return plain
    kind, bandwidth = _place()
    room = fitting.Room(kind, "", where.free, where.total)
    found = {}
    for name in plain:
        wanted = fitting.need(shape, PRECISIONS[name], PLACES, PICTURES)
        rate = fitting.tokens_per_second(wanted, PRECISIONS[name], kind, bandwidth) if bandwidth else 0.0
        found[name] = Predicted(fitting.fit(wanted, room), wanted.total / fitting.GB, rate)
    return found


def words(one: Predicted) -> str:
    """For a person: "8.9 fits, about 3 tokens/s"."""
    rate = f", about {one.tokens_per_second:.2g} tokens/s" if 0 < one.tokens_per_second < 1000 else ""
    return f"{one.gigabytes:.3g} {one.fit}{rate}"


def _place() -> tuple[str, float]:
    """What models run on, and its bandwidth in bytes a second, 0 for a card that is not known."""
    card = max(machine.cards(), key=lambda one: one.memory_total, default=None)
    if card is None or not card.memory_total:
        return "cpu", _processor()
    return "cuda", next((speed * 1e9 for part, speed in CARDS if part in card.name), 0.0)


@lru_cache(maxsize=1)
def _processor() -> float:
    return fitting.memory_bandwidth()
