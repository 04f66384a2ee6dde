"""What the demonstration drafter is taught to write of a whole scan or slide, and how to read it back."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

import numpy as np

from inference.demo.chest import SIDES, Side
from inference.demo.reports import PRESENCE, TISSUE, WHICH_SIDE, presence
from inference.demo.sentences import NAMES, TISSUES

FOUND = ("lesion", "fluid")
Scanned = Literal["ct", "mr"]
SCAN_WORDS: dict[Scanned, dict[str, str]] = {
    "ct": {"lesion": "low-density liver lesion", "fluid": "pleural effusion"},
    "mr": {"lesion": "high-signal liver lesion", "fluid": "pleural effusion"},
}
SCAN_NAMES: dict[str, tuple[str, ...]] = {
    "lesion": ("liver lesion", "lesion in the liver", "low-density liver lesion", "hepatic lesion"),
    "fluid": ("pleural effusion", "effusion", "pleural fluid", "fluid behind the lung"),
}
WHICH_SLICE = (
    "On which slice is the {x}?", "Which slice shows the {x} best?", "Where is the {x} largest?",
    "On which slice do you see the {x}?", "In which slice is the {x} seen best?",
)  # fmt: skip
HELD_OUT_SLICE = ("Which slice has the {x}?", "On what slice is the {x} largest?")
SHARES = ("few", "many", "most")
Best = dict[tuple[str, Side], int]
"""Of each finding (name, side) that is there, the number from 1 of the slice on which it is largest."""


def scan_report(best: Best, kind: Scanned = "ct", *, sliced: bool) -> str:
    """Of all findings in their order; with the slice where each is largest, where there are several."""
    said = [" ".join(_findings(name, best, kind, sliced=sliced)) or f"No {SCAN_WORDS[kind][name]}." for name in FOUND]
    present = [text for name in FOUND for text in _findings(name, best, kind, sliced=False)]
    return f"Findings: {' '.join(said)} Impression: {' '.join(present) or 'No finding.'}"


def _findings(name: str, best: Best, kind: Scanned, *, sliced: bool) -> list[str]:
    """ "Left pleural effusion, largest on slice 9." for each side."""
    texts = []
    for side in ("", *SIDES):
        number = best.get((name, side))
        if number is not None:
            words = f"{side} {SCAN_WORDS[kind][name]}".strip().capitalize()
            texts.append(f"{words}, largest on slice {number}." if sliced else f"{words}.")
    return texts


def scan_question(best: Best, rng: np.random.Generator, kind: Scanned = "ct", *, held_out: bool = False) -> tuple[str, str]:
    """About presence, side or slice, and its answer."""
    name = FOUND[rng.integers(len(FOUND))]
    there = [side for one, side in best if one == name]
    if not there and best and rng.random() < 0.5:
        name, _ = [*best][rng.integers(len(best))]
        there = [side for one, side in best if one == name]
    asked = SCAN_NAMES[name][rng.integers(len(SCAN_NAMES[name]))]
    draw = rng.random()
    if draw < 0.4:
        words = PRESENCE[rng.integers(len(PRESENCE))].format(x=asked)
        present = " ".join(_findings(name, best, kind, sliced=False))
        return words[0].upper() + words[1:], f"Yes. {present}" if there else f"No. No {SCAN_WORDS[kind][name]}."
    if draw < 0.6 and name != "lesion":
        words = WHICH_SIDE[rng.integers(len(WHICH_SIDE))].format(x=asked)
        if not there:
            return words, f"There is no {SCAN_WORDS[kind][name]}."
        return words, "On both sides." if len(there) == 2 else f"On the {there[0]}."
    templates = HELD_OUT_SLICE if held_out else WHICH_SLICE
    words = templates[rng.integers(len(templates))].format(x=asked)
    if not there:
        return words, f"There is no {SCAN_WORDS[kind][name]}."
    return words, " ".join(f"Slice {best[name, side]}." for side in there[:1])


def read_scan(text: str) -> Best:
    """The findings of a drafted report; 0 for a slice that is not said. The impression is not read."""
    found: Best = {}
    for part in text.split("Impression:")[0].removeprefix("Findings:").split("."):
        words = part.strip().lower()
        name = next((one for one in FOUND if SCAN_WORDS["ct"][one] in words or SCAN_WORDS["mr"][one] in words), None)
        if name is None or words.startswith("no "):
            continue
        side: Side = next((one for one in SIDES if one in words.split()), "")
        number = re.search(r"slice (\d+)", words)
        found[name, side] = int(number[1]) if number else 0
    return found


def fields_report(shares: Sequence[Sequence[float]]) -> str:
    """Of the fields of a slide, from the share of every tissue in each: what is there, and in how many of them."""
    texts = []
    for number, tissue in enumerate(TISSUES[1:], 1):
        part = np.mean([one[number] >= 0.08 for one in shares])
        word = SHARES[0] if part <= 1 / 3 else SHARES[1] if part <= 2 / 3 else SHARES[2]
        name = TISSUE[tissue][:-1]
        texts.append(f"{name} in {word} fields." if part else f"No {name.lower()}.")
    tumour = any(one[TISSUES.index("tumour")] >= 0.08 for one in shares)
    return f"Findings: {' '.join(texts)} Impression: {'Tumour present.' if tumour else 'No tumour.'}"


def fields_question(shares: Sequence[Sequence[float]], rng: np.random.Generator) -> tuple[str, str]:
    """About the presence of a tissue anywhere, and its answer."""
    number = int(rng.integers(1, len(TISSUES)))
    asked = presence(NAMES[TISSUES[number]], rng)
    text = TISSUE[TISSUES[number]]
    there = any(one[number] >= 0.08 for one in shares)
    return asked, f"Yes. {text}" if there else f"No. No {text.lower()}"
