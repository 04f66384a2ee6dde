"""`hilum` and `hilum open PATH…`: the window."""

from __future__ import annotations

import argparse
from pathlib import Path

from app.commands.options import Commands


def add(commands: Commands) -> None:
    parser = commands.add_parser("open", help="open the window with these files and folders")
    parser.add_argument("paths", nargs="*", type=Path, metavar="PATH")
    parser.add_argument("--demo", action="store_true", help="make the demonstration where it is missing, and open it")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    return open_paths(args.paths, demo=args.demo)


def open_paths(paths: list[Path], *, demo: bool = False) -> int:
    from app.start import open_window

    return open_window(paths, demo=demo)
