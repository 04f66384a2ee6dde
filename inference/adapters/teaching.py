"""Teaches a LoRA adapter with peft: examples in, a folder in peft's layout with a receipt out. Goes on where it was stopped.

`work` is a folder below the result: the pictures as the model sees them, and the checkpoint. It goes when the adapter is whole.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import math
import shutil
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from inference import catalogue, medgemma
from inference import device as devices
from inference.adapters import checkpoint, folder
from inference.adapters.lessons import IGNORED, Example, Lesson, collate, example
from inference.adapters.recipe import Recipe
from inference.errors import Cancelled, ModelFailed, ModelRefused
from inference.prompting import Prompting
from inference.questions import Picture

FEWEST = 16
"""Examples to learn from; fewer are no step of the published recipe."""
WORK = ".teaching"


@dataclass(frozen=True, slots=True)
class Stand:
    """How far a teaching is. `loss` is that of the last steps, nan before the first; so are `seconds_left`."""

    stage: str
    done: int
    total: int
    loss: float = math.nan
    seconds_left: float = math.nan


@dataclass(frozen=True, slots=True)
class Score:
    """Of the held-out examples: mean loss of a token of the answers, and the share of tokens foretold."""

    loss: float
    token_accuracy: float


def teach(
    model: str,
    lessons: Sequence[Lesson],
    read: Callable[[str], Picture],
    recipe: Recipe,
    out: Path,
    *,
    device: str = "auto",
    every: int = 20,
    on_progress: Callable[[Stand], None],
    cancel: Event,
) -> folder.Adapter:
    """Teach `model`, a drafter's catalogue id, and write the adapter to `out`; `read` gives the picture of a lesson's image.

    A checkpoint is written `every` so many steps and on cancel. Where `out` holds one of the same model, lessons and recipe, the
    work goes on from there and ends at the same weights. Raises Cancelled, ModelMissing, ModelRefused, ModelFailed.
    """
    _enough(lessons)
    if (out / folder.RECEIPT).exists():
        raise ModelRefused(f"{out} holds a finished adapter; name another folder with --out")
    entry, place, revision = catalogue.require(model, "drafter")
    if entry.family != "gemma3":
        raise ModelRefused(f"{entry.title} has no eyes; an adapter is taught to a model that sees pictures")
    chosen = devices.place(devices.choose(device), medgemma.parameters(place), "bfloat16" if recipe.base == "nf4" else "auto")
    base = medgemma.load(place, entry, chosen, **_quantised(recipe, chosen))
    prompting = Prompting(place, entry, base.config)
    work = out / WORK
    work.mkdir(parents=True, exist_ok=True)
    class_ = _Class(prompting, base, lessons, read, work, on_progress, cancel)
    identity = {"base": entry.id, "base_revision": revision, "recipe": asdict(recipe), "data": class_.digest}
    with torch.random.fork_rng():
        torch.manual_seed(recipe.seed)
        course = _Course(base, recipe, class_, chosen, identity, work / "checkpoint.safetensors")
        try:
            course.run(every, on_progress, cancel)
            facts = course.facts(lessons)
            course.write(out, entry.repository or entry.id, facts)
        finally:
            class_.close()
    shutil.rmtree(work)
    return folder.read(out)


def _quantised(recipe: Recipe, place: devices.Place) -> dict[str, Any]:
    """How transformers is to load the base: nothing to say, or NF4 with its scales quantised again. Raises ModelRefused."""
    if recipe.base == "full":
        return {}
    if importlib.util.find_spec("bitsandbytes") is None:
        raise ModelRefused("nf4 needs bitsandbytes, which is not installed; install hilum[qlora], or teach on the full base")
    from transformers import BitsAndBytesConfig

    form = BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=torch.bfloat16,
        bnb_4bit_quant_storage=torch.bfloat16,
    )  # fmt: skip
    return {"quantization_config": form, "device_map": str(place.device)}


def _enough(lessons: Sequence[Lesson]) -> None:
    learnt = [one for one in lessons if not one.held_out]
    if len(learnt) < FEWEST:
        raise ModelRefused(f"an adapter is taught from {FEWEST} examples at least, better from hundreds; there are {len(learnt)}")
    if len(learnt) == len(lessons):
        raise ModelRefused("no example is held out, so nobody could say what was learnt; add examples of another patient")


class _Class:
    """The lessons as the model reads them; their pictures uint8 (n, side, side, 3) lie in a file, so that any number fits."""

    def __init__(
        self, prompting: Prompting, base: Any, lessons: Sequence[Lesson], read: Callable[[str], Picture], work: Path,
        on_progress: Callable[[Stand], None], cancel: Event,
    ) -> None:  # fmt: skip
        self.prompting = prompting
        text = base.config.get_text_config()
        positions, self.vocabulary = int(text.max_position_embeddings), int(text.vocab_size)
        shape = (len(lessons), prompting.side, prompting.side, 3)
        self.pictures: NDArray[np.uint8] = np.memmap(work / "pictures", np.uint8, "w+", shape=shape)
        self.examples: list[Example] = []
        digest = hashlib.sha256()
        for number, lesson in enumerate(lessons):
            if cancel.is_set():
                raise Cancelled("stopped on request, before anything was learnt")
            on_progress(Stand("reading the examples", number, len(lessons)))
            picture = read(lesson.image)
            catalogue.must_suit(prompting.entry, picture.modality)
            self.pictures[number] = prompting.pixels(picture.pixels)
            self.examples.append(example(prompting, lesson, picture, positions))
            digest.update(json.dumps([lesson.held_out, asdict(self.examples[-1])]).encode())
            digest.update(self.pictures[number].tobytes())
        self.digest = digest.hexdigest()
        self.learnt = [number for number, lesson in enumerate(lessons) if not lesson.held_out]
        self.held_out = [number for number, lesson in enumerate(lessons) if lesson.held_out]
        self._pad = int(prompting.tokenizer.pad_token_id or 0)
        self._image = int(base.config.image_token_id)

    def batch(self, numbers: Sequence[int], place: devices.Place) -> dict[str, Tensor]:
        made = collate([self.examples[number] for number in numbers], self._pad, self._image)
        pixels = torch.stack([self.prompting.normalised(self.pictures[number]) for number in numbers])
        return {
            "input_ids": made.ids.to(place.device), "labels": made.labels.to(place.device),
            "attention_mask": made.attention.to(place.device), "token_type_ids": made.image.to(place.device),
            "pixel_values": pixels.to(place.device, place.dtype),
        }  # fmt: skip

    def close(self) -> None:
        """Let go of the file, which a system may otherwise not remove."""
        self.pictures = np.empty((0, 0, 0, 3), np.uint8)


class _Course:
    """One teaching: model, optimiser, and the step it stands at."""

    def __init__(
        self, base: Any, recipe: Recipe, class_: _Class, place: devices.Place, identity: dict[str, Any], kept: Path
    ) -> None:
        from peft import LoraConfig, get_peft_model

        self.recipe, self.lessons, self.place, self.identity, self.kept = recipe, class_, place, identity, kept
        if recipe.base == "full":
            base.to(place.device)
        base.set_attn_implementation({"text_config": "eager", "vision_config": "sdpa"})
        config = LoraConfig(
            r=recipe.rank, lora_alpha=recipe.alpha, lora_dropout=recipe.dropout, bias="none", target_modules="all-linear",
            exclude_modules=None if recipe.tower else r".*vision_tower.*", task_type="CAUSAL_LM",
        )  # fmt: skip
        with warnings.catch_warnings():  # peft asks by a name that transformers has renamed
            warnings.filterwarnings("ignore", "`is_gradient_checkpointing`", FutureWarning)
            self.model: Any = get_peft_model(base, config)
        if sum(one.numel() for one in base.parameters()) >= devices.SMALL:
            base.activation_checkpointing_enable(activation_checkpointing_kwargs={"use_reentrant": False})
        self.model.train()
        self._dropouts = [one for one in self.model.modules() if isinstance(one, nn.Dropout)]
        self.learning = {name: weight for name, weight in self.model.named_parameters() if weight.requires_grad}
        self.optimiser = torch.optim.AdamW(self.learning.values(), lr=recipe.rate, weight_decay=0.0)
        self.steps = recipe.steps(len(class_.learnt))
        self.step, self.seconds, self.loss = 0, 0.0, math.nan
        self.before: Score | None = None
        self._restore()

    def run(self, every: int, on_progress: Callable[[Stand], None], cancel: Event) -> None:
        if self.before is None:
            self.before = self.score(on_progress, cancel)
        began, first, earlier = time.monotonic(), self.step, self.seconds
        self._drop(True)
        while self.step < self.steps:
            if cancel.is_set():
                if self.step > first:
                    self._save()
                raise Cancelled(
                    f"stopped after {self.step} of {self.steps} steps, which are kept; the same call goes on from there"
                )
            loss = self._one_step(self._numbers(self.step))
            self.loss = loss if math.isnan(self.loss) else 0.9 * self.loss + 0.1 * loss
            self.step += 1
            spent = time.monotonic() - began
            self.seconds = earlier + spent
            left = spent / (self.step - first) * (self.steps - self.step)
            on_progress(Stand("teaching", self.step, self.steps, self.loss, left))
            if self.step % every == 0 or self.step == self.steps:
                self._save()
        self.after = self.score(on_progress, cancel)

    def _numbers(self, step: int) -> list[int]:
        """The examples of a step: every epoch has an order of its own, which follows from the seed."""
        size, count = self.recipe.step, len(self.lessons.learnt)
        epoch, part = divmod(step, -(-count // size))
        order = torch.randperm(count, generator=torch.Generator().manual_seed(self.recipe.seed * 1_000_003 + epoch)).tolist()
        return [self.lessons.learnt[number] for number in order[part * size : (part + 1) * size]]

    def _one_step(self, numbers: Sequence[int]) -> float:
        """Mean loss of a token over the answers of the step."""
        tokens = sum(self.lessons.examples[number].wanted for number in numbers)
        rate = self.recipe.rate_at(self.step, self.steps)
        total = 0.0
        for start in range(0, len(numbers), self.recipe.batch):
            logits, labels = self._logits(numbers[start : start + self.recipe.batch])
            loss = functional.cross_entropy(logits, labels, reduction="sum") / tokens
            loss.backward()  # type: ignore[no-untyped-call]
            total += loss.item()
        if not math.isfinite(total):
            raise ModelFailed(f"the loss is no number at step {self.step + 1}; take a smaller rate with --rate")
        nn.utils.clip_grad_norm_(self.learning.values(), self.recipe.clip)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        return total

    def _logits(self, numbers: Sequence[int]) -> tuple[Tensor, Tensor]:
        """float32 (tokens, vocabulary) and labels (tokens,), of the tokens that are to be written alone."""
        batch = self.lessons.batch(numbers, self.place)
        labels = batch.pop("labels")[:, 1:]
        model = self.model.get_base_model()
        hidden = model.model(**batch, use_cache=False).last_hidden_state[:, :-1]
        wanted = labels != IGNORED
        return model.lm_head(hidden[wanted]).float(), labels[wanted]

    @torch.no_grad()
    def score(self, on_progress: Callable[[Stand], None], cancel: Event) -> Score:
        self._drop(False)
        loss = right = tokens = 0.0
        for start in range(0, len(self.lessons.held_out), self.recipe.batch):
            if cancel.is_set():
                raise Cancelled("stopped on request; the same call goes on from the last step that was kept")
            on_progress(Stand("asking the held-out examples", start, len(self.lessons.held_out)))
            logits, labels = self._logits(self.lessons.held_out[start : start + self.recipe.batch])
            loss += float(functional.cross_entropy(logits, labels, reduction="sum"))
            right += float((logits.argmax(-1) == labels).sum())
            tokens += len(labels)
        return Score(loss / tokens, right / tokens)

    def _drop(self, drop: bool) -> None:
        """Whether inputs of the adapter are left out by chance. Nothing else of the model minds being taught; the mode stays, as
        bitsandbytes rearranges weights for good when a model on the CPU is asked outside of it."""
        for one in self._dropouts:
            one.train(drop)

    def _save(self) -> None:
        position = {"step": self.step, "seconds": self.seconds, "loss": self.loss, "before": asdict(self.before or Score(0, 0))}
        checkpoint.save(self.kept, self.learning, self.optimiser, {**self.identity, **position})

    def _restore(self) -> None:
        """Raises ModelRefused for a checkpoint of another teaching."""
        found = checkpoint.position(self.kept)
        if found is None:
            return
        for name, value in self.identity.items():
            if found.get(name) != value:
                raise ModelRefused(
                    f"{self.kept.parent.parent} holds an unfinished teaching with another {name}; give the same again to go on "
                    "with it, name another folder with --out, or remove that one"
                )
        checkpoint.restore(self.kept, self.learning, self.optimiser)
        self.step, self.seconds, self.loss = found["step"], found["seconds"], found["loss"]
        self.before = Score(**found["before"])

    def facts(self, lessons: Sequence[Lesson]) -> dict[str, Any]:
        """The receipt."""
        parts = {"learnt": [one for one in lessons if not one.held_out], "held_out": [one for one in lessons if one.held_out]}
        assert self.before is not None
        return {
            **self.identity,
            "examples": {name: len(part) for name, part in parts.items()},
            "patients": {name: len({one.patient for one in part}) for name, part in parts.items()},
            "steps": self.steps, "seconds": round(self.seconds, 1), "dtype": self.place.words, "device": str(self.place.device),
            "held_out_before": asdict(self.before), "held_out_after": asdict(self.after), "versions": folder.versions(),
        }  # fmt: skip

    def write(self, out: Path, base: str, facts: dict[str, Any]) -> None:
        """Files of peft's layout first, the receipt last: an adapter without one is not finished."""
        part = self.kept.parent / "made"
        self.model.peft_config["default"].base_model_name_or_path = base
        self.model.save_pretrained(part, save_embedding_layers=False)
        folder.finish(part, out, facts)
