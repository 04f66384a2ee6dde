"""A report as a file of its own, in the form its name asks for."""

from __future__ import annotations

from pathlib import Path

from app.reports.report import Report
from app.storage import atomic_write


def write(report: Report, path: Path) -> None:
    """PDF, web page or, by any other ending, the report's own JSON; from any thread, whole or not at all. Raises OSError."""
    ending = path.suffix.lower()
    if ending == ".pdf":
        from app.reports import pdf

        pdf.write(report, path)
    elif ending == ".html":
        from app.reports import html

        atomic_write(path, html.page(report))
    else:
        from app.reports import record

        atomic_write(path, record.to_json(report))
