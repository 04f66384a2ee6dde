"""The record of what somebody may have to answer for."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from app import audit


def lines() -> list[dict[str, str]]:
    return [json.loads(line) for line in audit.audit_path().read_text(encoding="utf-8").splitlines()]


def test_each_record_is_one_line_with_who_and_when() -> None:
    audit.record("one", {"slide": "content ab"})
    audit.record("two\nlines", {"slide": "content ab"})
    first, second = lines()
    assert (first["event"], second["event"]) == ("one", "two\nlines")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", first["time"])
    assert first["who"] == audit.account()
    assert first["slide"] == "content ab"
    if os.name != "nt":
        assert audit.audit_path().stat().st_mode & 0o777 == 0o600


def test_a_torn_line_stays_alone() -> None:
    audit.record("one", {})
    with audit.audit_path().open("ab") as file:
        file.write(b'{"time": "20')
    audit.record("two", {})
    found = audit.audit_path().read_text().splitlines()
    assert json.loads(found[0])["event"] == "one"
    assert json.loads(found[2])["event"] == "two"
    assert len(found) == 3


def test_records_of_many_threads_and_processes_do_not_mix() -> None:
    code = "from app import audit\nfor n in range(40): audit.record('other', {'n': str(n) * 50})"
    other = subprocess.Popen([sys.executable, "-c", code], cwd=Path(__file__).resolve().parents[2])
    threads = [threading.Thread(target=lambda: [audit.record("mine", {}) for _ in range(20)]) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert other.wait(60) == 0
    events = [one["event"] for one in lines()]
    assert sorted(events) == ["mine"] * 60 + ["other"] * 40


def test_a_folder_that_cannot_be_written_is_an_error(home: Path) -> None:
    (home / audit.NAME).mkdir()
    with pytest.raises(OSError):
        audit.record("one", {})
