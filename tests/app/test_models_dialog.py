"""Models in the window: what is shown of them, choosing one, and measuring one in a process of its own."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

from app.fits import Predicted
from app.panels.models_dialog import Known, ModelsDialog
from inference import catalogue, kept_pictures, measured
from inference.adapters import folder as adapters
from inference.answers import Draft
from inference.demo.chest import Chest
from inference.host import EngineProcess
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


def taught_nothing(folder: Path) -> None:
    """An adapter of the demonstration's drafter by the formula of arXiv 2106.09685, whose B is zero: W + B · A = W."""
    folder.mkdir(parents=True)
    weights = {}
    with safe_open(catalogue.folder("demo-drafter") / "model.safetensors", framework="np") as file:
        for name in file.keys():  # noqa: SIM118 - a file of safetensors is no mapping
            if name.endswith(("q_proj.weight", "down_proj.weight")) and "language_model" in name:
                rows, columns = file.get_slice(name).get_shape()
                layer = "base_model.model." + name.removesuffix(".weight").replace("language_model.model", "model.language_model")
                weights[f"{layer}.lora_A.weight"] = np.ones((2, columns), np.float32)
                weights[f"{layer}.lora_B.weight"] = np.zeros((rows, 2), np.float32)
    save_file(weights, folder / adapters.WEIGHTS)
    (folder / adapters.CONFIG).write_text(json.dumps({"peft_type": "LORA", "r": 2, "lora_alpha": 2, "bias": "none"}))
    revision = catalogue.require("demo-drafter", "drafter")[2]
    (folder / adapters.RECEIPT).write_text(json.dumps({"base": "demo-drafter", "base_revision": revision}))


def test_an_adapter_is_chosen_with_its_drafter(seat: Seat, film: Callable[[int], tuple[Path, Chest]], home: Path) -> None:
    path, _ = film(1)
    taught_nothing(home / "adapters" / "nothing")
    (home / "adapters" / "damaged").mkdir()
    (home / "adapters" / "damaged" / adapters.RECEIPT).write_text("{")
    seat.open(path)
    seat.ask("draft")
    plain = seat.window.asking.session.findings(path).draft
    shown = dialog(seat)
    choose(shown, "medgemma-4b-it", "none")
    assert not shown.adapter.isVisible()
    choose(shown, "demo-drafter", "none")
    assert [shown.adapter.itemText(at) for at in range(shown.adapter.count())] == ["No adapter", "nothing"]
    assert not shown.use.isEnabled()  # as it is
    shown.adapter.setCurrentIndex(1)
    shown.use.click()
    seat.wait(lambda: "with the adapter nothing" in shown.now.text())
    assert not shown.use.isEnabled()
    seat.ask("draft")
    draft = seat.window.asking.session.findings(path).draft
    assert plain is not None
    assert draft is not None
    assert isinstance(plain.answer, Draft)
    assert isinstance(draft.answer, Draft)
    assert draft.answer.receipt.adapter == adapters.read(home / "adapters" / "nothing").words
    assert draft.answer.text == plain.answer.text
    shown.adapter.setCurrentIndex(0)
    shown.use.click()
    seat.wait(lambda: "adapter" not in shown.now.text())
    assert seat.window.spec.adapter == ""


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


def test_models_are_unloaded_and_loaded_again(seat: Seat, film: Callable[[int], tuple[Path, Chest]]) -> None:
    """By a real engine: its process ends, and the next question finds the same words."""
    path, _ = film(1)
    seat.open(path)
    seat.ask("draft")
    first = seat.window.asking.session.findings(path).draft
    engine = seat.window.worker._engine
    assert isinstance(engine, EngineProcess)
    pid = engine.pid
    assert pid is not None
    seat.window.worker.set_idle(0.3)
    seat.wait(lambda: not psutil.pid_exists(pid))
    seat.wait(lambda: "unloaded after 0.005 min without a question" in seat.window.status.engine.text())
    seat.window.worker.set_idle(0.0)
    seat.ask("draft")
    again = seat.window.asking.session.findings(path).draft
    assert first is not None
    assert again is not None
    assert again is not first
    assert isinstance(first.answer, Draft)
    assert isinstance(again.answer, Draft)
    assert again.answer.text == first.answer.text
    seat.wait(lambda: "demo-drafter" in seat.window.status.engine.text())


def test_what_is_kept_of_pictures_is_bounded_and_forgotten(seat: Seat) -> None:
    kept_pictures.write("a" * 64, b"x" * 300_000, 2**20)
    kept = dialog(seat).keeping
    seat.wait(lambda: kept.held.text() == "1 now, 0.3 MB")
    assert (kept.unload.currentText(), kept.most.currentText()) == ("30 min", "up to 2 GB")
    kept.forget.click()
    seat.wait(lambda: kept.held.text() == "none now")
    assert kept_pictures.held() == (0, 0)
    assert not kept.forget.isEnabled()
    kept.unload.setCurrentIndex(kept.unload.findData(0))
    kept.unload.activated.emit(kept.unload.currentIndex())
    assert seat.window.settings.unload_min == 0
    kept_pictures.write("a" * 64, b"x" * 3000, 2**20)
    kept.most.setCurrentIndex(kept.most.findData(0.0))
    kept.most.activated.emit(kept.most.currentIndex())
    seat.wait(lambda: kept_pictures.held() == (0, 0))
    assert seat.window.settings.pictures_gb == 0
    assert seat.window.spec.pictures_on_disk == 0


@pytest.mark.parametrize("there", [True, False])
def test_nf4_is_offered_where_bitsandbytes_is_installed(qtbot: object, monkeypatch: pytest.MonkeyPatch, there: bool) -> None:
    found: Callable[..., object] = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: (object() if there else None) if name == "bitsandbytes" else found(name)
    )
    made = ModelsDialog("dark", None)
    qtbot.addWidget(made)  # type: ignore[attr-defined]
    offered = [made.kind.itemData(at) for at in range(made.kind.count())]
    assert [one for one in offered if one != "nf4"] == ["none", "int8", "int8+head", "int4", "int4+head"]
    assert ("nf4" in offered) == there
