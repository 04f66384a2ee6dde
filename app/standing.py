"""How a picture stands in a pane: read off it for a rule, and brought about by a rule."""

from __future__ import annotations

from collections.abc import Sequence

from app.hanging_rules import Slot, Stands
from app.priors import Known
from viewers.canvas import Canvas
from viewers.dicom_view import RadiologyView
from viewers.grayscale import Window
from viewers.sources.facts import Facts

_ANCHORS: dict[str, float] = {"": 0.0, "left": -1.0, "right": 1.0}
_SIDES = {"R": "right", "L": "left", "B": "both sides"}


def slot(view: Canvas, known: Known, prior: bool) -> Slot:
    """What the pane of `view` shows, as a rule would ask for it."""
    facts, camera = known.facts, view.camera
    sided = facts.laterality if facts.laterality in ("L", "R") else ""
    edge = view.edge_letters()[1][:1] if camera.angle == 0 else ""
    window = view.window_shown if isinstance(view, RadiologyView) else None
    stands: Stands = "left" if camera.anchor < 0 else "right" if camera.anchor > 0 else ""
    return Slot(
        which="prior" if prior else "current",
        modality=_some(known.modality),
        body_part=_some(facts.body_part),
        view=_some(facts.view),
        laterality=_some(sided),
        plane=_some(facts.plane),
        right_edge=edge,
        stands=stands,
        window=(window.centre, window.width) if isinstance(window, Window) else None,
        zoom=None if camera.fitted else round(camera.device_scale, 4),
        turned=camera.angle,
        flipped=camera.flipped and not edge,
    )


def apply(view: Canvas, wanted: Slot, facts: Facts | None) -> None:
    """Turn, flip, place, zoom and window the picture of `view` as `wanted` says."""
    camera = view.camera
    if camera.flipped:
        camera.flip()
    camera.turn_to(0)
    if facts is not None and wanted.flips(facts):
        camera.flip()
    camera.turn_to(wanted.turned)
    camera.anchor = _ANCHORS[wanted.stands]
    camera.fit()
    if wanted.zoom is not None:
        camera.zoom_to(wanted.zoom)
    if isinstance(view, RadiologyView) and wanted.window is not None:
        view.set_window(Window(*wanted.window))
    view.moved_along()


def words(wanted: Slot) -> str:
    """What a pane is for: "MG right MLO", "prior CHEST PA"."""
    sides = tuple(_SIDES.get(one, one) for one in wanted.laterality)
    parts = [
        *wanted.modality[:1],
        *wanted.body_part[:1],
        *sides[:1],
        *wanted.view[:1],
        *(one.lower() for one in wanted.plane[:1]),
    ]
    return " ".join(["prior", *parts] if wanted.which == "prior" else parts)


def suggested(slots: Sequence[Slot]) -> str:
    """A name for the rule: the kind of study and how many panes."""
    first = next(one for one in slots if not one.empty)
    kind = " ".join([*first.modality, *first.body_part])
    prior = " with prior" if any(one.which == "prior" for one in slots) else ""
    return f"{kind}{prior}, {sum(not one.empty for one in slots)} panes".strip()


def _some(value: str) -> tuple[str, ...]:
    return (value,) if value else ()
