"""`hilum batch FOLDER --out DIR`: a folder, unattended."""

from __future__ import annotations

import argparse
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from app.commands import options
from app.commands.options import Commands, command
from app.commands.output import Meter, complain, show

if TYPE_CHECKING:
    from app.batch import Batch, Row

TASKS = ("label", "draft", "heatmap", "embed")


def add(commands: Commands) -> None:
    parser = command(commands, "batch", "every picture below a folder: one row each in results.csv and results.parquet")
    parser.add_argument("folder", type=options.path, metavar="FOLDER")
    parser.add_argument(
        "--out", type=options.path, required=True, metavar="DIR", help="an empty folder, or with --resume a batch's own"
    )
    parser.add_argument("--tasks", type=_tasks, default=TASKS, metavar=",".join(TASKS), help="all four without it")
    parser.add_argument("--resume", action="store_true", help="go on with the batch in DIR; what is done is kept")
    parser.add_argument("--set", default="", metavar="NAME|FILE", help="labels; those suited to the picture without it")
    parser.add_argument(
        "--prompt", type=options.phrase, action="append", default=[], metavar="TEXT", help="phrase of a heatmap; may be repeated"
    )
    parser.add_argument("--indication", default="", metavar="TEXT", help="the same for every draft")
    parser.add_argument(
        "--max-tokens", type=options.count, default=0, metavar="N", help="of a draft; 0 takes the model's own limit"
    )
    parser.add_argument(
        "--together", type=options.count, default=0, metavar="N", help="drafts written at once; 0: as many as pay on the device"
    )
    options.add_engine(parser, encoder=True, drafter=True, endpoint=True)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from app.batch import Batch, Settings
    from app.label_sets import load
    from inference.catalogue import facts

    if args.set:
        load(args.set)
    settings = Settings(
        tasks=args.tasks,
        encoder=args.encoder,
        drafter=options.drafter(args),
        quantisation=args.quantisation,
        device=args.device,
        adapter=args.adapter,
        label_set=args.set,
        phrases=tuple(args.prompt),
        indication=args.indication,
        max_tokens=args.max_tokens or facts(options.drafter(args)).max_tokens,
        endpoint=options.endpoint(args, args.endpoint),
        together=args.together,
    )
    with Batch(args.folder, args.out, settings, resume=args.resume) as batch:
        try:
            _work(args, batch)
        except KeyboardInterrupt:
            complain(f"stopped; what was done is kept in {args.out}, go on with --resume")
            return 130
        rows = batch.finish()
    if not rows:
        complain(f"there is nothing in {args.folder} to analyse; is it the right folder?")
    if batch.kept:
        complain(f"the tables also hold what {', '.join(batch.kept)} gave before")
    return _report(args, rows, batch.left_out)


def _work(args: argparse.Namespace, batch: Batch) -> None:
    from app.batch import groups, run_items

    meter, began, failed, done, total = Meter(), time.monotonic(), 0, 0, len(batch.items)
    with closing(options.engine(args)) as engine:
        for group in groups(batch):
            left = (time.monotonic() - began) / done * (total - done) if done else 0.0
            which = f"{done + 1}" if len(group) == 1 else f"{done + 1} to {done + len(group)}"
            about = f"{which} of {total}, {failed} failed, {left:.0f} s left: {group[0].name}"
            meter.say(about, about)
            failed += sum(row["status"] == "failed" for row in run_items(batch, group, engine))
            done += len(group)
    meter.end()


def _report(args: argparse.Namespace, rows: list[Row], left_out: tuple[Path, ...]) -> int:
    from app.batch import STATES

    counts = {status: sum(row["status"] == status for row in rows) for status in STATES}
    for row in rows:
        if row["reason"]:
            complain(f"{row['item']}: {row['reason']}")
    outputs = [str(one) for one in left_out]
    files = {"csv": str(args.out / "results.csv"), "parquet": str(args.out / "results.parquet")}
    named = {status.replace(" ", "_"): count for status, count in counts.items()}
    body = {"items": len(rows), **named, "left_out": outputs, **files}
    text = f"{len(rows)} items: {', '.join(f'{count} {status}' for status, count in counts.items())}. {files['csv']}"
    if outputs:
        text += f"\nLeft out: {len(outputs)} folder{'s' * (len(outputs) > 1)} with the results of a batch, {', '.join(outputs)}"
    show(args, body, text)
    return 0 if counts["done"] == len(rows) else 5


def _tasks(text: str) -> tuple[str, ...]:
    """In the fixed order, whatever the order in which they were named."""
    named = text.split(",")
    if unknown := [one for one in named if one not in TASKS]:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r} is no task; choose from {', '.join(TASKS)}")
    return tuple(one for one in TASKS if one in named)
