"""Questions in the forms of the Ask panel: a follow-up, which carries earlier questions with their answers, and a condition."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from app.analysis import Request, Result
from inference.answers import Draft
from inference.questions import Decoding, FreeQuestion

Turns = tuple[tuple[str, str], ...]


def carried(conversation: Sequence[tuple[str, Result]]) -> Turns:
    """What a follow-up on the last answer would carry, the oldest first; empty where it cannot be followed: it is no free
    answer, or no whole one."""
    if not conversation:
        return ()
    result = conversation[-1][1]
    question, answer = result.request.question, result.answer
    if not isinstance(question, FreeQuestion) or not isinstance(answer, Draft):
        return ()
    if not answer.text.strip() or answer.finish != "stop":
        return ()
    return (*question.before, (question.text, answer.text))


def follow_up(conversation: Sequence[tuple[str, Result]], text: str, decoding: Decoding) -> Request:
    """Of the place that the last answer is about, whatever is on the screen now. Raises ValueError where `carried` is empty."""
    before = carried(conversation)
    if not before:
        raise ValueError("there is no answer to follow up; ask a question first")
    request = conversation[-1][1].request
    if not isinstance(request.question, FreeQuestion):
        raise TypeError("only a free question is followed up")
    return replace(request, question=replace(request.question, text=text, decoding=decoding, before=before))


def condition(text: str) -> str:
    """A condition as it stands in "Is there …?", where the reader may have typed the whole question."""
    return re.sub(r"^\s*is there\s+|[\s?]+$", "", text, flags=re.IGNORECASE)


def words(turns: Turns) -> str:
    """How much is carried."""
    return "1 earlier question" if len(turns) == 1 else f"{len(turns)} earlier questions"
