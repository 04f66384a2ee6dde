"""What others said, in the window: laid over the images it speaks of, listed with who said it, and taken away again."""

from __future__ import annotations

import shutil
import subprocess
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QTreeWidgetItem

from app.batch.items import plan
from tests.app.conftest import Seat
from tests.viewers.objects import made
from viewers.grayscale import Window
from viewers.object_layer import ObjectLayer
from viewers.qimage import to_array

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")
OUTLINE = np.array([[20.0, 10.0], [40.0, 10.0], [40.0, 20.0], [20.0, 20.0], [20.0, 10.0]])


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A CT, and beside it a segmentation, a report, a presentation state and key images."""
    folder = tmp_path / "study"
    images = made.ct(folder)
    made.segmentation(folder / "seg.dcm", images, made.block())
    made.report(folder / "sr.dcm", images, OUTLINE, 3)
    made.presentation(
        folder / "pr.dcm", images, ShutterShape="CIRCULAR", CenterOfCircularShutter=[32, 32], RadiusOfCircularShutter=30,
        ShutterPresentationValue=0x8080,
    )  # fmt: skip
    made.key_images(folder / "ko.dcm", [images[1], images[4]])
    return folder


def _item(seat: Seat, words: str) -> QTreeWidgetItem:
    tree = seat.window.side.others.tree
    found = [tree.topLevelItem(at) for at in range(tree.topLevelItemCount())]
    return next(one for one in found if one is not None and words in one.text(0))


def _opened(seat: Seat, study: Path) -> ObjectLayer:
    seat.open(study)
    seat.wait(lambda: len(seat.window.presenting._said) == 4)
    seat.window.side.front(seat.window.side.others)
    return seat.window.presenting._layers[0][1]


def _at(seat: Seat, x: float, y: float) -> tuple[int, int, int]:
    """The colour on the screen at a place of the picture."""
    view = seat.window.panes.view
    u, v = view.camera.to_screen(x, y)
    red, green, blue = (int(one) for one in to_array(view.grab_view())[int(v), int(u)][:3])
    return red, green, blue


def test_it_lies_over_its_images_and_can_be_hidden(seat: Seat, study: Path) -> None:
    _opened(seat, study)
    view = seat.window.panes.view
    assert len([one for one in seat.window.browser.model.items() if not one.problem]) == 5
    view.set_frame(3)
    seat.wait(lambda: max(_at(seat, 30, 15)) - min(_at(seat, 30, 15)) > 20)  # the segment's tint on grey
    item = _item(seat, "segmentation")
    item.setCheckState(0, Qt.CheckState.Unchecked)
    seat.wait(lambda: max(_at(seat, 30, 15)) - min(_at(seat, 30, 15)) < 8)
    view.set_frame(0)
    seat.wait(lambda: view.settled)
    assert max(_at(seat, 30, 15)) - min(_at(seat, 30, 15)) < 8


def test_a_finding_leads_to_its_slice_and_says_who_found_it(seat: Seat, study: Path) -> None:
    _opened(seat, study)
    panel, view = seat.window.side.others, seat.window.panes.view
    item = _item(seat, "Measurement Report")
    panel.tree.setCurrentItem(item)
    assert "LungReader" in panel._who.text()
    assert "UNVERIFIED" in panel._who.text()
    assert "Length: 12.5 mm" in panel.text.toPlainText()
    finding = item.child(item.childCount() - 1)
    assert finding is not None
    view.set_frame(0)
    panel.tree.itemClicked.emit(finding, 0)
    assert view.frame == 3
    assert any("LungReader" in line for line in view.corner_texts["top-right"])


def test_a_presentation_state_is_used_and_taken_off(seat: Seat, study: Path) -> None:
    _opened(seat, study)
    panel, view = seat.window.side.others, seat.window.panes.view
    panel.state.setCurrentIndex(1)
    panel.state.activated.emit(1)
    assert view.window_shown == Window(-980.0, 40.0)  # type: ignore[attr-defined]
    seat.wait(lambda: view.settled)
    assert _at(seat, 62, 62) == (128, 128, 128)
    panel.state.setCurrentIndex(0)
    panel.state.activated.emit(0)
    assert view.window_shown is None  # type: ignore[attr-defined]
    seat.wait(lambda: view.settled)
    assert _at(seat, 62, 62) != (128, 128, 128)


def test_key_images_are_stepped_through(seat: Seat, study: Path) -> None:
    _opened(seat, study)
    view = seat.window.panes.view
    view.set_frame(0)
    frames = []
    for _ in range(3):
        seat.act("next-key-image")
        frames.append(view.frame)
    assert frames == [1, 4, 1]
    seat.act("previous-key-image")
    assert view.frame == 4


def test_an_object_opened_first_waits_for_its_images(seat: Seat, study: Path, tmp_path: Path) -> None:
    seg = tmp_path / "seg.dcm"
    (study / "seg.dcm").rename(seg)
    seat.window.open_paths([seg])
    seat.wait(lambda: len(seat.window.presenting._said) == 1)
    assert "of other images" in _item(seat, "segmentation").text(0)
    seat.open(study)
    seat.wait(lambda: "of other images" not in _item(seat, "segmentation").text(0))


def test_volume_and_values_are_told(seat: Seat, study: Path) -> None:
    _opened(seat, study)
    panel = seat.window.side.others
    panel.tree.setCurrentItem(_item(seat, "segmentation"))
    panel._measure.click()
    seat.wait(lambda: panel.text.toPlainText().startswith("Liver: 0.96 ml"))


def test_a_damaged_one_costs_one_sentence(seat: Seat, study: Path) -> None:
    data = (study / "sr.dcm").read_bytes()
    (study / "sr.dcm").write_bytes(data[: len(data) // 2])
    seat.open(study)
    seat.wait(lambda: len(seat.window.presenting._said) == 3 and bool(seat.problem(study / "sr.dcm")))
    assert "sr.dcm" in seat.problem(study / "sr.dcm")


def test_taken_away_it_is_gone(seat: Seat, study: Path) -> None:
    _opened(seat, study)
    panel = seat.window.side.others
    panel.tree.setCurrentItem(_item(seat, "segmentation"))
    panel._remove.click()
    seat.wait(lambda: len(seat.window.presenting._said) == 3)
    assert study / "seg.dcm" not in [one.path for one in seat.window.browser.model.items()]


def test_in_an_archive_too(seat: Seat, study: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "study.zip", "w") as packed:
        for one in sorted(study.iterdir()):
            packed.write(one, f"CD/{one.name}")
    seat.window.open_paths([tmp_path / "study.zip"])
    seat.wait(lambda: len(seat.window.presenting._said) == 4 and seat.window.panes.view.source is not None)
    seat.wait(lambda: "of other images" not in _item(seat, "segmentation").text(0))
    seat.window.panes.view.set_frame(3)
    seat.wait(lambda: max(_at(seat, 30, 15)) - min(_at(seat, 30, 15)) > 20)


@pytest.mark.skipif(not shutil.which("dcmmkdir"), reason="dcmtk is not installed")
def test_listed_by_a_medium_too(seat: Seat, study: Path) -> None:
    for number, one in enumerate(sorted(study.iterdir())):
        one.rename(study / f"F{number}")
    subprocess.run(["/usr/bin/dcmmkdir", "-q", "+r", "-Nxc"], cwd=study, check=False)
    assert (study / "DICOMDIR").exists()
    seat.window.open_paths([study / "DICOMDIR"])
    seat.wait(lambda: len(seat.window.presenting._said) == 4 and seat.window.panes.view.source is not None)


def test_a_batch_takes_pictures_only(study: Path) -> None:
    assert [len(one.files) for one in plan(study).items] == [6]
