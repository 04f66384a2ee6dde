"""What a reader accepted or typed is never lost: by another draft, another picture, closing, quitting, a slow disk."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLineEdit

from app.journal import Journal
from app.panels.report import JOURNAL_MS
from app.panels.sentence_row import SentenceRow
from app.reports import files, record
from app.reports.report import Report, State
from inference.demo.chest import Chest
from tests.app.conftest import Seat
from tests.app.test_recovery import looked, offers, proposed, seat_at, words

Film = Callable[[int], tuple[Path, Chest]]
SEED = 1_600_000
TYPED = "Words of a person."


def with_report(seat: Seat, *paths: Path) -> None:
    """Each with a proposed report; the first is shown."""
    seat.open(*paths)
    for path in paths:
        seat.window.asking.session.findings(path).report = proposed(path.name)
    seat.show(paths[0])
    seat.window.answering.show_findings(seat.window.panes.pane)


def type_into_the_chosen(seat: Seat, text: str = TYPED) -> QLineEdit:
    """As the reader does it; the words are not confirmed."""
    seat.act("edit")
    seat.bot.wait(20)
    row = next(one for one in seat.window.side.report.findChildren(SentenceRow) if one.findChild(QLineEdit))
    field = row.findChild(QLineEdit)
    QTest.keyClicks(field, text)
    return field


def report_of(seat: Seat, path: Path) -> Report:
    report = seat.window.asking.session.findings(path).report
    assert report is not None
    return report


def kept(seat: Seat) -> list[Report]:
    """What the next start would offer: read from the disk, once all is written."""
    seat.window.recovery._disk.submit(lambda: None).result(20)
    seat.window.recovery.journal.close()
    journal = Journal()
    found = [one.report for one in journal.left_behind() if one.report is not None]
    journal.close()
    return found


def test_words_typed_and_not_confirmed_stay_with_their_report_when_the_picture_changes_by_key(seat: Seat, film: Film) -> None:
    first, second = film(SEED)[0], film(SEED + 1)[0]
    with_report(seat, first, second)
    type_into_the_chosen(seat)
    seat.act("next")
    seat.wait(lambda: seat.window.panes.pane.path == second and seat.window.panes.view.source is not None)
    assert report_of(seat, first) == proposed(first.name).edit(1, TYPED)
    assert report_of(seat, second) == proposed(second.name)
    assert seat.window.side.report.report == proposed(second.name)
    seat.act("previous")
    seat.wait(lambda: seat.window.panes.pane.path == first and seat.window.panes.view.source is not None)
    assert TYPED in words(seat)
    assert kept(seat) == [proposed(first.name).edit(1, TYPED)]


def test_words_typed_are_kept_when_another_panel_comes_to_the_front(seat: Seat, film: Film) -> None:
    path, _ = film(SEED)
    with_report(seat, path)
    type_into_the_chosen(seat)
    seat.window.side.front(seat.window.side.labels)
    seat.act("next-sentence")
    assert report_of(seat, path).sentence(1).text == TYPED


def test_words_typed_are_offered_when_their_source_is_closed(seat: Seat, film: Film) -> None:
    path, _ = film(SEED)
    with_report(seat, path)
    type_into_the_chosen(seat)
    seat.act("close")
    seat.wait(lambda: len(offers(seat)) == 1, 20)
    assert offers(seat)[0].report == proposed(path.name).edit(1, TYPED)
    assert seat.window.side.report.report is None, "no report of a picture that is not open"
    assert TYPED not in words(seat)


def test_words_typed_are_offered_after_quitting(seat: Seat, film: Film) -> None:
    path, _ = film(SEED)
    with_report(seat, path)
    type_into_the_chosen(seat)
    seat.window.close()
    again = seat_at(seat.bot)
    try:
        assert [one.report for one in looked(again)] == [proposed(path.name).edit(1, TYPED)]
    finally:
        again.close()


def test_escape_takes_back_what_was_typed_in_the_journal_too(seat: Seat, film: Film) -> None:
    path, _ = film(SEED)
    with_report(seat, path)
    seat.act("accept")
    field = type_into_the_chosen(seat)
    seat.wait(lambda: report_of(seat, path).sentence(2).text == TYPED, 20)
    field.setFocus()
    QTest.keyClick(field, Qt.Key.Key_Escape)
    assert report_of(seat, path) == proposed(path.name).accept(1)
    assert kept(seat) == [proposed(path.name).accept(1)]


def test_an_answer_of_another_kind_does_not_disturb_the_typing(seat: Seat, film: Film) -> None:
    path, _ = film(SEED)
    with_report(seat, path)
    field = type_into_the_chosen(seat)
    seat.bot.wait(JOURNAL_MS + 300)
    QTest.keyClicks(field, " And more.")
    seat.window.answering.show_findings(seat.window.panes.pane)  # as when labels arrive
    assert field.isVisible()
    assert field.text() == f"{TYPED} And more."
    QTest.keyClick(field, Qt.Key.Key_Return)
    assert report_of(seat, path).sentence(1).text == f"{TYPED} And more."
    assert seat.window.side.report.report == report_of(seat, path)


def test_a_second_draft_offers_what_was_accepted_and_typed(seat: Seat, film: Film) -> None:
    """With the real engine: D, A, E and words, D again."""
    path, _ = film(SEED)
    seat.open(path)
    seat.ask("draft")
    first = report_of(seat, path)
    seat.act("accept")
    type_into_the_chosen(seat)
    seat.ask("draft")
    assert all(one.state is State.PROPOSED for one in report_of(seat, path).sentences)
    seat.wait(lambda: len(offers(seat)) == 1, 20)
    ids = [one.id for one in first.sentences]
    assert offers(seat)[0].report == first.accept(ids[0]).edit(ids[1], TYPED)
    seat.act("recover")
    assert report_of(seat, path) == first.accept(ids[0]).edit(ids[1], TYPED)
    assert seat.window.side.report.report == report_of(seat, path)


def test_a_draft_that_is_stopped_leaves_the_report_as_it_was(seat: Seat, film: Film) -> None:
    path, _ = film(SEED)
    with_report(seat, path)
    seat.act("accept")
    seat.act("draft")
    seat.act("cancel")
    assert report_of(seat, path) == proposed(path.name).accept(1)
    assert seat.window.side.report.report == proposed(path.name).accept(1)


def test_what_the_disk_refused_is_offered_from_memory(seat: Seat, film: Film, home: Path) -> None:
    (home / "unsaved").write_text("in the way")
    path, _ = film(SEED)
    with_report(seat, path)
    seat.act("accept")
    seat.wait(lambda: "could not be kept on disk" in words(seat), 20)
    seat.act("close")
    seat.wait(lambda: len(offers(seat)) == 1, 20)
    assert offers(seat)[0].report == proposed(path.name).accept(1)
    (home / "unsaved").unlink()
    seat.act("recover")
    assert report_of(seat, path) == proposed(path.name).accept(1)
    assert kept(seat) == [proposed(path.name).accept(1)], "now it can be kept"


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> tuple[threading.Event, list[str]]:
    """A slow disk: writing waits for the event; which threads wrote."""
    gate, threads, write = threading.Event(), [], files.write

    def slow(report: Report, path: Path) -> None:
        threads.append(threading.current_thread().name)
        gate.wait(60)
        write(report, path)

    monkeypatch.setattr(files, "write", slow)
    return gate, threads


def accepted_and_being_written(seat: Seat, film: Film, file: Path) -> Path:
    """A report with its first sentence accepted, on its way to `file`; the path of its picture."""
    path, _ = film(SEED)
    with_report(seat, path)
    seat.act("accept")
    seat.window.filing.write(report_of(seat, path), file, path)
    return path


def test_a_report_is_written_beside_the_window(
    seat: Seat, film: Film, tmp_path: Path, disk: tuple[threading.Event, list[str]]
) -> None:
    path, _ = film(SEED)
    with_report(seat, path)
    seat.act("accept")
    report = report_of(seat, path)
    gate, threads = disk
    for name in ("a.json", "b.html", "c.pdf"):
        seat.window.filing.write(report, tmp_path / name, path)
    seat.wait(lambda: bool(threads), 20)
    assert seat.window.status.note.text() == "writing c.pdf …"
    assert threads[0] != threading.main_thread().name
    assert not (tmp_path / "a.json").exists()
    gate.set()
    seat.wait(lambda: seat.window.status.note.text() == "saved c.pdf", 60)
    assert record.from_json((tmp_path / "a.json").read_text(encoding="utf-8")) == report
    assert "The heart is enlarged." in (tmp_path / "b.html").read_text(encoding="utf-8")
    assert (tmp_path / "c.pdf").read_bytes().startswith(b"%PDF-")
    assert threading.main_thread().name not in threads
    assert kept(seat) == [], "it is saved"


def test_what_was_changed_while_it_was_written_is_not_taken_for_saved(
    seat: Seat, film: Film, tmp_path: Path, disk: tuple[threading.Event, list[str]]
) -> None:
    path = accepted_and_being_written(seat, film, tmp_path / "a.json")
    gate, _ = disk
    seat.act("accept")
    gate.set()
    seat.wait(lambda: seat.window.status.note.text() == "saved a.json", 20)
    assert kept(seat) == [proposed(path.name).accept(1).accept(2)]


def test_quitting_waits_for_the_file_and_then_offers_nothing(
    seat: Seat, film: Film, tmp_path: Path, disk: tuple[threading.Event, list[str]]
) -> None:
    accepted_and_being_written(seat, film, tmp_path / "a.pdf")
    gate, _ = disk
    threading.Timer(0.3, gate.set).start()
    seat.window.close()
    assert (tmp_path / "a.pdf").read_bytes().startswith(b"%PDF-")
    again = seat_at(seat.bot)
    try:
        assert looked(again) == ()
    finally:
        again.close()


def test_a_place_that_cannot_be_written_is_told_and_the_report_stays_unsaved(seat: Seat, film: Film, tmp_path: Path) -> None:
    path, _ = film(SEED)
    with_report(seat, path)
    seat.act("accept")
    (tmp_path / "file").touch()
    seat.window.filing.write(report_of(seat, path), tmp_path / "file" / "a.pdf", path)
    seat.wait(lambda: "a.pdf could not be written" in words(seat), 20)
    assert seat.window.status.note.text() == ""
    assert kept(seat) == [proposed(path.name).accept(1)]
