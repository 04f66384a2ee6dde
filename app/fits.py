"""What a model would need on this machine, and how fast it would write: said before anything is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from app import machine
from inference import catalogue, fitting
from inference.errors import InferenceError

PRECISIONS: Mapping[str, str] = {"bf16": "none", "int8": "int8", "int4": "int4"}
"""The catalogue's words for a precision, and the engine's."""
PLACES, PICTURES = 4096, 1
"""Of the question that is reckoned with: one picture, some words, a report."""
CARDS: tuple[tuple[str, float], ...] = (
    ("H200", 4800), ("H100", 3350), ("A100", 1555), ("5090", 1792), ("4090", 1008), ("3090", 936), ("4080", 717), ("4070", 504),
    ("3060", 360), ("L40", 864), ("L4", 300), ("T4", 320),
)  # fmt: skip
"""Bandwidth of cards by a part of their name, GB a second, as their makers say."""
SLOWEST, FASTEST = 0.01, 1000
"""Tokens a second that are worth saying: beyond, something else than memory is waited for."""


@dataclass(frozen=True, slots=True)
class Predicted:
    """`gigabytes` with cache and work for an installed drafter, else of the weights as the catalogue says; `tokens_per_second`
    0 where it cannot be said; `trouble` why an installed drafter does not fit and what would, else ""."""

    fit: fitting.Fit
    gigabytes: float
    tokens_per_second: float = 0.0
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Ground:
    """What models would run on. `bandwidth` in bytes a second, 0 for a card that is not known; None: this processor's, measured
    when it is needed. `torch` is as `inference.accelerators` prints it; None: asked when it is needed."""

    room: fitting.Room
    bandwidth: float | None = None
    torch: Mapping[str, Any] | None = None

    def bytes_each(self, parameters: int) -> int:
        """Of a number in the format that the engine takes for a model of so many weights here. May start a process."""
        small = fitting.bytes_each(self.room.kind, parameters, native=True)
        return small if small == 4 else fitting.bytes_each(self.room.kind, parameters, native=bool(self._torch()["bfloat16"]))

    def rate(self, shape: fitting.Shape, wanted: fitting.Need, quantisation: str) -> float:
        """Predicted tokens a second; 0 where memory is not what is waited for, or its speed is not known."""
        if shape.parameters < fitting.SMALL:
            return 0.0
        bandwidth = _processor() if self.bandwidth is None else self.bandwidth
        found = fitting.tokens_per_second(wanted, quantisation, self.room.kind, bandwidth)
        return found if SLOWEST <= found < FASTEST else 0.0

    def _torch(self) -> Mapping[str, Any]:
        return _torch() if self.torch is None else self.torch


def ground(device: str = "auto", torch: Mapping[str, Any] | None = None) -> Ground:
    """By the settings' device: the largest card where torch can use one, else this machine. May start a process where there is a
    card."""
    card = max(machine.cards(), key=lambda one: one.memory_total, default=None)
    if device == "cpu" or card is None or not card.memory_total or not (_torch() if torch is None else torch)["devices"]:
        return Ground(fitting.machine(), None, torch)
    speed = next((speed * 1e9 for part, speed in CARDS if part in card.name), 0.0)
    return Ground(fitting.Room("cuda", card.name, card.memory_free, card.memory_total), speed, torch)


def predicted(entry: catalogue.Entry, on: Ground) -> Mapping[str, Predicted]:
    """By precision. May measure this processor's memory, once, and start a process, once: not for the GUI thread."""
    names = [name for name in entry.memory if name in PRECISIONS]
    own = {name: of_drafter(entry.id, PRECISIONS[name], on) if entry.role == "drafter" else None for name in names}
    return {name: own[name] or Predicted(roughly(entry.memory[name], on.room), entry.memory[name]) for name in names}


def of_drafter(model: str, quantisation: str, on: Ground) -> Predicted | None:
    """By its own files; None where it is not installed, not known, or they do not say. As `predicted`, not for the GUI thread."""
    try:
        if not catalogue.installed(model):
            return None
        shape = fitting.shape_of(catalogue.folder(model))
    except InferenceError:
        return None
    each = on.bytes_each(shape.parameters)
    wanted = fitting.need(shape, quantisation, PLACES, PICTURES, bytes_each=each, kind=on.room.kind)
    trouble = fitting.sentence(model, shape, quantisation, PLACES, PICTURES, on.room, bytes_each=each)
    rate = on.rate(shape, wanted, quantisation)
    return Predicted(fitting.fit(wanted, on.room), wanted.total / fitting.GB, rate, trouble)


def roughly(weights: float, room: fitting.Room) -> fitting.Fit:
    """Whether `weights` gigabytes can be loaded: a fifth more is needed while a model answers, and 1 GB besides."""
    needed = (weights * 1.2 + 1.0) * fitting.GB
    if needed <= room.free:
        return "fits"
    return "tight" if needed <= room.total else "too large"


def words(one: Predicted) -> str:
    """For a person: "8.9 fits, about 3 tokens/s"."""
    rate = f", about {one.tokens_per_second:.2g} tokens/s" if one.tokens_per_second else ""
    return f"{one.gigabytes:.3g} {one.fit}{rate}"


@lru_cache(maxsize=1)
def _processor() -> float:
    return fitting.memory_bandwidth()


@lru_cache(maxsize=1)
def _torch() -> Mapping[str, Any]:
    found: Mapping[str, Any] = machine.accelerators()["torch"]
    return found
