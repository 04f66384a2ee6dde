"""Models in the window: what is shown of them, choosing one, and measuring one in a process of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from app.fits import Predicted
from app.panels.models_dialog import Known, ModelsDialog
from inference import measured
from inference.answers import Draft
from inference.demo.chest import Chest
from tests.app.conftest import Seat


def dialog(seat: Seat) -> ModelsDialog:
    seat.act("models")
    seat.wait(lambda: seat.window.modelling._dialog is not None and seat.window.modelling._dialog.table.rowCount())
    found = seat.window.modelling._dialog
    assert found is not None
    return found


def choose(shown: ModelsDialog, model: str, kind: str) -> None:
    shown.table.selectRow(next(at for at, one in enumerate(shown._known) if one.id == model))
    shown.kind.setCurrentIndex(shown.kind.findData(kind))


def test_another_quantisation_is_asked_at_once(seat: Seat, film: Callable[[int], tuple[Path, Chest]]) -> None:
    path, _ = film(1)
    seat.open(path)
    shown = dialog(seat)
    assert shown.now.text() == (
        "Asked now: demo-encoder for labels and heatmaps, demo-drafter in full precision for words."
    )  # fmt: skip
    choose(shown, "demo-drafter", "none")
    assert not shown.use.isEnabled()  # it is in use
    assert not shown.measure.isEnabled()
    choose(shown, "medgemma-4b-it", "int4")
    assert not shown.use.isEnabled()  # it is not on this machine
    choose(shown, "demo-drafter", "int8")
    assert shown.measured.text() == "Demonstration drafter in int8: not measured on this machine."
    shown.use.click()
    seat.wait(lambda: "int8" in shown.now.text())
    assert seat.window.settings.quantisation == "int8"
    seat.ask("draft")
    draft = seat.window.asking.session.findings(path).draft
    assert draft is not None
    assert isinstance(draft.answer, Draft)
    assert draft.answer.receipt.quantisation == "int8; not measured on this machine"


def test_measuring_beside_the_window_and_stopping_it(seat: Seat) -> None:
    shown = dialog(seat)
    choose(shown, "demo-drafter", "int4")
    shown.measure.click()
    seat.wait(lambda: shown.stop.isVisible() and "measuring" in shown.word.text())
    shown.stop.click()
    seat.wait(lambda: shown.word.text() == "Stopped; nothing was kept.")
    assert measured.of_model("demo-drafter") == ()
    shown.measure.click()
    seat.wait(lambda: "measured 2" in shown.measured.text())
    (found,) = measured.of_model("demo-drafter")
    assert shown.measured.text() == f"Demonstration drafter in int4: {found.sentence}."
    assert not shown.stop.isVisible()


@pytest.mark.parametrize(("fit", "words"), [("fits", "9.1 · 2.3/s"), ("tight", "9.1 · tight"), ("too large", "9.1 · too large")])
def test_what_does_not_fit_is_said_in_words_too(qtbot: object, fit: str, words: str) -> None:
    made = ModelsDialog("dark", None)
    qtbot.addWidget(made)  # type: ignore[attr-defined]
    one = Known("m", "M", "drafter", True, {"bf16": Predicted(fit, 9.1, 2.3)}, {})  # type: ignore[arg-type]
    made.show_models([one], "e", "d", "none")
    cell = made.table.item(0, 2)
    assert cell is not None
    assert cell.text() == words
