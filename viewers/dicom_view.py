"""The radiology pane: greyscale through a window, stacks of frames, colour and plain pictures."""

from __future__ import annotations

import weakref
from collections.abc import Mapping, Sequence
from dataclasses import replace

from PySide6.QtCore import QRectF, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QImage, QKeyEvent, QPainter
from PySide6.QtWidgets import QWidget

from viewers import windows
from viewers.ahead import Ahead
from viewers.blit import blit
from viewers.cache import ByteCache, memory_share
from viewers.canvas import Canvas
from viewers.frame_graphics import Shutter
from viewers.frames import MOST_PIXELS, FrameReader, Look, Shown, halvings_for
from viewers.gestures import Tool
from viewers.grayscale import Lut, Window
from viewers.loader import Loader
from viewers.presets import BUILT_IN, Preset
from viewers.radiology_words import corner_lines
from viewers.region_values import fitted, sampled
from viewers.relay import Relay
from viewers.sources import CoarseSource, Source
from viewers.turned_images import TurnedImages
from viewers.turning import sides

_AHEAD = 3
"""Frames made ready on each side of the one shown."""
_COARSE = 2
"""How often a first look at a large compressed frame is halved at least."""
_PATIENCE_MS = 12
_AT_ONCE = 3_000_000
"""Pixels that can follow a drag of the window; a larger frame is halved once more until the hand rests."""


