"""Where marks lie: which ones meet a box, among hundreds of thousands, from any thread."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from threading import Lock

import numpy as np
import shapely
from numpy.typing import NDArray

from viewers.annotations.annotation import Annotation
from viewers.camera import Box

MOST_FRESH = 4000
"""Changes since the tree was built, after which it is built anew."""


class Index:
    """Marks in columns, and a tree over them that is built when it is first asked. It never changes."""

    def __init__(self, marks: Sequence[Annotation]) -> None:
        self.marks = marks
        self.number = {one.id: number for number, one in enumerate(marks)}
        self._lock = Lock()

    @cached_property
    def geometries(self) -> NDArray[np.object_]:
        found = np.empty(len(self.marks), object)
        found[:] = [one.geometry for one in self.marks]
        return found

    @cached_property
    def bounds(self) -> NDArray[np.float64]:
        """(n, 4): x0, y0, x1, y1."""
        return np.asarray(shapely.bounds(self.geometries), np.float64).reshape(-1, 4)

    @cached_property
    def sizes(self) -> NDArray[np.float64]:
        """(n,): area in level-0 pixels squared; 0 for lines and points."""
        return np.asarray(shapely.area(self.geometries), np.float64)

    @cached_property
    def names(self) -> tuple[tuple[str, ...], NDArray[np.intp]]:
        """The class names there are, and for each mark which of them it bears."""
        seen: dict[str, int] = {}
        numbers = [seen.setdefault(one.class_name, len(seen)) for one in self.marks]
        return tuple(seen), np.asarray(numbers, np.intp)

    @cached_property
    def planes(self) -> NDArray[np.int64]:
        """(n, 2): the depth and time each mark belongs to."""
        return np.asarray([(one.plane.z, one.plane.t) for one in self.marks], np.int64).reshape(-1, 2)

    def meeting(self, box: Box) -> NDArray[np.intp]:
        """Numbers of the marks whose bounds meet `box`, ascending."""
        if not len(self.marks):
            return np.empty(0, np.intp)
        with self._lock:
            tree = self._tree
        return np.sort(tree.query(shapely.box(*box)))

    def prepare(self) -> Index:
        """Build everything now, on the thread that has time for it."""
        _ = self.bounds, self.sizes, self.names, self.planes
        self.meeting((0, 0, 0, 0))
        return self

    @cached_property
    def _tree(self) -> shapely.STRtree:
        return shapely.STRtree(self.geometries)


class Snapshot:
    """The marks at one moment: an index, the numbers in it that hold no longer, and what came since."""

    def __init__(self, base: Index, gone: NDArray[np.bool_] | None = None, fresh: Mapping[str, Annotation] | None = None) -> None:
        self.base = base
        self.gone = gone if gone is not None else np.zeros(len(base.marks), np.bool_)
        self.fresh: Mapping[str, Annotation] = fresh or {}

    def __len__(self) -> int:
        return len(self.base.marks) - int(self.gone.sum()) + len(self.fresh)

    def __iter__(self) -> Iterator[Annotation]:
        for number in np.flatnonzero(~self.gone):
            yield self.base.marks[int(number)]
        yield from self.fresh.values()

    def after(self, changes: Sequence[tuple[str, Annotation | None]], marks: Mapping[str, Annotation]) -> Snapshot:
        """The next moment; `marks` are all there are then."""
        if len(self.fresh) + len(changes) > MOST_FRESH:
            return Snapshot(Index(tuple(marks.values())))
        gone, fresh = self.gone.copy(), dict(self.fresh)
        for id, mark in changes:
            number = self.base.number.get(id)
            if number is not None:
                gone[number] = True
            fresh.pop(id, None)
            if mark is not None:
                fresh[id] = mark
        return Snapshot(self.base, gone, fresh)

    def standing(self, box: Box) -> NDArray[np.intp]:
        """Numbers in `base` of the marks whose bounds meet `box` and which still hold."""
        found = self.base.meeting(box)
        return found[~self.gone[found]]

    def fresh_in(self, box: Box) -> list[Annotation]:
        """Those of `fresh` whose bounds meet `box`."""
        if not self.fresh:
            return []
        marks, bounds = self._fresh_bounds
        meet = (bounds[:, 0] <= box[2]) & (box[0] <= bounds[:, 2]) & (bounds[:, 1] <= box[3]) & (box[1] <= bounds[:, 3])
        return [marks[number] for number in np.flatnonzero(meet).tolist()]

    @cached_property
    def _fresh_bounds(self) -> tuple[tuple[Annotation, ...], NDArray[np.float64]]:
        marks = tuple(self.fresh.values())
        return marks, np.asarray(shapely.bounds([one.geometry for one in marks]), np.float64).reshape(-1, 4)

    def meeting(self, box: Box) -> list[Annotation]:
        """All marks whose bounds meet `box`, the older first."""
        return [*(self.base.marks[int(number)] for number in self.standing(box)), *self.fresh_in(box)]
