"""What exactly produced an answer."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Protocol

from inference.answers import Receipt
from inference.catalogue import Entry
from inference.questions import Picture

PACKAGES = ("hilum", "torch", "transformers", "tokenizers", "onnxruntime-gpu", "onnxruntime")
"""What an answer made here depends on."""


class Loaded(Protocol):
    """What a receipt needs of a loaded model; `side` 0 for a model without eyes."""

    entry: Entry
    side: int


def receipt(
    model: Loaded,
    revision: str,
    pictures: Sequence[Picture],
    began: float,
    *,
    quantisation: str,
    dtype: str,
    device: str,
    prompt: str,
    own_steps: Sequence[str],
    seed: int = 0,
    tokens: int = 0,
    thinking_tokens: int = 0,
    steps: Sequence[str] = (),
    packages: Sequence[str] = PACKAGES,
    adapter: str = "",
) -> Receipt:
    """`began` is `time.monotonic()` at the start; `own_steps` follow the pictures' own; `steps` are what had to be changed."""
    made = dict.fromkeys(step for picture in pictures for step in picture.steps)
    return Receipt(
        model=model.entry.id,
        revision=revision,
        quantisation=quantisation,
        dtype=dtype,
        device=device,
        prompt=prompt,
        seed=seed,
        preprocessing=(*made, *own_steps),
        pixels_sha256=tuple(hashlib.sha256(picture.pixels.tobytes()).hexdigest() for picture in pictures),
        versions=_versions(packages),
        seconds=round(time.monotonic() - began, 3),
        tokens=tokens,
        thinking_tokens=thinking_tokens,
        steps=tuple(steps),
        remark=model.entry.remark,
        adapter=adapter,
    )


def _versions(packages: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """(package, version) of those that are here."""
    found = []
    for package in packages:
        try:
            found.append((package, version(package)))
        except PackageNotFoundError:
            continue
    return tuple(found)


def square_steps(model: Loaded) -> tuple[str, ...]:
    """The steps from a picture to the model's square, in words."""
    names = {"bilinear": "bilinear", "bilinear-tf": "bilinear without antialiasing, truncated"}
    resized = f"resized to {model.side} × {model.side}, {names[model.entry.resize]}"
    return ("padded to a square with zeros", resized, "x / 255, mean 0.5, std 0.5")
