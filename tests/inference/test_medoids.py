"""Few of many pictures: on clusters whose answer is known."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from inference.medoids import chosen


def clusters(sizes: list[int], spread: float = 0.05) -> tuple[np.ndarray, np.ndarray]:
    """Vectors about orthogonal axes, mixed, and the cluster of each."""
    rng = np.random.default_rng(len(sizes))
    which = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    vectors = np.eye(len(sizes) + 3)[which] + rng.normal(0, spread, (len(which), len(sizes) + 3))
    return vectors.astype(np.float32), which


def test_every_kind_is_shown_however_rare() -> None:
    vectors, which = clusters([300, 90, 40, 5, 1, 1])
    assert {int(which[number]) for number in chosen(vectors, 8)} == {0, 1, 2, 3, 4, 5}


def test_a_medoid_is_the_most_central_of_its_kind() -> None:
    """Three fans of vectors about an axis: the middle one of each."""
    fans = [np.array([np.cos(a), np.sin(a)]) for a in np.radians([-9, -4, 1, 6, 10])]
    vectors = np.zeros((15, 6), np.float32)
    for fan in range(3):
        vectors[fan * 5 : fan * 5 + 5, fan * 2 : fan * 2 + 2] = fans
    assert chosen(vectors, 3) == [2, 7, 12]


def test_the_most_unlike_one_is_among_them() -> None:
    vectors, _ = clusters([200, 200, 200, 200])
    vectors[137] = 0
    vectors[137, -1] = 5
    assert 137 in chosen(vectors, 16)


@given(st.integers(1, 60), st.integers(1, 40))
def test_so_many_in_order_each_once_and_always_the_same(count: int, most: int) -> None:
    vectors = np.random.default_rng(count).normal(size=(count, 5)).astype(np.float32)
    found = chosen(vectors, most)
    assert len(found) == min(count, most)
    assert found == sorted(set(found))
    assert found == chosen(vectors.copy(), most)


def test_vectors_without_a_length_and_alike_ones() -> None:
    assert len(chosen(np.zeros((30, 4), np.float32), 9)) == len(set(chosen(np.zeros((30, 4), np.float32), 9)))
