"""The heatmaps over the picture as a list, the topmost first, and how the chosen one is shown."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QIcon, QPixmap
from PySide6.QtWidgets import QCheckBox, QComboBox, QLabel, QLineEdit, QListWidget, QListWidgetItem, QSlider, QWidget

from app.panels.histogram import Histogram
from app.panels.parts import GAP, Column, Word, button, label, row
from viewers.canvas import Canvas
from viewers.colormaps import NAMES
from viewers.figures import counted, rounded
from viewers.layers import Layers
from viewers.overlay import RANKED, HeatmapLayer
from viewers.qimage import to_qimage

EMPTY = (
    "No heatmap lies over this picture. Load a map (CSV, HDF5, GeoJSON, TIFF, .npy or DICOM), or press H for a model's heatmap "
    "of a finding or phrase."
)
_STEPS = 1000
_RAMP = QSize(48, 12)


class LayersPanel(Column):
    wanted = Signal(bool)
    """Whether anything lies over the picture."""
    loadWanted = Signal()
    exportWanted = Signal()
    removeWanted = Signal(object)
    moveWanted = Signal(object, int)
    rangeWanted = Signal(object, float, float)
    edited = Signal(object)
    """The layer whose threshold was changed here."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._view: Canvas | None = None
        self._said: tuple[object, ...] = ()
        self._filling = False
        self._export = button("Export…", self.exportWanted.emit)
        self.column.addLayout(row(button("Load map…", self.loadWanted.emit, primary=True), self._export))
        self._word = Word()
        self.column.addWidget(self._word)
        self._empty = label(EMPTY, "hint")
        self.column.addWidget(self._empty)
        self.list = QListWidget()
        self.list.setAccessibleName("Heatmaps, the topmost first")
        self.list.setIconSize(_RAMP)
        self.list.setMaximumHeight(168)
        self.list.currentRowChanged.connect(lambda _: self._chosen())
        self.list.itemChanged.connect(self._checked)
        self.column.addWidget(self.list)
        self._details = self._made_details()
        self.column.addWidget(self._details)
        self.column.addStretch(1)
        self.refresh()

    def _made_details(self) -> QWidget:
        """What can be set of one layer."""
        details = Column()
        details.column.setContentsMargins(0, 0, 0, 0)
        self._up = button("Up", lambda: self._move(1), tip="Above the next one")
        self._down = button("Down", lambda: self._move(-1), tip="Below the one before")
        self._remove = button("Remove", self._removed)
        details.column.addLayout(row(self._up, self._down, self._remove))
        self.colours = QComboBox()
        self.colours.setIconSize(_RAMP)
        self.colours.setAccessibleName("Colours")
        self.colours.addItems(NAMES)
        self.colours.textActivated.connect(self._colours_chosen)
        details.column.addLayout(row(_name("Colours"), self.colours, stretch=1))
        self.low, self.high = QLineEdit(), QLineEdit()
        for field, name in ((self.low, "Lowest value of the range"), (self.high, "Highest value of the range")):
            field.setAccessibleName(name)
            field.setToolTip(f"{name}, in the values' own unit")
            field.setMinimumWidth(56)
            field.editingFinished.connect(self._range_typed)
        layout = row(_name("Range"), self.low, label("to", "soft", wrap=False), self.high, stretch=3)
        layout.setStretch(1, 1)
        details.column.addLayout(layout)
        self.opacity, self._opacity_text = _slider("Opacity", 100), _figure()
        self.opacity.valueChanged.connect(self._opacity_moved)
        details.column.addLayout(row(_name("Opacity"), self.opacity, self._opacity_text, stretch=1))
        self.histogram = Histogram()
        self.histogram.thresholdMoved.connect(self._set_threshold)
        self.threshold, self._threshold_text = _slider("Hide below", _STEPS), _figure()
        self.threshold.valueChanged.connect(self._threshold_moved)
        details.column.addWidget(self.histogram)
        details.column.addLayout(row(_name("Hide below"), self.threshold, self._threshold_text, stretch=1))
        self.smooth, self.rank = QCheckBox("Smooth between cells"), QCheckBox(f"Show {RANKED}")
        self.smooth.toggled.connect(lambda on: self._set("smooth", on))
        self.rank.toggled.connect(lambda on: self._set("rank", on))
        details.column.addWidget(self.smooth)
        details.column.addWidget(self.rank)
        details.column.addSpacing(GAP)
        self._notes = label("", "soft")
        details.column.addWidget(self._notes)
        return details

    @property
    def layer(self) -> HeatmapLayer | None:
        """The one chosen in the list."""
        item = self.list.currentItem()
        found = item.data(Qt.ItemDataRole.UserRole) if item is not None else None
        return found if isinstance(found, HeatmapLayer) else None

    def attend(self, view: Canvas) -> None:
        """Show the layers of this pane from now on."""
        if view is not self._view:
            if self._view is not None:
                self._view.layers.changed.disconnect(self.refresh)
                self._view.destroyed.disconnect(self._gone)
            self._view = view
            view.layers.changed.connect(self.refresh)
            view.destroyed.connect(self._gone)
        self.refresh()

    def say(self, sentence: str) -> None:
        self._word.say(sentence)

    def refresh(self) -> None:
        """After any change; the list is made anew only where it says something else."""
        layers = self._layers()
        present = [layer for layer in reversed(layers.stack) if layer.present] if layers is not None else []
        said = tuple((layer, layer.phrase, layer.visible, layer.map) for layer in present)
        if said != self._said:
            self._said = said
            self._fill(present, layers.chosen if layers is not None else None)
        elif layers is not None and layers.chosen in present and layers.chosen is not self.layer:
            self.list.setCurrentRow(present.index(layers.chosen))
        self._empty.setVisible(not present)
        self.list.setVisible(bool(present))
        self._details.setVisible(bool(present))
        self._export.setEnabled(bool(present))
        self._show_details()
        self.wanted.emit(bool(present))

    def _layers(self) -> Layers | None:
        return self._view.layers if self._view is not None else None

    def _gone(self) -> None:
        if self.sender() is self._view:
            self._view = None

    def _fill(self, present: list[HeatmapLayer], chosen: HeatmapLayer | None) -> None:
        chosen = chosen if chosen in present else (self.layer if self.layer in present else None)
        self._filling = True
        self.list.clear()
        for layer in present:
            item = QListWidgetItem(_ramp(layer), layer.phrase)
            item.setData(Qt.ItemDataRole.UserRole, layer)
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            item.setCheckState(Qt.CheckState.Checked if layer.visible else Qt.CheckState.Unchecked)
            item.setToolTip(layer.phrase)
            self.list.addItem(item)
        if present:
            self.list.setCurrentRow(present.index(chosen) if chosen is not None else 0)
            self.list.setFixedHeight(min(168, len(present) * self.list.sizeHintForRow(0) + 4))
        self._filling = False

    def _show_details(self) -> None:
        layer = self.layer
        if layer is None or layer.steps is None:
            return
        self._filling = True
        self.colours.setCurrentText(layer.map)
        for field, value in ((self.low, layer.range[0]), (self.high, layer.range[1])):
            if not field.hasFocus():
                field.setText(f"{value:.6g}")
        self.opacity.setValue(round(100 * layer.opacity))
        self._opacity_text.setText(f"{round(100 * layer.opacity)} %")
        self.threshold.setValue(round(_STEPS * (layer.threshold - layer.low) / (layer.high - layer.low)))
        self._threshold_text.setText(rounded(layer.threshold))
        self.smooth.setChecked(layer.smooth)
        self.rank.setChecked(layer.rank)
        self.histogram.show_layer(layer)
        self._notes.setText(_notes(layer))
        place = self.list.currentRow()
        self._up.setEnabled(place > 0)
        self._down.setEnabled(place < self.list.count() - 1)
        self._filling = False

    def _chosen(self) -> None:
        layers = self._layers()
        if not self._filling and layers is not None:
            layers.choose(self.layer)
            self._show_details()

    def _checked(self, item: QListWidgetItem) -> None:
        layer = item.data(Qt.ItemDataRole.UserRole)
        if not self._filling and isinstance(layer, HeatmapLayer):
            layer.visible = item.checkState() == Qt.CheckState.Checked

    def _move(self, by: int) -> None:
        if self.layer is not None:
            self.moveWanted.emit(self.layer, by)

    def _removed(self) -> None:
        if self.layer is not None:
            self.removeWanted.emit(self.layer)

    def _set(self, name: str, on: bool) -> None:
        if self.layer is not None and not self._filling:
            setattr(self.layer, name, on)

    def _colours_chosen(self, name: str) -> None:
        if self.layer is not None:
            self.layer.map = next(one for one in NAMES if one == name)

    def _opacity_moved(self, value: int) -> None:
        if self.layer is not None and not self._filling:
            self.layer.opacity = value / 100

    def _threshold_moved(self, value: int) -> None:
        if self.layer is not None and not self._filling:
            self._set_threshold(self.layer.low + (self.layer.high - self.layer.low) * value / _STEPS)

    def _set_threshold(self, value: float) -> None:
        if self.layer is not None:
            self.layer.threshold = value
            self.edited.emit(self.layer)

    def _range_typed(self) -> None:
        layer = self.layer
        if layer is None:
            return
        try:
            low, high = (float(field.text().replace("−", "-").replace(",", ".")) for field in (self.low, self.high))
        except ValueError:
            self.say("A range is two numbers, 0 and 1 for example.")
            return
        if not (abs(low) < 1e30 and abs(high) < 1e30 and low < high):
            self.say("The range's first number must be below its second.")
        elif (f"{low:.6g}", f"{high:.6g}") != tuple(f"{value:.6g}" for value in layer.range):
            self.say("")
            self.rangeWanted.emit(layer, low, high)


def _notes(layer: HeatmapLayer) -> str:
    """How many cells, what of them the range leaves out, and what the file's reader is to know."""
    assert layer.steps is not None
    below, above = layer.steps.beyond
    total = int(layer.steps.counts.sum()) + below + above
    lines = [f"{counted(total)} cells with a value, in {layer.unit}." if layer.unit else f"{counted(total)} cells with a value."]
    if below or above:
        lines.append(f"Beyond the range: {counted(below)} below, {counted(above)} above.")
    return "\n".join([*lines, *layer.notes])


def _ramp(layer: HeatmapLayer) -> QIcon:
    colours = layer.colours(_RAMP.width())[None].repeat(_RAMP.height(), axis=0)
    return QIcon(QPixmap.fromImage(to_qimage(colours)))


def _name(text: str) -> QLabel:
    name = label(text, "soft", wrap=False)
    name.setMinimumWidth(72)
    return name


def _figure() -> QLabel:
    figure = label("", "soft", wrap=False)
    figure.setMinimumWidth(56)
    figure.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
    return figure


def _slider(name: str, steps: int) -> QSlider:
    slider = QSlider(Qt.Orientation.Horizontal)
    slider.setRange(0, steps)
    slider.setAccessibleName(name)
    return slider
