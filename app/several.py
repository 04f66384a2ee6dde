"""Several pictures of one question, each followed by its number."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from app.analysis import Place, Request, clipped, model_picture
from app.known import Known, known
from app.modality import KINDS
from inference.answers import Progress
from inference.catalogue import Entry
from inference.errors import OutsideTraining, look
from inference.questions import FreeQuestion, Picture
from viewers.geometry import Region
from viewers.sources import Source

MOST = 16
"""Pictures of one question, of those that are no slices and no patches: 4,160 tokens of MedGemma's."""


def pictures(
    request: Request,
    question: FreeQuestion,
    entry: Entry,
    on_progress: Callable[[Progress], None],
    cancel: threading.Event | None,
    open: Callable[[Path], Source],
) -> tuple[tuple[Picture, ...], Region, tuple[Known, ...]]:
    """The request's own picture and those that follow it, in order, with what the first one covers and what is known of each.

    Raises SourceError, Cancelled, ValueError for more than `MOST` and for regions outside, and OutsideTraining for pictures of
    different kinds, unless the model's entry says that it was shown such.
    """
    places = (Place(request.path, request.region, request.frame, request.said), *request.also)
    if len(places) > MOST:
        raise ValueError(f"{len(places)} pictures were named and {MOST} go into one question; leave some out")
    found: list[tuple[Picture, Region, Known]] = []
    for number, place in enumerate(places, 1):
        look(cancel)
        on_progress(Progress("reading pictures", number, len(places)))
        with closing(open(place.path)) as source:
            region = clipped(place.region or Region.whole(source.size, place.frame), source)
            picture = model_picture(source, region, question, entry.ct_windows, place.said)
            found.append((replace(picture, caption=f"IMAGE {number}"), region, known(source, place.said)))
    kinds = list(dict.fromkeys(picture.modality for picture, _, _ in found))
    if len(kinds) > 1 and not entry.mixed:
        named = " and ".join(KINDS[kind] for kind in kinds)
        raise OutsideTraining(f"{entry.id} was not shown {named} together; ask about pictures of one kind at a time")
    return tuple(one[0] for one in found), found[0][1], tuple(one[2] for one in found)
