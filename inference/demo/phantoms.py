"""Writes one phantom with its truth: `python -m inference.demo.phantoms --kind KIND --seed N --out FOLDER`.

Seeds below 1,000,000 are for training, seeds from 2,000,000 on for benchmarks.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from inference.demo import heart, notes, pages, photos
from inference.demo.chest import Pair, draw_pair
from inference.demo.film import Film, box_of, draw_film
from inference.demo.further_reports import heart_report, photo_report
from inference.demo.reports import comparison, report
from inference.demo.slide import CELL, CLASSES, MPP, SlidePhantom
from inference.demo.torso import HU, draw_volume

TRAINING_SEEDS, BENCHMARK_SEEDS = range(1_000_000), range(2_000_000, 3_000_000)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; 0 when everything was written."""
    parser = argparse.ArgumentParser(prog="python -m inference.demo.phantoms", description="Write one phantom with its truth.")
    parser.add_argument("--kind", choices=tuple(WRITERS), required=True)
    parser.add_argument("--seed", type=int, default=2_000_000)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--size", type=int, default=0, help="pixels a side (cxr 1024, ct 256, slide 8192, photo 960)")
    given = parser.parse_args(arguments)
    given.out.mkdir(parents=True, exist_ok=True)
    truth = {"kind": given.kind, "seed": given.seed, **WRITERS[given.kind](given.seed, given.out, given.size)}
    (given.out / "truth.json").write_text(json.dumps(truth, indent=2) + "\n", encoding="utf-8")
    return 0


def write_film(seed: int, folder: Path, size: int = 0) -> dict[str, Any]:
    """prior.png and current.png (16-bit files of 12-bit values, *-8bit.png beside them), a mask per finding and organ;
    returns the truth of both."""
    side = size or 1024
    pair = draw_pair(seed)
    truth: dict[str, Any] = {"report": report(pair.current), "comparison": comparison(pair), "changes": _changes(pair)}
    for name, chest in (("prior", pair.prior), ("current", pair.current)):
        film = draw_film(chest, side, side)
        Image.fromarray(film.values).save(folder / f"{name}.png")
        Image.fromarray(film.pixels).save(folder / f"{name}-8bit.png")
        truth[name] = [{"kind": f.kind, "side": f.side, "grade": f.grade, "amount": round(f.amount, 4)} for f in chest.findings]
        truth[f"{name}_masks"] = _write_masks(film, name, folder)
    return truth


def _changes(pair: Pair) -> list[dict[str, str]]:
    return [{"kind": kind, "side": side, "change": change} for (kind, side), change in pair.changes.items()]


def _write_masks(film: Film, name: str, folder: Path) -> dict[str, Any]:
    """One 8-bit PNG a mask, 255 inside; returns {file: box (x0, y0, x1, y1) or null}."""
    named = {f"{side} {kind}".strip(): mask for (kind, side), mask in film.findings.items()} | film.organs
    written = {}
    for words, mask in named.items():
        file = f"{name}-mask-{words.replace(' ', '-')}.png"
        Image.fromarray(mask.astype(np.uint8) * np.uint8(255)).save(folder / file)
        written[file] = box_of(mask)
    return written


def write_slide(seed: int, folder: Path, size: int = 0) -> dict[str, Any]:
    """thumbnail.png, classes.npy (uint8, one value a cell) and one 512 px tile of every class; returns the truth."""
    slide = SlidePhantom(seed, size or 8192, size or 8192)
    Image.fromarray(slide.thumbnail()).save(folder / "thumbnail.png")
    np.save(folder / "classes.npy", slide.class_map)
    tiles = {}
    for number, name in enumerate(CLASSES):
        rows, columns = np.nonzero(slide.class_map == number)
        if len(rows) == 0:
            continue
        x, y = int(columns[len(rows) // 2]) * CELL, int(rows[len(rows) // 2]) * CELL
        Image.fromarray(slide.tile(1, x, y, 512, 512)).save(folder / f"tile-{name}.png")
        tiles[f"tile-{name}.png"] = {"x": x, "y": y, "shares": dict(zip(CLASSES, slide.share(1, x, y, 512, 512), strict=True))}
    return {"width": slide.width, "height": slide.height, "mpp": MPP, "cell": CELL, "classes": list(CLASSES), "tiles": tiles}


def write_volume(seed: int, folder: Path, size: int = 0) -> dict[str, Any]:
    """volume.npy (int16 HU), lesion.npy (bool); returns the truth."""
    volume = draw_volume(seed, side=size or 256)
    np.save(folder / "volume.npy", volume.hu)
    np.save(folder / "lesion.npy", volume.lesion)
    z, y, x = (round(float(v)) for v in np.argwhere(volume.lesion).mean(0))
    return {"spacing_mm": volume.spacing_mm, "shape": volume.hu.shape, "lesion_centre": [z, y, x], "hu": HU}


def write_photo(seed: int, folder: Path, size: int = 0) -> dict[str, Any]:
    """photo.png of skin or a fundus; returns the truth."""
    case = photos.draw_case(np.random.default_rng(seed))
    Image.fromarray(photos.draw_photo(case, seed, size or 960)).save(folder / "photo.png")
    return {"of": type(case).__name__.lower(), **asdict(case), "report": photo_report(case)}


def write_slip(seed: int, folder: Path, _size: int = 0) -> dict[str, Any]:
    """slip.png, a page of laboratory values, always 1200 px; returns the rows."""
    slip = pages.draw_slip(pages.draw_rows(np.random.default_rng(seed)), seed)
    Image.fromarray(slip.pixels).save(folder / "slip.png")
    return {"rows": slip.rows}


def write_heart(seed: int, folder: Path, size: int = 0) -> dict[str, Any]:
    """frames.npy (uint8, 48 frames, a third wider than high) of an ultrasound film; returns the truth."""
    case, high = heart.draw_case(np.random.default_rng(seed)), size or 480
    film = heart.draw_film(case, seed, np.linspace(0.0, 1.0, 48), high, high * 4 // 3)
    np.save(folder / "frames.npy", film.frames)
    return {**asdict(case), "filled": film.filled.tolist(), "report": heart_report(case)}


def write_note(seed: int, folder: Path, _size: int = 0) -> dict[str, Any]:
    """note.txt, a record; returns what it holds."""
    rng = np.random.default_rng(seed)
    patient = notes.draw_patient(rng)
    (folder / "note.txt").write_text(notes.record(patient, rng) + "\n", encoding="utf-8")
    return asdict(patient)


WRITERS = {
    "cxr": write_film, "slide": write_slide, "ct": write_volume, "photo": write_photo, "slip": write_slip, "heart": write_heart,
    "note": write_note,
}  # fmt: skip


if __name__ == "__main__":
    raise SystemExit(main())
