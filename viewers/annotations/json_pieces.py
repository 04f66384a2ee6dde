"""JSON of any size, read one value at a time, so that a file of gigabytes needs the memory of its largest value."""

from __future__ import annotations

import codecs
import json
import re
import zlib
from collections.abc import Callable, Iterator
from gzip import BadGzipFile
from pathlib import Path
from typing import Any, BinaryIO
from zipfile import BadZipFile

from viewers.errors import SourceError, reading

CHUNK = 2 * 2**20
LARGEST_VALUE = 128 * 2**20
"""Characters one value may have."""
MOST_BYTES = 16 * 2**30
"""Bytes of text after unpacking."""
_SPACE = re.compile(r"[ \t\n\r]*")
_TAIL = 64
"""A value that is cut off fails this close to the end of what is read; what fails earlier is wrong."""


class Pieces:
    """A place in a JSON text. Every method raises SourceError, naming the place, where the text is not as it says."""

    def __init__(self, path: Path, file: BinaryIO, step: Callable[[], None]) -> None:
        """`step` is called after every `CHUNK`; what it raises ends the reading."""
        self._path, self._file, self._step = path, file, step
        self._letters = codecs.getincrementaldecoder("utf-8-sig")()
        self._decoder = json.JSONDecoder(object_pairs_hook=_joined, parse_constant=str)
        self._text, self._at, self._before, self._bytes, self._ended = "", 0, 0, 0, False

    def peek(self) -> str:
        """The next character that is no white space, "" at the end."""
        while True:
            found = _SPACE.match(self._text, self._at)
            self._at = found.end() if found else self._at
            if self._at < len(self._text):
                return self._text[self._at]
            if self._ended:
                return ""
            self._more()

    def take(self, expected: str) -> None:
        if self.peek() != expected:
            raise self._wrong()
        self._at += 1

    def value(self) -> Any:
        """The value that starts here. NaN and infinities are the strings "NaN", "Infinity" and "-Infinity"."""
        self.peek()
        while True:
            try:
                value, end = self._decoder.raw_decode(self._text, self._at)
            except json.JSONDecodeError as error:
                cut = error.msg.startswith("Unterminated string") or error.pos >= len(self._text) - _TAIL
                if self._ended or not cut:
                    raise self._wrong(error.pos) from None
            except RecursionError:
                raise self._bad("is nested too deeply") from None
            except ValueError:
                raise self._bad("has a number of thousands of digits") from None
            else:
                if self._ended or end < len(self._text) or isinstance(value, (list, dict, str)):
                    self._at = end
                    return value
            if len(self._text) - self._at > LARGEST_VALUE:
                raise self._bad(f"has one value of more than {LARGEST_VALUE // 2**20} MB")
            self._more()

    def items(self) -> Iterator[Any]:
        """The values of the array that starts here."""
        self.take("[")
        if self.peek() == "]":
            self.take("]")
            return
        while True:
            yield self.value()
            if self.peek() != ",":
                self.take("]")
                return
            self.take(",")

    def members(self) -> Iterator[str]:
        """The keys of the object that starts here; the value of each is to be read before the next."""
        self.take("{")
        if self.peek() == "}":
            self.take("}")
            return
        while True:
            if self.peek() != '"':
                raise self._wrong()
            yield str(self.value())
            if self.peek() != ",":
                self.take("}")
                return
            self.take(",")

    def end(self) -> None:
        if self.peek():
            raise self._wrong()

    def _more(self) -> None:
        rest = self._text[self._at :]
        try:
            with reading(self._path):
                data = self._file.read(max(CHUNK, len(rest)))
            text = self._letters.decode(data, final=not data)
        except (EOFError, zlib.error, BadZipFile, BadGzipFile) as error:
            raise self._bad("is packed, and the packing is damaged") from error
        except UnicodeDecodeError as error:
            raise self._bad("is not text in UTF-8") from error
        self._bytes += len(data)
        if self._bytes > MOST_BYTES:
            raise self._bad(f"holds more than {MOST_BYTES // 2**30} GB of text")
        self._before += self._at
        self._text, self._at, self._ended = rest + text, 0, not data
        self._step()

    def _wrong(self, place: int | None = None) -> SourceError:
        place = self._at if place is None else place
        if self._ended and place >= len(self._text) - 1:
            return self._bad("ends in the middle of its JSON", "copy it again from where it came")
        return self._bad(f"is not valid JSON near character {self._before + place + 1:,}")

    def _bad(self, what: str, remedy: str = "export it again") -> SourceError:
        return SourceError(self._path, f"{self._path.name} {what}: {remedy}.")


def _joined(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The last of two equal keys counts; two objects under one key are joined (QuPath may write `metadata` twice)."""
    members = dict(pairs)
    if len(members) < len(pairs):
        for key, value in pairs:
            if isinstance(value, dict) and isinstance(members[key], dict):
                members[key] = value | members[key]
    return members
