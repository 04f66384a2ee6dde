"""The short way to another field."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QProxyStyle, QStyle
from pytestqt.qtbot import QtBot

from tests.viewers.aperio import write_svs
from viewers.sources import open_source

Show = Callable[..., Any]


@pytest.fixture
def view(show_view: Show, tmp_path: Path) -> Any:
    path = tmp_path / "large.png"
    Image.new("RGB", (4000, 3000), "white").save(path)
    shown = show_view(open_source(path))
    shown.zoom_to(1.0)
    shown.centre_on(2000, 1500)
    return shown


def test_keys_in_quick_succession_add_up(qtbot: QtBot, view: Any) -> None:
    places: list[float] = []
    view.viewChanged.connect(lambda: places.append(view.camera.x))
    for key in (Qt.Key.Key_Right, Qt.Key.Key_Right, Qt.Key.Key_Right, Qt.Key.Key_Left):
        QTest.keyClick(view, key)
    qtbot.waitUntil(lambda: view.settled)
    assert view.camera.x == pytest.approx(2000 + view.width())
    assert view.camera.y == 1500
    assert len(places) > 2, "it glides, it does not jump"
    assert places == sorted(places)


def test_the_picture_turned_goes_where_the_arrow_points(qtbot: QtBot, view: Any) -> None:
    view.turn_to(90)
    QTest.keyClick(view, Qt.Key.Key_Right)
    qtbot.waitUntil(lambda: view.settled)
    assert (view.camera.x, view.camera.y) == pytest.approx((2000, 1500 - view.width() / 2))


def test_a_hand_ends_it(qtbot: QtBot, view: Any) -> None:
    QTest.keyClick(view, Qt.Key.Key_Right)
    view.centre_on(500, 600)
    assert view.glide.target is None
    qtbot.waitUntil(lambda: view.settled)
    assert (view.camera.x, view.camera.y) == (500, 600)


def test_it_ends_at_the_edge(qtbot: QtBot, view: Any) -> None:
    view.glide.to(9000, 1500)
    assert view.glide.target == (4000, 1500)
    qtbot.waitUntil(lambda: view.settled)
    assert view.camera.x == 4000


class Still(QProxyStyle):
    def styleHint(self, hint: QStyle.StyleHint, *more: Any) -> int:
        return 0 if hint == QStyle.StyleHint.SH_Widget_Animation_Duration else super().styleHint(hint, *more)


def test_no_animation_where_the_system_asks_for_none(view: Any) -> None:
    style = Still()
    view.setStyle(style)
    QTest.keyClick(view, Qt.Key.Key_Right)
    assert view.camera.x == pytest.approx(2000 + view.width() / 2)
    view.setStyle(None)


def test_a_slide_reads_ahead_where_it_will_be(qtbot: QtBot, show_view: Show, tmp_path: Path) -> None:
    """One field to the right, outside the neighbours: once the view is there, nothing of it has to be waited for."""
    slide = show_view(open_source(write_svs(tmp_path / "slide.svs", side=8192)), 500, 300)
    slide.zoom_to(1.0)
    slide.centre_on(2000, 2000)
    qtbot.waitUntil(lambda: slide.settled, timeout=20_000)
    planned: list[Any] = []
    plan = slide.tiles.plan
    slide.tiles.plan = lambda box, step, ahead=(): (planned.append((box, tuple(ahead))), plan(box, step, ahead))
    slide.glide.to(6000, 5000)
    qtbot.waitUntil(lambda: slide.settled, timeout=20_000)
    qtbot.waitUntil(lambda: planned[-1][1] == (), timeout=5000)  # at rest, once it was painted, only what is there counts
    (_, first), (last, _) = planned[0], planned[-1]
    assert len(first) == 1
    box, step = first[0]
    assert step == 0
    assert ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2) == pytest.approx((6000, 5000))
    assert ((last[0] + last[2]) / 2, (last[1] + last[3]) / 2) == pytest.approx((6000, 5000))
