"""The window of tags: follows pane and frame, searches, compares, hides the patient; and `hilum tags`."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pydicom
import pytest
from PySide6.QtCore import QModelIndex, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest

from app import cli
from app.panels.tags import TagWindow
from tests.app.conftest import Seat

BASE = Path(pydicom.__file__).parent / "data/test_files"


@pytest.fixture
def series(tmp_path: Path) -> Path:
    """Four slices of one patient, and a folder beside with another study of theirs."""
    for place in range(4):
        dataset = pydicom.dcmread(BASE / "CT_small.dcm")
        dataset.PatientName, dataset.PatientID, dataset.SeriesInstanceUID = "Secret^Anna", "MRN-4711", "1.9"
        dataset.ImagePositionPatient, dataset.InstanceNumber = [0, 0, place], place + 1
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = f"1.9.{place + 1}"
        path = tmp_path / "ct" / f"s{place}.dcm"
        path.parent.mkdir(exist_ok=True)
        dataset.save_as(path)
    dataset.SeriesInstanceUID, dataset.SeriesDescription = "1.10", "another"
    dataset.save_as(tmp_path / "other.dcm")
    return tmp_path / "ct"


def rows(window: TagWindow) -> dict[str, tuple[str, ...]]:
    """Name to value, or to both values, of every row."""
    model, found, queue = window.rows, {}, [QModelIndex()]
    while queue:
        above = queue.pop()
        for row in range(model.rowCount(above)):
            line = [model.index(row, column, above) for column in range(5)]
            found[str(line[1].data() or line[0].data())] = tuple(str(one.data()) for one in line[3:])
            queue.append(line[0])
    return found


def opened(seat: Seat, path: Path) -> TagWindow:
    seat.open(path)
    seat.act("tags")
    window = seat.window.tag_browsing.window
    assert window is not None
    seat.wait(lambda: window.rows.rowCount() > 10)
    return window


def test_the_tags_follow_the_frame(seat: Seat, series: Path) -> None:
    window = opened(seat, series)
    assert rows(window)["Instance Number"][0] == "1"
    assert "image 1 of 4" in window.title.text()
    window.view.setCurrentIndex(window.rows.index(8, 0))
    chosen = window.rows.held(window.view.currentIndex())
    seat.window.panes.view.set_frame(2)
    seat.wait(lambda: rows(window)["Instance Number"][0] == "3")
    assert "s2.dcm · image 3 of 4" in window.title.text()
    again = window.rows.held(window.view.currentIndex())
    assert chosen is not None
    assert again is not None
    assert again.either.tag if hasattr(again, "either") else again.tag == chosen.tag  # type: ignore[union-attr]


def test_a_waveform_has_tags(seat: Seat) -> None:
    window = opened(seat, BASE / "waveform_ecg.dcm")
    assert rows(window)["Modality"][0] == "ECG"


def test_a_file_that_was_away_is_read_when_it_is_back(seat: Seat, series: Path) -> None:
    window, view = opened(seat, series), seat.window.panes.view
    away = (series / "s2.dcm").rename(series.parent / "away")
    view.set_frame(2)
    seat.wait(lambda: "s2.dcm is not there" in window.word.text())
    assert "image 3 of 4" in window.title.text()
    view.set_frame(1)
    seat.wait(lambda: window.rows.rowCount() > 10 and rows(window)["Instance Number"][0] == "2")
    view.set_frame(2)
    seat.wait(lambda: "s2.dcm is not there" in window.word.text() and window.word.isVisible())
    away.rename(series / "s2.dcm")
    seat.window.tag_browsing.attend()
    seat.wait(lambda: window.rows.rowCount() > 10 and rows(window)["Instance Number"][0] == "3")


def test_the_patient_is_hidden_until_asked_for(seat: Seat, series: Path) -> None:
    window = opened(seat, series)
    assert rows(window)["Patient's Name"][0] == "hidden"
    assert "Secret" not in str(rows(window))
    assert "4711" not in str(rows(window))
    window.search.setText("secret")
    seat.wait(lambda: window.rows.rowCount() == 0)
    assert window.word.text() == "No tag matches the search."
    window.eye.click()
    seat.wait(lambda: window.rows.rowCount() == 1)
    assert rows(window)["Patient's Name"][0] == "Secret^Anna"
    window.view.setCurrentIndex(window.rows.index(0, 0))
    assert window.value.toPlainText() == "Secret^Anna"
    window.copy.click()
    assert QGuiApplication.clipboard().text() == "(0010,0010) Patient's Name: Secret^Anna"
    window.eye.click()
    seat.wait(lambda: window.rows.rowCount() == 0)


def test_search_narrows_as_it_is_typed(seat: Seat, series: Path) -> None:
    window = opened(seat, series)
    QTest.keyClicks(window.search, "image pos")
    seat.wait(lambda: list(rows(window)) == ["Image Position (Patient)"])
    QTest.keyClick(window.search, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    QTest.keyClicks(window.search, "00080060")
    seat.wait(lambda: list(rows(window)) == ["Modality"])
    window.search.clear()
    seat.wait(lambda: window.rows.rowCount() > 10)


def test_a_word_typed_while_a_frame_is_read_is_looked_for_in_that_frame(seat: Seat, series: Path) -> None:
    window, browsing = opened(seat, series), seat.window.tag_browsing
    seat.window.panes.view.set_frame(2)
    browsing.attend()
    window.searched.emit("instance number")  # before the event loop brings what was read
    seat.wait(lambda: list(rows(window)) == ["Instance Number"])
    assert rows(window)["Instance Number"][0] == "3"


def test_two_files_are_compared(seat: Seat, series: Path) -> None:
    other = series.parent / "other.dcm"
    seat.open(other)
    window = opened(seat, series)
    assert [path for path, _ in window.others] == [other]
    window.otherWanted.emit(other)
    seat.wait(lambda: window.rows.two)
    found = rows(window)
    assert found["Series Instance UID"] == ("1.9", "1.10")
    assert found["Series Description"] == ("—", "another")
    assert "Modality" not in found
    window.only.setChecked(False)
    seat.wait(lambda: "Modality" in rows(window))
    assert rows(window)["Modality"] == ("CT", "CT")
    window.stop.click()
    seat.wait(lambda: not window.rows.two)


def test_what_is_no_dicom_says_so_and_keys_close(seat: Seat, series: Path, tmp_path: Path) -> None:
    from PIL import Image

    Image.new("RGB", (9, 9)).save(tmp_path / "a.png")
    window = opened(seat, series)
    seat.open(tmp_path / "a.png")
    seat.wait(lambda: window.rows.rowCount() == 0)
    assert "not DICOM" in window.word.text()
    (series / "s0.dcm").unlink()
    seat.show(series)
    seat.wait(lambda: window.rows.rowCount() > 10 or "s0.dcm" in window.word.text())
    QTest.keyClick(window, Qt.Key.Key_Escape)
    seat.wait(lambda: not window.isVisible())


def run(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    code = cli.main(["tags", *(str(word) for word in words)])
    told = capsys.readouterr()
    return code, told.out, told.err


def test_the_command_hides_the_patient(series: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, series / "s0.dcm")
    assert code == 0
    assert re.search(r"^\(0010,0010\) +PN +Patient's Name +\d+ +hidden$", out, re.MULTILINE)
    assert not [word for word in ("Secret", "4711") if word in out]
    code, out, _ = run(capsys, series / "s0.dcm", "--show-patient", "--search", "patient's name")
    assert code == 0
    assert "Secret^Anna" in out


def test_the_command_as_json(series: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, series / "s0.dcm", "--json", "--search", "modality")
    body: dict[str, Any] = json.loads(out)
    assert code == 0
    assert [(one["keyword"], one["value"], one["vr"]) for one in body["tags"]] == [("Modality", "CT", "CS")]
    code, out, _ = run(capsys, series / "s0.dcm", "--json", "--compare", series.parent / "other.dcm")
    assert code == 0
    differ = {one["name"]: (one["left"], one["right"]) for one in json.loads(out)["differences"]}
    assert differ["Series Description"] == (None, "another")
    assert "Modality" not in differ


def test_the_command_refuses_in_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.txt").write_text("hello")
    code, out, err = run(capsys, tmp_path / "a.txt")
    assert (code, out) == (3, "")
    assert "a.txt is not DICOM" in err
