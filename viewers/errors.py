"""What can go wrong between a file and its pixels, said in one sentence a clinician may read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class SourceError(Exception):
    """A file that cannot be shown.

    `str(error)` is one sentence: what is wrong, where, and what to do. `path` is the file or folder it speaks of.
    """

    def __init__(self, path: Path | str, sentence: str) -> None:
        super().__init__(sentence)
        self.path = Path(path)


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turns what the operating system refuses while `path` is read into a SourceError."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError) as error:
        if path.is_file():
            raise SourceError(path, f"{path.name} is a file, not a folder: open it by itself, or choose a folder.") from error
        gone = "is a link to something that does not exist" if path.is_symlink() else "is not there"
        raise SourceError(path, f"{path.name} {gone}: check the name, or put the file back.") from error
    except PermissionError as error:
        raise SourceError(path, f"{path.name} may not be read: ask for the right to read it.") from error
    except IsADirectoryError as error:
        raise SourceError(path, f"{path.name} is a folder, not a file: open a file inside it.") from error
    except MemoryError as error:
        raise SourceError(path, f"{path.name} needs more memory than is free: close other pictures and try again.") from error
    except OSError as error:
        reason = error.strerror or "the disk or network reported an error"
        raise SourceError(path, f"{path.name} cannot be read ({reason}): check the disk or network and try again.") from error
