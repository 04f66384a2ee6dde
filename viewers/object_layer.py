"""What others said, painted over a radiology pane: drawings and words by their places, segmentations as tints with an edge."""

from __future__ import annotations

import weakref
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, QPointF, Qt, Signal, Slot
from PySide6.QtGui import QColor, QImage, QPainter, QPen, QPolygonF

from viewers import theme
from viewers.blit import blit
from viewers.cache import ByteCache
from viewers.camera import Box, Camera
from viewers.canvas import Canvas
from viewers.lettering import Lettering, pane_font
from viewers.loader import Loader
from viewers.objects.said import Colour, Graphic, Said
from viewers.objects.segmentation import Piece, Segmentation
from viewers.objects.showing import Images, drawn_on
from viewers.qimage import argb_to_qimage
from viewers.relay import Relay
from viewers.sources.dicom import Dicom
from viewers.theme import Ink

OTHERS: Colour = (126, 211, 178)
"""Drawings without a colour of their own: neither the reader's nor our models'."""
_HALO = QColor(0, 0, 0, 150)
_TINT = 96
_KEPT, _MOST_KEPT = 64 * 2**20, 512 * 2**20
"""Bytes of tints that are kept, and that those of a single frame may take."""
_EMPTY_BYTES = 64
_POINT = 5.0
_MOST_WORDS = 200


@dataclass(frozen=True, slots=True)
class _Key:
    """A segment in one frame of a segmentation."""

    said: str
    index: int
    segment: int
    found: Segmentation = field(compare=False)
    piece: Piece = field(compare=False)
    colour: Colour = field(compare=False)


@dataclass(frozen=True, slots=True, eq=False)
class _Tint:
    """`image` covers `part` of the segmentation's grid, (x0, y0, x1, y1) in shares of it; None where the segment is not there."""

    image: QImage | None
    part: Box = (0.0, 0.0, 0.0, 0.0)

    def within(self, box: Box) -> Box:
        """Where it lies when the whole grid lies in `box`."""
        wide, high = box[2] - box[0], box[3] - box[1]
        x0, y0, x1, y1 = self.part
        return box[0] + wide * x0, box[1] + high * y0, box[0] + wide * x1, box[1] + high * y1


@dataclass(frozen=True, slots=True, eq=False)
class _Lying:
    """What of the objects that are shown lies on one frame, wherever the camera looks."""

    frame: int
    tints: tuple[tuple[_Key, Box], ...]
    drawings: tuple[tuple[Graphic, NDArray[np.float64]], ...]
    notes: tuple[str, ...]


