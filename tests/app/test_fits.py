"""What is said of a drafter before it is loaded, by hand and by the engine; that list, doctor and status line say the same."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from app import doctor, fits, machine, settings
from app.cli import main
from app.fits import Predicted
from app.panels.status import PREDICTED, StatusLine
from app.settings import Settings
from inference import catalogue, device, fitting
from inference.answers import Progress
from inference.endpoint_address import Endpoint
from tests.app.conftest import Seat
from tests.inference.test_fitting import FOUR

CPU: Mapping[str, Any] = {"devices": [], "bfloat16": True}
PLAIN: Mapping[str, Any] = {"devices": [], "bfloat16": False}
CARD: Mapping[str, Any] = {"devices": ["NVIDIA GeForce RTX 4090"], "bfloat16": True}


@pytest.fixture
def four(monkeypatch: pytest.MonkeyPatch) -> None:
    """The 4B is installed on a machine of 12 of 16 GB free that reads 50 GB a second."""
    monkeypatch.setattr(fitting, "shape_of", lambda _: FOUR)
    monkeypatch.setattr(catalogue, "installed", lambda _: True)
    monkeypatch.setattr(machine, "cards", lambda: ())
    monkeypatch.setattr(fitting, "machine", lambda: fitting.Room("cpu", "this machine", 12 * 10**9, 16 * 10**9))
    monkeypatch.setattr(fits, "_processor", lambda: 50e9)
    monkeypatch.setattr(fits, "_torch", lambda: CPU)


@pytest.mark.parametrize("native", [True, False])
@pytest.mark.parametrize("parameters", [1_000_000, fitting.SMALL - 1, fitting.SMALL, 4_300_000_000])
@pytest.mark.parametrize("kind", ["cpu", "cuda"])
def test_bytes_of_a_number_are_those_of_the_format_that_the_engine_takes(
    kind: str, native: bool, parameters: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device, "native_bfloat16", lambda _: native)
    place = device.place(torch.device(kind), parameters)
    assert fitting.bytes_each(kind, parameters, native=native) == place.dtype.itemsize


@pytest.mark.usefixtures("four")
def test_without_native_bfloat16_a_drafter_weighs_twice_as_much_and_is_half_as_fast() -> None:
    """8.60 GB of weights in bfloat16, of which a token reads 7.76, and 0.19 GiB of cache; at 75 % of 50 GB/s."""
    whole, twice = (fits.of_drafter("medgemma-4b-it", "none", fits.ground("auto", one)) for one in (CPU, PLAIN))
    assert whole is not None
    assert twice is not None
    assert 8.8 < whole.gigabytes < 10.5
    assert (whole.fit, whole.trouble) == ("fits", "")
    assert whole.tokens_per_second == pytest.approx(50 * 0.75 / (7.76 + 0.19 * 1.074), rel=0.01)
    assert twice.gigabytes - whole.gigabytes == pytest.approx(8.60, rel=0.05)
    assert twice.fit == "too large"
    assert twice.trouble.startswith("medgemma-4b-it needs 1")
    assert twice.trouble.endswith("this machine has 16.0: choose int8 or int4")
    assert twice.tokens_per_second == pytest.approx(whole.tokens_per_second / 2, rel=0.01)


@pytest.mark.usefixtures("four")
def test_a_card_counts_where_torch_can_use_it_and_the_settings_do_not_say_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "cards", lambda: (machine.Card("NVIDIA GeForce RTX 4090", 24 * 10**9, 22 * 10**9, ""),))
    assert fits.ground("auto", CARD).room == fitting.Room("cuda", "NVIDIA GeForce RTX 4090", 22 * 10**9, 24 * 10**9)
    assert fits.ground("cpu", CARD).room.kind == "cpu"
    assert fits.ground("auto", CPU).room.kind == "cpu"


def test_the_demonstration_is_reckoned_in_float32_and_without_a_speed() -> None:
    """1.6 million weights: a token does not wait for memory."""
    said = fits.of_drafter("demo-drafter", "none", fits.ground("cpu"))
    assert said is not None
    weights = (catalogue.folder("demo-drafter") / "model.safetensors").stat().st_size
    assert said.gigabytes * 1e9 > weights * 0.98
    assert said.tokens_per_second == 0.0


@pytest.mark.usefixtures("four")
@pytest.mark.parametrize(("free", "fit"), [(12, "fits"), (5, "tight")])
def test_doctor_and_list_say_the_same(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, home: Path, free: int, fit: str
) -> None:
    monkeypatch.setattr(fitting, "machine", lambda: fitting.Room("cpu", "this machine", free * 10**9, 16 * 10**9))
    monkeypatch.setattr(machine, "accelerators", lambda: ACCELERATORS)
    settings.save(Settings(drafter="medgemma-4b-it"))
    assert main(["doctor", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)["drafter"]
    assert main(["models", "list", "--json"]) == 0
    (listed,) = (one for one in json.loads(capsys.readouterr().out) if one["id"] == "medgemma-4b-it")
    assert (said["model"], said["quantisation"], said["device"], said["fit"]) == ("medgemma-4b-it", "none", "cpu", fit)
    assert said["tokens_per_second"] == listed["tokens_per_second"]["bf16"] == pytest.approx(4.7, abs=0.1)
    assert main(["doctor"]) == 0
    text = capsys.readouterr().out
    assert f"medgemma-4b-it, full precision, on the processor: {said['gigabytes']:.2g} GB, {fit}, about 4.7 tokens/s pred" in text


ACCELERATORS = {
    "torch": {"version": "2.13.0", "cuda_built": "", "devices": [], "bfloat16": True, "error": ""},
    "onnxruntime": {"version": "1.32.0", "offered": ["CPUExecutionProvider"], "usable": ["CPUExecutionProvider"], "error": ""},
}


@pytest.mark.usefixtures("four")
def test_doctor_says_why_the_drafter_of_the_settings_cannot_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    said = doctor.drafter_facts(Settings(drafter="medgemma-4b-it"), PLAIN)
    (sentence,) = doctor.drafter_problems(said)
    assert sentence.startswith("The drafter that the settings name does not fit: medgemma-4b-it needs ")
    monkeypatch.setattr(catalogue, "installed", lambda _: False)
    assert doctor.drafter_facts(Settings(), CPU) == {"model": "demo-drafter", "quantisation": "none", "installed": False}
    assert not doctor.drafter_facts(Settings(drafter="medgemma-9000b"), CPU)["installed"]
    elsewhere = Settings(endpoint=Endpoint("http://127.0.0.1:8080", "m"))
    assert "127.0.0.1:8080" in doctor.drafter_facts(elsewhere, CPU)["answers_from"]
    assert list(doctor.drafter_problems(doctor.drafter_facts(elsewhere, CPU))) == []


def test_a_prediction_makes_way_for_what_was_measured(qtbot: Any) -> None:
    line = StatusLine("dark")
    qtbot.addWidget(line)
    line.resize(1400, 24)
    line.show()
    line.show_predicted(Predicted("fits", 9.1, 4.73))
    assert line.speed.text() == "about 4.7 tokens/s predicted"
    qtbot.waitUntil(lambda: line.speed.toolTip() == PREDICTED)
    line.resize(1200, 24)
    qtbot.waitUntil(lambda: line.speed.toolTip() == PREDICTED)
    line.show_work(Progress("writing", 3, 100, tokens_per_second=5.2))
    assert line.speed.text() == "5 tokens/s"
    qtbot.waitUntil(lambda: not line.speed.toolTip())
    line.show_predicted(Predicted("fits", 9.1, 4.73))  # one that comes late
    assert line.speed.text() == "5 tokens/s"
    line.show_predicted(None)  # another drafter
    assert line.speed.text() == ""
    line.show_predicted(Predicted("tight", 9.1, 0.0))
    assert line.speed.text() == "memory is tight: close other programs"
    line.show_predicted(None)
    line.show_predicted(Predicted("too large", 9.1, 4.7, "m needs 9.1 GB and this machine has 8.0: choose int8"))
    assert line.speed.text() == "about 4.7 tokens/s predicted, too large for this machine"
    qtbot.waitUntil(lambda: line.speed.toolTip().endswith("choose int8"))


def test_the_window_foretells_again_when_another_drafter_is_chosen(seat: Seat, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[str, str]] = []

    def of_drafter(model: str, quantisation: str, _: object) -> Predicted:
        told.append((model, quantisation))
        return Predicted("fits", 1.0, 7.0 if quantisation == "none" else 14.0)

    monkeypatch.setattr(fits, "of_drafter", of_drafter)
    window = seat.window
    window.modelling._writer = None
    window.modelling.foretell()
    seat.wait(lambda: window.status.speed.text() == "about 7 tokens/s predicted")
    window.status.show_work(Progress("writing", 3, 100, tokens_per_second=6.0))
    window.use(replace(window.settings, unload_min=7))
    assert window.status.speed.text() == "6 tokens/s"
    window.use(replace(window.settings, quantisation="int4"))
    seat.wait(lambda: window.status.speed.text() == "about 14 tokens/s predicted")
    assert told == [("demo-drafter", "none"), ("demo-drafter", "int4")]
