"""A series as stacks of parallel slices, each ordered by position along its normal."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import median

import numpy as np

from viewers.figures import counted
from viewers.sources.gaps import Gaps, gaps_of
from viewers.sources.placed import KIND, TRAITS, Placed

SAME_PLACE_MM = 0.01
"""Slices closer than this lie at the same place."""
_PARALLEL = 0.9998
"""Cosine of about 1°."""
_MOST_PLANES = 64
"""Orientations of one series told apart; more turn about an axis and make no stacks."""
_MOST = 512
"""Volumes of one series told apart; more are frames in time."""


@dataclass(frozen=True, slots=True, eq=False)
class Stack:
    """Frames of a series that belong together, from `first` on, `count` of them.

    `label` tells it from the others, "" where it is the only one. `gaps` is None where the frames are not ordered by position;
    `why_flat` then says in a sentence why they make no volume.
    """

    first: int
    count: int
    label: str = ""
    gaps: Gaps | None = None
    why_flat: str = ""
    by_number: bool = False
    """Whether its order is that of the instance numbers, for want of positions."""

    @property
    def warning(self) -> str:
        """What must not be overlooked, short enough to stand on the picture."""
        return "no positions: in order of instance numbers" if self.by_number else self.gaps.warning if self.gaps else ""

    @property
    def frames(self) -> range:
        return range(self.first, self.first + self.count)


@dataclass(frozen=True, slots=True, eq=False)
class Stacked:
    """All frames in the order they are shown, the stacks among them, and what is to be said of it."""

    frames: tuple[Placed, ...]
    stacks: tuple[Stack, ...]
    notes: tuple[str, ...]


def stack_of(stacks: Sequence[Stack], frame: int) -> Stack:
    """The one a frame belongs to."""
    return next((stack for stack in stacks if frame in stack.frames), stacks[0])


def same_place(stacks: Sequence[Stack], frame: int) -> tuple[int, ...]:
    """The frames of all volumes that lie where `frame` lies, itself among them, in the order of the volumes."""
    own = next((stack for stack in stacks if frame in stack.frames), None)
    if own is None or own.gaps is None:
        return (frame,)
    depth, normal = own.gaps.depths_mm[frame - own.first], own.gaps.normal
    found = []
    for stack in stacks:
        if stack.gaps is None or float(stack.gaps.normal @ normal) < _PARALLEL:
            continue
        near = int(np.abs(stack.gaps.depths_mm - depth).argmin())
        if abs(stack.gaps.depths_mm[near] - depth) <= SAME_PLACE_MM * 10:
            found.append(stack.first + near)
    return tuple(found)


def stacked_up(found: Sequence[Placed], several_files: bool) -> Stacked:
    """Order frames; `several_files` is whether the order of the files is a guess where no positions are stated."""
    notes = list[str]()
    kept = [one for one in found if not one.localizer]
    if kept and len(kept) < len(found):
        notes.append(f"{_slices(len(found) - len(kept))} left out: localizers, which are no part of the stack.")
    else:
        kept = list(found)
    lying = [one for one in kept if one.plane is not None]
    if len(lying) * 2 < len(kept) or not lying:
        return _by_number(kept, notes, several_files)
    groups = list[tuple[str, list[Placed]]]()
    planes = _parallel(lying)
    if len(planes) > _MOST_PLANES:
        notes.append(f"The slices lie in more than {_MOST_PLANES} different planes; they are ordered by their instance number.")
        order = sorted(kept, key=lambda one: one.order)
        return Stacked(tuple(order), (Stack(0, len(order), "", None, _NOT_PARALLEL, True),), tuple(notes))
    for number, together in enumerate(planes):
        name = f"plane {number + 1}" if len(planes) > 1 else ""
        volumes, said = _volumes(together)
        notes += said
        groups += [(", ".join(word for word in (name, label) if word), members) for label, members in volumes]
    if len(planes) > 1:
        notes.append(f"The series holds {len(planes)} stacks that are not parallel or not alike; they follow one another.")
    frames, stacks = list[Placed](), list[Stack]()
    for label, members in groups:
        gaps = gaps_of([one.plane for one in members if one.plane is not None])
        stacks.append(Stack(len(frames), len(members), label, gaps, gaps.why_flat))
        frames += members
    notes += dict.fromkeys(note for stack in stacks if stack.gaps for note in stack.gaps.notes)
    if without := [one for one in kept if one.plane is None]:
        notes.append(
            f"{_slices(len(without))} without a position in the patient and put at the end, in the order of instance numbers."
        )
        stacks.append(Stack(len(frames), len(without), "without position", None, _NO_PLACE, True))
        frames += sorted(without, key=lambda one: one.order)
    return Stacked(tuple(frames), tuple(stacks), tuple(notes))


_NOT_PARALLEL = "The slices are not parallel to each other, so that they make no volume."
_NO_PLACE = "The slices state no position in the patient, so that they make no volume."


def _by_number(kept: Sequence[Placed], notes: list[str], several_files: bool) -> Stacked:
    if several_files:
        notes.append("The slices state no position; they are ordered by their instance number.")
    order = sorted(kept, key=lambda one: one.order)
    return Stacked(tuple(order), (Stack(0, len(order), "", None, _NO_PLACE, several_files),), tuple(notes))


def _parallel(lying: Iterable[Placed]) -> list[list[Placed]]:
    """Frames of one orientation, spacing, size and frame of reference together, in the order of their first."""
    groups = list[tuple[Placed, list[Placed]]]()
    for one in lying:
        for first, members in groups:
            if _alike(first, one):
                members.append(one)
                break
        else:
            groups.append((one, [one]))
        if len(groups) > _MOST_PLANES:
            break
    return [members for _, members in sorted(groups, key=lambda pair: min(one.order for one in pair[1]))]


def _alike(one: Placed, other: Placed) -> bool:
    a, b = one.plane, other.plane
    if a is None or b is None or a.frame_of_reference != b.frame_of_reference or one.header.size != other.header.size:
        return False
    if a.across @ b.across < _PARALLEL or a.down @ b.down < _PARALLEL or (a.spacing_mm is None) != (b.spacing_mm is None):
        return False
    pairs = zip(a.spacing_mm or (), b.spacing_mm or (), strict=True)
    return all(abs(one - other) <= 1e-3 * abs(other) for one, other in pairs)


def _volumes(together: list[Placed]) -> tuple[list[tuple[str, list[Placed]]], list[str]]:
    """Volumes that lie at the same places, each ordered along the normal, and what is to be said of them."""
    normal = together[0].plane.normal if together[0].plane is not None else np.zeros(3)
    depth = {id(one): float(normal @ one.plane.origin) for one in together if one.plane is not None}
    ordered = sorted(together, key=lambda one: (depth[id(one)], one.order))
    places, level = list[int](), 0
    for before, one in zip([None, *ordered], ordered, strict=False):
        level += before is not None and depth[id(one)] - depth[id(before)] > SAME_PLACE_MM
        places.append(level)
    place = {id(one): number for one, number in zip(ordered, places, strict=True)}
    counts = np.bincount(places)
    most = int(counts.max())
    if most == 1:
        return [("", ordered)], []
    if 1 < most <= _MOST and (split := _told_apart(ordered, place, most)):
        return split
    if most <= _MOST and median(counts.tolist()) > 1:
        turns = _nth(ordered, place)
        volumes = [
            (f"volume {number + 1} of {most}", [one for one in ordered if turns[id(one)] == number]) for number in range(most)
        ]
        said = f"The series holds {most} volumes at the same places, told apart by instance number alone."
        return volumes, [said]
    if len(counts) == 1:
        return [("", ordered)], []
    turns = _nth(ordered, place)
    double = [one for one in ordered if turns[id(one)] > 0]
    lie = "it lies" if len(double) == 1 else "they lie"
    named = ", ".join(f"“{one.header.path.name}”" for one in double[:2])
    said = f"{_slices(len(double))} left out: {lie} exactly where another one does ({named}{', …' if len(double) > 2 else ''})."
    return [("", [one for one in ordered if turns[id(one)] == 0])], [said]


def _told_apart(
    ordered: list[Placed], place: dict[int, int], most: int
) -> tuple[list[tuple[str, list[Placed]]], list[str]] | None:
    """By the first trait, or pair of them, that gives as many volumes as slices lie at one place."""
    words = [word for word in (*TRAITS, KIND) if len({one.traits.get(word) for one in ordered}) > 1]
    for chosen in ((word,) for word in words), combinations(words, 2):
        for names in chosen:
            parts: dict[tuple[Hashable, ...], list[Placed]] = defaultdict(list)
            for one in ordered:
                parts[tuple(one.traits.get(name) for name in names)].append(one)
            if len(parts) != most or any(len({place[id(one)] for one in part}) < len(part) for part in parts.values()):
                continue
            said = f"The series holds {most} volumes at the same places, told apart by {' and '.join(names)}."
            return [(_label(names, key), parts[key]) for key in sorted(parts, key=_sortable(parts))], [said]
    return None


def _sortable(parts: dict[tuple[Hashable, ...], list[Placed]]) -> Callable[[tuple[Hashable, ...]], tuple[object, ...]]:
    """Numbers in their order, words as the file first has them."""

    def key(one: tuple[Hashable, ...]) -> tuple[object, ...]:
        first = min(member.order for member in parts[one])
        return (*(value if isinstance(value, float) else 0.0 for value in one), first)

    return key


def _label(names: Sequence[str], key: tuple[Hashable, ...]) -> str:
    parts = []
    for name, value in zip(names, key, strict=True):
        text = f"{value:g}" if isinstance(value, float) else "/".join(value) if isinstance(value, tuple) else "not stated"
        parts.append(f"{name} {text}")
    return ", ".join(parts)


def _nth(ordered: Iterable[Placed], place: dict[int, int]) -> dict[int, int]:
    """How many lie at the same place before each, by instance number."""
    seen: dict[int, int] = defaultdict(int)
    turns = {}
    for one in sorted(ordered, key=lambda one: one.order):
        turns[id(one)] = seen[place[id(one)]]
        seen[place[id(one)]] += 1
    return turns


def _slices(count: int) -> str:
    return "1 slice is" if count == 1 else f"{counted(count)} slices are"
