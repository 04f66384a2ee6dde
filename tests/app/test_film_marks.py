"""Measuring in the real window: by the keys given for it, kept through a kill and a move, listed for the study, exported."""

from __future__ import annotations

import csv
import math
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pydicom
import pytest
import shapely
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog

from app.film_marking import WRITES
from tests.app.conftest import Seat
from tests.app.dicom_files import write
from viewers.film_marks.film_mark import FilmTool, beside, tool_of
from viewers.marked_film import MarkedFilm

ROOT = Path(__file__).parents[2]
PIXELS = np.random.default_rng(4).integers(0, 4000, (300, 400)).astype("<u2")
TOOLS = {
    "T": FilmTool.LENGTH, "G": FilmTool.ANGLE, "Y": FilmTool.COBB, "O": FilmTool.ELLIPSE, "W": FilmTool.RECTANGLE,
    "N": FilmTool.FREEHAND, ".": FilmTool.PROBE, "U": FilmTool.RATIO,
}  # fmt: skip


@pytest.fixture
def chest(tmp_path: Path) -> Path:
    return write(
        tmp_path / "study" / "chest.dcm", PIXELS, ImagerPixelSpacing=[0.5, 0.5], BodyPartExamined="CHEST", ViewPosition="PA",
        StudyID="1", AccessionNumber="", ReferringPhysicianName="", PatientSex="O",
    )  # fmt: skip


def opened(seat: Seat, film: Path) -> MarkedFilm:
    seat.open(film)
    return laid(seat, film)


def laid(seat: Seat, film: Path) -> MarkedFilm:
    """The active pane's view once its marks are there."""

    def there() -> bool:
        view = seat.window.panes.view
        return (
            seat.window.panes.pane.standing == film and isinstance(view, MarkedFilm) and view.drawing.document is not None
        )  # fmt: skip

    seat.wait(there, 20)
    view = seat.window.panes.view
    assert isinstance(view, MarkedFilm)
    seat.window.side.show_marks()
    seat.window.activateWindow()
    view.setFocus()
    return view


def at(view: MarkedFilm, x: float, y: float) -> QPoint:
    u, v = view.camera.to_screen(x, y)
    return QPoint(round(u), round(v))


def drag(view: MarkedFilm, *places: tuple[float, float]) -> None:
    points = [at(view, *place) for place in places]
    QTest.mousePress(view, Qt.MouseButton.LeftButton, pos=points[0])
    for point in points[1:]:
        QTest.mouseMove(view, point)
    QTest.mouseRelease(view, Qt.MouseButton.LeftButton, pos=points[-1])


def table(seat: Seat) -> list[tuple[str, str, str]]:
    model = seat.window.side.films.table.model()
    return [
        tuple(str(model.data(model.index(row, column))) for column in range(3))  # type: ignore[misc]
        for row in range(model.rowCount())
    ]


def test_the_keys_are_tools_on_films_and_not_on_slides(seat: Seat, chest: Path) -> None:
    view = opened(seat, chest)
    for key, tool in TOOLS.items():
        QTest.keyClick(view, key)
        assert view.drawing.tool == tool
        QTest.keyClick(view, Qt.Key.Key_Escape)
        assert view.drawing.tool == ""
    shortcuts = [
        key.toString() for action in seat.window.actions_by_id.values() for key in action.shortcuts() if action.isEnabled()
    ]
    assert len(shortcuts) == len(set(shortcuts))
    assert seat.window.side.isTabVisible(seat.window.side.indexOf(seat.window.side.films))
    assert not seat.window.side.isTabVisible(seat.window.side.indexOf(seat.window.side.marks))


