"""Maps loaded over the pictures that are open, and written out again; both beside the window."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QFileDialog, QWidget
from shiboken6 import isValid

from app.choosing import chosen_file
from app.errands import Errands
from viewers.colormaps import NAMES
from viewers.maps import Ground, ValueMap, open_maps
from viewers.maps.saving import FORMS, save
from viewers.maps.stepped import Stepped, stepped
from viewers.overlay import HeatmapLayer

if TYPE_CHECKING:
    from app.panels.layers import LayersPanel
    from app.panes import Pane, Panes

READS = "Maps (*.csv *.h5 *.hdf5 *.geojson *.json *.tif *.tiff *.npy *.dcm);;All files (*)"


class Layering(QObject):
    """What was loaded over a source stays with it, with its colours and order, until it is removed or the source is closed."""

    noted = Signal(str)
    """What becomes of a file, in a few words."""
    _loaded = Signal(object, object)
    """The source's path, and [(ValueMap, Stepped)]."""
    _ranged = Signal(object, object, object)

    def __init__(self, window: QWidget, panes: Panes, panel: LayersPanel) -> None:
        super().__init__(window)
        self._window, self._panes, self._panel = window, panes, panel
        self._errands = Errands("hilum-layers", self)
        self._kept: dict[Path, list[HeatmapLayer | None]] = {}
        """The stack of each source from the lowest up; None stands for the pane's own layer, the model's."""
        self._maps: dict[HeatmapLayer, ValueMap] = {}
        self._loaded.connect(self._take)
        self._ranged.connect(self._take_range)
        self._errands.refused.connect(self._say)
        panel.loadWanted.connect(self.choose_load)
        panel.exportWanted.connect(self.choose_export)
        panel.removeWanted.connect(self.remove)
        panel.moveWanted.connect(self.move)
        panel.rangeWanted.connect(self.use_range)
        panes.viewMade.connect(self._view_made)

    def choose_load(self) -> None:
        if self._panes.pane.standing is None or self._panes.view.source is None:
            self._panel.say("Open a slide first: drop a file here, or press Ctrl+O.")
            return
        names, _ = QFileDialog.getOpenFileNames(self._window, "Load maps over this picture", "", READS)
        self.load([Path(name) for name in names])

    def load(self, files: Sequence[Path]) -> None:
        """Over the source in the active pane."""
        path, source = self._panes.pane.standing, self._panes.view.source
        if path is None or source is None or not files:
            return
        if source.frames > 1 and source.kind != "slide":
            self._panel.say("A map is loaded over one picture; this is a series of many.")
            return
        ground = Ground.of(source)
        self._kept.setdefault(path, [None])
        self._panel.say("")
        for file in files:
            self.noted.emit(f"loading {file.name} …")
            self._errands.start(path, file.name, partial(self._read, path, file, ground))

    def choose_export(self) -> None:
        layer = self._panel.layer
        if layer is None or not layer.present:
            self._panel.say("There is no heatmap to export yet.")
            return
        forms = {words: ending for ending, words in FORMS.items() if ending != ".tiff"}
        path = self._panes.pane.standing
        chosen = chosen_file(self._window, "Export the heatmap", f"{path.stem}-heatmap" if path is not None else "heatmap", forms)
        if chosen is not None:
            self.export(layer, chosen[0])

    def export(self, layer: HeatmapLayer, file: Path) -> None:
        """Of a layer over the source in the active pane, in the form that the file's name ends in."""
        path, source, the = self._panes.pane.standing, self._panes.view.source, self._map_of(layer)
        if path is None or source is None or the is None:
            return
        ground = Ground.of(source)
        self.noted.emit(f"writing {file.name} …")

        def work() -> None:
            save(the, file, ground)
            self._errands.tell(self.noted, f"saved {file.name}{_warning(file, ground)}")

        self._errands.start(path, file.name, work)

    def remove(self, layer: HeatmapLayer) -> None:
        """Take a layer away; a model's is cleared."""
        if layer is self._panes.view.overlay:
            self._panes.view.clear_results()
            return
        self._maps.pop(layer, None)
        for path, stack in self._kept.items():
            if layer in stack:
                stack.remove(layer)
                self._lend(path)
        layer.deleteLater()

    def move(self, layer: HeatmapLayer, by: int) -> None:
        """One place up (1) or down (-1)."""
        path = self._panes.pane.standing
        stack = self._kept.get(path) if path is not None else None
        wanted = None if layer is self._panes.view.overlay else layer
        if path is None or stack is None or wanted not in stack:
            return
        at = stack.index(wanted)
        to = min(max(at + by, 0), len(stack) - 1)
        stack[at], stack[to] = stack[to], stack[at]
        self._lend(path)

    def use_range(self, layer: HeatmapLayer, low: float, high: float) -> None:
        """Another range for a layer's legend; a large map is made ready for it beside the window."""
        values, path = layer.values, self._panes.pane.standing
        if values is not None and path is not None:
            work = lambda: self._errands.tell(self._ranged, layer, values, stepped(values, low, high))  # noqa: E731
            self._errands.start(path, layer.phrase, work)

    def forget(self, path: Path) -> None:
        """It was closed."""
        for layer in self._kept.pop(path, []):
            if layer is not None:
                self._maps.pop(layer, None)
                layer.deleteLater()

    def shown(self, pane: Pane) -> None:
        """A source stands in a pane anew."""
        if pane.standing is not None:
            self._lend(pane.standing)
        if pane.number == self._panes.active:
            self.attend()

    def attend(self) -> None:
        """The panel shows the layers of the active pane."""
        self._panel.attend(self._panes.view)

    def close(self) -> None:
        """Returns when what is being written is written."""
        self._errands.close()

    def _view_made(self, pane: Pane) -> None:
        if pane.number == self._panes.active:
            self.attend()

    def _read(self, path: Path, file: Path, ground: Ground) -> None:
        maps = open_maps(file, ground)
        self._errands.tell(self._loaded, path, [(one, stepped(one.values, one.low, one.high)) for one in maps])
        self._errands.tell(self.noted, f"loaded {file.name}")

    def _take(self, path: Path, made: list[tuple[ValueMap, Stepped]]) -> None:
        """Each class becomes a layer; the last of the file is seen at once, the others wait in the list."""
        stack = self._kept.get(path)
        if stack is None:
            return  # the source was closed meanwhile
        layer = None
        for number, (the, steps) in enumerate(made):
            layer = HeatmapLayer(self)
            layer.map = NAMES[1]
            layer.lay(the, steps)
            layer.visible = number == len(made) - 1
            self._maps[layer] = the
            stack.append(layer)
        self._lend(path)
        if layer is not None and self._panes.pane.standing == path:
            self._panes.view.layers.choose(layer)

    def _take_range(self, layer: HeatmapLayer, values: NDArray[np.float32], steps: Stepped) -> None:
        """Only where the layer is still there and shows the very values it was made for."""
        if isValid(layer) and layer.shows(values):
            layer.use(steps)

    def _lend(self, path: Path) -> None:
        stack = self._kept.get(path, [])
        for pane in self._panes.holding(path):
            pane.view.layers.lend([layer or pane.view.overlay for layer in stack])

    def _map_of(self, layer: HeatmapLayer) -> ValueMap | None:
        if layer in self._maps:
            return self._maps[layer]
        low, high = layer.range
        values = layer.values
        return None if values is None else ValueMap(layer.phrase, values, layer.extent, low, high, layer.own_unit)

    def _say(self, path: Path, sentence: str) -> None:
        self.noted.emit("")
        if self._panes.pane.standing == path:
            self._panel.say(sentence)


def _warning(file: Path, ground: Ground) -> str:
    """What whoever sends a DICOM file on has to know: as a derived object must, it bears the slide's patient."""
    if file.suffix.lower() != ".dcm" or ground.file is None:
        return ""
    from viewers.maps.dicom_slides import level_0

    return "; it holds the patient's data of the slide" if level_0(ground.file, ground.size) is not None else ""
