"""Named places of a slide to come back to, as values and as JSON. No Qt."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

from viewers.camera import Camera

MOST = 1000
"""Kept of one slide."""
LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class Bookmark:
    """(x, y) is the middle of the view in level-0 pixels, `scale` device pixels per level-0 pixel, `angle` degrees clockwise."""

    name: str
    x: float
    y: float
    scale: float
    angle: float = 0.0
    flipped: bool = False
    frame: int = 0

    @classmethod
    def of(cls, camera: Camera, name: str, frame: int = 0) -> Bookmark:
        return cls(name, camera.x, camera.y, camera.device_scale, camera.angle, camera.flipped, frame)

    def show(self, camera: Camera) -> None:
        """Look there again, on a screen of whatever pixel ratio."""
        camera.look(self.x, self.y, self.scale / camera.ratio, self.angle, self.flipped)


class Bookmarks:
    """In the order they were made; one may be the current one. `changed` is called after each change of what is kept."""

    def __init__(self, changed: Callable[[], None] = lambda: None) -> None:
        self._list: list[Bookmark] = []
        self._changed = changed
        self.at = -1
        """Index of the one gone to last, -1 for none."""

    def __len__(self) -> int:
        return len(self._list)

    def __iter__(self) -> Iterator[Bookmark]:
        return iter(self._list)

    def __getitem__(self, index: int) -> Bookmark:
        return self._list[index]

    def free_name(self) -> str:
        """ "Bookmark 3", with the first number that is not taken."""
        taken = {one.name for one in self._list}
        return next(name for number in range(1, MOST + 2) if (name := f"Bookmark {number}") not in taken)

    def add(self, bookmark: Bookmark) -> int:
        """Its index; it is the current one. Raises ValueError when there are too many."""
        if len(self._list) >= MOST:
            raise ValueError(f"A slide keeps {MOST} bookmarks at most: remove one first.")
        self._list.append(bookmark)
        self.at = len(self._list) - 1
        self._changed()
        return self.at

    def rename(self, index: int, name: str) -> None:
        """A name of blanks alone changes nothing."""
        name = " ".join(name.split())[:LONGEST_NAME]
        if name and name != self._list[index].name:
            self._list[index] = replace(self._list[index], name=name)
            self._changed()

    def remove(self, index: int) -> None:
        del self._list[index]
        if index <= self.at:
            self.at -= 1
        self._changed()

    def step(self, by: int) -> Bookmark | None:
        """The next one (1) or the one before (-1), around the ends; None when there is none."""
        if not self._list:
            return None
        self.at = (self.at + by) % len(self._list) if self.at >= 0 else (0 if by > 0 else len(self._list) - 1)
        return self._list[self.at]

    def to_json(self) -> list[dict[str, Any]]:
        return [asdict(one) for one in self._list]

    def take(self, value: object) -> None:
        """What `to_json` gave, in place of what is here; entries that are not as they must be are left out. Nobody is told."""
        entries = value if isinstance(value, list) else []
        self._list = [one for one in map(_from_json, entries) if one is not None][:MOST]
        self.at = -1


def _from_json(entry: object) -> Bookmark | None:
    if not isinstance(entry, dict):
        return None
    numbers = [entry.get(key) for key in ("x", "y", "scale", "angle")]
    if not all(isinstance(one, int | float) and not isinstance(one, bool) and math.isfinite(one) for one in numbers):
        return None
    x, y, scale, angle = (float(one) for one in numbers if one is not None)
    name, frame = entry.get("name"), entry.get("frame", 0)
    if not isinstance(name, str) or not name.strip() or not scale > 0 or not isinstance(frame, int) or frame < 0:
        return None
    return Bookmark(name[:LONGEST_NAME], x, y, scale, angle % 360.0, entry.get("flipped") is True, frame)