def test_every_tool_is_drawn_listed_undone_and_found_again_elsewhere(seat: Seat, chest: Path, tmp_path: Path) -> None:
    view = opened(seat, chest)
    QTest.keyClick(view, "T")
    drag(view, (100, 50), (150, 60), (220, 140))
    QTest.keyClick(view, "U")
    drag(view, (150, 200), (200, 200), (250, 200))
    drag(view, (100, 220), (150, 220), (300, 220))
    QTest.keyClick(view, "W")
    drag(view, (50, 60), (60, 70), (90, 100))
    QTest.keyClick(view, ".")
    drag(view, (330.5, 80.5))
    seat.wait(lambda: len(table(seat)) == 4 and "mean" in table(seat)[2][1], 20)
    rows = table(seat)
    document = view.drawing.document
    assert document is not None
    length, ratio, box, _ = document.marks.values()
    a, b = shapely.get_coordinates(length.geometry)
    assert rows[0] == ("Length", f"{math.hypot(*(b - a)) * 0.5:.1f} mm at detector", "here")
    heart, thorax = (part.length for part in ratio.geometry.geoms)
    assert rows[1][:2] == ("Cardiothoracic ratio", f"{heart / thorax:.2f}")
    y, x = np.mgrid[:300, :400] + 0.5
    x0, y0, x1, y1 = box.geometry.bounds
    inside = PIXELS[(x >= x0) & (x < x1) & (y >= y0) & (y < y1)]
    assert rows[2][1].startswith(f"mean {inside.mean():.1f}, ")
    assert rows[3][:2] == ("Probe", str(PIXELS[80, 330]))
    seat.act("undo")
    seat.wait(lambda: len(table(seat)) == 3, 20)
    seat.act("redo")
    seat.wait(lambda: len(table(seat)) == 4, 20)
    kept = [(one.id, one.object_type, one.geometry.wkt, one.rest) for one in document.marks.values()]
    seat.window.browser.select(chest)
    seat.act("close")
    elsewhere = tmp_path / "moved" / "another-name.dcm"
    elsewhere.parent.mkdir()
    shutil.copy(chest, elsewhere)
    again = opened(seat, elsewhere)
    seat.wait(lambda: len(table(seat)) == 4, 20)
    assert again.drawing.document is not None
    assert [(one.id, one.object_type, one.geometry.wkt, one.rest) for one in again.drawing.document.marks.values()] == kept


def test_a_mark_belongs_to_its_slice_however_the_series_is_opened(seat: Seat, tmp_path: Path) -> None:
    """Four slices of a folder; the third in place is opened alone afterwards: its mark is there, the others' are not."""
    folder = tmp_path / "series"
    form = {"SeriesInstanceUID": "1.2.3.9", "ImageOrientationPatient": [1, 0, 0, 0, 1, 0], "PixelSpacing": [0.5, 0.5]}
    order = (2, 0, 3, 1)
    for place in order:
        write(
            folder / f"slice-{order.index(place)}.dcm", PIXELS, "CT", InstanceNumber=order.index(place),
            ImagePositionPatient=[0, 0, 5.0 * place], RescaleSlope=1, RescaleIntercept=0, **form,
        )  # fmt: skip
    view = opened(seat, folder)
    for number in (1, 2):
        view.set_frame(number)
        QTest.keyClick(view, "T")
        drag(view, (100, 50 + 20 * number), (150, 60), (220, 140))
    seat.wait(lambda: [row[2] for row in table(seat)] == ["image 2", "image 3"], 20)
    document = view.drawing.document
    assert document is not None
    wanted = list(document.marks.values())[1].id
    view.set_frame(0)
    panel = seat.window.side.films
    panel.table.itemDoubleClicked.emit(panel.table.item(1, 0))
    assert view.frame == 2
    assert list(view.drawing.selected_ids) == [wanted]
    seat.window.browser.select(folder)
    seat.act("close")
    alone = folder / f"slice-{order.index(2)}.dcm"
    alone = Path(shutil.copy(alone, tmp_path / "alone.dcm"))
    single = opened(seat, alone)
    seat.wait(lambda: len(table(seat)) == 1, 20)
    assert [one.id for one in single.drawing.document.marks.values() if single.drawing.shows(one)] == [wanted]  # type: ignore[union-attr]


