"""`hilum tags PATH`: every element of a DICOM file, or how two files differ; patient fields are hidden."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from app.commands import options
from app.commands.options import Commands, command
from app.commands.output import complain, show, table

if TYPE_CHECKING:
    from viewers.tags import Tag, Tags
    from viewers.tags.comparing import Pair

WIDTH = 100
"""Letters of a value in the table; --json has all that was read."""


def add(commands: Commands) -> None:
    parser = command(commands, "tags", "the elements of a DICOM file, or how two files differ")
    parser.add_argument("path", type=options.path, metavar="PATH")
    parser.add_argument("--search", default="", metavar="X", help="only elements whose number, keyword, name or value holds X")
    parser.add_argument("--compare", type=options.path, metavar="OTHER", help="only what differs between PATH and OTHER")
    parser.add_argument("--show-patient", action="store_true", help="show values that may tell who the patient is")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from viewers.tags import comparing, reading, search

    tags = reading.read(args.path)
    revealed: bool = args.show_patient
    if args.compare is not None:
        other = reading.read(args.compare)
        pairs = comparing.compared(tags, other)
        chosen = [pairs[index] for index in comparing.differing(pairs)]
        chosen = [pair for pair in chosen if _wanted(pair, args.search, revealed)]
        show(args, _compared(tags, other, chosen, revealed), _pair_table(chosen, revealed))
        notes = (*tags.notes, *other.notes)
    else:
        indices = search.with_parents(tags.tags, search.found(tags.tags, args.search, revealed))
        found = [tags.tags[index] for index in indices]
        body = {"path": str(args.path), "tags": [_tag(one, revealed) for one in found], "notes": list(tags.notes)}
        show(args, body, table([_row(one, revealed) for one in found]))
        notes = tags.notes
    for note in notes:
        complain(note)
    return 0


def _wanted(pair: Pair, query: str, revealed: bool) -> bool:
    from viewers.tags.search import found

    return any(found([side], query, revealed) for side in (pair.left, pair.right) if side is not None)


def _row(tag: Tag, revealed: bool) -> tuple[str, ...]:
    length = "undefined" if tag.length is None else str(tag.length)
    return "  " * tag.depth + (tag.number or tag.name), tag.vr, "" if tag.is_item else tag.name, length, _cut(tag.shown(revealed))


def _tag(tag: Tag, revealed: bool) -> dict[str, Any]:
    return {
        "tag": tag.number, "depth": tag.depth, "vr": tag.vr, "keyword": tag.keyword, "name": tag.name, "length": tag.length,
        "value": tag.shown(revealed), "whole": tag.whole, "hidden": tag.private and not revealed,
    }  # fmt: skip


def _compared(tags: Tags, other: Tags, pairs: list[Pair], revealed: bool) -> dict[str, Any]:
    rows = [
        {"tag": pair.either.number, "depth": pair.depth, "name": pair.either.name, "vr": pair.either.vr,
         "left": None if pair.left is None else pair.left.shown(revealed),
         "right": None if pair.right is None else pair.right.shown(revealed)}
        for pair in pairs
    ]  # fmt: skip
    return {"left": str(tags.path), "right": str(other.path), "differences": rows, "notes": [*tags.notes, *other.notes]}


def _pair_table(pairs: list[Pair], revealed: bool) -> str:
    if not pairs:
        return "no difference; pixels are not compared"

    def side(tag: Tag | None) -> str:
        return "absent" if tag is None else _cut(tag.shown(revealed), WIDTH // 2)

    return table([
        ("  " * one.depth + (one.either.number or one.either.name), one.either.name, side(one.left), side(one.right))
        for one in pairs
    ])  # fmt: skip


def _cut(text: str, most: int = WIDTH) -> str:
    from viewers.plain_text import one_line

    return one_line(text, most)
