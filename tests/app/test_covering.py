"""What has been looked at, in the window."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.app.conftest import Seat
from tests.viewers import aperio
from viewers.qimage import to_array


@pytest.fixture
def slide(tmp_path: Path) -> Path:
    """2048 px, tissue in the middle 1024: 16 of 64 cells; 20×."""
    return aperio.write_svs(tmp_path / "slide.svs")


def test_looking_is_counted_shown_and_exported(seat: Seat, slide: Path, tmp_path: Path) -> None:
    seat.open(slide)
    covering = seat.window.looking.covering
    covering._timer.stop()
    view = seat.window.panes.view
    view.zoom_to(0.5)
    view.centre_on(0, 1024)
    seat.wait(lambda: view.settled)
    plain = to_array(view.grab_view()).astype(int)
    covering.look(100.0)
    covering.look(100.5)
    coverage = covering.of(slide)
    assert coverage is not None
    right, bottom = view.camera.from_screen(view.width(), view.height())
    x, y = coverage.middles()
    expected = (x[None, :] <= right) & (np.abs(y - 1024)[:, None] <= bottom - 1024)
    assert np.array_equal(coverage.seconds > 0, expected)
    assert set(np.unique(coverage.seconds)) <= {0.0, 0.5}
    assert coverage.scale.max() == pytest.approx(0.5)

    seat.act("coverage")
    seat.wait(lambda: coverage.tissue is not None)
    assert coverage.tissue is not None
    assert coverage.tissue[2:6, 2:6].all()
    assert coverage.tissue.sum() == 16
    share = (expected & coverage.tissue).sum() / 16
    assert coverage.summary() == (f"{round(100 * share)} % of tissue seen at ≥ 10×")
    tinted = to_array(view.grab_view()).astype(int)
    middle = tinted[tinted.shape[0] // 2, round(view.camera.to_screen(100, 0)[0])]
    assert middle[2] < 246 - 20, "seen glass is tinted"
    assert np.abs(tinted - plain).max() > 20

    for ending in (".csv", ".geojson", ".png"):
        covering.export(slide, tmp_path / f"out{ending}")
    seat.wait(lambda: (tmp_path / "out.png").exists())
    assert (tmp_path / "out.csv").read_text().startswith("x,y,width,height")
    assert json.loads((tmp_path / "out.geojson").read_text())["features"]
    with Image.open(tmp_path / "out.png") as image:
        assert image.size == (1024, 1024)
    covering.export(slide, tmp_path / "out.csv" / "x.csv")
    seat.wait(lambda: "could not be written" in seat.window.status.note.text())
    seat.act("coverage")
    assert np.abs(to_array(view.grab_view()).astype(int) - plain).max() == 0


def test_another_pane_starts_anew_and_a_closed_slide_is_forgotten(seat: Seat, slide: Path) -> None:
    seat.open(slide)
    covering = seat.window.looking.covering
    covering._timer.stop()
    covering.look(1.0)
    seat.act("panes-2")
    seat.window.panes.activate(1)
    covering.look(1.2)
    seat.window.panes.activate(0)
    covering.look(1.4)
    coverage = covering.of(slide)
    assert coverage is None or not coverage.seconds.any(), "the time in the other pane is not this slide's"
    covering.look(1.6)
    coverage = covering.of(slide)
    assert coverage is not None
    assert coverage.seconds.max() == pytest.approx(0.2)
    seat.act("close")
    assert covering.of(slide) is None


def test_a_slide_that_goes_away_costs_a_sentence(seat: Seat, slide: Path) -> None:
    seat.open(slide)
    slide.rename(slide.with_name("moved.svs"))
    seat.act("coverage")
    seat.wait(lambda: "is not there" in seat.window.status.note.text())
    assert seat.window.looking.covering.want_tissue(slide), "it is not asked for again and again"
    assert "of the slide" in str(seat.window.looking.covering.of(slide).summary())  # type: ignore[union-attr]
    slide.with_name("moved.svs").rename(slide)
