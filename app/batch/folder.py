"""The folder of a batch: one process at a time, one JSON per item, every file whole or absent."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import IO, Any

from app.storage import atomic_write, exclusive, sweep

FORM = "hilum-batch-1"
_FORMS = "hilum-batch-"
PARTS = ("items", "heatmaps", "embeddings")


class BatchError(ValueError):
    """A batch that cannot start here, said in one sentence."""


def holds_batch(folder: Path) -> bool:
    """Whether a folder holds the results of a batch, of this or of another version."""
    return _form(folder).startswith(_FORMS)


def _form(folder: Path) -> str:
    """What batch.json says its form is, "" where it cannot be read as such."""
    path = folder / "batch.json"
    try:
        form = json.loads(path.read_text(encoding="utf-8"))["form"] if path.is_file() else ""
    except (OSError, ValueError, KeyError, TypeError):
        return ""
    return form if isinstance(form, str) else ""


class BatchFolder:
    """`DIR/batch.json` says what is asked, `DIR/items/<id>.json` what is done. Used as a context; leaving it frees the lock.

    Raises BatchError when another process works in the folder, when it holds something else, or when it holds a batch
    and `resume` was not asked for.
    """

    def __init__(self, path: Path, *, resume: bool) -> None:
        self.path = path
        self._must_fit(resume)  # before anything is made, so that a refusal leaves nothing behind
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise BatchError(f"the folder {path} cannot be made ({error.strerror}); choose another one") from error
        self._lock = _locked(path / "lock")
        try:
            self._must_fit(resume)  # another process may have been quicker
            for part in PARTS:
                (path / part).mkdir(exist_ok=True)
                sweep(path / part)
            sweep(path)
        except BaseException:
            self.close()
            raise

    def _must_fit(self, resume: bool) -> None:
        if self.path.exists() and not self.path.is_dir():
            raise BatchError(f"{self.path} is not a folder; choose an empty folder")
        holds = {one.name for one in self.path.iterdir()} - {"lock"} if self.path.exists() else set()
        if "batch.json" in holds:
            if not resume:
                raise BatchError(f"{self.path} holds a batch already; go on with --resume, or choose an empty folder")
            self._must_be_ours()
        elif any(name not in PARTS and not name.startswith(".") for name in holds):
            raise BatchError(f"{self.path} is not empty and holds no batch; choose an empty folder")

    def _must_be_ours(self) -> None:
        form = _form(self.path)
        if not form:
            raise BatchError(f"{self.path / 'batch.json'} cannot be read; choose an empty folder")
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

    def asked_before(self) -> list[str]:
        """The tasks that batch.json names; none where there is no such file."""
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            return [str(task) for task in json.loads((self.path / "batch.json").read_text(encoding="utf-8"))["settings"]["tasks"]]
        return []

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
    if path.exists() and not path.is_file():
        raise BatchError(f"{path} is not a file; choose an empty folder")
    lock = exclusive(path)
    if lock is None:
        raise BatchError(f"another process is working in {path.parent}; wait for it, or choose another folder")
    return lock
