"""Where text may be burned into a picture, found without reading it: proposals for a person to look at.

Burned-in text is drawn with strokes of one value and hard edges, in small shapes of like height that stand in a line. Anatomy and
noise are neither flat nor in line. What is found is only proposed; a picture without proposals is not thereby free of text.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from viewers.geometry import Region

_LONGEST = 2048
"""Pictures are halved until their longer side is at most so many pixels: strokes then are one to a few pixels wide."""
_STROKES = (3, 8)
"""Widest strokes, in pixels of the halved picture, that stand out at each step."""
_CONTRAST = 0.18
"""Of the range: how far a stroke must stand out from what is around it."""
_HEIGHTS = (5, 64)
"""Height of a letter, in pixels of the halved picture."""
_AREA = 4
"""Pixels of the smallest sign."""
_LETTERS = 3
"""In one line, at the least."""
_FLATNESS = 0.10
"""Of a line's contrast: how far the values of its letters may differ."""
_HARDNESS, _LINE_CONTRAST = 0.68, 0.28
"""Of a line: how much of its contrast lies within two pixels of its edges, and how far it stands out, of the range."""
_FEW, _FEW_CONTRAST = 4, 0.38
"""A line of so few letters must stand out more: specks stand in line by chance."""
_REACH = 2.6
"""Of the height of the letters: words so far apart are one line."""
_MARGIN = 0.35
"""Of the height of the letters: added around a line."""
_FRAMES = 5
_BUDGET = 32_000_000
"""Pixels of one file that are looked at, at most, unless a few frames hold more: half a minute's work or so."""


@dataclass(frozen=True, slots=True)
class _Letter:
    top: int
    bottom: int
    left: int
    right: int
    value: float
    contrast: float
    hardness: float

    @property
    def height(self) -> int:
        return self.bottom - self.top


def sampled(frames: int, most: int = _FRAMES) -> list[int]:
    """Which frames of a stack are looked at: first, last and some between."""
    return sorted({round(place * (frames - 1) / (most - 1)) for place in range(most)}) if frames > most else [*range(frames)]


