"""`hilum ask PATH QUESTION`: a free question about a picture."""

from __future__ import annotations

import argparse

from app.commands import options
from app.commands.options import Commands, command
from app.commands.output import WrongCall, complain, show, warned


def add(commands: Commands) -> None:
    parser = command(commands, "ask", "a free question about a picture")
    options.add_place(parser)
    options.add_whole(parser)
    parser.add_argument("question", metavar="QUESTION")
    parser.add_argument("--prior", type=options.path, metavar="PATH", help="an earlier picture, sent to the model first")
    options.add_engine(parser, drafter=True, endpoint=True)
    options.add_decoding(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from app.described import described
    from app.reports import BANNER
    from inference.answers import Draft
    from inference.errors import ModelFailed
    from inference.questions import FreeQuestion

    if not args.question.strip():
        raise WrongCall("the question is empty; write what is to be asked")
    result = options.answered(args, FreeQuestion(args.question, options.decoding(args)))
    answer = result.answer
    if not isinstance(answer, Draft):
        raise TypeError("a free question is answered by a text")
    if not answer.text.strip():
        raise ModelFailed(f"the model {answer.receipt.model} wrote nothing; ask in other words")
    remark = f", {answer.receipt.remark}" if answer.receipt.remark else ""
    show(
        args,
        described(result),
        f"{warned(answer.receipt.warnings)}{answer.text.strip()}\n\nBy {answer.receipt.model}{remark}. {BANNER}.",
    )
    if answer.finish != "stop":
        complain(f"the answer is incomplete, {options.ended(answer)}")
        return 5
    return 0
