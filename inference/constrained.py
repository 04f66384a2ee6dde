"""Answers that keep to a JSON schema: before each token, those that would leave it are forbidden.

Whatever a model prefers, its text parses and fits the schema, also where few tokens are left: a token is allowed only while the
shortest way to close the text still fits behind it. A closed text says nothing of whether it is true; one that had to be closed
ends as cut off ("length", or "repetition").
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from inference import schema as schemas
from inference.answers import Finish
from inference.automaton import Language, Node
from inference.errors import SchemaRefused
from inference.vocabulary import Ints, Table, Vocabulary

MASKS_KEPT = 128
"""Of a schema; each takes a byte for each token of the vocabulary."""
GRAMMARS_KEPT = 4
"""Each with its masks, up to 34 MB on the 4B."""


class Grammar:
    """A schema in the tokens of one model, whose `stop` ids end a text. Raises SchemaRefused. Not for two threads at once."""

    def __init__(self, schema: Mapping[str, Any], vocabulary: Vocabulary, stop: Iterable[int]) -> None:
        self.language, self.vocabulary = Language(), vocabulary
        self.start = schemas.texts(schema, self.language)
        self._stop = list(stop)
        self._table = Table(self.language)
        self._masks: OrderedDict[Node, Tensor] = OrderedDict()
        self._costs: dict[Node, int] = {}

    def begin(self, most: int) -> Constraint:
        """For an answer of up to `most` tokens. Raises SchemaRefused where not even the shortest fits."""
        least = self.cost(self.start)
        if least > most:
            raise SchemaRefused(f"the shortest answer that fits the schema takes {least:,} tokens and {most:,} are allowed; "
                                f"allow {least:,} or more")  # fmt: skip
        return Constraint(self)

    def mask(self, node: Node) -> Tensor:
        """bool [vocabulary]: what may be written at `node`."""
        near = self.language.near(node, self.vocabulary.longest)
        found = self._masks.pop(near, None)
        if found is None:
            found = self._marked(self.vocabulary.fitting(self._table, near)[0], near.empty)
        self._masks[near] = found
        if len(self._masks) > MASKS_KEPT:
            self._masks.popitem(last=False)
        return found

    def closing(self, node: Node, left: int) -> Tensor:
        """bool [vocabulary]: what may be written at `node` so that the text can be closed in `left` tokens, this one included."""
        tokens, ends = self.vocabulary.fitting(self._table, self.language.near(node, self.vocabulary.longest, whole=True))
        states, where = np.unique(ends, return_inverse=True)
        fits = np.array([self._fits(self._table.nodes[state], left - 1) for state in states.tolist()], bool)
        return self._marked(tokens[fits[where]], node.empty)

    def cost(self, node: Node) -> int:
        """Tokens that write the shortest text at `node`, of those the one that takes the lowest bytes."""
        way = [node]
        while way[-1].shortest and way[-1] not in self._costs:
            way.append(self._shorter(way[-1])[1])
        self._costs.setdefault(way[-1], 0)
        for at in reversed(way[:-1]):
            text, costs, behind = b"", [], at
            while behind.shortest and len(text) < self.vocabulary.longest:
                byte, behind = self._shorter(behind)
                text += byte
                if text in self.vocabulary.known:
                    costs.append(1 + self._costs[behind])
            self._costs[at] = min(costs)
        return self._costs[node]

    def _fits(self, node: Node, left: int) -> bool:
        return node.shortest <= left or (node.shortest <= left * self.vocabulary.longest and self.cost(node) <= left)

    def _shorter(self, node: Node) -> tuple[bytes, Node]:
        """The lowest byte that begins a shortest text."""
        found = min((bits & -bits, after) for bits, after in self.language.moves(node) if after.shortest < node.shortest)
        return bytes([found[0].bit_length() - 1]), found[1]

    def _marked(self, tokens: Ints, ends: bool) -> Tensor:
        made = torch.zeros(self.vocabulary.size, dtype=torch.bool)
        made[torch.from_numpy(tokens).long()] = True
        made[self._stop] = ends
        return made


class Grammars:
    """The schemas asked last of one model: its tokenizer, the rows of its logits, the ids that end a text."""

    def __init__(self, tokenizer: Any, size: int, stop: Iterable[int]) -> None:
        self._tokenizer, self._size, self._stop = tokenizer, size, tuple(stop)
        self._vocabulary: Vocabulary | None = None
        self._kept: OrderedDict[str, Grammar] = OrderedDict()

    def of(self, schema: Mapping[str, Any]) -> Grammar:
        """Raises SchemaRefused, and ModelRefused where the tokenizer cannot write every text."""
        if self._vocabulary is None:
            self._vocabulary = Vocabulary.of(self._tokenizer, self._size)
        key = json.dumps(schema)
        found = self._kept.pop(key, None) or Grammar(schema, self._vocabulary, self._stop)
        self._kept[key] = found
        if len(self._kept) > GRAMMARS_KEPT:
            self._kept.popitem(last=False)
        return found


class Constraint:
    """One answer while it is written. `finish` says how it ends: "stop" where the model was never held back from writing on."""

    def __init__(self, grammar: Grammar) -> None:
        self._grammar, self._node = grammar, grammar.start
        self.finish: Finish = "stop"

    @property
    def over(self) -> bool:
        """Nothing may follow."""
        return not self._grammar.language.moves(self._node)

    def allowed(self, left: int) -> Tensor:
        """bool [vocabulary], on the CPU: what may be written where `left` tokens may, the next included."""
        node, grammar = self._node, self._grammar
        if self.finish == "repetition":
            left = min(left, grammar.cost(node))
        elif left > node.worst:
            return grammar.mask(node)
        return grammar.closing(node, left)

    def masked(self, logits: Tensor, left: int) -> Tensor:
        """[vocabulary] with -inf where a token is not allowed."""
        allowed = self.allowed(left).to(logits.device)
        if self.finish == "stop" and left <= self._node.worst:
            free = self._grammar.mask(self._node).to(logits.device)
            if not bool(allowed[logits.masked_fill(~free, -torch.inf).argmax()]):
                self.finish = "length"
        return logits.masked_fill(~allowed, -torch.inf)

    def advance(self, token: int) -> None:
        """`token`, which was allowed, has been written."""
        node = self._grammar.language.read(self._node, self._grammar.vocabulary.spelled[token])
        if node is None:
            raise ValueError(f"token {token} was not allowed")
        self._node = node

    def wind_up(self) -> None:
        """From here on only the shortest way to the end is allowed: the model has begun to repeat itself."""
        self.finish = "repetition"
