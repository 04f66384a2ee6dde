"""`hilum deidentify FOLDER --out DIR`: DICOM without its patients, after PS3.15 Annex E."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING

from app.commands import options
from app.commands.options import Commands, command
from app.commands.output import Meter, complain, show

if TYPE_CHECKING:
    from app.deidentify.run import Outcome, Run

NAMES = (
    "graphics", "structured", "descriptors", "full_dates", "modified_dates", "characteristics", "device", "uids", "private",
    "institution",
)  # fmt: skip


def add(commands: Commands) -> None:
    parser = command(commands, "deidentify", "DICOM without its patients, after PS3.15 Annex E; the originals stay untouched")
    parser.add_argument("folder", type=options.path, metavar="FOLDER", help="a folder, or one file")
    parser.add_argument("--out", type=options.path, required=True, metavar="DIR", help="an empty folder outside FOLDER")
    parser.add_argument(
        "--option", action="append", choices=NAMES, default=[], metavar="OPTION", help=f"may be repeated: {', '.join(NAMES)}"
    )
    parser.add_argument(
        "--black-out",
        choices=("proposed",),
        default="",
        help="burn what looks like text black; without it such files are held back",
    )
    parser.add_argument(
        "--box", type=options.numbers_type(4), action="append", default=[], metavar="X,Y,W,H", help="burn this box black too"
    )
    parser.add_argument(
        "--i-looked", action="store_true", help="you looked at every frame: no text that identifies is left; the files say so"
    )
    parser.add_argument("--no-faces", action="store_true", help="you looked: nobody can be recognised; the files say so")
    parser.add_argument("--key", type=Path, metavar="FILE", help="of an earlier run elsewhere, for the same pseudonyms")
    parser.add_argument("--resume", action="store_true", help="go on with the run in DIR; what is done is kept")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from app.deidentify.key import key
    from app.deidentify.policy import Policy
    from app.deidentify.run import Run
    from viewers.deidentify.instance import Looked
    from viewers.deidentify.options import chosen
    from viewers.geometry import Region

    boxes = tuple(Region(*box) for box in args.box)
    policy = Policy(chosen(args.option), boxes, args.black_out == "proposed", Looked(args.i_looked, args.no_faces))
    with Run(args.folder, args.out, policy, key(args.key), resume=args.resume) as made:
        outcomes: list[Outcome] = []
        try:
            _work(made, outcomes)
        except KeyboardInterrupt:
            complain(f"stopped; what was done is kept in {args.out}, go on with --resume")
            return 130
        report = made.finish(outcomes)
        return _told(args, made, outcomes, report)


def _work(made: Run, outcomes: list[Outcome]) -> None:
    meter, began, trouble = Meter(), time.monotonic(), 0
    for number, item in enumerate(made.items):
        left = (time.monotonic() - began) / number * (len(made.items) - number) if number else 0.0
        meter.say(
            f"{number + 1} of {len(made.items)}, {trouble} not written, {left:.0f} s left", str(number * 20 // len(made.items))
        )
        outcomes.append(made.run_item(item))
        trouble += outcomes[-1].left_out
    meter.end()


def _told(args: argparse.Namespace, made: Run, outcomes: list[Outcome], report: Path) -> int:
    from app.deidentify.run import DONE, HELD, OTHER, counted, partly_looked

    counts = counted(outcomes)
    for one in outcomes:
        if one.left_out:
            complain(f"file {one.number}: {one.status}, {one.reason}")
    open_files = [one.number for one in outcomes if one.left_out]
    if some := partly_looked(outcomes):
        complain(some)
    if open_files or counts[OTHER]:
        complain(f"which file has which number stands in {made.private_list}, which names patients and stays here")
    if any(one.status == HELD for one in outcomes):
        complain("look at the files that are held back; then --black-out proposed, --box or --i-looked lets them through")
    if not outcomes:
        complain(f"there are no files in {args.folder}; is it the right folder?")
    named = {state.replace(" ", "_").lower(): count for state, count in counts.items()}
    body = {"files": len(outcomes), **named, "not_written": open_files, "report": str(report)}
    text = f"{len(outcomes)} files: {', '.join(f'{count} {state}' for state, count in counts.items())}. {report}"
    show(args, body, text)
    return 5 if open_files or not counts[DONE] else 0
