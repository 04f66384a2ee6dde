"""What a reader process can be asked for; where no process can be started, the same is done in this one."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viewers.errors import SourceError
from viewers.sources import parsing
from viewers.sources.coded import Coded

Reply = tuple[dict[str, Any], list[NDArray[Any]]]
MEMORY_BYTES = 4 * 2**30
"""Address space of a reader process."""


def parse(item: Mapping[str, Any]) -> Reply:
    """`path`, `image`, `only`, `slides` as for `parsing.parsed`; nothing where the file is not DICOM."""
    found = parsing.parsed(Path(item["path"]), bool(item["image"]), item.get("only"), bool(item.get("slides")))
    if found is None:
        return {}, []
    stated = {
        "state": found.state, "syntax": found.syntax, "sop_class": found.sop_class, "little": found.little,
        "implicit": found.implicit, "texts": found.texts, "grouped": found.grouped, "frames": found.frames,
        "offset": found.offset,
        "coded": None if found.coded is None else plain(found.coded),
    }  # fmt: skip
    arrays = [np.frombuffer(found.data, np.uint8)]
    return stated, arrays if found.ranges is None or found.starts is None else [*arrays, found.ranges, found.starts]


def plain(coded: Coded) -> dict[str, Any]:
    return {name: getattr(coded, name) for name in _CODED}


_CODED = tuple(field.name for field in fields(Coded))


def frame(item: Mapping[str, Any]) -> Reply:
    """The arguments of `parsing.frame_of`."""
    coded = Coded(**{**item["coded"], "size": tuple(item["coded"]["size"])})
    state = tuple(item["state"])
    path, number = Path(item["path"]), int(item["frame"])
    pixels = parsing.frame_of(
        path, (state[0], state[1], state[2]), coded, number, item["offset"], item["ranges"], item["halvings"]
    )
    return {}, [pixels]


WORKS: Mapping[str, Callable[[Mapping[str, Any]], Reply]] = {"parse": parse, "frame": frame}


def perform(do: str, item: Mapping[str, Any]) -> Reply | SourceError:
    """One piece of work, or the sentence that says why not."""
    path = Path(item["path"])
    try:
        return WORKS[do](item)
    except SourceError as error:
        return _too_much(path) if isinstance(error.__cause__, MemoryError) else SourceError(error.path, str(error))
    except MemoryError:
        return _too_much(path)
    except Exception as error:  # the last door: one file, one sentence
        return SourceError(path, f"{path.name} cannot be read ({type(error).__name__}): it is damaged, export it again.")


def _too_much(path: Path) -> SourceError:
    limit = f"{MEMORY_BYTES // 2**30} GiB"
    return SourceError(
        path, f"{path.name} needs more memory to be read than the limit of {limit}: it is damaged, hostile or too large."
    )


def named(path: str) -> str:
    return os.path.basename(path)  # noqa: PTH119 (a path may hold bytes that are no text)
