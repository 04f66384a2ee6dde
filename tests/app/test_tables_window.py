"""Pages, kinds, ready questions, several panes and records in the window, answered by a server that says what a test knows."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QPushButton
from pytestqt.qtbot import QtBot

from app import settings, sheets
from app.lab_sheet import Row
from app.sheets import Line, Sheet
from inference.endpoint_address import Endpoint
from tests.app.conftest import Seat
from tests.app.dicom_files import write
from tests.app.pages import noise, pdf, sheet
from tests.app.test_volumes import series
from tests.inference.openai_server import NAME, SHEET, Server

RECIPE = "medgemma-1.5-4b-it"


@pytest.fixture
def seat_at(qtbot: QtBot) -> Iterator[Callable[[Server], Seat]]:
    """A window whose words come from a server on this machine."""
    made: list[Seat] = []

    def sit(server: Server) -> Seat:
        chosen = settings.Settings(endpoint=Endpoint(server.url, NAME, recipe=RECIPE))
        made.append(Seat(qtbot, replace(chosen, theme="dark")))
        return made[-1]

    yield sit
    for one in made:
        one.close()


@pytest.fixture
def page(tmp_path: Path) -> Path:
    sheet().save(tmp_path / "sheet.png")
    return tmp_path / "sheet.png"


def cells(seat: Seat, column: int) -> list[str]:
    table = seat.window.side.table.table
    found = [table.item(at, column) for at in range(table.rowCount())]
    return [one.text() if one is not None else "" for one in found]


def remark(seat: Seat, at: int) -> str:
    """What stands below the table when a row is chosen."""
    seat.window.side.table.table.setCurrentCell(at, 2)
    return str(seat.window.side.table.remark.text())


def read_table(seat: Seat) -> None:
    seat.act("table")
    seat.wait(lambda: seat.window.side.table.table.rowCount() > 0)


def test_a_page_is_read_judged_by_the_reader_kept_and_written(seat_at: Any, page: Path, tmp_path: Path) -> None:
    with Server("sheet") as server:
        seat = seat_at(server)
        seat.open(page)
        read_table(seat)
        panel = seat.window.side.table
        assert cells(seat, 2) == [row[0] for row in SHEET]
        assert panel.summary.text() == "7 rows: 1 below, 1 above, 3 within, 2 not compared"
        assert cells(seat, 1) == ["", "▲", "!", "▼", "", "!", "!"]
        assert remark(seat, 1) == "Potassium: above its printed range."
        assert remark(seat, 2) == "Creatinine: the flag H does not go with value and range."
        assert "“1,200” can be read in two ways" in remark(seat, 6)
        assert set(cells(seat, 0)) == {"?"}
        panel.table.setCurrentCell(0, 2)
        seat.act("accept")  # and on to the next row
        panel.table.item(1, 3).setText("4.9")
        panel.table.setCurrentCell(6, 2)
        seat.act("refuse")
        assert cells(seat, 0) == ["✓", "✎", "?", "?", "?", "?", "×"]
        assert remark(seat, 1) == "Potassium: the flag H does not go with value and range."
        panel.table.clearSelection()
        panel.copy.click()
        pasted = QGuiApplication.clipboard().text().splitlines()
        assert len(pasted) == 6
        assert pasted[1].split("\t")[:3] == ["Potassium", "4.9", "mmol/L"]
        seat.window.tables.write(panel.sheet, tmp_path / "out.csv")
        seat.wait((tmp_path / "out.csv").exists)
        lines = list(csv.DictReader((tmp_path / "out.csv").read_text().splitlines()))
        assert [line["state"] for line in lines] == ["accepted", "edited", *["proposed"] * 4]
        seat.wait(lambda: (sheets.load(page) or Sheet()) == panel.sheet)  # what the reader did is on disk


def test_what_was_kept_comes_back_with_its_picture(seat: Seat, page: Path) -> None:
    sheets.keep(page, Sheet((Line(Row("Sodium", "139", "mmol/L", "135-145", ""), 0, "accepted"),), "m"))
    seat.open(page)
    seat.wait(lambda: seat.window.asking.session.findings(page).sheet is not None)
    seat.window.side.front(seat.window.side.table)
    assert (cells(seat, 0), cells(seat, 2)) == (["✓"], ["Sodium"])
    seat.window.tables.clear(page)
    seat.wait(lambda: not sheets.place_of(page).exists())
    assert cells(seat, 2) == []
    assert sheets.load(page) is None


def test_a_file_of_rows_that_is_none_is_left_alone(page: Path, home: Path) -> None:
    sheets.place_of(page).parent.mkdir(parents=True)
    for content in (
        "",
        "[]",
        '{"lines": [{"row": {"test": "x"}, "page": 0, "state": "proposed"}], "model": "", "warnings": []}',
        "{",
    ):
        sheets.place_of(page).write_text(content)
        assert sheets.load(page) is None


def test_a_pdf_stands_in_the_browser_with_its_pages(seat: Seat, tmp_path: Path) -> None:
    path = pdf(tmp_path / "sheet.pdf", ["Sodium 139", "Potassium 5.9"])
    seat.open(path)
    (item,) = seat.window.browser.model.items()
    assert item.line == "document · 2 pages"
    QTest.keyClick(seat.window.panes.view, Qt.Key.Key_PageDown)
    seat.wait(lambda: seat.window.panes.view.visible_region().frame == 1)
    assert not seat.window.side.ask.ready.change.isVisibleTo(seat.window.side.ask)  # its file says what it is


def test_a_model_that_reads_no_pages_is_not_asked(qtbot: QtBot, page: Path) -> None:
    seat = Seat(qtbot, replace(settings.Settings(), drafter="medgemma-4b-it", theme="dark"))
    seat.open(page)
    seat.act("table")
    seat.wait(lambda: "nothing was asked" in seat.window.side.table.word.text())
    assert seat.window.side.table.table.rowCount() == 0
    seat.close()


def test_a_page_without_rows_and_an_answer_of_another_form(seat_at: Any, page: Path) -> None:
    with Server("table-of-its-own") as server:
        seat = seat_at(server)
        seat.open(page)
        seat.act("table")
        seat.wait(lambda: "does not keep to the form" in seat.window.side.table.word.text())
        assert seat.window.asking.session.findings(page).sheet is None


def test_rows_of_a_page_are_read_again_and_touched_ones_stay() -> None:
    from inference.answers import Draft
    from inference.engine import EngineSpec
    from inference.questions import TableQuestion
    from tests.app.test_pictures_of_questions import Reads

    reads = Reads(EngineSpec())

    def draft(*tests: str) -> Draft:
        rows = [{"test": one, "value": "1", "unit": "", "reference": "", "flag": ""} for one in tests]
        return Draft(json.dumps({"rows": rows}), "", "stop", (), reads._receipt(TableQuestion(), ""))

    first = Sheet().read(draft("a", "b"), 0).read(draft("c"), 1).judged_by(1, "accepted")
    again = first.read(draft("d"), 0)
    assert [(one.row.test, one.page, one.state) for one in again.lines] == [
        ("b", 0, "accepted"), ("d", 0, "proposed"), ("c", 1, "proposed"),
    ]  # fmt: skip
    assert again.edited(0, "value", " 1 ") is again
    assert again.edited(0, "value", "2").judged_by(0, "accepted").lines[0].state == "edited"


def test_a_guess_is_corrected_and_then_holds(seat_at: Any, tmp_path: Path) -> None:
    with Server("good") as server:
        seat = seat_at(server)
        grey = tmp_path / "eye.png"
        Image.fromarray(np.repeat(noise(1, 80, 80)[..., :1], 3, 2)).save(grey)
        seat.open(grey)
        row = seat.window.side.ask.ready
        seat.wait(lambda: row.change.text() == "A chest film (guessed)")
        row.change.menu().actions()[0].trigger()  # a photograph
        seat.wait(lambda: row.change.text() == "A photograph")
        titles = [one.text() for one in row.ready.menu().actions()]
        assert titles[0].startswith("Fundus photograph")
        row.ready.menu().actions()[0].trigger()
        line = seat.window.side.ask.question
        assert "(B) Mild" in seat.window.side.ask._whole.text()
        assert line.text().startswith("Which grade of diabetic retinopathy")
        seat.wait(seat.idle)
        assert not list(server.asked())  # nothing is asked before the reader sends it
        QTest.keyClick(line, Qt.Key.Key_Return)
        seat.wait(lambda: bool(seat.window.asking.session.findings(grey).conversation))
        result = seat.window.asking.session.findings(grey).conversation[0][1]
        assert result.pictures[0].modality == "photo"
        words = server.asked()[-1]["body"]["messages"][0]["content"][-1]["text"]
        assert words.count("\n") == 6
        assert "(E) Proliferative diabetic retinopathy" in words


def test_all_panes_are_asked_about_in_their_order(seat_at: Any, tmp_path: Path) -> None:
    with Server("good") as server:
        seat = seat_at(server)
        paths = []
        for number in range(2):
            paths.append(tmp_path / f"{number}.png")
            Image.fromarray(noise(number, 80, 80)).save(paths[-1])
        seat.act("panes-2")
        seat.open(*paths)
        seat.window.panes.activate(1)
        seat.show(paths[1])
        seat.wait(lambda: all(seat.window.shelf.stands(pane) for pane in seat.window.panes.panes[:2]))
        seat.act("question-all")
        assert "Type the question" in seat.window.side.ask._word.text()
        seat.window.side.ask.question.setText("Which is larger?")
        seat.act("question-all")
        found = seat.window.asking.session.findings(paths[1])
        seat.wait(lambda: bool(found.conversation))
        words, result = found.conversation[0]
        assert words == "Which is larger? (about 2 pictures)"
        assert [one.caption for one in result.pictures] == ["IMAGE 1", "IMAGE 2"]
        assert len(result.answer.receipt.pixels_sha256) == 2
        want = [np.asarray(Image.open(path)) for path in paths]
        assert all(np.array_equal(one.pixels, two) for one, two in zip(result.pictures, want, strict=True))


def test_a_film_of_many_frames_is_asked_about_as_a_whole(seat_at: Any, tmp_path: Path) -> None:
    frames = np.arange(20, dtype=np.uint16)[:, None, None] * 100 * np.ones((1, 32, 32), np.uint16)
    more: dict[str, Any] = {"Modality": "US", "NumberOfFrames": 20, "PixelData": frames.tobytes(), "FrameTime": 40}
    film = write(tmp_path / "us.dcm", frames[0], "CT", **more)
    with Server("good") as server:
        seat = seat_at(server)
        seat.open(film)
        seat.window.side.ask.question.setText("Does it move?")
        seat.act("question-whole")
        found = seat.window.asking.session.findings(film)
        seat.wait(lambda: bool(found.conversation))
        words, result = found.conversation[0]
        assert words == "Does it move? (about the whole)"
        taken = [round(i * 19 / 7) for i in range(8)]
        assert [one.caption for one in result.pictures] == [f"FRAME {frame + 1}, {frame * 0.04:.2f} s" for frame in taken]
        single = tmp_path / "single.png"
        Image.fromarray(noise(1)).save(single)
        seat.open(single)
        seat.window.side.ask.question.setText("Does it move?")
        seat.act("question-whole")
        seat.wait(lambda: "is a single picture" in seat.window.side.ask._word.text())


@pytest.mark.parametrize("modality", ["CT", "MR"])
def test_a_series_is_asked_about_as_a_whole(seat_at: Any, tmp_path: Path, modality: str) -> None:
    """All slices from the feet up by the published windows, each with its number, the question last; drafts go the same way."""
    stored = series(tmp_path / "series", 5, modality).astype(float)
    if modality == "CT":
        windows = ((-1024, 1024), (-135, 215), (0, 80))
        grey = np.stack([(np.clip(2 * stored - 3000, low, high) - low) / (high - low) for low, high in windows], -1)
    else:
        grey = np.repeat(((stored - stored.min()) / (stored.max() - stored.min()))[..., None], 3, -1)
    with Server("good") as server:
        seat = seat_at(server)
        seat.open(tmp_path / "series")
        seat.window.side.ask.question.setText("Is there a lesion?")
        seat.ask("question-whole")
        ((words, result),) = seat.window.asking.session.findings(tmp_path / "series").conversation
        assert words == "Is there a lesion? (about the whole)"
        assert np.array_equal(np.stack([one.pixels for one in result.pictures]), np.rint(grey * 255))
        parts = server.asked()[-1]["body"]["messages"][-1]["content"]
        texts = [part["text"] for part in parts if part["type"] == "text"]
        assert [text for text in texts if "SLICE" in text] == [f"SLICE {number}" for number in range(1, 6)]
        assert [part["type"] for part in parts].count("image_url") == 5
        assert texts[-1].endswith("Is there a lesion?")
        seat.ask("draft-whole")
        draft = seat.window.asking.session.findings(tmp_path / "series").draft
        assert draft is not None
        assert len(draft.pictures) == 5


def test_the_grey_scale_of_an_mr_series_may_leave_out_its_ends(seat_at: Any, tmp_path: Path) -> None:
    """By NumPy's percentiles of all values; said on the answer, kept for the next start."""
    stored = series(tmp_path / "mr", 5, "MR")
    low, high = (np.percentile(stored, q, method="inverted_cdf") for q in (0.5, 99.5))
    want = np.rint((np.clip(stored.astype(float), low, high) - low) / (high - low) * 255)
    said = "The grey scale leaves out 0.5 % of the values at either end; models were trained without."
    with Server("good") as server:
        seat = seat_at(server)
        seat.open(tmp_path / "mr")
        results = []
        for _ in range(3):
            seat.window.side.ask.question.setText("Is there a lesion?")
            seat.ask("question-whole")
            results.append(seat.window.asking.session.findings(tmp_path / "mr").conversation[-1][1])
            seat.act("mr-scale")
        plain, cut, again = results
        assert np.abs(np.stack([one.pixels[..., 0] for one in cut.pictures]).astype(float) - want).max() <= 1
        assert [said in one.answer.receipt.warnings for one in results] == [False, True, False]
        assert again.answer.receipt.pixels_sha256 == plain.answer.receipt.pixels_sha256
        assert seat.window.settings.mr_tails == 0.5


