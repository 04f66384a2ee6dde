"""One answer: what lies outside of training, the verdict, the words, what to look at twice, the trace, who wrote it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtWidgets import QFrame, QVBoxLayout

from app.analysis import Result
from app.panels.frame_links import FrameLinks
from app.panels.parts import label, restyle
from app.panels.thought import Thought
from app.panels.warned import Warned
from app.reports.checks import of_answer
from inference.answers import Draft
from inference.questions import FreeQuestion

VERDICTS = {"yes": "Yes", "no": "No", "unclear": "Unclear: the answer says neither yes nor no in the form asked for"}


def answer_card(result: Result, draft: Draft, go: Callable[[int], object], said: Sequence[str] = ()) -> QFrame:
    """`go` shows a frame of the source that the answer names. `said` are the warnings on the card above: what stands there
    already is not spelled out again."""
    frame = QFrame()
    frame.setObjectName("row")
    restyle(frame, state="proposed", chosen="false")
    inside = QVBoxLayout(frame)
    inside.setContentsMargins(10, 8, 8, 8)
    inside.setSpacing(6)
    fresh = [one for one in draft.receipt.warnings if one not in said]
    again = [one for one in draft.receipt.warnings if one in said]
    if fresh:
        inside.addWidget(Warned(fresh))
    if again:
        line = label(f"{len(again)} {'remark' if len(again) == 1 else 'remarks'} on the picture as above", "soft")
        line.setToolTip("\n".join(again))
        inside.addWidget(line)
    if draft.verdict:
        inside.addWidget(label(VERDICTS[draft.verdict], "verdict"))
    inside.addWidget(label(draft.text or "The model gave no answer.", "model" if draft.text else "bad", selectable=True))
    question = result.request.question
    prior = result.request.prior is not None or (isinstance(question, FreeQuestion) and bool(question.record))
    for remark in of_answer(draft.text, prior, result.numbered):
        inside.addWidget(label(f"Look at twice: {remark}", "warn", selectable=True))
    if result.numbered is not None and (sent := result.numbered.sent(draft.text)):
        links = FrameLinks(sent)
        links.wanted.connect(go)
        inside.addWidget(links)
    if draft.thought:
        inside.addWidget(Thought(draft.thought, draft.receipt.thinking_tokens))
    ended = "" if draft.finish == "stop" else f" · incomplete ({draft.finish})"
    inside.addWidget(label(f"{draft.receipt.model} · draft, not for diagnostic use{ended}", "soft"))
    return frame
