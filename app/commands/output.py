"""What commands write: results on stdout, progress and complaints on stderr."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from inference.answers import Progress


class WrongCall(ValueError):
    """A call that cannot be carried out, said in one sentence."""


def complain(sentence: str) -> None:
    from app.reports.sentences import plain

    print(f"hilum: {plain(sentence)}", file=sys.stderr)


def warned(warnings: Sequence[str]) -> str:
    """Lines to stand before a result, with an empty one after them; "" where there are none."""
    return "".join(f"{one}\n" for one in warnings) + "\n" * bool(warnings)


def show(args: argparse.Namespace, body: Any, text: str) -> None:
    """The result: `body` as JSON with --json, else `text`."""
    from app.reports.sentences import plain

    print(json.dumps(body, indent=2, ensure_ascii=False, default=str) if args.json else plain(text))


def table(rows: Sequence[tuple[str, ...]]) -> str:
    """Columns two blanks apart, the last one free."""
    widths = [max(len(row[index]) for row in rows) for index in range(len(rows[0]))] if rows else []
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)


class Meter:
    """Progress on stderr: one line that changes on a terminal, else a line when the stage changes. At most 10 a second."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._last = 0.0
        self._stage = ""
        self._tokens = 0

    def __call__(self, progress: Progress) -> None:
        """What `app.analysis.run` and the engine call."""
        self._tokens = self._tokens + 1 if progress.text and progress.stage == self._stage else 0
        count = f" {progress.done} of {progress.total}" if progress.total else ""
        speed = f", {progress.tokens_per_second:.1f} tokens/s" if progress.tokens_per_second else ""
        self.say(f"{progress.stage}{count}{speed}", progress.stage)

    def say(self, line: str, stage: str) -> None:
        now = time.monotonic()
        if self._terminal and (stage != self._stage or now - self._last > 0.1):
            print(f"\r\x1b[K{line[:100]}", end="", file=sys.stderr, flush=True)
            self._last = now
        elif not self._terminal and stage != self._stage:
            print(line, file=sys.stderr, flush=True)
        self._stage = stage

    def end(self) -> None:
        if self._terminal and self._stage:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def out_path(suffixes: tuple[str, ...]) -> Any:
    """An argparse type: a file to write whose folder exists and whose name ends in one of `suffixes`."""

    def parse(text: str) -> Path:
        path = Path(text)
        if path.suffix.lower() not in suffixes:
            raise argparse.ArgumentTypeError(f"{text!r} must end in {' or '.join(suffixes)}")
        if not path.parent.is_dir():
            raise argparse.ArgumentTypeError(f"the folder of {text!r} does not exist; make it first")
        return path

    return parse
