"""What others said about the images that are open: read beside the window, laid over the images it speaks of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from app.errands import Errands
from viewers.dicom_view import RadiologyView
from viewers.geometry import Region
from viewers.object_layer import ObjectLayer
from viewers.objects import opening
from viewers.objects.said import Finding, Said
from viewers.objects.statistics import said_of
from viewers.sources.dicom import Dicom

if TYPE_CHECKING:
    from app.panels.others import OthersPanel
    from app.panes import Pane, Panes
    from app.shelf import Shelf


class Presenting(QObject):
    """Objects stay until they are taken away or their file is closed; whichever comes first, they or their images, they meet."""

    noted = Signal(str)
    offered = Signal(bool)
    """Whether there is anything to be listed."""
    _read = Signal(object)
    _measured = Signal(object, object)

    def __init__(self, window: QWidget, panes: Panes, panel: OthersPanel, shelf: Shelf) -> None:
        super().__init__(window)
        self._panes, self._panel, self._shelf = panes, panel, shelf
        self._errands = Errands("hilum-others", self)
        self._said: dict[Path, Said] = {}
        self._apart: set[Path] = set()
        """Not yet beside their study in the browser."""
        self._layers: dict[int, tuple[RadiologyView, ObjectLayer]] = {}
        self._read.connect(self._take)
        self._measured.connect(lambda said, lines: self._panel.show_statistics(said, lines))
        self._errands.refused.connect(self._refused)
        panes.viewMade.connect(self._view_made)
        panes.activated.connect(lambda _: self.attend())
        panel.edited.connect(self.attend)
        panel.chosen.connect(self._go)
        panel.stateChosen.connect(self._use_state)
        panel.removeWanted.connect(lambda said: self._shelf.close_path(said.path))
        panel.statisticsWanted.connect(self._measure)
        shelf.attachedFound.connect(self.read)
        shelf.attachedChosen.connect(self._chosen)
        shelf.closed.connect(self.forget)
        shelf.known.connect(lambda described: self._file(described.card.study))

    def by_id(self) -> Mapping[str, Callable[[], object]]:
        return {"next-key-image": partial(self._step_key, 1), "previous-key-image": partial(self._step_key, -1)}

    def read(self, path: Path) -> None:
        """A file that belongs to images."""

        def work() -> None:
            said = opening.opened(self._shelf.opener.attached_file(path))
            self._errands.tell(self._read, replace(said, path=path))

        self._errands.start(path, path.name, work)

    def attend(self) -> None:
        """Lay over every pane what belongs to it, and list it."""
        objects, here = list(self._said.values()), set[Path]()
        for pane in self._panes.panes:
            view, layer = self._layers.get(pane.number, (None, None))
            if layer is None or view is not pane.view:
                continue
            layer.attend()
            own = [one for one in objects if layer.images is not None and layer.images.holds(one)]
            layer.show(own, self._panel.hidden, self._panel.opacity.value() / 100)
            self._name(layer)
            if pane.number == self._panes.active:
                here = {one.path for one in own}
        self._panel.show_objects(objects, frozenset(here))
        self.offered.emit(bool(objects))

    def forget(self, path: Path) -> None:
        self._apart.discard(path)
        if self._said.pop(path, None) is not None:
            self.attend()

    def close(self) -> None:
        for _, layer in self._layers.values():
            layer.close()
        self._errands.close()

    # the panes

    def _view_made(self, pane: Pane) -> None:
        _, old = self._layers.pop(pane.number, (None, None))
        if old is not None:
            old.close()
        if isinstance(pane.view, RadiologyView):
            layer = ObjectLayer(pane.view)
            layer.noted.connect(self._name)
            self._layers[pane.number] = pane.view, layer

    def _name(self, layer: ObjectLayer) -> None:
        """Whose words lie over a pane, and what of them cannot be drawn there."""
        for view, one in self._layers.values():
            if one is layer:
                view.corner_texts["top-right"] = [*_named(layer.objects), *layer.notes]

    def _layer(self) -> ObjectLayer | None:
        view, layer = self._layers.get(self._panes.active, (None, None))
        return layer if view is self._panes.view else None

    def _take(self, said: Said) -> None:
        self._said[said.path] = said
        self._apart.add(said.path)
        self._file(said.study_key)
        self._panel.say("")
        self.attend()

    def _file(self, study: str) -> None:
        """Put those of a study beside it, where it is known."""
        for said in [said for path in self._apart if (said := self._said[path]).study_key == study]:
            if self._shelf.tell_attached(said.path, said.summary, study):
                self._apart.discard(said.path)

    def _refused(self, path: Path, sentence: str) -> None:
        self._shelf.refuse(path, sentence)
        self._panel.say(sentence)

    # what the reader asks for

    def _chosen(self, path: Path) -> None:
        """Its line in the browser: the panel shows it, and its first image where that is open."""
        said = self._said.get(path)
        if said is not None:
            self._panel.front(path)
            self._go(said, None)

    def _go(self, said: Said, finding: Finding | None) -> None:
        layer, view = self._layer(), self._panes.view
        if layer is None or layer.images is None or not isinstance(view, RadiologyView):
            return
        frame = None
        if finding is not None:
            frame = layer.images.first(finding.where)
            if frame is None and finding.point is not None:
                frame = layer.images.nearest(finding.point)
        elif said.form == "key images":
            frame = next(iter(layer.images.marked(said)), None)
        elif not layer.images.holds(said):
            return
        else:
            frame = layer.images.first(said.images[:1])
        if frame is not None:
            view.set_frame(frame)

    def _step_key(self, by: int) -> None:
        """To the next image that a list of key images names, round and round."""
        layer, view = self._layer(), self._panes.view
        if layer is None or layer.images is None or not isinstance(view, RadiologyView):
            return
        named = {frame for one in self._said.values() if one.form == "key images" for frame in layer.images.marked(one)}
        if not named:
            self.noted.emit("no key images in this series")
            return
        order = sorted(named, reverse=by < 0)
        view.set_frame(next((frame for frame in order if (frame - view.frame) * by > 0), order[0]))

    def _use_state(self, said: Said | None) -> None:
        """The active pane as a presentation state wants it, or as the image itself says."""
        layer, view = self._layer(), self._panes.view
        if layer is None or layer.images is None or not isinstance(view, RadiologyView) or not isinstance(view.source, Dicom):
            return
        view.reset()
        view.fit()
        state = said.presentation if said is not None else None
        if state is None:
            return
        spot = layer.images.spot(view.frame)
        chosen = [window for where, window in state.voi if not where or any(one.covers(spot.image, spot.frame) for one in where)]
        if chosen:
            view.set_window(chosen[0])
        grayscale = getattr(view.source, "grayscale", None)
        if state.inverted is not None and grayscale is not None and state.inverted != grayscale.inverted:
            view.invert()
        view.turn_to(state.angle)
        if state.flipped:
            view.flip()
        size, spacing = view.source.size, view.source.spacing
        if state.shutter is not None:
            view.use_shutter(state.shutter(size, spacing.y_mm / spacing.x_mm if spacing is not None else 1.0))
        if state.area is not None and state.area != (0, 0, size.width, size.height):
            view.show_region(_region(state.area, size.width, size.height, view.frame))
        if state.scale is not None:
            view.zoom_to(state.scale)

    def _measure(self, said: Said) -> None:
        """Volumes, and the values of the image in the active pane inside each segment."""
        view, path = self._panes.view, self._panes.pane.standing
        if path is None or not isinstance(view, RadiologyView):
            return
        self._panel.show_statistics(said, ["measuring …"])

        def work() -> None:
            source = self._shelf.opener.source(path)
            try:
                self._errands.tell(self._measured, said, said_of(said, source))
            finally:
                source.close()

        self._errands.start(said.path, said.path.name, work)


def _named(objects: Sequence[Said]) -> list[str]:
    """Whose words lie over the picture: never to be taken for the reader's own."""
    seen = [one for one in objects if one.form != "key images"]
    lines = [" · ".join(filter(None, (one.title, one.origin.who, *one.origin.flags[-1:]))) for one in seen[:4]]
    return [*lines, *([f"and {len(seen) - 4} more"] if len(seen) > 4 else [])]


def _region(area: tuple[float, float, float, float], width: int, height: int, frame: int) -> Region:
    x0, y0 = max(0, round(area[0])), max(0, round(area[1]))
    return Region(x0, y0, max(1, min(width, round(area[2])) - x0), max(1, min(height, round(area[3])) - y0), frame)
