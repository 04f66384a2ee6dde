"""The real window with the real engine process: open, point, ask, stop, survive."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel

from app import actions, settings
from app.panels.sentence_row import SentenceRow
from app.reports.report import Section, State
from app.storage import data_folder
from inference.answers import Heatmap, LabelScores
from inference.demo.chest import Chest, draw_pair
from inference.host import EngineProcess
from tests.app.conftest import Seat
from tests.app.xvfb import needs_x

Film = Callable[[int], tuple[Path, Chest]]
SEED = 1_600_000


def with_finding(film: Film, kind: str) -> tuple[Path, Chest]:
    """A phantom whose only finding is a large one of `kind`."""
    for seed in range(SEED, SEED + 4000):
        chest = draw_pair(seed).current
        if len(chest.findings) == 1 and chest.findings[0].kind == kind and chest.findings[0].amount > 0.75:
            return film(seed)
    raise AssertionError(kind)


def drag(seat: Seat, start: tuple[float, float], end: tuple[float, float]) -> None:
    """A drag with the left button, places as shares of the pane."""
    view = seat.window.panes.view
    places = [QPoint(round(view.width() * x), round(view.height() * y)) for x, y in (start, end)]
    QTest.mousePress(view, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, places[0])
    for step in range(1, 6):
        between = places[0] + (places[1] - places[0]) * (step / 5)
        QTest.mouseMove(view, between)
    QTest.mouseRelease(view, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, places[1])


def test_the_main_job(seat: Seat, film: Film, monkeypatch: pytest.MonkeyPatch) -> None:
    """Open a film, drag a region, labels; the whole view, heatmap on the finding; a streamed draft, accepted and signed."""
    path, chest = with_finding(film, "effusion")
    side = chest.findings[0].side
    seat.open(path)
    assert seat.window.panes.view.selection is None

    drag(seat, (0.35, 0.2), (0.65, 0.7))
    region = seat.window.panes.view.selection
    assert region is not None
    seat.ask("labels")
    labels = seat.window.asking.session.findings(path).labels
    assert labels is not None
    assert labels.region == region
    seat.act("whole")
    assert seat.window.panes.view.selection is None

    seat.ask("labels")
    labels = seat.window.asking.session.findings(path).labels
    assert labels is not None
    assert isinstance(labels.answer, LabelScores)
    assert labels.region.size == seat.window.panes.view.source.size
    assert "effusion" in labels.answer.scores[0].name.lower()
    table = seat.window.side.labels.table
    shown = [table.item(row, 1).text() for row in range(table.rowCount())]
    assert shown == sorted(shown, key=float, reverse=True)

    table.selectRow(0)
    seat.ask("heatmap")
    heatmap = seat.window.asking.session.findings(path).heatmap
    assert heatmap is not None
    assert isinstance(heatmap.answer, Heatmap)
    assert seat.window.panes.view.overlay.present
    x0, _, x1, _ = heatmap.heatmap_extent()
    _, column = np.unravel_index(np.argmax(heatmap.answer.values), heatmap.answer.values.shape)
    x = x0 + (column + 0.5) * (x1 - x0) / heatmap.answer.values.shape[1]
    assert (x > 512) == (side == "left"), "the patient's left is on the picture's right"

    streamed: list[str] = []
    monkeypatch.setattr("inference.worker.EVERY_MS", 1)  # the demonstration writes a whole report between two deliveries
    seat.window.worker.progress.connect(lambda _, progress: streamed.append(progress.text))
    seat.ask("draft")
    report = seat.window.asking.session.findings(path).report
    assert report is not None
    assert "".join(streamed).strip().startswith("Findings:")
    assert sum(bool(text) for text in streamed) >= 2, "the words come as they are written"
    assert any("effusion" in one.text.lower() for one in report.section(Section.IMPRESSION))
    assert all(one.state is State.PROPOSED for one in report.sentences)

    for _ in report.sentences:
        seat.act("accept")
    assert seat.window.side.report.report is not None
    assert not seat.window.side.report.report.untouched()
    seat.window.side.report.signWanted.emit("A. Reader")
    signed = seat.window.asking.session.findings(path).report
    assert signed is not None
    assert signed.signature is not None
    assert signed.signature.name == "A. Reader"


def test_a_question_shows_pixels_prompt_and_receipt(seat: Seat, film: Film) -> None:
    path, _ = with_finding(film, "cardiomegaly")
    seat.open(path)
    seat.act("question")
    assert seat.window.side.currentWidget() is seat.window.side.ask
    QTest.keyClicks(seat.window.side.ask.question, "Is there cardiomegaly?")
    QTest.keyClick(seat.window.side.ask.question, Qt.Key.Key_Return)
    seat.wait(lambda: seat.idle() and bool(seat.window.asking.session.findings(path).conversation))
    question, result = seat.window.asking.session.findings(path).conversation[0]
    assert question == "Is there cardiomegaly?"
    assert "Is there cardiomegaly?" in result.answer.receipt.prompt
    assert result.answer.receipt.model == "demo-drafter"
    side = result.seen[0].shape[0]
    assert result.seen[0].shape == (side, side, 3)


def test_escape_cancels_and_the_next_request_works(seat: Seat, film: Film) -> None:
    path, _ = film(SEED)
    seat.open(path)
    seat.ask("labels")
    seat.act("draft")
    assert not seat.idle()
    seat.act("cancel")
    assert seat.idle()
    assert seat.window.asking.session.findings(path).report is None
    seat.ask("draft")
    assert seat.window.asking.session.findings(path).report is not None


def test_the_engine_is_killed_in_mid_generation(seat: Seat, film: Film) -> None:
    path, _ = film(SEED)
    seat.open(path)
    seat.ask("labels")
    report_kept = seat.window.asking.session.findings(path)
    (engine,) = [one for one in psutil.Process().children() if "inference.host" in one.cmdline()]
    engine.send_signal(signal.SIGSTOP)  # the draft is certain to be under way when the kill comes
    seat.act("draft")
    host = seat.window.worker._engine
    assert isinstance(host, EngineProcess)
    seat.wait(host._asking.locked)  # the question is on its way, and nobody answers
    seat.bot.wait(300)
    engine.kill()
    seat.wait(seat.idle)
    words = [label.text() for label in seat.window.side.report.findChildren(QLabel) if label.isVisible()]
    assert any("engine" in text.lower() for text in words), words
    assert report_kept.labels is not None, "what was there is untouched"
    assert report_kept.report is None, "a failed draft is no report"
    seat.ask("draft")
    assert seat.window.asking.session.findings(path).report is not None


def test_an_answer_never_shows_on_another_picture(seat: Seat, film: Film) -> None:
    first, second = film(SEED)[0], film(SEED + 1)[0]
    seat.open(first, second)
    seat.window.side.labels.phrase.setCurrentText("pleural effusion")
    seat.act("heatmap")
    seat.show(second)
    seat.wait(seat.idle)
    assert not seat.window.panes.view.overlay.present
    assert seat.window.side.labels.table.rowCount() == 0
    seat.show(first)
    seat.wait(lambda: seat.window.panes.view.overlay.present)


def bad_files(folder: Path) -> dict[Path, str]:
    """Files that cannot be shown, and a word their sentence must hold."""
    import pydicom
    from pydicom.data import get_testdata_file  # noqa: F401 - the folder below is read by path, nothing is downloaded

    whole = (Path(pydicom.__file__).parent / "data/test_files/CT_small.dcm").read_bytes()
    text = folder / "notes.dcm"
    text.write_text("This is not DICOM.")
    empty = folder / "empty.dcm"
    empty.touch()
    cut = folder / "cut.dcm"
    cut.write_bytes(whole[: len(whole) // 2])
    tiff = folder / "cut.tif"
    tiff.write_bytes(b"II*\0\x08\0\0\0\xff\xff")
    emoji = folder / "🫁 empty.png"
    emoji.touch()
    huge = pydicom.dcmread(Path(pydicom.__file__).parent / "data/test_files/CT_small.dcm")
    huge.Rows = huge.Columns = 65535
    large = folder / "huge.dcm"
    huge.save_as(large)
    return {empty: "empty", text: "", cut: "", tiff: "", emoji: "empty", large: ""}


def test_bad_files_become_lines_and_the_window_lives(seat: Seat, film: Film, tmp_path: Path) -> None:
    bad = bad_files(tmp_path)
    good, _ = film(SEED)
    seat.open(*bad, good)
    for path, word in bad.items():
        sentence = seat.problem(path)
        assert path.name in sentence, (path, sentence)
        assert word in sentence
        assert "Traceback" not in sentence
    seat.show(good)
    assert seat.window.panes.view.source is not None


def test_a_folder_that_is_gone_and_a_file_that_vanishes_while_open(seat: Seat, film: Film, tmp_path: Path) -> None:
    seat.window.open_paths([tmp_path / "nowhere"])
    seat.wait(lambda: bool(seat.problem(tmp_path / "nowhere")))
    path = tmp_path / "🫀 film.png"
    shutil.copy(film(SEED)[0], path)
    seat.open(path)
    path.unlink()
    seat.ask("labels")
    assert seat.window.asking.session.findings(path).labels is None
    words = [label.text() for label in seat.window.side.labels.findChildren(QLabel)]
    assert any("🫀 film.png" in text for text in words), words


def test_drop_recent_restore_palette_theme_and_fold(seat: Seat, film: Film, qtbot: object) -> None:
    path, _ = film(SEED)
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    seat.window.dropEvent(
        QDropEvent(QPointF(5, 5), Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier)
    )
    seat.wait(lambda: seat.told(path))
    assert seat.window.settings.recent[0] == str(path)

    seat.act("palette")
    palette = QApplication.activePopupWidget()
    assert palette is not None
    lines = [palette.list.item(row).text() for row in range(palette.list.count())]
    assert len(lines) == len(actions.SPECS)
    assert any("Draft a report" in line and line.endswith("D") for line in lines)
    QTest.keyClicks(palette.field, "two panes")
    assert palette.list.count() == 1
    QTest.keyClick(palette.field, Qt.Key.Key_Return)
    assert seat.window.panes.count == 2

    seat.act("theme")
    assert seat.window.settings.theme == "light"
    seat.act("fold")
    assert not seat.window.side.isVisible()
    seat.act("fold")
    assert seat.window.side.isVisible()

    seat.window.close()
    kept = settings.load()
    assert kept.open == (str(path),)
    assert kept.theme == "light"
    again = Seat(seat.bot, kept)
    again.window.restore()
    again.wait(lambda: again.told(path))
    again.close()


def test_letters_typed_into_a_field_ask_nothing(seat: Seat, film: Film) -> None:
    seat.open(film(SEED)[0])
    field = seat.window.side.report.indication
    field.setFocus()
    QTest.keyClicks(field, "cough, dyspnoea, rule out fluid")
    assert field.text() == "cough, dyspnoea, rule out fluid"
    assert seat.idle()


def test_an_edited_sentence_is_in_the_journal_before_anything_is_saved(seat: Seat, film: Film) -> None:
    path, _ = film(SEED)
    seat.open(path)
    seat.ask("draft")
    row = seat.window.side.report.findChildren(SentenceRow)[0]
    row.edited.emit(row.sentence.id, "Words of a person.")
    kept = data_folder() / "unsaved"
    seat.wait(lambda: any("Words of a person." in file.read_text() for file in kept.glob("*/*.report")), 20)


def test_the_windows_process_never_holds_torch(film: Film) -> None:
    path, _ = film(SEED)
    code = f"""
import sys
from dataclasses import replace
from pathlib import Path
from PySide6.QtWidgets import QApplication, QLabel
from app import settings, theme
application = QApplication([])
from app.window import Window
window = Window(settings.Settings())
window.show()
path = Path({str(path)!r})
window.open_paths([path])
import time
end = time.monotonic() + 120
asked = False
while time.monotonic() < end and window.asking.session.findings(path).labels is None:
    application.processEvents()
    if not asked and window.panes.view.source is not None and window.shelf.describes(path) is not None:
        window.actions_by_id["labels"].trigger()
        asked = True
assert window.asking.session.findings(path).labels is not None
heavy = sorted(name for name in ("torch", "transformers", "onnxruntime") if name in sys.modules)
window.close()
print("heavy:", heavy)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=200, check=False)
    assert "heavy: []" in done.stdout, done.stdout + done.stderr


@needs_x
def test_the_main_job_on_a_real_x_server(screen: str) -> None:
    env = dict(os.environ, DISPLAY=screen, QT_QPA_PLATFORM="xcb")
    call = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"{__file__}::test_the_main_job"]
    done = subprocess.run(call, env=env, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stdout[-3000:]
