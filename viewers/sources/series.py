"""The files of one series as a stack, ordered by position along the slice normal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from viewers.errors import SourceError
from viewers.geometry import Spacing
from viewers.sources.dicom import ColourDicom, GreyDicom, stacked
from viewers.sources.header import Header, headers_of
from viewers.sources.placed import placed
from viewers.sources.stacks import stacked_up


def opened(path: Path, files: Sequence[Path], spacing: Spacing | None = None) -> GreyDicom | ColourDicom:
    """A series under the name of `path`; frames are its slices. A file that cannot be read is left out with a note.

    Raises SourceError when no file can be read.
    """
    headers, notes = list[Header](), list[str]()
    failure: SourceError | None = None
    for one in headers_of(files):
        if isinstance(one, Header):
            headers.append(one)
        elif isinstance(one, SourceError):
            failure = failure or one
            notes.append(f"A slice is left out: {one}")
    if not headers:
        raise failure or SourceError(path, f"{path.name} holds no DICOM images: open another folder.")
    size = headers[0].size
    odd = [header for header in headers if header.size != size or header.samples != headers[0].samples]
    if odd:
        notes.append(f"{len(odd)} slices of another size are left out.")
    headers = [header for header in headers if header not in odd]
    found = stacked_up([one for header in headers for one in placed(header)], several_files=True)
    return stacked(path, found, "series", spacing, (*notes, *found.notes))
