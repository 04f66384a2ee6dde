"""What the chosen models can be asked about a kind of picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from app import label_sets, ready
from app.modality import KINDS
from app.ready import Ready
from inference.catalogue import facts
from inference.errors import InferenceError
from inference.questions import LabelSet, Modality


@dataclass(frozen=True, slots=True)
class Offer:
    """`sets` are the label sets that fit, by name, the default first; `phrases` the findings of that one.

    `no_labels`, `no_heatmap` and `no_words` say in a sentence why labels, heatmaps and texts (drafts, answers, boxes) cannot
    be asked for, "" if they can.
    """

    kind: Modality
    sets: Mapping[str, LabelSet]
    phrases: tuple[str, ...]
    no_labels: str = ""
    no_heatmap: str = ""
    no_words: str = ""
    no_table: str = ""
    """Why the drafter reads no table of a page, "" where it does."""
    ready: tuple[Ready, ...] = ()
    """Questions to choose from."""
    thinking: int = 0
    """Tokens that the drafter's thinking trace may take; 0 for one that writes none."""


NO_TRACES = "No model here reads traces: an ECG is shown and measured, and nothing is asked about it."


def none_for_traces() -> Offer:
    """What can be asked about a waveform."""
    return Offer("photo", {}, (), NO_TRACES, NO_TRACES, NO_TRACES, NO_TRACES)


def offered(kind: Modality, encoder: str, drafter: str) -> Offer:
    """Reads the catalogue and the label sets from disk. A model that is not there is left to the engine to tell."""
    try:
        sets = {name: label_sets.load(name) for name in label_sets.fitting(kind, encoder)}
    except label_sets.LabelSetError as error:
        return Offer(kind, {}, (), str(error), refusal(encoder, kind), *_words(kind, drafter))
    phrases = tuple(label.present[0] for label in next(iter(sets.values())).labels) if sets else ()
    unfit = refusal(encoder, kind)
    unlisted = "" if sets else f"No label set of {encoder} fits {KINDS[kind]}; type a phrase and press H instead."
    return Offer(kind, sets, phrases, unfit or unlisted, unfit, *_words(kind, drafter))


def _thinking(drafter: str) -> int:
    try:
        entry = facts(drafter)
    except InferenceError:
        return 0
    return entry.thinking_tokens if entry.thinking else 0


def _words(kind: Modality, drafter: str) -> tuple[str, str, tuple[Ready, ...], int]:
    return refusal(drafter, kind), refusal(drafter, "document"), ready.for_kind(kind), _thinking(drafter)


def refusal(model: str, kind: Modality) -> str:
    """Why `model` is not asked about pictures of this kind, "" where it may be."""
    try:
        known = facts(model).modalities
    except InferenceError:
        return ""
    if not known or kind in known:
        return ""
    return f"{model} was made for {_listed([KINDS.get(one, one) for one in known])}, not for {KINDS[kind]}: nothing was asked."


def _listed(words: list[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))
