"""Questions that an encoder answers in numbers: labels, a heatmap, vectors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Event

import numpy as np

from inference import heatmap, lengths, receipts, zero_shot
from inference.answers import Embedding, Heatmap, LabelScores, Progress, Receipt
from inference.errors import ModelRefused
from inference.medsiglip import Encoder
from inference.preprocess import slide
from inference.questions import EmbedQuestion, HeatmapQuestion, LabelQuestion, LabelSet, Picture

Asked = LabelQuestion | HeatmapQuestion | EmbedQuestion
Watch = Callable[[Progress], None]


def answer(
    encoder: Encoder,
    revision: str,
    question: Asked,
    pictures: Sequence[Picture],
    watch: Watch,
    cancel: Event,
    began: float,
    steps: Sequence[str] = (),
) -> LabelScores | Heatmap | Embedding:
    """What the encoder sees; `steps` are for the receipt, besides the encoder's own. Raises Cancelled, ModelFailed, ModelRefused,
    QuestionTooLong and WrongName."""
    if not pictures or (len(pictures) != 1 and not isinstance(question, EmbedQuestion)):
        raise ModelRefused("labels and heatmaps are asked of exactly one picture, vectors of one at least")

    def receipt(prompt: str, own: Sequence[str]) -> Receipt:
        return receipts.receipt(
            encoder,
            revision,
            pictures,
            began,
            quantisation="none",
            dtype=encoder.towers.words,
            device=str(encoder.device),
            prompt=prompt,
            own_steps=own,
            steps=(*encoder.steps, *steps),
        )

    encoder.must_read(lengths.words_of(question))
    squares = receipts.square_steps(encoder)
    if isinstance(question, EmbedQuestion):
        ready = [encoder.pixels(picture.pixels) for picture in pictures]
        vectors = np.stack(list(encoder.pictures(ready, on_progress=watch, cancel=cancel)))
        return Embedding(vectors, receipt("", squares))
    if isinstance(question, HeatmapQuestion):
        layer, method, against = heatmap.draw(encoder, question, pictures[0], watch, cancel)
        prompt = question.phrase + ("".join(f"\nagainst: {phrase}" for phrase in against))
        valid = method in encoder.entry.heatmap.validated
        steps = (*_field_steps(encoder, pictures[0]), *heatmap.readings(encoder, pictures[0], method))
        return Heatmap(layer.values, layer.extent, question.phrase, method, layer.low, layer.high, layer.unit, valid,
                       receipt(prompt, (*steps, *squares)))  # fmt: skip
    crops, own = _crops(encoder, pictures[0])
    images = np.stack(list(encoder.pictures(crops, on_progress=watch, cancel=cancel)))
    scores = zero_shot.scores(encoder, images, question.label_set)
    return LabelScores(question.label_set.name, scores, False, receipt(_phrases(question.label_set), (*own, *squares)))


def _crops(encoder: Encoder, picture: Picture) -> tuple[list[heatmap.Square], tuple[str, ...]]:
    """The squares that stand for a picture: itself, or a large slide picture in crops at the trained resolution."""
    found = heatmap.field(encoder, picture)
    if not found.crops:
        return [encoder.pixels(picture.pixels)], _field_steps(encoder, picture)
    crops = [encoder.pixels(part) for _, _, part in slide.crops(picture.pixels, found.window, found.window)]
    top = zero_shot.top_crops(len(crops))
    pooled = f"{len(crops)} crops; a label's score is the mean of the {top} that support it most"
    return crops, (*_field_steps(encoder, picture), pooled)


def _field_steps(encoder: Encoder, picture: Picture) -> tuple[str, ...]:
    found = heatmap.field(encoder, picture)
    if found.crops:
        return (f"crops of {found.window} px, {encoder.entry.slide_mpp:g} µm/px at the model",)
    return (found.remark,) if found.remark else ()


def _phrases(labels: LabelSet) -> str:
    """One line a label: name, what says present, what says absent."""
    lines = []
    for label in labels.labels:
        against = f" against {' · '.join(label.absent)}" if label.absent else ""
        lines.append(f"{label.name}: {' · '.join(label.present)}{against}")
    return "\n".join(lines)
