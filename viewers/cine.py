"""Which frame is due when: cine at the true times, and the rate that is really seen. No Qt, no clock of its own."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Sequence
from itertools import accumulate

_WINDOW_MS = 2000.0
"""The rate that is really seen is that of so long."""


class Cine:
    """Goes through `frames`, each shown for its own time, round and round or back and forth.

    What is due is told by the clock alone: frames that nobody could show in time are left out, the film does not slow down.
    """

    def __init__(self, frames: Sequence[int], shown_ms: Sequence[float], bounce: bool = False) -> None:
        """Raises ValueError for less than two frames, or times that are not above 0 and one for each frame."""
        if len(frames) < 2 or len(shown_ms) != len(frames) or min(shown_ms) <= 0:
            raise ValueError(f"a cine needs two frames or more with a time above 0 each, not {len(frames)} and {len(shown_ms)}")
        self._frames, self._shown_ms = tuple(frames), tuple(shown_ms)
        self._start, self._speed = 0.0, 1.0
        self._lay(bounce)

    @property
    def frames(self) -> tuple[int, ...]:
        return self._frames

    @property
    def rate(self) -> float:
        """Frames a second that are meant, on average."""
        return 1000.0 * len(self._frames) / sum(self._shown_ms) * self._speed

    @property
    def speed(self) -> float:
        return self._speed

    @property
    def bounce(self) -> bool:
        return len(self._order) > len(self._frames)

    def start(self, frame: int, now_ms: float) -> None:
        """`frame` is due now; a frame that is not among those played: the first."""
        place = self._order.index(frame) if frame in self._order else 0
        self._start = now_ms - self._begins[place] / self._speed

    def set_speed(self, speed: float, now_ms: float) -> None:
        """So many times as fast from now on; what is due now stays so."""
        within = (now_ms - self._start) * self._speed % self._period
        self._speed = speed
        self._start = now_ms - within / speed

    def set_bounce(self, bounce: bool, now_ms: float) -> None:
        frame = self.due(now_ms)
        self._lay(bounce)
        self.start(frame, now_ms)

    def due(self, now_ms: float) -> int:
        """The frame to be seen now."""
        return self._order[self._place(now_ms)]

    def wait_ms(self, now_ms: float) -> float:
        """Until the next frame is due."""
        within = (now_ms - self._start) * self._speed % self._period
        return max(0.0, (self._begins[self._place(now_ms) + 1] - within) / self._speed)

    def _place(self, now_ms: float) -> int:
        within = (now_ms - self._start) * self._speed % self._period
        return min(bisect_right(self._begins, within + 1e-9) - 1, len(self._order) - 1)

    def _lay(self, bounce: bool) -> None:
        back = range(len(self._frames) - 2, 0, -1) if bounce else ()
        places = [*range(len(self._frames)), *back]
        self._order: list[int] = [self._frames[place] for place in places]
        self._begins: list[float] = [0.0, *accumulate(self._shown_ms[place] for place in places)]
        self._period = self._begins[-1]


class RateSeen:
    """Counts the frames that came onto the screen."""

    def __init__(self) -> None:
        self._times: deque[float] = deque()

    def saw(self, now_ms: float) -> None:
        """Another frame is on the screen."""
        self._times.append(now_ms)
        while now_ms - self._times[0] > _WINDOW_MS:
            self._times.popleft()

    def rate(self) -> float | None:
        """Frames a second over the last two seconds; None before two frames were seen."""
        if len(self._times) < 2 or self._times[-1] <= self._times[0]:
            return None
        return 1000.0 * (len(self._times) - 1) / (self._times[-1] - self._times[0])
