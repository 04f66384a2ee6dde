"""A report as lines, each whole by itself: what a journal holds, so that a torn file gives back every line that is whole.

A line is the CRC-32 of its JSON in eight hexadecimal digits, a space, and the JSON in ASCII. The first line says whose report
it is and how many sentences and receipts follow; sentences come before receipts. A signature is not among it: who signs an
unsaved report signs it again.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from app.reports import record
from app.reports.report import Report, ReportError, Sentence
from inference.answers import Receipt

FORM = "hilum-journal-1"


@dataclass(frozen=True, slots=True)
class Kept:
    """What the lines gave back. `missing` says in sentences what did not come back, "" when all did; `source` is None and
    `kept_at` (seconds since 1970) 0.0 when the first line is not readable. `whole`: every line was."""

    report: Report | None
    source: Path | None
    entry: str
    kept_at: float
    missing: str
    whole: bool
    root: Path | None = None
    """What has to be opened to get the source as it was: the folder of a series of several files. None: the source itself."""


def to_lines(report: Report, source: Path, entry: str, kept_at: float, root: Path | None = None) -> str:
    """`entry` names the report in its journal."""
    head = {
        "form": FORM,
        "source": str(source),
        "root": str(root or ""),
        "entry": entry,
        "kept_at": kept_at,
        "subject": report.subject,
        "prior_sent": report.prior_sent,
        "finish": report.finish,
        "signed_by": report.signature.name if report.signature else "",
        "earlier": [asdict(one) for one in report.earlier],
        "sentences": len(report.sentences),
        "receipts": len(report.receipts),
    }
    rest = [{"sentence": asdict(one)} for one in report.sentences] + [
        {"receipt": asdict(one), "at": at} for at, one in enumerate(report.receipts)
    ]
    return "".join(_line(body) for body in [head, *rest])


def from_lines(data: bytes) -> Kept:
    """Never raises: what cannot be read is left out and named in `missing`."""
    head: Mapping[str, Any] = {}
    sentences, receipts = list[Sentence](), list[Receipt]()
    for line in data.splitlines():
        body = _body(line)
        try:
            if "form" in body:
                head = body
            elif "sentence" in body:
                sentences.append(record.sentence(body["sentence"]))
            elif "receipt" in body and body["at"] == len(receipts):
                receipts.append(record.receipt(body["receipt"]))
        except (ValueError, KeyError, TypeError, AttributeError):
            pass
    return _kept(head, sentences, receipts)


def _kept(head: Mapping[str, Any], sentences: list[Sentence], receipts: list[Receipt]) -> Kept:
    try:
        if head and head["form"] != FORM:
            return _nothing("It was written by another version of Hilum, which can open it.", head)
        report = Report(
            subject=str(head["subject"]) if head else "unknown picture",
            sentences=tuple(_grounded(one, len(receipts)) for one in sentences),
            receipts=tuple(receipts),
            prior_sent=bool(head.get("prior_sent", False)),
            finish=str(head.get("finish", "")),
            earlier=tuple(record.signature(one) for one in head.get("earlier", ())),
        )
        source = Path(head["source"]) if head else None
        whole = bool(head) and len(sentences) == head["sentences"] and len(receipts) == head["receipts"]
        return Kept(
            report if sentences else None,
            source,
            str(head.get("entry", "")),
            float(head.get("kept_at", 0.0)),
            _missing(head, len(sentences), len(receipts)),
            whole,
            Path(head["root"]) if head.get("root") else None,
        )
    except (ValueError, KeyError, TypeError, AttributeError, ReportError):
        return _nothing("Nothing of it can be read.", {})


def _missing(head: Mapping[str, Any], sentences: int, receipts: int) -> str:
    if not head and not sentences:
        return "Nothing of it can be read."
    said = []
    if not head:
        said.append(f"Its beginning is damaged, so the picture is not known; {_counted(sentences)} could be read.")
    elif sentences < head["sentences"]:
        said.append(f"The report is damaged: {sentences} of {_counted(head['sentences'])} could be read.")
    if head and receipts < head["receipts"]:
        said.append("The receipts of the model did not all come back.")
    if head and head.get("signed_by"):
        said.append(f"It was signed by {head['signed_by']} and not saved; it is to be signed again.")
    return " ".join(said)


def _counted(sentences: int) -> str:
    return f"{sentences} sentence{'s' * (sentences != 1)}"


def _nothing(sentence: str, head: Mapping[str, Any]) -> Kept:
    source = head.get("source")
    return Kept(None, Path(source) if isinstance(source, str) else None, str(head.get("entry", "")), 0.0, sentence, False)


def _grounded(sentence: Sentence, receipts: int) -> Sentence:
    """Evidence keeps pointing at receipts that came back only."""
    evidence = tuple(
        replace(one, receipt=None) if one.receipt is not None and one.receipt >= receipts else one for one in sentence.evidence
    )
    return replace(sentence, evidence=evidence)


def _line(body: Mapping[str, object]) -> str:
    text = json.dumps(body)
    return f"{zlib.crc32(text.encode('ascii')):08x} {text}\n"


def _body(line: bytes) -> Mapping[str, Any]:
    """The JSON object of a whole line, empty for a torn or damaged one."""
    try:
        if int(line[:8], 16) == zlib.crc32(line[9:]):
            body = json.loads(line[9:])
            return body if isinstance(body, dict) else {}
    except ValueError:
        pass
    return {}
