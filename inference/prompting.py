"""What a Gemma 3 reads, made by the processor of its own folder: ids of the words, pixels of the pictures. No weights."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from inference import ladder
from inference.catalogue import Entry
from inference.errors import ModelRefused
from inference.preprocess.padding import pad_square, resize
from inference.prompts import Message

_COUNTED = {"do_pan_and_scan": False, "do_resize": False, "do_rescale": False, "do_normalize": False}
"""For the processor, which is asked for the words and for places of pictures alone."""


class Prompting:
    """`config` is the model's own. Raises ModelRefused where the folder's words cannot be read or are another's."""

    def __init__(self, folder: Path, entry: Entry, config: Any) -> None:
        self.entry = entry
        self.sees = entry.family == "gemma3"
        self.processor = _processor(folder, self.sees)
        self.tokenizer = self.processor.tokenizer if self.sees else self.processor
        _must_match(self.tokenizer, config, folder)
        self.side = int(config.vision_config.image_size) if self.sees else 0

    def pixels(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """uint8 (H, W, 3) as the model receives it: padded to a square with zeros, then resized to its side."""
        return resize(pad_square(picture), self.side, self.entry.resize)

    def prompt(self, messages: Sequence[Message], pictures: int) -> Tensor:
        """Ids [T], a run of image tokens for each of so many pictures, made in one step so that there is exactly one <bos>.

        Control tokens inside the words of a message are written as plain text. Raises ModelRefused otherwise.
        """
        images = iter([Image.new("RGB", (1, 1))] * pictures)  # only counted
        chat: list[dict[str, Any]] = [
            {"role": role, "content": [_part(item, images) for item in content]} for role, content in messages
        ]
        more = {"processor_kwargs": _COUNTED} if self.sees else {}
        batch = self._raw(chat) if messages[0][0] == "plain" else dict(
            self.processor.apply_chat_template(chat, tokenize=True, return_dict=True, return_tensors="np",
                                               add_generation_prompt=True, sanitize_control_tokens=True, **more)
        )  # fmt: skip
        ids = torch.tensor(batch["input_ids"][0])
        begins = int((ids == self.tokenizer.bos_token_id).sum())
        if begins != 1:
            raise ModelRefused(f"the model's chat template writes {begins} <bos> where exactly one is right; restore the model")
        return ids

    def count(self, text: str) -> int:
        return len(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def shown(self, ids: Tensor) -> str:
        """The prompt as text, control tokens included."""
        text = str(self.tokenizer.decode(ids, skip_special_tokens=False))
        return re.sub("(?:<image_soft_token>)+", lambda run: f"<image_soft_token>×{len(run[0]) // 18}", text)

    def _raw(self, chat: list[dict[str, Any]]) -> dict[str, Any]:
        """A pretrained model has no turns: its images, then its words, without the control tokens that these may spell."""
        content = chat[0]["content"]
        images = [part["image"] for part in content if part["type"] == "image"]
        words = " ".join(part["text"] for part in content if part["type"] == "text")
        for mark in self.tokenizer.get_added_vocab():
            words = words.replace(mark, " ")
        text = self.tokenizer.boi_token * len(images) + words
        return dict(self.processor(text=text, images=images or None, return_tensors="np", do_pan_and_scan=False))

    def normalised(self, pixels: NDArray[np.uint8], device: torch.device | None = None) -> Tensor:
        """uint8 (S, S, 3) as float32 [3, S, S] in the range the tower was trained on, by the checkpoint's own processor; reckoned
        on `device`."""
        return normalised(self.processor.image_processor, pixels, device)


def normalised(processor: Any, pixels: NDArray[np.uint8], device: torch.device | None) -> Tensor:
    """As `Prompting.normalised`, by an image processor."""
    values = torch.tensor(pixels, device=device).float().permute(2, 0, 1) * processor.rescale_factor
    mean, deviation = (
        torch.tensor(one, dtype=torch.float32, device=device)[:, None, None]
        for one in (processor.image_mean, processor.image_std)
    )
    found: Tensor = (values - mean) / deviation
    return found


def _part(item: str | None, images: Any) -> dict[str, Any]:
    return {"type": "image", "image": next(images)} if item is None else {"type": "text", "text": item}


def _processor(folder: Path, sees: bool) -> Any:
    from transformers import AutoProcessor, AutoTokenizer

    try:
        if sees:
            return AutoProcessor.from_pretrained(folder, local_files_only=True, trust_remote_code=False, backend="pil")
        return AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, RuntimeError, KeyError, TypeError) as error:
        ladder.must_be_another(error)
        raise ModelRefused(f"the tokenizer or processor in {folder} could not be read ({error}); get the model again") from error


def _must_match(tokenizer: Any, config: Any, folder: Path) -> None:
    """Raises ModelRefused for words that the weights do not know, or know under other numbers: every answer would be noise."""
    rows = int(config.get_text_config().vocab_size)
    known = {
        "image_token_index": "<image_soft_token>",
        "boi_token_index": "<start_of_image>",
        "eoi_token_index": "<end_of_image>",
    }
    said = {mark: getattr(config, name, None) for name, mark in known.items()}
    off = [mark for mark, number in said.items() if number is not None and tokenizer.convert_tokens_to_ids(mark) != number]
    if tokenizer.convert_tokens_to_ids("<end_of_turn>") in (None, tokenizer.unk_token_id):
        off.append("<end_of_turn>")
    if len(tokenizer) > rows:
        why = f"it has {len(tokenizer):,} words, the weights {rows:,}"
    elif off:
        why = f"it does not know {off[0]} by the number that config.json gives"
    else:
        return
    raise ModelRefused(f"the tokenizer in {folder} belongs to another model ({why}); get the model again")
