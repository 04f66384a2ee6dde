"""Unsaved reports come back: after SIGKILL, beside another window, from damaged files, without their picture."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QLineEdit, QPushButton
from pytestqt.qtbot import QtBot

from app import settings
from app.journal import Journal, Unsaved
from app.panels.report import JOURNAL_MS
from app.panels.sentence_row import SentenceRow
from app.reports import record
from app.reports.lines import from_lines, to_lines
from app.reports.report import Evidence, Origin, Report, Section, Sentence, State
from app.storage import TEMPORARY, data_folder
from inference.answers import Receipt
from inference.demo.chest import Chest
from tests.app.conftest import Seat
from tests.app.dicom_files import write

Film = Callable[[int], tuple[Path, Chest]]
SEED = 1_600_000
RECEIPT = Receipt("demo-drafter", "r", "none", "float32", "cpu", "prompt", 0, (), ("00",), (), 0.5)


def proposed(subject: str) -> Report:
    words = ("The heart is enlarged.", "A left effusion, 3 cm.", "Linha média “µ” 肺.", "No pneumothorax is seen.")
    sentences = [
        Sentence(number, Section.FINDINGS, text, Origin.MODEL, State.PROPOSED, text, (Evidence(0, box=(1.0, 2.0, 3.5, 4.0)),))
        for number, text in enumerate(words, start=1)
    ]
    return Report(subject, tuple(sentences), (RECEIPT,), finish="stop")


def worked_on(subject: str) -> Report:
    return proposed(subject).accept(1).edit(2, "A small left effusion.").refuse(3)


def seat_at(qtbot: QtBot) -> Seat:
    return Seat(qtbot, replace(settings.Settings(), theme="dark"))


def offers(seat: Seat) -> tuple[Unsaved, ...]:
    return tuple(seat.window.recovery.strip.offers)


def looked(seat: Seat) -> tuple[Unsaved, ...]:
    """What is offered once the disk was looked at."""
    seat.window.recovery.look()
    seat.window.recovery._disk.submit(lambda: None).result(20)
    seat.bot.wait(50)
    return offers(seat)


def words(seat: Seat) -> str:
    """All that stands in the Report panel."""
    return "\n".join(one.text() for one in seat.window.side.report.findChildren(QLabel) if one.isVisible())


def press(seat: Seat, text: str) -> None:
    buttons = seat.window.recovery.strip.findChildren(QPushButton)
    next(one for one in buttons if one.text() == text and one.isVisible()).click()


@pytest.fixture
def new_seat(qtbot: QtBot) -> Iterator[Callable[[], Seat]]:
    made: list[Seat] = []

    def make() -> Seat:
        made.append(seat_at(qtbot))
        return made[-1]

    yield make
    for seat in made:
        seat.window.close()
    for seat in made:
        seat.close()


WINDOW = """
import sys
from pathlib import Path
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication
application = QApplication([])
from app import settings
from app.reports import record
from app.window import Window
from tests.app.test_recovery import proposed
window, path = Window(settings.Settings()), Path(sys.argv[1])
window.show()
window.open_paths([path])
report = window.side.report
at = 0
def begin():
    if window.panes.view.source is None:
        return
    timer.stop()
    window.asking.session.findings(path).report = proposed(path.name)
    window.answering.show_findings(window.panes.pane)
    window.actions_by_id["accept"].trigger()
    report._edited(2, "A small left effusion.")
    window.actions_by_id["refuse"].trigger()
    print(record.to_json(report.report).replace(chr(10), " "), flush=True)
    if sys.argv[2] == "typing":
        timer.timeout.disconnect()
        timer.timeout.connect(write)
        timer.start(1)
def write():
    global at
    at += 1
    report._edited(4, "Word " * at)