def test_a_series_open_as_a_folder_and_as_one_file_has_its_marks_once(seat: Seat, tmp_path: Path) -> None:
    """What is drawn on either is on both at once, in one table, undone on either, and on disk whichever is closed first."""
    folder = tmp_path / "series"
    form = {"SeriesInstanceUID": "1.2.3.9", "ImageOrientationPatient": [1, 0, 0, 0, 1, 0], "PixelSpacing": [0.5, 0.5]}
    files = [
        write(
            folder / f"slice-{number}.dcm", PIXELS, "CT", InstanceNumber=number, ImagePositionPatient=[0, 0, 5.0 * number],
            RescaleSlope=1, RescaleIntercept=0, **form,
        )
        for number in range(3)
    ]  # fmt: skip
    alone = Path(shutil.copy(files[1], tmp_path / "alone.dcm"))
    stack = opened(seat, folder)
    stack.set_frame(1)
    QTest.keyClick(stack, "T")
    drag(stack, (100, 50), (150, 60), (220, 140))
    document = stack.drawing.document
    assert document is not None
    single = opened(seat, alone)
    assert single.drawing.document is document
    seat.wait(lambda: [row[2] for row in table(seat)] == ["here"], 20)
    QTest.keyClick(single, "T")
    drag(single, (100, 150), (150, 160), (220, 240))
    seat.wait(lambda: [row[2] for row in table(seat)] == ["here", "here"], 20)
    first, second = document.marks
    seat.show(folder)
    stack = laid(seat, folder)
    seat.wait(lambda: [row[2] for row in table(seat)] == ["image 2", "image 2"], 20)
    stack.set_frame(1)
    assert sorted(one.id for one in document.marks.values() if stack.drawing.shows(one)) == sorted((first, second))
    document.remove([first])
    seat.act("close")
    single = laid(seat, alone)
    assert single.drawing.document is document
    seat.act("undo")
    assert set(document.marks) == {first, second}
    document.remove([second])
    seat.act("close")
    seat.wait(lambda: not seat.window.film_marking._known, 20)
    again = opened(seat, folder)
    seat.wait(lambda: len(table(seat)) == 1, 20)
    assert again.drawing.document is not None
    assert list(again.drawing.document.marks) == [first]


def test_a_calibration_is_typed_said_and_taken_back(seat: Seat, chest: Path) -> None:
    view = opened(seat, chest)
    QTest.keyClick(view, "T")
    drag(view, (100, 50), (150, 50), (200, 50))
    seat.act("film-calibration")
    drag(view, (50, 100), (100, 100), (150, 100))
    dialog = seat.window.film_marking.words.dialog
    assert dialog is not None
    dialog.setTextValue("2.5 cm")
    dialog.accept()
    line = next(one for one in view.drawing.document.marks.values() if tool_of(one) is FilmTool.CALIBRATION)  # type: ignore[union-attr]
    assert beside(line).known_mm == 25
    scale = 25 / line.geometry.length
    seat.wait(lambda: len(table(seat)) == 2 and "calibrated by the reader" in table(seat)[0][1], 20)
    length = next(iter(view.drawing.document.marks.values()))  # type: ignore[union-attr]
    assert table(seat)[0][1] == f"{length.geometry.length * scale:.1f} mm calibrated by the reader"
    assert any("calibrated by the reader" in line for line in view.corner_lines()["bottom-right"])
    assert any(abs(float(line.split()[0]) - scale) < 0.001 for line in view.corner_lines()["bottom-right"] if "mm/px" in line)
    seat.act("undo")
    seat.wait(lambda: table(seat)[0][1].endswith("at detector"), 20)
    seat.act("film-calibration")
    drag(view, (50, 100), (100, 100), (150, 100))
    dialog = seat.window.film_marking.words.dialog
    assert dialog is not None
    dialog.setTextValue("long")
    dialog.accept()
    assert "is no length" in seat.window.status.note.text()
    assert len(view.drawing.document.marks) == 1  # type: ignore[union-attr]


