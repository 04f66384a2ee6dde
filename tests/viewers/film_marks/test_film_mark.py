"""A mark on a film as it is kept: through the store and back, and whatever a file of marks holds."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from viewers.annotations import annotation as draw
from viewers.annotations.document import Annotations
from viewers.annotations.keeping import Keeping
from viewers.annotations.store import Store
from viewers.film_marks.film_mark import (
    LONGEST_TEXT,
    PLACES,
    FilmTool,
    FrameKey,
    beside,
    film_mark,
    key_of,
    shaped,
    strokes,
    tool_of,
    with_label,
    with_text,
)

KEY = FrameKey("0123abcd", 7)


def test_a_mark_comes_back_from_the_disk_as_it_was(tmp_path: Path) -> None:
    made = [
        with_label(film_mark(FilmTool.COBB, shaped(FilmTool.COBB, [(0, 0), (9, 1), (0, 9), (9, 5)]), KEY, "L1–L4"), (3.5, 4.25)),
        film_mark(FilmTool.CALIBRATION, draw.line([(0, 0), (9, 1)]), KEY, known_mm=12.5),
        film_mark(FilmTool.PROBE, draw.points([(1.5, 2.5)]), KEY),
    ]
    document, keeping = Annotations(), Keeping(Store(tmp_path / "film.marks"))
    document.listen(keeping.tell)
    document.add(made)
    assert keeping.close()
    store = Store(tmp_path / "film.marks")
    found, _ = store.load()
    store.close()
    assert [tool_of(one) for one in found] == [FilmTool.COBB, FilmTool.CALIBRATION, FilmTool.PROBE]
    assert all(key_of(one) == KEY for one in found)
    assert beside(found[0]).label == (3.5, 4.25)
    assert beside(found[1]).known_mm == 12.5
    assert found[0].name == "L1–L4"
    assert [stroke.tolist() for stroke in strokes(found[0].geometry)] == [[[0, 0], [9, 1]], [[0, 9], [9, 5]]]


@pytest.mark.parametrize(
    "rest",
    ["", "[]", "{", '{"label": [1, "x"]}', '{"label": [NaN, 1]}', '{"known_mm": -3}', '{"known_mm": true}', '{"instance": 5}'],
)
def test_what_is_damaged_beside_a_mark_counts_as_absent(rest: str) -> None:
    found = beside(replace(film_mark(FilmTool.LENGTH, draw.line([(0, 0), (1, 1)]), KEY), rest=rest))
    assert found.label is None
    assert found.known_mm == 0
    assert found.instance in ("", "5")


def test_other_marks_are_none_of_a_films() -> None:
    assert tool_of(replace(film_mark(FilmTool.LENGTH, draw.line([(0, 0), (1, 1)]), KEY), object_type="annotation")) is None


@pytest.mark.parametrize("tool", PLACES)
def test_strokes_without_length_are_refused(tool: FilmTool) -> None:
    with pytest.raises(ValueError, match="needs"):
        shaped(tool, [(1.0, 1.0)] * PLACES[tool])


def test_a_text_is_shortened_and_a_label_put_back() -> None:
    mark = with_text(film_mark(FilmTool.ARROW, draw.line([(0, 0), (1, 1)]), KEY), "  " + "x" * 500)
    assert mark.name == "x" * LONGEST_TEXT
    assert beside(with_label(with_label(mark, (1, 2)), None)).label is None
    assert json.loads(mark.rest) == {"instance": "0123abcd"}
