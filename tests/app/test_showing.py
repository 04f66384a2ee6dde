"""An answer about one thing leaves what is shown of another as it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from inference.demo.chest import Chest
from tests.app.conftest import Seat


def test_a_heatmap_does_not_fade_in_again_when_labels_arrive(seat: Seat, film: Callable[[int], tuple[Path, Chest]]) -> None:
    path, _ = film(1_600_000)
    seat.open(path)
    overlay = seat.window.panes.view.overlay
    seat.window.side.labels.phrase.setCurrentText("pleural effusion")
    seat.ask("heatmap")
    assert overlay.fading, "a new one fades in"
    seat.wait(lambda: not overlay.fading)
    seat.ask("labels")
    assert overlay.present
    assert not overlay.fading
    seat.ask("heatmap")
    assert overlay.fading
