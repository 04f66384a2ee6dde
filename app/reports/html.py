"""The report as one HTML page that asks for nothing from outside and holds no markup but its own."""

from __future__ import annotations

from html import escape

from app.reports import changes
from app.reports.checks import remarks
from app.reports.report import Origin, Report, Section, Sentence
from app.reports.sentences import plain
from inference.answers import Receipt

_STYLE = """
body { font-family: sans-serif; color: #1e2023; background: #fff;
  max-width: 46em; margin: 2em auto; padding: 0 1em; line-height: 1.45 }
.banner { border: 2px solid #8a4b00; padding: .4em .8em; font-weight: bold }
.model { font-style: italic; border-left: 3px dashed #8a8f98; padding-left: .6em }
.state { font-size: 85%; color: #5a5f68; font-style: normal }
.person { border-left: 3px solid #1e2023; padding-left: .6em }
td, th { text-align: left; vertical-align: top; padding: .1em .8em .1em 0 }
td { overflow-wrap: anywhere }
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def page(report: Report) -> str:
    """A complete document for a browser."""
    title = escape(f"{report.banner}: {plain(report.subject)}")
    head = (
        f'<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        f"<title>{title}</title><style>{_STYLE}</style>"
    )
    start = f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head>\n<body>\n{banner(report)}\n'
    return f"{start}{body(report)}\n{receipts(report)}\n</body></html>\n"


def banner(report: Report) -> str:
    return f'<p class="banner">{_text(report.banner)}</p>'


def body(report: Report) -> str:
    """Sections, remarks and changes, without banner and receipts."""
    parts = [f"<h1>Report: {_text(report.subject)}</h1>"]
    if report.warnings:
        parts.append(_list("Outside of the model's training", report.warnings))
    for section in Section:
        if sentences := report.section(section):
            parts += [f"<h2>{section}</h2>", *(_sentence(one) for one in sentences)]
    if became := changes.rows(report):
        parts.append(_changes(report, became))
    if found := remarks(report):
        parts.append(_list("Look at twice", [one.text for one in found]))
    edits = report.signature.changes if report.signature else report.changes()
    if edits:
        parts.append(_list("What the reader changed", edits))
    for earlier in report.earlier:
        parts.append(f"<p>Earlier signature: {_text(earlier.name)}, {_text(earlier.when)}.</p>")
    return "\n".join(parts)


def receipts(report: Report) -> str:
    """What exactly produced the proposals, a table per answer."""
    tables = [f"<table>{''.join(_row(name, value) for name, value in _facts(one))}</table>" for one in report.receipts]
    return "<h2>Receipt</h2>\n" + ("\n".join(tables) if tables else "<p>No model took part in this report.</p>")


def _facts(receipt: Receipt) -> list[tuple[str, str]]:
    return [
        ("Model", f"{receipt.model} {receipt.remark and f'({receipt.remark})'}"),
        ("Revision", receipt.revision),
        *([("Adapter", receipt.adapter)] if receipt.adapter else []),
        ("Numbers", f"{receipt.dtype}, quantisation {receipt.quantisation}, on {receipt.device}, seed {receipt.seed}"),
        ("Prompt", receipt.prompt),
        ("Preprocessing", "; ".join(receipt.preprocessing)),
        ("Pixels, SHA-256", ", ".join(receipt.pixels_sha256)),
        ("Versions", ", ".join(f"{name} {version}" for name, version in receipt.versions)),
        ("Work", f"{receipt.tokens} tokens{_thinking(receipt)} in {receipt.seconds:.1f} s"),
        *([("Warnings", " ".join(receipt.warnings))] if receipt.warnings else []),
        ("On the way", "; ".join(receipt.steps) or "nothing had to be changed"),
    ]


def _thinking(receipt: Receipt) -> str:
    return f" ({receipt.thinking_tokens} of them a thinking trace)" if receipt.thinking_tokens else ""


def _row(name: str, value: str) -> str:
    return f"<tr><th>{name}</th><td>{_text(value)}</td></tr>"


def _sentence(sentence: Sentence) -> str:
    style = "model" if sentence.origin is Origin.MODEL else "person"
    boxes = sum(1 for one in sentence.evidence if one.box)
    evidence = f", {boxes} approximate box{'es' * (boxes > 1)}" if boxes else ""
    evidence += "".join(f", {_text(label)} is frame {frame + 1}" for label, frame in sentence.images)
    tag = f'<span class="state">[{sentence.origin}, {sentence.state}{evidence}]</span>'
    return f'<p class="{style}">{_text(sentence.text)} {tag}</p>'


def _changes(report: Report, became: tuple[changes.Row, ...]) -> str:
    head = "<tr><th>Finding</th><th>Change</th><th>Sentence</th></tr>"
    cells = ((row.name, row.change, changes.evidence(report, row)) for row in became)
    lines = "".join(f"<tr>{''.join(f'<td>{_text(cell)}</td>' for cell in line)}</tr>" for line in cells)
    return f"<h2>Compared with the prior, by the words of the report</h2>\n<table>{head}{lines}</table>"


def _list(title: str, lines: list[str] | tuple[str, ...]) -> str:
    return f"<h2>{title}</h2>\n<ul>{''.join(f'<li>{_text(line)}</li>' for line in lines)}</ul>"


def _text(text: str) -> str:
    return escape(plain(text)).replace("\n", "<br>")
