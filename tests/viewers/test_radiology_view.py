"""The radiology pane against the formulas of PS3.3 C.11 and the pixels that were written."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from viewers import windows
from viewers.frames import halved_often, halvings_for
from viewers.geometry import Region, Size
from viewers.grayscale import Grayscale, Lut, Window
from viewers.qimage import to_array
from viewers.sources import open_source

Show = Callable[..., Any]
RIGHT = Qt.MouseButton.RightButton


def shown(view: Any) -> NDArray[np.uint8]:
    """The picture alone, 64 × 64 in the middle of the pane at 1:1, where nothing is written."""
    x0, y0, x1, y1 = (round(edge) for edge in view.camera.to_device((0, 0, 64, 64)))
    return to_array(view.grab_view())[y0:y1, x0:x1]


def at_1_to_1(qtbot: QtBot, view: Any) -> Any:
    view.one_to_one()
    view.centre_on(32, 32)
    qtbot.waitUntil(lambda: view.settled, timeout=20_000)
    return view


def windowed(values: NDArray[Any], centre: float, width: float) -> NDArray[np.float64]:
    """PS3.3 C.11.2.1.2.1, onto 0–255."""
    return np.clip((values - (centre - 0.5)) / (width - 1) + 0.5, 0, 1) * 255


def test_grey_is_the_window_of_the_standard(qtbot: QtBot, show_view: Show, write_dicom: Any, ramp: NDArray[np.uint16]) -> None:
    path = write_dicom(ramp, WindowCenter=1500, WindowWidth=900, RescaleSlope=1, RescaleIntercept=-200)
    view = at_1_to_1(qtbot, show_view(open_source(path)))
    truth = windowed(ramp.astype(float) - 200, 1500, 900)
    assert np.abs(shown(view) - truth[:, :, None]).max() <= 0.5 + 1e-6
    view.set_window(Window(700, 300))
    qtbot.waitUntil(lambda: view.settled, timeout=20_000)
    assert np.abs(shown(view) - windowed(ramp.astype(float) - 200, 700, 300)[:, :, None]).max() <= 0.5 + 1e-6


def test_monochrome1_is_inverted_once(qtbot: QtBot, show_view: Show, write_dicom: Any, ramp: NDArray[np.uint16]) -> None:
    path = write_dicom(ramp, WindowCenter=2048, WindowWidth=4096, PhotometricInterpretation="MONOCHROME1")
    view = at_1_to_1(qtbot, show_view(open_source(path)))
    assert np.abs(shown(view) - (255 - windowed(ramp.astype(float), 2048, 4096))[:, :, None]).max() <= 0.5 + 1e-6
    assert "MONOCHROME1, inverted" in view.corner_lines()["bottom-left"]


def test_invert_is_255_minus_x(qtbot: QtBot, show_view: Show, write_dicom: Any, ramp: NDArray[np.uint16]) -> None:
    view = at_1_to_1(qtbot, show_view(open_source(write_dicom(ramp, WindowCenter=1500, WindowWidth=900))))
    before = shown(view)
    QTest.keyClick(view, Qt.Key.Key_I)
    qtbot.waitUntil(lambda: view.settled, timeout=20_000)
    assert np.array_equal(shown(view), 255 - before)
    assert "inverted by the reader" in view.corner_lines()["bottom-left"]
    QTest.keyClick(view, Qt.Key.Key_R)
    qtbot.waitUntil(lambda: view.settled, timeout=20_000)
    assert np.array_equal(shown(view), before)


@pytest.mark.parametrize("by", ["right button", "tool"])
def test_a_drag_changes_width_across_and_centre_down(
    qtbot: QtBot, show_view: Show, write_dicom: Any, ramp: NDArray[np.uint16], by: str
) -> None:
    view = at_1_to_1(qtbot, show_view(open_source(write_dicom(ramp, WindowCenter=1500, WindowWidth=900))))
    button = RIGHT
    if by == "tool":
        QTest.keyClick(view, Qt.Key.Key_W)
        button = Qt.MouseButton.LeftButton
    told: list[Any] = []
    view.windowChanged.connect(told.append)
    place = view.rect().center()
    QTest.mousePress(view, button, Qt.KeyboardModifier.NoModifier, place)
    place.setX(place.x() + 50)
    QTest.mouseMove(view, place)
    wide = view.window_shown
    assert wide.width > 900
    assert wide.centre == 1500
    place.setY(place.y() + 40)
    QTest.mouseMove(view, place)
    QTest.mouseRelease(view, button, Qt.KeyboardModifier.NoModifier, place)
    assert view.window_shown.centre > 1500
    assert view.window_shown.width == wide.width
    assert told[-1] == view.window_shown
    assert view.selection is None
    qtbot.waitUntil(lambda: view.settled, timeout=20_000)
    truth = windowed(ramp.astype(float), view.window_shown.centre, view.window_shown.width)
    assert np.abs(shown(view) - truth[:, :, None]).max() <= 0.5 + 1e-6
    view.reset()
    assert view.window_shown is None


def test_windows_are_stepped_through_the_file_s_own_first() -> None:
    lut = Lut(0, 8, np.arange(256, dtype=np.uint16), "HARDER")
    own = (Window(40, 400, "WIDE"), Window(50, 100, "NARROW"))
    gray = Grayscale(windows=own, voi_luts=(lut,), unit="HU")
    found = windows.choices(gray, "CT", (-1000.0, 2000.0))
    assert found[:3] == [lut, *own]
    assert found[3] == Window(500, 3000, "full range", "LINEAR_EXACT")
    assert "lung" in [one.explanation for one in found]
    assert len(windows.choices(gray, "DX", (0.0, 1.0))) == 4


def test_next_window_steps_on_the_pane(qtbot: QtBot, show_view: Show, write_dicom: Any, ramp: NDArray[np.uint16]) -> None:
    path = write_dicom(ramp, WindowCenter=[1500, 700], WindowWidth=[900, 300])
    view = show_view(open_source(path))
    QTest.keyClick(view, Qt.Key.Key_P)
    assert (view.window_shown.centre, view.window_shown.width) == (700, 300)
    QTest.keyClick(view, Qt.Key.Key_P)
    assert view.window_shown.explanation == "full range"
    QTest.keyClick(view, Qt.Key.Key_P)
    assert (view.window_shown.centre, view.window_shown.width) == (1500, 900)


def stack(write_dicom: Any, count: int = 6) -> tuple[Path, NDArray[np.uint16]]:
    frames = np.stack([np.full((64, 64), 100 * (index + 1), np.uint16) for index in range(count)])
    path = write_dicom(
        frames[0], Modality="CT", NumberOfFrames=count, PixelData=frames.tobytes(), WindowCenter=500, WindowWidth=1000
    )
    return path, frames


def test_frames_scroll_by_wheel_and_keys(qtbot: QtBot, show_view: Show, write_dicom: Any) -> None:
    from PySide6.QtCore import QPoint, QPointF
    from PySide6.QtGui import QWheelEvent
    from PySide6.QtWidgets import QApplication

    path, frames = stack(write_dicom)
    view = at_1_to_1(qtbot, show_view(open_source(path)))
    told: list[int] = []
    view.frameChanged.connect(told.append)

    def wheel(turned: int, modifiers: Qt.KeyboardModifier) -> None:
        where, none = QPointF(200, 150), Qt.MouseButton.NoButton
        phase = Qt.ScrollPhase.NoScrollPhase
        event = QWheelEvent(where, where, QPoint(), QPoint(0, turned), none, modifiers, phase, False)
        QApplication.sendEvent(view, event)

    wheel(-60, Qt.KeyboardModifier.NoModifier)
    assert view.frame == 0
    wheel(-60, Qt.KeyboardModifier.NoModifier)
    assert view.frame == 1
    scale = view.camera.scale
    wheel(120, Qt.KeyboardModifier.ControlModifier)
    assert view.camera.scale > scale
    QTest.keyClick(view, Qt.Key.Key_PageDown)
    QTest.keyClick(view, Qt.Key.Key_End)
    QTest.keyClick(view, Qt.Key.Key_PageDown)
    QTest.keyClick(view, Qt.Key.Key_PageUp)
    assert told == [1, 2, 5, 4]
    at_1_to_1(qtbot, view)
    assert np.abs(shown(view) - windowed(frames[4].astype(float), 500, 1000)[:, :, None]).max() <= 0.5 + 1e-6
    assert view.visible_region().frame == 4
    assert "frame 5 / 6" in view.corner_lines()["top-left"]


def test_a_result_shows_on_its_own_frame_only(qtbot: QtBot, show_view: Show, write_dicom: Any) -> None:
    path, _ = stack(write_dicom)
    view = at_1_to_1(qtbot, show_view(open_source(path)))
    view.set_frame(2)
    qtbot.waitUntil(lambda: view.settled, timeout=20_000)
    plain = shown(view)
    view.show_heatmap(np.ones((4, 4), np.float32), (0, 0, 64, 64), 0, 1, "phrase", "unit", True)
    view.set_selection(Region(4, 4, 40, 40, 2))
    qtbot.waitUntil(lambda: view.settled, timeout=20_000)
    assert not np.array_equal(shown(view), plain)
    view.set_frame(3)
    qtbot.waitUntil(lambda: view.settled, timeout=20_000)
    assert len(np.unique(shown(view))) == 1
    view.set_frame(2)
    qtbot.waitUntil(lambda: view.settled, timeout=20_000)
    assert not np.array_equal(shown(view), plain)


def test_the_value_under_the_pointer_is_the_modality_value(
    qtbot: QtBot, show_view: Show, write_dicom: Any, ramp: NDArray[np.uint16]
) -> None:
    path = write_dicom(ramp, Modality="CT", RescaleSlope=2, RescaleIntercept=-1024, RescaleType="HU")
    view = show_view(open_source(path))
    told: list[Any] = []
    view.pointerMoved.connect(told.append)
    u, v = view.camera.to_screen(10.5, 20.5)
    QTest.mouseMove(view, view.rect().topLeft())
    QTest.mouseMove(view, type(view.rect().topLeft())(round(u), round(v)))
    x, y = int(told[-1].x), int(told[-1].y)
    assert told[-1].value == float(ramp[y, x]) * 2 - 1024
    assert str(told[-1]).endswith("HU")


def test_unlike_pixel_sides_are_shown_true_to_shape(show_view: Show, write_dicom: Any, ramp: NDArray[np.uint16]) -> None:
    path = write_dicom(ramp, Modality="CT", PixelSpacing=[1.0, 0.5])
    view = show_view(open_source(path), 300, 300)
    (x0, y0), (x1, y1) = view.camera.to_screen(0, 0), view.camera.to_screen(64, 64)
    assert (y1 - y0) / (x1 - x0) == pytest.approx(2.0)


def test_a_reduced_frame_is_the_mean_of_its_pixels() -> None:
    values = np.random.default_rng(1).integers(-2000, 3000, (64, 96)).astype(np.int16)
    truth = values.reshape(16, 4, 24, 4).mean(axis=(1, 3))
    found = halved_often(values, 2)
    assert found.dtype == np.int16
    assert np.abs(found - truth).max() <= 0.5
    assert halvings_for(Size(3000, 2500), 0.26) == 2
    assert halvings_for(Size(3000, 2500), 1.0) == 0
    assert halvings_for(Size(3000, 2500), 9.0) == 0
    assert halvings_for(Size(13_000, 13_000), 1.0) == 1, "more than can be painted at once"


def test_colour_and_plain_pictures_keep_their_colours(qtbot: QtBot, show_view: Show, tmp_path: Path) -> None:
    from PIL import Image

    pixels = np.random.default_rng(2).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    path = tmp_path / "colour.png"
    Image.fromarray(pixels).save(path)
    view = at_1_to_1(qtbot, show_view(open_source(path)))
    assert np.array_equal(shown(view), pixels)
    view.set_window(Window(10, 20))
    QTest.keyClick(view, Qt.Key.Key_P)
    qtbot.waitUntil(lambda: view.settled, timeout=20_000)
    assert np.array_equal(shown(view), pixels)


def test_a_file_that_vanishes_is_a_message_in_a_living_pane(qtbot: QtBot, show_view: Show, tmp_path: Path) -> None:
    from PIL import Image

    path = tmp_path / "gone.png"
    Image.new("RGB", (64, 64), "white").save(path)
    source = open_source(path)
    path.unlink()
    view = show_view(source)
    assert view.message().startswith("cannot show: ")
    assert "gone.png" in view.message()
    view.one_to_one()
    assert view.camera.device_scale == 1.0
    other = tmp_path / "there.png"
    Image.new("RGB", (64, 64), "white").save(other)
    view.set_source(open_source(other))
    at_1_to_1(qtbot, view)
    assert view.message() == ""
    assert (shown(view) == 255).all()


def test_closing_ends_the_threads_and_then_the_source(qtbot: QtBot, show_view: Show, write_dicom: Any) -> None:
    path, _ = stack(write_dicom)
    source = open_source(path)
    closed: list[str] = []
    close = source.close
    source.close = lambda: (closed.append(threading.current_thread().name), close())[1]  # type: ignore[method-assign]
    view = show_view(source)
    assert [one for one in threading.enumerate() if one.name.startswith("hilum-")]
    view.close_source()
    qtbot.waitUntil(lambda: not [one for one in threading.enumerate() if one.name.startswith("hilum-")], timeout=20_000)
    assert len(closed) == 1
    assert closed[0].startswith("hilum-frames")


def test_a_pane_that_is_forgotten_leaves_no_thread(qtbot: QtBot, write_dicom: Any) -> None:
    import gc

    from PySide6.QtCore import QCoreApplication, QEvent

    from viewers.views import make_view

    views = [make_view(open_source(stack(write_dicom)[0]))]
    views[0].show()
    qtbot.waitUntil(lambda: views[0].settled, timeout=20_000)
    views.pop().deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    gc.collect()
    qtbot.waitUntil(lambda: not [one for one in threading.enumerate() if one.name.startswith("hilum-")], timeout=20_000)


def test_real_ct_slices_say_what_they_are(show_view: Show, shared: Path) -> None:
    view = show_view(open_source(shared / "dicom" / "ct-in-many-syntaxes" / "CTImage.dcm"))
    assert view.edge_letters() == ("R", "L", "A", "P")
    lines = view.corner_lines()
    assert lines["bottom-right"][0].endswith("mm/px, patient plane")
    assert lines["bottom-right"][-1] == "draft, not for diagnostic use"
    assert lines["bottom-left"][0].endswith("C 40  W 400 HU")


def test_frames_kept_ready_stay_within_their_memory(
    qtbot: QtBot, show_view: Show, write_dicom: Any, ramp: NDArray[np.uint16]
) -> None:
    """The values under the pointer count beside the pictures."""
    pixels = np.stack([ramp] * 24)
    path = write_dicom(ramp, NumberOfFrames=24, PixelData=pixels.tobytes())
    view = show_view(open_source(path))
    view._ready.limit = 6 * ramp.nbytes
    for frame in range(24):
        view.set_frame(frame)
        qtbot.waitUntil(lambda: view.settled, timeout=20_000)
    kept = [view._ready.get(look) for look in list(view._ready)]
    assert len(kept) >= 2
    assert sum(one.stored.nbytes + one.image.sizeInBytes() for one in kept) <= 6 * ramp.nbytes
