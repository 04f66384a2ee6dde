"""Calipers on traces: between two times and two values of one channel, with undo. No Qt."""

from __future__ import annotations

from dataclasses import dataclass

from viewers.waveform import Group


@dataclass(frozen=True, slots=True)
class Caliper:
    """Times in s from the start of the group, values in the channel's unit."""

    group: int
    channel: int
    start_s: float
    end_s: float
    start_value: float
    end_value: float
    rhythm: bool = False
    """Laid on the strip below the others, which shows one of their channels again."""

    @property
    def interval_ms(self) -> float:
        return abs(self.end_s - self.start_s) * 1000.0

    @property
    def per_minute(self) -> float | None:
        """Beats a minute, taken as one interval between beats; None for no interval."""
        return 60_000.0 / self.interval_ms if self.interval_ms > 0 else None

    def height(self, group: Group) -> tuple[float, str]:
        """From the first to the second end, in mV for voltages, else in the channel's unit."""
        channel = group.channels[self.channel]
        difference = self.end_value - self.start_value
        return (difference, channel.unit) if channel.millivolts is None else (difference * channel.millivolts, "mV")

    def said(self, group: Group) -> str:
        rate = self.per_minute
        height, unit = self.height(group)
        parts = [f"{self.interval_ms:.0f} ms", *([f"{rate:.0f} bpm"] if rate is not None and rate < 1000 else [])]
        return "  ".join([*parts, f"{height:+.2f} {unit}".rstrip().replace("-", "−")])


class Calipers:
    """What was measured, and the way back."""

    def __init__(self) -> None:
        self._states: list[tuple[Caliper, ...]] = [()]
        self._place = 0

    @property
    def all(self) -> tuple[Caliper, ...]:
        return self._states[self._place]

    def add(self, caliper: Caliper) -> None:
        self._become((*self.all, caliper))

    def remove_last(self) -> None:
        if self.all:
            self._become(self.all[:-1])

    def clear(self) -> None:
        if self.all:
            self._become(())

    def undo(self) -> bool:
        """Whether there was anything to take back."""
        moved = self._place > 0
        self._place -= moved
        return moved

    def redo(self) -> bool:
        moved = self._place + 1 < len(self._states)
        self._place += moved
        return moved

    def _become(self, state: tuple[Caliper, ...]) -> None:
        self._states = [*self._states[: self._place + 1], state]
        self._place += 1
