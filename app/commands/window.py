"""`hilum` and `hilum open PATH…`: the window."""

from __future__ import annotations

import argparse
from pathlib import Path

from app.commands.options import Commands


def add(commands: Commands) -> None:
    parser = commands.add_parser("open", help="open the window with these files and folders")
    parser.add_argument("paths", nargs="*", type=Path, metavar="PATH")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    return open_paths(args.paths)


def open_paths(paths: list[Path]) -> int:
    from app.window import open_window

    return open_window(paths)
