"""What the actions on a picture and on its answers do; menus, toolbar, keys and palette call them by the table's ids."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QInputDialog, QMessageBox, QPushButton, QWidget

from app.asking import Asking
from app.grid import FOUR, ONE, TWO, Grid
from app.panels.browser import Browser
from app.panels.grid_picker import GridPicker
from app.panels.report import ReportPanel
from app.panels.side import Side
from app.panels.table import TablePanel
from app.panes import Panes
from viewers.annotations.document import Annotations
from viewers.dicom_view import RadiologyView
from viewers.drawing import BRUSH, TOOLS, Drawing
from viewers.marked_slide import MarkedSlide
from viewers.slide_view import SlideView
from viewers.views import Marked

GRIDS = {
    "panes-1": ONE, "panes-2": TWO, "panes-3": Grid(1, 3), "panes-4": FOUR, "panes-6": Grid(2, 3), "panes-9": Grid(3, 3),
}  # fmt: skip


class Acts(QObject):
    """Acts on the active pane; an act on a panel brings it to the front first."""

    def __init__(self, window: QWidget, browser: Browser, panes: Panes, side: Side, asking: Asking) -> None:
        super().__init__(window)
        self._window, self._browser, self._panes, self._side, self._asking = window, browser, panes, side, asking

    def by_id(self) -> Mapping[str, Callable[[], object]]:
        return {**self._questions(), **self._sentences(), **self._looks(), **self._marks()}

    def _questions(self) -> Mapping[str, Callable[[], object]]:
        report, labels, ask = self._side.report, self._side.labels, self._side.ask
        return {
            "labels": lambda: self.in_front(labels, self._asking.labels),
            "heatmap": lambda: self.in_front(labels, self._asking.heatmap),
            "draft": lambda: self.in_front(report, lambda: self._asking.draft(report.indication.text().strip())),
            "question": lambda: self.in_front(ask, ask.question.setFocus),
            "follow-up": lambda: self.in_front(ask, lambda: self._form(ask.bar.follow)),
            "clear-context": ask.bar.clear_context,
            "condition": lambda: self.in_front(ask, lambda: self._form(ask.bar.condition)),
            "think": lambda: self.in_front(ask, lambda: self._form(ask.bar.think)),
            "changes": lambda: self.in_front(ask, self._asking.changes),
            "question-all": lambda: self.in_front(ask, lambda: self._typed("about all panes", self._asking.question_all)),
            "draft-whole": lambda: self.in_front(report, lambda: self._asking.draft_whole(report.indication.text().strip())),
            "question-whole": lambda: self.in_front(ask, lambda: self._typed("about the whole", self._asking.question_whole)),
            "table": lambda: self.in_front(self._side.table, self._asking.table),
            "locate": lambda: self.in_front(ask, self._asking.locate),
            "cancel": self.escape,
            "whole": self._backspace,
            "clear": lambda: self._panes.view.clear_results(),
        }

    def _form(self, way: QPushButton) -> None:
        """Another way of asking, and the question's field."""
        if way.isEnabled() and not way.isHidden():
            way.toggle()
        self._side.ask.question.setFocus()

    def _sentences(self) -> Mapping[str, Callable[[], object]]:
        """Of the table where that is in front, else of the report."""
        return {
            "accept": lambda: self._judge(lambda panel: panel.accept()),
            "edit": lambda: self._judge(lambda panel: panel.edit()),
            "refuse": lambda: self._judge(lambda panel: panel.refuse()),
            "next-sentence": lambda: self._judge(lambda panel: panel.step(1)),
            "previous-sentence": lambda: self._judge(lambda panel: panel.step(-1)),
        }

    def _judge(self, work: Callable[[ReportPanel | TablePanel], object]) -> None:
        panel = self._side.table if self._side.currentWidget() is self._side.table else self._side.report
        self.in_front(panel, lambda: work(panel))

    def _typed(self, about: str, work: Callable[[str], object]) -> None:
        """With what stands in the line; where nothing does, the reader may type it."""
        ask = self._side.ask
        if text := ask.question.text().strip():
            work(text)
        else:
            ask.say(f"Type the question, then ask {about} once more.")
            ask.question.setFocus()

    def _looks(self) -> Mapping[str, Callable[[], object]]:
        return {
            "fit": lambda: self._panes.view.fit(),
            "one": lambda: self._panes.view.one_to_one(),
            "zoom-in": lambda: self._panes.view.zoom(1.25),
            "zoom-out": lambda: self._panes.view.zoom(0.8),
            "magnification": self._magnification,
            "spacing": self._spacing,
            "again": lambda: self._slide(SlideView.read_again),
            "z-up": lambda: self._step(1),
            "z-down": lambda: self._step(-1),
            "turn-right": lambda: self._panes.view.turn_by(90),
            "turn-left": lambda: self._panes.view.turn_by(-90),
            "turn": self._turn,
            "flip": lambda: self._panes.view.flip(),
            "channels": self._side.show_channels,
            "invert": lambda: self._radiology(RadiologyView.invert),
            "reset": self._reset,
            "overlay": self._toggle_overlay,
            "layers": lambda: self._side.front(self._side.layers),
            "legend": lambda: self._panes.view.fold_legend(),
            "next": lambda: self._browser.step(1),
            "previous": lambda: self._browser.step(-1),
            **{id: partial(self._panes.arrange, grid) for id, grid in GRIDS.items()},
            "grid": self._pick_grid,
        }

    def _marks(self) -> Mapping[str, Callable[[], object]]:
        tools = {f"tool-{name}": partial(self._tool, name) for name in ("", *TOOLS)}
        return {
            **tools,
            "undo": lambda: self._document(Annotations.undo),
            "redo": lambda: self._document(Annotations.redo),
            "delete-marks": lambda: self._hand(Drawing.delete_selected),
            "merge-marks": lambda: self._hand(Drawing.merge_selected),
            "lock-marks": lambda: self._hand(Drawing.lock_selected),
            "all-marks": lambda: self._hand(Drawing.select_all),
            "show-marks": self._toggle_marks,
            "marks": self._side.show_marks,
        }

    def _tool(self, name: str) -> None:
        view = self._panes.view
        if isinstance(view, MarkedSlide) or (isinstance(view, Marked) and not name):
            view.set_marking("" if view.drawing.tool == name else name)
            view.setFocus()

    def _hand(self, work: Callable[[Drawing], object]) -> None:
        view = self._panes.view
        if isinstance(view, Marked) and view.marks.visible:  # what is hidden is not changed unseen
            work(view.drawing)

    def _document(self, work: Callable[[Annotations], object]) -> None:
        view = self._panes.view
        if isinstance(view, Marked) and view.drawing.document is not None and not view.drawing.busy:
            work(view.drawing.document)

    def _toggle_marks(self) -> None:
        view = self._panes.view
        if isinstance(view, Marked):
            view.marks.visible = not view.marks.visible

    def _step(self, by: int) -> None:
        """The next plane; while the brush is in the hand, its size."""
        view = self._panes.view
        if isinstance(view, MarkedSlide) and view.drawing.tool == BRUSH:
            view.drawing.resize_brush(by)
        else:
            self._slide(lambda slide: slide.step_plane(by))

    def _turn(self) -> None:
        view = self._panes.view
        if view.source is not None:
            angle, good = QInputDialog.getDouble(
                self._window, "Turn the picture", "Degrees clockwise", view.camera.angle, -360.0, 360.0, 1
            )
            if good:
                view.turn_to(angle)

    def in_front(self, panel: QWidget, work: Callable[[], object]) -> None:
        """Do it with its panel before the reader."""
        self._side.front(panel)
        work()

    def hand_gives_up(self) -> bool:
        """Escape on a slide or film: what is being drawn goes, then what is selected; whether there was anything."""
        view = self._panes.view
        return isinstance(view, Marked) and view.give_up()

    def _backspace(self) -> None:
        """Takes back a corner, else deletes the selected marks, else clears the region."""
        view = self._panes.view
        if not (isinstance(view, Marked) and view.take_back()):
            view.clear_selection()

    def escape(self) -> None:
        """Stops what runs; when nothing does, gives up the region, then the keyboard."""
        if not self._asking.cancel() and not self._panes.view.clear_selection():
            self._panes.view.setFocus()

    def _radiology(self, work: Callable[[RadiologyView], object]) -> None:
        view = self._panes.view
        if isinstance(view, RadiologyView):
            work(view)

    def _slide(self, work: Callable[[SlideView], object]) -> None:
        view = self._panes.view
        if isinstance(view, SlideView):
            work(view)
            view.update()

    def _pick_grid(self) -> None:
        picker = GridPicker(self._panes.grid, self._window)
        picker.picked.connect(self._panes.arrange)
        picker.show_over(self._panes)

    def _spacing(self) -> None:
        """Also where the file states one: the strip comes up to correct it."""
        self._panes.pane.strip.correct(self._panes.view.source)

    def _reset(self) -> None:
        self._radiology(RadiologyView.reset)
        self._panes.view.fit()

    def _magnification(self) -> None:
        view = self._panes.view
        if not isinstance(view, SlideView):
            return
        if view.magnification is None:
            self._spacing()
            return
        text, good = QInputDialog.getText(
            self._window, "Magnification", "Objective power (10×) or size of a pixel (0.5 µm)", text=f"{view.magnification:.3g}×"
        )
        power = typed_power(text) if good else None
        if power is not None:
            view.set_magnification(power)
        elif good:
            QMessageBox.information(self._window, "Magnification", f"{text[:40]!r} is neither a power nor a size: 10× or 0.5 µm.")

    def _toggle_overlay(self) -> None:
        """All of them: hidden while any is to be seen, else shown."""
        layers = [layer for layer in self._panes.view.layers.stack if layer.present] or [self._panes.view.overlay]
        shown = not any(layer.visible for layer in layers)
        for layer in layers:
            layer.visible = shown


def typed_power(text: str) -> float | None:
    """An objective power, or the one that shows so many µm per pixel (10 / µm): 10, 10×, 1 µm, 1 um/px, 1 mpp. Else None."""
    found = re.fullmatch(r"\s*([0-9]{1,4}(?:[.,][0-9]{1,4})?)\s*(x|×|(?:µm|μm|um|mpp)(?:\s*/\s*px)?)?\s*", text, re.IGNORECASE)
    value = float(found[1].replace(",", ".")) if found else 0.0
    if found is None or not value > 0:
        return None
    power = value if (found[2] or "x").lower() in ("x", "×") else 10 / value
    return power if 0.01 <= power <= 400 else None
