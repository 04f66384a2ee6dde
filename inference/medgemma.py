"""MedGemma: pictures and words in, text out. Loads a local folder in the published layout, offline, and writes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from inference import decoding as steps
from inference import device as devices
from inference import eyes, gemma, lengths, measured, packed, picture_tokens, quantisations, quantised_files, quantize
from inference.adapters import merging
from inference.adapters.folder import Adapter
from inference.answers import Finish, Progress
from inference.catalogue import Entry
from inference.constrained import Grammars
from inference.cuda import checked
from inference.decoder import Decoder
from inference.errors import Cancelled, InferenceError
from inference.eyes import Eyes
from inference.kv_cache import KVCache
from inference.picture_tokens import PictureTokens
from inference.prefixes import Prefixes
from inference.prompting import Prompting
from inference.prompts import Message
from inference.questions import Decoding
from inference.telling import Telling
from inference.textstream import ANSWER, THOUGHT
from inference.thinking import Trace
from inference.writing import Writing


@dataclass(frozen=True, slots=True)
class Written:
    """`prompt` is the exact text the model read, runs of image tokens written as `<image_soft_token>×256`."""

    text: str
    thought: str
    finish: Finish
    prompt: str
    tokens: int
    thinking: int = 0
    """Of `tokens`, those of the trace with its marks."""
    steps: tuple[str, ...] = ()
    """What was otherwise than it should be: a trace closed by force, steps that are slower than they could be."""


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """`messages`, whose image places take `pictures` in order, uint8 (H, W, 3). `decoding.max_tokens` limits the answer,
    `thinking` the trace before it; `own` is what of the messages the reader wrote. With a `schema` the answer is JSON that fits
    it, whatever the model prefers, and no trace is written."""

    messages: Sequence[Message]
    pictures: Sequence[NDArray[np.uint8]]
    decoding: Decoding
    own: str = ""
    schema: Mapping[str, Any] | None = None
    thinking: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class _Text:
    """A text that is begun. `prompt` is what was read, in words."""

    row: steps.Row
    telling: Telling
    trace: Trace | None
    prompt: str
    told: tuple[str, ...]

    def end(self, finish: Finish, told: Sequence[str]) -> Written:
        stream, telling = self.telling.stream, self.telling
        stream.finish()
        cut = (self.trace.cut,) if self.trace is not None and self.trace.cut else ()
        tokens = telling.thinking + telling.writing
        return Written(stream.answer, stream.thought, finish, self.prompt, tokens, telling.thinking, (*self.told, *told, *cut))


class Drafter(Prompting):
    """A loaded model. Not for two threads at once.

    Raises ModelRefused when the folder's weights do not fit its config.
    """

    def __init__(
        self,
        folder: Path,
        entry: Entry,
        device: str = "auto",
        quantisation: str = "none",
        dtype: str = "auto",
        adapter: Adapter | None = None,
        revision: str = "",
        pictures_on_disk: int = 0,
    ) -> None:
        """With a `revision`, the model's own, quantised weights are kept on disk and taken from there, and so are the tokens of
        pictures, up to `pictures_on_disk` bytes."""
        quantisations.must_be_available(quantisation)
        weights = gemma.parameters(folder)
        self.place = devices.place(devices.choose(device), weights, dtype)
        self.model = gemma.load(folder, entry, self.place)
        self.adapter = self._seen_with = ""
        if adapter is not None:  # before anything joins or quantises its weights
            changed = merging.merge(self.model, adapter)
            self.adapter = adapter.words
            self._seen_with = adapter.words if picture_tokens.touches(changed) else ""
        self.steps: tuple[str, ...] = ()
        kind, light = quantisations.parts(quantisation)
        self.decoder, self.quantisation = self._quantised(entry.id, kind, revision)
        if light:
            self.decoder.head, said = quantize.light_head(self.decoder.head, self.place.device)
            self.quantisation += f", {said}"
        if quantisation != "none" and revision:
            known = measured.load(entry.id, revision, self.adapter, quantisation, self.place.device.type)
            self.quantisation += f"; {known.sentence if known is not None else measured.NOT_MEASURED}"
        self.decoder.to(self.place.device)
        packed.apply(self.decoder.layers)
        self.model.to(self.place.device)
        trouble = checked.prepare(self.decoder)
        self.steps += (trouble,) if trouble else ()
        super().__init__(folder, entry, self.model.config)
        self.limits = gemma.limits(self.model, self.tokenizer)
        self.positions = int(self.model.config.get_text_config().max_position_embeddings)
        self.eyes = self._opened(revision, pictures_on_disk if weights >= picture_tokens.WORTH else 0) if self.sees else None
        self._prefixes = Prefixes()
        self.grammars = Grammars(self.tokenizer, int(self.model.config.get_text_config().vocab_size), self.limits.stop)

    @property
    def tower(self) -> nn.Module | None:
        """None for a model without eyes."""
        return self.eyes.tower if self.eyes is not None else None

    def _opened(self, revision: str, most_bytes: int) -> Eyes:
        config = self.model.config
        shape = (int(getattr(config, "mm_tokens_per_image", 0)), int(config.get_text_config().hidden_size))
        who = picture_tokens.identity(self.entry.id, revision, self._seen_with, self.place) if revision else ""
        kept = PictureTokens(shape, self.place, who, most_bytes)
        return Eyes(self.model, self.place, self.processor.image_processor, kept)

    def _quantised(self, model: str, kind: str, revision: str) -> tuple[Decoder, str]:
        """The decoder and what was done to it; from disk where it was done before and is kept."""
        total = sum(one.numel() for one in self.model.parameters())
        if kind not in quantised_files.KEPT or not revision or total < quantised_files.WORTH:
            decoder = Decoder(self.model)
            return decoder, quantize.apply(decoder.layers, kind, self.place.device)
        place = quantised_files.folder(model, revision, self.adapter, kind, self.place.device)
        if place.exists():
            try:
                kept = quantised_files.Kept(place, self.model.config.get_text_config().num_hidden_layers, self.place.device)
                return Decoder(self.model, kept.layer), kept.words
            except ValueError as error:
                self.steps += (f"kept quantised weights were not used ({error}), and made anew",)
        decoder, keeping = Decoder(self.model), quantised_files.Keeping(place)
        try:
            columns = quantize.widest(decoder.layers)
            words = quantize.apply(decoder.layers, kind, self.place.device, keeping.take)
            keeping.done(words, columns)
        finally:
            keeping.drop()
        self.steps += (keeping.trouble,) if keeping.trouble else ()
        return decoder, words

    def write(
        self,
        messages: Sequence[Message],
        pictures: Sequence[NDArray[np.uint8]],
        decoding: Decoding,
        on_progress: Callable[[Progress], None],
        cancel: Event,
        own: str = "",
        schema: Mapping[str, Any] | None = None,
        thinking: int = 0,
    ) -> Written:
        """As `answer`, of what `Asked` holds."""
        return self.answer(Asked(messages, pictures, decoding, own, schema, thinking), on_progress, cancel)

    def answer(self, asked: Asked, on_progress: Callable[[Progress], None], cancel: Event) -> Written:
        """Answer one. Raises Cancelled, ModelFailed, ModelRefused, QuestionTooLong and SchemaRefused."""
        text = self._begin(asked, on_progress, cancel)
        told: list[str] = []
        row = text.row
        finish = steps.generate(self.decoder, row.prompt, row.cache, row.writing, cancel, told.append, row.output)
        return text.end(finish, told)

    def answer_together(
        self, asked: Sequence[Asked], on_progress: Callable[[Progress], None], cancel: Event
    ) -> list[Written | InferenceError]:
        """Answer several, a token of each at every step; what went wrong with one stands in its place. Raises Cancelled, and what
        torch raises where memory runs out."""
        begun: list[_Text | InferenceError] = []
        for one in asked:
            try:
                begun.append(self._begin(one, on_progress, cancel))
            except Cancelled:
                raise
            except InferenceError as error:
                begun.append(error)
        texts = [one for one in begun if isinstance(one, _Text)]
        failed = dict(zip(map(id, texts), steps.generate_together(self.decoder, [one.row for one in texts], cancel), strict=True))
        return [one if not isinstance(one, _Text) else failed[id(one)] or one.end(one.row.writing.finish, []) for one in begun]

    def _begin(self, asked: Asked, on_progress: Callable[[Progress], None], cancel: Event) -> _Text:
        """All up to the first token: the pictures are read."""
        decoding = asked.decoding
        pictures = asked.pictures if self.sees else ()
        ids = self.prompt(asked.messages, len(pictures))
        wanted = decoding.max_tokens + (asked.thinking + 2 if asked.thinking else 0)  # the trace has two marks
        most = lengths.left(self.entry.id, self.positions, len(ids), wanted, asked.own, self.count)
        trace = self._trace(asked.thinking * most // wanted if asked.thinking else 0) if asked.schema is None else None
        form = None if asked.schema is None else self.grammars.of(asked.schema).begin(most)
        prompt = steps.Prompt.of(ids, int(self.model.config.image_token_id) if self.sees else None)
        kept = self.eyes.kept if self.eyes is not None else None
        before = kept.taken if kept is not None else 0
        cache, output = self._begun(prompt, [self.pixels(one) for one in pictures], most, on_progress, cancel)
        told = list[str]()
        if kept is not None:
            told += [f"{taken} of {len(pictures)} pictures' tokens were kept on disk"] if (taken := kept.taken - before) else []
            told += kept.remarks()
        telling = Telling(self.tokenizer, decoding.max_tokens, trace, on_progress)
        writing = Writing(decoding, most, self.limits, telling.take, form, trace)
        on_progress(Progress("reading the prompt", 0, decoding.max_tokens))
        return _Text(steps.Row(prompt, cache, writing, output), telling, trace, self.shown(ids), tuple(told))

    def chances(
        self, messages: Sequence[Message], pictures: Sequence[NDArray[np.uint8]], text: str, most: int, cancel: Event
    ) -> Tensor:
        """Logarithms of the chances of every token, float32 [T, vocabulary] on the CPU, at the first T ≤ `most` places of an
        answer that is `text`. Raises Cancelled."""
        ids = self.prompt(messages, len(pictures) if self.sees else 0)
        answer = [*self.tokenizer(text, add_special_tokens=False)["input_ids"]][:most] or [self.tokenizer.eos_token_id]
        prompt = steps.Prompt.of(ids, int(self.model.config.image_token_id) if self.sees else None)
        squares = [self.pixels(one) for one in pictures] if self.sees else []
        cache, output = self._begun(prompt, squares, len(answer), lambda _: None, cancel)
        with torch.inference_mode():
            if output is None:
                output = steps.read(self.decoder, prompt, steps.no_image, cache, cancel)
            found = [self.decoder.logits(output)]
            found += [self.decoder.logits(self.decoder.step(int(token), cache, cancel)) for token in answer[:-1]]
            return torch.stack(found).log_softmax(-1).cpu()

    def forget(self) -> bool:
        """Let go of what was read before; whether there was anything."""
        held = bool(len(self._prefixes))
        self._prefixes.forget()
        if self.eyes is not None:
            held |= bool(len(self.eyes.kept))
            self.eyes.kept.forget()
        return held

    def shrink(self) -> bool:
        """Read prompts in smaller pieces from now on, none smaller than a picture; whether they were larger."""
        least = int(getattr(self.model.config, "mm_tokens_per_image", 0)) or 128
        larger = self.decoder.rows > least
        self.decoder.rows = min(self.decoder.rows, least)
        return larger

    def _trace(self, most: int) -> Trace | None:
        """For a model whose vocabulary has the marks of a trace."""
        begin, end = (self.tokenizer.convert_tokens_to_ids(mark) for mark in (THOUGHT, ANSWER))
        if not self.entry.thinking or None in (begin, end) or self.tokenizer.unk_token_id in (begin, end):
            return None
        return Trace(begin, end, most)

    def _begun(
        self,
        prompt: steps.Prompt,
        pictures: Sequence[NDArray[np.uint8]],
        most: int,
        on_progress: Callable[[Progress], None],
        cancel: Event,
    ) -> tuple[KVCache, Tensor | None]:
        """A cache with room for the prompt and `most` tokens more, which holds all up to the last picture; where it holds the
        whole prompt, the output at its last place too."""
        keys = eyes.sums(pictures)
        ids, end = prompt.ids.tolist(), prompt.after_images
        cache = self.decoder.cache(len(prompt) + most)
        output, seeing = None, self.eyes
        if not end or seeing is None:
            return cache, output
        with torch.inference_mode():
            known = self._prefixes.find(ids, keys)
            if known is not None:
                cache.restore(known)
            if cache.length < end:

                def features(number: int) -> Tensor:
                    on_progress(Progress("reading pictures", number, len(pictures)))
                    return seeing.tokens(pictures[number], keys[number], cancel)

                whole = len(prompt) <= min(cache.places)  # so that no window goes beyond what is kept for the next question
                output = steps.read(self.decoder, prompt if whole else prompt.first(end), features, cache, cancel)
                self._prefixes.keep(ids[:end], keys, cache.snapshot(end))
                output = output if whole else None
        return cache, output
