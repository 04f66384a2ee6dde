"""All marks of a slide over its picture. They are drawn as tiles on a thread; the pane only lays tiles down."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtGui import QImage, QPainter

from viewers.annotations.document import Annotations, Edit
from viewers.annotations.index import Snapshot
from viewers.blit import blit, snapped
from viewers.cache import ByteCache
from viewers.camera import Box, Camera
from viewers.loader import Loader
from viewers.mark_tiles import SIDE, Look, Place, render
from viewers.relay import Relay

CACHE_BYTES = 128 * 2**20
_EMPTY_BYTES = 64
_SINGLY = 1000
"""Changes in one edit up to which each is looked at to tell which tiles it touches."""
_REACH_PX = 16.0
"""Device pixels by which a mark's line may lie outside its shape."""


@dataclass(frozen=True, slots=True)
class _Wish:
    """A tile as the marks were at one edition."""

    place: Place
    edition: int
    snapshot: Snapshot = field(compare=False)
    look: Look = field(compare=False)


class MarkLayer(QObject):
    """Follows one slide's marks. `changed`: paint again. A tile that an edit touched stays until its new image is there."""

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._document: Annotations | None = None
        self._loader: Loader[_Wish, QImage | None] | None = None
        self._visible = True
        self._plane: tuple[int, int] | None = None
        self._scale = 0.0
        self._edition = 0
        self._edits: list[tuple[int, list[Box] | None]] = []
        """What was touched at each edition since the thread was last idle; None: everything."""
        self._tiles: ByteCache[Place, QImage | None] = ByteCache(CACHE_BYTES)
        self._stale: set[Place] = set()

    @property
    def document(self) -> Annotations | None:
        return self._document

    @property
    def visible(self) -> bool:
        return self._visible

    @visible.setter
    def visible(self, value: bool) -> None:
        self._visible = value
        self.changed.emit()

    def show_plane(self, plane: tuple[int, int] | None) -> None:
        """The depth and time whose marks are shown; None: all."""
        if plane != self._plane:
            self._plane = plane
            self._touched(None)

    def follow(self, document: Annotations | None) -> None:
        """Show these marks from now on; None shows none and lets the thread end."""
        if self._document is not None:
            self._document.unlisten(self._edited)
        if self._loader is not None:
            self._loader.close()
        self._document, self._loader = document, None
        self._tiles.clear()
        self._stale.clear()
        if document is not None:
            relay = Relay()
            relay.arrived.connect(self._collect)
            self._loader = Loader(_made, 1, relay.announce, relay.finish, "hilum-marks-paint")
            document.listen(self._edited)
        self.changed.emit()

    @property
    def settled(self) -> bool:
        """Whether every tile asked for is there."""
        return self._loader is None or self._loader.pending == 0

    def paint(self, painter: QPainter, camera: Camera, moving: bool) -> None:
        """The painter's unit is the device pixel, its frame that of `Camera.to_device`."""
        if self._document is None or not self._visible:
            return
        box, scale = camera.visible(), camera.device_scale
        if self._scale != scale and not (moving and self._scale):
            self._scale = scale  # while the wheel turns the tiles there are shown larger or smaller
        wanted, around = _places(self._scale, box, 0), _places(self._scale, box, 1)
        self._tiles.limit = max(CACHE_BYTES, len(around) * SIDE * SIDE * 4)  # else what is seen would push out what is seen
        self._ask(wanted, around)
        bounds = camera.device_bounds()
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, self._scale != scale or camera.turned)
        for place in wanted:
            image = self._tiles.get(place)
            if image is not None:
                blit(painter, image, snapped(camera.to_device(place.box)), bounds)

    def _ask(self, wanted: list[Place], around: list[Place]) -> None:
        if self._loader is None or self._document is None:
            return
        snapshot = self._document.snapshot
        look = Look({one.name: one for one in self._document.classes}, self._plane)

        def missing(places: list[Place]) -> list[_Wish]:
            gone = (one for one in places if one not in self._tiles or one in self._stale)
            return [_Wish(one, self._edition, snapshot, look) for one in gone]

        self._loader.want(missing(wanted), missing(around))

    def _edited(self, edit: Edit) -> None:
        singly = edit.classes is None and len(edit.changes) <= _SINGLY
        marks = (one for change in edit.changes for one in (change.before, change.after) if one is not None)
        self._touched([one.geometry.bounds for one in marks] if singly else None)

    def _touched(self, boxes: list[Box] | None) -> None:
        """What lies in `boxes` is to be drawn anew; None: everything."""
        self._edition += 1
        self._edits.append((self._edition, boxes))
        self._stale.update(place for place in self._tiles if _touches(place, boxes))
        self.changed.emit()

    @Slot()
    def _collect(self) -> None:
        if self._loader is None:
            return
        for wish, result in self._loader.take():
            if any(edition > wish.edition and _touches(wish.place, boxes) for edition, boxes in self._edits):
                continue  # an edit came while it was drawn; the next painting asks again
            image = None if isinstance(result, Exception) else result
            self._tiles.put(wish.place, image, image.sizeInBytes() if image else _EMPTY_BYTES)
            self._stale.discard(wish.place)
        if self._loader.pending == 0:
            self._edits.clear()
        self.changed.emit()


def _made(wish: _Wish) -> QImage | None:
    return render(wish.snapshot, wish.place, wish.look)


def _touches(place: Place, boxes: list[Box] | None) -> bool:
    """Whether a change of what lies in `boxes` changes a tile."""
    if boxes is None:
        return True
    x0, y0, x1, y1 = place.box
    reach = _REACH_PX / place.scale
    return any(x0 - reach <= b[2] and b[0] <= x1 + reach and y0 - reach <= b[3] and b[1] <= y1 + reach for b in boxes)


def _places(scale: float, box: Box, margin: int) -> list[Place]:
    side = SIDE / scale
    columns = range(math.floor(box[0] / side) - margin, math.ceil(box[2] / side) + margin)
    rows = range(math.floor(box[1] / side) - margin, math.ceil(box[3] / side) + margin)
    return [Place(scale, column, row) for row in rows for column in columns]
