"""Phantoms as training pictures: drawn larger, cropped a little, padded and resized as the engine does it; coverage per patch."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inference.demo.chest import SLOTS, Chest, draw_pair
from inference.demo.film import box_of, draw_film
from inference.demo.sentences import TISSUES
from inference.demo.slide import CELL, SlidePhantom
from inference.preprocess.padding import pad_square, resize

T = TypeVar("T")
SIDE, PATCH = 120, 12
GRID = SIDE // PATCH
SLIDE_MPP = 2.0
"""Micrometres per pixel at which the encoder sees slides."""
ORGANS = ("heart", "left lung", "right lung")
CHANNELS = (*SLOTS, *((organ, "") for organ in ORGANS), *((tissue, "") for tissue in TISSUES))
"""What the coverage per patch is known of: seven findings, three organs, four tissues."""


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """`pixels` uint8 (side, side, 3); `cover` uint8 (channels, grid²), 255 = all of the patch; `hit` bool (channels, grid²),
    whether the patch's centre lies in the mask; `boxes` float32 (channels, 4) as y0, x0, y1, x1 in 0..1 of the padded square,
    nan where there is nothing."""

    pixels: NDArray[np.uint8]
    cover: NDArray[np.uint8]
    hit: NDArray[np.bool_]
    boxes: NDArray[np.float32]


def film_sample(chest: Chest, seed: int) -> Sample:
    """One film through random size, aspect and crop. Deterministic in both arguments."""
    rng = np.random.default_rng([seed, 17])
    height = int(rng.integers(160, 225))
    width = height if rng.random() < 0.5 else int(height * rng.uniform(0.82, 1.22))
    film = draw_film(chest, height, width)
    top, left, bottom, right = (rng.uniform(0.0, 0.05, 4) * height * (rng.random() < 0.5)).astype(int)
    window = (slice(top, height - bottom), slice(left, width - right))
    pixels = np.repeat(film.pixels[window][..., None], 3, 2)
    masks = [film.findings.get(slot) for slot in SLOTS] + [film.organs[organ] for organ in ORGANS]
    return sample_of(pixels, [None if m is None else m[window] for m in masks] + [None] * len(TISSUES))


def sample_of(pixels: NDArray[np.uint8], masks: Sequence[NDArray[np.bool_] | None]) -> Sample:
    """Pads and resizes the picture as the engine does; the masks, one per channel, become coverage, hits and boxes."""
    cover = np.zeros((len(CHANNELS), GRID * GRID), np.uint8)
    hit = np.zeros((len(CHANNELS), GRID * GRID), bool)
    boxes = np.full((len(CHANNELS), 4), np.nan, np.float32)
    for channel, mask in enumerate(masks):
        if mask is None:
            continue
        square = pad_square(np.repeat(mask[..., None], 3, 2).astype(np.uint8) * np.uint8(255))[..., 0]
        cover[channel] = np.asarray(Image.fromarray(square).resize((GRID, GRID), Image.Resampling.BOX)).ravel()
        centres = ((np.arange(GRID) + 0.5) * len(square) / GRID).astype(int)
        hit[channel] = (square[np.ix_(centres, centres)] > 0).ravel()
        box = box_of(square > 0)
        if box is not None:
            x0, y0, x1, y1 = box
            boxes[channel] = np.array([y0, x0, y1, x1], np.float32) / len(square)
    return Sample(resize(pad_square(pixels), SIDE, "bilinear"), cover, hit, boxes)


def pair_samples(seed: int) -> tuple[Sample, Sample]:
    """The prior and the current film of `draw_pair(seed)`."""
    pair = draw_pair(seed)
    return film_sample(pair.prior, 2 * seed), film_sample(pair.current, 2 * seed + 1)


def patch_samples(seed: int, count: int = 40) -> list[tuple[Sample, tuple[float, ...]]]:
    """`count` patches of one small slide around `SLIDE_MPP`, every tissue as often, each with its tissues' shares."""
    slide = SlidePhantom(seed, 8192, 8192)
    rng = np.random.default_rng([seed, 37])
    found = []
    for number in range(count):
        rows, columns = np.nonzero(slide.class_map == number % len(TISSUES))
        pick = rng.integers(len(rows)) if len(rows) else 0
        row, column = (rows[pick], columns[pick]) if len(rows) else (0, 0)
        side = int(2 * SIDE * rng.uniform(0.75, 1.35))
        shift = rng.integers(-side // 3, side // 3 + 1, 2) - side // 2
        x, y = int(column) * CELL // 2 + int(shift[0]), int(row) * CELL // 2 + int(shift[1])
        weights = slide.weights(2, x, y, side, side)
        masks = [None] * (len(CHANNELS) - len(TISSUES)) + [w > 128 for w in weights]
        share = tuple(float(w.mean()) / 256.0 for w in weights)
        found.append((sample_of(slide.tile(2, x, y, side, side), masks), share))
    return found


def render(make: Callable[[int], Sequence[T]], seeds: Sequence[int], processes: int = 2) -> list[T]:
    """`make` over all seeds in order, its results in one flat list, in as many processes."""
    with multiprocessing.get_context("fork").Pool(processes) as pool:
        return [sample for group in pool.imap(make, seeds, chunksize=4) for sample in group]
