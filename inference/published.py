"""Published folders, loaded by transformers as they are: offline, safetensors alone, every weight there and none left over."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from inference import ladder
from inference.errors import ModelRefused


def load(kind: str, folder: Path, dtype: torch.dtype, **more: Any) -> Any:
    """By transformers' class `kind`; `more` is for its own loading. Raises ModelRefused, and MemoryError."""
    import transformers

    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    try:
        model, info = getattr(transformers, kind).from_pretrained(
            folder, dtype=dtype, use_safetensors=True, local_files_only=True, trust_remote_code=False,
            output_loading_info=True, **more,
        )  # fmt: skip
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        ladder.must_be_another(error)
        raise ModelRefused(f"{folder} could not be loaded ({error}); get the model again") from error
    for what in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        if info[what]:
            name = next(iter(info[what]))
            raise ModelRefused(f"the weights in {folder} do not fit its config.json ({what.replace('_', ' ')}: {name})")
    return model.eval().requires_grad_(False)
