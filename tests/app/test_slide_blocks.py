"""A wide view of a slide is put together from blocks: every value lies where its pixels lie."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from app import heatmap_png, slide_blocks
from app.analysis import Request, run
from app.cli import main
from app.slide_blocks import BLOCK, NoTissue
from inference.answers import Answer, EngineState, Heatmap, LabelScore, LabelScores, Progress, Receipt
from inference.engine import EngineSpec, quiet
from inference.questions import HeatmapQuestion, Label, LabelQuestion, LabelSet, Picture, Question
from tests.app.fake_engine import install_models
from viewers.colormaps import colormap
from viewers.geometry import Region
from viewers.sources import open_source

CELL = 64
SPOT = (5200, 900, 700, 500)
"""x, y, width, height of a strongly stained spot, in level-0 pixels."""


class Redness:
    """Answers with how much red there is more than green, per cell of CELL pixels: a truth that can be computed."""

    spec = EngineSpec()

    def __init__(self) -> None:
        self.pictures: list[Picture] = []

    def answer(
        self,
        question: Question,
        pictures: Sequence[Picture],
        *,
        on_progress: Callable[[Progress], None] = quiet,
        cancel: threading.Event | None = None,
    ) -> Answer:
        self.pictures += pictures
        values = redness(pictures[0].pixels)
        receipt = Receipt("demo-encoder", "r", "none", "float32", "cpu", "", 0, (), (str(len(self.pictures)),), (), 0.5)
        if isinstance(question, LabelQuestion):
            return LabelScores("set", (LabelScore("red", float(values.max()), 0.5),), False, receipt)
        rows, columns = values.shape
        extent = (0.0, 0.0, float(columns * CELL), float(rows * CELL))
        return Heatmap(values, extent, "red", "patch-head", 0.0, 1.0, "probability", True, receipt)

    def state(self) -> EngineState:
        return EngineState("cpu", (), 0, 0)

    def close(self) -> None:
        pass


def redness(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    rows, columns = -(-pixels.shape[0] // CELL), -(-pixels.shape[1] // CELL)
    padded = np.pad(
        pixels.astype(np.float32), ((0, rows * CELL - pixels.shape[0]), (0, columns * CELL - pixels.shape[1]), (0, 0))
    )
    excess = (padded[..., 0] - padded[..., 1]).reshape(rows, CELL, columns, CELL)
    return np.asarray(excess.mean(axis=(1, 3)) / 255, np.float32)


@pytest.fixture
def slide(tmp_path: Path, home: Path) -> Path:
    """8000 × 4500 pixels at 1 µm, white; pale tissue at the right, one strongly red spot in it."""
    install_models(home)
    (home / "models" / "demo-encoder" / "hilum.json").write_text('{"slide_mpp": 1.0, "resize": "bilinear"}')
    pixels = np.full((4500, 8000, 3), 255, np.uint8)
    pixels[300:4200, 4300:7900] = (235, 190, 215)
    x, y, width, height = SPOT
    pixels[y : y + height, x : x + width] = (230, 20, 60)
    path = tmp_path / "slide.tif"
    tifffile.imwrite(path, pixels, tile=(256, 256), photometric="rgb", resolution=(10_000, 10_000), resolutionunit="CENTIMETER")
    return path


def test_the_spot_lies_where_it_is(slide: Path) -> None:
    engine = Redness()
    result = run(Request(slide, HeatmapQuestion("red")), engine)
    assert isinstance(result.answer, Heatmap)
    values = result.answer.values
    x0, y0, x1, y1 = result.heatmap_extent()
    rows, columns = np.nonzero(np.nan_to_num(values) > 0.6)
    across, down = (x1 - x0) / values.shape[1], (y1 - y0) / values.shape[0]
    x, y, width, height = SPOT
    assert x0 + columns.min() * across == pytest.approx(x, abs=CELL)
    assert x0 + (columns.max() + 1) * across == pytest.approx(x + width, abs=CELL)
    assert y0 + rows.min() * down == pytest.approx(y, abs=CELL)
    assert y0 + (rows.max() + 1) * down == pytest.approx(y + height, abs=CELL)


def test_bare_glass_is_not_looked_at_and_says_nothing(slide: Path) -> None:
    engine = Redness()
    result = run(Request(slide, HeatmapQuestion("red")), engine)
    assert isinstance(result.answer, Heatmap)
    assert len(engine.pictures) == 6, "columns 3 and 4 of 4 hold tissue (4300 px on), in 3 rows"
    assert np.isnan(result.answer.values[:, : 4000 // CELL]).all()
    assert len(result.answer.receipt.pixels_sha256) == 6
    assert result.answer.receipt.seconds == pytest.approx(3.0)
    with pytest.raises(NoTissue, match="no tissue"):
        run(Request(slide, HeatmapQuestion("red"), region=Region(0, 0, 4100, 4500)), engine)


def test_labels_take_the_block_that_supports_them_most(slide: Path) -> None:
    labels = LabelSet("set", "slide", (Label("red", ("red",), ("not red",)),))
    result = run(Request(slide, LabelQuestion(labels)), Redness())
    assert isinstance(result.answer, LabelScores)
    assert result.answer.scores[0].contrast == pytest.approx(210 / 255, abs=0.01)


def test_one_picture_where_one_will_do(slide: Path) -> None:
    with closing(open_source(slide)) as source:
        assert slide_blocks.plan(source, Region(4300, 300, BLOCK, BLOCK), 1.0) is None
        assert slide_blocks.plan(source, Region.whole(source.size), 4.0) is None
        assert slide_blocks.plan(source, Region.whole(source.size), None) is None


def test_the_file_shows_the_whole_view_with_the_spot_where_it_is(
    slide: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "map.png"
    assert main(["heatmap", str(slide), "--prompt", "red", "--out", str(out), "--json"], lambda _: Redness()) == 0
    body = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)  # NaN and Infinity are no JSON
    x, y, width, height = SPOT
    assert body["max"] == pytest.approx(210 / 255, abs=0.01)
    assert x <= body["peak"][0] <= x + width
    assert y <= body["peak"][1] <= y + height
    with Image.open(out) as image:
        shown = np.asarray(image).astype(int)[:576, :1024]  # 8000 × 4500 fitted into 1024
    assert (shown[:, :500] == 255).all(), "glass stays glass"
    share = 210 / 255  # of the range: the excess of the spot's red over its green
    colour, alpha = colormap("inferno")[round(share * 255)].astype(float), share * heatmap_png.OPACITY
    expected = (1 - alpha) * np.array((230, 20, 60)) + alpha * colour
    left, top, right, bottom = (round(value * 0.128) for value in (x, y, x + width, y + height))
    assert np.abs(shown[top + 16 : bottom - 16, left + 16 : right - 16] - expected).max() < 12
