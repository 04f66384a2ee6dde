"""Writes that survive kill -9, and the journal of unsaved reports."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from app import presets_file
from app.pacs import book
from app.storage import TEMPORARY, atomic_write, data_folder, exclusive, sweep

WRITER = """
import sys
from pathlib import Path
from app.storage import atomic_write
path = Path(sys.argv[1])
print("ready", flush=True)
while True:
    for letter in (b"a", b"b"):
        atomic_write(path, letter * 3_000_000)
"""


def test_kill_in_mid_save_leaves_a_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_bytes(b"a" * 3_000_000)
    chance = random.Random(8)
    for _ in range(8):
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE)
        assert writer.stdout is not None
        writer.stdout.readline()
        time.sleep(chance.uniform(0.0, 0.08))
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        writer.stdout.close()
        found = path.read_bytes()
        assert len(found) == 3_000_000
        assert found in (b"a" * 3_000_000, b"b" * 3_000_000)
    sweep(tmp_path)
    assert [one.name for one in tmp_path.iterdir()] == ["report.json"]


def test_a_failed_write_keeps_the_old_file_and_no_rubbish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x"
    atomic_write(path, "old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        atomic_write(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.glob(f"{TEMPORARY}*")) == []


def test_text_is_written_as_utf8_with_line_feeds(tmp_path: Path) -> None:
    atomic_write(tmp_path / "folder" / "x", "µm\nÄ\n")
    assert (tmp_path / "folder" / "x").read_bytes() == b"\xc2\xb5m\n\xc3\x84\n"


@pytest.mark.skipif(os.name == "nt", reason="file modes are those of Unix")
def test_private_files_are_the_owners_alone(tmp_path: Path) -> None:
    atomic_write(tmp_path / "x", "secret", private=True)
    assert (tmp_path / "x").stat().st_mode & 0o077 == 0


def test_the_data_folder_is_the_chosen_home(home: Path) -> None:
    assert data_folder() == home


def test_a_lock_is_held_by_one_and_free_when_it_is_closed(tmp_path: Path) -> None:
    first = exclusive(tmp_path / "lock")
    assert first is not None
    assert exclusive(tmp_path / "lock") is None
    first.close()
    again = exclusive(tmp_path / "lock")
    assert again is not None
    again.close()


@pytest.mark.parametrize(
    ("load", "name"),
    [(presets_file.load, "windows.toml"), (book.load, "pacs.json")],
)
def test_what_was_damaged_before_is_kept_when_it_is_damaged_again(
    tmp_path: Path, load: Callable[[Path], object], name: str
) -> None:
    stem, suffix = name.split(".")
    for number, content in enumerate((b"\xff one", b"\xff two"), 1):
        (tmp_path / name).write_bytes(content)
        load(tmp_path)
        assert sorted(path.name for path in tmp_path.iterdir())[0] == f"{stem}.damaged{'-2' * (number == 2)}.{suffix}"
    assert sorted(path.read_bytes() for path in tmp_path.iterdir()) == [b"\xff one", b"\xff two"]
