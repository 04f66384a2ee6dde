"""Series cut in other planes: a pane becomes three linked planes and the stack, and a stack again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from PySide6.QtCore import QEvent, QObject, Signal
from PySide6.QtWidgets import QApplication, QVBoxLayout, QWidget
from shiboken6 import isValid

from app.panels.mpr_strip import MprStrip
from app.panes import Pane, Panes
from viewers.dicom_view import RadiologyView
from viewers.figures import counted
from viewers.mpr_board import MprBoard
from viewers.plane_view import PlaneView
from viewers.volume import Volume
from viewers.volume_loading import VolumeLoading
from viewers.volume_reading import refusal


class _Cut(QWidget):
    """What stands in the pane meanwhile: strip and board, and the volume on its way."""

    def __init__(self, stack: RadiologyView, parent: QWidget) -> None:
        super().__init__(parent)
        self.strip, self.board = MprStrip(self), MprBoard(stack, self)
        self.loading: VolumeLoading | None = None
        lines = QVBoxLayout(self)
        lines.setContentsMargins(0, 0, 0, 0)
        lines.setSpacing(0)
        lines.addWidget(self.strip)
        lines.addWidget(self.board, 1)


class Reformatting(QObject):
    noted = Signal(str)
    pointed = Signal(object)
    """What lies under the pointer on a plane."""

    def __init__(self, panes: Panes) -> None:
        super().__init__(panes)
        self._panes = panes
        self._cuts: dict[Pane, _Cut] = {}
        panes.viewLeaving.connect(self._leave)

    def by_id(self) -> Mapping[str, Callable[[], object]]:
        return {
            "mpr": self.toggle,
            "mpr-axes": partial(self._on_cut, lambda cut: cut.board.reset()),
            "mpr-patient": partial(self._on_cut, lambda cut: cut.board.reset(patient=True)),
            "slab": partial(self._on_cut, lambda cut: cut.strip.next_slab()),
            "slab-thicker": partial(self._on_cut, lambda cut: cut.strip.thicken(1)),
            "slab-thinner": partial(self._on_cut, lambda cut: cut.strip.thicken(-1)),
        }

    def over(self, work: dict[str, Callable[[], object]]) -> dict[str, Callable[[], object]]:
        """Zooming and fitting mean the plane that has the keyboard, where one has it."""
        looks: dict[str, Callable[[PlaneView], object]] = {
            "fit": lambda view: view.fit(), "zoom-in": lambda view: view.zoom(1.25), "zoom-out": lambda view: view.zoom(0.8),
            "one": lambda view: view.one_to_one(),
        }  # fmt: skip
        return work | {id: partial(self._either, look, work[id]) for id, look in looks.items()}

    def board(self, pane: Pane) -> MprBoard | None:
        """The planes in a pane, where there are any."""
        cut = self._cuts.get(pane)
        return cut.board if cut is not None else None

    def toggle(self) -> None:
        """The active pane's series in three planes, or the stack again."""
        pane = self._panes.pane
        if pane in self._cuts:
            self._leave(pane)
            return
        view = pane.view
        if not isinstance(view, RadiologyView) or view.source is None:
            self.noted.emit("Only series of slices can be cut in other planes: open a CT or MR series.")
            return
        if why := refusal(view.source, view.frame):
            self.noted.emit(why)
            return
        cut = _Cut(view, pane)
        self._cuts[pane] = cut
        pane.lend_room(cut)
        board = cut.board
        board.pointerMoved.connect(self.pointed)
        board.otherVolume.connect(partial(self._load, pane))
        for plane in board.views.values():
            plane.installEventFilter(self)
        cut.strip.slabChosen.connect(board.set_slab)
        cut.strip.axesWanted.connect(board.reset)
        cut.strip.closeWanted.connect(partial(self._leave, pane))
        cut.strip.stopWanted.connect(partial(self._leave, pane))
        self._load(pane, view.frame)

    def give_up(self) -> bool:
        """Escape: stop reading a volume; whether there was one on its way."""
        cut = self._cuts.get(self._panes.pane)
        if cut is None or cut.loading is None:
            return False
        self._leave(self._panes.pane)
        return True

    def forget(self, path: Path) -> None:
        """A source is being closed."""
        for pane in self._panes.showing(path):
            self._leave(pane)

    def close(self) -> None:
        for pane in list(self._cuts):
            self._leave(pane)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """A pane whose plane is clicked is the active one."""
        if event.type() in (QEvent.Type.MouseButtonPress, QEvent.Type.FocusIn, QEvent.Type.Wheel):
            for pane, cut in self._cuts.items():
                if watched in cut.board.views.values():
                    self._panes.activate(pane.number)
        return False

    def _load(self, pane: Pane, frame: int) -> None:
        cut = self._cuts[pane]
        source = cut.board.stack.source
        if source is None:
            return
        if cut.loading is not None:
            cut.loading.forget()
        if why := refusal(source, frame):
            cut.strip.refuse(why)
            return
        cut.strip.reading(0, 0)
        cut.board.say("Reading the volume …\nThe stack can be read meanwhile. Esc stops.")
        cut.loading = loading = VolumeLoading(source, frame, cut)
        loading.progressed.connect(cut.strip.reading)
        loading.done.connect(partial(self._loaded, pane))
        loading.failed.connect(partial(self._failed, pane))

    def _loaded(self, pane: Pane, volume: Volume) -> None:
        cut = self._cuts[pane]
        cut.loading = None
        gaps = volume.stack.gaps
        said = [volume.stack.label, gaps.words if gaps is not None else "", f"{counted(volume.voxels.nbytes // 2**20)} MiB"]
        cut.strip.read(", ".join(word for word in said if word) + "".join(f". {note}" for note in (gaps.notes if gaps else ())))
        cut.board.show_volume(volume)

    def _failed(self, pane: Pane, sentence: str) -> None:
        cut = self._cuts[pane]
        cut.loading = None
        cut.strip.refuse(sentence)
        cut.board.say(sentence)

    def _leave(self, pane: Pane) -> None:
        cut = self._cuts.pop(pane, None)
        if cut is None:
            return
        if cut.loading is not None:
            cut.loading.forget()
        self.pointed.emit(None)
        pane.take_room_back(cut.board.give_back())
        cut.hide()
        cut.deleteLater()
        pane.view.setFocus()

    def _either(self, look: Callable[[PlaneView], object], otherwise: Callable[[], object]) -> object:
        focus = QApplication.focusWidget()
        plane = focus if isinstance(focus, PlaneView) and isValid(focus) and focus.cut is not None else None
        return look(plane) if plane is not None else otherwise()

    def _on_cut(self, work: Callable[[_Cut], object]) -> None:
        cut = self._cuts.get(self._panes.pane)
        if cut is None:
            self.noted.emit("press V first: this is for planes cut from a series")
        else:
            work(cut)
