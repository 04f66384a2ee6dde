"""Which few of many pictures show all that there is: medoids of their vectors, and those farthest from any medoid."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

EXTREMES = 8
"""One in so many of those chosen is an extreme."""
_ROUNDS = 20


def chosen(vectors: NDArray[np.float32], most: int) -> list[int]:
    """Indices of at most `most` rows of [n, d], ascending: of few all, else k-medoids by cosine, and for one in eight of the
    places the rows farthest from all chosen so far. The same rows give the same choice."""
    count = len(vectors)
    if count <= most:
        return list(range(count))
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = vectors / np.where(length > 0, length, 1)
    apart = np.asarray(np.clip(1 - unit @ unit.T, 0, 2), np.float32)
    extremes = most // EXTREMES
    found = _medoids(apart, most - extremes)
    for _ in range(extremes):
        found.append(_farthest(apart, found))
    return sorted(found)


def _farthest(apart: NDArray[np.float32], found: list[int]) -> int:
    """The row that lies farthest from all found, none of them."""
    least = apart[:, found].min(axis=1)
    least[found] = -1
    return int(least.argmax())


def _medoids(apart: NDArray[np.float32], most: int) -> list[int]:
    """From the most central row on to the farthest each time; then each group's most central row takes its place until nothing
    changes."""
    found = [int(apart.sum(axis=1).argmin())]
    while len(found) < most:
        found.append(_farthest(apart, found))
    for _ in range(_ROUNDS):
        group = apart[:, found].argmin(axis=1)
        group[found] = np.arange(most)  # rows that are alike stay with themselves
        groups = [np.flatnonzero(group == number) for number in range(most)]
        better = [int(own[apart[np.ix_(own, own)].sum(axis=1).argmin()]) for own in groups]
        if better == found:
            break
        found = better
    return found
