"""The radiology pane: greyscale through a window, stacks of frames, colour and plain pictures."""

from __future__ import annotations

import weakref
from collections.abc import Mapping, Sequence

from PySide6.QtCore import QRectF, Qt, Signal, Slot
from PySide6.QtGui import QImage, QKeyEvent, QPainter
from PySide6.QtWidgets import QWidget

from viewers import windows
from viewers.blit import blit
from viewers.cache import ByteCache, memory_share
from viewers.canvas import Canvas
from viewers.frames import MOST_PIXELS, FrameReader, Look, Shown, halvings_for
from viewers.gestures import Tool
from viewers.grayscale import Lut, Window
from viewers.loader import Loader
from viewers.relay import Relay
from viewers.sources import Source
from viewers.sources.dicom import Dicom
from viewers.turned_images import TurnedImages
from viewers.turning import sides, turned_words

_AHEAD = 3
"""Frames made ready on each side of the one shown."""
_AT_ONCE = 3_000_000
"""Pixels that can follow a drag of the window; a larger frame is halved once more until the hand rests."""
_SIDES = {"L": "left", "R": "right", "B": "both sides"}


class RadiologyView(Canvas):
    """Frames are decoded, reduced and windowed on two private threads; until one is there the last stays on the screen.

    `reset` goes back to the file's own window, `invert` swaps black and white, `next_window` steps through the windows.
    """

    windowChanged = Signal(object)
    """The Window or Lut chosen, None for the file's own."""

    background = "#000000"
    tools = (Tool.REGION, Tool.PAN, Tool.WINDOW)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent, secondary=Tool.WINDOW)
        self._loader: Loader[Look, Shown] | None = None
        self._ready: ByteCache[Look, Shown] = ByteCache(memory_share(0.03, 256 * 2**20))
        self._failed: dict[int, str] = {}
        self._shown: Shown | None = None
        self._planned: Look | None = None
        self._window: Window | Lut | None = None
        self._inverted = False
        self._rough = False
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
        self.windowChanged.emit(window)
        self._moved()

    def reset(self) -> None:
        """The file's own window, not inverted, neither turned nor flipped."""
        self._inverted = False
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

    def next_window(self, step: int = 1) -> None:
        """The next of the file's LUTs and windows, the full range and the modality's usual windows."""
        shown = self._shown
        if shown is None or shown.grayscale is None or self.source is None:
            return
        found = windows.choices(shown.grayscale, self.source.modality, shown.bounds)
        current = self._window or shown.grayscale.default
        index = found.index(current) if current in found else -1 if step > 0 else 0
        self.set_window(found[(index + step) % len(found)])

    # the pane

    def opened(self, source: Source) -> None:
        relay = Relay()
        relay.arrived.connect(self._collect)
        self.wheel_scrolls_frames = source.frames > 1
        self._loader = Loader(FrameReader(source).make, 2, relay.announce, relay.closing(source), "hilum-frames")
        self._end = weakref.finalize(self, self._loader.close)

    def closed(self) -> None:
        if self._end is not None:
            self._end()
        self._end = self._loader = self._shown = self._planned = self._window = None
        self._inverted = False
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
        return self.frame in self._failed or (shown is not None and shown.look.frame == self.frame)

    def message(self) -> str:
        failed = self._failed.get(self.frame)
        if failed:
            return f"cannot show: {failed}"
        return super().message() or ("" if self._shown or not self.source else "opening …")

    def paint_picture(self, painter: QPainter) -> None:
        self._rough = self._rough and self.moving
        look = self._look(self.frame)
        if look != self._planned:
            self._planned = look
            self._plan(look)
        self._shown = self._ready.get(look) or self._shown
        shown = self._shown
        if shown is None or self.frame in self._failed:
            return
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        self._paint_image(painter, shown.image)

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
        source, shown = self.source, self._shown
        if source is None:
            return {}
        return {
            "top-left": self._what_lines(source, shown),
            "bottom-left": [*turned_words(self.camera), *self._grey_lines(shown), self._zoom_line(source)],
            "bottom-right": [_spacing_line(source), *_lossy_lines(source, shown), "draft, not for diagnostic use"],
        }

    def _what_lines(self, source: Source, shown: Shown | None) -> list[str]:
        """What kind of picture it is and of which side, and the frame."""
        facts = source.facts
        what = [source.modality]
        if facts is not None:
            what += [facts.view, facts.body_part, _SIDES.get(facts.laterality, "")]
        lines = ["  ".join(word for word in what if word)]
        if source.frames > 1:
            late = " …" if shown is not None and shown.look.frame != self.frame else ""
            lines.append(f"frame {self.frame + 1} / {source.frames}{late}")
        return [line for line in lines if line]

    def _grey_lines(self, shown: Shown | None) -> list[str]:
        """How stored values became this grey."""
        lines = []
        if shown is not None and shown.grayscale is not None:
            lines += ["MONOCHROME1, inverted"] if shown.grayscale.photometric == "MONOCHROME1" else []
            lines += [windows.named(self._window, shown.grayscale)]
        return [*lines, *(["inverted by the reader"] if self._inverted else [])]

    def _zoom_line(self, source: Source) -> str:
        zoom = f"zoom {self.camera.device_scale * 100:.3g} %"
        much = source.size.width * source.size.height > MOST_PIXELS
        return f"{zoom}, of at most half the stored pixels" if much else zoom

    def edge_letters(self) -> tuple[str, str, str, str]:
        shown = self._shown
        edges = shown.edges if shown is not None and shown.look.frame == self.frame else ("", "")
        return sides(self.camera, *edges)

    def value_at(self, x: int, y: int) -> tuple[float | None, str]:
        shown = self._shown
        if shown is None or shown.grayscale is None or shown.look.frame != self.frame:
            return None, ""
        return shown.value_at(x, y), windows.unit(shown.grayscale)

    def dragged(self, tool: Tool, across: float, down: float) -> None:
        shown = self._shown
        if tool == Tool.WINDOW and shown is not None and shown.grayscale is not None:
            window = windows.as_window(self._window, shown.grayscale, shown.bounds)
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
        return Look(frame, halvings, self._window, self._inverted)

    def _plan(self, look: Look) -> None:
        """Ask for a look, then for its neighbours in the stack."""
        if self._loader is None or self.source is None:
            return
        near = [self.frame + sign * step for step in range(1, _AHEAD + 1) for sign in (1, -1)]
        looks = [look, *(self._look(frame) for frame in near if 0 <= frame < self.source.frames)]
        self._loader.want(one for one in looks if one not in self._ready and one.frame not in self._failed)

    @Slot()
    def _collect(self) -> None:
        for look, result in self._loader.take() if self._loader else ():
            if isinstance(result, Exception):
                self._failed[look.frame] = str(result) or type(result).__name__
                continue
            self._ready.put(look, result, result.image.sizeInBytes())
            if look.frame == self.frame:
                self._shown = result
        self.update()


def _spacing_line(source: Source) -> str:
    """Never a length without the word for where it comes from."""
    spacing = source.spacing
    if spacing is not None:
        return f"{spacing.x_mm:.3g} mm/px, {spacing.provenance}"
    return "spacing differs by region" if isinstance(source, Dicom) and source.regions else "no spacing: px only"


def _lossy_lines(source: Source, shown: Shown | None) -> list[str]:
    stated = source.facts.lossy if source.facts is not None else ""
    if shown is None or not shown.lossy:
        return []
    return [f"lossy compression, {stated}" if stated else "lossy compression"]
