"""Questions that are offered for a kind of picture: a reader chooses one and may change it before it is asked."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass

import resources
from inference.questions import Modality


@dataclass(frozen=True, slots=True)
class Ready:
    """`published` says which of the words are the publisher's."""

    id: str
    title: str
    kinds: tuple[str, ...]
    published: str
    text: str


def all_ready() -> tuple[Ready, ...]:
    """As resources/prompts/ready.toml lists them."""
    listed = tomllib.loads(resources.text("prompts/ready.toml"))["ready"]
    return tuple(Ready(**one | {"kinds": tuple(one["kinds"]), "text": one["text"].strip()}) for one in listed)


def for_kind(kind: Modality) -> tuple[Ready, ...]:
    return tuple(one for one in all_ready() if kind in one.kinds)


def named(id: str) -> Ready:
    """Raises ValueError for an unknown one."""
    for one in all_ready():
        if one.id == id:
            return one
    raise ValueError(f"there is no ready question {id!r}; choose one of {', '.join(one.id for one in all_ready())}")
