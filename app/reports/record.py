"""The report as JSON, and back. What was written is read back equal, or refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING, asdict, fields
from typing import Any

from app.reports import changes
from app.reports.report import Evidence, Origin, Report, ReportError, Section, Sentence, Signature, State, content_sha256
from inference.answers import Receipt

SCHEMA = "hilum-report-1"


def to_json(report: Report) -> str:
    """Two spaces, one line feed at the end; the banner stands first in the file's own words. What became of findings since a
    prior is read out of the sentences, and not read back."""
    body: dict[str, Any] = {"schema": SCHEMA, "banner": report.banner, **asdict(report)}
    if became := changes.rows(report):
        body["changes"] = [
            {"finding": row.name, "change": row.change, "sentence": changes.evidence(report, row), "sentences": row.sentences}
            for row in became
        ]
    return json.dumps(body, indent=2, ensure_ascii=False) + "\n"


def from_json(text: str) -> Report:
    """Raises ReportError for text that is not a report of ours, or a signed one that was changed after signing."""
    try:
        body = json.loads(text)
        if body["schema"] != SCHEMA:
            raise ReportError(f"this is a report of the form {body['schema']!r}, this version reads {SCHEMA!r}")
        report = _report(body)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, ReportError):
            raise
        raise ReportError(f"this is not a report written by Hilum ({type(error).__name__}: {error})") from error
    if report.signature and report.signature.content_sha256 != content_sha256(report):
        raise ReportError(f"the report was changed after {report.signature.name} signed it; it is not shown as signed")
    return report


def _report(body: Mapping[str, Any]) -> Report:
    return Report(
        subject=str(body["subject"]),
        sentences=tuple(sentence(one) for one in body["sentences"]),
        receipts=tuple(receipt(one) for one in body["receipts"]),
        prior_sent=bool(body["prior_sent"]),
        finish=str(body["finish"]),
        signature=signature(body["signature"]) if body["signature"] else None,
        earlier=tuple(signature(one) for one in body["earlier"]),
    )


def sentence(body: Mapping[str, Any]) -> Sentence:
    """A sentence from its JSON object; ValueError, KeyError or TypeError for anything else."""
    evidence = tuple(Evidence(**{**one, "box": tuple(one["box"]) if one["box"] else None}) for one in body["evidence"])
    known = {"section": Section(body["section"]), "origin": Origin(body["origin"]), "state": State(body["state"])}
    return Sentence(**{**body, **known, "evidence": evidence})


def signature(body: Mapping[str, Any]) -> Signature:
    """A signature from its JSON object; KeyError or TypeError for anything else."""
    return Signature(**{**body, "changes": tuple(body["changes"])})


def receipt(body: Mapping[str, Any]) -> Receipt:
    """A receipt from its JSON object: lists become tuples, unknown fields are refused with a TypeError."""
    values = {key: _frozen(value) for key, value in body.items()}
    if (
        missing := {one.name for one in fields(Receipt)}
        - values.keys()
        - {one.name for one in fields(Receipt) if one.default is not MISSING}
    ):
        raise KeyError(f"a receipt without {', '.join(sorted(missing))}")
    return Receipt(**values)


def _frozen(value: Any) -> Any:
    return tuple(_frozen(one) for one in value) if isinstance(value, list) else value
