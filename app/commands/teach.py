"""`hilum teach adapter`: a model learns from pictures and texts of one's own, on this machine."""

from __future__ import annotations

import argparse
import math
import signal
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from app.commands import options
from app.commands.options import Commands, command
from app.commands.output import Meter, show

if TYPE_CHECKING:
    from collections.abc import Iterator

    from inference.adapters.examples import Stand
    from inference.adapters.folder import Adapter

ABOUT = """
A LoRA adapter is a small set of weights beside a drafter, learnt from pairs of a picture and a text. The drafter itself stays as
it is; `hilum draft --adapter NAME` loads both.

The table is a CSV whose first row names the columns:
  image    a file, or the folder of one series; from the table's own folder on
  text     what is to be answered, word for word
  patient  who it is of; no patient is both learnt from and held out
  prompt   the question; empty or without the column, a report is asked for as `hilum draft` does
  split    train or test; without the column a tenth of the patients is held out, chosen by a hash of their names

The recipe is the one published for MedGemma (rank 16, alpha 16, dropout .05, every linear layer, rate 2e-4, one epoch). A small
data set or a small model needs more epochs and a higher rate. What was learnt can be stopped with Ctrl-C or cut off at any
moment; the same call goes on from the last step that was kept, and ends at the same weights. What the model knew
already it may forget: keep its sentences in the texts, and examples without the new finding among the others.
"""


def add(commands: Commands) -> None:
    parser = commands.add_parser("teach", help="teach a drafter from pictures and texts of one's own")
    parts = parser.add_subparsers(metavar="WHAT", required=True)
    part = command(parts, "adapter", "a LoRA adapter, learnt from a table of pictures and texts")
    part.description, part.formatter_class = ABOUT, argparse.RawDescriptionHelpFormatter
    part.add_argument("--data", type=options.path, required=True, metavar="TABLE.csv")
    part.add_argument("--model", default="demo-drafter", metavar="ID", help="catalogue id of the drafter that learns")
    part.add_argument(
        "--out", default="", metavar="NAME|FOLDER", help="where the adapter goes: a name among Hilum's own adapters, or a folder "
        "(with a slash); the table's name without it",
    )  # fmt: skip
    part.add_argument("--epochs", type=_whole, default=1, metavar="N", help="how often every example is seen (1)")
    part.add_argument("--rate", type=_number, default=2e-4, metavar="R", help="learning rate (2e-4)")
    part.add_argument("--clip", type=_number, default=0.3, metavar="N", help="greatest norm of a step's gradient (0.3)")
    part.add_argument("--rank", type=_whole, default=16, metavar="N", help="of every change (16); alpha is the same")
    part.add_argument("--dropout", type=_number, default=0.05, metavar="P", help="of the adapter's inputs (0.05)")
    part.add_argument("--batch", type=_whole, default=4, metavar="N", help="examples in memory at once (4); more are quicker")
    part.add_argument("--step", type=_whole, default=16, metavar="N", help="examples of one step (16)")
    part.add_argument(
        "--freeze-tower", action="store_true", help="the vision tower stays as it is: quicker, new findings are seen less well"
    )
    part.add_argument(
        "--base", choices=("full", "nf4"), default="full", help="nf4: QLoRA, a quarter of the memory (hilum[qlora])"
    )
    part.add_argument("--seed", type=options.count, default=0, metavar="N")
    part.add_argument("--keep-every", type=_whole, default=20, metavar="N", help="steps between checkpoints (20)")
    part.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    part.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from app import teaching_table
    from inference.places import home

    name = args.out or args.data.stem
    out = Path(name) if "/" in name or "\\" in name else home() / "adapters" / name
    lessons = teaching_table.read(args.data)
    from inference.adapters.recipe import Recipe
    from inference.adapters.teaching import teach

    recipe = Recipe(
        rank=args.rank, alpha=args.rank, dropout=args.dropout, rate=args.rate, clip=args.clip,
        batch=args.batch, step=args.step, epochs=args.epochs, seed=args.seed, base=args.base, tower=not args.freeze_tower,
    )  # fmt: skip
    meter = Meter()
    with _stoppable() as cancel:
        try:
            made = teach(
                args.model, lessons, teaching_table.picture(args.model), recipe, out, device=args.device, every=args.keep_every,
                on_progress=lambda stand: meter.say(_line(stand), stand.stage), cancel=cancel,
            )  # fmt: skip
        finally:
            meter.end()
    show(args, {"folder": str(made.folder), "revision": made.revision, **made.facts}, _text(made))
    return 0


@contextmanager
def _stoppable() -> Iterator[threading.Event]:
    """Ctrl-C sets the event, so that the step at hand is finished and kept; a second one stops at once."""
    cancel = threading.Event()

    def stop(*_: object) -> None:
        if cancel.is_set():
            raise KeyboardInterrupt
        cancel.set()

    before = signal.signal(signal.SIGINT, stop) if threading.current_thread() is threading.main_thread() else None
    try:
        yield cancel
    finally:
        if before is not None:
            signal.signal(signal.SIGINT, before)


def _line(stand: Stand) -> str:
    loss = "" if math.isnan(stand.loss) else f", loss {stand.loss:.3f}"
    left = "" if math.isnan(stand.seconds_left) else f", {_time(stand.seconds_left)} left"
    return f"{stand.stage} {stand.done} of {stand.total}{loss}{left}"


def _time(seconds: float) -> str:
    minutes = round(seconds) // 60
    if minutes >= 60:
        return f"{minutes // 60} h {minutes % 60:02d} min"
    return f"{minutes}:{round(seconds) % 60:02d} min"


def _text(made: Adapter) -> str:
    facts = made.facts
    before, after = facts["held_out_before"], facts["held_out_after"]
    counts, people = facts["examples"], facts["patients"]
    return "\n".join([
        f"{made.folder} is taught, revision {made.revision[:12]}, for {made.base}.",
        f"Learnt from {counts['learnt']} examples of {people['learnt']} patients in {_time(facts['seconds'])}.",
        f"On {counts['held_out']} held-out examples of {people['held_out']} patients the loss went from {before['loss']:.3f} to "
        f"{after['loss']:.3f}, the words foretold from {before['token_accuracy']:.1%} to {after['token_accuracy']:.1%}.",
        f"Use it with: hilum draft PATH --drafter {made.base} --adapter {made.folder}",
    ])  # fmt: skip


def _whole(text: str) -> int:
    value = options.count(text)
    if not 1 <= value <= 1_000_000:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 on")
    return value


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 0 on")
    return value
