"""The window on small screens: nothing is out of reach, nothing is cut without saying so."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QFont, QFontMetrics
from PySide6.QtWidgets import QLabel, QLineEdit, QToolButton

from app import settings, toolbar
from app.panels.parts import Elided
from app.panels.source_line import fitted
from app.storage import data_folder
from inference.demo.chest import Chest
from tests.app.conftest import Seat
from tests.app.test_recovery import worked_on

Film = Callable[[int], tuple[Path, Chest]]
SIZES = [(1100, 700), (1280, 720), (800, 600), (1480, 900)]


@pytest.mark.parametrize("size", SIZES)
def test_the_window_takes_the_size_it_is_given(seat: Seat, film: Film, size: tuple[int, int]) -> None:
    seat.window.resize(*size)
    seat.open(film(1_600_000)[0])
    seat.window.status.show_engine_word(
        "demo-encoder, demo-drafter · cpu · 1.2 of 24 GiB · demonstration, knows only phantoms " * 2
    )
    seat.window.status.show_job("analysing a folder with a long name: 37 of 40, 2 failed, 1:20 left", 37, 40)
    seat.bot.wait(50)
    assert (seat.window.width(), seat.window.height()) == size
    assert seat.window.minimumSizeHint().width() <= 800
    status = seat.window.status
    assert status.word.width() >= status.word.sizeHint().width(), "what every word here is stays readable"
    assert status.rect().contains(status.word.geometry())


@pytest.mark.parametrize("width", range(780, 1481, 50))
def test_every_button_of_the_bar_is_there_or_in_its_menu(seat: Seat, width: int) -> None:
    seat.window.resize(width, 700)
    seat.bot.wait(20)
    bar = seat.window.toolbar
    buttons = [one for one in bar.findChildren(QToolButton) if one.isVisible()]
    for one in buttons:
        assert bar.rect().contains(one.geometry()), one.text()
        assert one.width() >= one.minimumSizeHint().width(), one.text()
    for index, one in enumerate(buttons):
        assert not any(one.geometry().intersects(other.geometry()) for other in buttons[index + 1 :])
    shown = {one.defaultAction().objectName() for one in buttons if one.defaultAction() is not None}
    menu = {one.objectName() for one in bar.more.menu().actions()} if bar.more.isVisible() else set()
    assert shown | menu == {*toolbar.ASKS, *toolbar.LOOKS, *toolbar.PANES}
    assert not shown & menu


def test_an_action_in_the_menu_works(seat: Seat, film: Film) -> None:
    seat.window.resize(800, 600)
    seat.open(film(1_600_000)[0])
    actions = {one.objectName(): one for one in seat.window.toolbar.more.menu().actions()}
    seat.window.panes.view.zoom(3)
    actions["fit"].trigger()
    assert seat.window.panes.view.camera.fitted


@pytest.mark.parametrize("size", SIZES[:3])
def test_no_text_is_cut(seat: Seat, film: Film, size: tuple[int, int]) -> None:
    seat.window.resize(*size)
    seat.open(film(1_600_000)[0])
    for panel in (seat.window.side.report, seat.window.side.labels, seat.window.side.ask, seat.window.side.details):
        seat.window.side.front(panel)
        seat.bot.wait(20)
        for one in panel.findChildren(QLabel):
            if one.isVisible() and not one.wordWrap() and not isinstance(one, Elided):
                assert one.width() >= one.sizeHint().width(), one.text()
        for field in panel.findChildren(QLineEdit):
            if field.isVisible():
                words = field.fontMetrics().horizontalAdvance(field.placeholderText())
                assert field.contentsRect().width() - 4 >= words, field.placeholderText()


def test_the_picture_keeps_its_width_and_the_chosen_widths_come_back(seat: Seat) -> None:
    seat.window.resize(1100, 700)
    seat.bot.wait(20)
    assert seat.window.split.sizes()[1] >= 550
    seat.window.resize(1480, 900)
    seat.bot.wait(20)
    browser, _, side = seat.window.split.sizes()
    assert (browser, side) == (settings.Settings().browser_px, settings.Settings().side_px)
    seat.act("fold")
    seat.window.close()
    assert settings.load(data_folder()).side_px == settings.Settings().side_px, "folded panels do not forget theirs"


def test_a_line_of_the_browser_is_whole_in_two_where_one_is_too_narrow() -> None:
    metrics = QFontMetrics(QFont("DejaVu Sans", 10))
    line = "picture · 2 000 × 2 967"
    assert fitted(line, metrics, 1000) == line
    parts = fitted(line, metrics, metrics.horizontalAdvance("2 000 × 2 967") + 2).split("\n")
    assert parts == ["picture", "2 000 × 2 967"]
    for part in fitted(line, metrics, 40).split("\n"):
        assert metrics.horizontalAdvance(part) <= 40
        assert part.endswith("…")


def test_a_line_that_gives_way_keeps_its_words(qtbot: object) -> None:
    line = Elided("soft", "demonstration, knows only phantoms")
    line.resize(60, 20)
    line.show()
    drawn = QLabel.text(line)
    assert drawn.endswith("…")
    assert line.fontMetrics().horizontalAdvance(drawn) <= 60
    assert line.toolTip() == line.text() == "demonstration, knows only phantoms"
    line.resize(600, 20)
    assert QLabel.text(line) == "demonstration, knows only phantoms"
    assert line.toolTip() == ""
    line.deleteLater()


def test_the_first_window_fits_the_screen(seat: Seat) -> None:
    from app.window import Window

    screen: QRect = seat.window.screen().availableGeometry()
    fresh = Window(replace(settings.Settings(), theme="dark"))
    assert fresh.width() <= max(screen.width(), fresh.minimumSizeHint().width())
    assert fresh.height() <= max(screen.height(), fresh.minimumSizeHint().height())
    fresh.close()
    fresh.deleteLater()


def test_a_long_name_does_not_widen_the_window_and_is_all_there(seat: Seat, film: Film, tmp_path: Path) -> None:
    name = "a" * 60 + "b" * 60 + ".png"
    path = tmp_path / name
    shutil.copy(film(1_600_000)[0], path)
    seat.window.resize(800, 600)
    seat.open(path)
    seat.window.asking.session.findings(path).report = worked_on(name).edit(4, "c" * 200)
    seat.window.answering.show_findings(seat.window.panes.pane)
    seat.act("accept")
    seat.window.recovery.set_aside(path)
    seat.wait(lambda: bool(seat.window.recovery.strip.offers), 20)
    for task in ("labels", "draft", "ask"):
        seat.window.side.say(task, f"{name} cannot be read.")
    for panel in (seat.window.side.report, seat.window.side.labels, seat.window.side.ask, seat.window.side.details):
        seat.window.side.front(panel)
        seat.bot.wait(50)
        assert seat.window.minimumSizeHint().width() <= 800
        for one in panel.findChildren(QLabel):
            if one.isVisible() and one.text():
                lines = one.fontMetrics().boundingRect(
                    QRect(0, 0, one.width(), 9999), int(Qt.TextFlag.TextWordWrap), QLabel.text(one)
                )
                assert lines.width() <= one.width() + 1, one.text()
                assert one.mapTo(panel, one.rect().topRight()).x() <= panel.width(), one.text()
