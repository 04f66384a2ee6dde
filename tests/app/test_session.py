"""Tickets: what is asked of one picture never shows on another."""

from __future__ import annotations

from pathlib import Path

from app.analysis import Request
from app.session import Asked, Session
from inference.questions import FreeQuestion


def make() -> tuple[Session, list[Asked], list[int]]:
    sent: list[Asked] = []
    stopped: list[int] = []
    return Session(sent.append, stopped.append), sent, stopped


def request(name: str, text: str = "?") -> Request:
    return Request(Path(name), FreeQuestion(text))


def test_an_answer_belongs_to_the_picture_it_was_asked_of() -> None:
    session, _, _ = make()
    first = session.ask("ask", request("a.dcm"), pane=0)
    second = session.ask("ask", request("b.dcm"), pane=1)
    assert session.finish(second.ticket) == second
    found = session.finish(first.ticket)
    assert found is not None
    assert found.item == Path("a.dcm")


def test_a_late_answer_is_unknown() -> None:
    session, _, stopped = make()
    asked = session.ask("ask", request("a.dcm"))
    session.cancel(asked.ticket)
    assert stopped == [asked.ticket]
    assert session.finish(asked.ticket) is None


def test_a_newer_request_of_the_same_pane_and_task_supersedes() -> None:
    session, sent, stopped = make()
    old = session.ask("labels", request("a.dcm"), pane=0)
    other_task = session.ask("ask", request("a.dcm"), pane=0)
    other_pane = session.ask("labels", request("a.dcm"), pane=1)
    new = session.ask("labels", request("a.dcm"), pane=0)
    assert stopped == [old.ticket]
    assert session.waiting() == [other_task, other_pane, new]
    assert [asked.ticket for asked in sent] == [old.ticket, other_task.ticket, other_pane.ticket, new.ticket]


def test_closing_a_source_stops_its_requests_and_forgets_its_answers() -> None:
    session, _, stopped = make()
    gone = session.ask("ask", request("a.dcm"))
    kept = session.ask("ask", request("b.dcm"), pane=1)
    session.findings(Path("a.dcm")).conversation.append(("?", None))  # type: ignore[arg-type]
    session.forget(Path("a.dcm"))
    assert stopped == [gone.ticket]
    assert session.waiting() == [kept]
    assert session.findings(Path("a.dcm")).conversation == []
