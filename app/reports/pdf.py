"""The report as PDF: the banner on every page, the receipt on the last. The only Qt file of the reports."""

from __future__ import annotations

import os
from pathlib import Path

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QMarginsF, QRectF, QSizeF, Qt, QUrl
from PySide6.QtGui import (
    QAbstractTextDocumentLayout,
    QFont,
    QGuiApplication,
    QPageLayout,
    QPageSize,
    QPainter,
    QPdfWriter,
    QTextDocument,
)

from app.reports import html
from app.reports.report import Report
from app.reports.sentences import plain
from app.storage import atomic_write

_DPI = 96
_BAND = 36.0
"""Height of the banner's band at the top and of the page number's at the bottom, in pixels of 1/96 inch."""


class _Document(QTextDocument):
    """Loads nothing, whatever its text asks for."""

    def loadResource(self, type: int, name: QUrl | str) -> None:  # noqa: ARG002
        return None


def write(report: Report, path: Path) -> None:
    """Write `path` whole or not at all. Raises OSError."""
    atomic_write(path, pages(report))


def pages(report: Report) -> bytes:
    """The PDF file's bytes, A4. A screen is not needed; without an application one is made on the offscreen platform."""
    application = QGuiApplication.instance() or _offscreen()
    store = QByteArray()
    buffer = QBuffer(store)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    writer = QPdfWriter(buffer)
    writer.setResolution(_DPI)
    writer.setPageLayout(
        QPageLayout(
            QPageSize(QPageSize.PageSizeId.A4),
            QPageLayout.Orientation.Portrait,
            QMarginsF(15, 12, 15, 12),
            QPageLayout.Unit.Millimeter,
        )
    )
    writer.setTitle(plain(f"{report.banner}: {report.subject}"))
    writer.setCreator("Hilum")
    page = QSizeF(writer.width(), writer.height() - 2 * _BAND)
    parts = [_document(html.body(report), page, writer), _document(html.receipts(report), page, writer)]
    total = sum(part.pageCount() for part in parts)
    painter = QPainter(writer)
    number = 0
    for part in parts:
        for index in range(part.pageCount()):
            number += 1
            if number > 1:
                writer.newPage()
            _draw(painter, part, index, page, plain(report.banner), f"{number} / {total}")
    painter.end()
    buffer.close()
    del application
    return bytes(store.data())


def _offscreen() -> QGuiApplication:
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    return QGuiApplication([])


def _document(markup: str, page: QSizeF, writer: QPdfWriter) -> QTextDocument:
    document = _Document()
    document.setDefaultFont(QFont("sans-serif", 10))
    document.documentLayout().setPaintDevice(writer)
    document.setDocumentMargin(0)
    document.setHtml(markup)
    document.setPageSize(page)
    return document


def _draw(painter: QPainter, document: QTextDocument, index: int, page: QSizeF, banner: str, number: str) -> None:
    painter.setFont(QFont("sans-serif", 10, QFont.Weight.Bold))
    painter.setPen(Qt.GlobalColor.black)
    painter.drawText(QRectF(0, 0, page.width(), _BAND), Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop, banner)
    painter.setFont(QFont("sans-serif", 9))
    foot = QRectF(0, page.height() + _BAND, page.width(), _BAND)
    painter.drawText(foot, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignBottom, number)
    painter.save()
    view = QRectF(0, index * page.height(), page.width(), page.height())
    painter.translate(0, _BAND - view.top())
    context = QAbstractTextDocumentLayout.PaintContext()
    context.clip = view
    painter.setClipRect(view)
    document.documentLayout().draw(painter, context)
    painter.restore()
