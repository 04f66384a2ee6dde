"""Segments and drawings over a pane: every one of a frame is seen at once, and what cannot be drawn is said."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pytestqt.qtbot import QtBot

from viewers import object_layer
from viewers.dicom_view import RadiologyView
from viewers.object_layer import ObjectLayer, tint_of
from viewers.objects.opening import opened
from viewers.qimage import to_array
from viewers.sources import open_source

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")
CT = tuple[Path, list[Dataset]]


@pytest.fixture
def view(qtbot: QtBot, ct: CT) -> Iterator[RadiologyView]:
    made = RadiologyView()
    made.resize(400, 400)
    made.show()
    made.set_source(open_source(ct[0]))
    qtbot.waitUntil(lambda: made.settled, timeout=10_000)
    yield made
    made.close()
    made.deleteLater()
    qtbot.waitUntil(lambda: not [one for one in threading.enumerate() if one.name.startswith("hilum-")], timeout=10_000)


def test_all_segments_of_a_frame_are_seen_however_little_is_kept(
    qtbot: QtBot, view: RadiologyView, made: ModuleType, ct: CT, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(object_layer, "_KEPT", 1)
    masks = np.stack([made.block(), np.roll(made.block(), 20, axis=1)], axis=-1)
    made.segmentation(tmp_path / "seg.dcm", ct[1], masks)
    layer = ObjectLayer(view)
    layer.attend()
    layer.show([opened(tmp_path / "seg.dcm")], (), 1.0)
    view.set_frame(3)

    def coloured() -> list[bool]:
        picture = to_array(view.grab_view()).astype(int)
        places = (view.camera.to_screen(30, 15), view.camera.to_screen(30, 35), view.camera.to_screen(30, 55))
        return [bool(np.ptp(picture[int(v), int(u)]) > 20) for u, v in places]

    qtbot.waitUntil(lambda: coloured() == [True, True, False], timeout=10_000)
    qtbot.wait(100)
    assert coloured() == [True, True, False]
    layer.close()


def test_what_is_turned_against_the_image_is_said(
    qtbot: QtBot, view: RadiologyView, made: ModuleType, ct: CT, tmp_path: Path
) -> None:
    made.segmentation(tmp_path / "seg.dcm", ct[1], made.block())
    header = pydicom.dcmread(tmp_path / "seg.dcm")
    header.SharedFunctionalGroupsSequence[0].PlaneOrientationSequence[0].ImageOrientationPatient = [0, 1, 0, 1, 0, 0]
    header.save_as(tmp_path / "seg.dcm")
    layer = ObjectLayer(view)
    layer.attend()
    layer.show([opened(tmp_path / "seg.dcm")], (), 1.0)
    with qtbot.waitSignal(layer.noted, timeout=10_000):
        view.set_frame(3)
    assert layer.notes == ("segmentation ORGANS has another grid than this image and is not drawn on it.",)
    layer.close()


def test_a_tint_is_as_large_as_its_segment() -> None:
    share = np.zeros((8, 10), np.float32)
    share[2:6, 4:9] = 1
    tint = tint_of(share, (255, 0, 0))
    assert tint.image is not None
    assert (tint.image.width(), tint.image.height()) == (5, 4)
    assert tint.within((100.0, 50.0, 110.0, 58.0)) == pytest.approx((104.0, 52.0, 109.0, 56.0))
    assert tint_of(np.zeros((8, 10), np.float32), (255, 0, 0)).image is None