def test_an_arrows_text_and_a_text_given_later(seat: Seat, chest: Path) -> None:
    view = opened(seat, chest)
    seat.act("film-arrow")
    drag(view, (100, 50), (150, 60), (220, 140))
    assert seat.window.film_marking.words.dialog is not None
    seat.window.film_marking.words.dialog.setTextValue("=nodule?")
    seat.window.film_marking.words.dialog.accept()
    seat.wait(lambda: [row[:2] for row in table(seat)] == [("=nodule?", "=nodule?")], 20)
    seat.act("film-text")
    assert seat.window.film_marking.words.dialog is not None
    seat.window.film_marking.words.dialog.setTextValue("granuloma")
    seat.window.film_marking.words.dialog.accept()
    seat.wait(lambda: table(seat)[0][0] == "granuloma", 20)


DRAWER = """
import sys, time
from pathlib import Path
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from app.settings import Settings
from app.window import Window
application = QApplication([])
window = Window(Settings())
window.resize(1400, 860)
window.show()
window.engine_timer.stop()
window.open_paths([Path(sys.argv[1])])
while getattr(getattr(window.panes.view, "drawing", None), "document", None) is None:
    application.processEvents()
    time.sleep(0.005)
view, kept = window.panes.view, window.marking.kept(Path(sys.argv[1]))
for number in range(3):
    view.set_marking("length")
    ends = [QPoint(*map(round, view.camera.to_screen(60, 40 + 30 * number))), QPoint(*map(round, view.camera.to_screen(200, 90)))]
    QTest.mousePress(view, Qt.MouseButton.LeftButton, pos=ends[0])
    QTest.mouseMove(view, ends[1])
    QTest.mouseRelease(view, Qt.MouseButton.LeftButton, pos=ends[1])
while kept.keeping.unwritten:
    time.sleep(0.005)
print("drawn", flush=True)
while True:
    application.processEvents()
    time.sleep(0.005)
"""


def test_kill_9_loses_no_measurement(seat: Seat, chest: Path) -> None:
    command = [sys.executable, "-c", DRAWER, str(chest)]
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT, env=environment
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "drawn"
        process.send_signal(signal.SIGKILL)
    view = opened(seat, chest)
    assert [tool_of(one) for one in view.drawing.document.marks.values()] == [FilmTool.LENGTH] * 3  # type: ignore[union-attr]


def test_the_study_is_one_table_and_one_file(seat: Seat, chest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lateral = write(
        tmp_path / "study" / "=lateral.dcm", PIXELS[:, :300], ImagerPixelSpacing=[0.2, 0.2], BodyPartExamined="CHEST",
        ViewPosition="LL",
    )  # fmt: skip
    stranger = write(tmp_path / "other.dcm", PIXELS, StudyInstanceUID="1.2.99", PatientID="P2")
    for film in (stranger, lateral, chest):
        view = opened(seat, film)
        QTest.keyClick(view, "T")
        drag(view, (100, 50), (150, 60), (220, 140))
    seat.wait(lambda: [row[2] for row in table(seat)] == ["here", "=lateral.dcm"], 20)
    assert [row[1].endswith("mm at detector") for row in table(seat)] == [True, True]
    out = tmp_path / "measured.csv"
    words = next(iter(WRITES))
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(out), words))
    seat.act("export-marks")
    seat.wait(out.exists, 20)
    with out.open(encoding="utf-8", newline="") as file:
        found = list(csv.DictReader(file))
    assert [row["picture"] for row in found] == ["chest.dcm", "'=lateral.dcm"]
    assert {(row["quantity"], row["unit"], row["spacing"]) for row in found} == {("Length", "mm", "at detector")}
    ends = shapely.get_coordinates(next(iter(view.drawing.document.marks.values())).geometry)  # type: ignore[union-attr]
    assert float(found[0]["value"]) == pytest.approx(math.hypot(*(ends[1] - ends[0])) * 0.5)
    seat.window.film_marking.go_to(seat.window.side.films._rows[1])
    other = laid(seat, lateral)
    seat.wait(lambda: len(other.drawing.selected) == 1, 20)