def test_the_frames_that_words_name_are_a_press_away(seat_at: Any, tmp_path: Path) -> None:
    series(tmp_path / "series", 5, "CT")
    with Server("slices") as server:
        seat = seat_at(server)
        seat.open(tmp_path / "series")
        seat.ask("draft-whole")
        view, report = seat.window.panes.view, seat.window.side.report
        rows = list(report.sentences.rows.values())
        links = [[link.text() for link in row.findChildren(QPushButton) if link.isVisible()] for row in rows]
        assert links == [["Slice 2 is frame 2", "Slice 4 is frame 4"], [], ["Slice 4 is frame 4"]]
        assert "slice 9" in rows[1].findChild(QLabel, "warn").text()
        view.set_frame(0)
        rows[2].findChild(QPushButton).click()
        assert view.frame == 3
        seat.window.side.ask.question.setText("Is there a lesion?")
        seat.ask("question-whole")
        link = next(one for one in seat.window.side.ask.findChildren(QPushButton) if one.text() == "Slice 2 is frame 2")
        link.click()
        assert view.frame == 1


def test_a_record_is_asked_about_and_nothing_of_it_is_kept(seat_at: Any, tmp_path: Path, home: Path) -> None:
    with Server("good") as server:
        seat = seat_at(server)
        seat.act("ask-record")
        dialog = seat.window.records.dialog
        assert dialog is not None
        dialog.ask.click()
        assert "Paste a record first" in dialog.word.text()
        (tmp_path / "bad.txt").write_bytes(bytes(range(256)))
        seat.window.records.read_file(tmp_path / "bad.txt")
        seat.wait(lambda: "is no text" in dialog.word.text())
        (tmp_path / "note.txt").write_text("Cough for weeks, KEPT-NOWHERE.")
        seat.window.records.read_file(tmp_path / "note.txt")
        seat.wait(lambda: dialog.record.toPlainText() == "Cough for weeks, KEPT-NOWHERE.")
        dialog.question.setText("Why?")
        dialog.ask.click()
        seat.wait(lambda: "draft, not for diagnostic use" in dialog.by.text())
        assert "pleural effusion" in dialog.answer.text()
        content = server.asked()[-1]["body"]["messages"][-1]["content"]
        assert [part["type"] for part in content] == ["text"]
        assert content[0]["text"].strip() == "Cough for weeks, KEPT-NOWHERE.\n\nWhy?"
        dialog.close()
        kept = [path for path in home.rglob("*") if path.is_file() and b"KEPT-NOWHERE" in path.read_bytes()]
        assert kept == []