class RadiologyView(Canvas):
    """Frames are decoded, reduced and windowed on two private threads; until one is there the last stays on the screen.

    `reset` goes back to the file's own window, `invert` swaps black and white, `next_window` steps through the windows.
    """

    windowChanged = Signal(object)
    """The Window or Lut chosen, None for the file's own."""
    shownChanged = Signal()
    """Another frame is on the screen, or the same in another look."""

    background = "#000000"
    tools = (Tool.REGION, Tool.PAN, Tool.WINDOW)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent, secondary=Tool.WINDOW)
        self._loader: Loader[Look, Shown | None] | None = None
        self._ahead: Ahead | None = None
        self._coarse: CoarseSource | None = None
        self._ready: ByteCache[Look, Shown] = ByteCache(memory_share(0.03, 256 * 2**20))
        self._failed: dict[int, str] = {}
        self._shown: Shown | None = None
        self._planned: tuple[Look, bool] | None = None
        self._window: Window | Lut | None = None
        self._inverted = False
        self._shutter = self._overlays = True
        self._stated: Shutter | None = None
        self.covered = False
        """Whether another picture is seen in place of its own: values and marks are not that one's."""
        self.presets: Sequence[Preset] = BUILT_IN
        """The windows kept for modalities."""
        self._rough = False
        self._patience = QTimer(self, singleShot=True, interval=_PATIENCE_MS)
        self._patience.setTimerType(Qt.TimerType.PreciseTimer)
        self._patience.timeout.connect(self.update)
        """A frame through another window is there after some ms: painting the old one meanwhile would only hold it up."""
        self._turned = TurnedImages()
        self._end: weakref.finalize[..., RadiologyView] | None = None

    # windows

    @property
    def window_shown(self) -> Window | Lut | None:
        """What the reader chose; None while the file's own window or LUT is shown."""
        return self._window

    def set_window(self, window: Window | Lut | None) -> None:
        """Show through another window; None is the file's own. Colour pictures have none."""
        self._window, self._rough = window, True
        self.moving = True
        self._still.start()
        look = self._look(self.frame)
        if self.source is not None and look not in self._ready:
            self._planned = look, True
            self._plan(look)
            self._patience.start()
        else:
            self.update()
        self.windowChanged.emit(window)
        self.viewChanged.emit()

    def reset(self) -> None:
        """The file's own window and shutter, not inverted, neither turned nor flipped."""
        self._inverted, self._stated = False, None
        if self.camera.flipped:
            self.camera.flip()
        self.camera.turn_to(0)
        self.set_window(None)

    @property
    def inverted(self) -> bool:
        """Whether the reader swapped black and white."""
        return self._inverted

    def invert(self) -> None:
        self._inverted = not self._inverted
        self.windowChanged.emit(self._window)
        self.update()

    def choices(self) -> list[windows.Choice]:
        """The windows to choose from for the frame on the screen; none for colour."""
        shown = self._shown
        if shown is None or shown.grayscale is None or self.source is None:
            return []
        return windows.listed(shown.grayscale, self.source.modality, shown.bounds, self.presets)

    def next_window(self, step: int = 1) -> None:
        """The next of the file's LUTs and windows, the full range and the modality's usual windows."""
        found = [choice.window for choice in self.choices()]
        shown = self._shown
        if shown is None or not found:
            return
        current = self._window or shown.through
        index = found.index(current) if current in found else -1 if step > 0 else 0
        self.set_window(found[(index + step) % len(found)])

    def fit_window(self) -> bool:
        """A window fitted to the selected region, or to the frame where none is selected; whether there was one to fit."""
        shown, region = self._shown, self.selection
        if shown is None or shown.grayscale is None or shown.stored is None:
            return False
        region = region if region is not None and region.frame == shown.look.frame else None
        shutter = shown.graphics.shutter if shown.look.shutter else None
        values = sampled(shown.grayscale, shown.stored, region, shutter)
        window = fitted(values, "fitted to the region" if region else "fitted to the frame")
        if window is not None:
            self.set_window(window)
        return window is not None

    # what the header lays over the picture

    @property
    def shutter_drawn(self) -> bool:
        return self._shutter

    def draw_shutter(self, on: bool) -> None:
        """Whether the shutter hides what lies outside of it."""
        self._shutter = on
        self._changed()

    def use_shutter(self, shutter: Shutter | None) -> None:
        """A presentation state's, in place of the one each header states; None for those."""
        self._stated = shutter
        self._changed()

    @property
    def overlays_drawn(self) -> bool:
        return self._overlays

    def draw_overlays(self, on: bool) -> None:
        """Whether the header's overlay planes are drawn."""
        self._overlays = on
        self._changed()

    @property
    def shown(self) -> Shown | None:
        """The frame on the screen as it was made ready; of an earlier frame while the wanted one is on its way."""
        return self._shown

    # the pane

    def opened(self, source: Source) -> None:
        relay = Relay()
        relay.arrived.connect(self._collect)
        self.wheel_scrolls_frames = source.frames > 1
        self._loader = Loader(FrameReader(source).make, 2, relay.announce, relay.closing(source), "hilum-frames")
        self._end = weakref.finalize(self, _close_both, self._loader, ahead := Ahead(source))
        self._ahead, self._coarse = ahead, source if isinstance(source, CoarseSource) else None

    def closed(self) -> None:
        if self._end is not None:
            self._end()
        self._end = self._loader = self._ahead = self._coarse = self._shown = self._planned = self._window = None
        self._inverted = False
        self._shutter, self._overlays, self._stated = True, True, None
        self._ready.clear()
        self._failed.clear()

    @property
    def settled(self) -> bool:
        there = self._shown is not None and self._shown.look == self._look(self.frame)
        return super().settled and (there or self.frame in self._failed or self.source is None)

    @property
    def frame_stands(self) -> bool:
        """Whether the frame wanted is the one on the screen, or cannot be."""
        shown = self._shown
        return self.frame in self._failed or (shown is not None and shown.look.frame == self.frame and not shown.look.coarse)

    def message(self) -> str:
        failed = self._failed.get(self.frame)
        if failed:
            return f"cannot show: {failed}"
        return super().message() or ("" if self._shown or not self.source else "opening …")

    def paint_picture(self, painter: QPainter) -> None:
        self._rough = self._rough and self.moving
        look = self._look(self.frame)
        if (look, self._rough) != self._planned:
            self._planned = look, self._rough
            if look in self._ready:
                QTimer.singleShot(0, self, self._plan_ahead)  # once it is painted: who makes the next ones would hold it up
            else:
                self._plan(look)
        self._shown = self._ready.get(look) or self._shown
        shown = self._shown
        if shown is None or self.frame in self._failed:
            return
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        for image in (shown.image, shown.overlay):
            if image is not None:
                painter.save()
                self._paint_image(painter, image)
                painter.restore()

    def _paint_image(self, painter: QPainter, image: QImage) -> None:
        """Over the whole picture. Quarter turns turn the image, not the painter, whose resampling would shift and soften it."""
        camera = self.camera
        box = (0.0, 0.0, float(camera.size.width), float(camera.size.height))
        target, bounds = camera.to_device(box), camera.device_bounds()
        if camera.turned and camera.quarters is not None:
            self._turn_back(painter)
            image = self._turned.get(image, camera.quarters, camera.flipped)
            target, bounds = camera.to_device_turned(box), (0.0, 0.0, camera.width * camera.ratio, camera.height * camera.ratio)
        painter.setClipRect(QRectF(target[0], target[1], target[2] - target[0], target[3] - target[1]))
        blit(painter, image, target, bounds)

    def corner_lines(self) -> Mapping[str, Sequence[str]]:
        if self.source is None:
            return {}
        return corner_lines(
            self.source, self._shown, self.camera, self.frame, self._window, self._inverted, MOST_PIXELS, self.spacing
        )

    def edge_letters(self) -> tuple[str, str, str, str]:
        shown = self._shown
        edges = shown.edges if shown is not None and shown.look.frame == self.frame else ("", "")
        return sides(self.camera, *edges)

    def value_at(self, x: int, y: int) -> tuple[float | None, str]:
        shown = self._shown
        known = shown is not None and shown.look.frame == self.frame and not self.covered
        return shown.value_at(x, y) if shown is not None and known else (None, "")

    def dragged(self, tool: Tool, across: float, down: float) -> None:
        shown = self._shown
        if tool == Tool.WINDOW and shown is not None and shown.grayscale is not None:
            window = windows.as_window(self._window or shown.through, shown.grayscale, shown.bounds)
            self.set_window(windows.dragged(window, across, down, shown.bounds))
        super().dragged(tool, across, down)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        work = {Qt.Key.Key_R: self.reset, Qt.Key.Key_I: self.invert, Qt.Key.Key_P: self.next_window}.get(Qt.Key(event.key()))
        if work is None or self.source is None or event.modifiers() != Qt.KeyboardModifier.NoModifier:
            super().keyPressEvent(event)
        else:
            work()

    def _look(self, frame: int) -> Look:
        size = self.camera.size
        halvings = halvings_for(size, self.camera.device_scale)
        if self._rough and self.moving and (size.width * size.height >> 2 * halvings) > _AT_ONCE:
            halvings += 1
        return Look(frame, halvings, self._window, self._inverted, self._shutter, self._stated, self._overlays)

    @Slot()
    def _plan_ahead(self) -> None:
        if self._planned is not None:
            self._plan(self._planned[0])

    def _plan(self, look: Look) -> None:
        """Ask for a look, then for its neighbours in the stack."""
        if self._loader is None or self.source is None:
            return
        steps = () if self._rough else range(1, _AHEAD + 1)  # neighbours can wait while a hand drags the window
        near = [self.frame + sign * step for step in steps for sign in (1, -1)]
        later = [self._look(frame) for frame in near if 0 <= frame < self.source.frames]
        now, later = (
            [one for one in looks if one not in self._ready and one.frame not in self._failed]
            for looks in ([*self._coarse_first(look), look], later)
        )
        self._loader.want(now, later)  # a drag of the window never waits for slices that nobody looks at

    def _coarse_first(self, look: Look) -> list[Look]:
        """What is asked for besides while nothing exact of the frame is on the screen."""
        shown, source = self._shown, self._coarse
        waiting = shown is None or shown.look.frame != look.frame or shown.look.coarse
        if source is None or not waiting or not source.coarse_first(look.frame):
            return []
        return [replace(look, halvings=max(_COARSE, look.halvings), coarse=True)]

    @Slot()
    def _collect(self) -> None:
        for look, result in self._loader.take() if self._loader else ():
            if isinstance(result, Exception):
                if look.coarse:
                    continue
                self._failed[look.frame] = str(result) or type(result).__name__
                continue
            if result is None:
                continue
            shown = self._shown
            if not look.coarse:
                self._ready.put(look, result, result.size_bytes)
            elif shown is not None and shown.look.frame == look.frame and not shown.look.coarse:
                continue  # the exact one was sooner
            if look.frame == self.frame:
                self._shown = result
                self.shownChanged.emit()
                if self._ahead is not None and not look.coarse:
                    self._ahead.around(look.frame)
        self.update()


def _close_both(loader: Loader[Look, Shown | None], ahead: Ahead) -> None:
    ahead.close()
    loader.close()
