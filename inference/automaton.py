"""Texts that may still be written, byte by byte: regular expressions read by their derivatives (Brzozowski 1964).

A `Node` is the set of all texts that may follow; reading a byte gives the next node. Equal sets built the same way are one
object of their `Language`, so that what is worked out for a node is kept by it. Nodes are made while reading: a repetition of a
thousand items takes no more room than one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from inference.numerals import Numeral

Moves = tuple[tuple[int, "Node"], ...]
"""(bytes as a set of bits, what may follow one of them); no byte is in two."""


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """`parts` is None for the empty text, a set of bytes as bits, (first, then), alternatives, (item, least, most) or a number.

    `empty`: nothing need follow. `shortest`: bytes of the shortest text. `worst`: the largest `shortest` of this node and of all
    that can be reached from it."""

    parts: Any
    empty: bool
    shortest: int
    worst: int


@dataclass(frozen=True, slots=True)
class Repeat:
    item: Node
    least: int
    most: int


class Language:
    """Makes nodes, each once. Not for two threads at once."""

    def __init__(self) -> None:
        self.end = Node(None, True, 0, 0)
        self._made: dict[Any, Node] = {}
        self._moves: dict[Node, Moves] = {self.end: ()}
        self._near: dict[tuple[Node, int, bool], Node] = {}

    def any_of(self, *ranges: tuple[int, int]) -> Node:
        """One byte of these ranges, ends included."""
        bits = 0
        for low, high in ranges:
            bits |= (1 << high + 1) - (1 << low)
        return self._node(bits, False, 1, 1)

    def text(self, words: bytes) -> Node:
        return self.chain(*(self._node(1 << byte, False, 1, 1) for byte in words))

    def chain(self, *parts: Node) -> Node:
        """One after the other."""
        flat: list[Node] = []
        for part in parts[:-1]:
            while isinstance(part.parts, tuple):
                first, part = part.parts
                flat.append(first)
            flat.append(part)
        made = parts[-1] if parts else self.end
        for part in reversed(flat):
            if made is self.end or part is self.end:
                made = part if made is self.end else made
                continue
            worst = max(part.worst + made.shortest, made.worst)
            made = self._node((part, made), part.empty and made.empty, part.shortest + made.shortest, worst)
        return made

    def either(self, several: Iterable[Node]) -> Node:
        """One of several, at least one."""
        flat: set[Node] = set()
        for node in several:
            flat |= node.parts if isinstance(node.parts, frozenset) else {node}
        if len(flat) == 1:
            return flat.pop()
        empty, shortest = any(node.empty for node in flat), min(node.shortest for node in flat)
        return self._node(frozenset(flat), empty, shortest, max(node.worst for node in flat))

    def repeat(self, item: Node, least: int, most: int) -> Node:
        """`item`, which is never the empty text, `least` to `most` times."""
        if most == 0:
            return self.end
        if least == most == 1:
            return item
        rest = max(least - 1, 0) * item.shortest
        return self._node(
            Repeat(item, least, most), least == 0, least * item.shortest, max(least * item.shortest, item.worst + rest)
        )

    def number(self, numeral: Numeral) -> Node:
        return self._node(numeral, numeral.complete, numeral.shortest, numeral.worst)

    def moves(self, node: Node) -> Moves:
        """What can be read first, and what follows it."""
        found = self._moves.get(node)
        if found is None:
            found = self._moves[node] = self._disjoint(self._first(node))
        return found

    def read(self, node: Node, text: bytes) -> Node | None:
        """What may follow `text`, None where it may not stand here."""
        at: Node | None = node
        for byte in text:
            at = next((after for bits, after in self.moves(at) if bits >> byte & 1), None) if at is not None else None
        return at

    def near(self, node: Node, reach: int, whole: bool = False) -> Node:
        """A node that begins with the same texts of up to `reach` bytes as this one, the same for many: repetitions are cut to
        what such a text can hold, and so is what stands behind. `whole` keeps the shortest text as it is."""
        if reach <= 0 and not whole:
            return self.end
        key = (node, reach, whole)
        if key not in self._near:
            self._near[key] = self._nearer(node, reach, whole)
        return self._near[key]

    def _nearer(self, node: Node, reach: int, whole: bool) -> Node:
        parts = node.parts
        if isinstance(parts, tuple):
            kept: list[Node] = []
            while isinstance(node.parts, tuple) and (reach > 0 or whole):
                first, node = node.parts
                kept.append(self.near(first, reach, whole))
                reach = max(reach - first.shortest, 0)
            return self.chain(*kept, self.near(node, reach, whole))
        if isinstance(parts, frozenset):
            return self.either(self.near(one, reach, whole) for one in parts)
        if isinstance(parts, Repeat):
            times = -(-reach // parts.item.shortest)
            least = parts.least if whole else min(parts.least, times)
            return self.repeat(parts.item, least, max(least, min(parts.most, times)))
        return node

    def _node(self, parts: Any, empty: bool, shortest: int, worst: int) -> Node:
        node = self._made.get(parts)
        if node is None:
            node = self._made[parts] = Node(parts, empty, shortest, worst)
        return node

    def _first(self, node: Node) -> Iterable[tuple[int, Node]]:
        parts = node.parts
        if isinstance(parts, int):
            return ((parts, self.end),)
        if isinstance(parts, Numeral):
            return ((1 << ord(sign), self.number(after)) for sign, after in parts.moves())
        if isinstance(parts, frozenset):
            return (move for one in parts for move in self.moves(one))
        if isinstance(parts, Repeat):
            rest = self.repeat(parts.item, max(parts.least - 1, 0), parts.most - 1)
            return ((bits, self.chain(after, rest)) for bits, after in self.moves(parts.item))
        first, then = parts
        own = [(bits, self.chain(after, then)) for bits, after in self.moves(first)]
        return (*own, *self.moves(then)) if first.empty else own

    def _disjoint(self, moves: Iterable[tuple[int, Node]]) -> Moves:
        """Where a byte leads to several nodes, it leads to either of them."""
        apart: list[tuple[int, set[Node]]] = []
        for bits, after in moves:
            split: list[tuple[int, set[Node]]] = []
            for known, nodes in apart:
                if both := known & bits:
                    split.append((both, nodes | {after}))
                if alone := known & ~bits:
                    split.append((alone, nodes))
                bits &= ~known
            if bits:
                split.append((bits, {after}))
            apart = split
        return tuple((bits, self.either(nodes)) for bits, nodes in apart)
