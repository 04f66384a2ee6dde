"""Marks in the real window: drawn by keys and mouse, undone, kept through a kill, exchanged, measured, outlined as tissue."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
import shapely
import tifffile
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog, QInputDialog, QMessageBox

from app.acts import typed_power
from app.marking import WRITES
from app.slide_identity import identity
from tests.app.conftest import Seat
from viewers.annotations.annotation import Annotation, Kind, rectangle
from viewers.annotations.classes import AnnotationClass
from viewers.annotations.document import Edit
from viewers.annotations.store import Store, StoreError
from viewers.marked_slide import MarkedSlide
from viewers.sources import open_source

ROOT = Path(__file__).parents[2]


@pytest.fixture
def slide(tmp_path: Path) -> Path:
    """Grey-white with one purple square of tissue, 1000 µm wide."""
    pixels = np.full((3000, 4000, 3), 245, np.uint8)
    pixels[500:2500, 1000:3000] = (150, 80, 160)
    path = tmp_path / "slide.tif"
    form = {"photometric": "rgb", "resolution": (20_000, 20_000), "resolutionunit": "CENTIMETER", "compression": "zlib"}
    tifffile.imwrite(path, pixels, tile=(256, 256), **form)
    return path


def opened(seat: Seat, slide: Path) -> MarkedSlide:
    seat.open(slide)
    seat.wait(lambda: seat.window.marking.kept(slide) is not None, 20)
    view = seat.window.panes.view
    assert isinstance(view, MarkedSlide)
    seat.window.side.front(seat.window.side.marks)
    seat.window.activateWindow()
    view.setFocus()
    return view


def drag(view: MarkedSlide, *places: tuple[int, int]) -> None:
    QTest.mousePress(view, Qt.MouseButton.LeftButton, pos=QPoint(*places[0]))
    for place in places[1:]:
        QTest.mouseMove(view, QPoint(*place))
    QTest.mouseRelease(view, Qt.MouseButton.LeftButton, pos=QPoint(*places[-1]))


def test_letters_are_tools_on_a_slide_and_questions_elsewhere(seat: Seat, slide: Path) -> None:
    keys = {id: action.shortcut().toString() for id, action in seat.window.actions_by_id.items()}
    assert (keys["labels"], keys["tool-line"], keys["one"]) == ("L", "", "Ctrl+0")
    view = opened(seat, slide)
    for key, tool in (("M", "move"), ("R", "rectangle"), ("O", "ellipse"), ("L", "line"), ("P", "polygon"), ("V", "polyline")):
        QTest.keyClick(view, key)
        assert view.drawing.tool == tool
    for key, tool in (("B", "brush"), ("W", "wand"), (".", "points"), ("S", "")):
        QTest.keyClick(view, key)
        assert view.drawing.tool == tool
    assert seat.window.actions_by_id["labels"].shortcut().toString() == "Alt+L"
    assert "Alt+L" in seat.window.toolbar._buttons["labels"].text()


@pytest.mark.parametrize(
    ("text", "power"),
    [
        ("10", 10), ("10x", 10), (" 2,5 × ", 2.5), ("0.5 µm", 20), ("1 um/px", 10), ("0.25 MPP", 40),
        ("", None), ("0", None), ("fast", None), ("-3", None), ("1e9", None), ("9999", None),
    ],
)  # fmt: skip
def test_a_power_is_typed_as_power_or_as_micrometres(text: str, power: float | None) -> None:
    assert typed_power(text) == power


def test_the_mark_under_the_pointer_is_named(seat: Seat, slide: Path) -> None:
    view = opened(seat, slide)
    assert view.drawing.document is not None
    view.drawing.document.add([Annotation(rectangle((100, 100), (900, 900)), Kind.RECTANGLE, class_name="Tumor")])
    view.pointed_at(QPointF(*view.camera.to_screen(500, 420)))
    assert seat.window.status.pointer.text() == "x 500  y 420   Tumor"


def test_no_two_actions_share_a_key_on_either_kind_of_picture(seat: Seat, slide: Path) -> None:
    for kind in ("film", "slide"):
        if kind == "slide":
            opened(seat, slide)
        keys = [key.toString() for action in seat.window.actions_by_id.values() for key in action.shortcuts()]
        assert len(set(keys)) == len(keys), sorted(key for key in keys if keys.count(key) > 1)


def test_drawn_classified_measured_undone_and_done_again(seat: Seat, slide: Path) -> None:
    view, panel = opened(seat, slide), seat.window.side.marks
    document = view.drawing.document
    assert document is not None
    seat.act("tool-rectangle")
    drag(view, (300, 250), (350, 280), (420, 380))
    QTest.keyClick(view, Qt.Key.Key_1)
    (mark,) = document.marks.values()
    assert mark.class_name == "Tumor"
    seat.wait(lambda: panel.model.rowCount() == 1 and panel.model.mark(0).class_name == "Tumor", 10)
    a, b = view.camera.from_screen(300, 250), view.camera.from_screen(420, 380)
    area = abs(a[0] - b[0]) * abs(a[1] - b[1]) * 0.25
    assert panel.model.data(panel.model.index(0, 2)) == f"{area / 1e6:.3g} mm²"
    assert [item.text() for item in panel.classes.findItems("Tumor", Qt.MatchFlag.MatchContains)] == ["1  Tumor    1"]
    seat.act("undo")
    assert document.marks[mark.id].class_name == ""
    seat.act("undo")
    assert not document.marks
    seat.act("redo")
    seat.act("redo")
    assert document.marks[mark.id].class_name == "Tumor"
    seat.wait(lambda: panel.model.rowCount() == 1, 10)
    assert not panel._empty.isVisible()


def test_what_lies_inside_the_selected_area_is_counted_per_mm2(seat: Seat, slide: Path) -> None:
    view, panel = opened(seat, slide), seat.window.side.marks
    document = view.drawing.document
    assert document is not None
    area = Annotation(rectangle((0, 0), (2000, 1000)), Kind.RECTANGLE)
    cells = [Annotation(rectangle((x, 500), (x + 4, 504)), Kind.RECTANGLE, class_name="Tumor") for x in (100, 900, 1500, 2500)]
    document.add([area, *cells])
    seat.wait(lambda: panel.model.rowCount() == 5, 10)
    view.drawing.select([area.id])
    assert panel._summary.text() == "Inside the selected area: 3 Tumor (6 / mm²)"


def test_the_panel_outlives_the_view_before(seat: Seat, slide: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.tif"
    form = {"photometric": "rgb", "resolution": (20_000, 20_000), "resolutionunit": "CENTIMETER"}
    tifffile.imwrite(other, np.full((600, 800, 3), 200, np.uint8), tile=(256, 256), **form)
    view = opened(seat, slide)
    assert view.drawing.document is not None
    mark = Annotation(rectangle((0, 0), (9, 9)), Kind.RECTANGLE, class_name="Tumor")
    view.drawing.document.add([mark])
    opened(seat, other)
    seat.show(slide)
    seat.wait(lambda: seat.window.panes.pane.standing == slide, 10)
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    again, panel = seat.window.panes.view, seat.window.side.marks
    assert isinstance(again, MarkedSlide)
    assert panel._view is again
    seat.wait(lambda: panel.model.rowCount() == 1, 10)
    again.drawing.select([mark.id])
    assert [index.row() for index in panel.table.selectionModel().selectedRows()] == [0]


def test_two_panes_of_one_slide_show_the_same_marks(seat: Seat, slide: Path) -> None:
    view = opened(seat, slide)
    seat.act("panes-2")
    seat.window.panes.activate(1)
    seat.window.shelf.show(slide)
    other = seat.window.panes.panes[1]
    seat.wait(lambda: isinstance(other.view, MarkedSlide) and other.view.drawing.document is not None, 20)
    assert isinstance(other.view, MarkedSlide)
    assert other.view.drawing.document is view.drawing.document


DRAWER = """
import sys, threading, time
from pathlib import Path
from PySide6.QtCore import QPoint, QPointF, Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog, QInputDialog, QMessageBox
from PySide6.QtWidgets import QApplication
from app.settings import Settings
from app.window import Window
app = QApplication([])
window = Window(Settings())
window.resize(1200, 800)
window.show()
window.engine_timer.stop()
slide = Path(sys.argv[1])
window.open_paths([slide])
while window.marking.kept(slide) is None:
    QTest.qWait(10)
