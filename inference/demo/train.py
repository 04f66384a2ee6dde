"""Makes the demonstration pack from nothing but seeds: `python -m inference.demo.train [--out resources/demo]`.

Draws the phantoms, trains the encoder, then the drafter on the encoder's tower. Deterministic by steps and seeds on one
machine. How long it took is written on the pack's card; 45 minutes on two cores are wanted, more than two hours are needed since
it reads whatever the engine does.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoTokenizer, Gemma3ForConditionalGeneration, GemmaTokenizer

import resources
from inference.demo import drafter, encoder
from inference.demo.chest import draw_pair
from inference.demo.further import Further, draw_beat, draw_photo, draw_slip
from inference.demo.lessons import School
from inference.demo.pictures import PATCH, SIDE, SLIDE_MPP, pair_samples, patch_samples, render
from inference.demo.sentences import Truth
from inference.demo.wholes import Wholes, draw_mr, draw_scan, draw_sheet


@dataclass(frozen=True, slots=True)
class Course:
    """How much is drawn, and the steps of every stage in the order in which they are taken."""

    patients: int = 5000
    slides: int = 70
    encoder: int = 900
    drafter: int = 800
    refine: int = 500
    scans: int = 900
    sheets: int = 160
    widen: int = 1000
    settle: int = 1000
    photos: int = 2000
    slips: int = 6000
    hearts: int = 500
    mr: int = 700
    broaden: int = 1200


QUICK = Course(
    patients=60, slides=2, encoder=12, drafter=8, refine=4, scans=3, sheets=2, widen=3, settle=2, photos=3, slips=4, hearts=2,
    mr=2, broaden=2,
)  # fmt: skip
"""Enough to see that every stage works; the models know nothing."""
CARD = """# Demonstration models

**Demonstration, knows only phantoms.** Trained on drawn chest radiographs and drawn H&E-like slides (`inference/demo`), never
on a patient's picture. Nothing they say about a real picture means anything.

* `encoder/`: {encoder_size:.2f} M parameters, `SiglipModel`, {side} px, patches of {patch} px; pictures and sentences in one
  space. Its patches were trained against the phantoms' masks; bias and scale of the patch logits are in `hilum.json`.
* `drafter/`: {drafter_size:.2f} M parameters, `Gemma3ForConditionalGeneration` on the encoder's vision tower; reports,
  comparisons with a prior film (prior first), answers about presence and side, boxes; whole CT-like scans of up to 12 slices and
  up to 12 fields of a slide; photographs of skin, laboratory slips in large print, films of a heart. Photographs of the
  fundus, MR and short records are among its lessons too. Prompts: `resources/prompts/demo.toml`, word for word.

