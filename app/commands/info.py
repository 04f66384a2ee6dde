"""`hilum info PATH`: what a file is, without its patient."""

from __future__ import annotations

import argparse
from contextlib import closing
from typing import Any

from app.commands import options
from app.commands.options import Commands, command
from app.commands.output import show, table


def add(commands: Commands) -> None:
    parser = command(commands, "info", "what a file is: kind, size, levels, spacing and where it comes from")
    parser.add_argument("path", type=options.path, metavar="PATH")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from app.spacings import open_source

    with closing(open_source(args.path)) as source:
        body = dict(source.info())
    show(args, body, table([(key, _words(value)) for key, value in body.items()]))
    return 0


def _words(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_words(one)}" for key, one in value.items())
    if isinstance(value, (list, tuple)):
        return "; ".join(_words(one) for one in value) or "none"
    return "not given" if value in (None, "") else str(value)
