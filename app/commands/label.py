"""`hilum label PATH`: zero-shot labels as a sorted table."""

from __future__ import annotations

import argparse

from app.commands import options
from app.commands.options import Commands, command
from app.commands.output import show, table, warned


def add(commands: Commands) -> None:
    parser = command(commands, "label", "zero-shot labels of a picture, highest contrast first")
    options.add_place(parser)
    options.add_kind(parser)
    parser.add_argument("--set", default="", metavar="NAME|FILE", help="a label set of Hilum's or a .toml file")
    options.add_engine(parser, encoder=True)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from app.described import described
    from app.label_sets import load, suited
    from app.reports import BANNER
    from inference.answers import LabelScores
    from inference.questions import LabelQuestion

    labels = load(args.set) if args.set else suited(args.encoder, options.modality(args))
    result = options.answered(args, LabelQuestion(labels))
    answer = result.answer
    if not isinstance(answer, LabelScores):
        raise TypeError("a label question is answered by label scores")
    rows = [("label", "contrast", "probability, not calibrated" if not answer.calibrated else "probability")]
    rows += [(one.name, f"{one.contrast:+.3f}", f"{one.probability:.3f}") for one in answer.scores]
    remark = f"{answer.receipt.model}, {answer.receipt.remark}" if answer.receipt.remark else answer.receipt.model
    show(args, described(result), f"{warned(answer.receipt.warnings)}{table(rows)}\n\n{labels.name} by {remark}. {BANNER}.")
    return 0
