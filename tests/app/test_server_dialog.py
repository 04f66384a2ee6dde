"""Entering a model server in the window, against a real server process: looked at, used, left again; nothing sent unconfirmed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import keyring
import pytest
from pytestqt.qtbot import QtBot

from app import settings
from app.panels.server_dialog import ServerDialog
from inference.answers import Draft
from inference.demo.chest import Chest
from inference.endpoint_address import Endpoint
from tests.app.conftest import Seat
from tests.app.test_endpoint_use import Ring
from tests.inference.openai_server import KEY, NAME, REPORT, Server


@pytest.fixture(autouse=True)
def ring() -> Iterator[Ring]:
    before, ring = keyring.get_keyring(), Ring()
    keyring.set_keyring(ring)
    yield ring
    keyring.set_keyring(before)


def dialog(seat: Seat) -> ServerDialog:
    seat.act("server")
    found = seat.window.serving._dialog
    assert found is not None
    return found


def test_a_server_is_looked_at_used_and_left_again(seat: Seat, film: Callable[[int], tuple[Path, Chest]], ring: Ring) -> None:
    path, _ = film(1)
    seat.open(path)
    with Server("key") as server:
        shown = dialog(seat)
        shown.url.setText(f"{server.url}/v1/")
        shown.look.click()
        seat.wait(lambda: shown.model.currentText() == NAME)
        assert shown.word.text() == "It answers and has one model."
        assert [one for one in server.asked() if one["body"]] == []  # no picture and no question yet
        shown.key.setText(KEY)
        shown._use()
        seat.wait(lambda: seat.window.settings.endpoint is not None)
        assert settings.load().endpoint == Endpoint(server.url, NAME)
        assert list(ring.kept.values()) == [KEY]
        assert shown.now.text() == f"Drafts and answers come from {server.address}."
        assert not shown.key.text()
        seat.ask("draft")
        found = seat.window.asking.session.findings(path)
        assert found.draft is not None
        assert isinstance(found.draft.answer, Draft)
        assert found.draft.answer.text == "".join(REPORT)
        asked = len(server.asked())
        shown.back.click()
        seat.wait(lambda: seat.window.settings.endpoint is None)
        assert settings.load().endpoint is None
        seat.ask("draft")
        assert len(server.asked()) == asked
        assert found.draft.answer.receipt.model == "demo-drafter"


def test_another_recipe_may_be_asked_about_other_pictures(seat: Seat, film: Callable[[int], tuple[Path, Chest]]) -> None:
    """The demonstration's drafter knows no CT; a server asked as MedGemma is does, at once and without opening anything again."""
    path, _ = film(2)
    seat.open(path)
    seat.window.use(replace(seat.window.settings, drafter="medgemma-27b-it", encoder="medsiglip-448"))
    seat.wait(lambda: seat.window.shelf._offers)
    described = seat.window.shelf.describes(path)
    assert described is not None
    assert "medsiglip-cxr" in described.offer.sets
    assert seat.window.side.labels.chosen_set() == "medsiglip-cxr"


@pytest.fixture
def alone(qtbot: QtBot) -> ServerDialog:
    made = ServerDialog(None, "demo-drafter", [("MedGemma 1.5 4B", "medgemma-1.5-4b-it")], None)  # type: ignore[arg-type]
    qtbot.addWidget(made)
    made.sent = []  # type: ignore[attr-defined]
    for signal in (made.lookWanted, made.useWanted):
        signal.connect(lambda one, _: made.sent.append(one))  # type: ignore[attr-defined]
    made.show()
    return made


def test_another_machine_is_not_even_looked_at_before_it_is_confirmed(alone: ServerDialog) -> None:
    for words, sentence in (
        ("", "Type the server's address."),
        ("gpu.hospital:8000", "The endpoint's address must look like"),
        ("http://gpu.hospital:8000", "over http the pictures could be read on the way"),
        ("https://gpu.hospital:8000", "Tick that pictures and questions may go to gpu.hospital"),
        ("https://user:pass@gpu.hospital", "Tick that"),
    ):
        alone.url.setText(words)
        alone.look.click()
        alone._use()
        assert sentence in alone.word.text()
    assert alone.sent == []  # type: ignore[attr-defined]


def test_a_tick_is_of_one_host_alone(alone: ServerDialog) -> None:
    alone.url.setText("https://gpu.hospital:8000")
    assert alone.may.isVisible()
    assert alone.may.text().endswith("may go to gpu.hospital")
    alone.may.setChecked(True)
    alone._use()
    assert alone.sent == [Endpoint("https://gpu.hospital:8000", "", "gpu.hospital")]  # type: ignore[attr-defined]
    alone.url.setText("https://gpu.hospital.elsewhere:8000")
    assert not alone.may.isChecked()
    alone._use()
    assert len(alone.sent) == 1  # type: ignore[attr-defined]
    alone.url.setText("http://127.0.0.1:1")
    assert not alone.may.isVisible()
    assert not alone.ca.isVisible()
