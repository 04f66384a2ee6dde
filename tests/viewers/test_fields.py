"""The way over the tissue, field by field."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from viewers.camera import Camera
from viewers.coverage import Coverage, screen_outline
from viewers.fields import Lattice, next_field
from viewers.geometry import Size

SIZE = Size(7680, 5120)
"""30 × 20 cells of 256 px."""


def pane(scale: float = 1.0, width: int = 1280, height: int = 640) -> Camera:
    """Fields of 0.8 × 1280 by 0.8 × 640 screen pixels: 4 × 2 cells at 1:1."""
    camera = Camera(SIZE)
    camera.resize(width, height)
    camera.zoom_to(scale)
    camera.centre_on(0, 0)
    return camera


def slide(*boxes: tuple[int, int, int, int]) -> Coverage:
    """Tissue in boxes of cells (column, row, columns, rows)."""
    coverage = Coverage(SIZE)
    coverage.objective = 20.0
    coverage.tissue = np.zeros(coverage.scale.shape, np.bool_)
    for column, row, columns, rows in boxes:
        coverage.tissue[row : row + rows, column : column + columns] = True
    return coverage


def walk(coverage: Coverage, camera: Camera, by: int = 1, most: int = 400) -> list[tuple[float, float]]:
    """As a reader who looks at every field."""
    way = []
    while (stop := next_field(coverage, camera, by)) is not None and len(way) < most:
        camera.centre_on(stop.x, stop.y)
        coverage.tell(screen_outline(camera), camera.device_scale, 1)
        way.append((stop.x / 256, stop.y / 256))
    return way


def test_a_mowers_way() -> None:
    """12 × 6 cells: three fields in three rows, the second row backwards."""
    way = walk(slide((8, 4, 12, 6)), pane())
    assert way == [(10, 5), (14, 5), (18, 5), (18, 7), (14, 7), (10, 7), (10, 9), (14, 9), (18, 9)]


def test_backwards_it_is_the_same_way() -> None:
    camera = pane()
    camera.centre_on(7680, 5120)
    way = walk(slide((8, 4, 12, 6)), camera, by=-1)
    assert way == [(18, 9), (14, 9), (10, 9), (10, 7), (14, 7), (18, 7), (18, 5), (14, 5), (10, 5)]


def test_glass_between_and_what_was_seen_are_left_out() -> None:
    coverage, camera = slide((8, 4, 4, 6), (16, 4, 4, 6)), pane()
    coverage.tell([(4096, 1536), (5120, 1536), (5120, 2048), (4096, 2048)], 1.0, 1)
    stop = next_field(coverage, camera)
    assert stop is not None
    assert stop.left == 5
    assert walk(coverage, camera) == [(10, 5), (18, 5), (10, 7), (10, 9), (18, 9)]
    assert next_field(coverage, camera) is None


def test_what_was_seen_at_a_lower_power_is_not_seen_at_this() -> None:
    coverage = slide((8, 4, 12, 6))
    whole = [(0.0, 0.0), (7680.0, 0.0), (7680.0, 5120.0), (0.0, 5120.0)]
    coverage.tell(whole, 0.25, 1)
    assert next_field(coverage, pane(0.25)) is None
    assert next_field(coverage, pane(0.27)) is None, "hardly closer is the same power"
    assert len(walk(coverage, pane(0.5))) == 4, "fields of 8 × 4 cells over 12 × 6"


def test_a_field_in_view_that_is_off_centre_comes_first() -> None:
    coverage, camera = slide((8, 4, 12, 6)), pane()
    camera.centre_on(14 * 256 + 100, 5 * 256)
    stop = next_field(coverage, camera)
    assert stop is not None
    assert (stop.x, stop.y) == (14 * 256, 5 * 256)
    camera.centre_on(stop.x, stop.y)
    stop = next_field(coverage, camera)
    assert stop is not None
    assert (stop.x, stop.y) == (18 * 256, 5 * 256), "centred, it is where one was"


@pytest.mark.parametrize("flipped", [False, True])
@pytest.mark.parametrize("angle", [30.0, 90.0])
def test_turned_slides_are_walked_along_the_screen_and_wholly(angle: float, flipped: bool) -> None:
    coverage, camera = slide((8, 4, 12, 6)), pane()
    camera.turn_to(angle)
    if flipped:
        camera.flip()
    seen: list[tuple[float, float]] = []
    middle = Camera(SIZE)
    middle.resize(1280, 640)
    middle.look(3584, 1792, 1.0, camera.angle, camera.flipped)
    for x, y in walk(coverage, camera):
        seen.append(middle.to_screen(x * 256, y * 256))
    rows = sorted({round(v) for _, v in seen})
    assert all(later - earlier >= 500 for earlier, later in pairwise(rows)), "rows are level on the screen"
    assert coverage.tissue is not None
    assert coverage.seen(1.0)[coverage.tissue].all()


def test_fields_smaller_than_a_cell_are_fields_of_their_own() -> None:
    coverage, camera = slide((8, 4, 2, 1)), pane(scale=4.0, width=640, height=640)
    lattice = Lattice.of(camera)
    assert lattice.width == 128
    first = next_field(coverage, camera)
    assert first is not None
    assert first.left == 8, "512 × 256 pixels in fields of 128"


def test_without_tissue_there_is_nothing_and_without_knowledge_everything() -> None:
    assert next_field(slide(), pane()) is None
    unknown = Coverage(SIZE)
    assert len(walk(unknown, pane())) == 8 * 10
