"""The bytes that each token of a model writes, as a tree, along which all tokens are tried at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.automaton import Language, Node
from inference.errors import ModelRefused
from inference.textstream import BYTE, control_pieces

Ints = NDArray[np.int32]
_NEEDED = (*range(0x20, 0xC0), *range(0xC2, 0xF5))
"""The bytes of UTF-8 without C0: each needs a token of its own, so that whatever was begun can be ended."""


@dataclass(frozen=True, slots=True)
class _Level:
    """Places of the tree at one depth: the place above, the byte between, and which tokens end at which place."""

    above: Ints
    byte: NDArray[np.uint8]
    tokens: Ints
    at: Ints


class Vocabulary:
    """Of `size` rows of logits. `spelled` has a token's bytes at its id, b"" for one that writes no text.

    Raises ModelRefused where a byte that JSON needs has no token."""

    def __init__(self, spelled: Sequence[bytes], size: int) -> None:
        self.size, self.spelled = size, spelled
        self.known = frozenset(spelled) - {b""}
        self.longest = max(map(len, self.known), default=0)
        for byte in _NEEDED:
            if bytes([byte]) not in self.known:
                raise ModelRefused(f"the model's tokenizer has no token for the byte {byte:#04x}, so that its answers cannot be "
                                   "kept to a schema; restore the model")  # fmt: skip
        self._levels = _levels(spelled, self.longest)

    @classmethod
    def of(cls, tokenizer: Any, size: int) -> Vocabulary:
        """A Gemma tokenizer's; control tokens write nothing."""
        marks = control_pieces(tokenizer)
        pieces = tokenizer.convert_ids_to_tokens(range(min(len(tokenizer), size)))
        return cls([b"" if piece is None or piece in marks else _spelled(piece) for piece in pieces], size)

    def fitting(self, table: Table, start: Node) -> tuple[Ints, Ints]:
        """The tokens whose bytes may follow at `start`, with the state of `table` after each."""
        states = np.array([table.state(start)], np.int32)
        tokens, ends = [], []
        for level in self._levels:
            before = states[level.above]
            live = np.flatnonzero(before)
            if not len(live):
                break
            states = np.zeros(len(before), np.int32)
            states[live] = table.after(before[live], level.byte[live])
            here = states[level.at]
            fits = here > 0
            tokens.append(level.tokens[fits])
            ends.append(here[fits])
        return np.concatenate(tokens), np.concatenate(ends)


class Table:
    """Nodes of a language as numbers from 1 on, with what each byte leads to; 0 is nowhere."""

    def __init__(self, language: Language) -> None:
        self._language = language
        self.nodes: list[Node] = [language.end]  # nothing bears the number 0
        self._numbers: dict[Node, int] = {}
        self._next = np.full((256, 256), -1, np.int32)

    def state(self, node: Node) -> int:
        number = self._numbers.setdefault(node, len(self.nodes))
        if number == len(self.nodes):
            self.nodes.append(node)
            if number == len(self._next):
                self._next = np.concatenate([self._next, np.full_like(self._next, -1)])
        return number

    def after(self, states: Ints, read: NDArray[np.uint8]) -> Ints:
        """Of each state, where its byte leads."""
        found: Ints = self._next[states, read]
        missing = np.unique(states[found < 0])
        if len(missing):
            for state in missing.tolist():
                row = np.zeros(256, np.int32)
                for bits, node in self._language.moves(self.nodes[state]):
                    row[_places(bits)] = self.state(node)
                self._next[state] = row
            found = self._next[states, read]
        return found


def _places(bits: int) -> NDArray[np.bool_]:
    return np.unpackbits(np.frombuffer(bits.to_bytes(32, "little"), np.uint8), bitorder="little").astype(bool)


def _spelled(piece: str) -> bytes:
    found = BYTE.fullmatch(piece)
    return bytes.fromhex(found[1]) if found else piece.replace("▁", " ").encode("utf-8", "replace")


def _levels(spelled: Sequence[bytes], longest: int) -> tuple[_Level, ...]:
    """Tokens in the order of their bytes: those that share a beginning stand together."""
    order = sorted((token for token, text in enumerate(spelled) if text), key=spelled.__getitem__)
    tokens, lengths = np.array(order, np.int32), np.array([len(spelled[token]) for token in order], np.int32)
    text = np.frombuffer(b"".join(spelled[token].ljust(longest, b"\0") for token in order), np.uint8).reshape(-1, longest)
    shared = np.zeros(len(order), np.int32)  # bytes a token has in common with the one before it
    going = np.ones(len(order) - 1, bool)
    for depth in range(longest):
        going = going & (text[1:, depth] == text[:-1, depth]) & (lengths[1:] > depth) & (lengths[:-1] > depth)
        shared[1:] += going
    levels, place = [], np.zeros(len(order), np.int32)
    for depth in range(longest):
        begins = (lengths > depth) & (shared <= depth)
        inside = np.cumsum(begins, dtype=np.int32) - 1
        ends = lengths == depth + 1
        levels.append(_Level(place[begins], text[begins, depth].copy(), tokens[ends], inside[ends]))
        place = inside
    return tuple(levels)
