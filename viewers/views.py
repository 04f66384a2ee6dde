"""Which pane shows what."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from viewers.canvas import Canvas
from viewers.marked_film import MarkedFilm
from viewers.marked_slide import MarkedSlide
from viewers.sources import Source, TiledSource, TracedSource
from viewers.waveform_view import WaveformView

Marked = MarkedSlide | MarkedFilm
"""A pane that marks can be drawn in."""


def make_view(source: Source, parent: QWidget | None = None) -> Canvas:
    """A pane that shows `source` and owns it from now on: it is closed once the pane has let go of it."""
    if isinstance(source, TracedSource):
        trace = WaveformView(parent)
        trace.set_source(source)
        return trace
    view: Marked = MarkedSlide(parent) if isinstance(source, TiledSource) else MarkedFilm(parent)
    view.set_source(source)
    return view