timer = QTimer(interval=20)
timer.timeout.connect(begin)
timer.start()
application.exec()
"""


def other_window(film: Path, how: str) -> tuple[subprocess.Popen[str], Report]:
    """A window in a process of its own with a report worked on, and that report as its screen holds it."""
    root = Path(__file__).resolve().parents[2]
    env = dict(os.environ, PYTHONPATH=str(root))
    call = [sys.executable, "-c", WINDOW, str(film), how]
    process = subprocess.Popen(call, cwd=root, env=env, stdout=subprocess.PIPE, text=True, encoding="utf-8")
    assert process.stdout is not None
    return process, record.from_json(process.stdout.readline())


def with_report(seat: Seat, path: Path) -> None:
    """Open, with a proposed report."""
    seat.open(path)
    seat.window.asking.session.findings(path).report = proposed(path.name)
    seat.window.answering.show_findings(seat.window.panes.pane)


def test_a_killed_window_is_offered_by_the_next_and_opened_equal(new_seat: Callable[[], Seat], film: Film, home: Path) -> None:
    path, _ = film(SEED)
    process, on_its_screen = other_window(path, "still")
    try:
        beside = new_seat()
        beside.wait(lambda: bool(list(home.glob("unsaved/*/*.report"))), 30)
        time.sleep(0.5)
        assert looked(beside) == (), "the other window lives: its report is its own"
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()

    seat = new_seat()
    seat.wait(lambda: bool(offers(seat)), 30)  # found by itself, nothing was pressed
    assert f"Unsaved report of {path.name}, " in words(seat)
    assert looked(beside) == (), "what one window offers no other does"
    press(seat, "Open")
    seat.wait(lambda: seat.window.panes.pane.path == path and seat.window.panes.view.source is not None)
    shown = seat.window.side.report.report
    assert shown == on_its_screen
    assert [one.state for one in shown.sentences] == [State.ACCEPTED, State.EDITED, State.REFUSED, State.PROPOSED]
    assert not offers(seat)

    seat.window.close()  # opened, not saved: it is there at the next start too
    third = new_seat()
    third.wait(lambda: bool(offers(third)), 30)
    assert offers(third)[0].report == on_its_screen


@pytest.mark.parametrize("seed", range(2))
def test_killed_between_two_words_the_last_whole_state_comes_back(film: Film, home: Path, seed: int) -> None:
    process, before = other_window(film(SEED)[0], "typing")
    time.sleep(0.3 + random.Random(seed).random())
    process.send_signal(signal.SIGKILL)
    process.communicate()
    journal = Journal()
    (found,) = journal.left_behind()
    journal.close()
    assert found.report is not None
    assert found.whole
    assert found.report.sentences[:3] == before.sentences[:3]
    last = found.report.sentences[3]
    assert last.state is State.EDITED
    assert set(last.text.split()) == {"Word"}


def left(source: Path, report: Report) -> Path:
    """A report that a process left behind: its file."""
    journal = Journal()
    journal.keep(source, report)
    journal.close()
    return max((data_folder() / "unsaved").glob("*/*.report"), key=lambda file: file.stat().st_mtime_ns)


def test_two_windows_at_once_share_no_offer(new_seat: Callable[[], Seat], tmp_path: Path) -> None:
    left(tmp_path / "a.png", worked_on("a.png"))
    first, second = new_seat(), new_seat()
    both = looked(first) + looked(second)
    assert [one.report for one in both] == [worked_on("a.png")]
    first.window.close()
    second.window.close()
    third = new_seat()
    assert [one.report for one in looked(third)] == [worked_on("a.png")], "nobody opened or discarded it"


def test_a_lock_says_who_lives_and_no_number_does(tmp_path: Path) -> None:
    living, other = Journal(), Journal()
    living.keep(tmp_path / "a.png", worked_on("a.png"))
    assert other.left_behind() == []
    living.close()
    assert [one.source for one in other.left_behind()] == [tmp_path / "a.png"]
    assert other.left_behind() == [], "offered once"
    other.close()


def test_every_truncation_gives_back_the_whole_lines_and_says_so() -> None:
    report, source = worked_on("film.png"), Path("/data/film.png")
    data = to_lines(report, source, "entry", 5.0).encode()
    assert from_lines(data).report == report
    assert from_lines(data).missing == ""
    for length in range(len(data)):
        kept = from_lines(data[:length])
        lines = (data[:length] + b"\n").count(b"\n") - 1 + (data[length : length + 1] == b"\n")  # without its end a line is whole
        sentences = max(0, min(lines - 1, len(report.sentences)))
        assert (kept.report.sentences if kept.report else ()) == tuple(
            replace(one, evidence=tuple(replace(piece, receipt=None) for piece in one.evidence)) if lines < 6 else one
            for one in report.sentences[:sentences]
        ), length
        whole = lines == 1 + len(report.sentences) + len(report.receipts)
        assert (kept.missing == "") == whole, length
        assert kept.source == (source if lines else None)


@pytest.mark.parametrize("damaged", range(6))
def test_a_damaged_line_costs_that_line_and_is_told(damaged: int) -> None:
    report = worked_on("film.png")
    lines = to_lines(report, Path("/data/film.png"), "entry", 5.0).encode().splitlines(keepends=True)
    middle = len(lines[damaged]) // 2
    lines[damaged] = lines[damaged][:middle] + bytes([lines[damaged][middle] ^ 1]) + lines[damaged][middle + 1 :]
    kept = from_lines(b"".join(lines))
    assert kept.report is not None
    assert [one.id for one in kept.report.sentences] == [one for one in (1, 2, 3, 4) if one != damaged]
    assert kept.missing
    assert len(kept.report.receipts) == (damaged != 5)


@pytest.mark.parametrize("data", [b"", b"\n\n", b"{}", b"\0" * 4096, b"00000000 {}\n", b"zzzzzzzz nothing\n", b"\xff" * 99])
def test_what_is_no_journal_is_told_and_never_raises(data: bytes) -> None:
    kept = from_lines(data)
    assert kept.report is None
    assert kept.missing == "Nothing of it can be read."


def test_a_torn_report_is_opened_as_far_as_it_goes(new_seat: Callable[[], Seat], film: Film, home: Path) -> None:
    path, _ = film(SEED)
    file = left(path, worked_on(path.name))
    torn = b"".join(file.read_bytes().splitlines(keepends=True)[:3]) + b"deadbeef {"
    file.write_bytes(torn)
    seat = new_seat()
    looked(seat)
    assert "2 of 4 sentences could be read" in words(seat)
    press(seat, "Open")
    seat.wait(lambda: seat.window.panes.pane.path == path and seat.window.panes.view.source is not None)
    shown = seat.window.side.report.report
    assert shown is not None
    assert [(one.text, one.state) for one in shown.sentences] == [
        ("The heart is enlarged.", State.ACCEPTED),
        ("A small left effusion.", State.EDITED),
    ]
    assert "2 of 4 sentences could be read" in words(seat), "it stands there until the reader closes it"
    seat.wait(lambda: not file.exists(), 20)
    assert [one.read_bytes() for one in home.glob("unsaved/damaged/*")] == [torn]


def test_a_state_torn_in_mid_write_leaves_the_one_before(tmp_path: Path) -> None:
    file = left(tmp_path / "a.png", worked_on("a.png"))
    for torn in (b"", to_lines(worked_on("a.png").accept(4), tmp_path / "a.png", file.stem, time.time()).encode()[:-40]):
        (file.parent / f"{TEMPORARY}00").write_bytes(torn)
        journal = Journal()
        (found,) = journal.left_behind()
        assert found.report == worked_on("a.png")
        assert "The last change before Hilum ended may be missing." in found.missing
        journal.close()
    later = worked_on("a.png").accept(4)
    (file.parent / f"{TEMPORARY}00").write_text(to_lines(later, tmp_path / "a.png", file.stem, time.time() + 1))
    journal = Journal()
    (found,) = journal.left_behind()
    assert found.report == later, "written whole, only its name was not given yet"
    journal.discard(found)
    assert not file.parent.exists()
    journal.close()


def test_without_its_picture_the_report_is_readable_and_can_be_saved(
    new_seat: Callable[[], Seat], film: Film, tmp_path: Path
) -> None:
    gone = tmp_path / "moved away.png"
    left(gone, worked_on(gone.name))
    seat = new_seat()
    seat.open(film(SEED)[0])
    looked(seat)
    assert f"The picture is no longer in {tmp_path}." in words(seat)
    press(seat, "Open")
    seat.wait(lambda: bool(seat.problem(gone)))
    seat.bot.wait(100)
    assert seat.window.panes.pane.path == gone
    assert seat.window.panes.view.source is None, "no other picture stands behind its report"
    assert seat.window.side.report.report == worked_on(gone.name)
    assert "A small left effusion." in words(seat)
    assert f"The picture is no longer in {tmp_path}." in words(seat)
    seat.window.filing.write(seat.window.side.report.report, tmp_path / "report.html", gone)
    seat.wait((tmp_path / "report.html").exists, 20)
    assert "A small left effusion." in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_discarding_takes_two_clicks_and_then_nothing_is_left(new_seat: Callable[[], Seat], tmp_path: Path, home: Path) -> None:
    file = left(tmp_path / "a.png", worked_on("a.png"))
    seat = new_seat()
    looked(seat)
    press(seat, "Discard")
    assert offers(seat)
    assert file.exists()
    press(seat, "Discard for good")
    seat.wait(lambda: not file.parent.exists(), 20)
    assert not seat.window.recovery.strip.isVisible()


def test_a_signature_does_not_come_back_and_that_is_said(tmp_path: Path) -> None:
    signed = worked_on("a.png").accept(4).sign("A. Reader", "2026-11-22T18:42:00Z")
    left(tmp_path / "a.png", signed)
    journal = Journal()
    (found,) = journal.left_behind()
    journal.close()
    assert found.report == replace(signed, signature=None)
    assert "signed by A. Reader" in found.missing


def test_closing_a_source_or_drafting_anew_offers_what_was_written(new_seat: Callable[[], Seat], film: Film, home: Path) -> None:
    path, _ = film(SEED)
    seat = new_seat()
    with_report(seat, path)
    seat.act("accept")
    seat.window.recovery.keep(path, proposed(path.name))  # a new draft takes the place of the one worked on
    seat.wait(lambda: len(offers(seat)) == 1, 20)
    assert offers(seat)[0].report == proposed(path.name).accept(1)
    press(seat, "Open")
    assert seat.window.side.report.report == proposed(path.name).accept(1)
    seat.act("close")
    seat.wait(lambda: len(offers(seat)) == 1, 20)
    seat.act("recover")
    seat.wait(lambda: seat.window.panes.pane.path == path and seat.window.panes.view.source is not None)
    assert seat.window.side.report.report == proposed(path.name).accept(1)
    seat.window.recovery.saved(path)
    seat.wait(lambda: not list(home.glob("unsaved/*/*.report")), 20)


def test_a_disk_that_refuses_is_told(new_seat: Callable[[], Seat], film: Film, home: Path) -> None:
    (home / "unsaved").write_text("in the way")
    path, _ = film(SEED)
    seat = new_seat()
    with_report(seat, path)
    seat.act("accept")
    seat.wait(lambda: "could not be kept on disk" in words(seat), 20)


def test_the_lines_are_json_with_their_checksum() -> None:
    """Read by the standard's own CRC-32 and JSON: nothing of ours is needed to get at the words."""
    import zlib

    for line in to_lines(worked_on("film.png"), Path("/data/film.png"), "entry", 5.0).splitlines():
        assert zlib.crc32(line[9:].encode()) == int(line[:8], 16)
        assert isinstance(json.loads(line[9:]), dict)


