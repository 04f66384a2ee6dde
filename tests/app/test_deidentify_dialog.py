"""De-identifying from the window: proposals, a person's boxes, attributes before and after, and what is written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from PySide6.QtCore import QPoint, Qt
from pytestqt.qtbot import QtBot

from app.panels.box_picture import BoxPicture
from app.panels.deidentify_dialog import HIDDEN, DeidentifyDialog
from tests.app.conftest import Seat
from tests.viewers.deidentify import films
from tests.viewers.deidentify.conftest import ct
from viewers.deidentify.options import Option
from viewers.geometry import Region, Size
from viewers.qimage import to_qimage


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HILUM_HOME", str(tmp_path / "home"))


@pytest.fixture
def film(tmp_path: Path) -> Path:
    made = films.burned(films.plain(3), ["SMITH JOHN 67Y"], "DejaVuSans.ttf", 20, 255, "top-left")
    path = tmp_path / "originals" / "film.dcm"
    path.parent.mkdir()
    dataset = ct(Rows=512, Columns=512, PixelData=made.pixels.astype("<u2").tobytes(), SeriesDescription="chest Smith")
    dataset.save_as(path, enforce_file_format=True)
    return path


def dialog_of(seat: Seat) -> DeidentifyDialog:
    dialog = seat.window.deidentifying.dialog
    assert dialog is not None
    return dialog


def test_the_opened_picture(seat: Seat, film: Path, tmp_path: Path) -> None:
    seat.open(film)
    seat.act("deidentify")
    dialog = dialog_of(seat)
    seat.wait(lambda: len(dialog.boxes) == 1)
    assert not dialog.start.isEnabled()
    dialog.checks[Option.DESCRIPTORS].setChecked(True)
    dialog.checks[Option.FULL_DATES].setChecked(True)
    dialog.checks[Option.MODIFIED_DATES].setChecked(True)
    assert not dialog.checks[Option.FULL_DATES].isChecked()
    dialog.tabs.setCurrentIndex(1)
    seat.wait(lambda: dialog.table.rowCount() > 20)
    rows = {dialog.table.item(row, 1).text(): row for row in range(dialog.table.rowCount())}
    cell = lambda name, column: dialog.table.item(rows[name], column).text()  # noqa: E731
    assert cell("Patient's Name", 2) == cell("Patient ID", 2) == HIDDEN
    assert cell("Series Description", 3) == "chest"
    assert cell("Modality", 3) == "kept"
    dialog.reveal.click()
    assert "Smith" in cell("Patient's Name", 2)
    dialog.tabs.setCurrentIndex(0)
    dialog.looked.setChecked(True)
    dialog.out.setText(str(tmp_path / "out"))
    dialog.start.click()
    seat.wait(lambda: "done" in dialog.word.text())
    made = pydicom.dcmread(next((tmp_path / "out").rglob("*.dcm")))
    assert made.BurnedInAnnotation == "NO"
    assert len(np.unique(made.pixel_array[12:26, 10:120])) == 1
    assert made.SeriesDescription == "chest"
    assert "smith" not in str(made).lower()
    dialog.close()


def test_without_a_look_the_film_is_held_back(seat: Seat, film: Path, tmp_path: Path) -> None:
    seat.open(film)
    seat.act("deidentify")
    dialog = dialog_of(seat)
    seat.wait(lambda: len(dialog.boxes) == 1)
    dialog.picture.clear()
    dialog.out.setText(str(tmp_path / "out"))
    dialog.start.click()
    seat.wait(lambda: "held back" in dialog.word.text())
    assert not list((tmp_path / "out").rglob("*.dcm"))
    dialog.out.setText(str(film.parent / "out"))
    dialog.start.click()
    seat.wait(lambda: "folder of the originals" in dialog.word.text())
    dialog.close()


def test_a_folder_without_a_picture(seat: Seat, film: Path, tmp_path: Path) -> None:
    seat.act("deidentify")
    dialog = dialog_of(seat)
    dialog.out.setText(str(tmp_path / "out"))
    dialog.start.click()
    assert "Open a DICOM picture" in dialog.word.text()
    dialog.folderChosen.emit(film.parent)
    dialog.proposed.setChecked(True)
    dialog.start.click()
    seat.wait(lambda: "1 done" in dialog.word.text())
    assert len(list((tmp_path / "out").rglob("*.dcm"))) == 1
    dialog.close()


def test_boxes_are_drawn_moved_and_removed(qtbot: QtBot) -> None:
    picture = BoxPicture()
    qtbot.addWidget(picture)
    picture.resize(400, 200)
    picture.show_image(to_qimage(np.zeros((100, 200, 3), np.uint8)), Size(200, 100))
    picture.show()
    left = Qt.MouseButton.LeftButton
    qtbot.mousePress(picture, left, pos=QPoint(20, 40))
    qtbot.mouseMove(picture, QPoint(60, 80))
    qtbot.mouseRelease(picture, left, pos=QPoint(60, 80))
    assert picture.boxes == (Region(10, 20, 21, 21),)
    qtbot.mousePress(picture, left, pos=QPoint(30, 50))
    qtbot.mouseMove(picture, QPoint(50, 50))
    qtbot.mouseRelease(picture, left, pos=QPoint(50, 50))
    assert picture.boxes == (Region(20, 20, 21, 21),)
    qtbot.keyClick(picture, Qt.Key.Key_Down)
    assert picture.boxes[0].y == 21
    picture.propose([Region(0, 0, 5, 5)])
    assert len(picture.boxes) == 2
    qtbot.keyClick(picture, Qt.Key.Key_Delete)
    assert picture.boxes == (Region(0, 0, 5, 5),)
    qtbot.keyClick(picture, Qt.Key.Key_N)
    qtbot.keyClick(picture, Qt.Key.Key_Delete)
    assert picture.boxes == ()


def test_the_opened_waveform(seat: Seat, tmp_path: Path) -> None:
    ecg = tmp_path / "originals" / "ecg.dcm"
    ecg.parent.mkdir()
    ecg.write_bytes((Path(pydicom.__file__).parent / "data/test_files/waveform_ecg.dcm").read_bytes())
    seat.open(ecg)
    seat.act("deidentify")
    dialog = dialog_of(seat)
    assert dialog.what.text() == "The opened waveform: 1 file"
    assert dialog.boxes == ()
    dialog.out.setText(str(tmp_path / "out"))
    dialog.start.click()
    seat.wait(lambda: dialog.word.text() == "1 done.")
    (made,) = (tmp_path / "out").rglob("*.dcm")
    assert pydicom.dcmread(made).WaveformSequence[0].NumberOfWaveformChannels == 12
