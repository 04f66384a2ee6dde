"""Named places: values, order, JSON that survives strangers."""

from __future__ import annotations

import json

import pytest

from viewers.bookmarks import MOST, Bookmark, Bookmarks
from viewers.camera import Camera
from viewers.geometry import Size


def looking(ratio: float = 1.0) -> Camera:
    camera = Camera(Size(50_000, 40_000))
    camera.resize(900, 700, ratio)
    return camera


def test_a_bookmark_brings_back_the_view_on_another_screen() -> None:
    camera = looking()
    camera.zoom_to(0.37)
    camera.centre_on(12_345.5, 6789)
    camera.turn_to(33)
    camera.flip()
    bookmark = Bookmark.of(camera, "tumour", 3)
    other = looking(ratio=2.0)
    bookmark.show(other)
    assert (other.x, other.y, other.angle, other.flipped) == (camera.x, camera.y, camera.angle, True)
    assert other.device_scale == pytest.approx(0.37)
    assert bookmark.frame == 3


def test_steps_go_around() -> None:
    kept: list[int] = []
    marks = Bookmarks(lambda: kept.append(len(marks)))
    assert marks.step(1) is None
    for name in ("a", "b", "c"):
        marks.add(Bookmark(name, 1, 2, 1.0))
    assert kept == [1, 2, 3]
    assert [one.name for one in (marks.step(1), marks.step(1), marks.step(-1)) if one] == ["a", "b", "a"]
    marks.take(marks.to_json())
    assert marks.at == -1
    first = marks.step(-1)
    assert first is not None
    assert first.name == "c"


def test_rename_and_remove() -> None:
    marks = Bookmarks()
    for name in ("a", "b", "c"):
        marks.add(Bookmark(name, 1, 2, 1.0))
    marks.rename(1, "  ")
    assert marks[1].name == "b"
    marks.rename(1, " mitosis\n 3 ")
    assert marks[1].name == "mitosis 3"
    marks.at = 2
    marks.remove(0)
    assert marks.at == 1
    assert [one.name for one in marks] == ["mitosis 3", "c"]
    assert marks.free_name() == "Bookmark 1"


def test_json_comes_back_and_rubbish_does_not() -> None:
    marks = Bookmarks()
    marks.add(Bookmark("Grüße <b>", 1.5, 2.5, 0.25, 90.0, True, 2))
    good = json.loads(json.dumps(marks.to_json()))
    bad = [7, {}, {**good[0], "scale": 0}, {**good[0], "x": "1"}, {**good[0], "y": float("nan")}, {**good[0], "name": " "}]
    other = Bookmarks()
    other.take([*bad, *good, {**good[0], "frame": -1}])
    assert list(other) == list(marks)
    other.take({"not": "a list"})
    assert len(other) == 0


def test_too_many_are_refused_with_a_sentence() -> None:
    marks = Bookmarks()
    marks.take([{"name": "x", "x": 1, "y": 1, "scale": 1, "angle": 0}] * (MOST + 5))
    assert len(marks) == MOST
    with pytest.raises(ValueError, match="remove one first"):
        marks.add(Bookmark("one more", 1, 1, 1.0))
