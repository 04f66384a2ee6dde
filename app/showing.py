"""Answers drawn on a pane: the heatmap and the boxes, placed in level-0 pixels."""

from __future__ import annotations

from app.panes import Pane
from app.session import Findings
from inference.answers import Heatmap


def show_on_pane(pane: Pane, found: Findings, opacity: float) -> None:
    """What was found in the pane's own source; anything drawn before goes. Each is drawn on the frame it was made for."""
    view = pane.view
    if view.source is None:
        return
    view.clear_results()
    result = found.heatmap
    if result is not None and isinstance(result.answer, Heatmap):
        answer = result.answer
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
    for result in [one for _, one in found.conversation[-1:] if one.boxes()]:
        view.show_boxes([(box.label, box.x0, box.y0, box.x1, box.y1) for box in result.boxes()], result.region.frame)
