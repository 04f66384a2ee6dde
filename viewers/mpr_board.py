"""Three linked planes of a volume, and room beside them for the stack they are cut from."""

from __future__ import annotations

import weakref
from functools import partial

import numpy as np
from PySide6.QtCore import QRectF, QTimer, Signal, Slot
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QGridLayout, QWidget

from viewers import windows
from viewers.dicom_view import RadiologyView
from viewers.loader import Loader
from viewers.mpr import PLANES, Crosshair, PlaceInPatient, Plane, clamped, cut_of
from viewers.plane_lines import CutLine, draw_cut_lines
from viewers.plane_reader import CutWish, PlaneReader, ShownCut, value_words
from viewers.plane_view import PlaneView
from viewers.radiology_words import NOT_FOR_DIAGNOSIS, pixel_words
from viewers.relay import Relay
from viewers.sources import StackedSource
from viewers.sources.slice_plane import Vector, cross
from viewers.volume import Volume
from viewers.volume_cuts import Cut, Slab, is_askew, samples_of

REST_MS = 120
"""So long after the last movement oblique planes are made with all their pixels."""
COARSEST = 4
"""How much larger, at most, the pixels of oblique planes and slabs are while a hand moves."""
MOVING_MS = 12.0
"""So long one such plane may take while a hand moves."""
_PLACES = {Plane.AXIAL: (0, 0), Plane.CORONAL: (0, 1), Plane.SAGITTAL: (1, 0)}


