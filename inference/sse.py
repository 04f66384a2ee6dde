"""Server-sent events (WHATWG HTML 9.2.6), as far as a stream of answers needs them: the data of each, within limits."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

_END = re.compile(rb"\r\n|\n|\r(?!$)")
"""Of a line; a return at the end of what has come may be half of one."""


class TooLong(ValueError):
    """An event beyond its limit."""


def events(pieces: Iterable[bytes], most: int) -> Iterator[str]:
    """The data of each whole event; an event cut off by the end is none. Raises TooLong beyond `most` bytes of one, and
    UnicodeDecodeError."""
    rest, data, size = b"", list[str](), 0
    for piece in pieces:
        *lines, rest = _END.split(rest + piece)
        for line in lines:
            size += len(line)
            if size > most:
                raise TooLong
            if not line:
                if data:
                    yield "\n".join(data)
                data, size = [], 0
            elif line.startswith(b"data:"):
                data.append(line[5:].removeprefix(b" ").decode())
            elif line.startswith(b":"):
                size -= len(line)
        if size + len(rest) > most:
            raise TooLong
