"""XML out of a file that nobody vouches for."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from xml.etree.ElementTree import Element

MOST_CHARACTERS = 16_000_000


class XmlRefused(ValueError):
    """Why a text is not read as XML, as the end of a sentence."""


def parsed(text: str) -> Element:
    """The root of `text`. Raises XmlRefused for what is too long, no XML, or declares a document type or an entity: these make
    small texts grow without end, and name other files."""
    if len(text) > MOST_CHARACTERS:
        raise XmlRefused(f"is longer than {MOST_CHARACTERS:,} characters")
    if "<!DOCTYPE" in text.upper() or "<!ENTITY" in text.upper():
        raise XmlRefused("declares a document type or an entity, which no scanner needs")
    try:
        return ElementTree.fromstring(text.strip("\0 \t\r\n").encode())
    except (ElementTree.ParseError, ValueError, LookupError, RecursionError) as error:
        raise XmlRefused("is no whole XML") from error


def local(element: Element) -> str:
    """An element's name without its namespace."""
    return element.tag.rpartition("}")[2]


def inside(element: Element, name: str) -> list[Element]:
    """The children of that name, whatever their namespace."""
    return [one for one in element if local(one) == name]


def words(text: str | None, most: int = 64) -> str:
    """A name from a file as one line of printable characters, cut to `most`."""
    line = " ".join("".join(one if one.isprintable() else " " for one in text or "").split())
    return line if len(line) <= most else f"{line[: most - 1]}…"
