"""Zero-shot labels: a picture against prompts that say a thing is present and prompts that say it is absent.

Protocol (arXiv 2507.05201 §6): several prompts a class, their text vectors averaged, cosine with the picture, softmax over the
classes. Between present and absent only the difference of the cosines matters.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from inference.answers import LabelScore
from inference.medsiglip import Encoder, Floats
from inference.questions import LabelSet

TOP = 0.1
"""Where a slide is read in crops, a label's score is the mean over this share of the crops, those that support it most."""


def mean_vector(encoder: Encoder, phrases: Sequence[str]) -> Floats:
    """[d]: the normalised mean of the phrases' vectors, as a class is represented in zero-shot work."""
    mean = encoder.texts(phrases).mean(axis=0)
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-12), np.float32)


def scores(encoder: Encoder, images: Floats, labels: LabelSet) -> tuple[LabelScore, ...]:
    """Labels of one picture given by `images` [crops, d], highest contrast first.

    Alone: contrast = cos(present) − cos(absent), probability = softmax of the pair at the model's scale. As a choice:
    contrast = cosine minus the mean cosine of the other labels, probability = softmax over the labels.
    """
    present = np.stack([mean_vector(encoder, label.present) for label in labels.labels])
    near = images @ present.T  # [crops, labels]
    if labels.choice:
        contrast, probability = _choice(_pool(near), encoder.scale)
    else:
        absent = np.stack([mean_vector(encoder, label.absent) for label in labels.labels])
        contrast = _pool(near - images @ absent.T)
        probability = 1 / (1 + np.exp(-np.clip(encoder.scale * contrast, -500, 500)))
    found = [
        LabelScore(label.name, float(one), float(chance), label.published_auc)
        for label, one, chance in zip(labels.labels, contrast, probability, strict=True)
    ]
    return tuple(sorted(found, key=lambda score: -score.contrast))


def top_crops(crops: int) -> int:
    """How many of so many crops are averaged."""
    return max(1, round(crops * TOP))


def _pool(values: NDArray[np.float32]) -> NDArray[np.float64]:
    """[crops, labels] → [labels]."""
    return np.asarray(np.sort(values.astype(np.float64), axis=0)[-top_crops(len(values)) :].mean(axis=0))


def _choice(near: NDArray[np.float64], scale: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    others = (near.sum() - near) / max(len(near) - 1, 1)
    powers = np.exp(scale * (near - near.max()))
    return near - others if len(near) > 1 else near, powers / powers.sum()
