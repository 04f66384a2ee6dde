"""What has been looked at, against numbers counted by hand."""

from __future__ import annotations

import csv
import io
import json
import math

import numpy as np
import pytest
import shapely
from PIL import Image

from viewers.camera import Camera
from viewers.coverage import GAP_S, MOST, REST_S, Attention, Coverage, screen_outline
from viewers.coverage_files import to_csv, to_geojson, to_png
from viewers.geometry import Size
from viewers.tissue_cells import tissue_cells

SIZE = Size(2560, 1920)
"""10 × 7.5 cells of 256 px: 8 rows, the last one half as high."""


def box(x0: float, y0: float, x1: float, y1: float) -> list[tuple[float, float]]:
    return [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]


def test_cells_whose_middle_is_in_the_view_are_seen() -> None:
    coverage = Coverage(SIZE)
    assert coverage.scale.shape == (8, 10)
    assert coverage.tell(box(0, 0, 640, 512), 0.5, 2.0), "columns 0 and 1 whole; the middle of column 2 is at 640, on the edge"
    assert np.argwhere(coverage.scale > 0).tolist() == [[row, column] for row in (0, 1) for column in (0, 1, 2)]
    coverage.tell(box(0, 0, 300, 256), 0.25, 1.0)
    assert coverage.scale[0, 0] == 0.5, "the highest power stays"
    assert coverage.seconds[0].tolist()[:4] == [3.0, 2.0, 2.0, 0.0]
    assert not coverage.tell(box(-900, -900, -1, -1), 1, 1)
    assert not coverage.tell(box(10, 10, 60, 60), 1, 1), "no middle in it"
    assert coverage.tell(box(2304, 1792, 9000, 9000), 1, 1), "the last cell's middle is that of what there is of it"
    assert coverage.scale[7, 9] == 1


def test_a_turned_view_counts_its_own_polygon_not_the_box_around_it() -> None:
    camera = Camera(SIZE)
    camera.resize(800, 400)
    camera.zoom_to(0.5)
    camera.centre_on(1280, 960)
    camera.turn_to(45)
    coverage = Coverage(SIZE)
    coverage.tell(screen_outline(camera), camera.device_scale, 1)
    x, y = coverage.middles()
    for row in range(8):
        for column in range(10):
            u, v = x[column] - 1280, y[row] - 960
            along, across = (u - v) / math.sqrt(2), (u + v) / math.sqrt(2)  # turned clockwise, y points down
            assert (coverage.scale[row, column] > 0) == (abs(along) <= 800 and abs(across) <= 400)
    camera.flip()
    mirrored = Coverage(SIZE)
    assert mirrored.tell(screen_outline(camera), 1, 1), "a flipped camera goes round the other way"


def test_classes_and_the_summary_line() -> None:
    coverage = Coverage(SIZE)
    coverage.objective = 20.0
    for row, power in enumerate((4.9, 5, 10, 19.9, 20, 40)):
        coverage.tell(box(0, 256 * row, 2560, 256 * (row + 1)), power / 20, 1)
    assert coverage.classes()[:, 0].tolist() == [1, 2, 3, 3, 4, 4, 0, 0]
    assert coverage.summary() == "50 % of the slide seen at ≥ 10×"
    coverage.tissue = np.zeros((8, 10), np.bool_)
    assert coverage.summary() == "No tissue was found on this slide"
    coverage.tissue[1:5, :5] = True
    coverage.tissue[6, :5] = True
    assert coverage.classes()[6].tolist() == [5] * 5 + [0] * 5
    assert coverage.summary() == "60 % of tissue seen at ≥ 10×", "rows 2, 3 and 4 of five rows"
    coverage.objective = None
    assert coverage.summary() == "80 % of tissue seen at ≥ 25 % zoom"


def test_never_all_before_all() -> None:
    coverage = Coverage(Size(256 * 400, 256))
    assert coverage.summary().startswith("0 %")
    coverage.tell(box(0, 0, 256, 256), 1, 1)
    assert coverage.summary().startswith("< 1 %")
    coverage.tell(box(0, 0, 256 * 399, 256), 1, 1)
    assert coverage.summary().startswith("99 %")
    coverage.tell(box(0, 0, 256 * 400, 256), 1, 1)
    assert coverage.summary().startswith("100 %")


