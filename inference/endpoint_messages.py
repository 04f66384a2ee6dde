"""The turns of a question as a model server takes them: words that spell none of its control tokens, pictures without loss."""

from __future__ import annotations

import base64
import io
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inference import catalogue, prompts
from inference.answers import Progress
from inference.errors import look
from inference.preprocess.padding import pad_square, resize
from inference.questions import Picture
from inference.textstream import CONTROL

PICTURE_TOKENS = 64
"""No model that reads a picture spends fewer on it; MedGemma spends 256."""


def harmless(messages: Sequence[prompts.Message]) -> tuple[prompts.Message, ...]:
    """Without the control tokens that words may spell: a server would take them for its own."""
    return tuple((role, tuple(part and CONTROL.sub(" ", part) for part in parts)) for role, parts in messages)


def chat(
    messages: Sequence[prompts.Message],
    pictures: Sequence[Picture],
    side: int,
    entry: catalogue.Entry,
    on_progress: Callable[[Progress], None],
    cancel: threading.Event,
) -> list[dict[str, Any]]:
    """In the form of OpenAI's chat completions, each picture as a PNG of the pixels that `entry`'s model would see. Raises
    Cancelled."""
    numbered = iter(enumerate(pictures))

    def part(text: str | None) -> dict[str, Any]:
        if text is not None:
            return {"type": "text", "text": text}
        number, picture = next(numbered)
        look(cancel)
        on_progress(Progress("preparing pictures", number, len(pictures)))
        return {"type": "image_url", "image_url": {"url": _png(resize(pad_square(picture.pixels), side, entry.resize))}}

    made: list[dict[str, Any]] = []
    for role, parts in messages:
        plain = role != "user"  # some templates take messages without pictures as plain text only
        made.append({"role": role, "content": "".join(filter(None, parts)) if plain else [part(one) for one in parts]})
    return made


def _png(pixels: NDArray[np.uint8]) -> str:
    """uint8 (S, S, 3) as a data URL (RFC 2397), without loss."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", compress_level=1)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def shown(messages: Sequence[prompts.Message]) -> str:
    """The messages as a person reads them; the server puts its own control tokens around."""
    return "\n".join(f"[{role}] " + "\n".join("<picture>" if one is None else one for one in parts) for role, parts in messages)


def least(messages: Sequence[prompts.Message], pictures: int) -> int:
    """Tokens that messages take at the least: one a word."""
    return sum(len(part.split()) for _, parts in messages for part in parts if part) + PICTURE_TOKENS * pictures
