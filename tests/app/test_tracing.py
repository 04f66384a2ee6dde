"""An ECG in the window: its actions, its calipers under undo, and no model is asked about it."""

from __future__ import annotations

from pathlib import Path

import pydicom
import pytest
from PySide6.QtCore import QPointF

from app.analysis import Request, run
from app.cli import main
from inference.engine import Engine, EngineSpec
from inference.errors import OutsideTraining
from inference.questions import Decoding, FreeQuestion
from tests.app.conftest import Seat
from viewers.waveform_view import WaveformView


@pytest.fixture
def ecg() -> Path:
    path = Path(pydicom.__file__).parent / "data" / "test_files" / "waveform_ecg.dcm"
    if not path.is_file():
        pytest.skip("this pydicom carries no test files")
    return path


def test_actions_of_a_trace(seat: Seat, ecg: Path) -> None:
    seat.act("trace-speed")
    seat.open(ecg)
    view = seat.window.panes.view
    assert isinstance(view, WaveformView)
    for id, words in (("trace-speed", "50 mm/s  10 mm/mV"), ("trace-gain", "50 mm/s  20 mm/mV")):
        seat.act(id)
        assert str(view.setting) == words
    seat.act("trace-layout")
    assert view.sheet is not None
    assert len(view.sheet.rows) == 12
    seat.act("trace-group")
    assert view.group_number == 1
    x, y = view.camera.to_screen(view.camera.size.width / 2, view.camera.size.height / 2)
    view.select_between(QPointF(x, y), QPointF(x + 40, y))
    assert len(view.calipers.all) == 1
    seat.act("undo")
    assert view.calipers.all == ()
    seat.act("redo")
    seat.act("trace-clear")
    assert view.calipers.all == ()
    seat.act("invert")
    assert view.pink
    line = next(item.line for item in seat.window.browser.model.items() if item.path == ecg)
    assert "12-lead ECG" in line


def test_no_model_is_asked(ecg: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with pytest.raises(OutsideTraining, match="no model here reads an ECG"):
        run(Request(ecg, FreeQuestion("Is it normal?", decoding=Decoding(4))), Engine(EngineSpec("demo-encoder", "demo-drafter")))
    assert main(["ask", str(ecg), "Is it normal?"]) == 4
    assert "no model here reads an ECG" in capsys.readouterr().err
    assert main(["label", str(ecg)]) == 4
    assert "no model here reads an ECG" in capsys.readouterr().err
    assert main(["render", str(ecg), "--out", str(tmp_path / "ecg.png"), "--as-model", "demo-encoder"]) == 4
    assert main(["render", str(ecg), "--out", str(tmp_path / "ecg.png"), "--size", "600,300"]) == 0
    assert main(["info", str(ecg)]) == 0
    assert "12-lead ECG" in capsys.readouterr().out
