"""The folder of a batch: one process at a time, one JSON per item, every file whole or absent."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import IO, Any

from app.storage import atomic_write, exclusive, sweep

FORM = "hilum-batch-1"
PARTS = ("items", "heatmaps", "embeddings")


class BatchError(ValueError):
    """A batch that cannot start here, said in one sentence."""


class BatchFolder:
    """`DIR/batch.json` says what is asked, `DIR/items/<id>.json` what is done. Used as a context; leaving it frees the lock.

    Raises BatchError when another process works in the folder, when it holds something else, or when it holds a batch
    and `resume` was not asked for.
    """

    def __init__(self, path: Path, *, resume: bool) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)
        self._lock = _locked(path / "lock")
        try:
            self._must_fit(resume)
            for part in PARTS:
                (path / part).mkdir(exist_ok=True)
                sweep(path / part)
            sweep(path)
        except BaseException:
            self.close()
            raise

    def _must_fit(self, resume: bool) -> None:
        holds = {one.name for one in self.path.iterdir()} - {"lock"}
        if "batch.json" in holds:
            if not resume:
                raise BatchError(f"{self.path} holds a batch already; go on with --resume, or choose an empty folder")
            self._must_be_ours()
        elif any(name not in PARTS and not name.startswith(".") for name in holds):
            raise BatchError(f"{self.path} is not empty and holds no batch; choose an empty folder")

    def _must_be_ours(self) -> None:
        try:
            form = json.loads((self.path / "batch.json").read_text(encoding="utf-8"))["form"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise BatchError(f"{self.path / 'batch.json'} cannot be read; choose an empty folder") from error
        if form != FORM:
            raise BatchError(f"{self.path} holds a batch of the form {form!r}, this version goes on with {FORM!r} only")

    def __enter__(self) -> BatchFolder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._lock.close()

    def write(self, name: str, content: bytes | str) -> None:
        atomic_write(self.path / name, content)

    def holds(self, names: list[str]) -> bool:
        return all((self.path / name).is_file() for name in names)

    def settings(self, body: dict[str, Any]) -> None:
        self.write("batch.json", _json({"form": FORM, **body}))

    def load(self, id: str) -> dict[str, Any]:
        """What is known of an item; empty when nothing is, or when the file was damaged from outside."""
        with contextlib.suppress(OSError, ValueError):
            record = json.loads((self.path / "items" / f"{id}.json").read_text(encoding="utf-8"))
            if isinstance(record, dict) and isinstance(record.get("tasks"), dict):
                return record
        return {}

    def save(self, id: str, record: dict[str, Any]) -> None:
        self.write(f"items/{id}.json", _json(record))


def _json(body: dict[str, Any]) -> str:
    return json.dumps(body, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def _locked(path: Path) -> IO[bytes]:
    lock = exclusive(path)
    if lock is None:
        raise BatchError(f"another process is working in {path.parent}; wait for it, or choose another folder")
    return lock
