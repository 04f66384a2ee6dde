"""What can go wrong between a file and its pixels, said in one sentence a clinician may read."""

from pathlib import Path


class SourceError(Exception):
    """A file that cannot be shown.

    `str(error)` is one sentence: what is wrong, where, and what to do. `path` is the file or folder it speaks of.
    """

    def __init__(self, path: Path | str, sentence: str) -> None:
        super().__init__(sentence)
        self.path = Path(path)
