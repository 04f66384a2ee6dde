"""Maps loaded over a slide: a list of layers that stay with their slide, are set one by one, and are written out again."""

from __future__ import annotations

import csv
import threading
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PySide6.QtCore import QPointF, Qt

from tests.app.conftest import Seat
from viewers.overlay import RANKED, HeatmapLayer

SIZE = (1200, 800)


@pytest.fixture
def slide(tmp_path: Path) -> Path:
    path = tmp_path / "slide.tif"
    pixels = np.full((SIZE[1], SIZE[0], 3), 240, np.uint8)
    form = {"photometric": "rgb", "resolution": (20_000, 20_000), "resolutionunit": "CENTIMETER"}
    tifffile.imwrite(path, pixels, tile=(256, 256), **form)
    return path


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Cells of 100 pixels; prob_Tumor is the column's number by 12, prob_Other what is left to 1."""
    path = tmp_path / "slide.csv"
    rows = [f"{x},{y},100,100,{1 - x / 1200!r},{x / 1200!r}" for y in range(0, 800, 100) for x in range(0, 1200, 100)]
    path.write_text("minx,miny,width,height,prob_Other,prob_Tumor\n" + "\n".join(rows))
    return path


def loaded(seat: Seat, slide: Path, table: Path) -> list[HeatmapLayer]:
    seat.open(slide)
    seat.window.side.front(seat.window.side.layers)
    seat.window.layering.load([table])
    seat.wait(lambda: len(seat.window.panes.view.layers.stack) == 3, 20)
    return list(seat.window.panes.view.layers.stack[1:])


def names(seat: Seat) -> list[str]:
    shown = seat.window.side.layers.list
    return [shown.item(row).text() for row in range(shown.count())]


def test_each_class_is_a_layer_and_one_is_seen(seat: Seat, slide: Path, table: Path) -> None:
    panel = seat.window.side.layers
    seat.open(slide)
    seat.window.side.front(panel)
    assert "Load a map" in panel._empty.text()
    assert panel._empty.isVisible()
    other, tumor = loaded(seat, slide, table)
    assert names(seat) == ["Tumor", "Other"]
    assert panel.layer is tumor
    assert (tumor.visible, other.visible) == (True, False)
    panel.list.item(1).setCheckState(Qt.CheckState.Checked)
    assert other.visible
    assert not panel._empty.isVisible()


def test_the_value_under_the_pointer_stands_in_the_status_line(seat: Seat, slide: Path, table: Path) -> None:
    loaded(seat, slide, table)
    view = seat.window.panes.view
    view.pointed_at(QPointF(*view.camera.to_screen(650, 420)))
    assert seat.window.status.pointer.text() == "x 650  y 420   Tumor 0.5"
    seat.act("overlay")
    view.pointed_at(QPointF(*view.camera.to_screen(650, 420)))
    assert seat.window.status.pointer.text() == "x 650  y 420"


def test_order_removal_and_other_panes(seat: Seat, slide: Path, table: Path) -> None:
    other, tumor = loaded(seat, slide, table)
    panel, view = seat.window.side.layers, seat.window.panes.view
    panel._down.click()
    assert view.layers.stack == (view.overlay, tumor, other)
    assert names(seat) == ["Other", "Tumor"]
    assert panel.layer is tumor
    panel._remove.click()
    assert view.layers.stack == (view.overlay, other)
    seat.act("panes-2")
    seat.window.panes.activate(1)
    seat.window.shelf.show(slide)
    seat.wait(lambda: other in seat.window.panes.panes[1].view.layers.stack, 20)
    seat.act("close")
    seat.wait(lambda: not seat.window.panes.view.layers.seen(True), 20)


def test_range_colours_threshold_and_rank_are_set_in_the_panel(seat: Seat, slide: Path, table: Path) -> None:
    _, tumor = loaded(seat, slide, table)
    panel = seat.window.side.layers
    panel.threshold.setValue(500)
    assert tumor.threshold == pytest.approx(0.5)
    panel.low.setText("0.25")
    panel.low.editingFinished.emit()
    seat.wait(lambda: tumor.range == (0.25, 1.0), 20)
    assert "24 below" in panel._notes.text(), "three columns of eight cells lie below 0.25"
    assert tumor.threshold == pytest.approx(0.5)
    panel.low.setText("2")
    panel.low.editingFinished.emit()
    assert "below its second" in panel._word.text()
    panel.colours.textActivated.emit("plasma")
    assert tumor.map == "plasma"
    panel.rank.setChecked(True)
    assert (tumor.unit, tumor.low, tumor.high) == (RANKED, 0.0, 1.0)
    assert tumor.threshold == pytest.approx(0.5, abs=0.06), "half the cells lie below 0.5"
    panel.histogram.thresholdMoved.emit(0.75)
    assert tumor.threshold == 0.75


def test_a_layer_is_written_out_again_exactly(seat: Seat, slide: Path, table: Path, tmp_path: Path) -> None:
    _, tumor = loaded(seat, slide, table)
    out = tmp_path / "out.csv"
    seat.window.layering.export(tumor, out)
    seat.wait(lambda: seat.window.status.note.text() == "saved out.csv", 20)

    def read(path: Path) -> dict[tuple[float, float], float]:
        with path.open() as file:
            return {(float(row["minx"]), float(row["miny"])): float(row["prob_Tumor"]) for row in csv.DictReader(file)}

    assert read(out) == read(table)


def test_what_cannot_be_loaded_says_why_and_nothing_changes(seat: Seat, slide: Path, table: Path, tmp_path: Path) -> None:
    loaded(seat, slide, table)
    (tmp_path / "bad.csv").write_text("minx,miny,width,height,prob_a\n9000,0,100,100,0.5\n")
    seat.window.layering.load([tmp_path / "bad.csv"])
    seat.wait(lambda: "of another slide" in seat.window.side.layers._word.text(), 20)
    assert names(seat) == ["Tumor", "Other"]


def test_a_map_that_comes_after_its_slide_was_closed_is_not_laid_over_it_again(seat: Seat, slide: Path, table: Path) -> None:
    busy = threading.Event()
    seat.open(slide)
    layering = seat.window.layering
    layering._errands.start(slide, "busy", lambda: busy.wait(20))
    layering.load([table])
    seat.act("close")
    busy.set()
    seat.bot.wait(300)
    seat.open(slide)
    assert len(seat.window.panes.view.layers.stack) == 1


def test_a_range_made_for_other_values_is_dropped(seat: Seat, slide: Path, table: Path) -> None:
    _, tumor = loaded(seat, slide, table)
    busy = threading.Event()
    layering = seat.window.layering
    layering._errands.start(slide, "busy", lambda: busy.wait(20))
    layering.use_range(tumor, 0.0, 0.5)
    tumor.show(np.ones_like(tumor.values), tumor.extent, 0.0, 1.0, "another", "probability", False)  # type: ignore[arg-type]
    busy.set()
    seat.bot.wait(300)
    assert tumor.range == (0.0, 1.0)
