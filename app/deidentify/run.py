"""One run over a folder or some files. The originals are never written to; what stands in `out` names nobody.

Each file's outcome is on disk before the next is begun, under names made from hashes, so a run that was killed goes on where it
stopped. Which number is which file stands in a list outside `out`, readable by its owner alone.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from app import __version__
from app.batch.table import escaped
from app.deidentify.policy import Policy
from app.storage import atomic_write, data_folder, exclusive, sweep
from viewers.deidentify.instance import NoPicture, deidentified, write
from viewers.deidentify.options import ABOUT, BASIC, Option
from viewers.deidentify.pseudonyms import Pseudonyms
from viewers.deidentify.suspects import Suspicion, suspicion
from viewers.deidentify.walk import Choice
from viewers.errors import SourceError, reading
from viewers.sources.files import opened_file
from viewers.sources.header import is_dicom
from viewers.sources.opening import PLAIN, ZIP, described
from viewers.writing import taking_name

FORM = "hilum-deidentify-1"
RECORDS = ".hilum"
DONE, HELD, REFUSED, OTHER = "done", "held back", "refused", "not DICOM"
STATES = (DONE, HELD, REFUSED, OTHER)
_ARCHIVES = (*ZIP, b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"7z\xbc\xaf", b"Rar!")
_NAMES = ("", ".dcm", ".dicom", ".dic", ".ima", ".acr", ".img")
"""Endings of files that are DICOM where nothing in them says what they are; a UID's last number is one too."""
COLUMNS = ("number", "status", "reason", "output", "patient", "boxes", "notes")


class RunError(ValueError):
    """A run that cannot start here, said in one sentence."""


