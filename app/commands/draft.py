"""`hilum draft PATH`: a drafted report, every sentence proposed."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from app.commands import options
from app.commands.options import Commands, command
from app.commands.output import complain, out_path, show

if TYPE_CHECKING:
    from app.reports.report import Report


def add(commands: Commands) -> None:
    parser = command(commands, "draft", "a drafted report: findings and impression, sentence by sentence")
    options.add_place(parser)
    options.add_kind(parser)
    options.add_whole(parser)
    options.add_slide(parser)
    parser.add_argument("--prior", type=options.path, metavar="PATH", help="an earlier picture, sent to the model first")
    parser.add_argument("--indication", default="", metavar="TEXT", help="why the picture was taken")
    parser.add_argument("--out", type=out_path((".json", ".html", ".pdf")), metavar="X.json|.html|.pdf")
    options.add_engine(parser, drafter=True, endpoint=True)
    options.add_decoding(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from app.described import described
    from app.reports import files, record
    from app.reports.checks import remarks
    from app.reports.sentences import from_draft
    from inference.answers import Draft
    from inference.questions import DraftQuestion

    told = options.of_slide(args, args.indication)
    result = options.answered(args, DraftQuestion(told, options.decoding(args)))
    if not isinstance(result.answer, Draft):
        raise TypeError("a draft question is answered by a draft")
    prior = args.prior is not None
    report = from_draft(
        result.answer, args.path.name, indication=args.indication, prior_sent=prior, boxes=result.boxes(),
        numbered=result.numbered,
    )  # fmt: skip
    if args.out:
        files.write(report, args.out)
    found = [one.text for one in remarks(report)]
    body = {**described(result), "report": json.loads(record.to_json(report)), "remarks": found}
    show(args, {**body, "out": str(args.out) if args.out else None}, _text(report, found))
    if result.answer.finish != "stop":
        complain(f"the draft is incomplete, {options.ended(result.answer)}")
        return 5
    return 0


def _text(report: Report, found: list[str]) -> str:
    from app.reports import changes
    from app.reports.report import Section

    lines = [f"{report.banner}."]
    lines += [f"By {one.model}" + (f", {one.remark}." if one.remark else ".") for one in report.receipts]
    lines += report.warnings
    for section in Section:
        if sentences := report.section(section):
            lines += ["", f"{section}:", *(f"  {one.text}" for one in sentences)]
    if named := dict.fromkeys(one for section in Section for sentence in report.section(section) for one in sentence.images):
        lines += ["", *(f"{label.capitalize()} is frame {frame + 1} of the series." for label, frame in named)]
    if became := changes.rows(report):
        lines += ["", "Compared with the prior, by the words of the draft:"]
        lines += [f"  {row.name}: {row.change}" for row in became]
    if found:
        lines += ["", "Look at twice:", *(f"  {one}" for one in found)]
    return "\n".join(lines)