def test_a_huge_slide_has_coarser_cells() -> None:
    coverage = Coverage(Size(600_000, 500_000))
    assert coverage.scale.size <= MOST
    assert coverage.cell == 1024


def test_time_counts_while_the_view_rests_or_moves_slowly() -> None:
    camera = Camera(Size(50_000, 50_000))
    camera.resize(800, 600)
    camera.zoom_to(0.5)
    camera.centre_on(10_000, 10_000)
    look = Attention()
    assert look.seconds(10.0, camera) == 0
    assert look.seconds(10.25, camera) == pytest.approx(0.25)
    camera.pan(50, 0)
    assert look.seconds(10.5, camera) == pytest.approx(0.25), "200 px a second can be followed"
    camera.pan(500, 0)
    assert look.seconds(10.75, camera) == 0, "2000 px a second cannot"
    assert look.seconds(11.0, camera) == pytest.approx(0.25)
    camera.zoom(2)
    assert look.seconds(11.25, camera) == 0
    camera.turn_to(90)
    assert look.seconds(11.5, camera) == 0
    assert look.seconds(11.5 + GAP_S + 0.1, camera) == 0, "the machine slept"
    look.forget()
    assert look.seconds(13.0, camera) == 0


def test_a_view_left_alone_stops_counting() -> None:
    camera = Camera(Size(50_000, 50_000))
    look = Attention()
    counted = sum(look.seconds(0.5 * step, camera) for step in range(round(4 * REST_S)))
    assert counted == pytest.approx(REST_S, abs=0.5)


def test_strips_thinner_than_a_cell_are_tissue() -> None:
    strip = shapely.MultiPolygon([shapely.box(0, 20, 1000, 70), shapely.box(2300, 1850, 2560, 1920)])
    cells = tissue_cells(strip, SIZE, 256)
    assert cells[0].tolist() == [True] * 4 + [False] * 6
    assert np.argwhere(cells[1:]).tolist() == [[6, 9]]


def seen() -> Coverage:
    coverage = Coverage(SIZE)
    coverage.objective = 20.0
    coverage.tissue = np.zeros((8, 10), np.bool_)
    coverage.tissue[7, 8:] = True
    coverage.tell(box(0, 0, 512, 256), 1.0, 2.5)
    return coverage


def test_the_table() -> None:
    rows = list(csv.DictReader(io.StringIO(to_csv(seen()).decode())))
    assert len(rows) == 4
    assert rows[0] == {
        "x": "0", "y": "0", "width": "256", "height": "256", "scale": "1", "power": "20", "seconds": "2.50", "tissue": "0",
    }  # fmt: skip
    assert (rows[3]["x"], rows[3]["y"], rows[3]["height"], rows[3]["tissue"]) == ("2304", "1792", "128", "1")
    bare = seen()
    bare.tissue = bare.objective = None
    rows = list(csv.DictReader(io.StringIO(to_csv(bare).decode())))
    assert [(row["power"], row["tissue"]) for row in rows] == [("", "")] * 2


def test_the_outlines() -> None:
    features = json.loads(to_geojson(seen()))["features"]
    assert [one["properties"]["classification"]["name"] for one in features] == ["Seen at ≥ 20×", "tissue not seen"]
    shapes = [shapely.geometry.shape(one["geometry"]) for one in features]
    assert shapes[0].equals(shapely.box(0, 0, 512, 256))
    assert shapes[1].equals(shapely.box(2048, 1792, 2560, 1920))
    assert features[0]["properties"]["measurements"] == {"Cells": 2, "Seconds per cell, mean": 2.5}


def test_the_picture() -> None:
    image = np.asarray(Image.open(io.BytesIO(to_png(seen()))))
    times = round(1024 / 10)
    assert image.shape == (8 * times, 10 * times, 4)
    assert image[0, 2 * times - 1, 3] > 0
    assert image[0, 2 * times, 3] == 0
    assert image[-1, -1].tolist() == [70, 74, 80, 130]
