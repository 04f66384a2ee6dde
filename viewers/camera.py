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
    vertically the scale is `scale * aspect`. `angle` turns the picture clockwise about the middle of the pane, in degrees;
    `flipped` mirrors it left to right before. The centre never leaves the picture. A camera that shows the whole picture
    goes on doing so when the pane is resized or the picture turned; `anchor` is where it then stands in a wider pane: -1 at the
    left edge, 0 in the middle, 1 at the right edge.
    """

    def __init__(self, size: Size, aspect: float = 1.0) -> None:
        self.size = size
        self.aspect = aspect
        self.width, self.height, self.ratio = 1.0, 1.0, 1.0
        self.x, self.y, self.scale = size.width / 2, size.height / 2, 1.0
        self.angle, self.flipped = 0.0, False
        self.fitted = True
        self.anchor = 0.0

    def resize(self, width: float, height: float, ratio: float = 1.0) -> None:
        """The pane in screen pixels, and device pixels per screen pixel."""
        self.width, self.height, self.ratio = max(1.0, width), max(1.0, height), ratio
        self._refit()

    @property
    def fit_scale(self) -> float:
        cos, sin = (abs(part) for part in self._direction)
        across, down = self.size.width, self.size.height * self.aspect
        return min(self.width / (across * cos + down * sin), self.height / (across * sin + down * cos))

    @property
    def turned(self) -> bool:
        """Whether the picture is turned or flipped, so that its rows are not the screen's."""
        return self.flipped or self.angle != 0

    def turn_to(self, angle: float) -> None:
        """Turn the picture to `angle` degrees clockwise; what is in the middle stays there."""
        self.angle = angle % 360.0
        self._refit()

    def flip(self) -> None:
        """Mirror what is seen left to right, whatever the angle; what is in the middle stays there."""
        self.flipped, self.angle = not self.flipped, -self.angle % 360.0
        self._refit()

    @property
    def device_scale(self) -> float:
        """Device pixels per level-0 pixel along x; 1.0 shows every stored pixel on one pixel of the monitor."""
        return self.scale * self.ratio

    def fit(self) -> None:
        self.x, self.y, self.scale = self.size.width / 2, self.size.height / 2, self.fit_scale
        if self.anchor:
            cos, sin = (abs(part) for part in self._direction)
            wide = (self.size.width * cos + self.size.height * self.aspect * sin) * self.scale
            dx, dy = self._untwisted(self.anchor * (self.width - wide) / 2, 0.0)
            self.x, self.y = self.x - dx / self.scale, self.y - dy / (self.scale * self.aspect)
        self.fitted = True

    def zoom_to(self, device_scale: float, u: float | None = None, v: float | None = None) -> None:
        """Set device pixels per level-0 pixel; the picture under screen point (u, v), default the middle, stays there."""
        u = self.width / 2 if u is None else u
        v = self.height / 2 if v is None else v
        x, y = self.from_screen(u, v)
        self.scale, self.fitted = device_scale / self.ratio, False
        self._settle()
        dx, dy = self._untwisted(u - self.width / 2, v - self.height / 2)
        self.x, self.y = x - dx / self.scale, y - dy / (self.scale * self.aspect)
        self._settle()

    def zoom(self, factor: float, u: float | None = None, v: float | None = None) -> None:
        self.zoom_to(self.device_scale * factor, u, v)

    def pan(self, du: float, dv: float) -> None:
        """Move the picture by (du, dv) screen pixels."""
        dx, dy = self._untwisted(du, dv)
        self.centre_on(self.x - dx / self.scale, self.y - dy / (self.scale * self.aspect))

    def centre_on(self, x: float, y: float) -> None:
        self.x, self.y, self.fitted = x, y, False
        self._settle()

    def look(self, x: float, y: float, scale: float, angle: float, flipped: bool) -> None:
        """Everything at once; `scale` in screen pixels per level-0 pixel."""
        self.angle, self.flipped = angle % 360.0, flipped
        self.x, self.y, self.scale, self.fitted = x, y, scale, False
        self._settle()

    def show(self, region: Region, margin: float = 1.2) -> None:
        """Bring `region` into the middle, as large as fits with `margin` around it."""
        self.x, self.y = region.x + region.width / 2, region.y + region.height / 2
        cos, sin = (abs(part) for part in self._direction)
        across, down = region.width * margin, region.height * margin * self.aspect
        wide, high = across * cos + down * sin, across * sin + down * cos
        self.scale, self.fitted = min(self.width / wide, self.height / high), False
        self._settle()

    def to_screen(self, x: float, y: float) -> tuple[float, float]:
        du, dv = self._twisted((x - self.x) * self.scale, (y - self.y) * self.scale * self.aspect)
        return self.width / 2 + du, self.height / 2 + dv

    def from_screen(self, u: float, v: float) -> tuple[float, float]:
        dx, dy = self._untwisted(u - self.width / 2, v - self.height / 2)
        return self.x + dx / self.scale, self.y + dy / (self.scale * self.aspect)

    def outline(self, box: Box) -> tuple[tuple[float, float], ...]:
        """The four corners of a box of level-0 pixels in screen pixels, from its top left one clockwise."""
        x0, y0, x1, y1 = box
        return tuple(self.to_screen(x, y) for x, y in ((x0, y0), (x1, y0), (x1, y1), (x0, y1)))

    def on_screen(self, box: Box) -> Box:
        """The upright box of screen pixels around a box of level-0 pixels."""
        return _around(self.outline(box))

    def to_device(self, box: Box) -> Box:
        """A box of level-0 pixels in device pixels; at whole zooms its corners lie on whole device pixels.

        As if nothing were turned: a painter turns about the pane's middle to bring it where it belongs, see `device_bounds`.
        """
        left = self.width * self.ratio / 2 - self.x * self.device_scale
        top = self.height * self.ratio / 2 - self.y * self.device_scale * self.aspect
        across, down = self.device_scale, self.device_scale * self.aspect
        if across == round(across) and down == round(down):
            left, top = math.floor(left + 0.5), math.floor(top + 0.5)
        return box[0] * across + left, box[1] * down + top, box[2] * across + left, box[3] * down + top

    @property
    def quarters(self) -> int | None:
        """Whole quarter turns clockwise, 0 … 3; None at any other angle."""
        return int(self.angle // 90) % 4 if self.angle % 90 == 0 else None

    def to_device_turned(self, box: Box) -> Box:
        """As `to_device`, where the picture really stands; only at whole quarter turns. Whole zooms stay on whole pixels."""
        x0, y0, x1, y1 = self.to_device(box)
        across, down = self.width * self.ratio / 2, self.height * self.ratio / 2
        ends = [self._twisted(x - across, y - down) for x, y in ((x0, y0), (x1, y1))]
        left, top = min(ends[0][0], ends[1][0]) + across, min(ends[0][1], ends[1][1]) + down
        wide, high = abs(ends[1][0] - ends[0][0]), abs(ends[1][1] - ends[0][1])
        if self.device_scale == round(self.device_scale) and self.aspect == 1.0:
            left, top = math.floor(left + 0.5), math.floor(top + 0.5)
        return left, top, left + wide, top + high

    def device_bounds(self) -> Box:
        """The upright box around what the pane covers, in the frame of `to_device`; (0, 0, width, height) when not turned."""
        width, height = round(self.width * self.ratio), round(self.height * self.ratio)
        if not self.turned:
            return 0.0, 0.0, float(width), float(height)
        corners = ((-width, -height), (width, -height), (width, height), (-width, height))
        x0, y0, x1, y1 = _around(tuple(self._untwisted(u / 2, v / 2) for u, v in corners))
        left, top = math.floor(width / 2 + x0), math.floor(height / 2 + y0)
        return float(left), float(top), float(math.ceil(width / 2 + x1)), float(math.ceil(height / 2 + y1))

    def visible(self) -> Box:
        """The upright box around what the pane covers, in level-0 pixels; it may reach beyond the picture."""
        if not self.turned:
            return (*self.from_screen(0, 0), *self.from_screen(self.width, self.height))
        edges = ((0.0, 0.0), (self.width, 0.0), (self.width, self.height), (0.0, self.height))
        return _around(tuple(self.from_screen(u, v) for u, v in edges))

    def visible_region(self, frame: int = 0) -> Region:
        """What of the picture the pane shows, whole pixels, clipped to the picture."""
        x0, y0, x1, y1 = self.visible()
        return clipped((math.floor(x0), math.floor(y0), math.ceil(x1), math.ceil(y1)), self.size, frame) or Region(
            min(int(self.x), self.size.width - 1), min(int(self.y), self.size.height - 1), 1, 1, frame
        )

    def box_between(self, a: tuple[float, float], b: tuple[float, float]) -> Box:
        """The upright box of level-0 pixels between two screen points."""
        return _around((self.from_screen(*a), self.from_screen(*b)))

    def region_between(self, a: tuple[float, float], b: tuple[float, float], frame: int = 0) -> Region | None:
        """The region dragged from screen point `a` to `b`, to the nearest pixel edges, clipped; None when empty."""
        return clipped(tuple(math.floor(edge + 0.5) for edge in self.box_between(a, b)), self.size, frame)

    @property
    def _direction(self) -> tuple[float, float]:
        """Cosine and sine of the angle; exact at whole quarter turns."""
        if self.angle % 90 == 0:
            return ((1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0))[int(self.angle // 90) % 4]
        return math.cos(math.radians(self.angle)), math.sin(math.radians(self.angle))

    def _twisted(self, du: float, dv: float) -> tuple[float, float]:
        """A step along the picture's rows and columns as a step on the screen."""
        cos, sin = self._direction
        du = -du if self.flipped else du
        return du * cos - dv * sin, du * sin + dv * cos

    def _untwisted(self, du: float, dv: float) -> tuple[float, float]:
        cos, sin = self._direction
        dx, dy = du * cos + dv * sin, dv * cos - du * sin
        return (-dx if self.flipped else dx), dy

    def _refit(self) -> None:
        if self.fitted:
            self.fit()
        else:
            self._settle()

    def _settle(self) -> None:
        lowest = min(self.fit_scale / 2, 1 / self.ratio)
        self.scale = min(max(self.scale, lowest), max(MAX_ZOOM / self.ratio, lowest))
        self.x = min(max(self.x, 0.0), float(self.size.width))
        self.y = min(max(self.y, 0.0), float(self.size.height))


def _around(points: tuple[tuple[float, float], ...]) -> Box:
    across, down = [point[0] for point in points], [point[1] for point in points]
    return min(across), min(down), max(across), max(down)


def clipped(edges: tuple[int, ...], size: Size, frame: int) -> Region | None:
    """(x0, y0, x1, y1) in whole level-0 pixels as a region inside the picture; None when nothing is left."""
    x0, y0 = max(0, edges[0]), max(0, edges[1])
    width, height = min(edges[2], size.width) - x0, min(edges[3], size.height) - y0
    return Region(x0, y0, width, height, frame) if width > 0 and height > 0 else None
