"""`hilum ask PATH… QUESTION`: a free question about pictures, a film of many frames, or a record."""

from __future__ import annotations

import argparse
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.commands import options
from app.commands.options import Commands, command
from app.commands.output import Meter, WrongCall, complain, show, warned

if TYPE_CHECKING:
    from app.numbered import Numbered
    from inference.answers import Draft


VERDICTS = {"yes": "Yes, by the answer below.", "no": "No, by the answer below.", "unclear": "Unclear: the answer below says "
            "neither yes nor no in the form asked for."}  # fmt: skip


def add(commands: Commands) -> None:
    parser = command(commands, "ask", "a free question about one or several pictures, or about a record")
    parser.add_argument(
        "words", nargs="+", metavar="PATH… QUESTION", help="files, or folders of one series each; the question comes last"
    )
    options.add_region(parser)
    options.add_kind(parser)
    options.add_whole(parser)
    options.add_slide(parser)
    parser.add_argument("--frames", type=options.count, default=0, metavar="N",
                        help="of a film of many frames so many, evenly in time: the first and the last among them")  # fmt: skip
    parser.add_argument("--prior", type=options.path, metavar="PATH", help="an earlier picture, sent to the model first")
    parser.add_argument("--recipe", metavar="NAME", help="a ready question instead of QUESTION: fundus, skin, fracture")
    parser.add_argument("--record", type=options.path, metavar="FILE", help="a record to ask about: text, FHIR as JSON, or PDF")
    parser.add_argument("--classify", type=options.phrase, metavar="CONDITION",
                        help="instead of QUESTION: whether it is there, in the published words; yes, no, unclear")  # fmt: skip
    parser.add_argument("--changes", action="store_true",
                        help="instead of QUESTION, with --prior: what became of each finding of MS-CXR-T")  # fmt: skip
    options.add_engine(parser, drafter=True, endpoint=True)
    options.add_decoding(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from app import asking_changes, ready
    from inference.questions import ChangeQuestion, ConditionQuestion, FreeQuestion, Question

    instead = [name for name in ("recipe", "classify", "changes") if getattr(args, name)]
    if len(instead) > 1:
        raise WrongCall(f"--{instead[0]} and --{instead[1]} both stand for the question; leave one out")
    question = ready.named(args.recipe).text if args.recipe else "" if instead else args.words.pop()
    if not question.strip() and not instead:
        raise WrongCall("the question is empty; write what is to be asked")
    paths = [options.path_of(one) for one in args.words]
    if args.record:
        return _record(args, question, paths)
    if not paths:
        raise WrongCall("a picture is missing; write PATH before the question, or name a record with --record")
    args.path, args.also, args.whole_series = paths[0], paths[1:], args.whole_series or bool(args.frames)
    if args.also and (args.region or args.frame or args.whole_series or args.whole_slide):
        raise WrongCall("--region, --frame, --frames, --whole-series and --whole-slide go with one picture; leave them out")
    from app.described import described

    if instead and args.also:
        raise WrongCall(f"--{instead[0]} goes with one picture; leave the others out")
    if args.changes and not args.prior:
        raise WrongCall("--changes compares with an earlier picture; name it with --prior")
    asked: Question = FreeQuestion(options.of_slide(args, question), options.decoding(args))
    if args.classify:
        asked = ConditionQuestion(args.classify, options.decoding(args))
    if args.changes:
        asked = ChangeQuestion(asking_changes.ALL, options.decoding(args))
    result = options.answered(args, asked)
    return _tell(args, result.answer, described(result), prior=args.prior is not None, numbered=result.numbered)


def _record(args: argparse.Namespace, question: str, paths: list[Path]) -> int:
    from app import asking_records, records
    from app.reports import BANNER
    from app.reports.sentences import plain

    if paths or args.prior or args.region or args.frame or args.whole_series or args.frames or args.recipe or args.classify:
        raise WrongCall("--record goes with a question alone; leave pictures and their options out")
    record, meter = records.read(args.record), Meter()
    try:
        with closing(options.engine(args)) as engine:
            answer = asking_records.ask(record, question, options.decoding(args), engine, meter)
    finally:
        meter.end()
    body = {"use": BANNER.lower(), "record": str(args.record), "text": plain(answer.text), "thought": plain(answer.thought)}
    return _tell(args, answer, {**body, "finish": answer.finish, "receipt": asdict(answer.receipt)})


def _tell(
    args: argparse.Namespace, answer: Any, body: dict[str, Any], *, prior: bool = True, numbered: Numbered | None = None
) -> int:
    """`prior`: the model was sent an earlier picture, or may well have read of one in a record."""
    from app.reports import BANNER
    from app.reports.checks import of_answer
    from inference.answers import Draft
    from inference.errors import ModelFailed

    if not isinstance(answer, Draft):
        raise TypeError("a free question is answered by a text")
    if not answer.text.strip():
        raise ModelFailed(f"the model {answer.receipt.model} wrote nothing; ask in other words")
    twice = of_answer(answer.text, prior, numbered)
    words = f"{answer.text.strip()}\n\n" + "".join(f"Look at twice: {one}\n" for one in twice)
    named = numbered.sent(answer.text) if numbered is not None else ()
    words += "".join(f"{label.capitalize()} is frame {frame + 1} of the series.\n" for label, frame in named)
    top = f"{VERDICTS[answer.verdict]}\n\n" if answer.verdict else ""
    show(args, {**body, "remarks": twice}, f"{warned(answer.receipt.warnings)}{top}{words}{_by(answer)} {BANNER}.")
    if answer.finish != "stop":
        complain(f"the answer is incomplete, {options.ended(answer)}")
        return 5
    return 0


def _by(answer: Draft) -> str:
    remark = f", {answer.receipt.remark}" if answer.receipt.remark else ""
    return f"By {answer.receipt.model}{remark}."
