"""How the pixels of a slide lie in its file: by which compression, and whether all of them are there."""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping
from pathlib import Path

from viewers.errors import SourceError, reading
from viewers.sources.decode import lossy, syntax_name
from viewers.sources.files import must_be_file, opened_file
from viewers.sources.header import dataset_of, is_dicom, syntax_of
from viewers.sources.tiff import COMPRESSION, LOSSY, TIFF, Directories

_MIRAX = {"JPEG": True, "PNG": False, "BMP24": False}


def storage(path: Path, properties: Mapping[str, str]) -> Mapping[str, object]:
    """`transfer_syntax` and `lossy` of a slide, each None where its file does not tell. Raises SourceError."""
    with opened_file(path) as file, reading(path):
        start, size = file.read(132), file.seek(0, 2)
        if start.startswith(TIFF):
            try:
                first = next(iter(Directories(file, start, size)), None)
            except struct.error:
                first = None
            numbers = first.numbers.get(COMPRESSION, (1,)) if first else (0,)
            return {"transfer_syntax": None, "lossy": LOSSY.get(numbers[0])}
    if is_dicom(start):
        syntax = syntax_of(path)
        return {
            "transfer_syntax": {"uid": syntax, "name": syntax_name(syntax)},
            "lossy": lossy(dataset_of(path, ["LossyImageCompression"]), syntax),
        }
    return {"transfer_syntax": None, "lossy": _MIRAX.get(properties.get("mirax.LAYER_0_LEVEL_0_SECTION.IMAGE_FORMAT", ""))}


def must_be_readable(path: Path) -> None:
    """Raises SourceError where OpenSlide would wait for ever: it opens what lies beside a slide of several files as well."""
    must_be_file(path)
    with opened_file(path) as file, reading(path):
        if file.read(4) in TIFF:
            return
    for folder in (path.parent, path.with_suffix("")):
        if folder.is_dir():
            with reading(folder), os.scandir(folder) as inside:
                strange = sorted(one.name for one in inside if not (one.is_file() or one.is_dir()) and Path(one).exists())
            if strange:
                raise SourceError(path, f"{path.name} cannot be opened beside {strange[0]}, which is no file: move that away.")
