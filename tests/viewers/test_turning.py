"""A film that is turned and flipped: its pixels, its letters, and what is said of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pytestqt.qtbot import QtBot

from viewers.camera import Camera
from viewers.geometry import Size
from viewers.qimage import to_array
from viewers.sources import open_source
from viewers.turning import sides

Show = Callable[..., Any]


@pytest.mark.parametrize(
    ("angle", "flipped", "letters"),
    [
        (0, False, ("R", "L", "H", "F")),
        (90, False, ("F", "H", "R", "L")),  # clockwise: what was at the left is at the top
        (180, False, ("L", "R", "F", "H")),
        (270, False, ("H", "F", "L", "R")),
        (0, True, ("L", "R", "H", "F")),
        (180, True, ("R", "L", "F", "H")),
        (10, False, ("R", "L", "H", "F")),
        (45, False, ("", "", "", "")),
    ],
)
def test_letters_go_with_the_picture(angle: float, flipped: bool, letters: tuple[str, ...]) -> None:
    camera = Camera(Size(100, 80), 1.7)
    camera.resize(400, 300, 1.5)
    camera.look(50, 40, 2.0, angle, flipped)
    assert sides(camera, "L", "F") == letters


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
@pytest.mark.parametrize("flipped", [False, True])
def test_a_turned_film_is_the_turned_array(
    qtbot: QtBot, show_view: Show, write_dicom: Any, ramp: NDArray[np.uint16], turns: int, flipped: bool
) -> None:
    path = write_dicom(ramp, WindowCenter=2048, WindowWidth=4096, PatientOrientation=["L", "F"])
    view = show_view(open_source(path))
    view.one_to_one()
    if flipped:
        view.flip()
    for _ in range(turns):
        view.turn_by(90)
    qtbot.waitUntil(lambda: view.settled, timeout=20_000)
    truth = np.clip((ramp - 2047.5) / 4095 + 0.5, 0, 1) * 255
    truth = np.rot90(truth[:, ::-1] if flipped else truth, -turns)
    shown = to_array(view.grab_view())[118:182, 168:232, 0]  # 64 × 64 in the middle of 400 × 300
    assert np.abs(shown.astype(float) - truth).max() <= 0.51
    words = view.corner_lines()["bottom-left"]
    assert ("flipped left to right" in words) == flipped, "a line of its own: a narrow pane shortens long ones"
    assert (f"turned {90 * turns}°" in words) == bool(turns)
    view.reset()
    assert (view.camera.angle, view.camera.flipped) == (0, False)
    assert view.edge_letters() == ("R", "L", "H", "F")


def test_unlike_pixel_sides_stay_true_to_shape_when_turned(show_view: Show, write_dicom: Any, ramp: NDArray[np.uint16]) -> None:
    view = show_view(open_source(write_dicom(ramp, Modality="CT", PixelSpacing=[1.0, 0.5])), 300, 300)
    assert view.corner_lines()["bottom-right"][0].startswith("0.5 × 1 mm/px"), "both sides of a pixel are told"
    view.turn_by(90)
    x0, y0, x1, y1 = view.camera.on_screen((0, 0, 64, 64))
    assert (x1 - x0) / (y1 - y0) == pytest.approx(2.0)
    assert (x1 - x0) == pytest.approx(300), "fitted anew"


def test_side_and_compression_stand_on_the_pane(show_view: Show, write_dicom: Any, ramp: NDArray[np.uint16]) -> None:
    path = write_dicom(
        ramp, Modality="MG", ViewPosition="MLO", ImageLaterality="L", LossyImageCompression="01",
        LossyImageCompressionRatio=[10.24, 2], LossyImageCompressionMethod=["ISO_10918_1", "ISO_15444_1"],
    )  # fmt: skip
    lines = show_view(open_source(path)).corner_lines()
    assert lines["top-left"] == ["MG  MLO  left"]
    assert "lossy compression, JPEG 10.2 : 1, then JPEG 2000 2 : 1" in lines["bottom-right"]
