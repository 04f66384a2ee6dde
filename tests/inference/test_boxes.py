"""Boxes out of words: the published format, mapped back through the padding."""

from __future__ import annotations

import pytest

from inference.answers import Box
from inference.boxes import parse
from inference.preprocess.padding import Padding

SQUARE = Padding(1000, 1000)


def test_the_last_list_counts_and_rows_come_before_columns() -> None:
    text = (
        'I first thought ```json[{"box_2d": [0, 0, 10, 10], "label": "wrong"}]``` but [see above] no.\n'
        'Final Answer: ```json\n[{"box_2d": [100, 200, 300, 400], "label": "heart"}, '
        '{"box_2d": [500, 600, 700, 800], "label": "left lung"}]\n```'
    )
    assert parse(text, SQUARE) == (Box("heart", 200, 100, 400, 300), Box("left lung", 600, 500, 800, 700))


def test_padding_is_undone() -> None:
    # 600 wide, 400 high: the square is 600, 100 rows of padding above; (y 500, x 500) is the middle of both
    (box,) = parse('[{"box_2d": [500, 500, 750, 1000], "label": "x"}]', Padding(400, 600))
    assert (box.x0, box.y0, box.x1, box.y1) == (300, 200, 600, 350)


@pytest.mark.parametrize(
    "corners",
    ["[300, 200, 100, 400]", "[100, 400, 300, 200]", "[100, 100, 100, 200]", "[1, 2, 3]", "[0, 0, 1001, 5]", "[-1, 0, 5, 5]",
     '["1", 2, 3, 4]', "[true, 2, 3, 4]", "{}", "null"],
)  # fmt: skip
def test_malformed_boxes_are_left_out(corners: str) -> None:
    good = '{"box_2d": [0, 0, 500, 500], "label": "good"}'
    assert [box.label for box in parse(f'[{{"box_2d": {corners}, "label": "bad"}}, {good}]', SQUARE)] == ["good"]


def test_a_box_wholly_in_the_padding_is_left_out() -> None:
    assert parse('[{"box_2d": [0, 0, 100, 1000], "label": "sky"}]', Padding(400, 600)) == ()


@pytest.mark.parametrize("text", ["", "no box", "[1, 2, 3]", "[" * 5000, '[{"label": "x"}]', '{"box_2d": [0, 0, 5, 5]}'])
def test_words_without_boxes_give_none(text: str) -> None:
    assert parse(text, SQUARE) == ()
