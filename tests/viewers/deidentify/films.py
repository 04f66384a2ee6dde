"""Pictures with text of known place burned in, on chest-like, ultrasound-like and plain ground."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from viewers.geometry import Region

FONTS = ("DejaVuSans.ttf", "DejaVuSansMono.ttf", "DejaVuSerif-Bold.ttf", "")
"""By Pillow's names; "" is the font inside Pillow."""
SIZES = (11, 16, 24, 40)
TEXTS = ("SMITH^JOHN 1954-03-02", "ID: 00417739", "St. Elsewhere Hospital", "Doe, Jane  F  67Y", "12:41:07 MI 0.8")
CORNERS = ("top-left", "top-right", "bottom-left", "bottom-right")


@dataclass(frozen=True, eq=False)
class Made:
    pixels: NDArray[np.uint8]
    boxes: list[tuple[int, int, int, int]]
    """(left, top, right, bottom) of each line."""
    name: str


def font(name: str, size: int) -> Any:
    try:
        return ImageFont.truetype(name, size) if name else ImageFont.load_default(size)
    except OSError:
        return ImageFont.load_default(size)


def chest(seed: int, side: int = 768) -> NDArray[np.uint8]:
    from inference.demo.chest import draw_pair
    from inference.demo.film import draw_film

    clean = draw_film(draw_pair(seed).current, side, side).pixels.astype(np.float32)
    noisy = clean + np.random.default_rng(seed).normal(0, 3, clean.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8)


def ultrasound(seed: int, height: int = 600, width: int = 800) -> NDArray[np.uint8]:
    """A sector of speckle on black."""
    random = np.random.default_rng(seed)
    speckle = ndimage.gaussian_filter(random.rayleigh(1.0, (height, width)), 1.2)
    organs = ndimage.gaussian_filter(random.normal(0, 1, (height, width)), 40) * 60
    y, x = np.mgrid[:height, :width]
    depth = np.hypot(y + 40, x - width / 2)
    inside = (depth > 90) & (depth < height - 40) & (np.abs(np.arctan2(x - width / 2, y + 40)) < 0.6)
    values = (speckle - 0.6) * 130 * np.exp(-depth / 900) * (1 + organs)
    return np.where(inside, np.clip(values, 0, 235), 0).astype(np.uint8)


def plain(seed: int, height: int = 512, width: int = 512) -> NDArray[np.uint8]:
    """A CT-like disc with noise."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    body = ((x - width / 2) / 200) ** 2 + ((y - height / 2) / 150) ** 2 < 1
    bones = ndimage.gaussian_filter((random.random((height, width)) > 0.9995).astype(float), 6) * 9000
    values = np.where(body, 110 + np.clip(bones, 0, 120), 4) + random.normal(0, 7, (height, width))
    return np.clip(values, 0, 255).astype(np.uint8)


GROUNDS = {"chest": chest, "ultrasound": ultrasound, "plain": plain}


def burned(ground: NDArray[np.uint8], lines: list[str], face: str, size: int, shade: int, corner: str, name: str = "") -> Made:
    image = Image.fromarray(ground)
    draw, letters = ImageDraw.Draw(image), font(face, size)
    boxes, step = [], round(size * 1.5)
    height, width = ground.shape
    for number, line in enumerate(lines):
        wide = draw.textlength(line, font=letters)
        x = 8 if "left" in corner else width - 8 - round(wide)
        y = 8 + number * step if "top" in corner else height - 8 - (len(lines) - number) * step
        draw.text((x, y), line, fill=shade, font=letters)
        left, top, right, bottom = draw.textbbox((x, y), line, font=letters)
        boxes.append((round(left), round(top), round(right), round(bottom)))
    return Made(np.asarray(image), boxes, name)


def with_text(seeds: int = 2) -> Iterator[Made]:
    """Every ground, font and size, in white, grey and black, in changing corners."""
    number = 0
    for ground, make in GROUNDS.items():
        for seed in range(seeds):
            picture = make(seed)
            for face in FONTS:
                for size in SIZES:
                    corner = CORNERS[(number // 3) % 4]
                    shade = _visible(picture, corner, ((255, 200, 0), (200, 0, 255), (0, 255, 200))[number % 3])
                    number += 1
                    lines = [TEXTS[(number + step) % len(TEXTS)] for step in range(2)]
                    yield burned(
                        picture, lines, face, size, shade, corner, f"{ground} {face or 'Pillow'} {size} px {shade} {corner}"
                    )


def _visible(picture: NDArray[np.uint8], corner: str, shades: tuple[int, ...]) -> int:
    """The first shade that stands out from the ground in that corner: black on black shows nothing, and tells nothing."""
    height, width = picture.shape
    rows = slice(0, 80) if "top" in corner else slice(height - 80, height)
    columns = slice(0, width // 2) if "left" in corner else slice(width // 2, width)
    low, high = np.percentile(picture[rows, columns], (10, 90))
    return next((one for one in shades if one <= low - 64 or one >= high + 64), 255)


def without_text(seeds: int = 6) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    for name, make in GROUNDS.items():
        for seed in range(100, 100 + seeds):
            yield f"{name} {seed}", make(seed)


def covered(line: tuple[int, int, int, int], boxes: list[Region]) -> float:
    """The share of a line's box (left, top, right, bottom) that lies in `boxes`."""
    left, top, right, bottom = line
    mask = np.zeros((bottom - top, right - left), bool)
    for box in boxes:
        mask[max(0, box.y - top) : max(0, box.bottom - top), max(0, box.x - left) : max(0, box.right - left)] = True
    return float(mask.mean())
