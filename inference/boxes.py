"""Boxes out of a model's words: `[{"box_2d": [y0, x0, y1, x1], "label": …}]`, integers 0..1000 of the padded square.

They are read from free text, not written under a schema (`inference.constrained`): the published protocol has the model reason
first and then write "Final Answer:" with a fenced list, and was evaluated so. A schema would also make a model that has no box to
give write one all the same, with numbers of no meaning; as it is, what cannot be read gives no box.
"""

from __future__ import annotations

import json
from typing import Any

from inference.answers import Box
from inference.preprocess.padding import Padding


def parse(text: str, padding: Padding) -> tuple[Box, ...]:
    """The boxes of the last JSON list in `text` that can be read, in pixels of the picture, clipped to it.

    An entry that is malformed, empty, reversed, or lies wholly in the padding is left out.
    """
    found = (_box(entry, padding) for entry in _last_list(text))
    return tuple(box for box in found if box is not None)


def _last_list(text: str) -> list[Any]:
    decoder = json.JSONDecoder()
    last: list[Any] = []
    at = text.find("[")
    while at >= 0:
        try:
            value, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            end = at + 1
        else:
            if isinstance(value, list) and all(isinstance(entry, dict) for entry in value):
                last = value
        at = text.find("[", end)
    return last


def _box(entry: dict[str, Any], padding: Padding) -> Box | None:
    corners = entry.get("box_2d")
    if not isinstance(corners, list) or len(corners) != 4:
        return None
    if any(isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1000 for value in corners):
        return None
    y0, x0, y1, x1 = (float(value) for value in corners)
    if y0 >= y1 or x0 >= x1:
        return None
    left, top, right, bottom = padding.box_to_pixels(y0, x0, y1, x1)
    if left >= right or top >= bottom:
        return None
    return Box(str(entry.get("label", ""))[:200], left, top, right, bottom)