def affordable(frames: int, pixels: int) -> list[int]:
    """Which frames of one file, of `pixels` each, are looked at: all of them where that takes no longer than is bearable."""
    return sampled(frames, max(_FRAMES, _BUDGET // max(1, pixels)))


def proposed(frames: Iterable[NDArray[np.generic]]) -> list[Region]:
    """Boxes around what looks like text in pictures of one size, (height, width) or RGB, in their pixels; from top to bottom.

    Lines found in any of the frames count, and what stands still on moving ground is found in their middle value.
    """
    found, kept, stride = list[Region](), list[NDArray[np.float32]](), 1
    for number, frame in enumerate(frames):
        picture = _scaled(frame)
        found += _anywhere(picture)
        if number % stride == 0:
            kept.append(picture)
        if len(kept) == 2 * _FRAMES:  # enough for a middle value, however many there are
            kept, stride = kept[::2], 2 * stride
    if not kept:
        return []
    if len(kept) > 2:
        found += _anywhere(np.median(np.stack(kept), axis=0).astype(np.float32))
    height, width = kept[0].shape
    return _merged(found, width, height)


def _anywhere(picture: NDArray[np.float32]) -> list[Region]:
    halvings = max(0, int(np.ceil(np.log2(max(picture.shape) / _LONGEST))))
    steps = (halvings, halvings + 1)
    return [_enlarged(box, step) for step in steps for box in _lines(_halved(picture, step))]


def _scaled(frame: NDArray[np.generic]) -> NDArray[np.float32]:
    """The brightest and darkest of the values become 1 and 0; single hot pixels do not count."""
    values = np.asarray(frame, np.float32)
    values = values.max(axis=-1) if values.ndim == 3 else values
    low, high = np.percentile(values, (0.02, 99.98))
    scaled: NDArray[np.float32] = np.clip((values - low) / max(float(high - low), 1e-6), 0, 1)
    return scaled


def _halved(picture: NDArray[np.float32], times: int) -> NDArray[np.float32]:
    for _ in range(times):
        if min(picture.shape) < 2:
            break
        height, width = picture.shape[0] // 2 * 2, picture.shape[1] // 2 * 2
        picture = picture[:height, :width].reshape(height // 2, 2, width // 2, 2).mean(axis=(1, 3))
    return picture


def _enlarged(box: Region, times: int) -> Region:
    scale = 2**times
    return Region(box.x * scale, box.y * scale, box.width * scale, box.height * scale)


def _lines(picture: NDArray[np.float32]) -> list[Region]:
    from scipy import ndimage

    boxes = list[Region]()
    for sign in (1, -1):
        shown = picture if sign > 0 else 1 - picture
        edges = ndimage.maximum_filter(shown, 3) - ndimage.minimum_filter(shown, 3)
        for stroke in _STROKES:
            size = 2 * stroke + 1
            letters = _letters(shown, shown - ndimage.grey_opening(shown, size=(size, size)), edges)
            lines = [line for line in _in_lines(letters) if _is_text(line)]
            boxes += [_grown(_around(line), line, letters) for line in lines]
    return boxes


def _letters(shown: NDArray[np.float32], relief: NDArray[np.float32], edges: NDArray[np.float32]) -> list[_Letter]:
    """Shapes of the size and make of letters and of the signs between them."""
    from scipy import ndimage

    labels, count = ndimage.label(relief > _CONTRAST, np.ones((3, 3), int))
    areas, places = np.bincount(labels.ravel(), minlength=count + 1)[1:], ndimage.find_objects(labels)
    clear = np.bincount(labels[relief >= _LINE_CONTRAST], minlength=count + 1)[1:] > 0
    letters = []
    for number in np.flatnonzero((areas >= _AREA) & clear) + 1:
        place = places[number - 1]
        height, width = place[0].stop - place[0].start, place[1].stop - place[1].start
        if not 2 <= height <= _HEIGHTS[1] or width > 1.8 * max(height, _HEIGHTS[0]):
            continue
        inside = labels[place] == number
        if inside.mean() < 0.12:
            continue
        core = np.sort(shown[place][inside])[inside.sum() // 2 :]
        contrast = float(np.sort(relief[place][inside])[-len(core) :].mean())
        if core[-1] - core[0] > 0.55 * contrast:
            continue
        ends = place[0].start, place[0].stop, place[1].start, place[1].stop
        hardness = float(edges[place][_rim(inside)].mean()) / contrast
        letters.append(_Letter(*ends, float(np.median(core[len(core) // 2 :])), contrast, hardness))
    return letters


def _rim(inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The pixels of a shape that touch what is outside it."""
    framed = np.pad(inside, 1)
    within = framed[:-2, 1:-1] & framed[2:, 1:-1] & framed[1:-1, :-2] & framed[1:-1, 2:]
    rim: NDArray[np.bool_] = inside & ~within
    return rim


def _in_lines(letters: list[_Letter]) -> list[list[_Letter]]:
    """Letters beside one another, of like height, base and value."""
    rest = sorted((one for one in letters if one.height >= _HEIGHTS[0]), key=lambda one: one.left)
    lines = list[list[_Letter]]()
    while rest:
        line, place = [rest.pop(0)], 0
        while place < len(rest) and rest[place].left - line[-1].right <= 3 * line[-1].height:
            if any(_beside(one, rest[place]) for one in line[-2:]):
                line.append(rest.pop(place))
            else:
                place += 1
        lines.append(line)
    return lines


def _beside(left: _Letter, right: _Letter) -> bool:
    tall, short = max(left.height, right.height), min(left.height, right.height)
    gap = right.left - left.right
    shared = min(left.bottom, right.bottom) - max(left.top, right.top)
    near = abs(left.value - right.value) <= _FLATNESS * max(left.contrast, right.contrast)
    return near and short >= 0.5 * tall and -2 <= gap <= 1.3 * tall + 1 and shared >= 0.6 * short


def _is_text(line: list[_Letter]) -> bool:
    if len(line) < _LETTERS:
        return False
    contrast = float(np.median([one.contrast for one in line]))
    low, high = np.percentile([one.value for one in line], (10, 90))
    hardness = float(np.median([one.hardness for one in line]))
    clear = _LINE_CONTRAST if len(line) > _FEW else _FEW_CONTRAST
    return high - low <= _FLATNESS * contrast and contrast >= clear and hardness >= _HARDNESS


def _around(line: list[_Letter]) -> Region:
    tall = max(one.height for one in line)
    more = max(2, round(_MARGIN * tall))
    left, top = min(one.left for one in line) - 2 * more, min(one.top for one in line) - more
    right, bottom = max(one.right for one in line) + 2 * more, max(one.bottom for one in line) + more
    return Region(left, top, right - left, bottom - top)


def _grown(box: Region, line: list[_Letter], letters: list[_Letter]) -> Region:
    """Also over the other words and signs of the same line, as far as they follow one another."""
    reach = round(_REACH * max(one.height for one in line))
    value, contrast = line[0].value, line[0].contrast
    same = [
        one
        for one in letters
        if box.y <= (one.top + one.bottom) / 2 <= box.bottom
        and one.height <= box.height
        and one.contrast >= 0.5 * contrast
        and abs(one.value - value) <= 4 * _FLATNESS * contrast
    ]
    left, right = box.x, box.right
    for one in sorted(same, key=lambda one: one.left):
        right = max(right, one.right + 2) if left - reach <= one.left <= right + reach else right
    for one in sorted(same, key=lambda one: -one.right):
        left = min(left, one.left - 2) if left - reach <= one.right <= right + reach else left
    return Region(left, box.y, right - left, box.height)


def _merged(boxes: list[Region], width: int, height: int) -> list[Region]:
    """Boxes that touch become one; all are cut to the picture."""
    cut = [box for one in boxes if (box := one.intersection(Region(0, 0, width, height))) is not None]
    merged = list[Region]()
    for box in cut:
        while True:
            touching = [one for one in merged if one.intersection(box) is not None]
            if not touching:
                break
            merged = [one for one in merged if one not in touching]
            for one in touching:
                left, top = min(box.x, one.x), min(box.y, one.y)
                box = Region(left, top, max(box.right, one.right) - left, max(box.bottom, one.bottom) - top)
        merged.append(box)
    return sorted(merged, key=lambda one: (one.y, one.x))
