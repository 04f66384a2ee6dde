"""The legend of a heatmap keeps off the picture where it can, and off its corners always."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPointF, QRectF, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from viewers.qimage import to_array
from viewers.sources import open_source

Show = Callable[..., Any]
VALUES = np.linspace(0, 1, 16, dtype=np.float32).reshape(4, 4)


@pytest.fixture
def shown(qtbot: QtBot, show_view: Show, tmp_path: Path) -> Callable[..., Any]:
    """`shown(picture width, picture height, pane width, pane height)`: a grey picture whose heatmap does not show."""
    from PIL import Image

    def make(width: int, height: int, across: int, down: int, phrase: str = "left pleural effusion") -> Any:
        path = tmp_path / f"{width}x{height}.png"
        Image.new("L", (width, height), 90).save(path)
        view = show_view(open_source(path), across, down)
        view.show_heatmap(VALUES, (0, 0, width, height), 0, 1, phrase, "probability", False)
        view.overlay.opacity = 0.0
        qtbot.waitUntil(lambda: view.settled, timeout=20_000)
        view.grab_view()
        return view

    return make


def picture_on(view: Any) -> QRectF:
    """Where the picture lies in the pane: fitted and centred."""
    size = view.source.size
    scale = min(view.width() / size.width, view.height() / size.height)
    width, height = size.width * scale, size.height * scale
    return QRectF((view.width() - width) / 2, (view.height() - height) / 2, width, height)


def press(view: QWidget, place: QPointF, to: QPointF | None = None) -> None:
    left, none, plain = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier
    end = to or place
    for kind, at, button, held in (
        (QEvent.Type.MouseButtonPress, place, left, left),
        (QEvent.Type.MouseMove, (place + end) / 2, none, left),
        (QEvent.Type.MouseMove, end, none, left),
        (QEvent.Type.MouseButtonRelease, end, left, none),
    ):
        QApplication.sendEvent(view, QMouseEvent(kind, at, view.mapToGlobal(at), button, held, plain))
    view.grab_view()


@pytest.mark.parametrize("pane", [(900, 600), (820, 600), (1400, 800)])
def test_beside_a_picture_with_room_it_covers_nothing_of_it(shown: Callable[..., Any], pane: tuple[int, int]) -> None:
    view = shown(500, 600, *pane)
    assert view.legend.full
    assert not view.legend.place.intersects(picture_on(view))
    assert QRectF(view.rect()).contains(view.legend.place)


@pytest.mark.parametrize(("pane", "full"), [((450, 900), True), ((450, 740), False)])
def test_above_a_picture_with_room_it_covers_nothing_of_it(shown: Callable[..., Any], pane: tuple[int, int], full: bool) -> None:
    view = shown(800, 800, *pane)
    assert view.legend.full is full
    assert not view.legend.place.intersects(picture_on(view))
    assert QRectF(view.rect()).contains(view.legend.place)


@pytest.mark.parametrize("pane", [(600, 600), (478, 610), (380, 380), (320, 700), (900, 420)])
def test_over_a_picture_its_corners_stay_as_they_are(shown: Callable[..., Any], pane: tuple[int, int]) -> None:
    """A fifth of the picture's width and height at every corner: there the burned-in side marks are."""
    view = shown(800, 800 * pane[1] // pane[0], *pane)
    view.corner_lines = dict  # the pane's own texts are another matter
    with_legend = to_array(view.grab_view()).astype(int)
    place = view.legend.place
    view.overlay.visible = False
    assert view.grab_view()
    assert view.legend.place.isEmpty(), "it is hidden with its map"
    changed = np.abs(with_legend - to_array(view.grab_view()).astype(int)).max(axis=2) > 0
    assert changed.any()
    rows, columns = changed.shape[0] // 5, changed.shape[1] // 5
    for corner in (changed[:rows, :columns], changed[:rows, -columns:], changed[-rows:, :columns], changed[-rows:, -columns:]):
        assert not corner.any(), (pane, place)
    assert changed.mean() < 0.05, "slim"


def test_a_click_unfolds_it_and_another_folds_it(shown: Callable[..., Any]) -> None:
    view = shown(800, 800, 600, 600)
    assert not view.legend.full
    small = view.legend.place
    press(view, QPointF(small.right() - 5, small.center().y()))
    assert view.legend.full
    assert view.selection is None, "no region was dragged"
    press(view, view.legend.place.center())
    assert not view.legend.full
    view.fold_legend()
    view.grab_view()
    assert view.legend.full


def test_it_goes_where_it_is_dragged_stays_in_the_pane_and_comes_back(shown: Callable[..., Any]) -> None:
    view = shown(800, 800, 600, 600)
    start = view.legend.place
    grip = QPointF(start.right() - 5, start.center().y())
    press(view, grip, grip + QPointF(-200, 120))
    moved = view.legend.place
    assert (moved.left() - start.left(), moved.top() - start.top()) == pytest.approx((-200, 120), abs=1)
    assert not view.legend.full, "in the form it had"
    assert view.selection is None
    press(view, QPointF(moved.right() - 5, moved.center().y()), QPointF(5000, 5000))
    assert QRectF(view.rect()).contains(view.legend.place)
    view.resize(400, 400)
    view.grab_view()
    assert QRectF(view.rect()).contains(view.legend.place)
    place = QPointF(view.legend.place.right() - 5, view.legend.place.center().y()).toPoint()
    QTest.mouseDClick(view, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place)
    view.resize(600, 600)
    view.grab_view()
    assert view.legend.place == start


def test_the_picture_below_the_words_can_still_be_dragged_over(shown: Callable[..., Any]) -> None:
    """Only bar and figures are held; a region may begin under the phrase."""
    view = shown(800, 800, 600, 600)
    start = view.legend.place.topLeft() + QPointF(6, 6)
    press(view, start, QPointF(100, 500))
    assert view.selection is not None
    assert not view.legend.full


def test_it_gives_way_when_the_picture_fills_the_pane(shown: Callable[..., Any]) -> None:
    view = shown(500, 600, 900, 600)
    assert view.legend.full
    view.zoom(3)
    view.grab_view()
    assert not view.legend.full
    view.fit()
    view.grab_view()
    assert view.legend.full


def test_the_reader_s_choice_goes_to_the_next_picture(shown: Callable[..., Any]) -> None:
    first = shown(800, 800, 600, 600)
    first.fold_legend()
    second = shown(700, 700, 600, 600)
    assert not second.legend.full
    second.legend.follow(first.legend)
    second.grab_view()
    assert second.legend.full


def test_a_long_phrase_stays_in_the_pane(shown: Callable[..., Any]) -> None:
    words = "a very long phrase about an opacity in the left lower lobe behind the heart " * 3
    for pane in ((900, 600), (380, 380)):
        view = shown(500, 600, *pane, phrase=words)
        assert QRectF(view.rect()).contains(view.legend.place)
