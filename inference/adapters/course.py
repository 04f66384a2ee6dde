"""One course of teaching: a model with its LoRA layers, an optimiser, and the step that they stand at."""

from __future__ import annotations

import logging
import math
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Event
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from inference import device as devices
from inference.adapters import checkpoint, folder
from inference.adapters.examples import Examples, Stand
from inference.adapters.lessons import IGNORED, Lesson
from inference.adapters.recipe import Recipe
from inference.errors import Cancelled, ModelFailed, ModelRefused


@dataclass(frozen=True, slots=True)
class Score:
    """Of the held-out examples: mean loss of a token of the answers, and the share of tokens foretold."""

    loss: float
    token_accuracy: float


class Course:
    """`identity` says what is taught; a checkpoint at `kept` with the same is gone on from. Raises ModelRefused for another."""

    def __init__(
        self, base: Any, recipe: Recipe, examples: Examples, place: devices.Place, identity: dict[str, Any], kept: Path
    ) -> None:
        logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # which peft imports, and which misses kernels of the hub
        from peft import LoraConfig, get_peft_model

        self.recipe, self.examples, self.place, self.identity, self.kept = recipe, examples, place, identity, kept
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
        self.steps = recipe.steps(len(examples.learnt))
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
            try:
                loss = self._one_step(self._numbers(self.step))
            except torch.OutOfMemoryError as error:
                raise ModelFailed("teaching needs more memory than is free; take a smaller --batch, or --base nf4") from error
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
        size, count = self.recipe.step, len(self.examples.learnt)
        epoch, part = divmod(step, -(-count // size))
        order = torch.randperm(count, generator=torch.Generator().manual_seed(self.recipe.seed * 1_000_003 + epoch)).tolist()
        return [self.examples.learnt[number] for number in order[part * size : (part + 1) * size]]

    def _one_step(self, numbers: Sequence[int]) -> float:
        """Mean loss of a token over the answers of the step."""
        tokens = sum(self.examples.rows[number].wanted for number in numbers)
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
        batch = self.examples.batch(numbers, self.place)
        labels = batch.pop("labels")[:, 1:]
        model = self.model.get_base_model()
        hidden = model.model(**batch, use_cache=False).last_hidden_state[:, :-1]
        wanted = labels != IGNORED
        return model.lm_head(hidden[wanted]).float(), labels[wanted]

    @torch.no_grad()
    def score(self, on_progress: Callable[[Stand], None], cancel: Event) -> Score:
        self._drop(False)
        loss = right = tokens = 0.0
        for start in range(0, len(self.examples.held_out), self.recipe.batch):
            if cancel.is_set():
                raise Cancelled("stopped on request; the same call goes on from the last step that was kept")
            on_progress(Stand("asking the held-out examples", start, len(self.examples.held_out)))
            logits, labels = self._logits(self.examples.held_out[start : start + self.recipe.batch])
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
