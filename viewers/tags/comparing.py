"""Two files' elements side by side, sequences item by item."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from viewers.plain_text import folded
from viewers.tags import Tag, Tags
from viewers.tags.search import with_parents, words_of


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """One element of either file or of both; `same` where the values are, with all that lies inside."""

    left: Tag | None
    right: Tag | None
    depth: int
    parent: int
    """Index of the pair it lies in, -1 at the top."""
    same: bool

    @property
    def either(self) -> Tag:
        found = self.left or self.right
        assert found is not None  # a pair has at least one side
        return found


def compared(left: Tags, right: Tags) -> list[Pair]:
    """All pairs in the order of their tags; items go together by their place in the sequence."""
    sides = [(one.tags, _children(one.tags)) for one in (left, right)]
    (tags_a, below_a), (tags_b, below_b) = sides
    pairs: list[Pair] = []
    stack: list[tuple[int | None, int | None, int, int]] = _matched(tags_a, below_a[-1], tags_b, below_b[-1], 0, -1)[::-1]
    while stack:
        a, b, depth, parent = stack.pop()
        one, other = None if a is None else tags_a[a], None if b is None else tags_b[b]
        index = len(pairs)
        pairs.append(Pair(one, other, depth, parent, one is not None and other is not None and _equal(one, other)))
        inside = _matched(tags_a, [] if a is None else below_a[a], tags_b, [] if b is None else below_b[b], depth + 1, index)
        stack.extend(inside[::-1])
    return _with_insides(pairs)


def differing(pairs: Sequence[Pair]) -> list[int]:
    """Indices of the pairs that differ; what they lie in differs with them."""
    return [index for index, pair in enumerate(pairs) if not pair.same]


def _children(tags: Sequence[Tag]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = defaultdict(list)
    for index, tag in enumerate(tags):
        found[tag.parent].append(index)
    return found


def _matched(
    tags_a: Sequence[Tag], a: list[int], tags_b: Sequence[Tag], b: list[int], depth: int, parent: int
) -> list[tuple[int | None, int | None, int, int]]:
    """Elements of one level by tag, and by their number where a tag comes more than once, as items do."""
    left, right = _keyed(tags_a, a), _keyed(tags_b, b)
    return [(left.get(key), right.get(key), depth, parent) for key in sorted(left.keys() | right.keys())]


def _keyed(tags: Sequence[Tag], indices: list[int]) -> dict[tuple[int, int], int]:
    seen: dict[int, int] = defaultdict(int)
    found = {}
    for index in indices:
        tag = tags[index].tag
        found[tag, seen[tag]] = index
        seen[tag] += 1
    return found


def _equal(one: Tag, other: Tag) -> bool:
    if one.vr == other.vr == "SQ" or one.is_item:
        return True  # what lies inside decides
    if not (one.whole and other.whole):
        return (one.length, one.digest) == (other.length, other.digest) and one.text == other.text
    return one.text == other.text


def _with_insides(pairs: list[Pair]) -> list[Pair]:
    """A sequence is the same when all that lies in it is."""
    same = [pair.same for pair in pairs]
    for index in range(len(pairs) - 1, -1, -1):
        if not same[index] and pairs[index].parent >= 0:
            same[pairs[index].parent] = False
    return [Pair(one.left, one.right, one.depth, one.parent, good) for one, good in zip(pairs, same, strict=True)]


def matching(pairs: Sequence[Pair], among: Sequence[int], query: str, revealed: bool) -> list[int]:
    """Of the indices `among` those that hold every word of `query` on either side, with what they lie in; all for ""."""
    words = folded(query).split()
    hits = list(among)
    if words:
        texts = (
            (index, [words_of(side, revealed) for side in (pairs[index].left, pairs[index].right) if side]) for index in among
        )
        hits = [index for index, sides in texts if any(all(word in side for word in words) for side in sides)]
    return with_parents(pairs, hits)
