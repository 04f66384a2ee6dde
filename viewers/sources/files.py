"""Opening what is a file and nothing else: a pipe, a socket or a device would wait, or never end."""

from __future__ import annotations

import stat
from io import BufferedReader
from pathlib import Path

from viewers.errors import SourceError, reading

_KINDS = {stat.S_IFIFO: "a named pipe", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device"}


def opened_file(path: Path) -> BufferedReader:
    """The file at its start. Raises SourceError, for what is no file before anything is opened."""
    must_be_file(path)
    with reading(path):
        return path.open("rb")


def must_be_file(path: Path) -> None:
    """Raises SourceError for what is absent, is a folder, or is neither file nor folder; links are followed."""
    with reading(path):
        mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        with reading(path):
            raise IsADirectoryError
    if not stat.S_ISREG(mode):
        what = _KINDS.get(stat.S_IFMT(mode), "no file")
        raise SourceError(path, f"{path.name} is {what}, not a file with a picture: open a file or a folder.")
