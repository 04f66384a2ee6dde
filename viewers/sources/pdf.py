"""Pages of a PDF as frames, and its words, through PDFium."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from viewers.errors import SourceError
from viewers.geometry import Region, Size, Spacing
from viewers.sources import Kind, Level
from viewers.sources.cache import FrameCache
from viewers.sources.describing import described
from viewers.sources.facts import Facts
from viewers.sources.files import opened_file
from viewers.sources.resample import cut, resized

if TYPE_CHECKING:
    import pypdfium2

PDF = b"%PDF-"
DPI = 200
LONGEST = 4000
"""Of a page, in pixels: larger ones are rendered more coarsely."""
MOST_PAGES = 2000
MOST_BYTES = 512 * 2**20
_CACHE_BYTES = 256 * 2**20
_POINTS = 72.0
_PDFIUM = Lock()
"""PDFium is not made for several threads, not even for two documents: who calls it holds this."""


class Pdf:
    """One frame a page, on white, as large as the first page; a page of another shape is fitted into that."""

    kind: Kind = "picture"
    modality = "DOC"
    facts: Facts | None = None
    spacing: Spacing | None = None

    def __init__(self, path: Path) -> None:
        """Raises SourceError for what is damaged, locked, empty or too large."""
        self.path, self.name = path, path.name
        with _document(path) as document:
            self.frames = len(document)
            shapes = {tuple(round(side, 1) for side in document.get_page_size(number)) for number in range(self.frames)}
            width, height = document.get_page_size(0)
        self._scale = min(DPI / _POINTS, LONGEST / max(width, height))
        self.size = Size(max(1, round(width * self._scale)), max(1, round(height * self._scale)))
        self.levels: tuple[Level, ...] = (Level(self.size, 1.0),)
        self.notes: tuple[str, ...] = ("Pages differ in shape; each is fitted into the first one's.",) if len(shapes) > 1 else ()
        self.steps: tuple[str, ...] = (f"page rendered at {self._scale * _POINTS:.0f} dots per inch",)
        self._cache = FrameCache(_CACHE_BYTES)

    def read(self, region: Region, size: Size | None = None) -> NDArray[np.uint8]:
        if not 0 <= region.frame < self.frames:
            raise SourceError(self.path, f"{self.name} has {self.frames} pages; page {region.frame + 1} does not exist.")
        pixels = cast("NDArray[np.uint8]", self._cache.get(region.frame, lambda: self._rendered(region.frame)))
        return resized(cut(pixels, region, 0), size or region.size)

    def info(self) -> Mapping[str, object]:
        return described(self, format="PDF", lossy=None)

    def close(self) -> None:
        self._cache.clear()

    def _rendered(self, number: int) -> NDArray[np.generic]:
        whole = np.full((self.size.height, self.size.width, 3), 255, np.uint8)
        with _document(self.path) as document:
            if number >= len(document):
                raise SourceError(self.path, f"{self.name} was changed while it was open: open it again.")
            width, height = document.get_page_size(number)
            scale = min(self.size.width / width, self.size.height / height)
            page = document[number].render(scale=scale, rev_byteorder=True, prefer_bgrx=False, fill_color=(255, 255, 255, 255))
            pixels = np.asarray(page.to_numpy())
            pixels = np.repeat(pixels.reshape(*pixels.shape[:2], -1), 3, axis=2) if pixels.ndim < 3 else pixels[..., :3]
            part = pixels[: self.size.height, : self.size.width]
            whole[: part.shape[0], : part.shape[1]] = part
        return whole


def text_of(path: Path) -> str:
    """The words of all pages, as far as they are words and no pictures of words. Raises SourceError."""
    with _document(path) as document:
        pages = [document[number].get_textpage().get_text_bounded() for number in range(len(document))]
    if not any(page.strip() for page in pages):
        raise SourceError(path, f"{path.name} holds pictures of pages and no words: open it and ask about its pages.")
    return "\n\n".join(page.replace("\r\n", "\n").strip() for page in pages)


@contextmanager
def _document(path: Path) -> Iterator[pypdfium2.PdfDocument]:
    import pypdfium2

    with opened_file(path) as file:
        raw = file.read(MOST_BYTES + 1)
    if len(raw) > MOST_BYTES:
        raise SourceError(path, f"{path.name} is larger than {MOST_BYTES // 2**20} MiB: take out the pages that are needed.")
    document: Any = None
    with _PDFIUM:
        try:
            document = pypdfium2.PdfDocument(raw)
            pages = len(document)
            if not 0 < pages <= MOST_PAGES:
                raise SourceError(path, f"{path.name} has {pages:,} pages; 1 to {MOST_PAGES:,} can be shown.")
            yield document
        except pypdfium2.PdfiumError as error:
            locked = "password" in str(error).lower()
            why = (
                "is locked by a password: save it without one"
                if locked
                else "is damaged or cut short: copy it again from where it came"
            )
            raise SourceError(path, f"{path.name} {why}.") from error
        finally:
            if document is not None:
                document.close()
