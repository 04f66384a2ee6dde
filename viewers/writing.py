"""A file that takes its name when all of it is written, and leaves no trace when something fails. No Qt."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from viewers.errors import SourceError


@contextmanager
def taking_place(path: Path) -> Iterator[Path]:
    """Where to write what is to become `path`; the file that was there before stays until then. Raises OSError."""
    part = path.parent / f".hilum-tmp-{secrets.token_hex(8)}"
    try:
        yield part
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def taking_name(path: Path) -> Iterator[BinaryIO]:
    """The same as an opened file. Raises SourceError."""
    try:
        with taking_place(path) as part, part.open("xb") as file:
            yield file
    except OSError as error:
        why = error.strerror or "the disk reported an error"
        raise SourceError(path, f"{path.name} cannot be written ({why}): choose another folder or free some space.") from error
