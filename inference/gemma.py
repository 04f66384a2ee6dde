"""A Gemma 3 model as it is published: its folder loaded by transformers, offline, and what is known of it before."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from inference import device as devices
from inference import modelfiles, published
from inference.catalogue import Entry
from inference.writing import Limits


def load(folder: Path, entry: Entry, place: devices.Place, **more: Any) -> Any:
    """The published model with its weights as they are; `more` is for transformers' own loading. Raises ModelRefused, and
    MemoryError."""
    kind = "Gemma3ForConditionalGeneration" if entry.family == "gemma3" else "Gemma3ForCausalLM"
    return published.load(kind, folder, place.dtype, **more)


def limits(model: Any, tokenizer: Any) -> Limits:
    """The tokens that end a text, and those of pictures, which no text has."""
    ends = model.generation_config.eos_token_id
    stop = {ends} if isinstance(ends, int) else set(ends or ())
    stop |= {tokenizer.eos_token_id, tokenizer.convert_tokens_to_ids("<end_of_turn>")} - {tokenizer.unk_token_id, None}
    names = ("image_token_id", "boi_token_index", "eoi_token_index")
    never = tuple(int(value) for name in names if (value := getattr(model.config, name, None)) is not None)
    return Limits(frozenset(stop), never)


def parameters(folder: Path) -> int:
    """Number of weights, from the headers alone."""
    return sum(math.prod(one["shape"]) for path in modelfiles.shards(folder) for one in modelfiles.header(path).values())
