"""Answers drawn on a pane: the heatmap and the boxes, placed in level-0 pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inference.answers import Heatmap

if TYPE_CHECKING:
    from app.analysis import Result
    from app.panes import Pane
    from app.session import Findings
    from viewers.canvas import Canvas


def show_on_pane(pane: Pane, found: Findings, opacity: float) -> None:
    """What was found in the pane's own source, in place of anything else; each is drawn on the frame it was made for.

    A heatmap that is there already stays as it is: an answer of another kind does not make it fade in again.
    """
    view = pane.view
    if view.source is None:
        return
    result = found.heatmap
    answer = result.answer if result is not None else None
    if result is None or not isinstance(answer, Heatmap):
        view.clear_results()
    elif view.shows_heatmap(answer.values, result.region.frame):
        view.show_boxes((), result.region.frame)
    else:
        view.clear_results()
        _lay_over(view, result, answer, opacity)
    for told in [one for _, one in found.conversation[-1:] if one.boxes()]:
        view.show_boxes([(box.label, box.x0, box.y0, box.x1, box.y1) for box in told.boxes()], told.region.frame)


def _lay_over(view: Canvas, result: Result, answer: Heatmap, opacity: float) -> None:
    view.overlay.opacity = opacity
    view.show_heatmap(
        answer.values,
        result.heatmap_extent(),
        answer.low,
        answer.high,
        answer.phrase,
        answer.unit,
        answer.validated,
        result.region.frame,
    )
