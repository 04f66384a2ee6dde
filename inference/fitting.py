"""Whether a drafter fits, before it is loaded: bytes of weights, cache and work against what is free; and how fast it will write.

All from config.json and the headers of the weights; nothing of torch is imported. Formulas: a linear of N × K weighs 2NK bytes in
bfloat16, NK + 4N in int8, NK/2 + 4NK/G in int4 with groups of G (`inference.quantize`), NK/2 + NK/32 in nf4 as a CPU holds it (a
card NK/64 less); a layer's cache holds 2 · key heads · width numbers a place, in layers with a sliding window never more places
than that (arXiv 2503.19786).
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from inference import modelfiles
from inference.errors import ModelRefused

Fit = Literal["fits", "tight", "too large"]
"""Into what is free; only once other programs or models are closed; not on this machine."""
GB = 1_000_000_000
SMALL = 50_000_000
"""Parameters; below it bfloat16 on a CPU is slower than float32 and saves nothing, and memory is not what a token waits for."""
ROWS, ROWS_ON_A_CARD = 512, 1088
"""Places of a prompt that are read at once, see `inference.decoding` and `inference.cuda.checked`."""
PLAIN = 1 << 27
"""Bytes of quantised weights that are made plain at once on a card, see `inference.cuda.linears`."""
KEPT = 1 << 30
"""Bytes that beginnings of prompts may take, see `inference.prefixes`."""
PICTURES = 200
"""Projected pictures that are kept, see `inference.medgemma`."""
CARD = 700_000_000
"""Of a card, for CUDA itself and the screen."""
SHARES: Mapping[str, Mapping[str, float]] = {
    "cpu": {"none": 0.75, "int8": 0.65, "int4": 0.60, "nf4": 0.53},
    "cuda": {"none": 0.62, "int8": 0.37, "int4": 0.32, "nf4": 0.18},
}
"""Of the memory's bandwidth that a token's weights are read at: as measured, the card's on an H200, whose memory is so quick that
other work weighs; slower cards have more. For nf4 as bitsandbytes' own comparison with int4 says (its issue 696: 12.2 against
21.4 tokens a second)."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A drafter's measures. `windows` has one entry a layer, 0 for all positions; `parameters` are all, the tower included."""

    hidden: int
    mlp: int
    heads: int
    kv_heads: int
    width: int
    vocabulary: int
    windows: tuple[int, ...]
    parameters: int
    tower_hidden: int = 0
    tower_mlp: int = 0
    patches: int = 0
    picture_tokens: int = 0

    @classmethod
    def of(cls, config: Mapping[str, Any], parameters: int) -> Shape:
        """By a config.json of the published layout. Raises KeyError for one that does not say."""
        text = config.get("text_config", config)
        eyes = config.get("vision_config") or {}
        layers, window = int(text["num_hidden_layers"]), int(text.get("sliding_window") or 0)
        pattern = int(text.get("sliding_window_pattern") or text.get("_sliding_window_pattern") or 6)
        kinds = text.get("layer_types") or [
            "full_attention" if (number + 1) % pattern == 0 else "sliding_attention" for number in range(layers)
        ]
        side, patch = int(eyes.get("image_size", 0)), int(eyes.get("patch_size", 1))
        return cls(
            int(text["hidden_size"]), int(text["intermediate_size"]), int(text.get("num_attention_heads", 8)),
            int(text.get("num_key_value_heads", 4)), int(text.get("head_dim", 256)), int(text.get("vocab_size", 262_208)),
            tuple(window if kind == "sliding_attention" else 0 for kind in kinds), parameters,
            int(eyes.get("hidden_size", 0)), int(eyes.get("intermediate_size", 0)), (side // patch) ** 2,
            int(config.get("mm_tokens_per_image", 0)),
        )  # fmt: skip

    def linears(self) -> Sequence[tuple[int, int]]:
        """(rows, columns) of one layer's linears as they are held: those that read the same input are joined."""
        inner = self.heads * self.width
        return (
            (inner + 2 * self.kv_heads * self.width, self.hidden),
            (self.hidden, inner),
            (2 * self.mlp, self.hidden),
            (self.hidden, self.mlp),
        )


@dataclass(frozen=True, slots=True)
class Need:
    """In bytes. `work` passes through while a picture or a piece of the prompt is read; `read` is what each token reads."""

    weights: int
    cache: int
    work: int
    kept: int
    read: int

    @property
    def total(self) -> int:
        return self.weights + self.cache + self.work + self.kept


@dataclass(frozen=True, slots=True)
class Room:
    """Bytes of the place a model would lie in, and what that place is; `kind` "cpu" or "cuda"."""

    kind: str
    name: str
    free: int
    total: int


def shape_of(folder: Path) -> Shape:
    """Raises ModelRefused for a folder whose config.json or weights do not say."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        heads = [modelfiles.header(path) for path in modelfiles.shards(folder)]
        return Shape.of(config, sum(math.prod(one["shape"]) for head in heads for one in head.values()))
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ModelRefused(f"how large the model in {folder} is cannot be read ({error}); get the model again") from error


def need(shape: Shape, quantisation: str, places: int, pictures: int = 0, *, bytes_each: int = 2, kind: str = "cpu") -> Need:
    """Of a prompt and its answer of so many `places`, `pictures` among them. `bytes_each` is 4 where the format is float32;
    `kind` "cuda" on a card, where more is read at once."""
    plain = sum(rows * columns for rows, columns in shape.linears()) * len(shape.windows)
    linears = sum(_bytes(rows, columns, quantisation, bytes_each) for rows, columns in shape.linears()) * len(shape.windows)
    each = 2 * shape.kv_heads * shape.width * bytes_each
    cache = sum(min(window or places, places) * each for window in shape.windows)
    table = shape.vocabulary * shape.hidden
    light = quantisation.endswith("+head")  # in int8 beside the table of embeddings, which stays
    head = table + 4 * shape.vocabulary if light else table * bytes_each
    card = kind == "cuda"
    rows = min(max(ROWS_ON_A_CARD if card else ROWS, shape.picture_tokens), places)
    reading = rows * (6 * shape.hidden + 4 * shape.mlp + 4 * shape.heads * shape.width) * 4 + 2 * rows * places * (1 + card)
    reading += PLAIN if card and quantisation != "none" else 0
    seeing = shape.patches * (10 * shape.tower_hidden + 2 * shape.tower_mlp) * 4 if pictures else 0
    kept = min(pictures, PICTURES) * shape.picture_tokens * shape.hidden * bytes_each + min(KEPT, cache if pictures else 0)
    return Need(
        weights=(shape.parameters - plain) * bytes_each + linears + (head if light else 0),
        cache=cache,
        work=max(reading, seeing),
        kept=kept,
        read=linears + head + cache,
    )


def bytes_each(kind: str, parameters: int, *, native: bool) -> int:
    """Of a number in the format that `inference.device.place` chooses: 4 in float32, for small models on a CPU and where bfloat16
    is not `native`."""
    return 4 if not native or (kind == "cpu" and parameters < SMALL) else 2


def fit(wanted: Need, room: Room) -> Fit:
    spare = CARD if room.kind == "cuda" else 0
    if wanted.total + spare <= room.free:
        return "fits"
    return "tight" if wanted.total + spare <= room.total else "too large"


def tokens_per_second(wanted: Need, quantisation: str, kind: str, bandwidth: float) -> float:
    """Predicted: `bandwidth` in bytes a second, times the share of it that decoding reaches, over what a token reads."""
    return bandwidth * SHARES[kind][quantisation.partition("+")[0]] / wanted.read


def sentence(model: str, shape: Shape, quantisation: str, places: int, pictures: int, room: Room, *, bytes_each: int = 2) -> str:
    """Why it does not fit and what would, "" where it does or may."""

    def needed(quantisation: str, places: int, pictures: int) -> Need:
        return need(shape, quantisation, places, pictures, bytes_each=bytes_each, kind=room.kind)

    asked = needed(quantisation, places, pictures)
    if fit(asked, room) != "too large":
        return ""
    said = (
        f"{model} needs {asked.total / GB:.1f} GB ({asked.weights / GB:.1f} of weights, "
        f"{(asked.cache + asked.kept) / GB:.1f} for what it reads, {asked.work / GB:.1f} to work) and {room.name} has "
        f"{room.total / GB:.1f}"
    )
    lighter = [kind for kind in ("int8", "int4") if kind != quantisation
               and fit(needed(kind, places, pictures), room) != "too large"]  # fmt: skip
    alone = needed(quantisation, min(places, 2048), min(pictures, 1))
    if quantisation == "none" and lighter:
        return f"{said}: choose {' or '.join(lighter)}"
    if quantisation == "int8" and "int4" in lighter:
        return f"{said}: choose int4"
    if pictures > 1 and fit(alone, room) != "too large":
        return f"{said}: send fewer pictures"
    return f"{said}: choose a smaller model"


def machine() -> Room:
    """The machine's memory as it is now."""
    import psutil

    now = psutil.virtual_memory()
    return Room("cpu", "this machine", now.available, now.total)


def memory_bandwidth(size: int = 1 << 28, rounds: int = 3) -> float:
    """Bytes a second that this processor copies, reads and writes counted: half a second of work. Not for the GUI thread."""
    source = np.ones(size // 8)
    target = np.zeros_like(source)
    best = math.inf
    for _ in range(rounds):
        began = time.perf_counter()
        np.copyto(target, source)
        best = min(best, time.perf_counter() - began)
    return 2 * source.nbytes / best


def _bytes(rows: int, columns: int, quantisation: str, plain: int) -> int:
    if quantisation.startswith("int8"):
        return rows * columns + 4 * rows
    if quantisation == "nf4":
        return rows * columns // 2 + rows * columns // 32
    if quantisation.startswith("int4") and (group := group_of(columns)):
        return rows * columns // 2 + 4 * rows * columns // group
    return rows * columns + 4 * rows if quantisation.startswith("int4") else rows * columns * plain


def group_of(columns: int) -> int:
    """Weights that share a scale in int4: coarse where there are many, fine in a small model; 0 where none divides."""
    for group in (128, 64, 32) if columns >= 1024 else (32,):
        if columns % group == 0:
            return group
    return 0
