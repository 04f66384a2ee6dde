"""The browser: who and what is open as a tree, found by typing, shown by keys; names stay hidden until they are asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image
from PySide6.QtCore import QModelIndex, QRect, Qt
from PySide6.QtGui import QImage, QPainter
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QStyleOptionViewItem

from app.panels.source_tree import Group, Item, held_by
from app.panes import dragged_path
from app.placing import Card, newest_first
from inference.demo.chest import draw_pair
from inference.demo.film import draw_film
from tests.app.conftest import Seat
from viewers.plain_text import folded, one_line
from viewers.qimage import to_array
from viewers.sources.who import person
from viewers.thumbnail import Thumbnail

Case = Callable[..., Path]


@pytest.fixture
def case(tmp_path: Path) -> Case:
    """`case("name", Keyword=value…)`: a small CT file of one slice, in UTF-8."""
    base = Path(pydicom.__file__).parent / "data/test_files/CT_small.dcm"

    def make(name: str, **values: object) -> Path:
        dataset = pydicom.dcmread(base)
        dataset.SpecificCharacterSet = "ISO_IR 192"
        for keyword, value in ({"StudyDescription": "", "ProtocolName": ""} | values).items():
            setattr(dataset, keyword, value)
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid()
        path = tmp_path / "case" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        dataset.save_as(path)
        return path

    return make


@pytest.fixture
def three(case: Case) -> Path:
    """Three patients: two CT series and a newer MR of the first, two films of the second, one film of the third; a bad file."""
    anna = {"PatientID": "A-1001", "PatientName": "Müller^Anna"}
    for place in range(3):
        case(f"a{place}", **anna, StudyInstanceUID="1.1", SeriesInstanceUID="1.1.1", StudyDate="20240501", SeriesNumber=2,
             SeriesDescription="Lung 1.0", StudyDescription="Thorax native", ImagePositionPatient=[0, 0, place])  # fmt: skip
        case(f"b{place}", **anna, StudyInstanceUID="1.1", SeriesInstanceUID="1.1.2", StudyDate="20240501", SeriesNumber=1,
             SeriesDescription="Soft 5.0", ImagePositionPatient=[0, 0, place])  # fmt: skip
    case("m", **anna, StudyInstanceUID="1.2", SeriesInstanceUID="1.2.1", StudyDate="20250203", Modality="MR",
         SeriesDescription="t2 tse", BodyPartExamined="HEAD")  # fmt: skip
    ivan = {"PatientID": "B-2002", "PatientName": "Иванов^Пётр", "StudyInstanceUID": "2.1", "SeriesInstanceUID": "2.1.1"}
    for view in ("PA", "LL"):
        case(f"i{view}", **ivan, StudyDate="20231112", Modality="DX", BodyPartExamined="CHEST", ViewPosition=view,
             SeriesDescription="")  # fmt: skip
    third = case("z", PatientID="C-3003", PatientName="Zed^Q", StudyInstanceUID="3.1", SeriesInstanceUID="3.1.1", StudyDate="",
                 Modality="DX", SeriesDescription="")  # fmt: skip
    (third.parent / "notes.txt").write_text("no picture")
    return third.parent


def lines(seat: Seat, parent: QModelIndex = QModelIndex()) -> list[object]:  # noqa: B008
    """What the tree says: a list of words, each with its own list where something lies below."""
    found, told = seat.window.browser.found, []
    for row in range(found.rowCount(parent)):
        index = found.index(row, 0, parent)
        below = lines(seat, index)
        told.append([index.data(), *below] if below else index.data())
    return told


def opened(seat: Seat, folder: Path, count: int) -> None:
    seat.window.open_paths([folder])
    browser = seat.window.browser
    seat.wait(lambda: len(browser.model) == count and all(item.line or item.problem for item in browser.model.items()))


TREE = [
    ["Patient 3", ["2025-02-03 · MR", "t2 tse"], ["2024-05-01 · CT · Thorax native", "Soft 5.0", "Lung 1.0"]],
    ["Patient 1", ["2023-11-12 · DX", "DX CHEST LL", "DX CHEST PA"]],
    ["Patient 2", ["date not stated · DX", "DX"]],
    "notes.txt",
]


def test_the_tree_sorts_by_patient_study_and_series(seat: Seat, three: Path) -> None:
    opened(seat, three, 7)
    assert lines(seat) == TREE
    browser = seat.window.browser
    series = next(item for item in browser.model.items() if item.card.title == "Lung 1.0")
    assert series.line == "CT · 3 images · 128 × 128"
    bad = next(item for item in browser.model.items() if item.problem)
    assert "text" in bad.problem
    assert bad.path.name == "notes.txt"


def test_names_are_hidden_until_asked_for(seat: Seat, three: Path) -> None:
    opened(seat, three, 7)
    browser = seat.window.browser
    secrets = ("müller", "anna", "иванов", "a-1001", "zed")

    def told() -> str:
        found, words, queue = browser.found, [], [QModelIndex()]
        while queue:
            index = queue.pop()
            queue += [found.index(row, 0, index) for row in range(found.rowCount(index))]
            words += [str(index.data(role)) for role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole)]
            words += [held.tip for held in [held_by(index)] if held is not None]
        return " ".join(words).casefold()

    assert not [one for one in secrets if one in told()]
    browser.search.setText("müller")
    assert browser.found.rowCount() == 0, "what is hidden is not found either"
    browser.search.clear()
    seat.act("names")
    assert all(one in told() for one in secrets)
    seat.act("names")
    assert not [one for one in secrets if one in told()]


def test_a_search_is_done_again_when_names_are_shown(seat: Seat, three: Path) -> None:
    opened(seat, three, 7)
    browser = seat.window.browser
    browser.search.setText("müller")
    assert browser.found.rowCount() == 0
    seat.act("names")
    assert browser.found.rowCount() == 1
    assert not browser._empty.isVisible(), "what is found stands below"
    assert browser.view.isExpanded(browser.found.index(0, 0))
    seat.act("names")
    assert browser._empty.isVisible()


@pytest.mark.parametrize(
    ("query", "named", "patients"),
    [
        ("иванов", True, 1), ("ИВАНОВ пётр", True, 1), ("muller", True, 1), ("MÜLLER", True, 1), ("a-1001", True, 1),
        ("patient", False, 3), ("chest", False, 1), ("20231112", False, 1), ("2023-11-12 pa", False, 1), ("lung ct", False, 1),
        ("thorax", False, 1), ("dx", False, 2), ("notes.txt", False, 1), ("iPA", False, 1), ("[", False, 0), ("(?=", False, 0),
    ],
)  # fmt: skip
def test_the_search_finds_in_any_script(seat: Seat, three: Path, query: str, named: bool, patients: int) -> None:
    opened(seat, three, 7)
    browser = seat.window.browser
    browser.reveal(named)
    before = seat.window.panes.pane.path
    browser.search.setText(query)
    assert len([one for one in lines(seat) if one]) == patients, lines(seat)
    assert seat.window.panes.pane.path == before, "searching shows no other picture"
    browser.search.clear()
    assert browser.found.rowCount() == 4


def test_chips_narrow_to_a_modality(seat: Seat, three: Path) -> None:
    opened(seat, three, 7)
    browser = seat.window.browser
    assert list(browser.chips) == ["CT", "DX", "MR"]
    browser.chips["MR"].setChecked(True)
    assert lines(seat) == [["Patient 3", ["2025-02-03 · MR", "t2 tse"]]]
    browser.chips["DX"].setChecked(True)
    assert [one[0] for one in lines(seat)] == ["Patient 3", "Patient 1", "Patient 2"]


def test_keys_alone_find_and_show(seat: Seat, three: Path) -> None:
    opened(seat, three, 7)
    window, browser = seat.window, seat.window.browser
    seat.act("find-source")
    QTest.keyClicks(browser.search, "soft")
    QTest.keyClick(browser.search, Qt.Key.Key_Return)
    wanted = next(item.path for item in browser.model.items() if item.card.title == "Soft 5.0")
    seat.wait(lambda: window.panes.pane.path == wanted and window.shelf.stands(window.panes.pane))
    assert browser.current() == wanted
    QTest.keyClick(browser.search, Qt.Key.Key_Escape)
    assert browser.search.text() == ""
    assert browser.found.rowCount() == 4
    seat.act("next")
    after = next(item.path for item in browser.model.items() if item.card.title == "Lung 1.0")
    assert window.panes.pane.path == after
    seat.act("previous")
    seat.act("previous")
    assert browser.model.item_of(window.panes.pane.path).card.title == "t2 tse"
    browser.view.setFocus()
    QTest.keyClick(browser.view, "h")
    assert browser.search.text() == "h", "typing in the tree begins a search, and asks nothing"
    assert seat.idle()


def test_enter_folds_and_a_click_hands_over_the_keyboard(seat: Seat, three: Path) -> None:
    opened(seat, three, 7)
    browser = seat.window.browser
    first = browser.found.index(0, 0)
    assert isinstance(held_by(first), Group)
    browser.view.setFocus()
    browser.view.setCurrentIndex(first)
    QTest.keyClick(browser.view, Qt.Key.Key_Return)
    assert not browser.view.isExpanded(first)
    QTest.keyClick(browser.view, Qt.Key.Key_Return)
    assert browser.view.isExpanded(first)
    line = browser.view.visualRect(browser.index_of(next(i.path for i in browser.model.items() if i.card.title == "t2 tse")))
    QTest.mouseClick(browser.view.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, line.center())
    wanted = []
    browser.viewWanted.connect(lambda: wanted.append(1))
    QTest.keyClick(browser.view, Qt.Key.Key_Return)
    assert wanted


def test_a_source_is_dragged_by_its_path(seat: Seat, three: Path) -> None:
    opened(seat, three, 7)
    found = seat.window.browser.found
    study = found.index(0, 0, found.index(0, 0))
    item = held_by(found.index(0, 0, study))
    assert isinstance(item, Item)
    assert dragged_path(found.mimeData([found.index(0, 0, study)])) == item.path
    assert found.flags(found.index(0, 0, study)) & Qt.ItemFlag.ItemIsDragEnabled
    assert not found.flags(study) & Qt.ItemFlag.ItemIsDragEnabled


def test_a_file_opened_alone_comes_under_its_patient(seat: Seat, three: Path, tmp_path: Path) -> None:
    picture = tmp_path / "photo.png"
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(picture)
    seat.open(three / "iPA", picture)
    seat.wait(lambda: lines(seat) == [["Patient 1", ["2023-11-12 · DX", "DX CHEST PA"]], "photo.png"])
    assert seat.window.browser.current() == three / "iPA"
    seat.act("close")
    assert lines(seat) == ["photo.png"]


def test_names_that_look_like_markup_stay_text(seat: Seat, case: Case) -> None:
    path = case("x", SeriesDescription="<b>bold</b><img src=/etc/passwd>", PatientID="X")
    seat.open(path)
    held = held_by(seat.window.browser.index_of(path))
    assert held is not None
    assert "<b>" not in held.tip
    assert "<img" not in held.tip


def test_words() -> None:
    assert person("Yamada^Tarou=山田^太郎=やまだ^たろう") == "Yamada, Tarou = 山田, 太郎 = やまだ, たろう"
    assert person("\u202eevil\x00^\n") == "evil"
    assert one_line("a" * 65536, 80) == "a" * 79 + "…"
    assert folded("ＭÜller ß Ёж") == "muller ss еж"
    assert sorted(["20240501", "20250203", "", "19991231"], key=newest_first) == ["20250203", "20240501", "19991231", ""]
    assert Card(Path("a.png")).patient == ""


def test_a_thumbnail_is_small_in_memory_and_as_sharp_as_the_screen(seat: Seat, three: Path) -> None:
    """On a screen of two pixels to a point every second column of 96 is seen; a chest film takes a few kilobytes."""
    stripes = np.zeros((96, 96), np.uint8)
    stripes[:, 1::2] = 255
    path = three / "iPA"
    opened(seat, three, 7)
    browser = seat.window.browser
    item = browser.model.item_of(path)
    assert item is not None
    seat.wait(lambda: item.picture is not None, 20)
    browser.describe(path, "film", Thumbnail.of(stripes))
    browser.select(path)
    index = browser.index_of(path)
    image = QImage(2 * browser.view.width(), 128, QImage.Format.Format_RGB32)
    image.setDevicePixelRatio(2)
    image.fill(Qt.GlobalColor.black)
    option = QStyleOptionViewItem()
    option.rect, option.font = QRect(0, 0, browser.view.width(), 64), browser.view.font()
    painter = QPainter(image)
    for _ in range(2):  # made anew, and kept
        browser.view.itemDelegate().paint(painter, option, index)
    painter.end()
    row = to_array(image)[16 + 48, 16 : 16 + 96, 0].astype(int)
    assert (np.abs(np.diff(row)) > 200).all()
    film = draw_film(draw_pair(7).current).pixels[::10, ::10]
    assert len(Thumbnail.of(film).jpeg) < 6000
    assert np.abs(to_array(Thumbnail.of(film).image()).astype(int) - film[..., None]).mean() < 4


def test_colour_thumbnails_keep_their_colour() -> None:
    slide = np.zeros((64, 96, 3), np.uint8)
    slide[:, :48], slide[:, 48:] = (200, 120, 190), (240, 240, 240)
    found = to_array(Thumbnail.of(slide).image()).astype(int)
    assert np.abs(found - slide).mean() < 3
