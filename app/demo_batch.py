"""The demonstration's folder of forty mixed items, two of them broken on purpose, and what is true of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from app.demo_dicom import Study, write_film, write_slices
from app.demo_slide import write_patch
from inference.demo.chest import Chest, draw_pair
from inference.demo.film import Film, box_of, draw_film
from inference.demo.slide import CELL, CLASSES, MPP, SlidePhantom
from inference.demo.torso import draw_volume

Truth = dict[str, Any]
FILMS, PICTURES, PATCHES, PYRAMIDS = 16, 12, 5, 3
"""DX files, PNG films, PNG patches and tiled TIFF patches; with two CT items and two broken files they are forty."""
SIDE = 640
BROKEN = ("film-17.dcm", "letter.dcm")
_PATCH_STEP, _PATCH_SIDE = 4, 256
"""PNG patches are drawn at 4 × 0.5 µm per pixel: 512 µm of tissue."""


@dataclass(frozen=True, slots=True)
class Seeds:
    """The seeds of the batch: one chest each from `chest` on, one slide for all patches, one volume."""

    chest: int
    slide: int
    volume: int


def write_batch(folder: Path, seeds: Seeds, progress: Callable[[float], None]) -> Truth:
    """Writes the items below `folder`; the truth by the item's name relative to it. `progress` gets 0..1."""
    truth: Truth = {}
    count = FILMS + PICTURES + 1
    for number in range(count):
        chest = draw_pair(seeds.chest + number).current
        film = draw_film(chest, SIDE, SIDE)
        truth |= _write_film(folder, number, film, chest)
        progress(0.9 * (number + 1) / count)
    truth |= _write_patches(folder, SlidePhantom(seeds.slide, 8192, 8192))
    truth |= _write_ct(folder, seeds.volume)
    (folder / BROKEN[1]).write_text("Dear colleague,\n\nthank you for the films you sent.\n", encoding="utf-8")
    truth[BROKEN[1]] = {"kind": "broken", "why": "text named .dcm"}
    progress(1.0)
    return truth


def chest_truth(chest: Chest, film: Film) -> Truth:
    """Findings with the patient's side, grade and box (x0, y0, x1, y1; the upper ends exclusive) in the film's pixels."""
    return {
        "kind": "cxr",
        "findings": [
            {"kind": f.kind, "side": f.side, "grade": f.grade, "box": box_of(film.findings[(f.kind, f.side)])}
            for f in chest.findings
        ],
    }  # fmt: skip


def _write_film(folder: Path, number: int, film: Film, chest: Chest) -> Truth:
    """The first sixteen as DICOM, the next as one cut short, the rest as PNG."""
    if number <= FILMS:
        path = folder / f"film-{number + 1:02d}.dcm"
        study = Study(f"batch {number}", 100 + number, f"202403{number + 1:02d}")
        write_film(path, film.values, study)
        if number < FILMS:
            return {path.name: chest_truth(chest, film)}
        with path.open("r+b") as file:
            file.truncate(path.stat().st_size * 2 // 3)
        return {path.name: {"kind": "broken", "why": "DICOM cut short"}}
    path = folder / "pictures" / f"film-{number - FILMS:02d}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(film.pixels).save(path)
    return {f"pictures/{path.name}": chest_truth(chest, film)}


def _write_patches(folder: Path, phantom: SlidePhantom) -> Truth:
    truth: Truth = {}
    (folder / "patches").mkdir(parents=True, exist_ok=True)
    field = _PATCH_SIDE * _PATCH_STEP
    for number in range(PATCHES + PYRAMIDS):
        x, y = _place(phantom, 1 + number % (len(CLASSES) - 1), field, number)
        name = f"patches/patch-{number + 1:02d}." + ("png" if number < PATCHES else "tif")
        if number < PATCHES:
            step = _PATCH_STEP
            Image.fromarray(phantom.tile(step, x // step, y // step, _PATCH_SIDE, _PATCH_SIDE)).save(folder / name)
        else:
            step = 1
            write_patch(folder / name, phantom.tile(1, x, y, field, field))
        share = phantom.share(step, x // step, y // step, field // step, field // step)
        truth[name] = {
            "kind": "slide", "mpp": MPP * step, "share": dict(zip(CLASSES, (round(one, 4) for one in share), strict=True)),
        }  # fmt: skip
    return truth


def _place(phantom: SlidePhantom, wanted: int, field: int, seed: int) -> tuple[int, int]:
    """Where, of 40 places drawn at random, a square of `field` base pixels holds most of a class."""
    rng = np.random.default_rng([phantom.seed, seed])
    cells = field // CELL
    rows, columns = np.nonzero(phantom.class_map == wanted)
    best, place = -1.0, (0, 0)
    for pick in rng.integers(0, len(rows), 40) if len(rows) else ():
        row = int(np.clip(rows[pick] - cells // 2, 0, phantom.class_map.shape[0] - cells))
        column = int(np.clip(columns[pick] - cells // 2, 0, phantom.class_map.shape[1] - cells))
        share = float((phantom.class_map[row : row + cells, column : column + cells] == wanted).mean())
        if share > best:
            best, place = share, (column * CELL, row * CELL)
    return place


def _write_ct(folder: Path, seed: int) -> Truth:
    """A series of eight slices in its own folder, and one slice of another study alone."""
    volume = draw_volume(seed, slices=16, side=192)
    low, high = volume.hu[:8], volume.hu[8:]
    write_slices(folder / "ct-series", low, volume.spacing_mm, Study("batch ct series", 201, "20240420"))
    (alone,) = write_slices(folder / "ct-slice", high[:1], volume.spacing_mm, Study("batch ct slice", 202, "20240421"))
    return {
        "ct-series": {"kind": "ct", "lesion": bool(volume.lesion[:8].any())},
        f"ct-slice/{alone.name}": {"kind": "ct", "lesion": bool(volume.lesion[8].any())},
    }
