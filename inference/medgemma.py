"""MedGemma: pictures and words in, text out. Loads a local folder in the published layout, offline, and writes."""

from __future__ import annotations

import hashlib
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from inference import decoding as steps
from inference import device as devices
from inference import lengths, quantize
from inference.answers import Finish, Progress
from inference.catalogue import Entry
from inference.decoder import Decoder
from inference.errors import ModelRefused
from inference.preprocess.padding import pad_square, resize
from inference.prompts import Message
from inference.questions import Decoding
from inference.textstream import TextStream

FEATURES_KEPT = 200
"""Projected pictures remembered by the SHA-256 of their pixels; 1.3 MB each on the 4B."""


@dataclass(frozen=True, slots=True)
class Written:
    """`prompt` is the exact text the model read, runs of image tokens written as `<image_soft_token>×256`."""

    text: str
    thought: str
    finish: Finish
    prompt: str
    tokens: int


class Drafter:
    """A loaded model. Not for two threads at once.

    Raises ModelRefused when the folder's weights do not fit its config.
    """

    def __init__(self, folder: Path, entry: Entry, device: str = "auto", quantisation: str = "none", dtype: str = "auto") -> None:
        self.entry = entry
        self.place = devices.place(devices.choose(device), _parameters(folder), dtype)
        self.model = _load(folder, entry, self.place)
        self.decoder = Decoder(self.model)
        self.quantisation = quantize.apply(self.decoder.layers, quantisation, self.place.device)
        self.decoder.to(self.place.device)
        self.model.to(self.place.device)
        self.sees = entry.family == "gemma3"
        self.processor = _processor(folder, self.sees)
        self.tokenizer = self.processor.tokenizer if self.sees else self.processor
        self.side = int(self.model.config.vision_config.image_size) if self.sees else 0
        self.limits = _limits(self.model, self.tokenizer)
        self.positions = int(self.model.config.get_text_config().max_position_embeddings)
        self._features: OrderedDict[bytes, Tensor] = OrderedDict()

    def pixels(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """uint8 (H, W, 3) as the model receives it: padded to a square with zeros, then resized to its side."""
        return resize(pad_square(picture), self.side, self.entry.resize)

    def write(
        self,
        messages: Sequence[Message],
        pictures: Sequence[NDArray[np.uint8]],
        decoding: Decoding,
        on_progress: Callable[[Progress], None],
        cancel: Event,
        own: str = "",
    ) -> Written:
        """Answer `messages`, whose image places take `pictures` in order. `decoding.max_tokens` limits the
        answer; a thinking model may write as many more for its trace as its entry says. `own` is what of the messages the reader
        wrote. Raises Cancelled, ModelFailed, ModelRefused and QuestionTooLong."""
        batch = self.prompt(messages, [self.pixels(picture) for picture in pictures] if self.sees else [])
        most = decoding.max_tokens + (self.entry.max_tokens if self.entry.thinking else 0)
        most = lengths.left(self.entry.id, self.positions, batch["input_ids"].shape[1], most, own, self._count)
        prompt = steps.Prompt.of(batch["input_ids"][0], int(self.model.config.image_token_id) if self.sees else None)
        seen = self._see(batch["pixel_values"], on_progress, cancel) if "pixel_values" in batch else []
        stream = TextStream(self.tokenizer)
        tokens = {"thinking": 0, "writing": 0}
        began = 0.0

        def on_token(token: int) -> bool:
            nonlocal began
            began = began or time.monotonic()
            text = stream.feed(token)
            stage = "thinking" if stream.thinking else "writing"
            tokens[stage] += 1
            rate = (sum(tokens.values()) - 1) / max(time.monotonic() - began, 1e-9)
            on_progress(Progress(stage, tokens[stage], decoding.max_tokens, text, rate))
            return tokens["writing"] < decoding.max_tokens

        on_progress(Progress("reading the prompt", 0, decoding.max_tokens))
        finish = steps.generate(self.decoder, prompt, seen.__getitem__, decoding, most, self.limits, cancel, on_token)
        stream.finish()
        return Written(stream.answer, stream.thought, finish, self.shown(batch["input_ids"]), sum(tokens.values()))

    def prompt(self, messages: Sequence[Message], pictures: Sequence[NDArray[np.uint8]]) -> dict[str, Tensor]:
        """Ids, mask and types [1, T], and pixel_values [n, 3, S, S], made in one step so that there is exactly one <bos>.

        Control tokens inside the words of a message are written as plain text. Raises ModelRefused otherwise.
        """
        images = iter(Image.fromarray(picture) for picture in pictures)
        chat: list[dict[str, Any]] = [
            {"role": role, "content": [_part(item, images) for item in content]} for role, content in messages
        ]
        more = {"processor_kwargs": {"do_pan_and_scan": False}} if self.sees else {}
        batch: dict[str, Tensor] = self._raw(chat) if messages[0][0] == "plain" else dict(
            self.processor.apply_chat_template(chat, tokenize=True, return_dict=True, return_tensors="pt",
                                               add_generation_prompt=True, sanitize_control_tokens=True, **more)
        )  # fmt: skip
        begins = int((batch["input_ids"] == self.tokenizer.bos_token_id).sum())
        if begins != 1:
            raise ModelRefused(f"the model's chat template writes {begins} <bos> where exactly one is right; restore the model")
        return {name: value.to(self.place.device) for name, value in batch.items()}

    def _count(self, text: str) -> int:
        return len(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def shown(self, ids: Tensor) -> str:
        """The prompt as text, control tokens included."""
        text = str(self.tokenizer.decode(ids[0], skip_special_tokens=False))
        return re.sub("(?:<image_soft_token>)+", lambda run: f"<image_soft_token>×{len(run[0]) // 18}", text)

    def _raw(self, chat: list[dict[str, Any]]) -> dict[str, Tensor]:
        """A pretrained model has no turns: its images, then its words, without the control tokens that these may spell."""
        content = chat[0]["content"]
        images = [part["image"] for part in content if part["type"] == "image"]
        words = " ".join(part["text"] for part in content if part["type"] == "text")
        for mark in self.tokenizer.get_added_vocab():
            words = words.replace(mark, " ")
        text = self.tokenizer.boi_token * len(images) + words
        return dict(self.processor(text=text, images=images or None, return_tensors="pt", do_pan_and_scan=False))

    def _see(self, pixel_values: Tensor, on_progress: Callable[[Progress], None], cancel: Event) -> list[Tensor]:
        """[n, 3, S, S] → n times [tokens, hidden], one picture at a time, each only once in the life of the model."""
        found = []
        layers = self.model.model.vision_tower.encoder.layers
        with torch.inference_mode(), steps.interruptible(layers, cancel):
            for number, one in enumerate(pixel_values):
                on_progress(Progress("reading pictures", number, len(pixel_values)))
                key = hashlib.sha256(one.cpu().numpy().tobytes()).digest()
                if key not in self._features:
                    self._features[key] = self.model.get_image_features(one[None].to(self.place.dtype)).pooler_output[0]
                self._features.move_to_end(key)
                found.append(self._features[key])
        while len(self._features) > FEATURES_KEPT:
            self._features.popitem(last=False)
        return found


def _part(item: str | None, images: Any) -> dict[str, Any]:
    return {"type": "image", "image": next(images)} if item is None else {"type": "text", "text": item}


def _load(folder: Path, entry: Entry, place: devices.Place) -> Any:
    import transformers

    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    kind = transformers.Gemma3ForConditionalGeneration if entry.family == "gemma3" else transformers.Gemma3ForCausalLM
    try:
        model, info = kind.from_pretrained(folder, dtype=place.dtype, use_safetensors=True, local_files_only=True,
                                           trust_remote_code=False, output_loading_info=True)  # fmt: skip
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        raise ModelRefused(f"{folder} could not be loaded ({error}); get the model again") from error
    for what in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        if info[what]:
            name = next(iter(info[what]))
            raise ModelRefused(f"the weights in {folder} do not fit its config.json ({what.replace('_', ' ')}: {name})")
    return model.eval().requires_grad_(False)


def _processor(folder: Path, sees: bool) -> Any:
    from transformers import AutoProcessor, AutoTokenizer

    try:
        if sees:
            return AutoProcessor.from_pretrained(folder, local_files_only=True, trust_remote_code=False, backend="pil")
        return AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, RuntimeError, KeyError, TypeError) as error:
        raise ModelRefused(f"the tokenizer or processor in {folder} could not be read ({error}); get the model again") from error


def _limits(model: Any, tokenizer: Any) -> steps.Limits:
    ends = model.generation_config.eos_token_id
    stop = {ends} if isinstance(ends, int) else set(ends or ())
    stop |= {tokenizer.eos_token_id, tokenizer.convert_tokens_to_ids("<end_of_turn>")} - {tokenizer.unk_token_id, None}
    names = ("image_token_id", "boi_token_index", "eoi_token_index")
    never = tuple(int(value) for name in names if (value := getattr(model.config, name, None)) is not None)
    return steps.Limits(frozenset(stop), never)


def _parameters(folder: Path) -> int:
    """Number of weights, from the headers alone."""
    import math

    from inference import modelfiles

    return sum(math.prod(one["shape"]) for path in modelfiles.shards(folder) for one in modelfiles.header(path).values())