class MprBoard(QWidget):
    """The planes follow one crosshair, and the stack it; they share the stack's window. Nothing is sampled on the GUI thread."""

    pointerMoved = Signal(object)
    """PlaceInPatient, None outside."""
    otherVolume = Signal(int)
    """The reader scrolled the stack to a frame of another volume of the series."""
    changed = Signal()
    """Crosshair, axes or slab."""

    def __init__(self, stack: RadiologyView, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.stack = stack
        self.volume: Volume | None = None
        self.crosshair: Crosshair | None = None
        self.slab, self.thickness_mm = Slab.THIN, 10.0
        self.views = {plane: PlaneView(plane, self) for plane in PLANES}
        self._reader: PlaneReader | None = None
        self._loader: Loader[CutWish, ShownCut] | None = None
        self._end: weakref.finalize[..., MprBoard] | None = None
        self._leading = False
        self._rest = QTimer(self, singleShot=True, interval=REST_MS)
        self._rest.timeout.connect(self._want)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(1)
        for at in (0, 1):
            self._grid.setRowStretch(at, 1)
            self._grid.setColumnStretch(at, 1)
        for plane, view in self.views.items():
            self._grid.addWidget(view, *_PLACES[plane])
            view.aimed.connect(self.aim)
            view.turned.connect(partial(self._turn, plane))
            view.stepped.connect(partial(self.step, plane))
            view.windowDragged.connect(self._drag_window)
            view.pointed.connect(partial(self._pointed, plane))
            view.released.connect(self._want)
            view.alone.connect(partial(self.alone, plane))
        self._grid.addWidget(stack, 1, 1)
        stack.signs.append(self._paint_on_stack)
        stack.windowChanged.connect(self._want)
        stack.frameChanged.connect(self._stack_scrolled)

    def give_back(self) -> RadiologyView:
        """Let go of the stack and of everything else; the board is of no more use."""
        stack = self.stack
        self.forget_volume()
        stack.windowChanged.disconnect(self._want)
        stack.frameChanged.disconnect(self._stack_scrolled)
        stack.signs = [sign for sign in stack.signs if sign != self._paint_on_stack]
        self._grid.removeWidget(stack)
        stack.show()
        return stack

    # the volume

    def say(self, text: str) -> None:
        """In the planes that have nothing to show yet."""
        for view in self.views.values():
            view.say(text if self.volume is None else "")

    def show_volume(self, volume: Volume) -> None:
        """Cut another volume; where it lies in the same place as the one before, the crosshair stays."""
        same = self.volume is not None and self.volume.first.frame_of_reference == volume.first.frame_of_reference
        self.forget_volume()
        relay = Relay()
        relay.arrived.connect(self._collect)
        self.volume, self._reader = volume, PlaneReader(volume)
        self._loader = Loader(self._reader.make, 2, relay.announce, relay.finish, "hilum-planes")
        self._end = weakref.finalize(self, self._loader.close)
        self.say("")
        if self.crosshair is None or not same:
            self.crosshair = Crosshair.through(volume)
            self._stack_scrolled(self.stack.frame)
        self._restless(rest=True)

    def forget_volume(self) -> None:
        if self._end is not None:
            self._end()
        self._end = self._loader = self._reader = self.volume = None
        self._rest.stop()

    @property
    def settled(self) -> bool:
        """Whether every plane stands as it is wanted, with all its pixels."""
        wishes = self._wishes(restless=False)
        return bool(wishes) and not self._rest.isActive() and all(
            (shown := self.views[wish.plane].shown) is not None and shown.wish == wish for wish in wishes
        )  # fmt: skip

    # what a hand does

    @Slot(object)
    def aim(self, place: Vector) -> None:
        """Move the crosshair to patient mm, or to the nearest place within the volume."""
        if self.volume is not None and self.crosshair is not None:
            self._steer(self.crosshair.moved(clamped(self.volume, place)))

    def step(self, plane: Plane, notches: int) -> None:
        """Along a plane's normal."""
        if self.volume is not None and self.crosshair is not None:
            self._steer(self.crosshair.stepped(plane, self.volume, notches))

    def reset(self, patient: bool = False) -> None:
        """The planes along the slices as acquired, or along the patient's own axes, whole in their panes; the place stays."""
        if self.volume is not None and self.crosshair is not None:
            self._steer(Crosshair.through(self.volume, patient).moved(self.crosshair.place))
            for view in self.views.values():
                view.fit()

    def set_slab(self, slab: Slab, thickness_mm: float) -> None:
        """How thick the planes are, and what is made of what lies behind each other."""
        self.slab, self.thickness_mm = slab, thickness_mm
        self._restless()

    def alone(self, plane: Plane) -> None:
        """One plane over the whole board, or all of them again."""
        others = [*(view for other, view in self.views.items() if other != plane), self.stack]
        hide = any(view.isVisible() for view in others)
        for view in others:
            view.setVisible(not hide)
        row, column = _PLACES[plane]
        for at in (0, 1):
            self._grid.setRowStretch(at, 1 if not hide or at == row else 0)
            self._grid.setColumnStretch(at, 1 if not hide or at == column else 0)

    def _turn(self, plane: Plane, degrees: float) -> None:
        if self.crosshair is not None:
            self._steer(self.crosshair.turned(plane, degrees))

    def _drag_window(self, across: float, down: float) -> None:
        if self.volume is not None:
            bounds = self.volume.bounds
            window = windows.as_window(self.stack.window_shown or self.volume.window, self.volume.grayscale, bounds)
            self.stack.set_window(windows.dragged(window, across, down, bounds))

    def _steer(self, crosshair: Crosshair) -> None:
        self.crosshair = crosshair
        self._lead_stack()
        self._restless()

    def _restless(self, rest: bool = False) -> None:
        """Show at once what can be; with all its pixels once the hand rests."""
        if not rest:
            self._rest.start()
        self._want()
        self.stack.update()
        self.changed.emit()

    # the stack

    def _lead_stack(self) -> None:
        volume, crosshair = self.volume, self.crosshair
        if volume is None or crosshair is None:
            return
        self._leading = True
        try:
            self.stack.set_frame(volume.stack.first + volume.nearest_slice(crosshair.place))
        finally:
            self._leading = False

    @Slot(int)
    def _stack_scrolled(self, frame: int) -> None:
        """The crosshair goes along to the slice that the reader scrolled to."""
        volume, crosshair = self.volume, self.crosshair
        if self._leading or volume is None or crosshair is None:
            return
        if frame not in volume.stack.frames:
            self.otherVolume.emit(frame)
            return
        _, row, column = (float(one) for one in volume.depth_row_column(crosshair.place))
        self.crosshair = crosshair.moved(volume.place((float(frame - volume.stack.first), row, column)))
        self._restless()

    def _paint_on_stack(self, painter: QPainter) -> None:
        """Where the planes cut the slice."""
        stack, crosshair = self.stack, self.crosshair
        source = stack.source
        plane = source.plane(stack.frame) if isinstance(source, StackedSource) and self.volume is not None else None
        if crosshair is None or plane is None:
            return
        middle = stack.camera.to_screen(*plane.pixel(crosshair.place))
        lines = []
        for one in PLANES:
            way = cross(plane.normal, crosshair.normal(one))
            if np.linalg.norm(way) > 0.02:
                end = stack.camera.to_screen(*plane.pixel(crosshair.place + 100 * way / np.linalg.norm(way)))
                along = np.array(end) - np.array(middle)
                along = along / max(float(np.linalg.norm(along)), 1e-6)
                lines.append(CutLine(one, middle, (float(along[0]), float(along[1]))))
        draw_cut_lines(painter, lines, QRectF(stack.rect()), None, None)

    # pictures

    def _wishes(self, restless: bool) -> list[CutWish]:
        volume, crosshair = self.volume, self.crosshair
        if volume is None or crosshair is None:
            return []
        found = []
        for plane in PLANES:
            cut = cut_of(volume, crosshair, plane, self.slab, self.thickness_mm)
            coarse = self._coarse(volume, cut) if restless and is_askew(volume, cut) else 1
            found.append(CutWish(plane, cut, coarse, self.stack.window_shown, self.stack.inverted))
        return found

    def _coarse(self, volume: Volume, cut: Cut) -> int:
        """The finest that can be made while a hand moves, by how long the last ones took."""
        each = self._reader.ms_per_sample if self._reader is not None else 0.0
        fits = (one for one in range(1, COARSEST) if samples_of(volume, cut, one) * each <= MOVING_MS)
        return next(fits, COARSEST)

    @Slot()
    def _want(self) -> None:
        wishes = self._wishes(self._rest.isActive() or any(view.busy for view in self.views.values()))
        if self._loader is None or self._reader is None or self.crosshair is None:
            return
        for wish in wishes:
            view = self.views[wish.plane]
            view.set_cut(wish.cut, self.crosshair)
            view.corners = self._corners(wish)
        missing = [wish for wish in wishes if (shown := self.views[wish.plane].shown) is None or shown.wish != wish]
        coming = {wish.plane for wish in missing}
        for wish in wishes:
            view = self.views[wish.plane]
            view.working = wish.coarse > 1
            if wish.plane not in coming:
                view.update()
        self._reader.wanted = frozenset(wishes)
        self._loader.want(missing)

    @Slot()
    def _collect(self) -> None:
        wanted = self._reader.wanted if self._reader is not None else frozenset()
        for wish, result in self._loader.take() if self._loader is not None else ():
            view = self.views[wish.plane]
            if isinstance(result, ShownCut):
                late = wish not in wanted and view.shown is not None and view.shown.wish in wanted
                if not late:
                    view.set_shown(result)
            elif wish in wanted:
                view.say(f"cannot show: {result}")

    def _corners(self, wish: CutWish) -> dict[str, list[str]]:
        volume, crosshair = self.volume, self.crosshair
        assert volume is not None
        assert crosshair is not None
        spacing = wish.cut.spacing
        thick = f"{self.slab} of {self.thickness_mm:.3g} mm" if self.slab != Slab.THIN else "thin, interpolated"
        kept = [f"values to {volume.rounding:.2g} {windows.unit(volume.grayscale)}".strip()] if volume.rounding else []
        lossy = ["lossy compression"] if volume.lossy else []
        left = [
            windows.named(wish.window or volume.window, volume.grayscale),
            *(["inverted by the reader"] if wish.inverted else []),
        ]
        return {
            "top-left": [crosshair.name(wish.plane), crosshair.level(wish.plane), thick],
            "bottom-left": left,
            "bottom-right": [*kept, pixel_words(spacing), str(spacing.provenance), *lossy, NOT_FOR_DIAGNOSIS],
        }

    def _pointed(self, plane: Plane, where: tuple[float, float] | None) -> None:
        volume, view = self.volume, self.views[plane]
        if where is None or volume is None or view.cut is None:
            self.pointerMoved.emit(None)
            return
        place = view.cut.place(*where)
        value, unit = volume.value_at(place)
        if self.slab != Slab.THIN:
            value, unit = view.shown.slab_value(volume, place) if view.shown is not None else (None, "")
        self.pointerMoved.emit(PlaceInPatient(place, value, value_words(self.slab, self.thickness_mm, unit)))
