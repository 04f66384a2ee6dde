"""The marks of one slide in a file, written as they are drawn: SQLite with a write-ahead log, synced at every edit.

`kill -9` or a power cut at any moment leaves every edit whose `write` returned, and none by halves.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import shapely

from viewers.annotations.annotation import Annotation, Kind, Plane
from viewers.annotations.classes import DEFAULT, AnnotationClass
from viewers.annotations.document import Change, Edit

VERSION = 1
BUSY_S = 10
"""How long a writer waits for another program that is writing the same file."""
_SCHEMA = """
CREATE TABLE IF NOT EXISTS mark (
    id TEXT PRIMARY KEY, number INTEGER NOT NULL, kind TEXT NOT NULL, shape BLOB NOT NULL, class TEXT NOT NULL,
    name TEXT NOT NULL, locked INTEGER NOT NULL, type TEXT NOT NULL, plane TEXT NOT NULL,
    measurements TEXT NOT NULL, rest TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS class (name TEXT PRIMARY KEY, number INTEGER NOT NULL, colour TEXT NOT NULL, key TEXT NOT NULL,
    visible INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS note (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""
_PIECE = 2000
_COLUMNS = "id, kind, shape, class, name, locked, type, plane, measurements, rest"


class StoreError(Exception):
    """The file of marks cannot be read or written: one sentence."""


class Store:
    """One slide's file. For one thread at a time; several processes may hold the same file."""

    def __init__(self, path: Path) -> None:
        """Opens it, makes it where there is none. Raises StoreError; a damaged file is kept beside as NAME.damaged-TIME."""
        self.path = path
        self.notes: list[str] = []
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._base = self._opened()
        except (sqlite3.Error, OSError) as error:
            raise self._error("opened", error) from error

    def load(self) -> tuple[tuple[Annotation, ...], tuple[AnnotationClass, ...]]:
        """All marks in the order they were made, and the classes. Raises StoreError."""
        try:
            with closing(self._base.execute(f"SELECT {_COLUMNS} FROM mark ORDER BY number")) as rows:
                found = rows.fetchall()
            shapes = shapely.from_wkb([row[2] for row in found])
            marks = tuple(_mark(row, shape) for row, shape in zip(found, shapes, strict=True) if not shape.is_empty)
            kept = self._base.execute("SELECT name, colour, key, visible FROM class ORDER BY number").fetchall()
            classes = _classes(kept)
        except (sqlite3.Error, shapely.errors.ShapelyError, ValueError, TypeError) as error:
            raise self._error("read", error) from error
        return marks, classes or DEFAULT

    def write(self, edits: Sequence[Edit]) -> None:
        """All of them or none, on disk when it returns. Raises StoreError."""
        try:
            self._base.execute("BEGIN IMMEDIATE")
            try:
                for edit in edits:
                    self._changes(edit.changes)
                    if edit.classes is not None:
                        self._classes(*edit.classes)
                self._base.execute("COMMIT")
            except BaseException:
                if self._base.in_transaction:
                    self._base.execute("ROLLBACK")
                raise
        except (sqlite3.Error, OSError) as error:
            raise self._error("written", error) from error

    def note(self, name: str) -> object:
        """What was kept under a name beside the marks; None when nothing was. Raises StoreError."""
        try:
            row = self._base.execute("SELECT value FROM note WHERE name = ?", (name,)).fetchone()
            return None if row is None else json.loads(row[0])
        except (sqlite3.Error, ValueError) as error:
            raise self._error("read", error) from error

    def keep_note(self, name: str, value: object) -> None:
        """Keep a JSON value. Raises StoreError."""
        try:
            self._base.execute("INSERT OR REPLACE INTO note VALUES (?, ?)", (name, json.dumps(value)))
        except (sqlite3.Error, OSError) as error:
            raise self._error("written", error) from error

    def close(self) -> None:
        self._base.close()

    def _opened(self) -> sqlite3.Connection:
        try:
            return self._connected()
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise  # busy, full, not writable: not damage
            aside = self.path.with_name(f"{self.path.name}.damaged-{time.strftime('%Y%m%d-%H%M%S')}")
            for end in ("", "-wal", "-shm"):
                part = self.path.with_name(self.path.name + end)
                if part.exists():
                    part.replace(aside.with_name(aside.name + end))
            self.notes.append(f"The file of these marks was damaged and is kept as {aside.name}; a new one was begun.")
            return self._connected()

    def _connected(self) -> sqlite3.Connection:
        base = sqlite3.connect(self.path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
        try:
            base.execute("PRAGMA journal_mode = WAL")
            base.execute("PRAGMA synchronous = FULL")
            (version,) = base.execute("PRAGMA user_version").fetchone()
            if version > VERSION:
                raise StoreError(f"{self.path.name} was written by a newer Hilum (form {version}): open it with that one.")
            base.executescript(_SCHEMA)
            if base.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
                raise sqlite3.DatabaseError("the check of its pages failed")
            base.execute(f"PRAGMA user_version = {VERSION}")
        except BaseException:
            base.close()
            raise
        return base

    def _changes(self, changes: Sequence[Change]) -> None:
        base = self._base
        gone = [(change.id,) for change in changes if change.after is None]
        there = [change.after for change in changes if change.after is not None]
        if gone:
            base.executemany("DELETE FROM mark WHERE id = ?", gone)
        if there:
            (last,) = base.execute("SELECT COALESCE(MAX(number), 0) FROM mark").fetchone()
            base.executemany(
                f"INSERT INTO mark ({_COLUMNS}, number) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
                " kind = excluded.kind, shape = excluded.shape, class = excluded.class, name = excluded.name,"
                " locked = excluded.locked, type = excluded.type, plane = excluded.plane,"
                " measurements = excluded.measurements, rest = excluded.rest",
                _rows(there, last + 1),
            )

    def _classes(self, old: Sequence[AnnotationClass], new: Sequence[AnnotationClass]) -> None:
        """What changed, and no more: another program may have added classes of its own."""
        gone = {one.name for one in old} - {one.name for one in new}
        self._base.executemany("DELETE FROM class WHERE name = ?", [(name,) for name in gone])
        stored = self._base.execute("SELECT COUNT(*) FROM class").fetchone() != (0,)
        changed = [(place, one) for place, one in enumerate(new) if one not in old or not stored]
        rows = [(one.name, place, json.dumps(one.colour), one.key, int(one.visible)) for place, one in changed]
        self._base.executemany("INSERT OR REPLACE INTO class VALUES (?, ?, ?, ?, ?)", rows)
        places = [(place, one.name) for place, one in enumerate(new)]
        self._base.executemany("UPDATE class SET number = ? WHERE name = ?", places)

    def _error(self, what: str, error: Exception) -> StoreError:
        return StoreError(
            f"The marks of this picture cannot be {what} ({error}): look whether {self.path.parent} can be written to."
        )


def _classes(rows: Iterable[tuple[str, str, str, int]]) -> tuple[AnnotationClass, ...]:
    """A key that two programs gave to two classes is the first one's."""
    classes: list[AnnotationClass] = []
    for name, colour, key, seen in rows:
        free = key if key not in {one.key for one in classes} else ""
        classes.append(AnnotationClass(name, _colour(colour), free, bool(seen)))
    return tuple(classes)


def _rows(marks: Sequence[Annotation], number: int) -> Iterator[tuple[object, ...]]:
    """In pieces: GEOS lets no other thread run while it writes a list of shapes."""
    for start in range(0, len(marks), _PIECE):
        piece = marks[start : start + _PIECE]
        for place, (one, shape) in enumerate(zip(piece, shapely.to_wkb([one.geometry for one in piece]), strict=True)):
            yield _row(one, shape, number + start + place)


def _row(one: Annotation, shape: bytes, number: int) -> tuple[object, ...]:
    plane = json.dumps([one.plane.c, one.plane.z, one.plane.t])
    measures = json.dumps(dict(one.measurements)) if one.measurements else ""
    return (
        one.id, str(one.kind), shape, one.class_name, one.name, int(one.locked), one.object_type, plane, measures, one.rest,
        number,
    )  # fmt: skip


def _mark(row: tuple[str, str, bytes, str, str, int, str, str, str, str], shape: shapely.Geometry) -> Annotation:
    id, kind, _, class_name, name, locked, object_type, plane, measures, rest = row
    return Annotation(
        shape, Kind(kind), id, class_name, name, bool(locked), object_type,
        json.loads(measures) if measures else {}, Plane(*json.loads(plane)), rest,
    )  # fmt: skip


def _colour(text: str) -> tuple[int, int, int]:
    red, green, blue = (int(part) for part in json.loads(text))
    return red, green, blue
