"""Windows in the window: chosen by digit, list and histogram, kept by the reader; overlays and shutter by their keys."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QInputDialog

from app import presets_file
from app.display_check import DisplayCheck
from tests.app.conftest import Seat
from tests.viewers.conftest import write_dicom  # noqa: F401 - a fixture
from viewers.dicom_view import RadiologyView
from viewers.geometry import Region
from viewers.grayscale import Window
from viewers.presets import BUILT_IN, Preset
from viewers.qc_pattern import pattern
from viewers.qimage import to_array

WriteDicom = Callable[..., Path]


@pytest.fixture
def ct(write_dicom: WriteDicom) -> Path:  # noqa: F811
    """HU from −1024 to 3071, each once."""
    ramp = np.arange(4096, dtype=np.uint16).reshape(64, 64)
    return write_dicom(ramp, "ct.dcm", Modality="CT", RescaleIntercept=-1024, RescaleSlope=1, WindowCenter=50, WindowWidth=500)


def opened(seat: Seat, path: Path) -> Any:
    seat.open(path)
    view = seat.window.panes.view
    assert isinstance(view, RadiologyView)
    seat.wait(lambda: view.settled and view.shown is not None)
    side = seat.window.side
    panel = side.window_panel
    seat.wait(lambda: side.isTabVisible(side.indexOf(panel)), 10)
    seat.act("windows")
    seat.wait(lambda: panel.isVisible() and panel.list.count() > 0, 10)
    return view


def test_digits_and_the_list_choose_the_same_windows(seat: Seat, ct: Path) -> None:
    view, panel = opened(seat, ct), seat.window.side.window_panel
    view.setFocus()
    QTest.keyClick(seat.window, Qt.Key.Key_2)
    assert (view.window_shown.centre, view.window_shown.width) == (-600, 1500)
    seat.wait(lambda: "lung" in panel.list.currentItem().text(), 10)
    assert seat.window.actions_by_id["window-2"].text() == "Window 2: lung  C −600  W 1500 HU"
    item = panel.list.item(0)
    QTest.mouseClick(panel.list.viewport(), Qt.MouseButton.LeftButton, pos=panel.list.visualItemRect(item).center())
    assert view.window_shown == Window(50, 500), "the file's own stands first"
    QTest.keyClick(seat.window, Qt.Key.Key_P)
    assert view.window_shown.explanation == "full range"


def test_the_ends_are_drawn_and_dragged_over_the_histogram(seat: Seat, ct: Path) -> None:
    view, panel = opened(seat, ct), seat.window.side.window_panel
    slider = panel.slider
    seat.wait(lambda: slider.values == (-200.0, 299.0), 10)  # C.11.2.1.2: 50 − 0.5 ∓ 499/2
    place = lambda value: QPoint(round(slider._at(value)), 20)  # noqa: E731
    QTest.mousePress(slider, Qt.MouseButton.LeftButton, pos=place(299))
    QTest.mouseMove(slider, place(1500))
    QTest.mouseRelease(slider, Qt.MouseButton.LeftButton, pos=place(1500))
    low, high = view.window_shown.ends
    assert low == pytest.approx(-200, abs=12)
    assert high == pytest.approx(1500, abs=12)
    assert view.window_shown.function == "LINEAR"


def test_a_region_has_its_own_histogram_and_window(seat: Seat, ct: Path) -> None:
    view, panel = opened(seat, ct), seat.window.side.window_panel
    view.set_selection(Region(0, 32, 64, 4))
    view.regionSelected.emit(view.selection)
    seat.wait(lambda: panel.title.text() == "Values of the region", 10)
    seat.act("fit-window")
    values = np.arange(32 * 64, 36 * 64) - 1024
    assert view.window_shown.ends == pytest.approx(tuple(np.percentile(values, (1, 99))))
    assert "fitted to the region" in " ".join(view.corner_lines()["bottom-left"])


def test_windows_are_kept_renamed_and_removed_in_a_file_to_read(seat: Seat, ct: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    view, panel = opened(seat, ct), seat.window.side.window_panel
    view.set_window(Window(-150, 450))
    monkeypatch.setattr(QInputDialog, "getText", staticmethod(lambda *_args, **_more: ('fat "soft"', True)))
    panel.keep.click()
    seat.wait(lambda: presets_file.path_of().exists(), 10)
    seat.wait(lambda: panel.list.count() == 12 and panel.list.currentRow() == 11, 10)
    entry = tomllib.loads(presets_file.path_of().read_text(encoding="utf-8"))["window"][-1]
    assert entry == {"name": 'fat "soft"', "modality": "CT", "centre": -150.0, "width": 450.0, "unit": "HU"}
    monkeypatch.setattr(QInputDialog, "getText", staticmethod(lambda *_args, **_more: ("fat", True)))
    panel.rename.click()
    seat.wait(lambda: presets_file.load()[0][-1].name == "fat", 10)
    seat.wait(lambda: panel.list.item(11).text().strip().startswith("fat  C"), 10)
    panel.list.setCurrentRow(11)
    monkeypatch.setattr(QInputDialog, "getText", staticmethod(lambda *_args, **_more: (" ", True)))
    panel.rename.click()
    assert "needs a name" in panel.word.text()
    panel.remove.click()
    seat.wait(lambda: presets_file.load()[0] == BUILT_IN, 10)


def test_shutter_and_overlays_by_their_keys(seat: Seat, write_dicom: WriteDicom) -> None:  # noqa: F811
    edges = {"LeftVertical": 10, "RightVertical": 40, "UpperHorizontal": 10, "LowerHorizontal": 40}
    shutter = {f"Shutter{edge}Edge": value for edge, value in edges.items()}
    path = write_dicom(np.full((64, 64), 900, np.uint16), "dx.dcm", ShutterShape="RECTANGULAR", **shutter)
    view, panel = opened(seat, path), seat.window.side.window_panel
    assert panel.shutter.isVisible()
    assert not panel.overlays.isVisible()
    QTest.keyClick(seat.window, Qt.Key.Key_S, Qt.KeyboardModifier.ShiftModifier)
    assert not view.shutter_drawn
    seat.wait(lambda: not panel.shutter.isChecked(), 10)
    panel.shutter.click()
    assert view.shutter_drawn
    QTest.keyClick(seat.window, Qt.Key.Key_O, Qt.KeyboardModifier.ShiftModifier)
    assert not view.overlays_drawn


def test_the_tab_is_there_for_grey_pictures_alone(seat: Seat, ct: Path, tmp_path: Path) -> None:
    from PIL import Image

    colour = tmp_path / "colour.png"
    Image.new("RGB", (64, 64), "red").save(colour)
    opened(seat, ct)
    side = seat.window.side
    seat.open(colour)
    seat.wait(lambda: not side.isTabVisible(side.indexOf(side.window_panel)), 10)
    seat.show(ct)
    seat.wait(lambda: side.isTabVisible(side.indexOf(side.window_panel)), 10)


def test_presets_survive_a_damaged_file(home: Path) -> None:
    presets_file.save((Preset("one", "MG", 10.5, 3.0),))
    assert presets_file.load() == ((Preset("one", "MG", 10.5, 3.0),), "")
    text = presets_file.path_of().read_text()
    presets_file.path_of().write_text(text + '\n[[window]]\nname = "no width"\nmodality = "CT"\ncentre = 1\n')
    kept, note = presets_file.load()
    assert len(kept) == 1
    assert "1 of the windows" in note
    presets_file.path_of().write_text("[[window\n")
    assert presets_file.load()[0] == BUILT_IN
    assert (home / "windows.damaged.toml").read_text() == "[[window\n"
    assert presets_file.load() == (BUILT_IN, "")


@pytest.mark.parametrize(
    "entry",
    [
        "name = 1\ncentre = 1\nwidth = 2",
        'name = "a"\nmodality = "ct"\ncentre = 1\nwidth = 2',
        'name = "a"\nmodality = "CT"\ncentre = nan\nwidth = 2',
        'name = "a"\nmodality = "CT"\ncentre = 1\nwidth = 0',
        'name = "a"\nmodality = "CT"\ncentre = "1"\nwidth = 2',
        'name = "a"\nmodality = "CT"\ncentre = 1\nwidth = 2\nunit = "kg"',
        'name = "a"\nmodality = "CT"\ncentre = 1\nwidth = 2\nunit = []',
        f'name = "{"x" * 40}"\nmodality = "CT"\ncentre = 1\nwidth = 2',
    ],
)
def test_entries_that_are_no_window_are_left_out(home: Path, entry: str) -> None:
    presets_file.path_of().write_text(f"[[window]]\n{entry}\n")
    kept, note = presets_file.load()
    assert kept == ()
    assert note


def test_the_display_is_checked_a_pixel_for_a_pixel(seat: Seat) -> None:
    seat.act("check-display")
    (check,) = [one for one in QApplication.topLevelWidgets() if isinstance(one, DisplayCheck)]
    assert check.isFullScreen()
    check.showNormal()
    check.resize(1024, 1024)
    seat.wait(lambda: check.isVisible() and check.height() == 1024, 10)
    assert np.array_equal(to_array(check.grab().toImage())[:, :, 1], pattern())
    QTest.keyClick(check, Qt.Key.Key_Escape)
    assert not check.isVisible()
