"""What was done that somebody may have to answer for: one line of JSON each, only ever added to."""

from __future__ import annotations

import getpass
import json
import os
from collections.abc import Mapping
from pathlib import Path

from app.storage import data_folder, now_utc, sync_folder

NAME = "audit.jsonl"


def audit_path() -> Path:
    return data_folder() / NAME


def record(event: str, facts: Mapping[str, str]) -> None:
    """Add a line with the time (UTC), the account and `facts`; returns once it is on the disk. Not for the GUI thread.

    `facts` hold no patient's name, no tag of a file and nothing that a picture shows. A line torn by a power cut stays, the
    next begins on a line of its own. Raises OSError; nothing was then promised.
    """
    path = audit_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    line = json.dumps({"time": now_utc(), "who": account(), "event": event, **facts}, ensure_ascii=False) + "\n"
    fresh = not path.exists()
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o600)
    try:
        torn = os.lseek(descriptor, 0, os.SEEK_END) > 0 and _last_byte(descriptor) != b"\n"
        content = (("\n" if torn else "") + line).encode("utf-8")
        if os.write(descriptor, content) != len(content):
            raise OSError(28, "the disk is full", str(path))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    if fresh:
        sync_folder(path.parent)


def account() -> str:
    """Who is logged in on this machine, "" where the system does not say."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return ""


def _last_byte(descriptor: int) -> bytes:
    os.lseek(descriptor, -1, os.SEEK_END)
    return os.read(descriptor, 1)
