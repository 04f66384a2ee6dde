"""Slide and CT phantoms against what their pixels show; the command line; the words."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from inference.demo import phantoms
from inference.demo.slide import CELL, CLASSES, SlidePhantom
from inference.demo.tissue import PERIOD, Stain, draw_texture
from inference.demo.torso import draw_volume


def nuclei(pixels: NDArray[np.uint8]) -> tuple[int, float]:
    """Number of dark connected areas per megapixel and their median size in pixels."""
    marked, count = ndimage.label(pixels[..., 0] < 160)
    sizes = np.bincount(marked.ravel(), minlength=count + 1)[1:]
    sizes = sizes[sizes >= 12]
    return round(len(sizes) / pixels[..., 0].size * 1e6), float(np.median(sizes)) if len(sizes) else 0.0


@pytest.fixture(scope="module")
def slide() -> SlidePhantom:
    return SlidePhantom(7, 8192, 8192)


def test_tissues_differ_in_number_and_size_of_nuclei() -> None:
    stain = Stain((0.65, 0.70, 0.29), (0.09, 0.90, 0.20), 1.0, 245.0)
    found = {name: nuclei(draw_texture(name, stain, [3, i])[:300, :300]) for i, name in enumerate(CLASSES)}
    assert found["background"] == (0, 0.0)
    assert found["lymphocytes"][0] > 1.5 * found["tumour"][0] > 3.0 * found["stroma"][0]
    assert found["tumour"][1] > 1.7 * found["lymphocytes"][1]


def test_tiles_agree_with_the_class_map(slide: SlidePhantom) -> None:
    assert slide.class_map.shape == (8192 // CELL, 8192 // CELL)
    assert set(np.unique(slide.class_map)) == {0, 1, 2, 3}
    for number in range(4):
        rows, columns = np.nonzero(slide.class_map == number)
        same = [
            (r, c) for r, c in zip(rows, columns, strict=True)
            if 2 < r < 125 and 2 < c < 125 and (slide.class_map[r - 2 : r + 3, c - 2 : c + 3] == number).all()
        ]  # fmt: skip
        row, column = same[len(same) // 2]
        share = slide.share(1, int(column) * CELL, int(row) * CELL, CELL, CELL)
        assert share[number] == pytest.approx(1.0)
        tile = slide.tile(1, int(column) * CELL, int(row) * CELL, CELL, CELL)
        assert (tile.min() > 225) == (number == 0)


def test_levels_are_the_mean_of_the_finer_level(slide: SlidePhantom) -> None:
    fine = slide.tile(1, 2048, 2048, 1024, 1024).astype(float).reshape(256, 4, 256, 4, 3).mean((1, 3))
    coarse = slide.tile(4, 512, 512, 256, 256)
    assert np.abs(fine - coarse).mean() < 4.0


def test_a_texture_repeats_without_a_seam() -> None:
    stain = Stain((0.65, 0.70, 0.29), (0.09, 0.90, 0.20), 1.0, 245.0)
    texture = draw_texture("stroma", stain, [1]).astype(float)
    assert texture.shape == (PERIOD, PERIOD, 3)
    seam = np.abs(texture[0] - texture[-1]).mean()
    inside = np.abs(texture[1:] - texture[:-1]).mean()
    assert seam < 2.0 * inside


def test_neighbouring_tiles_join_and_seeds_decide(slide: SlidePhantom) -> None:
    whole = slide.tile(2, 1000, 1000, 400, 200)
    again = SlidePhantom(7, 8192, 8192).tile(2, 1000, 1000, 400, 200)
    assert np.array_equal(whole, again)
    halves = np.hstack([slide.tile(2, 1000, 1000, 200, 200), slide.tile(2, 1200, 1000, 200, 200)])
    assert np.abs(halves.astype(int) - whole).max() <= 24
    assert not np.array_equal(SlidePhantom(8, 8192, 8192).class_map, slide.class_map)


def test_a_whole_slide_is_large_and_mostly_glass_or_tissue() -> None:
    slide = SlidePhantom(2_000_000)
    assert min(slide.width, slide.height) >= 30_000
    thumbnail = slide.thumbnail(512)
    assert max(thumbnail.shape) <= 512
    glass = (thumbnail.min(2) > 225).mean()
    assert abs(glass - (slide.class_map == 0).mean()) < 0.05


def test_the_lesion_is_darker_than_its_liver() -> None:
    volume = draw_volume(3)
    inside = volume.hu[volume.lesion].mean()
    z, y, x = np.nonzero(volume.lesion)
    ring = np.zeros_like(volume.lesion)
    ring[z.min() : z.max() + 1, y.min() - 3 : y.max() + 4, x.min() - 3 : x.max() + 4] = True
    around = volume.hu[ring & ~volume.lesion]
    assert 5 < inside < 32
    assert np.median(around) > inside + 20
    assert x.mean() < volume.hu.shape[2] / 2  # the liver lies on the patient's right, picture-left
    assert (volume.hu < -700).mean() > 0.3
    assert np.array_equal(draw_volume(3).hu, volume.hu)


@pytest.mark.parametrize("kind", ["cxr", "slide", "ct"])
def test_the_command_line_writes_what_it_says(kind: str, tmp_path: Path) -> None:
    size = {"cxr": 128, "slide": 4096, "ct": 64}[kind]
    assert phantoms.main(["--kind", kind, "--seed", "2000003", "--out", str(tmp_path), "--size", str(size)]) == 0
    truth = json.loads((tmp_path / "truth.json").read_text(encoding="utf-8"))
    assert truth["kind"] == kind
    if kind == "cxr":
        values = np.asarray(Image.open(tmp_path / "current.png"))
        assert values.shape == (128, 128)
        assert values.max() > 255
        assert len(truth["current"]) + 3 == len(truth["current_masks"])
        for file, box in truth["current_masks"].items():
            mask = np.asarray(Image.open(tmp_path / file)) > 0
            rows, columns = np.nonzero(mask)
            assert box == [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    elif kind == "slide":
        assert np.load(tmp_path / "classes.npy").shape == (64, 64)
        with Image.open(tmp_path / "tile-tumour.png") as tile:
            assert tile.size == (512, 512)
    else:
        assert np.load(tmp_path / "volume.npy").shape == tuple(truth["shape"])
        assert np.load(tmp_path / "lesion.npy").any()
