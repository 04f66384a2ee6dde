"""CURRENT and PRIOR at the top of panes that show two studies of one patient, with date and distance."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QObject, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter
from shiboken6 import isValid

from app.chain import SIGN
from app.panes import Pane, Panes
from app.priors import Known, Prior, before, days_between, priors
from app.shelf import Shelf
from viewers import theme
from viewers.canvas import Canvas
from viewers.dicom_view import RadiologyView
from viewers.lettering import draw_plate, pane_font


class Titles(QObject):
    """Of the pictures that are seen, those of the latest study are current to those of earlier ones of the same patient and body
    part. A pane that shows a film without any such other has no title."""

    def __init__(self, panes: Panes, shelf: Shelf) -> None:
        super().__init__(panes)
        self._panes, self._shelf = panes, shelf
        self._texts: dict[int, str] = {}
        self._over: tuple[Canvas, str] | None = None
        panes.viewMade.connect(self._view_made)
        panes.arranged.connect(lambda _: self.settle())
        shelf.known.connect(lambda _: self.settle())

    def of(self, pane: Pane) -> str:
        """ "" where the pane has none."""
        return self._texts.get(pane.number, "")

    def is_prior(self, pane: Pane) -> bool:
        return self.of(pane).startswith("PRIOR")

    def settle(self) -> None:
        """Find the titles anew."""
        shown = self._shown()
        texts = {pane.number: text for pane, known in shown if (text := _title(known, [one for _, one in shown]))}
        if texts == self._texts:
            return
        self._texts = texts
        for pane in self._panes.seen:
            pane.view.update()

    def pair(self) -> tuple[RadiologyView, RadiologyView, Prior] | None:
        """A current film and its prior that are both seen, that of the active pane first."""
        found = self._found()
        return None if found is None else (_view(found[0]), _view(found[1]), found[2])

    def pair_of_panes(self) -> tuple[Pane, Pane] | None:
        found = self._found()
        return None if found is None else (found[0], found[1])

    def say_over(self, view: Canvas | None, text: str) -> None:
        """Another picture is seen in a pane for a moment; None: no more."""
        self._over = (view, text) if view is not None else None

    def _found(self) -> tuple[Pane, Pane, Prior] | None:
        shown = self._shown()
        shown.sort(key=lambda one: one[0].number != self._panes.active)
        for pane, known in shown:
            for prior in priors(known, [one for _, one in shown]):
                return pane, next(other for other, one in shown if one.path == prior.path), prior
        return None

    def _shown(self) -> list[tuple[Pane, Known]]:
        found = []
        for pane in self._panes.seen:
            known = self._shelf.known_of(pane.standing)
            if isinstance(pane.view, RadiologyView) and isValid(pane.view) and known is not None:
                found.append((pane, known))
        return found

    def _view_made(self, pane: Pane) -> None:
        pane.view.signs.append(lambda painter: self._paint(pane, painter))
        self.settle()

    def _paint(self, pane: Pane, painter: QPainter) -> None:
        text = self.of(pane)
        if self._over is not None and self._over[0] is pane.view:
            text = self._over[1]
        if not text:
            return
        font = pane_font(pane.view.font(), bold=True)
        metrics, room = QFontMetricsF(font), pane.view.width() - 2 * theme.MARGIN - 20
        if metrics.horizontalAdvance(text) > room:
            text = text.replace(", ", "\n", 1)
        lines = text.split("\n")
        width = max(metrics.horizontalAdvance(line) for line in lines) + 20
        top = theme.MARGIN + SIGN.height() + 4
        plate = QRectF(round((pane.view.width() - width) / 2), top, round(width), 24 + metrics.height() * (len(lines) - 1))
        draw_plate(painter, plate)
        painter.setFont(font)
        painter.setPen(QColor(theme.WARNING if text.startswith("PRIOR") else theme.PLATE_TEXT))
        painter.drawText(plate, Qt.AlignmentFlag.AlignCenter, text)


def _title(known: Known, shown: Sequence[Known]) -> str:
    later = [one for one in shown if any(prior.path == known.path for prior in priors(one, [known]))]
    facts = known.facts
    if later:
        newest = max(later, key=lambda one: (one.facts.study_date, one.facts.study_time)).facts
        return f"PRIOR  {facts.study_date}, {before(days_between(newest.study_date, facts.study_date))}"
    return f"CURRENT  {facts.study_date}" if priors(known, shown) else ""


def _view(pane: Pane) -> RadiologyView:
    assert isinstance(pane.view, RadiologyView)
    return pane.view
