"""How a view moves, and where it will be in a moment. No Qt."""

from __future__ import annotations

import math
from dataclasses import dataclass

from viewers.camera import Box, Camera

AHEAD_S = (0.15, 0.3)
"""Looked ahead: about what a tile takes from the wish to the screen, and twice that."""
SMOOTHING_S = 0.08
"""Time constant of the mean of velocities: a hand trembles, a wheel has notches."""
REST_S = 0.2
"""A view not seen to move for so long is at rest."""
SLOWEST_PX_S = 60.0
"""Screen pixels a second below which the neighbours in all directions are as likely."""
SLOWEST_ZOOM_S = 0.5
"""Doublings a second below which the level will not change."""
_FURTHEST = 3.0
"""Panes that a prediction may lie away: beyond, the hand will have turned."""


@dataclass(slots=True)
class Motion:
    """Velocity in level-0 pixels a second, and in doublings of the scale a second."""

    x: float = 0.0
    y: float = 0.0
    zoom: float = 0.0
    _last: tuple[float, float, float, float] | None = None

    def look(self, now: float, camera: Camera) -> None:
        """To be told at each frame; `now` in seconds of any clock."""
        state = now, camera.x, camera.y, math.log2(camera.scale)
        last, self._last = self._last, state
        if last is None or (passed := now - last[0]) >= REST_S:
            self.x = self.y = self.zoom = 0.0
            return
        if passed <= 0:
            self._last = last
            return
        weight = 1 - math.exp(-passed / SMOOTHING_S)
        self.x += weight * ((state[1] - last[1]) / passed - self.x)
        self.y += weight * ((state[2] - last[2]) / passed - self.y)
        self.zoom += weight * ((state[3] - last[3]) / passed - self.zoom)

    def ahead(self, camera: Camera) -> list[tuple[Box, float]]:
        """What the pane will show, the soonest first: the upright box of level-0 pixels, and device pixels per level-0 pixel.

        Empty while the view rests or hardly moves.
        """
        speed = math.hypot(self.x, self.y) * camera.scale
        if speed < SLOWEST_PX_S and abs(self.zoom) < SLOWEST_ZOOM_S:
            return []
        zoom = self.zoom if abs(self.zoom) >= SLOWEST_ZOOM_S else 0.0
        found = []
        for seconds in AHEAD_S:
            reach = _FURTHEST * min(camera.width, camera.height) / camera.scale
            far = math.hypot(self.x, self.y) * seconds
            share = seconds * min(1.0, reach / far) if far else 0.0
            wider = 2.0 ** -min(max(zoom * seconds, -2.0), 2.0)
            found.append((shifted(camera.visible(), self.x * share, self.y * share, wider), camera.device_scale / wider))
        return found


def shifted(box: Box, across: float, down: float, times: float = 1.0) -> Box:
    """A box moved, and made `times` as large about its middle."""
    x, y = (box[0] + box[2]) / 2 + across, (box[1] + box[3]) / 2 + down
    wide, high = (box[2] - box[0]) / 2 * times, (box[3] - box[1]) / 2 * times
    return x - wide, y - high, x + wide, y + high
