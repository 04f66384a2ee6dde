"""The file of a slide's marks: kills, full disks, damage, two programs at once."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import shapely

from viewers.annotations.annotation import Annotation, Kind, Plane, ellipse, points, rectangle
from viewers.annotations.classes import DEFAULT, AnnotationClass
from viewers.annotations.document import Annotations
from viewers.annotations.keeping import Keeping
from viewers.annotations.store import Store, StoreError

ROOT = Path(__file__).parents[3]
HOLED = shapely.MultiPolygon([shapely.box(0, 0, 9, 9).difference(shapely.box(2, 2, 3, 3)), shapely.box(20, 20, 21.25, 30)])


def some() -> list[Annotation]:
    return [
        Annotation(rectangle((0.1, 0.2), (10.3, 1e6)), Kind.RECTANGLE, class_name="Tumor", name='a "name", with\nall'),
        Annotation(ellipse((0, 0), (7, 3)), Kind.ELLIPSE, locked=True, measurements={"Area µm²": 1.5, "none": float("nan")}),
        Annotation(HOLED, Kind.POLYGON, object_type="detection", plane=Plane(1, 2, 3), rest='{"metadata": {"ä": "ö"}}'),
        Annotation(points([(1, 2), (3, 4)]), Kind.POINTS),
    ]


def same(a: Annotation, b: Annotation) -> bool:
    return (
        a.geometry.equals_exact(b.geometry, 0)
        and (a.id, a.kind, a.class_name, a.name, a.locked, a.object_type, a.plane, a.rest)
        == (b.id, b.kind, b.class_name, b.name, b.locked, b.object_type, b.plane, b.rest)
        and repr(dict(a.measurements)) == repr(dict(b.measurements))
    )


def test_what_was_written_is_read_again(tmp_path: Path):
    store = Store(tmp_path / "deep" / "slide.marks")
    document = Annotations()
    keeping = Keeping(store)
    document.listen(keeping.tell)
    marks = some()
    document.add(marks)
    document.set_classes([*DEFAULT, AnnotationClass("Mitosis", (1, 2, 3), visible=False)])
    document.classify([marks[0].id], "Mitosis")
    document.remove([marks[3].id])
    document.undo()
    keeping.keep_note("bookmarks", [{"x": 1.5}])
    assert keeping.close()
    again = Store(tmp_path / "deep" / "slide.marks")
    found, classes = again.load()
    assert classes == document.classes
    assert all(same(a, b) for a, b in zip(found, document.marks.values(), strict=True))
    assert again.note("bookmarks") == [{"x": 1.5}]
    assert again.note("none") is None
    again.close()


WRITER = """
import sys
from pathlib import Path
from viewers.annotations.annotation import Annotation, Kind, rectangle
from viewers.annotations.document import Change, Edit
from viewers.annotations.store import Store
store = Store(Path(sys.argv[1]))
number = 0
while True:
    number += 1
    marks = [Annotation(rectangle((number, part), (number + 1, part + 1)), Kind.RECTANGLE, name=str(number)) for part in range(3)]
    store.write([Edit("draw", tuple(Change(None, one) for one in marks))])
    print(number, flush=True)
"""


@pytest.mark.parametrize("seed", range(6))
def test_kill_9_loses_no_edit_that_was_written_and_tears_none(tmp_path: Path, seed: int):
    path = tmp_path / "slide.marks"
    with subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        time.sleep(random.Random(seed).uniform(0.01, 0.25))
        process.send_signal(signal.SIGKILL)
        said = [first, *process.stdout.read().splitlines()]
    store = Store(path)
    marks, _ = store.load()
    store.close()
    counts = {number: sum(one.name == number for one in marks) for number in {one.name for one in marks}}
    assert set(counts.values()) == {3}
    assert len(counts) in (len(said), len(said) + 1)
    assert {str(int(line)) for line in said if line.strip()} <= set(counts)


FULL = """
import resource, sys, threading
from pathlib import Path
from viewers.annotations.annotation import Annotation, Kind, rectangle
from viewers.annotations.document import Annotations
from viewers.annotations import keeping as module
from viewers.annotations.store import Store
module.RETRY_S = 0.05
said, good, bad = [], threading.Event(), threading.Event()
def hear(text):
    said.append(text)
    (bad if text else good).set()
keeping = module.Keeping(Store(Path(sys.argv[1])), hear)
document = Annotations()
document.listen(keeping.tell)
resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, resource.RLIM_INFINITY))
document.add([Annotation(rectangle((n, 0), (n + 1, 1)), Kind.RECTANGLE) for n in range(2000)])
assert bad.wait(20), said
assert keeping.unwritten and not good.is_set()
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
assert good.wait(20), said
assert keeping.close()
print(next(text for text in said if text))
"""


@pytest.mark.skipif(os.name == "nt", reason="no such limit")
def test_a_full_disk_says_so_and_what_was_drawn_is_written_once_there_is_room(tmp_path: Path):
    path = tmp_path / "slide.marks"
    done = subprocess.run([sys.executable, "-c", FULL, str(path)], capture_output=True, text=True, cwd=ROOT, check=True)
    assert "cannot be written" in done.stdout
    store = Store(path)
    assert len(store.load()[0]) == 2000
    store.close()


def test_two_programs_write_the_same_file(tmp_path: Path):
    stores = [Store(tmp_path / "slide.marks") for _ in range(2)]
    keepers = [Keeping(store) for store in stores]
    documents = [Annotations(), Annotations()]
    for document, keeping in zip(documents, keepers, strict=True):
        document.listen(keeping.tell)
    for number in range(40):
        documents[number % 2].add([Annotation(rectangle((number, 0), (number + 1, 1)), Kind.RECTANGLE)])
    assert all(keeping.close() for keeping in keepers)
    store = Store(tmp_path / "slide.marks")
    assert {one.geometry.bounds[0] for one in store.load()[0]} == set(range(40))
    store.close()


@pytest.mark.parametrize("damage", ["text", "head", "middle"])
def test_a_damaged_file_is_kept_and_a_new_one_begun(tmp_path: Path, damage: str):
    path = tmp_path / "slide.marks"
    store = Store(path)
    document, keeping = Annotations(), Keeping(store)
    document.listen(keeping.tell)
    document.add([replace(one, id=f"{number}-{one.id}") for number in range(200) for one in some()])
    assert keeping.close()
    data = bytearray(path.read_bytes())
    if damage == "text":
        data = bytearray(b"these are no marks\n" * 300)
    elif damage == "head":
        data[:100] = bytes(100)
    else:
        data[4096:-4096] = os.urandom(len(data) - 8192)
    path.write_bytes(data)
    store = Store(path)
    assert store.load() == ((), DEFAULT)
    assert "kept as slide.marks.damaged-" in store.notes[0]
    (kept,) = tmp_path.glob("slide.marks.damaged-*")
    assert kept.read_bytes() == bytes(data)
    store.close()


def test_a_newer_file_and_a_place_that_cannot_be_written_are_refused_in_a_sentence(tmp_path: Path):
    path = tmp_path / "slide.marks"
    Store(path).close()
    with sqlite3.connect(path) as base:
        base.execute("PRAGMA user_version = 99")
    base.close()
    with pytest.raises(StoreError, match=r"newer Hilum \(form 99\)"):
        Store(path)
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be opened"):
        Store(tmp_path / "file" / "slide.marks")
