"""MedGemma: pictures and words in, text out. Loads a local folder in the published layout, offline, and writes."""

from __future__ import annotations

import hashlib
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
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
from inference.constrained import Grammars
from inference.decoder import Decoder
from inference.errors import ModelRefused
from inference.kv_cache import KVCache
from inference.prefixes import Prefixes
from inference.preprocess.padding import pad_square, resize
from inference.prompts import Message
from inference.questions import Decoding
from inference.textstream import TextStream

_COUNTED = {"do_pan_and_scan": False, "do_resize": False, "do_rescale": False, "do_normalize": False}
"""For the processor, which is asked for the words and for places of pictures alone."""
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
        _must_match(self.tokenizer, self.model.config, folder)
        self.side = int(self.model.config.vision_config.image_size) if self.sees else 0
        self.limits = _limits(self.model, self.tokenizer)
        self.positions = int(self.model.config.get_text_config().max_position_embeddings)
        self._features: OrderedDict[bytes, Tensor] = OrderedDict()
        self._prefixes = Prefixes()
        self.grammars = Grammars(self.tokenizer, int(self.model.config.get_text_config().vocab_size), self.limits.stop)

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
        schema: Mapping[str, Any] | None = None,
    ) -> Written:
        """Answer `messages`, whose image places take `pictures` in order. `decoding.max_tokens` limits the
        answer; a thinking model may write as many more for its trace as its entry says. `own` is what of the messages the reader
        wrote. With a `schema` the answer is JSON that fits it, whatever the model prefers, and no trace is written. Raises
        Cancelled, ModelFailed, ModelRefused, QuestionTooLong and SchemaRefused."""
        ids = self.prompt(messages, len(pictures) if self.sees else 0)
        most = decoding.max_tokens + (self.entry.max_tokens if self.entry.thinking and schema is None else 0)
        most = lengths.left(self.entry.id, self.positions, len(ids), most, own, self._count)
        form = None if schema is None else self.grammars.of(schema).begin(most)
        prompt = steps.Prompt.of(ids, int(self.model.config.image_token_id) if self.sees else None)
        cache = self._begun(prompt, [self.pixels(one) for one in pictures] if self.sees else [], most, on_progress, cancel)
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
        finish = steps.generate(self.decoder, prompt, cache, decoding, most, self.limits, cancel, on_token, form)
        stream.finish()
        return Written(stream.answer, stream.thought, finish, self.shown(ids), sum(tokens.values()))

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
            self.processor.apply_chat_template(chat, tokenize=True, return_dict=True, return_tensors="pt",
                                               add_generation_prompt=True, sanitize_control_tokens=True, **more)
        )  # fmt: skip
        ids: Tensor = batch["input_ids"][0]
        begins = int((ids == self.tokenizer.bos_token_id).sum())
        if begins != 1:
            raise ModelRefused(f"the model's chat template writes {begins} <bos> where exactly one is right; restore the model")
        return ids.to(self.place.device)

    def _count(self, text: str) -> int:
        return len(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def shown(self, ids: Tensor) -> str:
        """The prompt as text, control tokens included."""
        text = str(self.tokenizer.decode(ids, skip_special_tokens=False))
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

    def _begun(
        self,
        prompt: steps.Prompt,
        pictures: Sequence[NDArray[np.uint8]],
        most: int,
        on_progress: Callable[[Progress], None],
        cancel: Event,
    ) -> KVCache:
        """A cache with room for the prompt and `most` tokens more, which holds all up to the last picture."""
        keys = [hashlib.sha256(one.tobytes()).digest() for one in pictures]
        ids, end = prompt.ids.tolist(), prompt.after_images
        cache = self.decoder.cache(len(prompt) + most)
        if not end:
            return cache
        with torch.inference_mode():
            known = self._prefixes.find(ids, keys)
            if known is not None:
                cache.restore(known)
            if cache.length < end:

                def features(number: int) -> Tensor:
                    on_progress(Progress("reading pictures", number, len(pictures)))
                    return self.features(pictures[number], keys[number], cancel)

                steps.read(self.decoder, prompt.first(end), features, cache, cancel)
                self._prefixes.keep(ids[:end], keys, cache.snapshot())
        return cache

    def features(self, pixels: NDArray[np.uint8], key: bytes, cancel: Event) -> Tensor:
        """uint8 (S, S, 3) as its projected tokens [tokens, hidden]; `key` is its SHA-256, by which the last ones are kept."""
        found = self._features.pop(key, None)
        if found is None:
            with torch.inference_mode(), steps.interruptible(self.model.model.vision_tower.encoder.layers, cancel):
                values = self.normalised(pixels)[None].to(self.place.device, self.place.dtype)
                found = self.model.get_image_features(values).pooler_output[0]
        self._features[key] = found
        while len(self._features) > FEATURES_KEPT:
            self._features.popitem(last=False)
        return found

    def normalised(self, pixels: NDArray[np.uint8]) -> Tensor:
        """uint8 (S, S, 3) as float32 [3, S, S] in the range the tower was trained on, by the checkpoint's own processor."""
        own = self.processor.image_processor
        values = torch.from_numpy(pixels.astype(np.float32)).permute(2, 0, 1) * own.rescale_factor
        mean, deviation = (torch.tensor(one, dtype=torch.float32)[:, None, None] for one in (own.image_mean, own.image_std))
        found: Tensor = (values - mean) / deviation
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
