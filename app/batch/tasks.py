"""The four tasks of a batch: what is asked for each, and which values of the answer stand in the table."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from app import heatmap_png, label_sets
from app.analysis import Result
from app.described import described
from app.reports.checks import remarks
from app.reports.report import ReportError, Section
from app.reports.sentences import from_draft, plain
from inference.answers import Draft, Embedding, Heatmap, LabelScores
from inference.catalogue import Role
from inference.endpoint_address import Endpoint
from inference.errors import ModelFailed
from inference.questions import (
    Decoding,
    DraftQuestion,
    EmbedQuestion,
    HeatmapQuestion,
    LabelQuestion,
    LabelSet,
    Modality,
    Question,
)

Task = Literal["label", "draft", "heatmap", "embed"]
TASKS: tuple[Task, ...] = ("label", "draft", "heatmap", "embed")
Ask = Callable[[Question], Result]


@dataclass(frozen=True, slots=True)
class Settings:
    """What is asked of every item. `label_set` "" takes the one suited to encoder and picture; no `phrases` means a heatmap of
    the label with the highest contrast; `max_tokens` limits a draft."""

    tasks: tuple[Task, ...] = TASKS
    encoder: str = "demo-encoder"
    drafter: str = "demo-drafter"
    quantisation: str = "none"
    device: str = "auto"
    adapter: str = ""
    """Name or folder of what the drafter is loaded with."""
    label_set: str = ""
    phrases: tuple[str, ...] = ()
    indication: str = ""
    max_tokens: int = 600
    endpoint: Endpoint | None = None
    """Who drafts instead of the drafter."""
    together: int = 0
    """Drafts written at once; 0: as many as pay on the device. The answers are the same."""

    def model(self, task: Task) -> str:
        """Catalogue id; of an endpoint, that of its recipe."""
        if task != "draft":
            return self.encoder
        return self.endpoint.recipe if self.endpoint else self.drafter

    def role(self, task: Task) -> Role:
        return "drafter" if task == "draft" else "encoder"

    def labels(self, modality: Modality) -> LabelSet:
        """Raises label_sets.LabelSetError and OutsideTraining."""
        return label_sets.load(self.label_set) if self.label_set else label_sets.suited(self.encoder, modality)

    def questions(self, task: Task, modality: Modality) -> tuple[Question, ...]:
        """What is asked first; the job's key is made from it. A heatmap without phrases asks for labels first."""
        if task == "draft":
            return (DraftQuestion(self.indication, Decoding(max_tokens=self.max_tokens)),)
        if task == "embed":
            return (EmbedQuestion(),)
        if task == "heatmap" and self.phrases:
            return tuple(HeatmapQuestion(phrase) for phrase in self.phrases)
        return (LabelQuestion(self.labels(modality)),)


@dataclass(slots=True)
class Outcome:
    """`values` go into the table, `files` (name below the batch folder → bytes) beside it, `answers` into the item's JSON."""

    values: dict[str, str | int | float] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    answers: list[dict[str, Any]] = field(default_factory=list)
    partly: str = ""
    """Why the answer is incomplete, "" when it is whole."""


def perform(task: Task, id: str, questions: tuple[Question, ...], ask: Ask) -> Outcome:
    """Ask and sum up. Raises SourceError and InferenceError."""
    outcome = Outcome()
    if task == "heatmap":
        _heatmaps(id, questions, ask, outcome)
        return outcome
    result = ask(questions[0])
    outcome.answers.append(described(result))
    outcome.values[f"{task}.warnings"] = " ".join(result.answer.receipt.warnings)
    if isinstance(result.answer, LabelScores):
        _labels(result.answer, outcome)
    elif isinstance(result.answer, Draft):
        _draft(id, result.answer, outcome)
    elif isinstance(result.answer, Embedding):
        name = f"embeddings/{id}.npy"
        outcome.values |= {"embed.dimensions": result.answer.vectors.shape[1], "embed.file": name}
        outcome.files[name] = _npy(result.answer.vectors)
    return outcome


def _labels(answer: LabelScores, outcome: Outcome) -> None:
    outcome.values |= {"label.set": answer.label_set, "label.highest": answer.scores[0].name}
    for score in answer.scores:
        outcome.values[f"label.{score.name}.contrast"] = score.contrast
        outcome.values[f"label.{score.name}.probability"] = score.probability


def _draft(id: str, answer: Draft, outcome: Outcome) -> None:
    try:
        report = from_draft(answer, id)
    except ReportError as error:
        raise ModelFailed(str(error)) from error
    for section in (Section.FINDINGS, Section.IMPRESSION):
        outcome.values[f"draft.{section.lower()}"] = " ".join(one.text for one in report.section(section))
    outcome.values |= {"draft.finish": answer.finish, "draft.remarks": " ".join(one.text for one in remarks(report))}
    if answer.finish != "stop":
        outcome.partly = f"the draft is incomplete, the model ended by {answer.finish}"


def _heatmaps(id: str, questions: tuple[Question, ...], ask: Ask, outcome: Outcome) -> None:
    if isinstance(questions[0], LabelQuestion):
        labels = ask(questions[0])
        if not isinstance(labels.answer, LabelScores):
            raise TypeError("a label question is answered by label scores")
        highest = labels.answer.scores[0].name
        asked = next(one for one in questions[0].label_set.labels if one.name == highest)
        questions = (HeatmapQuestion(asked.present[0]),)
    for number, question in enumerate(questions, start=1):
        result = ask(question)
        if not isinstance(result.answer, Heatmap):
            raise TypeError("a heatmap question is answered by a heatmap")
        about = described(result)
        outcome.answers.append(about)
        outcome.values["heatmap.warnings"] = " ".join(result.answer.receipt.warnings)
        name = f"heatmaps/{id}-{number}"
        outcome.values |= {f"heatmap.{number}.phrase": plain(result.answer.phrase), f"heatmap.{number}.max": about["max"]}
        outcome.values |= {f"heatmap.{number}.x": about["peak"][0], f"heatmap.{number}.y": about["peak"][1]}
        outcome.values[f"heatmap.{number}.file"] = f"{name}.png"
        outcome.files |= {f"{name}.png": heatmap_png.drawn(result), f"{name}.npy": _npy(result.answer.values)}


def _npy(values: NDArray[np.float32]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, values, allow_pickle=False)
    return buffer.getvalue()
