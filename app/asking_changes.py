"""What became of each published finding between two pictures, asked one by one: the answer is a choice, and says so."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace

from inference.answers import Draft, Progress
from inference.engine import AnyEngine
from inference.errors import ModelFailed
from inference.questions import CHANGES, CHANGING, ChangeQuestion, Picture

ALL = ""
"""As the finding of a ChangeQuestion: all of CHANGING. Only here; an engine is asked for one at a time."""


def answered(
    question: ChangeQuestion,
    engine: AnyEngine,
    pictures: Sequence[Picture],
    on_progress: Callable[[Progress], None],
    cancel: threading.Event | None,
) -> Draft:
    """One line a finding: "Pneumothorax: stable." The receipt is that of all. Raises InferenceError."""
    wanted = CHANGING if question.finding == ALL else (question.finding,)
    parts, lines = list[Draft](), list[str]()
    for number, finding in enumerate(wanted):
        on_progress(Progress(f"asking about {finding}", number, len(wanted)))
        answer = engine.answer(replace(question, finding=finding), pictures, cancel=cancel)
        if not isinstance(answer, Draft):
            raise TypeError("a change is answered by a text")
        parts.append(answer)
        lines.append(f"{finding.capitalize()}: {_choice(answer).lower()}.")
    first = parts[0].receipt
    receipt = replace(
        first,
        prompt="\n\n".join(one.receipt.prompt for one in parts),
        seconds=round(sum(one.receipt.seconds for one in parts), 3),
        tokens=sum(one.receipt.tokens for one in parts),
    )
    return replace(parts[0], text="\n".join(lines), receipt=receipt)


def _choice(answer: Draft) -> str:
    """Raises ModelFailed for what is none: it is not shown as one."""
    try:
        found = json.loads(answer.text)["change"]
    except (ValueError, KeyError, TypeError):
        found = None
    if found not in CHANGES:
        raise ModelFailed(f"{answer.receipt.model} did not choose among {', '.join(CHANGES).lower()}; draft a comparison instead")
    return str(found)
