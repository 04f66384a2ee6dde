"""Teaches a LoRA adapter with peft: examples in, a folder in peft's layout with a receipt out. Goes on where it was stopped.

A folder below the result holds the pictures as the model sees them, and the checkpoint. It goes when the adapter is whole.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from threading import Event
from typing import Any

import torch

from inference import catalogue, gemma, ladder
from inference import device as devices
from inference.adapters import folder
from inference.adapters.course import Course
from inference.adapters.examples import Examples, Stand
from inference.adapters.lessons import Lesson
from inference.adapters.recipe import Recipe
from inference.errors import ModelRefused
from inference.prompting import Prompting
from inference.questions import Picture

FEWEST = 16
"""Examples to learn from; fewer are no step of the published recipe."""
WORK = ".teaching"


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
    os.environ["HF_HUB_OFFLINE"] = "1"
    _enough(lessons)
    if (out / folder.RECEIPT).exists():
        raise ModelRefused(f"{out} holds a finished adapter; name another folder with --out")
    entry, place, revision = catalogue.require(model, "drafter")
    if entry.family != "gemma3":
        raise ModelRefused(f"{entry.title} has no eyes; an adapter is taught to a model that sees pictures")
    chosen = devices.place(devices.choose(device), gemma.parameters(place), "bfloat16" if recipe.base == "nf4" else "auto")
    devices.set_threads(0)
    with ladder.told(model):
        base = gemma.load(place, entry, chosen, **_quantised(recipe, chosen))
    prompting = Prompting(place, entry, base.config)
    work = out / WORK
    work.mkdir(parents=True, exist_ok=True)
    examples = Examples(prompting, base, lessons, read, work, on_progress, cancel)
    identity = {"base": entry.id, "base_revision": revision, "recipe": asdict(recipe), "data": examples.digest}
    with torch.random.fork_rng():
        torch.manual_seed(recipe.seed)
        course = Course(base, recipe, examples, chosen, identity, work / "checkpoint.safetensors")
        try:
            course.run(every, on_progress, cancel)
            facts = course.facts(lessons)
            course.write(out, entry.repository or entry.id, facts)
        finally:
            examples.close()
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