def test_a_film_that_stands_anew_keeps_what_is_selected(seat: Seat, chest: Path) -> None:
    view = opened(seat, chest)
    QTest.keyClick(view, "T")
    drag(view, (100, 50), (150, 60), (220, 140))
    seat.wait(lambda: view.settled, 20)
    marking = seat.window.marking
    assert view.drawing.document is not None
    chosen = list(view.drawing.document.marks)
    view.drawing.select(chosen)
    marking.shown(seat.window.panes.pane)
    marking._lay_film(chest, marking.films()[chest][1])
    assert [one.id for one in view.drawing.selected] == chosen
    view.drawing.delete_selected()
    assert not view.drawing.selected
    assert not view.drawing.document.marks
    assert view.drawing.document.undo()
    assert list(view.drawing.document.marks) == chosen


def test_dicom_leaves_as_the_film_is_shown(seat: Seat, chest: Path, tmp_path: Path) -> None:
    view = opened(seat, chest)
    QTest.keyClick(view, "T")
    drag(view, (100, 50), (150, 60), (220, 140))
    seat.act("turn-right")
    seat.act("invert")
    seat.wait(lambda: view.settled, 20)
    state, report = tmp_path / "state.dcm", tmp_path / "report.dcm"
    seat.window.film_marking.export(state, "presentation")
    seat.window.film_marking.export(report, "report")
    seat.wait(report.exists, 30)
    found = pydicom.dcmread(state)
    assert (found.ImageRotation, found.ImageHorizontalFlip, found.PresentationLUTShape) == (90, "N", "INVERSE")
    window = found.SoftcopyVOILUTSequence[0]
    assert (float(window.WindowCenter), float(window.WindowWidth)) == (2048, 4096)
    ends = shapely.get_coordinates(next(iter(view.drawing.document.marks.values())).geometry)  # type: ignore[union-attr]
    drawn = found.GraphicAnnotationSequence[0].GraphicObjectSequence[0].GraphicData
    assert list(drawn) == pytest.approx(ends.ravel().tolist(), abs=1e-4)
    assert pydicom.dcmread(report).SOPClassUID.name == "Comprehensive 3D SR Storage"


def test_a_picture_that_is_not_dicom_is_measured_in_pixels(seat: Seat, tmp_path: Path) -> None:
    from PIL import Image

    path = tmp_path / "film.png"
    Image.fromarray((PIXELS // 16).astype(np.uint8)).save(path)
    view = opened(seat, path)
    QTest.keyClick(view, "T")
    drag(view, (100, 50), (150, 60), (220, 140))
    seat.wait(lambda: len(table(seat)) == 1 and table(seat)[0][1].endswith("px (no spacing)"), 20)
    out = tmp_path / "report.dcm"
    seat.window.film_marking.export(out, "report")
    seat.wait(lambda: "only refer to DICOM" in seat.window.side.films._word.text(), 20)
    assert not out.exists()


def test_models_see_nothing_of_what_is_measured(seat: Seat, chest: Path) -> None:
    """Neither pixels nor the spacing a model is told change, and no word of a measurement gets into what it is sent."""
    from viewers.geometry import Region

    view = opened(seat, chest)
    source = view.source
    assert source is not None
    before, spacing = source.read(Region.whole(source.size)).copy(), source.spacing
    QTest.keyClick(view, "O")
    drag(view, (100, 50), (150, 60), (220, 140))
    seat.act("film-calibration")
    drag(view, (50, 100), (100, 100), (150, 100))
    assert seat.window.film_marking.words.dialog is not None
    seat.window.film_marking.words.dialog.setTextValue("25")
    seat.window.film_marking.words.dialog.accept()
    seat.wait(lambda: len(table(seat)) == 2, 20)
    assert (source.read(Region.whole(source.size)) == before).all()
    assert source.spacing is spacing
    assert view.spacing != spacing


def test_what_is_for_slides_says_so(seat: Seat, chest: Path) -> None:
    opened(seat, chest)
    seat.act("tissue")
    assert "for slides" in seat.window.status.note.text()
    assert seat.window.side.currentWidget() is seat.window.side.films