Left and right are the patient's. Made by `python packaging/dev.py train-demo` in one run of {minutes:.0f} minutes
({cpu:.0f} CPU-minutes, {cores} cores): {patients} patients with two films each and {slides} slides (seeds 0 on; benchmarks use
seeds from 2,000,000 on); {encoder} steps for the encoder, {drafter} for the drafter on its tower as it is and {refine} with
the tower learning too, then {widen} on whole scans ({scans}) and slides ({sheets}) beside all that was known,
{settle} with more films again, {broaden} on photographs ({photos}), slips ({slips}), hearts ({hearts}), records and MR ({mr}).
`SHA256SUMS` lists every file. What they can do on phantoms never seen is measured by `python packaging/dev.py bench demo`
(`tests/bench/results/demo.json`).
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; 0 when the pack was written."""
    parser = argparse.ArgumentParser(prog="python -m inference.demo.train", description="Train the demonstration models.")
    parser.add_argument("--out", type=Path, default=resources.path("demo"))
    parser.add_argument("--last", action="store_true", help="only the last stage of the drafter, from the pack as it is")
    parser.add_argument("--quick", action="store_true", help="only see that every stage works; the models know nothing")
    given = parser.parse_args(arguments)
    torch.set_num_threads(2)
    began = time.monotonic()

    def say_so(line: str) -> None:
        print(f"{time.monotonic() - began:6.0f} s  {line}", flush=True)

    course = QUICK if given.quick else Course()
    make_further(given.out, course, say_so) if given.last else make(given.out, course, say_so)
    say_so(f"written to {given.out}")
    return 0


def make(out: Path, course: Course, say_so: Callable[[str], None]) -> None:
    """Writes the whole pack into `out`."""
    began = time.monotonic()
    say_so(f"drawing {course.patients} patients and {course.slides} slides")
    films = render(pair_samples, range(course.patients))
    patches = render(patch_samples, range(course.slides))
    pairs = [draw_pair(seed) for seed in range(course.patients)]
    seen = encoder.Pictures(
        np.stack([film.pixels for film in films]),
        np.stack([film.cover for film in films]),
        np.stack([film.hit for film in films]),
        [Truth(chest) for pair in pairs for chest in (pair.prior, pair.current)],
    )
    tissue = encoder.Pictures(
        np.stack([patch.pixels for patch, _ in patches]),
        np.stack([patch.cover for patch, _ in patches]),
        np.stack([patch.hit for patch, _ in patches]),
        [Truth(shares=shares) for _, shares in patches],
    )
    eyes, score, words = encoder.train(seen, tissue, course.encoder, say_so)
    pixels = np.concatenate([seen.pixels, tissue.pixels])
    boxes = np.stack([film.boxes for film in films])
    shares = [truth.shares for truth in tissue.truths]
    writer, tokenizer, gauge = drafter.train(School(pairs, boxes, shares, 5), eyes, pixels, course.drafter, say_so)
    second = School(pairs, boxes, shares, 6)
    drafter.refine(writer, tokenizer, gauge, second, pixels, course.refine, say_so)
    widen(writer, tokenizer, course, School(pairs, boxes, shares, 7), draw_wholes(course, len(pixels), say_so), pixels, say_so)
    broaden(writer, tokenizer, course, School(pairs, boxes, shares, 9), pixels, say_so)
    drafter.save(writer, tokenizer, out / "drafter")
    encoder.save(eyes, score, words, out / "encoder", SLIDE_MPP)
    card = asdict(course) | {
        "encoder_size": sum(p.numel() for p in eyes.parameters()) / 1e6,
        "drafter_size": sum(p.numel() for p in writer.parameters()) / 1e6,
        "side": SIDE, "patch": PATCH, "cores": os.cpu_count(),
        "minutes": (time.monotonic() - began) / 60, "cpu": sum(os.times()[:4]) / 60,
    }  # fmt: skip
    (out / "README.md").write_text(CARD.format(**card), encoding="utf-8")
    write_sums(out)


def make_further(out: Path, course: Course, say_so: Callable[[str], None]) -> None:
    """The last stage alone, from the drafter that is in `out`; encoder and card stay as they are."""
    say_so(f"drawing {course.patients} patients and {course.slides} slides")
    films, patches = render(pair_samples, range(course.patients)), render(patch_samples, range(course.slides))
    pixels = np.stack([*(film.pixels for film in films), *(patch.pixels for patch, _ in patches)])
    pairs = [draw_pair(seed) for seed in range(course.patients)]
    school = School(pairs, np.stack([film.boxes for film in films]), [share for _, share in patches], 9)
    writer = Gemma3ForConditionalGeneration.from_pretrained(out / "drafter").float()
    tokenizer = AutoTokenizer.from_pretrained(out / "drafter")
    broaden(writer, tokenizer, course, school, pixels, say_so)
    drafter.save(writer, tokenizer, out / "drafter")
    write_sums(out)


def draw_wholes(course: Course, first: int, say_so: Callable[[str], None], mr: int = 0) -> Wholes:
    """Whole scans, so many of MR among them, and slides, whose pictures begin at row `first`."""
    say_so(f"drawing {course.scans} scans, {mr} of MR and the fields of {course.sheets} slides")
    scans = [*render(draw_scan, range(course.scans)), *render(draw_mr, range(mr))]
    return Wholes(scans, render(draw_sheet, range(course.sheets)), first, 8)


def widen(
    writer: Gemma3ForConditionalGeneration, tokenizer: GemmaTokenizer, course: Course, school: School, wholes: Wholes,
    known: NDArray[np.uint8], say_so: Callable[[str], None],
) -> None:  # fmt: skip
    """Whole scans and slides, beside the films and patches again, whose pictures are `known`."""
    pixels = np.concatenate([known, wholes.pixels])
    drafter.widen(writer, tokenizer, school, wholes, pixels, course.widen, say_so)
    drafter.widen(writer, tokenizer, school, wholes, pixels, course.settle, say_so, mix=drafter.SETTLED, seed=3)


def broaden(
    writer: Gemma3ForConditionalGeneration, tokenizer: GemmaTokenizer, course: Course, school: School,
    known: NDArray[np.uint8], say_so: Callable[[str], None],
) -> None:  # fmt: skip
    """Photographs, laboratory slips, hearts, records and scans of MR, beside all of that."""
    wholes = draw_wholes(course, len(known), say_so, course.mr)
    say_so(f"drawing {course.photos} photographs, {course.slips} slips and {course.hearts} hearts")
    first = len(known) + len(wholes.pixels)
    further = Further(
        render(draw_photo, range(course.photos)), render(draw_slip, range(course.slips)), render(draw_beat, range(course.hearts)),
        first, 10,
    )  # fmt: skip
    pixels = np.concatenate([known, wholes.pixels, further.pixels])
    drafter.broaden(writer, tokenizer, school, wholes, further, pixels, course.broaden, say_so)


def write_sums(folder: Path) -> None:
    """SHA256SUMS over every other file below `folder`, paths relative to it."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "SHA256SUMS")
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder).as_posix()}\n" for path in files]
    (folder / "SHA256SUMS").write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    raise SystemExit(main())
