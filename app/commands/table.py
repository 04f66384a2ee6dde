"""`hilum table PATH`: the rows of a laboratory sheet, or of a table in a form of one's own, as a model copied them."""

from __future__ import annotations

import argparse
from dataclasses import asdict, astuple
from pathlib import Path
from typing import TYPE_CHECKING

from app.commands import options
from app.commands.options import Commands, command
from app.commands.output import WrongCall, complain, out_path, show, table, warned

if TYPE_CHECKING:
    from app.analysis import Result
    from inference.answers import Draft


def add(commands: Commands) -> None:
    parser = command(commands, "table", "the rows of a laboratory sheet, each value compared with its printed range")
    options.add_place(parser)
    parser.add_argument("--csv", type=out_path((".csv",)), metavar="OUT.csv", help="write the rows there too")
    parser.add_argument("--schema", type=options.path, metavar="FILE", help="a JSON schema that the answer keeps to instead")
    options.add_engine(parser, drafter=True, endpoint=True)
    options.add_decoding(parser, thinking=False)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from app import lab_sheet
    from inference.answers import Draft
    from inference.questions import TABLE_TOKENS, Decoding, TableQuestion

    form = _form(args.schema) if args.schema else ""
    decoding = Decoding(args.max_tokens or TABLE_TOKENS, args.temperature, args.seed)
    result = options.answered(args, TableQuestion(form, decoding))
    if not isinstance(result.answer, Draft):
        raise TypeError("a table is read as a text")
    lab_sheet.must_say_something(result.answer)
    code = _own(args, result, result.answer, form) if form else _sheet(args, result, result.answer)
    if result.answer.finish != "stop":
        complain(f"{lab_sheet.CUT} ({options.ended(result.answer)})")
        return 5
    return code


def _form(path: Path) -> str:
    """The schema's text, checked before a model is loaded. Raises SchemaRefused."""
    from inference import forms

    text = path.read_text(encoding="utf-8-sig", errors="replace")
    forms.parsed(text)
    return text


def _sheet(args: argparse.Namespace, result: Result, answer: Draft) -> int:
    from app import lab_sheet
    from app.described import described
    from app.reports import BANNER
    from app.storage import atomic_write

    rows = lab_sheet.judged(lab_sheet.rows_of(answer))
    body = {**described(result), "rows": [{**asdict(one.row), "range_check": one.verdict, "remark": one.remark} for one in rows]}
    lines = [("test", "value", "unit", "range", "flag", "look at"), *((*astuple(one.row), one.remark) for one in rows)]
    shown = f"{table(lines)}\n\n" if rows else ""
    remark = f", {answer.receipt.remark}" if answer.receipt.remark else ""
    show(
        args,
        body,
        f"{warned(answer.receipt.warnings)}{shown}{lab_sheet.summed(rows)}\nBy {answer.receipt.model}{remark}. {BANNER}.",
    )
    if args.csv and rows:
        atomic_write(args.csv, lab_sheet.sheet_csv(rows))
    elif args.csv:
        complain(f"{args.csv} was not written: no row was read")
        return 5
    return 0


def _own(args: argparse.Namespace, result: Result, answer: Draft, form: str) -> int:
    import json

    from app import lab_sheet
    from app.described import described
    from app.storage import atomic_write
    from inference import forms

    found = forms.fitting(answer.text, forms.parsed(form))
    show(args, {**described(result), "value": found}, json.dumps(found, indent=2, ensure_ascii=False))
    if args.csv:
        columns = lab_sheet.any_table(answer.text, form)
        if columns is None:
            raise WrongCall("--csv needs a schema with exactly one list of rows without lists inside; leave it out")
        atomic_write(args.csv, lab_sheet.csv_text(*columns))
    return 0