view, kept = window.panes.view, window.marking.kept(slide)
for number in range(4):
    window.actions_by_id["tool-rectangle"].trigger()
    QTest.mousePress(view, Qt.LeftButton, pos=QPoint(200 + 60 * number, 300))
    QTest.mouseMove(view, QPoint(220 + 60 * number, 320))
    QTest.mouseRelease(view, Qt.LeftButton, pos=QPoint(240 + 60 * number, 340))
while kept.keeping.unwritten:
    time.sleep(0.001)
window.actions_by_id["tool-rectangle"].trigger()
QTest.mousePress(view, Qt.LeftButton, pos=QPoint(300, 500))
QTest.mouseMove(view, QPoint(340, 560))
print("drawing", flush=True)
while True:
    QTest.qWait(50)
"""


def test_kill_9_loses_at_most_the_stroke_in_progress(seat: Seat, slide: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    command = [sys.executable, "-c", DRAWER, str(slide)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT, env=environment
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "drawing"
        time.sleep(0.1)
        process.send_signal(signal.SIGKILL)
    view = opened(seat, slide)
    assert view.drawing.document is not None
    assert len(view.drawing.document.marks) == 4


def test_neither_slide_nor_window_closes_while_marks_would_be_lost(
    seat: Seat, slide: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = opened(seat, slide)
    refuses, write, asked = [True], Store.write, list[str]()

    def full(store: Store, edits: list[Edit]) -> None:
        if refuses:
            raise StoreError("The marks of this slide cannot be written (database or disk is full).")
        write(store, edits)

    def answer(*words: object) -> QMessageBox.StandardButton:
        asked.append(str(words[2]))
        return QMessageBox.StandardButton.Cancel

    monkeypatch.setattr(Store, "write", full)
    monkeypatch.setattr("viewers.annotations.keeping.RETRY_S", 0.05)
    monkeypatch.setattr(QMessageBox, "warning", answer)
    assert view.drawing.document is not None
    view.drawing.document.add([Annotation(rectangle((0, 0), (10, 10)), Kind.RECTANGLE)])
    seat.wait(lambda: "disk is full" in seat.window.side.marks._word.text(), 10)
    assert not seat.window.close()
    seat.act("close")
    assert len(asked) == 2
    assert all("slide.tif" in one for one in asked)
    assert seat.window.marking.kept(slide) is not None
    refuses.clear()
    seat.wait(lambda: not seat.window.marking.unsaved() and not seat.window.side.marks._word.text(), 10)
    seat.act("close")
    assert len(asked) == 2
    assert seat.window.marking.kept(slide) is None


def test_what_a_closed_slide_has_still_to_write_is_written_before_the_window_ends(seat: Seat, slide: Path) -> None:
    view = opened(seat, slide)
    document = view.drawing.document
    assert document is not None
    places = [(x, y) for x in range(0, 4000, 20) for y in range(0, 3000, 60)]
    document.add([Annotation(rectangle((x, y), (x + 9, y + 9)), Kind.RECTANGLE) for x, y in places])
    document.classify(list(document.marks), "Tumor")
    file = next(Path(os.environ["HILUM_HOME"]).glob("marks/*.marks"))
    seat.act("close")
    seat.window.close()
    store = Store(file)
    marks, _ = store.load()
    store.close()
    assert len(marks) == len(places)
    assert {one.class_name for one in marks} == {"Tumor"}


def test_closed_and_opened_again_while_its_marks_were_still_written(
    seat: Seat, slide: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, slow = Store.write, threading.Event()

    def slowly(store: Store, edits: list[Edit]) -> None:
        slow.wait(0.5)
        write(store, edits)

    monkeypatch.setattr(Store, "write", slowly)
    view = opened(seat, slide)
    assert view.drawing.document is not None
    view.drawing.document.add([Annotation(rectangle((0, 0), (10, 10)), Kind.RECTANGLE)])
    seat.act("close")
    again = opened(seat, slide)
    assert again.drawing.document is not None
    assert len(again.drawing.document.marks) == 1


def test_closed_and_opened_again_while_its_marks_were_still_to_be_read(seat: Seat, slide: Path, tmp_path: Path) -> None:
    busy = threading.Event()
    seat.window.marking._errands.start(slide, "busy", lambda: busy.wait(20))
    seat.open(slide)
    seat.act("close")
    seat.open(slide)
    busy.set()
    seat.wait(lambda: seat.window.marking.kept(slide) is not None, 20)
    view = seat.window.panes.view
    assert isinstance(view, MarkedSlide)
    seat.act("tool-rectangle")
    drag(view, (300, 250), (350, 280), (420, 380))
    seat.bot.wait(300)
    kept = seat.window.marking.kept(slide)
    assert kept is not None
    assert view.drawing.document is kept.document
    assert len(kept.document.marks) == 1
    assert [one.name for one in threading.enumerate()].count("hilum-marks") == 1


def test_a_file_that_fails_while_marks_are_still_to_be_read_does_not_lose_them(seat: Seat, slide: Path, tmp_path: Path) -> None:
    busy = threading.Event()
    seat.window.marking._errands.start(slide, "busy", lambda: busy.wait(20))
    seat.open(slide)
    seat.window.marking.import_file(tmp_path / "nowhere.geojson")
    seat.wait(lambda: "nowhere.geojson" in seat.window.side.marks._word.text(), 20)
    busy.set()
    seat.wait(lambda: seat.window.marking.kept(slide) is not None, 20)


def test_escape_and_backspace_reach_the_hand(seat: Seat, slide: Path) -> None:
    view = opened(seat, slide)
    document = view.drawing.document
    assert document is not None
    QTest.keyClick(view, "P")
    for place in ((300, 250), (400, 260), (420, 380), (350, 400)):
        QTest.mouseClick(view, Qt.MouseButton.LeftButton, pos=QPoint(*place))
    QTest.keyClick(view, Qt.Key.Key_Backspace)
    QTest.keyClick(view, Qt.Key.Key_Return)
    (mark,) = document.marks.values()
    assert len(shapely.get_coordinates(mark.geometry)) == 4
    QTest.keyClick(view, Qt.Key.Key_Escape)
    assert not view.drawing.selected
    QTest.keyClick(view, "R")
    QTest.mousePress(view, Qt.MouseButton.LeftButton, pos=QPoint(200, 200))
    QTest.mouseMove(view, QPoint(240, 240))
    QTest.keyClick(view, Qt.Key.Key_Escape)
    QTest.mouseRelease(view, Qt.MouseButton.LeftButton, pos=QPoint(260, 260))
    assert list(document.marks) == [mark.id]
    view.drawing.select([mark.id])
    QTest.keyClick(view, Qt.Key.Key_Backspace)
    assert not document.marks


def test_the_active_class_follows_its_new_name_and_goes_with_its_class(seat: Seat, slide: Path) -> None:
    view = opened(seat, slide)
    document, panel = view.drawing.document, seat.window.side.marks
    assert document is not None
    QTest.keyClick(view, "1")
    document.rename_class("Tumor", AnnotationClass("Carcinoma", (1, 2, 3), "1"))
    seat.act("tool-rectangle")
    drag(view, (300, 250), (350, 280), (420, 380))
    assert [one.class_name for one in document.marks.values()] == ["Carcinoma"]
    document.remove_class("Carcinoma")
    assert view.drawing.active_class == ""
    document.add([Annotation(rectangle((0, 0), (9, 9)), Kind.RECTANGLE, class_name="Tumor")])
    keys = [one.key for one in document.classes if one.key]
    assert len(set(keys)) == len(keys)
    seat.bot.wait(20)
    item = panel.classes.findItems("Stroma", Qt.MatchFlag.MatchContains)[0]
    box = panel.classes.visualItemRect(item)
    QTest.mouseClick(panel.classes.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(box.left() + 8, box.center().y()))
    stroma = document.class_of("Stroma")
    assert stroma is not None
    assert not stroma.visible


def test_a_double_click_on_a_class_changes_no_mark(seat: Seat, slide: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    view = opened(seat, slide)
    document, panel = view.drawing.document, seat.window.side.marks
    assert document is not None
    mark = Annotation(rectangle((0, 0), (9, 9)), Kind.RECTANGLE, class_name="Tumor")
    document.add([mark])
    view.drawing.select([mark.id])
    seat.bot.wait(20)
    monkeypatch.setattr(QInputDialog, "getText", lambda *_, **__: ("", False))
    item = panel.classes.findItems("Stroma", Qt.MatchFlag.MatchContains)[0]
    place = panel.classes.visualItemRect(item).center()
    QTest.mouseClick(panel.classes.viewport(), Qt.MouseButton.LeftButton, pos=place)
    QTest.mouseDClick(panel.classes.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert document.marks[mark.id].class_name == "Tumor"
    panel.assign_class()
    assert document.marks[mark.id].class_name == "Stroma"


def test_the_brush_that_takes_everything_away_leaves_nothing(seat: Seat, slide: Path) -> None:
    view = opened(seat, slide)
    document = view.drawing.document
    assert document is not None
    document.add([Annotation(rectangle((1000, 1000), (1200, 1200)), Kind.RECTANGLE)])
    view.drawing.select(document.marks)
    seat.act("tool-brush")
    view.drawing.brush_px = 300
    u, v = (round(place) for place in view.camera.to_screen(1100, 1100))
    alt = Qt.KeyboardModifier.AltModifier
    QTest.mousePress(view, Qt.MouseButton.LeftButton, alt, QPoint(u, v))
    QTest.mouseMove(view, QPoint(u + 5, v))
    view.repaint()
    QTest.mouseRelease(view, Qt.MouseButton.LeftButton, alt, QPoint(u, v))
    assert not document.marks
    document.undo()
    assert len(document.marks) == 1


def test_what_is_hidden_is_not_deleted(seat: Seat, slide: Path) -> None:
    view = opened(seat, slide)
    document = view.drawing.document
    assert document is not None
    document.add([Annotation(rectangle((0, 0), (9, 9)), Kind.RECTANGLE, class_name="Tumor")])
    for act in ("show-marks", "all-marks", "delete-marks"):
        seat.act(act)
    assert len(document.marks) == 1
    seat.act("show-marks")
    view.drawing.select(document.marks)
    document.set_classes([replace(one, visible=one.name != "Tumor") for one in document.classes])
    assert not view.drawing.selected


def test_the_chosen_form_is_written_and_the_same_file_comes_in_once(
    seat: Seat, slide: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = opened(seat, slide)
    document = view.drawing.document
    assert document is not None
    document.add([Annotation(rectangle((0, 0), (9, 9)), Kind.RECTANGLE, class_name="Tumor")])
    for number, (form, (ending, _)) in enumerate(WRITES.items()):
        name = str(tmp_path / f"case 12.{number}")
        monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, name=name, form=form: (name, form))
        seat.window.marking.choose_export()
        seat.wait(Path(name + ending).exists, 30)
    seat.window.marking.import_file(tmp_path / "case 12.0.geojson")
    seat.wait(lambda: seat.window.status.note.text() == "all of these marks are there already", 20)
    assert len(document.marks) == 1


def test_marks_follow_a_slide_that_was_moved_and_renamed(seat: Seat, slide: Path, tmp_path: Path) -> None:
    view = opened(seat, slide)
    assert view.drawing.document is not None
    view.drawing.document.add([Annotation(rectangle((0, 0), (10, 10)), Kind.RECTANGLE, name="kept")])
    seat.act("close")
    moved = tmp_path / "elsewhere" / "renamed.tif"
    moved.parent.mkdir()
    slide.rename(moved)
    again = opened(seat, moved)
    assert again.drawing.document is not None
    assert [one.name for one in again.drawing.document.marks.values()] == ["kept"]


def test_bookmarks_are_there_again(seat: Seat, slide: Path) -> None:
    view = opened(seat, slide)
    view.zoom_to(0.5)
    view.centre_on(1500, 900)
    seat.act("bookmark")
    seat.window.looking.bookmarking.close()
    seat.act("close")
    again = opened(seat, slide)
    seat.act("next-bookmark")
    assert (again.camera.x, again.camera.y, again.camera.device_scale) == pytest.approx((1500, 900, 0.5))


def test_any_file_of_a_dicom_slide_has_the_same_marks() -> None:
    folder = ROOT.parent / "shared" / "data" / "slides" / "CMU-1-Small-Region_dicom"
    if not folder.is_dir():
        pytest.skip("no shared slides")
    names = set()
    for path in (folder, *sorted(folder.glob("*.dcm"))[:3]):
        source = open_source(path)
        names.add(identity(path, source))
        source.close()
    assert len(names) == 1


def test_geojson_comes_in_and_goes_out_and_measurements_too(seat: Seat, slide: Path, tmp_path: Path) -> None:
    view = opened(seat, slide)
    document = view.drawing.document
    assert document is not None
    ring = [[100, 100], [300, 100], [300, 200], [100, 200], [100, 100]]
    feature = {
        "type": "Feature",
        "id": "4a7a9a3e-0000-4000-8000-000000000001",
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "properties": {"objectType": "annotation", "classification": {"name": "Mitosis", "color": [10, 20, 30]}},
    }
    file = tmp_path / "marks.geojson"
    file.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    seat.window.marking.import_file(file)
    seat.wait(lambda: len(document.marks) == 1, 20)
    assert document.colour_of("Mitosis") == (10, 20, 30)
    out, table = tmp_path / "out.geojson", tmp_path / "out.csv"
    seat.window.marking.export(out)
    seat.window.marking.export(table)
    seat.wait(lambda: out.exists() and table.exists(), 20)
    (written,) = json.loads(out.read_text())["features"]
    assert shapely.geometry.shape(written["geometry"]).equals(shapely.box(100, 100, 300, 200))
    rows = list(csv.DictReader(table.read_text(encoding="utf-8").splitlines()))
    assert float(rows[0]["area (µm²)"]) == pytest.approx(200 * 100 * 0.25)
    seat.act("undo")
    assert not document.marks


def test_dicom_goes_out_and_comes_back(seat: Seat, slide: Path, tmp_path: Path) -> None:
    view = opened(seat, slide)
    document = view.drawing.document
    assert document is not None
    document.add([Annotation(rectangle((100, 100), (300, 250)), Kind.RECTANGLE, class_name="Tumor")])
    for form, title in (("ann", "Annotations"), ("sr", "Comprehensive 3D SR")):
        out = tmp_path / f"{form}.dcm"
        seat.window.marking.export(out, form)  # type: ignore[arg-type]
        seat.wait(out.exists, 30)
        assert title in pydicom.dcmread(out).SOPClassUID.name
        document.remove(list(document.marks))
        seat.window.marking.import_file(out)
        seat.wait(lambda: len(document.marks) == 1, 20)
        (mark,) = document.marks.values()
        assert mark.geometry.equals_exact(shapely.box(100, 100, 300, 250), 1e-3) or mark.geometry.equals(
            shapely.box(100, 100, 300, 250)
        )


def test_a_file_that_holds_no_marks_says_so_and_nothing_changes(seat: Seat, slide: Path, tmp_path: Path) -> None:
    view = opened(seat, slide)
    bad = tmp_path / "bad.geojson"
    bad.write_text("{ nothing")
    seat.window.marking.import_file(bad)
    seat.wait(lambda: "bad.geojson" in seat.window.side.marks._word.text(), 20)
    assert view.drawing.document is not None
    assert not view.drawing.document.marks


def test_the_tissue_becomes_marks_that_can_be_changed(seat: Seat, slide: Path) -> None:
    view = opened(seat, slide)
    document = view.drawing.document
    assert document is not None
    seat.act("tissue")
    seat.wait(lambda: bool(document.marks), 30)
    found = shapely.union_all([one.geometry for one in document.marks.values()])
    truth = shapely.box(1000, 500, 3000, 2500)
    assert found.intersection(truth).area / found.union(truth).area > 0.95
    assert {one.class_name for one in document.marks.values()} == {"Tissue"}
    seat.act("all-marks")
    seat.act("delete-marks")
    assert not document.marks
