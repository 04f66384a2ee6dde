"""Tissue is found where a phantom has it, whatever a pen drew beside and over it; an empty slide has none."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import shapely
import tifffile
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from viewers.sources import open_source
from viewers.tissue import Tissue, otsu, tissue

SIZE = (4000, 3000)
HOLE = (1500, 1300, 1900, 1700)
PENS = {"blue": (40, 70, 190), "green": (20, 140, 70), "red": (215, 25, 35), "black": (25, 25, 28)}
Write = Callable[[NDArray[np.uint8]], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(pixels: NDArray[np.uint8]) -> Path:
        path = tmp_path / "slide.tif"
        form = {"photometric": "rgb", "resolution": (20_000, 20_000), "resolutionunit": "CENTIMETER"}
        tifffile.imwrite(path, pixels, tile=(256, 256), compression="zlib", **form)
        return path

    return write


def found(path: Path) -> Tissue:
    with closing(open_source(path)) as source:
        return tissue(source)


def phantom() -> tuple[NDArray[np.uint8], shapely.Geometry]:
    """Textured pink tissue with a hole and purple glands, a pale island of fat, and a speck too small to count; the truth."""
    rng = np.random.default_rng(5)
    page = Image.new("RGB", SIZE, (243, 241, 244))
    draw = ImageDraw.Draw(page)
    draw.ellipse((600, 500, 2800, 2300), fill=(226, 160, 196))
    for _ in range(60):
        x, y = rng.integers(1000, 2300), rng.integers(900, 1900)
        draw.ellipse((x, y, x + 60, y + 60), fill=(120, 70, 150))
    draw.rectangle(HOLE, fill=(243, 241, 244))
    draw.rectangle((3000, 300, 3500, 900), fill=(214, 188, 201))
    draw.ellipse((300, 2700, 340, 2740), fill=(200, 120, 170))
    pixels = np.asarray(page).astype(np.int16) + rng.normal(0, 4, (SIZE[1], SIZE[0], 3)).astype(np.int16)
    angle = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    ring = np.column_stack([1700 + 1100 * np.cos(angle), 1400 + 900 * np.sin(angle)])
    truth = shapely.union(shapely.difference(shapely.Polygon(ring), shapely.box(*HOLE)), shapely.box(3000, 300, 3500, 900))
    return np.clip(pixels, 0, 255).astype(np.uint8), truth


def iou(one: shapely.Geometry, other: shapely.Geometry) -> float:
    return float(shapely.intersection(one, other).area / shapely.union(one, other).area)


def test_it_is_the_phantoms_own_mask(write: Write) -> None:
    pixels, truth = phantom()
    got = found(write(pixels))
    assert isinstance(got.shape, shapely.MultiPolygon)
    assert got.shape.is_valid
    assert iou(got.shape, truth) >= 0.95
    assert got.share == pytest.approx(truth.area / (SIZE[0] * SIZE[1]), abs=0.01)
    assert not got.shape.contains(shapely.Point(1700, 1500)), "a large hole stays a hole"
    assert not got.shape.intersects(shapely.Point(320, 2720)), "a speck is dropped"
    assert f"{100 * got.share:.0f} %" in got.words


@pytest.mark.parametrize("pen", PENS)
def test_a_pens_mark_is_no_tissue(write: Write, pen: str) -> None:
    pixels, truth = phantom()
    page = Image.fromarray(pixels)
    draw = ImageDraw.Draw(page)
    draw.line([(200, 300), (200, 2600)], fill=PENS[pen], width=70)
    draw.line([(2900, 2700), (3800, 1500)], fill=PENS[pen], width=90)
    got = found(write(np.asarray(page)))
    strokes = shapely.union(
        shapely.LineString([(200, 300), (200, 2600)]).buffer(35), shapely.LineString([(2900, 2700), (3800, 1500)]).buffer(45)
    )
    assert shapely.intersection(got.shape, strokes).area < 0.02 * strokes.area
    assert iou(got.shape, truth) >= 0.95


@pytest.mark.parametrize("colour", [(255, 255, 255), (240, 240, 240), (236, 232, 238)])
def test_an_empty_slide_has_none_and_says_so(write: Write, colour: tuple[int, int, int]) -> None:
    noise = np.random.default_rng(1).normal(0, 3, (1500, 2000, 3))
    got = found(write(np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8)))
    assert got.shape.is_empty
    assert got.share == 0
    assert "No tissue" in got.words


def test_a_slide_that_is_pen_alone_has_none(write: Write) -> None:
    page = Image.new("RGB", (2000, 1500), (244, 244, 244))
    ImageDraw.Draw(page).line([(200, 200), (1800, 1300)], fill=PENS["blue"], width=80)
    assert found(write(np.asarray(page))).shape.is_empty


@pytest.mark.parametrize("name", ["CMU-1-Small-Region.svs", "TCGA-CR-7395-01A-01-TS1.svs"])
def test_real_slides_hold_as_much_as_others_find(shared: Path, name: str) -> None:
    got = found(shared / "slides" / name)
    assert 0.28 <= got.share <= 0.65
    assert got.shape.is_valid


def test_otsu_parts_two_hills() -> None:
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.normal(40, 5, 9000), rng.normal(160, 12, 4000)]).clip(0, 255).astype(np.int16)
    best = max(range(1, 255), key=lambda cut: _between(values, cut))
    assert abs(otsu(values) - best) <= 1


def _between(values: NDArray[np.int16], cut: int) -> float:
    low, high = values[values <= cut], values[values > cut]
    return 0.0 if not low.size or not high.size else low.size * high.size * float(low.mean() - high.mean()) ** 2