class ObjectLayer(QObject):
    """Of one pane. `show` says what lies over it; hidden layers are named by (object's uid, layer)."""

    noted = Signal(object)
    """This layer, whose `notes` are others now."""

    def __init__(self, view: Canvas, parent: QObject | None = None) -> None:
        super().__init__(parent or view)
        self._view = view
        self.images: Images | None = None
        self.objects: tuple[Said, ...] = ()
        self.hidden: frozenset[tuple[str, str]] = frozenset()
        self.opacity = 1.0
        self.notes: tuple[str, ...] = ()
        """What of the segmentations cannot be drawn here, and why."""
        self._source: object = None
        self._ready: ByteCache[_Key, _Tint] = ByteCache(_KEPT)
        self._failed: dict[_Key, str] = {}
        self._lettering = Lettering()
        self._lying: _Lying | None = None
        self._decoded: tuple[_Key, NDArray[np.generic]] | None = None
        """The frame decoded last; the loader's thread alone looks at it."""
        relay = Relay()
        relay.arrived.connect(self._collect)
        self._loader: Loader[_Key, _Tint] = Loader(self._make, 1, relay.announce, relay.finish, "hilum-segments")
        self._end = weakref.finalize(self, self._loader.close)
        view.washes.append(self._paint_tints)
        view.signs.append(self._paint_drawings)

    def attend(self) -> None:
        """The pane shows another source: its images are told apart anew."""
        source = self._view.source
        if source is not self._source:
            self._source = source
            self.images = Images(source) if isinstance(source, Dicom) else None
            self._lying, self.notes = None, ()

    def show(self, objects: Sequence[Said], hidden: Collection[tuple[str, str]], opacity: float) -> None:
        self.objects, self.hidden, self.opacity = tuple(objects), frozenset(hidden), opacity
        self._lying = None
        self._view.update()

    def close(self) -> None:
        self._end()

    def _seen(self, said: Said, layer: str) -> bool:
        return (said.uid, "") not in self.hidden and (said.uid, layer) not in self.hidden

    def _lies(self, images: Images) -> _Lying:
        """Worked out once for a frame: a view that is zoomed or panned asks again and again."""
        frame = self._view.frame
        if self._lying is None or self._lying.frame != frame:
            notes, (width, height) = list[str](), images.size
            tints = [
                one
                for said in self.objects
                if said.segmentation is not None
                for one in self._on(said, said.segmentation, images, frame, notes)
            ]
            drawings = [
                found
                for said in self.objects
                for found in drawn_on(said, images, frame, (0.0, 0.0, float(width), float(height)))
                if self._seen(said, found[0].layer)
            ]
            self._lying = _Lying(frame, tuple(tints), tuple(drawings), tuple(dict.fromkeys(notes)))
        return self._lying

    # segmentations

    def _paint_tints(self, painter: QPainter) -> None:
        if self.images is None or self._view.source is not self._source:
            return
        camera, lying = self._view.camera, self._lies(self.images)
        wanted, used = list[_Key](), 0
        for key, box in lying.tints:
            tint = self._ready.get(key)
            if tint is None and key not in self._failed:
                wanted.append(key)
            if tint is None or tint.image is None:
                continue
            used += tint.image.sizeInBytes()
            painter.save()
            painter.setOpacity(self.opacity)
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, camera.device_scale < 1)
            blit(painter, tint.image, camera.to_device(tint.within(box)), camera.device_bounds())
            painter.restore()
        failed = (self._failed[key] for key, _ in lying.tints if key in self._failed)
        notes = tuple(dict.fromkeys((*lying.notes, *failed)))
        if notes != self.notes:
            self.notes = notes
            self.noted.emit(self)
        self._ready.limit = max(_KEPT, min(2 * used, _MOST_KEPT))  # else what is seen would push out what is seen
        if wanted:
            self._loader.want(wanted)

    def _on(self, said: Said, found: Segmentation, images: Images, frame: int, notes: list[str]) -> list[tuple[_Key, Box]]:
        spot, there = images.spot(frame), []
        for piece in found.on(spot.image, spot.frame, spot.plane):
            box = found.box_on(piece, spot.plane, images.size)
            if box is None:
                notes.append(f"{said.title} has another grid than this image and is not drawn on it.")
                continue
            for segment in found.of(piece):
                if self._seen(said, segment.label):
                    there.append((_Key(said.uid, piece.index, segment.number, found, piece, segment.colour), box))
        return there

    def _make(self, key: _Key) -> _Tint:
        """On the loader's thread."""
        last = self._decoded
        if last is None or last[0].found is not key.found or last[0].index != key.index:
            last = self._decoded = key, key.found.stored(key.piece)
        return tint_of(key.found.share_of(last[1], key.piece, key.segment), key.colour)

    @Slot()
    def _collect(self) -> None:
        for key, result in self._loader.take():
            if isinstance(result, Exception):
                self._failed[key] = str(result) or type(result).__name__
            else:
                self._ready.put(key, result, result.image.sizeInBytes() if result.image is not None else _EMPTY_BYTES)
        self._view.update()

    # drawings

    def _paint_drawings(self, painter: QPainter) -> None:
        """The painter's unit is the screen pixel."""
        if self.images is None or self._view.source is not self._source or not self.objects:
            return
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        words = 0
        for one, places in self._lies(self.images).drawings:
            words += bool(one.words)
            self._draw(painter, one, on_screen(self._view.camera, places), words <= _MOST_WORDS)
        painter.restore()

    def _draw(self, painter: QPainter, one: Graphic, places: NDArray[np.float64], worded: bool) -> None:
        colour = QColor(*(one.colour or OTHERS))
        polygon = QPolygonF([QPointF(x, y) for x, y in places])
        if one.shape == "text":
            self._write(painter, one.words, polygon.boundingRect().topLeft(), colour)
            return
        for pen in (QPen(_HALO, 3.6), QPen(colour, 1.8)):
            pen.setCosmetic(True)
            painter.setPen(pen)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            if one.shape == "points":
                for place in polygon.toList():
                    painter.drawLine(place - QPointF(_POINT, 0), place + QPointF(_POINT, 0))
                    painter.drawLine(place - QPointF(0, _POINT), place + QPointF(0, _POINT))
            elif one.shape == "area":
                if one.filled:
                    painter.setBrush(QColor(colour.red(), colour.green(), colour.blue(), _TINT))
                painter.drawPolygon(polygon)
            else:
                painter.drawPolyline(polygon)
        if one.words and worded:
            box = polygon.boundingRect()
            self._write(painter, one.words, QPointF(box.right() + 6, box.top() - 4), colour)

    def _write(self, painter: QPainter, text: str, place: QPointF, colour: QColor) -> None:
        font = pane_font(self._view.font(), theme.SMALL_POINTS)
        ink, height = Ink(colour.name(), theme.LIGHT_INK.halo), self._lettering.height(font)
        for number, line in enumerate(text.split("\n")[:20]):
            wide = self._lettering.width(line[:80], font)
            x = min(max(4.0, place.x()), max(4.0, self._view.width() - wide - 4))
            y = min(max(2.0, place.y()), self._view.height() - height - 2)
            self._lettering.draw(painter, line[:80], x, y + number * height, font, ink)


def on_screen(camera: Camera, places: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, 2) level-0 pixels as screen pixels."""
    start, along, down = (np.array(camera.to_screen(x, y)) for x, y in ((0, 0), (1, 0), (0, 1)))
    found: NDArray[np.float64] = start + places[:, :1] * (along - start) + places[:, 1:] * (down - start)
    return found


def tint_of(share: NDArray[np.float32], colour: Colour) -> _Tint:
    """Of the part where there is any: most segments of a whole body are small, and in most frames not there at all."""
    rows, columns = np.flatnonzero(share.any(axis=1)), np.flatnonzero(share.any(axis=0))
    if not len(rows):
        return _Tint(None)
    (top, bottom), (left, right) = ((int(one[0]), int(one[-1]) + 1) for one in (rows, columns))
    height, width = share.shape
    part = left / width, top / height, right / width, bottom / height
    return _Tint(tinted(share[top:bottom, left:right], colour), part)


def tinted(share: NDArray[np.float32], colour: Colour) -> QImage:
    """A share 0…1 of (height, width) as a tint whose edge is opaque: where it passes one half."""
    inside = share >= 0.5
    kept = np.pad(inside, 1)
    edge = inside & ~(kept[:-2, 1:-1] & kept[2:, 1:-1] & kept[1:-1, :-2] & kept[1:-1, 2:])
    alpha = np.where(edge, 255, np.clip(share, 0, 1) * _TINT).astype(np.uint32)
    red, green, blue = (alpha * part // 255 for part in colour)
    return argb_to_qimage(np.asarray(alpha << 24 | red << 16 | green << 8 | blue, np.uint32))
