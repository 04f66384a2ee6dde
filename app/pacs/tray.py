"""Where the objects of one retrieve are put: written under our own names, checked like any hostile file, counted."""

from __future__ import annotations

import errno
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from app.pacs.errors import PacsError, Refused
from app.pacs.limits import MIB, Limits
from app.pacs.matches import Series
from viewers.errors import SourceError
from viewers.sources import values
from viewers.sources.files import opened_file
from viewers.sources.header import dataset_of, header_of
from viewers.sources.meta import marked

if TYPE_CHECKING:
    from pydicom.dataset import Dataset


@dataclass(frozen=True, slots=True)
class Expected:
    """What an object must say of itself; "" is not compared."""

    study_uid: str = ""
    series_uid: str = ""
    patient_id: str = ""


class Part:
    """One object that is coming. Raises Refused beyond the limit, PacsError when there is no room."""

    def __init__(self, file: IO[bytes], most: int, room: Callable[[int], None]) -> None:
        self._file, self._most, self._room = file, most, room
        self.size = 0

    def write(self, data: bytes | memoryview) -> None:
        size = len(data)
        if self.size + size > self._most:
            raise Refused(f"larger than the limit of {self._most // MIB:,} MiB")
        self._room(size)
        self.size += size
        try:
            self._file.write(data)
        except OSError as error:
            raise disk_trouble(error) from error


class Tray:
    """The folder of one series. `put` may be called from one thread at a time, the counts be read from any."""

    def __init__(
        self,
        folder: Path,
        expected: Expected,
        limits: Limits,
        room: Callable[[int], None] = lambda _: None,
        give_back: Callable[[int], None] = lambda _: None,
        arrived: Callable[[Path], None] = lambda _: None,
    ) -> None:
        """`room` is asked for each piece before it is written, `arrived` told of each object that was kept."""
        self.folder, self.expected, self._limits = folder, expected, limits
        self._room, self._give_back, self._arrived = room, give_back, arrived
        self._uids: set[str] = set()
        self._count = 0
        self._lock = threading.Lock()
        self.files: list[Path] = []
        self.size = 0
        self.refused: Counter[str] = Counter()
        """Reasons why objects were not kept."""

    def put(self, pieces: Callable[[Part], None]) -> None:
        """`pieces` writes one object; it is then checked and kept. Raises Refused, which is counted, and PacsError."""
        with self._lock:
            try:
                with self._part() as (part, path):
                    pieces(part)
                self._keep(path, part.size)
            except Refused as why:
                self.refused[str(why)] += 1
                raise

    def refuse(self, reason: str) -> None:
        """Count one that could not even be begun."""
        with self._lock:
            self.refused[reason] += 1

    @contextmanager
    def _part(self) -> Iterator[tuple[Part, Path]]:
        if self._count >= self._limits.objects:
            raise PacsError(f"More than {self._limits.objects:,} objects came; the rest was left there.")
        self._count += 1
        path = self.folder / f".{self._count:06d}.part"
        part: Part | None = None
        try:
            self.folder.mkdir(mode=0o700, exist_ok=True)
            with path.open("xb") as file:
                path.chmod(0o600)
                part = Part(file, self._limits.object_bytes, self._room)
                yield part, path
        except OSError as error:
            self._drop(path, part)
            raise disk_trouble(error) from error
        except BaseException:
            self._drop(path, part)
            raise

    def _keep(self, path: Path, size: int) -> None:
        try:
            uid = values.uid(checked(path, self.expected), "SOPInstanceUID")
            if uid in self._uids:
                raise Refused("it came twice")
        except Refused:
            path.unlink(missing_ok=True)
            self._give_back(size)
            raise
        self._uids.add(uid)
        kept = path.with_name(f"{self._count:06d}.dcm")
        path.replace(kept)
        self.files.append(kept)
        self.size += size
        self._arrived(kept)

    def _drop(self, path: Path, part: Part | None) -> None:
        path.unlink(missing_ok=True)
        if part is not None:
            self._give_back(part.size)


def checked(path: Path, expected: Expected) -> Dataset:
    """A DICOM file that is whole, has an identity and is what was asked for. Raises Refused; its reason has no full stop."""
    try:
        with opened_file(path) as file:
            if not marked(file.read(132)):
                raise Refused("damaged: it has no preamble and DICM mark")
        dataset = dataset_of(path)
        if "Rows" in dataset:
            header_of(path)
    except SourceError as error:
        raise Refused(f"damaged: {str(error).removeprefix(path.name).strip().removesuffix('.')}") from error
    for keyword, wanted, whose in (
        ("StudyInstanceUID", expected.study_uid, "another study"), ("SeriesInstanceUID", expected.series_uid, "another series"),
    ):  # fmt: skip
        if wanted and values.uid(dataset, keyword) != wanted:
            raise Refused(f"of {whose} than was asked for")
    found = values.text(dataset, "PatientID").strip()
    if expected.patient_id and found != expected.patient_id:
        raise Refused("of another patient than was asked for")
    if not values.uid(dataset, "SOPInstanceUID"):
        raise Refused("without an identity of its own (SOP Instance UID)")
    return dataset


def expected_of(series: Series, patient_id: str) -> Expected:
    return Expected(series.study_uid, series.uid, patient_id)


def disk_trouble(error: OSError) -> PacsError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return PacsError("The disk is full: what came so far is kept; make room and fetch the rest again.")
    return PacsError(f"What comes cannot be written ({error.strerror or 'the disk reported an error'}); check the disk.")
