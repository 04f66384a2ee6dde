"""What of a film's marks goes into a file: each with its frame and its values, and the headers it refers to."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from viewers.annotations import dicom_slide
from viewers.annotations.annotation import Annotation
from viewers.errors import SourceError
from viewers.film_marks.calibration import calibration_of
from viewers.film_marks.film import Film
from viewers.film_marks.film_mark import beside, key_of, tool_of
from viewers.film_marks.measuring import Measured, measured
from viewers.sources import values

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_NEEDED = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID")


@dataclass(frozen=True, slots=True)
class Valued:
    """A mark, the frame of the film it lies on, and what it measures."""

    mark: Annotation
    number: int
    found: Measured


def valued(film: Film, marks: Sequence[Annotation]) -> tuple[Valued, ...]:
    """Those that lie on frames of this film, frame by frame, in the order they were drawn. Reads pixels; raises SourceError."""
    found = [(film.numbers[key_of(one)], one) for one in marks if tool_of(one) is not None and key_of(one) in film.numbers]
    return tuple(
        Valued(mark, number, measured(mark, film, number, calibration_of(marks, beside(mark).instance)))
        for number, mark in sorted(found, key=lambda pair: pair[0])
    )


class Headers:
    """The headers of the frames that are referred to, as copies that may be completed."""

    def __init__(self, path: Path, film: Film) -> None:
        self._path, self._film = path, film
        self._copies: dict[int, Dataset] = {}

    def of(self, number: int) -> tuple[Dataset, int]:
        """The data set of a frame and which frame of it, counted from 0. Raises SourceError where nothing can refer to it."""
        if not self._film.is_dicom:
            raise SourceError(
                self._path,
                f"{self._path.name} is not written: DICOM can only refer to DICOM images. Choose .csv for this picture.",
            )
        dataset, frame = self._film.header(number)
        if id(dataset) not in self._copies:
            for keyword in _NEEDED:
                if not values.uid(dataset, keyword):
                    raise SourceError(
                        self._path,
                        f"{self._path.name} is not written: the image has no {keyword}. Choose .csv, or export it again.",
                    )
            self._copies[id(dataset)] = dicom_slide.with_identity(copy.copy(dataset))
        return self._copies[id(dataset)], frame

    def all_of(self, numbers: Iterable[int]) -> list[Dataset]:
        """Each data set once, in the order of the frames."""
        found = {id(dataset): dataset for dataset in (self.of(number)[0] for number in numbers)}
        return list(found.values())


def frames_of(dataset: Dataset, frame: int) -> list[int] | None:
    """The frame as DICOM counts it, from 1; None where the image has only one."""
    return [frame + 1] if (values.integer(dataset, "NumberOfFrames") or 1) > 1 else None
