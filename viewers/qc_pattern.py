"""A test picture for the display a reader sits before, after the published layout of TG18-QC. No Qt.

Samei et al., "Assessment of display performance for medical imaging systems", AAPM On-line Report 03 (2005), 3.2.1.2 and
Table III.9: sixteen patches of rising grey, each with two small squares in its corners that differ by 4 of 255; patches of 5 and
95 % inside of 0 and 100 %; ramps; line pairs in the middle and the corners; letters of falling contrast on dark, middle and
bright ground; a grid. It is drawn anew from the report's numbers and is no copy of the file that the AAPM hands out.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SIDE = 1024
GROUND = 128
PATCH = 102
"""Side of a grey patch, pixels."""
MARK, MARK_STEP = 10, 4
"""Side of the squares in its corners, and by how much they differ from it."""
LEVELS = tuple(8 + 16 * step for step in range(16))
CONTRASTS = (14, 12, 10, 8, 7, 6, 5, 4, 3, 2, 1)
LETTERS = "QUALITY CON"
"""As many as `CONTRASTS`."""
LETTERS_TOP = 824
_GRID, _LINE = 102, 191
Picture = NDArray[np.uint8]


def pattern() -> Picture:
    """uint8 (1024, 1024), the grey levels to send to the display as they are, a pixel for a pixel."""
    picture = np.full((SIDE, SIDE), GROUND, np.uint8)
    _grid(picture)
    for level, (left, top) in zip(LEVELS, patches(), strict=True):
        _patch(picture, left, top, level)
    middle = SIDE // 2 - PATCH // 2
    for left, outer, inner in ((middle - PATCH, 0, 13), (middle + PATCH, 255, 242)):
        picture[middle : middle + PATCH, left : left + PATCH] = outer
        inset = PATCH // 4
        picture[middle + inset : middle + PATCH - inset, left + inset : left + PATCH - inset] = inner
    for left, top in ((middle, middle), *_corners()):
        _pairs(picture, left, top)
    _ramps(picture)
    _letters(picture)
    picture[:3], picture[-3:], picture[:, :3], picture[:, -3:] = _LINE, _LINE, _LINE, _LINE
    return picture


def patches() -> list[tuple[int, int]]:
    """(left, top) of the sixteen patches, from the darkest on clockwise around the middle of the picture."""
    first, steps = SIDE // 2 - 5 * PATCH // 2, range(5)
    ring = [(step, 0) for step in steps] + [(4, step) for step in (1, 2, 3)]
    ring += [(4 - step, 4) for step in steps] + [(0, 4 - step) for step in (1, 2, 3)]
    return [(first + column * PATCH, first + row * PATCH) for column, row in ring]


def _patch(picture: Picture, left: int, top: int, level: int) -> None:
    picture[top : top + PATCH, left : left + PATCH] = level
    picture[top : top + MARK, left : left + MARK] = level + MARK_STEP
    picture[top + PATCH - MARK : top + PATCH, left + PATCH - MARK : left + PATCH] = level + MARK_STEP
    picture[top : top + MARK, left + PATCH - MARK : left + PATCH] = level - MARK_STEP
    picture[top + PATCH - MARK : top + PATCH, left : left + MARK] = level - MARK_STEP


def _corners() -> tuple[tuple[int, int], ...]:
    far = SIDE - PATCH - 20
    return (20, 20), (far, 20), (20, far), (far, far)


def _pairs(picture: Picture, left: int, top: int) -> None:
    """Black and white lines, one and two pixels wide, upright and level: what is blurred or scaled shows here."""
    half = PATCH // 2
    for row, wide in ((0, 1), (1, 2)):
        lines = np.where(np.arange(half) // wide % 2, 255, 0).astype(np.uint8)
        place = top + row * half
        picture[place : place + half, left : left + half] = lines[None, :]
        picture[place : place + half, left + half : left + 2 * half] = lines[:, None]


def _ramps(picture: Picture) -> None:
    """Every grey level, two pixels each, rising at the left and falling at the right."""
    ramp = np.repeat(np.arange(256, dtype=np.uint8), 2)
    top = SIDE // 2 - 256
    picture[top : top + 512, 60:110] = ramp[:, None]
    picture[top : top + 512, SIDE - 110 : SIDE - 60] = ramp[::-1][:, None]


def _letters(picture: Picture) -> None:
    """On each ground letters that come closer and closer to it."""
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.load_default(24)
    for number, ground in enumerate((0, GROUND, 255)):
        left, top, wide = SIDE // 2 - 430 + number * 300, LETTERS_TOP, 260
        picture[top : top + 48, left : left + wide] = ground
        for place, (letter, contrast) in enumerate(zip(LETTERS, CONTRASTS, strict=True)):
            mask = Image.new("1", (24, 48))
            ImageDraw.Draw(mask).text((3, 8), letter, fill=1, font=font)
            shade = ground - contrast if ground == 255 else ground + contrast
            x = left + 4 + place * 23
            part = picture[top : top + 48, x : x + 24]
            part[np.asarray(mask)[:, : part.shape[1]]] = shade


def _grid(picture: Picture) -> None:
    """Lines that must be straight and evenly far apart."""
    for place in range(SIDE // 2 % _GRID, SIDE, _GRID):
        picture[place], picture[:, place] = _LINE, _LINE
