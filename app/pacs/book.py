"""What is remembered of archives: pacs.json, without passwords."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, TypeVar

from app.pacs.errors import NodeError
from app.pacs.nodes import Listening, Node
from app.storage import atomic_write, data_folder, set_aside

NAME = "pacs.json"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Book:
    """All that is remembered."""

    nodes: tuple[Node, ...] = ()
    listening: Listening = field(default_factory=Listening)
    quota_gib: int = 50
    """All that was fetched and is still here may be so large."""
    wipe_at_exit: bool = True
    """Whether what was fetched is wiped when the window is closed."""

    def node(self, name: str) -> Node:
        """By its name, whatever the case. Raises NodeError, which lists the names there are."""
        found = next((one for one in self.nodes if one.name.casefold() == name.casefold()), None)
        if found is None:
            known = ", ".join(one.name for one in self.nodes) or "none is entered yet"
            raise NodeError(f"No node is called {name[:40]!r}; the nodes are: {known}.")
        return found

    def with_node(self, node: Node, instead_of: str = "") -> Book:
        """With one more, or with `node` in the place of another."""
        names = {node.name.casefold(), (instead_of or node.name).casefold()}
        at = next((index for index, one in enumerate(self.nodes) if one.name.casefold() in names), len(self.nodes))
        others = [one for one in self.nodes if one.name.casefold() not in names]
        return replace(self, nodes=(*others[:at], node, *others[at:]))

    def without(self, name: str) -> Book:
        return replace(self, nodes=tuple(one for one in self.nodes if one.name.casefold() != name.casefold()))


def load(folder: Path | None = None) -> Book:
    """What is kept, or an empty book. A damaged file is kept beside as pacs.damaged.json; a damaged node is left out."""
    path = (folder or data_folder()) / NAME
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Book()
    except (OSError, ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        if path.exists():
            set_aside(path)
        return Book()
    nodes = [_made(Node, one) for one in found.get("nodes", ()) if isinstance(one, dict)]
    book = _made(Book, {key: value for key, value in found.items() if key in ("quota_gib", "wipe_at_exit")}) or Book()
    listening = found.get("listening")
    kept = _made(Listening, listening) if isinstance(listening, dict) else None
    return replace(book, nodes=tuple(one for one in nodes if one is not None), listening=kept or Listening())


def save(book: Book, folder: Path | None = None) -> None:
    """Readable by its owner alone. Raises OSError."""
    path = (folder or data_folder()) / NAME
    atomic_write(path, json.dumps(asdict(book), indent=1, ensure_ascii=False), private=True)


def _made(kind: type[T], found: Mapping[str, Any]) -> T | None:
    """From a file: fields of another type than theirs keep the default; None when what is left makes no sense."""
    taken: dict[str, Any] = {}
    for one in fields(kind):  # type: ignore[arg-type]
        value = found.get(one.name)
        usual = "" if one.default is MISSING else one.default
        if isinstance(usual, tuple) and isinstance(value, list):
            taken[one.name] = tuple(str(one) for one in value)
        elif type(value) is type(usual):
            taken[one.name] = value
    try:
        return kind(**taken)
    except (NodeError, TypeError):
        return None
