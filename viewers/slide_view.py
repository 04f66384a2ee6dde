"""The slide pane: a pyramid painted tile by tile, never blank and never waiting."""

from __future__ import annotations

import time
import weakref
from collections.abc import Mapping, Sequence
from typing import cast

from PySide6.QtCore import QPointF, QRectF, Qt, Signal, Slot
from PySide6.QtGui import QColor, QImage, QMouseEvent, QPainter, QWheelEvent
from PySide6.QtWidgets import QWidget

from viewers import theme
from viewers.blit import blit, snapped
from viewers.camera import Box
from viewers.canvas import Canvas
from viewers.channels import Look, Mix
from viewers.figures import counted
from viewers.lettering import pane_font
from viewers.motion import Motion, shifted
from viewers.overview import LONGEST, Overview
from viewers.pyramid import TileKey
from viewers.radiology_words import NOT_FOR_DIAGNOSIS
from viewers.relay import Relay
from viewers.sources import ChannelSource, Source, TiledSource
from viewers.tiles import TileStore
from viewers.turning import turned_words

SMOOTH_PIXELS = 4_200_000
"""Device pixels up to which a pane at rest is drawn smoothly; a larger one would hold the GUI thread over 16 ms."""


class SlideView(Canvas):
    """Paints what is decoded: sharp tiles where they are there, the finest coarser ones under the rest.

    `cache_bytes` None is an eighth of the machine's memory, at most 1 GiB.
    """

    mixChanged = Signal(object)
    """The Mix shown now."""

    background = "#ffffff"
    ink = theme.DARK_INK

    def __init__(self, parent: QWidget | None = None, cache_bytes: int | None = None) -> None:
        super().__init__(parent)
        self.overlay.map = "viridis"
        self._cache_bytes = cache_bytes
        self._overview = Overview()
        self._overview_image: QImage | None = None
        self._overview_stale = False
        self._store: TileStore | None = None
        self._planned: tuple[Box, int, bool] | None = None
        self._motion = Motion()
        self._jumping = False
        self._look: Look | None = None
        self._end: weakref.finalize[..., SlideView] | None = None

    @property
    def settled(self) -> bool:
        store = self._store
        scale = self.camera.device_scale
        ready = store is None or store.complete(self.camera.visible(), store.pyramid.step_for(scale))
        return super().settled and ready and (store is None or store.overview_ready)

    @property
    def tiles(self) -> TileStore | None:
        return self._store

    def opened(self, source: Source) -> None:
        relay = Relay()
        relay.arrived.connect(self._collect)
        dark = source.kind != "slide" or (isinstance(source, ChannelSource) and bool(source.mix.channels))
        self.background, self.ink = ("#000000", theme.LIGHT_INK) if dark else ("#ffffff", theme.DARK_INK)
        self._look = None
        if isinstance(source, ChannelSource):
            self.frame = source.z // 2
            self._look = Look(self.frame, source.mix)
        self._store = TileStore(cast(TiledSource, source), relay, self._cache_bytes, self._look)
        self._end = weakref.finalize(self, self._store.close)

    def closed(self) -> None:
        if self._end is not None:
            self._end()
        self._end = self._store = self._overview_image = self._planned = None
        self._motion = Motion()

    # channels and planes

    @property
    def channel_source(self) -> ChannelSource | None:
        """The source, where it has channels or planes to choose from."""
        return self.source if isinstance(self.source, ChannelSource) else None

    @property
    def mix(self) -> Mix:
        """What the screen shows; models get the file's own."""
        return self._look.mix if self._look is not None else Mix()

    def set_mix(self, mix: Mix) -> None:
        """Show other ranges, colours or channels; what is shown stays until the new tiles are there."""
        if self._look is not None and mix != self._look.mix:
            self._show(Look(self.frame, mix))
            self.mixChanged.emit(mix)

    def set_frame(self, frame: int) -> None:
        super().set_frame(frame)
        if self._look is not None and self._look.frame != self.frame:
            self._show(Look(self.frame, self._look.mix))

    def step_plane(self, step: int, *, time: bool = False) -> None:
        """Further along z, or along t; stays at the ends."""
        source = self.channel_source
        if source is None:
            return
        t, z = divmod(self.frame, source.z)
        if time:
            t = min(max(t + step, 0), source.t - 1)
        else:
            z = min(max(z + step, 0), source.z - 1)
        self.set_frame(t * source.z + z)

    def _show(self, look: Look) -> None:
        self._look = look
        self._overview_stale = True
        if self._store is not None:
            self._store.set_look(look)
        self._planned = None
        self.update()

    def read_again(self) -> int:
        """Ask again for what could not be read; how many tiles that were."""
        store = self._store
        count = len(store.failed) if store is not None else 0
        if store is not None:
            store.retry()
            self._overview_stale = True
            self._planned = None
            self.set_status("")
        return count

    def set_magnification(self, power: float) -> None:
        """Show `power` × (10× is 1 µm per device pixel). Raises ValueError where the slide states no size of a pixel."""
        spacing = self.source.spacing if self.source else None
        if spacing is None:
            raise ValueError("The slide states no µm per pixel, so a magnification cannot be set: give the spacing first.")
        if not power > 0:
            raise ValueError(f"A magnification is a number above 0, not {power:g}.")
        self.zoom_to(power * spacing.mpp / 10)

    @property
    def magnification(self) -> float | None:
        """What is shown now; None where the slide states no size of a pixel."""
        spacing = self.source.spacing if self.source else None
        return None if spacing is None else spacing.magnification * self.camera.device_scale

    def corner_lines(self) -> Mapping[str, Sequence[str]]:
        source, camera = self.source, self.camera
        if source is None:
            return {}
        power = self.magnification
        if power is None or source.spacing is None:
            zoom = f"zoom {camera.device_scale * 100:.3g} %"
            spacing = "no spacing: px only"
        else:
            pitch = source.spacing.mpp / camera.device_scale
            zoom = f"{_power(power)}×  ({f'{pitch:.2f}' if pitch >= 0.1 else f'{pitch:.2g}'} µm/px)"
            spacing = f"{source.spacing.mpp:.3g} µm/px, {source.spacing.provenance}"
        return {
            "top-left": [f"{counted(source.size.width)} × {counted(source.size.height)} px", *self._plane_line()],
            "bottom-left": [*turned_words(camera), zoom],
            "bottom-right": [spacing, NOT_FOR_DIAGNOSIS],
        }

    def _plane_line(self) -> list[str]:
        source = self.channel_source
        if source is None or source.frames == 1:
            return []
        t, z = divmod(self.frame, source.z)
        parts = [f"z {z + 1} / {source.z}"] if source.z > 1 else []
        return ["   ".join([*parts, f"t {t + 1} / {source.t}"] if source.t > 1 else parts)]

    def paint_picture(self, painter: QPainter) -> None:
        store = self._store
        if store is None:
            return
        step = store.pyramid.step_for(self.camera.device_scale)
        box = self.camera.visible()
        self._motion.look(time.monotonic(), self.camera)
        if self._planned != (box, step, self.moving):
            self._planned = box, step, self.moving
            store.plan(box, step, self._ahead(store) if self.moving else ())
        bounds = self.camera.device_bounds()
        smooth = not self.moving and (bounds[2] - bounds[0]) * (bounds[3] - bounds[1]) <= SMOOTH_PIXELS
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, smooth)
        for key in store.pyramid.keys(step, box):
            image = store.get(key)
            if image is not None:
                blit(painter, image, snapped(self.camera.to_device(store.pyramid.extent(key))), bounds)
            else:
                self._paint_coarser(painter, store, step + 1, store.pyramid.extent(key), bounds)
                if key in store.failed:
                    self._paint_failed(painter, store, key)

    def _ahead(self, store: TileStore) -> list[tuple[Box, int]]:
        """What the view will show: where it glides to, else where it seems to go."""
        camera, target = self.camera, self.glide.target
        if target is not None:
            box = shifted(camera.visible(), target[0] - camera.x, target[1] - camera.y)
            return [(box, store.pyramid.step_for(camera.device_scale))]
        return [(box, store.pyramid.step_for(scale)) for box, scale in self._motion.ahead(camera)]

    def _paint_coarser(self, painter: QPainter, store: TileStore, step: int, part: Box, bounds: Box) -> None:
        """Fill `part` (level-0 pixels) from the finest coarser tiles that are there."""
        if step >= len(store.pyramid.steps):
            return
        for key in store.pyramid.keys(step, part):
            x0, y0, x1, y1 = store.pyramid.extent(key)
            shared = max(x0, part[0]), max(y0, part[1]), min(x1, part[2]), min(y1, part[3])
            if shared[2] <= shared[0] or shared[3] <= shared[1]:
                continue
            image = store.get(key)
            if image is None:
                self._paint_coarser(painter, store, step + 1, shared, bounds)
            else:
                across, down = image.width() / (x1 - x0), image.height() / (y1 - y0)
                source = (
                    (shared[0] - x0) * across, (shared[1] - y0) * down, (shared[2] - x0) * across, (shared[3] - y0) * down,
                )  # fmt: skip
                blit(painter, image, snapped(self.camera.to_device(shared)), bounds, source)

    def _paint_failed(self, painter: QPainter, store: TileStore, key: TileKey) -> None:
        """A grey tile with the reason, where nothing can be read."""
        x0, y0, x1, y1 = snapped(self.camera.to_device(store.pyramid.extent(key)))
        rect = QRectF(x0, y0, x1 - x0, y1 - y0)
        painter.save()
        painter.fillRect(rect, QColor(theme.FAILED_TILE))
        if rect.width() > 150 * self.camera.ratio:
            font = pane_font(self.font(), theme.SMALL_POINTS)
            font.setPointSizeF(font.pointSizeF() * self.camera.ratio)
            painter.setFont(font)
            painter.setPen(QColor("#16181b"))
            flags = int(Qt.AlignmentFlag.AlignCenter) | int(Qt.TextFlag.TextWordWrap)
            painter.drawText(rect.adjusted(8, 8, -8, -8), flags, store.failed[key])
        painter.restore()

    def paint_insets(self, painter: QPainter) -> float:
        if self._store is not None:
            self._overview.paint(painter, self.camera, self._overview_picture(self._store))
        rect = self._overview.rect(self.camera)
        return 0.0 if rect.isEmpty() else rect.bottom()

    def _overview_picture(self, store: TileStore) -> QImage | None:
        """The coarsest step as one image, in the inset's device pixels."""
        if (self._overview_image is None or self._overview_stale) and store.overview_ready:
            self._overview_stale = False
            size = self.camera.size
            scale = LONGEST * self.camera.ratio / max(size.width, size.height)
            width, height = max(1, round(size.width * scale)), max(1, round(size.height * scale))
            image = QImage(width, height, QImage.Format.Format_RGB32)
            image.fill(QColor(self.background))
            painter = QPainter(image)
            for key in store.overview_keys:
                tile = store.get(key)
                if tile is not None:
                    x0, y0, x1, y1 = snapped(tuple(edge * scale for edge in store.pyramid.extent(key)))  # type: ignore[arg-type]
                    target = QRectF(x0, y0, max(1.0, x1 - x0), max(1.0, y1 - y0)).toRect()
                    mode = Qt.TransformationMode.SmoothTransformation
                    painter.drawImage(target, tile.scaled(target.size(), mode=mode))
            painter.end()
            self._overview_image = image
        return self._overview_image

    @Slot()
    def _collect(self) -> None:
        store = self._store
        if store is None or not store.collect():
            return
        if store.failed and store.overview_ready and not any(store.get(key) for key in store.overview_keys):
            self.set_status(f"cannot show: {next(iter(store.failed.values()))}")
        self.update()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """With Shift through the planes: z, where there are several, else t; with Ctrl and Shift always t."""
        source, held = self.channel_source, event.modifiers()
        if source is None or source.frames == 1 or not held & Qt.KeyboardModifier.ShiftModifier:
            super().wheelEvent(event)
            return
        time = source.z == 1 or bool(held & Qt.KeyboardModifier.ControlModifier)
        self.step_plane(-self.gestures.notches(event), time=time)
        event.accept()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._jumping = event.button() == Qt.MouseButton.LeftButton and self._jump(event.position())
        if not self._jumping:
            super().mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._jumping:
            self._jump(event.position())
        else:
            super().mouseMoveEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._jumping:
            self._jumping = False
        else:
            super().mouseReleaseEvent(event)

    def _jump(self, place: QPointF) -> bool:
        """Go where the overview was pressed; whether it was."""
        point = self._overview.place(self.camera, place.x(), place.y()) if self._store else None
        if point is not None:
            self.centre_on(*point)
        return point is not None


def _power(power: float) -> str:
    if power >= 100:
        return f"{power:.0f}"
    return f"{power:.1f}" if power >= 1 else f"{power:.2g}"
