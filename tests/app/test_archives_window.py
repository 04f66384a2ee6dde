"""A ZIP and a medium dropped on the window: listed, shown, closed, and found again at the next start."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import pydicom
import pytest
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from pytestqt.qtbot import QtBot

from app import settings
from app.storage import data_folder
from tests.app.conftest import Seat

BASE = Path(pydicom.__file__).parent / "data/test_files"


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """A series of four slices over two folders, a film, and a name that leads out."""
    path = tmp_path / "case.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        for place in range(4):
            dataset = pydicom.dcmread(BASE / "CT_small.dcm")
            dataset.SeriesInstanceUID, dataset.SeriesDescription = "1.9", "Lung"
            dataset.ImagePositionPatient, dataset.InstanceNumber = [0, 0, place], place + 1
            dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = f"1.9.{place + 1}"
            dataset.save_as(tmp_path / "slice")
            out.write(tmp_path / "slice", f"disc{place % 2}/s{place}.dcm")
        out.write(BASE / "MR_small.dcm", "mr.dcm")
        out.writestr("../evil.dcm", "x")
    return path


def drop(seat: Seat, path: Path) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    place, act = QPointF(300, 300), Qt.DropAction.CopyAction
    seat.window.dropEvent(QDropEvent(place, act, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier))


def settled(seat: Seat, count: int) -> None:
    items = seat.window.browser.model.items
    seat.wait(lambda: len(items()) == count and all(item.line or item.problem for item in items()))


def test_a_dropped_archive_opens_and_leaves_nothing(seat: Seat, archive: Path) -> None:
    drop(seat, archive)
    settled(seat, 3)
    lung, mr, evil = (archive / name for name in ("disc0/s0.dcm", "mr.dcm", "evil.dcm"))
    told = {item.path: item.problem or item.line for item in seat.window.browser.model.items()}
    assert told == {
        lung: "CT · 4 images · 128 × 128", mr: "MR · 64 × 64", evil: "evil.dcm leads out of the archive (..): not opened.",
    }  # fmt: skip
    seat.show(lung)
    seat.wait(lambda: seat.window.panes.view.frames == 4)
    seat.wait(lambda: seat.window.panes.view.settled)
    folder = data_folder() / "unpacked"
    assert [one for one in folder.rglob("*") if one.is_file()]
    assert all(one.stem.isdigit() for one in folder.rglob("*") if one.is_file())
    assert seat.window.shelf.roots() == [archive]
    seat.window.close()
    assert not list(folder.iterdir())
    kept = settings.load()
    assert kept.open == (str(archive),)
    again = Seat(seat.bot, kept)
    again.window.restore()
    settled(again, 3)
    again.wait(lambda: again.window.panes.pane.path == lung and again.window.panes.view.frames == 4)
    again.close()


def test_what_a_killed_window_unpacked_goes(qtbot: QtBot) -> None:
    left = data_folder() / "unpacked" / "archive-4194000-1000-x"
    left.mkdir(parents=True)
    (left / "00000000").write_bytes(b"x")
    other = Seat(qtbot, settings.Settings())
    other.wait(lambda: not left.exists())
    other.close()


def test_a_medium_opens_through_its_directory(seat: Seat, tmp_path: Path) -> None:
    medium = tmp_path / "cd"
    shutil.copytree(
        BASE / "dicomdirtests", medium,
        ignore=lambda _, names: [name for name in names if name.startswith("DICOMDIR-") or name == "TINY_ALPHA"],
    )  # fmt: skip
    (medium / "77654033/CR1/6154").unlink()
    seat.window.open_paths([medium / "DICOMDIR"])
    settled(seat, 13)
    browser = seat.window.browser
    problems = [item.problem for item in browser.model.items() if item.problem]
    assert len(problems) == 1
    assert "1 file listed here is missing: 77654033/CR1/6154." in problems[0]
    files = [one for one in medium.rglob("*") if one.is_file() and one.name not in ("DICOMDIR", "README.txt")]
    patients = {pydicom.dcmread(one, specific_tags=["PatientID"]).PatientID for one in files}
    assert browser.found.rowCount() == len(patients) + 1, "the patients, and the line of the directory"
    series = next(item for item in browser.model.items() if "7 images" in item.line)
    seat.show(series.path)
    seat.wait(lambda: seat.window.panes.view.frames == 7)
    seat.wait(lambda: "7 images" in series.line)
