"""The Type (PS3.5 7.4) that an attribute has in the IOD of its object: what may be left out, emptied, or needs a value.

The tables are those highdicom carries from PS3.3; where they are not found or do not know the object, no Type is known.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

_RANK = {"1": 1, "1C": 1, "2": 2, "2C": 2, "3": 3}
Path_ = tuple[str, ...]
"""Keywords of the sequences around an attribute, from the outside in."""


class Types:
    """Of one SOP Class."""

    def __init__(self, known: Mapping[tuple[Path_, str], int]) -> None:
        self._known = known
        self._anywhere: dict[tuple[str, str], int] = {}
        for (path, keyword), rank in known.items():
            near = (path[-1] if path else "", keyword)
            self._anywhere[near] = min(rank, self._anywhere.get(near, 3))

    def of(self, path: Path_, keyword: str) -> int | None:
        """1, 2 or 3: the strictest Type that a module gives it there, conditions taken as met; None where nothing is known.

        Macros may be included under more sequences than are listed: then the same attribute in an item of the same sequence
        elsewhere in the object counts.
        """
        found = self._known.get((path, keyword))
        return found if found is not None else self._anywhere.get((path[-1] if path else "", keyword))

    def __bool__(self) -> bool:
        return bool(self._known)


@lru_cache(16)
def types_of(sop_class: str) -> Types:
    folder = _folder()
    if folder is None:
        return Types({})
    key = _read(folder / "sop_class_iod_map.json").get(sop_class)
    modules = [one["key"] for one in _read(folder / "iod_module_map.json").get(str(key), ())]
    attributes = _read(folder / "module_attribute_map.json")
    known = dict[tuple[Path_, str], int]()
    for module in modules:
        for one in attributes.get(module, ()):
            place = (tuple(one["path"]), one["keyword"])
            known[place] = min(_RANK.get(one["type"], 3), known.get(place, 3))
    return Types(known)


def _folder() -> Path | None:
    found = find_spec("highdicom")  # not imported: only its tables are wanted
    places = list(found.submodule_search_locations or ()) if found else []
    folder = Path(places[0]) / "_standard" if places else None
    return folder if folder is not None and folder.is_dir() else None


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
