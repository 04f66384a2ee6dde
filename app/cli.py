"""The command line: which command is asked for, and which exit code its errors have.

0 done · 2 wrong call, names that nothing bears included · 3 the input cannot be read, or an archive does not give it · 4 the
model is missing, was refused, was not made for this or gave no answer · 5 partly done · 130 stopped with Ctrl-C. Results go to
stdout, everything else to stderr.
Each command imports what it needs when it runs.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from app import __version__
from app.commands import (
    ask,
    batch,
    deidentify,
    doctor,
    draft,
    endpoint,
    heatmap,
    info,
    label,
    models,
    pacs,
    render,
    table,
    tags,
    teach,
    window,
)
from app.commands.output import WrongCall, complain

if TYPE_CHECKING:
    from app.analysis import AnyEngine
    from inference.engine import EngineSpec

COMMANDS = (
    window,
    info,
    tags,
    render,
    label,
    heatmap,
    draft,
    ask,
    table,
    batch,
    deidentify,
    models,
    teach,
    endpoint,
    pacs,
    doctor,
)


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser("hilum", description="Read radiology images and slides with models on this machine.")
    top.add_argument("--version", action="version", version=f"hilum {__version__}")
    commands = top.add_subparsers(metavar="COMMAND", title="commands (without one, the window opens)")
    for command in COMMANDS:
        command.add(commands)
    return top


def _parsed(arguments: list[str]) -> argparse.Namespace:
    """Words of a question may stand behind options too, which argparse does not see by itself. Raises SystemExit."""
    made = parser()
    args, rest = made.parse_known_args(arguments)
    if rest and ("words" not in args or any(one.startswith("-") for one in rest)):
        made.error(f"unrecognized arguments: {' '.join(rest)}")
    if rest:
        args.words += rest
    return args


def main(arguments: Sequence[str] | None = None, engine: Callable[[EngineSpec], AnyEngine] | None = None) -> int:
    """Run one command and give its exit code. `engine` makes the engine from what to load; None takes the one in process."""
    try:
        args = _parsed(signed(sys.argv[1:] if arguments is None else arguments))
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 2
    args.make_engine = engine
    try:
        code: int = args.run(args) if "run" in args else window.open_paths([])
        sys.stdout.flush()
    except KeyboardInterrupt:
        complain("stopped")
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 1
    except Exception as error:
        known = exit_code(error)
        if known is None:
            raise
        complain(_sentence(error))
        return known
    return code


def signed(arguments: Sequence[str]) -> list[str]:
    """`--region -10,0,5,5` as `--region=-10,0,5,5`: a value that begins with a minus would be taken for an option."""
    joined: list[str] = []
    for one in arguments:
        if joined and joined[-1] in ("--region", "--window") and one.startswith("-"):
            joined[-1] += f"={one}"
        else:
            joined.append(one)
    return joined


def _sentence(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return f"{error.filename} cannot be used ({error.strerror}); check the path, its rights and the free space"
    return str(error)


def exit_code(error: Exception) -> int | None:
    """The exit code of an error whose words are a sentence; None for any other, which is a fault of the program."""
    from app.pacs.errors import NodeError, PacsError, Stopped
    from app.reports.report import ReportError
    from inference.errors import Cancelled, EndpointRefused, InferenceError, QuestionTooLong, SchemaRefused, WrongName
    from viewers.errors import SourceError

    if isinstance(error, (Cancelled, Stopped)):
        return 130
    if isinstance(error, (WrongCall, NodeError, WrongName, QuestionTooLong, SchemaRefused, EndpointRefused)):
        return 2
    if isinstance(error, (SourceError, PacsError)):
        return 3
    if isinstance(error, (InferenceError, ReportError)):
        return 4
    return 2 if isinstance(error, (ValueError, OSError)) else None
