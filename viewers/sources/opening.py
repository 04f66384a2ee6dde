"""Which kind of source a path is, by what it holds."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from viewers.errors import SourceError, reading
from viewers.geometry import Spacing
from viewers.sources import Source
from viewers.sources.attached import ATTACHED, attached
from viewers.sources.files import opened_file
from viewers.sources.header import WHOLE_SLIDE, is_dicom, sop_class_of
from viewers.sources.tiff import TIFF
from viewers.sources.whole import JPEG, PNG
from viewers.waveform import SOP_CLASSES as WAVEFORMS

PLAIN = (PNG, JPEG, b"BM", b"GIF8", b"RIFF", b"P5", b"P6", b"\0\0\0\x0cjP  ", *TIFF)
ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_TEXT_SHARE = 0.95


def opened(path: Path, spacing: Spacing | None = None) -> Source:
    """The source of a file or folder. Raises SourceError."""
    with reading(path):
        path.stat()
        folder = path.is_dir()
    if folder:
        from viewers.sources.folder import opened_folder

        return opened_folder(path, spacing)
    start = beginning(path)
    if is_dicom(start):
        return _dicom(path, spacing)
    if is_planes(path, start):
        from viewers.sources.planes import Planes

        return Planes(path, spacing)
    if is_slide(path, start):
        from viewers.sources.slide import Slide

        return Slide(path, spacing)
    if start.startswith(PLAIN):
        from viewers.sources import large

        return large.opened(path, spacing)
    if start.startswith(b"%PDF-"):
        from viewers.sources.pdf import Pdf

        return Pdf(path)
    if start.startswith(ZIP):
        from viewers.sources import packed

        return packed.opened_alone(path, spacing)
    raise SourceError(path, f"{path.name} {described(start)}: open a DICOM file, a slide, a PNG, JPEG or TIFF.")


def beginning(path: Path) -> bytes:
    """The first 4 KiB. Raises SourceError, also for an empty file and for what is no file."""
    with opened_file(path) as file, reading(path):
        start = file.read(4096)
    if not start:
        raise SourceError(path, f"{path.name} is empty (0 bytes): copy it again from where it came.")
    return start


def is_planes(path: Path, start: bytes) -> bool:
    """Whether a TIFF holds channels, planes or values that OpenSlide does not read. Raises SourceError."""
    if not start.startswith(TIFF):
        return False
    import openslide

    from viewers.sources import planes

    return planes.wanted(path, lambda: cast("str | None", openslide.OpenSlide.detect_format(path)))


def is_slide(path: Path, start: bytes) -> bool:
    """Whether OpenSlide knows the file as a slide; a picture that is not tiled is none."""
    if start.startswith(PLAIN) and not start.startswith(TIFF) and not path.with_suffix("").is_dir():
        return False  # a MIRAX slide starts with a JPEG and has a folder of the same name beside it
    import openslide

    if path.suffix.lower() == ".mrxs":
        from viewers.sources.slide_storage import must_be_readable

        must_be_readable(path)
    return openslide.OpenSlide.detect_format(path) is not None


def _dicom(path: Path, spacing: Spacing | None) -> Source:
    kind = sop_class_of(path)
    if kind == WHOLE_SLIDE:
        from viewers.sources.slide import Slide

        return Slide(path, spacing)
    if kind in ATTACHED:
        raise attached(path, kind)
    if kind in WAVEFORMS:
        from viewers.sources.waveform import Waveform

        return Waveform(path)
    from viewers.sources import dicom

    return dicom.opened(path, spacing)


def described(start: bytes) -> str:
    """What is wrong with a file that begins so, in words that follow its name."""
    printable = sum(byte in b"\t\n\r" or 32 <= byte < 127 or byte >= 128 for byte in start)
    if 0 not in start and printable >= _TEXT_SHARE * len(start):
        return "is text, not a picture"
    return "is not a kind of file Hilum knows"
