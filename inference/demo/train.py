"""Makes the demonstration pack from nothing but seeds: `python -m inference.demo.train [--out resources/demo]`.

Draws the phantoms, trains the encoder, then the drafter on the encoder's tower. Deterministic by steps and seeds on one
machine; at most 45 minutes on two cores.
"""

from __future__ import annotations

import argparse
import hashlib
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

import resources
from inference.demo import drafter, encoder
from inference.demo.chest import draw_pair
from inference.demo.lessons import School
from inference.demo.pictures import PATCH, SIDE, SLIDE_MPP, pair_samples, patch_samples, render
from inference.demo.sentences import Truth

PATIENTS, SLIDES = 5000, 70
ENCODER_STEPS, DRAFTER_STEPS, SHARPEN_STEPS, REFINE_STEPS = 1400, 1500, 300, 1000
CARD = """# Demonstration models

**Demonstration, knows only phantoms.** Trained on drawn chest radiographs and drawn H&E-like slides (`inference/demo`), never
on a patient's picture. Nothing they say about a real picture means anything.

* `encoder/`: {encoder:.2f} M parameters, `SiglipModel`, {side} px, patches of {patch} px; pictures and sentences in one space.
  Its patches were trained against the phantoms' masks; bias and scale of the patch logits are in `hilum.json`.
* `drafter/`: {drafter:.2f} M parameters, `Gemma3ForConditionalGeneration` on the encoder's vision tower; reports, comparisons
  with a prior film (prior first), answers about presence and side, boxes. Prompts: `resources/prompts/demo.toml`, word for word.

Left and right are the patient's. Trained stage by stage with the settings of `python -m inference.demo.train`: {patients}
patients with two films each and {slides} slides (seeds 0 on; benchmarks use seeds from 2,000,000 on), {encoder_steps} and
{drafter_steps} steps, then {sharpen_steps} that sharpen the encoder's maps and {refine_steps} that refine the drafter.
`SHA256SUMS` lists every file. What they can do on phantoms never seen is measured by `python packaging/dev.py bench demo`
(`tests/bench/results/demo.json`).
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; 0 when the pack was written."""
    parser = argparse.ArgumentParser(prog="python -m inference.demo.train", description="Train the demonstration models.")
    parser.add_argument("--out", type=Path, default=resources.path("demo"))
    parser.add_argument("--patients", type=int, default=PATIENTS)
    parser.add_argument("--slides", type=int, default=SLIDES)
    parser.add_argument("--encoder-steps", type=int, default=ENCODER_STEPS)
    parser.add_argument("--drafter-steps", type=int, default=DRAFTER_STEPS)
    given = parser.parse_args(arguments)
    torch.set_num_threads(2)
    began = time.monotonic()

    def say_so(line: str) -> None:
        print(f"{time.monotonic() - began:6.0f} s  {line}", flush=True)

    make(given.out, given.patients, given.slides, given.encoder_steps, given.drafter_steps, say_so)
    say_so(f"written to {given.out}")
    return 0


def make(out: Path, patients: int, slides: int, encoder_steps: int, drafter_steps: int, say_so: Callable[[str], None]) -> None:
    """Writes the whole pack into `out`."""
    say_so(f"drawing {patients} patients and {slides} slides")
    films = render(pair_samples, range(patients))
    patches = render(patch_samples, range(slides))
    pairs = [draw_pair(seed) for seed in range(patients)]
    seen = encoder.Pictures(
        np.stack([film.pixels for film in films]),
        np.stack([film.cover for film in films]),
        [Truth(chest) for pair in pairs for chest in (pair.prior, pair.current)],
    )
    tissue = encoder.Pictures(
        np.stack([patch.pixels for patch, _ in patches]),
        np.stack([patch.cover for patch, _ in patches]),
        [Truth(shares=shares) for _, shares in patches],
    )
    eyes, score, words = encoder.train(seen, tissue, encoder_steps, say_so)
    features = drafter.tower_features(eyes, np.concatenate([seen.pixels, tissue.pixels]))
    boxes = np.stack([film.boxes for film in films])
    school = School(pairs, boxes, [truth.shares for truth in tissue.truths], 5)
    writer, tokenizer = drafter.train(school, eyes, features, drafter_steps, say_so)
    second = School(pairs, boxes, [truth.shares for truth in tissue.truths], 6, (0.30, 0.62))
    drafter.refine(writer, tokenizer, second, features, REFINE_STEPS, say_so)
    drafter.save(writer, tokenizer, out / "drafter")
    encoder.sharpen(eyes, score, words, seen, tissue, SHARPEN_STEPS, say_so)
    encoder.save(eyes, score, words, out / "encoder", SLIDE_MPP)
    card = {
        "encoder": sum(p.numel() for p in eyes.parameters()) / 1e6,
        "drafter": sum(p.numel() for p in writer.parameters()) / 1e6,
        "side": SIDE, "patch": PATCH, "patients": patients, "slides": slides,
        "encoder_steps": encoder_steps, "drafter_steps": drafter_steps,
        "sharpen_steps": SHARPEN_STEPS, "refine_steps": REFINE_STEPS,
    }  # fmt: skip
    (out / "README.md").write_text(CARD.format(**card), encoding="utf-8")
    write_sums(out)


def write_sums(folder: Path) -> None:
    """SHA256SUMS over every other file below `folder`, paths relative to it."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "SHA256SUMS")
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder).as_posix()}\n" for path in files]
    (folder / "SHA256SUMS").write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    raise SystemExit(main())
