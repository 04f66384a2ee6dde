"""A question about a record without a picture: the same way for window, command line and tests."""

from __future__ import annotations

import threading
from collections.abc import Callable

from app.records import worded
from inference.answers import Draft, Progress
from inference.engine import AnyEngine, quiet
from inference.errors import ModelFailed
from inference.questions import Decoding, FreeQuestion


def ask(
    record: str,
    text: str,
    decoding: Decoding,
    engine: AnyEngine,
    on_progress: Callable[[Progress], None] = quiet,
    cancel: threading.Event | None = None,
) -> Draft:
    """What the drafter answers. Raises SourceError for a record without words, InferenceError, and ValueError for no question."""
    if not text.strip():
        raise ValueError("the question is empty; write what is to be asked")
    question = FreeQuestion(text, decoding, worded(record))
    answer = engine.answer(question, (), on_progress=on_progress, cancel=cancel)
    if not isinstance(answer, Draft) or not answer.text.strip():
        raise ModelFailed(f"the model {answer.receipt.model} wrote nothing; ask in other words")
    return answer
