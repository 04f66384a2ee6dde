"""The label is hidden until a person asks, the asking is on record, and no output holds it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtWidgets import QLabel

import app
from app import audit, label_pictures
from app.cli import main
from app.panels.label_dialog import RECORDED, WARNING
from inference.engine import EngineSpec
from tests.app.conftest import Seat
from tests.app.fake_engine import FakeEngine
from tests.viewers import aperio
from tests.viewers.tiffs import waves, write_qptiff
from viewers.errors import SourceError
from viewers.qimage import to_array
from viewers.sources import open_source


@pytest.fixture
def slide(tmp_path: Path) -> Path:
    return aperio.write_svs(tmp_path / "Doe^Jane-1912.svs")


def pictures(seat: Seat) -> list[np.ndarray]:
    dialog = seat.window.looking.labelling.dialog
    assert dialog is not None
    return [to_array(one.pixmap().toImage()) for one in dialog.findChildren(QLabel) if not one.pixmap().isNull()]


def test_nothing_shows_before_the_reader_says_so(seat: Seat, slide: Path) -> None:
    seat.open(slide)
    seat.wait(lambda: seat.window.panes.view.settled)
    seat.act("label-macro")
    dialog = seat.window.looking.labelling.dialog
    assert dialog is not None
    said = {one.text() for one in dialog.findChildren(QLabel)}
    assert {WARNING, RECORDED} <= said
    assert not pictures(seat)
    assert not audit.audit_path().exists(), "asking for the window is not looking yet"

    dialog.reveal.click()
    seat.wait(lambda: len(pictures(seat)) == 2)
    label, macro = pictures(seat)
    assert aperio.holds_canary(label)
    assert not aperio.holds_canary(macro)
    assert any("masked" in one.text() for one in dialog.findChildren(QLabel))
    record = json.loads(audit.audit_path().read_text())
    assert record["event"] == "label and macro revealed"
    assert "Doe" not in audit.audit_path().read_text()
    source = open_source(slide)
    assert record["slide"] == f"content {source.identity}"  # type: ignore[attr-defined]
    source.close()

    for shown in (seat.window.panes.view.grab_view(), seat.window.grab().toImage()):
        assert not aperio.holds_canary(to_array(shown))
    assert not aperio.holds_canary(to_array(seat.window.browser.grab().toImage()))
    seat.window.looking.labelling.give_up()


@pytest.mark.parametrize("name", ["CMU-1-Small-Region.svs", "CMU-1-Small-Region_dicom"])
def test_real_slides_show_both_pictures(seat: Seat, shared: Path, name: str) -> None:
    path = shared / "slides" / name
    seat.window.open_paths([path])
    seat.wait(lambda: seat.window.panes.view.source is not None)
    seat.act("label-macro")
    dialog = seat.window.looking.labelling.dialog
    assert dialog is not None
    dialog.reveal.click()
    seat.wait(lambda: len(pictures(seat)) == 2)
    label, macro = pictures(seat)
    assert label.shape[0] > label.shape[1]
    assert macro.shape[1] > 2 * macro.shape[0]
    assert (macro[:, : macro.shape[1] // 4] == 118).all(), "the label's end of the glass"
    words = " ".join(one.text() for one in dialog.findChildren(QLabel))
    assert ("both ends" in words) == name.endswith("_dicom")


def test_no_record_no_picture(seat: Seat, slide: Path, home: Path) -> None:
    (home / audit.NAME).mkdir()
    seat.open(slide)
    seat.act("label-macro")
    dialog = seat.window.looking.labelling.dialog
    assert dialog is not None
    dialog.reveal.click()
    seat.wait(lambda: "on record" in dialog.word.text())
    assert not pictures(seat)
    assert dialog.reveal.isEnabled()


def test_a_picture_without_a_label_opens_no_window(seat: Seat, tmp_path: Path) -> None:
    path = tmp_path / "plain.png"
    Image.new("RGB", (64, 64), "white").save(path)
    seat.open(path)
    seat.act("label-macro")
    assert seat.window.looking.labelling.dialog is None
    assert "no label" in seat.window.status.note.text()
    source = open_source(path)
    with pytest.raises(SourceError, match="neither"):
        label_pictures.reveal(source)
    source.close()


def test_no_file_the_program_writes_holds_the_label(slide: Path, tmp_path: Path, home: Path) -> None:
    """`render` at several sizes, `info`, a heatmap and labels of the whole slide: every picture is searched pixel by pixel."""
    out = tmp_path / "out"
    out.mkdir()
    for number, more in enumerate((["--size", "300,300"], [], ["--as-model", "demo-encoder"])):
        assert main(["render", str(slide), "--out", str(out / f"{number}.png"), *more]) == 0
    assert main(["info", str(slide), "--json"]) == 0
    found = [*out.rglob("*.png"), *home.rglob("*.png"), *home.rglob("*.jpg")]
    assert len(found) >= 3
    for path in found:
        assert not aperio.holds_canary(np.asarray(Image.open(path).convert("RGB")))
    assert not audit.audit_path().exists()


def test_no_model_and_no_batch_gets_the_label(slide: Path, tmp_path: Path) -> None:
    """Every picture that an engine is given in a batch and every picture that the batch writes."""
    engines: list[FakeEngine] = []

    def engine(spec: EngineSpec) -> FakeEngine:
        engines.append(FakeEngine(spec))
        return engines[-1]

    out = tmp_path / "out"
    command = ["batch", str(slide.parent), "--out", str(out), "--tasks", "label,heatmap,embed", "--prompt", "mitosis"]
    assert main(command, engine) == 0
    given = [picture.pixels for one in engines for _, pictures in one.asked for picture in pictures]
    assert len(given) >= 3
    assert not any(aperio.holds_canary(pixels) for pixels in given)
    written = [*out.rglob("*.png"), *out.rglob("*.jpg")]
    assert written
    for path in written:
        assert not aperio.holds_canary(np.asarray(Image.open(path).convert("RGB")))
    assert not audit.audit_path().exists()


def test_one_file_alone_reads_label_pictures() -> None:
    """Exports, thumbnails, batch and models cannot hold what they do not read."""
    root = Path(app.__file__).parents[1]
    lines = subprocess.run(
        ["git", "grep", "-l", "--untracked", r"associated_image(\|associated_images\[", "--", "app", "viewers", "inference"],
        cwd=root, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if lines.returncode != 0:
        pytest.skip("not a checkout")
    assert set(lines.stdout.split()) == {
        "app/label_pictures.py",
        "viewers/sources/__init__.py",
        "viewers/sources/planes.py",
        "viewers/sources/slide.py",
    }


def test_a_qptiffs_label_and_glass_are_revealed_on_record_with_both_ends_masked(tmp_path: Path) -> None:
    path = write_qptiff(tmp_path / "Doe^Jane.qptiff", waves(1, 256, 256), 1)
    source = open_source(path)
    assert label_pictures.has_label_pictures(source)
    found = label_pictures.reveal(source)
    source.close()
    assert found.label is not None
    assert (found.label == 9).all()
    assert found.macro is not None
    assert (found.macro[:, 120:180] == 9).all()
    assert not (found.macro[:, :60] == 9).any(), "nothing tells which end is the label's"
    assert not (found.macro[:, -60:] == 9).any()
    assert "Doe" not in audit.audit_path().read_text()