def test_words_typed_for_one_report_never_reach_another(new_seat: Callable[[], Seat], film: Film) -> None:
    """The reader types and, without confirming, goes to the next picture by key."""
    first, second = film(SEED)[0], film(SEED + 1)[0]
    seat = new_seat()
    seat.open(first, second)
    for path in (first, second):
        seat.window.asking.session.findings(path).report = proposed(path.name)
    seat.show(first)
    seat.window.answering.show_findings(seat.window.panes.pane)
    seat.act("edit")
    seat.bot.wait(50)
    row = next(one for one in seat.window.side.report.findChildren(SentenceRow) if one.findChild(QLineEdit))
    QTest.keyClicks(row.findChild(QLineEdit), "Words for the first.")
    seat.act("next")
    seat.wait(lambda: seat.window.panes.pane.path == second and seat.window.panes.view.source is not None)
    seat.bot.wait(JOURNAL_MS + 300)
    assert seat.window.asking.session.findings(second).report == proposed(second.name)


def test_a_report_of_a_series_brings_all_its_files_back(new_seat: Callable[[], Seat], tmp_path: Path, home: Path) -> None:
    """The series is named by its first file, since other pictures lie in the same folder."""
    folder, zeros = tmp_path / "disc", np.zeros((16, 16), np.uint16)
    for at in range(5):
        where = {
            "SeriesInstanceUID": "1.2.3.7",
            "ImagePositionPatient": [0, 0, 2.0 * at],
            "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
        }
        write(folder / f"slice-{at}.dcm", zeros, "CT", **where)  # type: ignore[arg-type]
    write(folder / "film.dcm", zeros)
    seat = new_seat()
    seat.window.open_paths([folder])
    path = folder / "slice-0.dcm"
    seat.wait(lambda: seat.told(path))
    seat.window.recovery.keep(path, worked_on(path.name))
    seat.wait(lambda: bool(list(home.glob("unsaved/*/*.report"))), 30)
    seat.window.close()
    later = new_seat()
    later.wait(lambda: bool(offers(later)), 30)
    press(later, "Open")
    later.wait(lambda: later.window.panes.pane.path == path and later.window.panes.view.source is not None)
    assert later.window.panes.view.source.frames == 5
    assert later.window.side.report.report == worked_on(path.name)
