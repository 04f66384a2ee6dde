"""Opening files, listing folders and making thumbnails, away from the GUI thread."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QImage

from viewers.errors import SourceError
from viewers.geometry import Region
from viewers.qimage import to_qimage
from viewers.sources import Source, discover, open_source

THUMBNAIL = 96
"""Longest side of a thumbnail in the browser, in pixels."""
MOST = 20_000
"""Items listed of one folder."""


@dataclass(frozen=True, slots=True)
class Listed:
    """One thing found below a folder: it can be opened, or `problem` says in a sentence why not."""

    path: Path
    problem: str = ""


class Opener(QObject):
    """Two threads of its own; results arrive on the GUI thread as queued signals. Nothing is emitted after `close`."""

    listed = Signal(object)
    """list[Listed], in pieces as they are found."""
    opened = Signal(object, object)
    """path, Source: asked for by `open`."""
    failed = Signal(object, str)
    """path, sentence."""
    described = Signal(object, str, object)
    """path, second line for the browser, thumbnail (QImage, may be null)."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._pool = ThreadPoolExecutor(2, thread_name_prefix="hilum-open")
        self._closed = threading.Event()

    def list(self, path: Path) -> None:
        """Everything that can be opened below a folder; a file stands for itself."""
        self._start(self._list, path)

    def open(self, path: Path) -> None:
        self._start(self._open, path)

    def describe(self, path: Path) -> None:
        self._start(self._describe, path)

    def close(self) -> None:
        """End the threads; what was not begun is dropped."""
        self._closed.set()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _start(self, work: object, path: Path) -> Future[None] | None:
        if self._closed.is_set() or not callable(work):
            return None
        return self._pool.submit(work, path)

    def _list(self, path: Path) -> None:
        if not path.is_dir():
            self._emit_listed([Listed(path)])
            return
        piece: list[Listed] = []
        total = 0
        try:
            for item in discover(path):
                piece.append(Listed(item.path, item.problem))
                total += 1
                if len(piece) == 64:
                    self._emit_listed(piece)
                    piece = []
                if self._closed.is_set() or total >= MOST:
                    break
        except (OSError, SourceError) as error:
            self._fail(path, str(error))
        if total == 0:
            self._fail(path, f"{path.name} holds no picture, DICOM file or slide that can be opened.")
        self._emit_listed(piece)

    def _open(self, path: Path) -> None:
        try:
            source = open_source(path)
        except SourceError as error:
            self._fail(path, str(error))
            return
        except Exception as error:  # at the bridge: a decoder's surprise costs one file and one sentence
            self._fail(path, f"{path.name} cannot be read ({type(error).__name__}: {error}).")
            return
        if self._closed.is_set():
            source.close()
            return
        self.opened.emit(path, source)

    def _describe(self, path: Path) -> None:
        if self._closed.is_set():
            return
        try:
            source = open_source(path)
            try:
                line, image = summary(source), thumbnail(source)
            finally:
                source.close()
        except SourceError as error:
            self._fail(path, str(error))
            return
        except Exception as error:
            self._fail(path, f"{path.name} cannot be read ({type(error).__name__}: {error}).")
            return
        if not self._closed.is_set():
            self.described.emit(path, line, image)

    def _emit_listed(self, piece: list[Listed]) -> None:
        if piece and not self._closed.is_set():
            self.listed.emit(piece)

    def _fail(self, path: Path, sentence: str) -> None:
        if not self._closed.is_set():
            self.failed.emit(path, sentence)


def summary(source: Source) -> str:
    """The browser's second line: what it is and how large."""
    words = {"radiograph": source.modality or "radiograph", "series": f"{source.modality or 'series'}, {source.frames} images"}
    what = words.get(source.kind, source.kind)
    return f"{what} · {source.size.width} × {source.size.height}"


def thumbnail(source: Source) -> QImage:
    region = Region.whole(source.size, source.frames // 2)
    return to_qimage(source.read(region, source.size.fitted(THUMBNAIL)))