@dataclass(frozen=True, slots=True)
class Item:
    number: int
    id: str
    path: Path


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one file, in words that name nobody."""

    number: int
    status: str
    reason: str = ""
    output: str = ""
    patient: str = ""
    boxes: int = 0
    notes: str = ""
    mark: str = ""
    """A hash that changes with the file."""
    unlooked: int = 0
    """Frames in which nobody, and not this program either, looked for burned-in text."""

    @property
    def left_out(self) -> bool:
        """Whether something that is or may be DICOM was not written."""
        return self.status not in (DONE, OTHER)


class Run:
    """Used as a context; leaving it frees the folder. Raises RunError, SourceError (the input) and OSError (`out`)."""

    def __init__(self, source: Path | Sequence[Path], out: Path, policy: Policy, key: bytes, *, resume: bool = False) -> None:
        self._choice = Choice(policy.options, Pseudonyms(key))
        self._policy, self.out, self._fingerprint = policy, out, policy.fingerprint(key)
        roots = [source] if isinstance(source, Path) else list(source)
        _must_be_apart(roots, out)
        paths = [path for root in roots for path in _files(root)]
        names = self._choice.pseudonyms
        self.items = tuple(
            Item(number, names.file(f"path\0{os.fspath(path.absolute())}"), path) for number, path in enumerate(paths, 1)
        )
        self._must_fit(resume)
        out.mkdir(parents=True, exist_ok=True)
        lock = exclusive(out / ".lock")
        if lock is None:
            raise RunError(f"another process is working in {out}; wait for it, or choose another folder")
        self._lock: IO[bytes] = lock
        for folder in (out, *(path for path in out.rglob("*") if path.is_dir())):
            sweep(folder)
        (out / RECORDS).mkdir(exist_ok=True)
        atomic_write(out / "deidentify.json", json.dumps(self._stated(), indent=1) + "\n")
        self._outputs = {one["output"]: id for id, one in self._records() if one.get("output")}

    def __enter__(self) -> Run:
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.close()

    @property
    def private_list(self) -> Path:
        """Which number is which file: outside `out`."""
        return (
            data_folder() / "deidentify" / f"{self._fingerprint[:8]}-{self._choice.pseudonyms.file(str(self.out.absolute()))}.csv"
        )

    def run_item(self, item: Item) -> Outcome:
        """Do what is left to do of one file. Raises OSError when `out` cannot be written."""
        mark = self._mark(item.path)
        with contextlib.suppress(OSError, ValueError, TypeError):
            kept = json.loads(self._record(item.id).read_text(encoding="utf-8"))
            if kept["mark"] == mark and kept["status"] == DONE and (self.out / kept["output"]).is_file():
                return Outcome(**{**kept, "number": item.number})
        try:
            outcome = self._done(item, mark)
        except SourceError as error:
            if isinstance(error.__cause__, OSError) and not item.path.exists():
                raise
            outcome = Outcome(item.number, REFUSED, _nameless(error, item.path), mark=mark)
        atomic_write(self._record(item.id), json.dumps(asdict(outcome)))
        return outcome

    def finish(self, outcomes: Sequence[Outcome]) -> Path:
        """Write report.csv and the private list, and give the report's path."""
        rows = [[getattr(one, name) for name in COLUMNS] for one in outcomes]
        atomic_write(self.out / "report.csv", _csv(COLUMNS, rows))
        listed = [[one.number, one.status, str(item.path)] for one, item in zip(outcomes, self.items, strict=False)]
        atomic_write(self.private_list, _csv(("number", "status", "path"), listed), private=True)
        return self.out / "report.csv"

    def _done(self, item: Item, mark: str) -> Outcome:
        if item.path.is_dir():
            return Outcome(item.number, REFUSED, _unread(item.path), mark=mark)
        with opened_file(item.path) as file, reading(item.path):
            start = file.read(4096)
        if not is_dicom(start):
            doubt = _may_be_dicom(item.path, start)
            return Outcome(item.number, REFUSED if doubt else OTHER, doubt or "it is not DICOM and was left out", mark=mark)
        policy = self._policy
        boxes, why, found = policy.boxes, "", Suspicion()
        if not policy.looked.at_pixels or policy.black_out_proposed:
            found = suspicion(item.path)
            boxes = (*boxes, *found.boxes) if policy.black_out_proposed else boxes
            why = "" if policy.looked.at_pixels else found.reason(boxes)
        try:
            made = deidentified(item.path, self._choice, boxes, policy.looked, method=f"Hilum {__version__}")
        except NoPicture:
            made, boxes = deidentified(item.path, self._choice, (), policy.looked, method=f"Hilum {__version__}"), ()
        if why:
            return Outcome(item.number, HELD, why, patient=made.patient, mark=mark)
        output = f"{made.patient}/{made.study}/{made.series}/{made.instance}.dcm"
        if self._outputs.get(output, item.id) != item.id:
            return Outcome(
                item.number, REFUSED, "another file holds the same object and was written", patient=made.patient, mark=mark
            )
        place = self.out / output
        place.parent.mkdir(parents=True, exist_ok=True)
        with taking_name(place) as file:
            write(made, file)
        self._outputs[output] = item.id
        unlooked = 0 if policy.looked.at_pixels else found.frames - found.looked
        notes = list(made.notes)
        if unlooked:
            notes.append(f"burned-in text was looked for in {found.looked} of {found.frames} frames")
        return Outcome(item.number, DONE, "", output, made.patient, len(boxes), "; ".join(notes), mark, unlooked)

    def _mark(self, path: Path) -> str:
        with contextlib.suppress(OSError):
            stat = path.stat()
            return self._choice.pseudonyms.file(f"{self._fingerprint}\0{stat.st_size}\0{stat.st_mtime_ns}")
        return ""

    def _record(self, id: str) -> Path:
        return self.out / RECORDS / f"{id}.json"

    def _records(self) -> Iterator[tuple[str, dict[str, Any]]]:
        for path in (self.out / RECORDS).glob("*.json"):
            with contextlib.suppress(OSError, ValueError):
                found = json.loads(path.read_text(encoding="utf-8"))
                if isinstance(found, dict):
                    yield path.stem, found

    def _must_fit(self, resume: bool) -> None:
        if self.out.exists() and not self.out.is_dir():
            raise RunError(f"{self.out} is not a folder; choose an empty folder")
        holds = {one.name for one in self.out.iterdir()} - {".lock"} if self.out.exists() else set()
        if not holds:
            return
        try:
            stated = json.loads((self.out / "deidentify.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            raise RunError(f"{self.out} is not empty; choose an empty folder") from None
        if not resume:
            raise RunError(f"{self.out} holds de-identified files already; go on with --resume, or choose an empty folder")
        if stated.get("form") != FORM or stated.get("fingerprint") != self._fingerprint:
            raise RunError(f"{self.out} was made with other options, boxes or another key; choose an empty folder")

    def _stated(self) -> dict[str, Any]:
        options = [one for one in Option if one in self._policy.options]
        return {
            "form": FORM,
            "hilum": __version__,
            "fingerprint": self._fingerprint,
            "profile": [BASIC[1], *(ABOUT[one].meaning for one in options)],
            "boxes": [[one.x, one.y, one.width, one.height] for one in self._policy.boxes],
            "burned_in_text": "a person looked" if self._policy.looked.at_pixels else "found without reading; nobody looked",
        }


def counted(outcomes: Sequence[Outcome]) -> Mapping[str, int]:
    """How many files came to each of `STATES`."""
    found = Counter(one.status for one in outcomes)
    return {state: found[state] for state in STATES}


def partly_looked(outcomes: Sequence[Outcome]) -> str:
    """One sentence where long sequences were not looked at whole for burned-in text; "" else."""
    some = sum(one.unlooked > 0 for one in outcomes)
    if not some:
        return ""
    what = "a long sequence was" if some == 1 else f"{some} long sequences were"
    return f"Not every frame of {what} looked at for burned-in text: the report says how many; look at the rest yourself."


def _files(root: Path) -> list[Path]:
    """Every file below a folder, sorted; links are not followed. A folder that cannot be read stands for what is in it.

    Raises SourceError where that is `root` itself.
    """
    if not root.is_dir():
        with reading(root):
            root.stat()
        return [root]
    with reading(root):
        found = sorted(root.iterdir(), key=os.fsencode)
        folders = [(path, path.is_dir()) for path in found if not path.is_symlink()]
    paths = list[Path]()
    for path, is_folder in folders:
        try:
            paths += _files(path) if is_folder else [path]
        except SourceError:
            paths.append(path)
    return paths


def _unread(folder: Path) -> str:
    """Why nothing in a folder was taken, in words that do not name it."""
    try:
        _files(folder)
    except SourceError as error:
        return f"nothing in this folder was taken: {_nameless(error, folder)}"
    return "nothing in this folder was taken, it could not be read when the run began: go on with the run once more"


def _may_be_dicom(path: Path, start: bytes) -> str:
    """Why a file that does not begin as DICOM has to be looked at by a person; "" where it is something else."""
    if start.startswith(_ARCHIVES):
        return "it is an archive, which may hold DICOM and was not looked into: unpack it first"
    named = path.suffix.lower() in _NAMES or path.suffix[1:].isdecimal()
    unknown = not start.startswith((*PLAIN, b"%PDF", b"MZ", b"\x7fELF")) and "text" not in described(start)
    if named and unknown:
        return "it does not begin as DICOM and may be damaged DICOM: export it again, or leave it out"
    return ""


def _must_be_apart(roots: Sequence[Path], out: Path) -> None:
    place = out.resolve()
    for root in roots:
        with reading(root):
            root.stat()
        inside = root.resolve() if root.is_dir() else root.resolve().parent
        if place == inside or inside in place.parents:
            raise RunError(f"{out} lies in the folder of the originals; choose a folder outside it")
        if root.is_dir() and place in inside.parents:
            raise RunError(f"{out} holds the folder of the originals; choose a folder outside it")


def _nameless(error: SourceError, path: Path) -> str:
    """The sentence without the file's name, which may be the patient's."""
    sentence = str(error)
    for name in {path.name, error.path.name}:
        if len(name) > 1:
            sentence = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", "it" if name == path.name else "…", sentence)
    return sentence


def _csv(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(head)
    writer.writerows([escaped(cell) for cell in row] for row in rows)
    return buffer.getvalue()
