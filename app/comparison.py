"""Two films compared, away from any window: how one lies over the other, and what changed. No Qt."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.priors import same_patient
from viewers.alignment import Alignment, align
from viewers.difference import Difference, subtracted
from viewers.errors import SourceError
from viewers.film_linking import Film, matching_place, relation
from viewers.sources import GrayscaleSource, Source

FRONTAL = ("PA", "AP")


@dataclass(frozen=True, slots=True, eq=False)
class Laid:
    """`matrix` (2, 3) takes level-0 places of the current film to those of the prior. `alignment` None: none was made; `how` says
    in words how they lie over each other, and `refused` why an alignment that was wanted is not used ("" where nothing was)."""

    matrix: NDArray[np.float64]
    how: str
    alignment: Alignment | None = None
    refused: str = ""


def laid(current: Source, film: Film, frame: int, prior: Source, other: Film, wanted: bool) -> Laid:
    """How slice or film `prior` lies over `current`. `wanted`: by an automatic alignment where these are two films of one view.

    Raises SourceError.
    """
    place = unaligned(film, frame, other)
    if relation(film, other) == "position":
        return Laid(place, "by place in the patient, not aligned")
    by = "mm from the middle" if film.spacing is not None and other.spacing is not None else "share of the picture"
    if not wanted:
        return Laid(place, f"by {by}, not aligned")
    refused = _not_alike(current, prior)
    if refused or not isinstance(current, GrayscaleSource) or not isinstance(prior, GrayscaleSource):
        return Laid(place, f"by {by}, not aligned", None, refused or "Only greyscale films are aligned.")
    found = align(bright(current, frame), bright(prior, 0), _centred(place, -0.5))
    if found.refused:
        return Laid(place, f"by {by}, not aligned", found, f"Not aligned: {found.refused}.")
    return Laid(_centred(found.matrix, 0.5), f"aligned, {found.words}", found)


def difference(current: Source, frame: int, prior: Source, other: int, how: Laid) -> Difference:
    """Current minus prior. Raises SourceError with a sentence where that means nothing."""
    if not isinstance(current, GrayscaleSource) or not isinstance(prior, GrayscaleSource):
        raise SourceError(current.path, "A difference needs two greyscale pictures.")
    units = current.frame_grayscale(frame).unit, prior.frame_grayscale(other).unit
    unit = "HU" if units == ("HU", "HU") else ""
    try:
        return subtracted(bright(current, frame), bright(prior, other), _centred(how.matrix, -0.5), unit)
    except ValueError as error:
        raise SourceError(current.path, f"No difference: {error}.") from error


def unaligned(film: Film, frame: int, other: Film, at: int = 0) -> NDArray[np.float64]:
    """The affine (2, 3) by places in the patient, mm from the middle, or shares of the picture; of level-0 places."""
    corners = ((0.0, 0.0), (float(film.size.width), 0.0), (0.0, float(film.size.height)))
    found = [matching_place(film, frame, *corner, other, at) for corner in corners]
    if any(one is None for one in found):
        raise SourceError("", "The two pictures lie in planes that cross: they cannot be laid over each other.")
    origin, right, below = (np.array(one) for one in found if one is not None)
    return np.column_stack([(right - origin) / film.size.width, (below - origin) / film.size.height, origin])


def bright(source: GrayscaleSource, frame: int) -> NDArray[np.float32]:
    """Modality values, made negative where low ones are shown bright, padding as the darkest."""
    grayscale, stored = source.frame_grayscale(frame), source.stored(frame)
    values = source.values(frame)
    values = -values if grayscale.inverted else values.copy()
    mask = grayscale.padded(stored)
    if mask is not None and mask.any() and not mask.all():
        values[mask] = values[~mask].min()
    return np.nan_to_num(values, copy=False)


def _not_alike(current: Source, prior: Source) -> str:
    """Why these are no two films of one view, "" where they are."""
    one, two = current.facts, prior.facts
    if one is None or two is None or not same_patient(one, two):
        return "Not aligned: the two are not known to be of one patient."
    if "MG" in (current.modality, prior.modality):
        return "Not aligned: a breast is compressed anew for every film."
    if current.frames > 1 or prior.frames > 1:
        return "Not aligned: only single films are; stacks need a common frame of reference."
    views = [FRONTAL if view in FRONTAL else (view,) for view in (one.view, two.view)]
    if one.view and two.view and views[0] != views[1]:
        return f"Not aligned: the views differ ({one.view} now, {two.view} before)."
    if one.laterality and two.laterality and one.laterality != two.laterality:
        return "Not aligned: the films show different sides."
    return ""


def _centred(matrix: NDArray[np.float64], by: float) -> NDArray[np.float64]:
    """Between places that count from the first pixel's corner and from its centre."""
    shift = matrix[:, 2] + by - matrix[:, :2] @ np.array([by, by])
    return np.column_stack([matrix[:, :2], shift])
