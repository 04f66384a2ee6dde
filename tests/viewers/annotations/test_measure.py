"""Lengths, areas and counts against formulas worked out by hand."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np
import pytest
import shapely

from viewers.annotations.annotation import Annotation, Kind, ellipse, line, points, polygon, rectangle
from viewers.annotations.files import save
from viewers.annotations.measure import counts, ellipse_perimeter, inside, live_text, measured, measured_all
from viewers.geometry import Provenance, Spacing

SQUARE_PIXELS = Spacing(0.0005, 0.0005, Provenance.SLIDE)
OBLONG_PIXELS = Spacing(0.0005, 0.00025, Provenance.SLIDE)


def test_a_line_by_pythagoras_also_where_pixels_are_not_square():
    mark = Annotation(line([(0, 0), (30, 40)]), Kind.LINE)
    assert measured(mark, SQUARE_PIXELS).length == pytest.approx(25)
    assert measured(mark, OBLONG_PIXELS).length == pytest.approx(math.hypot(15, 10))
    assert measured(mark, None).length == 50
    assert (measured(mark, None).unit, measured(mark, SQUARE_PIXELS).unit) == ("px", "µm")
    assert math.isnan(measured(mark, None).area)


def test_a_rectangle_and_a_polygon_with_a_hole():
    box = measured(Annotation(rectangle((0, 0), (100, 60)), Kind.RECTANGLE), OBLONG_PIXELS)
    assert (box.area, box.perimeter) == (pytest.approx(50 * 15), pytest.approx(2 * (50 + 15)))
    assert math.isnan(box.length)
    holed = shapely.Polygon([(0, 0), (100, 0), (100, 100), (0, 100)], [[(10, 10), (20, 10), (20, 20), (10, 20)]])
    assert measured(Annotation(holed, Kind.POLYGON), SQUARE_PIXELS).area == pytest.approx((10_000 - 100) / 4)


@pytest.mark.parametrize("ratio", [1.0, 0.5, 1e-3, 1e-9])
def test_an_ellipse_by_its_axes(ratio: float):
    found = measured(Annotation(ellipse((10, 20), (210, 20 + 200 * ratio)), Kind.ELLIPSE), None)
    assert found.area == pytest.approx(math.pi * 100 * 100 * ratio, rel=1e-6)
    assert found.centroid == pytest.approx((110, 20 + 100 * ratio))
    angle = np.linspace(0, math.pi / 2, 2_000_001)
    speed = np.hypot(100 * np.sin(angle), 100 * ratio * np.cos(angle))
    assert found.perimeter == pytest.approx(4 * np.trapezoid(speed, angle), rel=1e-6)


def test_the_perimeter_of_a_circle_and_of_a_known_ellipse():
    found = ellipse_perimeter(np.array([1.0, 2.0]), np.array([1.0, 1.0]))
    assert found == pytest.approx([2 * math.pi, 9.688448220547675], rel=1e-14)


def test_points_are_counted_and_their_centre_found():
    found = measured(Annotation(points([(0, 0), (4, 0), (2, 6)]), Kind.POINTS), SQUARE_PIXELS)
    assert (found.points, found.centroid) == (3, (2, 2))
    assert math.isnan(found.length)


def test_nothing_is_measured_of_nothing():
    found = measured_all([], SQUARE_PIXELS)
    assert (found.lengths.shape, found.centroids.shape, counts([], found), inside([], found)) == ((0,), (0, 2), (), ())


def test_what_lies_inside_an_area_is_counted_by_class_and_square_millimetre():
    area = Annotation(rectangle((0, 0), (2000, 1000)), Kind.RECTANGLE, class_name="Region*")  # 1 mm × 0.5 mm
    cells = [
        Annotation(ellipse((x - 5, 495), (x + 5, 505)), Kind.ELLIPSE, class_name=name, object_type="detection")
        for x, name in ((10, "Tumor"), (1999, "Tumor"), (2000, "Stroma"), (2006, "Tumor"), (700, "Immune cells"))
    ]
    marks = [area, *cells]
    columns = measured_all(marks, SQUARE_PIXELS)
    (found,) = inside(marks, columns)
    assert found.counts == {"Tumor": 2, "Stroma": 1, "Immune cells": 1}
    assert found.per_mm2 == pytest.approx({"Tumor": 4, "Stroma": 2, "Immune cells": 2})
    assert [(one.name, one.count) for one in counts(marks, columns)] == [
        ("Region*", 1), ("Tumor", 3), ("Stroma", 1), ("Immune cells", 1)
    ]  # fmt: skip
    assert counts(marks, columns)[1].area == pytest.approx(3 * math.pi * 2.5**2)
    assert math.isnan(inside(marks, measured_all(marks, None))[0].per_mm2["Tumor"])


@pytest.mark.parametrize(
    ("mark", "spacing", "text"),
    [
        (Annotation(line([(0, 0), (246.8, 0)]), Kind.LINE), SQUARE_PIXELS, "123.4 µm"),
        (Annotation(line([(0, 0), (1999.96, 0)]), Kind.LINE), SQUARE_PIXELS, "1.00 mm"),
        (Annotation(line([(0, 0), (2460, 0)]), Kind.LINE), SQUARE_PIXELS, "1.23 mm"),
        (Annotation(line([(0, 0), (2460, 0)]), Kind.LINE), None, "2460.0 px"),
        (Annotation(rectangle((0, 0), (1800, 1000)), Kind.RECTANGLE), SQUARE_PIXELS, "0.45 mm²"),
        (Annotation(rectangle((0, 0), (40, 10)), Kind.RECTANGLE), SQUARE_PIXELS, "100 µm²"),
        (Annotation(polygon([(0, 0), (40, 0), (0, 10)]), Kind.POLYGON), None, "200 px²"),
        (Annotation(points([(1, 1)]), Kind.POINTS), None, "1 point"),
    ],
)
def test_the_words_beside_a_mark(mark: Annotation, spacing: Spacing | None, text: str):
    assert live_text(measured(mark, spacing)) == text


def test_the_table_holds_every_mark_exactly_and_no_formula(tmp_path: Path):
    odd = 'a, "b"\nc'
    marks = [
        Annotation(rectangle((0, 0), (100, 60)), Kind.RECTANGLE, "1", "Tumor", odd, measurements={"=HYPERLINK(1)": -2.5}),
        Annotation(line([(0, 0), (30, 40)]), Kind.LINE, "2", "Tumor", "=1+1"),
        Annotation(points([(1, 1), (3, 3)]), Kind.POINTS, "3", "", "@x"),
        Annotation(rectangle((0, 0), (1, 1)), Kind.RECTANGLE, "4", "-Stroma", "+1"),
    ]
    path = tmp_path / "table.csv"
    assert save(path, marks, (), spacing=OBLONG_PIXELS) == ()
    data = path.read_bytes()
    assert data.startswith(b"row,id,")
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 4 + 3
    first, ruler, dots, other = rows[:4]
    assert (first["name"], ruler["name"], dots["name"], other["name"], other["class"]) == (odd, "'=1+1", "'@x", "'+1", "'-Stroma")
    assert (float(first["area (µm²)"]), float(first["perimeter (µm)"]), first["length (µm)"]) == (pytest.approx(750), 130, "")
    assert float(first["'=HYPERLINK(1)"]) == -2.5
    assert float(ruler["length (µm)"]) == pytest.approx(math.hypot(15, 10))
    assert (dots["points"], float(dots["centroid x (px)"]), dots["area (µm²)"]) == ("2", 2, "")
    summary = {row["class"]: (row["row"], row["count"], float(row["area (µm²)"])) for row in rows[4:]}
    assert summary == {
        "Tumor": ("class", "2", pytest.approx(750)),
        "": ("class", "1", 0),
        "'-Stroma": ("class", "1", pytest.approx(0.125)),
    }


def test_the_table_says_what_lies_inside_each_area(tmp_path: Path):
    cells = [
        Annotation(ellipse((x - 5, 495), (x + 5, 505)), Kind.ELLIPSE, class_name=name, object_type="detection")
        for x, name in ((10, "Tumor"), (1990, "Tumor"), (700, ""), (3000, "=Stroma"))
    ]
    areas = [
        Annotation(rectangle((0, 0), (2000, 1000)), Kind.RECTANGLE, "near"),  # 1 mm × 0.5 mm
        Annotation(rectangle((2500, 0), (4500, 2000)), Kind.RECTANGLE, "far"),  # 1 mm²
    ]

    def rows(spacing: Spacing | None) -> dict[str, dict[str, str]]:
        save(tmp_path / "table.csv", [*areas, *cells], (), spacing=spacing)
        with (tmp_path / "table.csv").open(encoding="utf-8", newline="") as file:
            return {one["id"] or one["class"]: one for one in csv.DictReader(file)}

    found = rows(SQUARE_PIXELS)
    titles = ("n Tumor", "n (unclassified)", "n =Stroma", "Tumor per mm²", "(unclassified) per mm²", "'=Stroma per mm²")
    assert [found["near"][one] for one in titles] == ["2", "1", "0", "4.0", "2.0", "0.0"]
    assert [found["far"][one] for one in titles] == ["0", "0", "1", "0.0", "0.0", "1.0"]
    assert {found[cells[0].id][one] for one in titles} == {found["Tumor"][one] for one in titles} == {""}
    assert [one for one in rows(None)["near"] if "n " in one or "per mm" in one] == list(titles[:3])
