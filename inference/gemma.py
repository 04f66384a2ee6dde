"""A Gemma 3 model as it is published: its folder loaded by transformers, offline, and what is known of it before."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from inference import device as devices
from inference import ladder, modelfiles
from inference.catalogue import Entry
from inference.errors import ModelRefused
from inference.writing import Limits


def load(folder: Path, entry: Entry, place: devices.Place, **more: Any) -> Any:
    """The published model with its weights as they are; `more` is for transformers' own loading. Raises ModelRefused, and
    MemoryError."""
    import transformers

    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    kind = transformers.Gemma3ForConditionalGeneration if entry.family == "gemma3" else transformers.Gemma3ForCausalLM
    try:
        model, info = kind.from_pretrained(folder, dtype=place.dtype, use_safetensors=True, local_files_only=True,
                                           trust_remote_code=False, output_loading_info=True, **more)  # fmt: skip
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        ladder.must_be_another(error)
        raise ModelRefused(f"{folder} could not be loaded ({error}); get the model again") from error
    for what in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        if info[what]:
            name = next(iter(info[what]))
            raise ModelRefused(f"the weights in {folder} do not fit its config.json ({what.replace('_', ' ')}: {name})")
    return model.eval().requires_grad_(False)


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
