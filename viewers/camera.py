"""Where a pane looks: plain numbers, no Qt.

Three frames meet here: level-0 pixels of the picture (x to picture-right, y down), screen pixels (logical, from the
pane's top-left corner) and device pixels (screen pixels × `ratio`, what the monitor really has).
"""

from __future__ import annotations

import math

from viewers.geometry import Region, Size

Box = tuple[float, float, float, float]
"""(x0, y0, x1, y1), the frame is said where it is used."""

MAX_ZOOM = 64.0
"""Device pixels per level-0 pixel beyond which there is nothing more to see."""


class Camera:
    """The centre of the view in level-0 pixels and the scale in screen pixels per level-0 pixel.

    `aspect` is the height of a picture's pixel over its width, so that anisotropic spacing is shown true to shape:
    vertically the scale is `scale * aspect`. The centre never leaves the picture. A camera that shows the whole picture
    goes on doing so when the pane is resized.
    """

    def __init__(self, size: Size, aspect: float = 1.0) -> None:
        self.size = size
        self.aspect = aspect
        self.width, self.height, self.ratio = 1.0, 1.0, 1.0
        self.x, self.y, self.scale = size.width / 2, size.height / 2, 1.0
        self.fitted = True

    def resize(self, width: float, height: float, ratio: float = 1.0) -> None:
        """The pane in screen pixels, and device pixels per screen pixel."""
        self.width, self.height, self.ratio = max(1.0, width), max(1.0, height), ratio
        if self.fitted:
            self.fit()
        else:
            self._settle()

    @property
    def fit_scale(self) -> float:
        return min(self.width / self.size.width, self.height / (self.size.height * self.aspect))

    @property
    def device_scale(self) -> float:
        """Device pixels per level-0 pixel along x; 1.0 shows every stored pixel on one pixel of the monitor."""
        return self.scale * self.ratio

    def fit(self) -> None:
        self.x, self.y, self.scale = self.size.width / 2, self.size.height / 2, self.fit_scale
        self.fitted = True

    def zoom_to(self, device_scale: float, u: float | None = None, v: float | None = None) -> None:
        """Set device pixels per level-0 pixel; the picture under screen point (u, v), default the middle, stays there."""
        u = self.width / 2 if u is None else u
        v = self.height / 2 if v is None else v
        x, y = self.from_screen(u, v)
        self.scale, self.fitted = device_scale / self.ratio, False
        self._settle()
        self.x, self.y = x - (u - self.width / 2) / self.scale, y - (v - self.height / 2) / (self.scale * self.aspect)
        self._settle()

    def zoom(self, factor: float, u: float | None = None, v: float | None = None) -> None:
        self.zoom_to(self.device_scale * factor, u, v)

    def pan(self, du: float, dv: float) -> None:
        """Move the picture by (du, dv) screen pixels."""
        self.centre_on(self.x - du / self.scale, self.y - dv / (self.scale * self.aspect))

    def centre_on(self, x: float, y: float) -> None:
        self.x, self.y, self.fitted = x, y, False
        self._settle()

    def show(self, region: Region, margin: float = 1.2) -> None:
        """Bring `region` into the middle, as large as fits with `margin` around it."""
        self.x, self.y = region.x + region.width / 2, region.y + region.height / 2
        width, height = region.width * margin, region.height * margin * self.aspect
        self.scale, self.fitted = min(self.width / width, self.height / height), False
        self._settle()

    def to_screen(self, x: float, y: float) -> tuple[float, float]:
        return self.width / 2 + (x - self.x) * self.scale, self.height / 2 + (y - self.y) * self.scale * self.aspect

    def from_screen(self, u: float, v: float) -> tuple[float, float]:
        return self.x + (u - self.width / 2) / self.scale, self.y + (v - self.height / 2) / (self.scale * self.aspect)

    def to_device(self, box: Box) -> Box:
        """A box of level-0 pixels in device pixels; at whole zooms its corners lie on whole device pixels."""
        left = self.width * self.ratio / 2 - self.x * self.device_scale
        top = self.height * self.ratio / 2 - self.y * self.device_scale * self.aspect
        across, down = self.device_scale, self.device_scale * self.aspect
        if across == round(across) and down == round(down):
            left, top = math.floor(left + 0.5), math.floor(top + 0.5)
        return box[0] * across + left, box[1] * down + top, box[2] * across + left, box[3] * down + top

    def visible(self) -> Box:
        """What the pane covers, in level-0 pixels; it may reach beyond the picture."""
        return (*self.from_screen(0, 0), *self.from_screen(self.width, self.height))

    def visible_region(self, frame: int = 0) -> Region:
        """What of the picture the pane shows, whole pixels, clipped to the picture."""
        x0, y0, x1, y1 = self.visible()
        return clipped((math.floor(x0), math.floor(y0), math.ceil(x1), math.ceil(y1)), self.size, frame) or Region(
            min(int(self.x), self.size.width - 1), min(int(self.y), self.size.height - 1), 1, 1, frame
        )

    def region_between(self, a: tuple[float, float], b: tuple[float, float], frame: int = 0) -> Region | None:
        """The region dragged from screen point `a` to `b`, to the nearest pixel edges, clipped; None when empty."""
        (ax, ay), (bx, by) = self.from_screen(*a), self.from_screen(*b)
        edges = min(ax, bx), min(ay, by), max(ax, bx), max(ay, by)
        return clipped(tuple(math.floor(edge + 0.5) for edge in edges), self.size, frame)

    def _settle(self) -> None:
        lowest = min(self.fit_scale / 2, 1 / self.ratio)
        self.scale = min(max(self.scale, lowest), max(MAX_ZOOM / self.ratio, lowest))
        self.x = min(max(self.x, 0.0), float(self.size.width))
        self.y = min(max(self.y, 0.0), float(self.size.height))


def clipped(edges: tuple[int, ...], size: Size, frame: int) -> Region | None:
    """(x0, y0, x1, y1) in whole level-0 pixels as a region inside the picture; None when nothing is left."""
    x0, y0 = max(0, edges[0]), max(0, edges[1])
    width, height = min(edges[2], size.width) - x0, min(edges[3], size.height) - y0
    return Region(x0, y0, width, height, frame) if width > 0 and height > 0 else None
