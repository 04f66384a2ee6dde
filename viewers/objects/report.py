"""Structured reports of others: TID 1500 measurement groups, CAD findings, and any report as text (PS3.3 A.35, PS3.16)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from viewers.annotations.codes import Code
from viewers.objects import curves
from viewers.objects.contents import Node, code, evidence, references, tree
from viewers.objects.said import Finding, Graphic, Origin, Where
from viewers.objects.words import lines, maker, moment, named, plain
from viewers.sources import values
from viewers.ucum import SIGNS

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_GROUP = "125007"
_TRACKING, _FINDING = "112039", "121071"
_SITE, _LATERALITY = ("363698007", "G-C0E3"), ("272741003", "G-C171")
_WHO, _DEVICE, _MODEL = "121008", "121013", "121015"
_ALGORITHM, _VERSION = "111001", "111003"
_SUBJECT = {"121029", "121030", "121031", "121032", "121033"}
"""Name, number, birth date, sex and age of whom it is about: not shown."""
_SILENT = {"UIDREF", "COMPOSITE", "WAVEFORM", "TCOORD"}
MOST_GRAPHICS = 50_000
MOST_POINTS = 1_000_000
MOST_LINES = 20_000


def read(dataset: Dataset) -> dict[str, Any]:
    """What a `Said` of a report holds. Raises Unusable."""
    root = tree(dataset)
    gathered = _Gathered(root)
    for node, owners in _with_owners(root):
        if node.concept.value == _GROUP and node.type == "CONTAINER":
            gathered.group(node)
        elif node.type in ("SCOORD", "SCOORD3D") and not any(owner.concept.value == _GROUP for owner in owners):
            gathered.lone(node, owners)
    title = root.concept.meaning or "report"
    return {
        "form": "report",
        "title": title,
        "origin": _origin(dataset, root),
        "images": evidence(dataset),
        "graphics": tuple(gathered.graphics),
        "findings": tuple(gathered.findings),
        "text": _text(root),
        "notes": tuple(gathered.notes()),
    }


class _Gathered:
    """Graphics and findings, found one after the other."""

    def __init__(self, root: Node) -> None:
        self._root = root
        self.graphics: list[Graphic] = []
        self.findings: list[Finding] = []
        self._points = 0
        self._lost: dict[str, int] = {}

    def group(self, group: Node) -> None:
        """Of TID 1410, 1411, 1501 and their like."""
        title, said, regions, images = _titled(group), _measured(group), list[Node](), list[Where]()
        for node in group.walk():
            if node.type in ("SCOORD", "SCOORD3D"):
                regions.append(node)
            elif node.type == "IMAGE":
                images += references(node.item)
        drawn = [one for node in regions if (one := self._graphic(node, title)) is not None]
        where = tuple(dict.fromkeys([place for one in drawn for place in one.where] or images))
        point = next((_middle(one) for one in drawn if one.frame_of_reference), None)
        self.findings.append(Finding(title, said, where, point))

    def lone(self, node: Node, owners: tuple[Node, ...]) -> None:
        """A region outside of measurement groups, as in CAD reports: the nearest owner that says something names it."""
        owner = next((one for one in reversed(owners) if one.type in ("CODE", "NUM", "TEXT")), None)
        title = _line(owner) if owner is not None else (node.concept.meaning or "region")
        drawn = self._graphic(node, title)
        if drawn is not None:
            self.findings.append(Finding(title, (), drawn.where, _middle(drawn) if drawn.frame_of_reference else None))

    def notes(self) -> Iterator[str]:
        for why, count in self._lost.items():
            yield f"{count} region{'s' if count > 1 else ''} {'are' if count > 1 else 'is'} not drawn: {why}."

    def _graphic(self, node: Node, words: str) -> Graphic | None:
        try:
            found = _graphic(node, words, self._images(node))
            self._points += len(found.points)
            if len(self.graphics) >= MOST_GRAPHICS or self._points > MOST_POINTS:
                raise ValueError("there are more than are drawn")
        except ValueError as error:
            self._lost[str(error)] = self._lost.get(str(error), 0) + 1
            return None
        self.graphics.append(found)
        return found

    def _images(self, node: Node) -> tuple[Where, ...]:
        """The images a region was selected from, by value or by reference to another content item."""
        found: list[Where] = []
        for child in node.children:
            found += references(child.item)
            target = tuple(int(one) for one in values.numbers(child.item, "ReferencedContentItemIdentifier")[:64])
            if target:
                found += references(self._at(target))
        return tuple(found)

    def _at(self, path: tuple[int, ...]) -> Dataset | None:
        node = self._root
        for number in path[1:]:
            if not 1 <= number <= len(node.children):
                return None
            node = node.children[number - 1]
        return node.item


def _graphic(node: Node, words: str, images: tuple[Where, ...]) -> Graphic:
    """Raises ValueError with what is wrong with it."""
    flat = node.type == "SCOORD"
    given = values.numbers(node.item, "GraphicData")
    across = 2 if flat else 3
    if not given or len(given) % across:
        raise ValueError("its places are no numbers or half a place")
    points = np.array(given, np.float64).reshape(-1, across)
    reference = "" if flat else values.uid(node.item, "ReferencedFrameOfReferenceUID")
    if flat and not images:
        raise ValueError("it names no image")
    if not flat and not reference:
        raise ValueError("it names no frame of reference")
    kind = values.code(node.item, "GraphicType")
    least = {"CIRCLE": 2, "ELLIPSE": 4, "ELLIPSOID": 6}.get(kind, 1)
    if len(points) < least:
        raise ValueError("it has too few places")
    if kind in ("POINT", "MULTIPOINT"):
        return Graphic("points", points, images, words, frame_of_reference=reference)
    if kind == "CIRCLE":
        return Graphic("area", curves.circle(points), images, words, frame_of_reference=reference)
    if kind == "ELLIPSE":
        return Graphic("area", curves.ellipse(points), images, words, frame_of_reference=reference)
    if kind == "ELLIPSOID":
        raise ValueError("ellipsoids are not drawn")
    if kind not in ("POLYLINE", "POLYGON"):
        raise ValueError("its kind of graphic is unknown")
    closed = kind == "POLYGON" or (len(points) > 3 and bool((points[0] == points[-1]).all()))
    return Graphic("area" if closed else "line", points, images, words, frame_of_reference=reference)


def _middle(one: Graphic) -> tuple[float, float, float]:
    x, y, z = one.points.mean(axis=0)
    return float(x), float(y), float(z)


def _with_owners(root: Node) -> Iterator[tuple[Node, tuple[Node, ...]]]:
    waiting: list[tuple[Node, tuple[Node, ...]]] = [(root, ())]
    while waiting:
        node, owners = waiting.pop()
        yield node, owners
        waiting.extend((child, (*owners, node)) for child in reversed(node.children))


def _titled(group: Node) -> str:
    """The tracking identifier, and the finding with its site and side where they are stated."""
    name = what = site = side = ""
    for child in group.children:
        concept = child.concept.value
        if concept == _TRACKING:
            name = plain(values.text(child.item, "TextValue"), 80)
        elif concept == _FINDING and not what:
            what = child.value_code.meaning
            site, side = _site(child)
        elif concept in _SITE and not site:
            site, side = child.value_code.meaning, _side(child)
    told = ", ".join(one for one in (what, side, site) if one)
    return ": ".join(one for one in (name, told) if one) or "measurement"


def _site(finding: Node) -> tuple[str, str]:
    for child in finding.children:
        if child.concept.value in _SITE:
            return child.value_code.meaning, _side(child)
    return "", ""


def _side(site: Node) -> str:
    return next((one.value_code.meaning for one in site.children if one.concept.value in _LATERALITY), "")


def _measured(group: Node) -> tuple[str, ...]:
    """Measurements and qualitative evaluations as lines."""
    told = []
    for child in group.walk():
        if child.type == "NUM" or (child.type == "CODE" and child.concept.value not in (_FINDING, *_SITE, *_LATERALITY)):
            if child.type == "CODE" and child.relationship != "CONTAINS":
                continue
            told.append(_line(child))
        elif child.type == "TEXT" and child.concept.value != _TRACKING and child.relationship == "CONTAINS":
            told.append(_line(child))
    return tuple(told[:200])


def _line(node: Node) -> str:
    """ "Length: 12.3 mm"."""
    name, value = node.concept.meaning, _value(node)
    return f"{name}: {value}" if name and value else name or value


def _value(node: Node) -> str:
    item, type = node.item, node.type
    if node.concept.value in _SUBJECT:
        return "(hidden)"
    if type == "CODE":
        return node.value_code.meaning or node.value_code.value
    if type == "NUM":
        return number(item)
    if type == "TEXT":
        return plain(values.text(item, "TextValue"), 500)
    if type == "PNAME":
        return named(item, "PersonName")
    if type in ("DATE", "DATETIME"):
        return moment(values.text(item, "Date" if type == "DATE" else "DateTime"))
    if type == "TIME":
        return plain(values.text(item, "Time"), 20)
    if type == "IMAGE":
        return "image"
    if type in ("SCOORD", "SCOORD3D"):
        return f"region ({values.code(item, 'GraphicType').lower()})"
    return ""


def number(item: Dataset) -> str:
    """A Measured Value Sequence as text, "not measured" with its reason where it is empty (PS3.3 C.18.1)."""
    value = values.item(item, "MeasuredValueSequence")
    found = values.numbers(value, "NumericValue")
    if not found or not math.isfinite(found[0]):
        why = code(item, "NumericValueQualifierCodeSequence").meaning
        return f"not measured ({why})" if why else "not measured"
    unit = code(value, "MeasurementUnitsCodeSequence")
    sign = _sign(unit)
    return f"{found[0]:.6g}{'' if sign in ('°', '%', '') else ' '}{sign}"


def _sign(unit: Code) -> str:
    return SIGNS.get(unit.value, unit.value if unit.scheme == "UCUM" and not unit.value.startswith("{") else unit.meaning)


def _text(root: Node) -> tuple[tuple[int, str], ...]:
    """The report in reading order; what says nothing to a reader is left out."""
    told: list[tuple[int, str]] = []
    for node in root.walk():
        if node.type in _SILENT or node.relationship in ("HAS CONCEPT MOD", "SELECTED FROM") or not node.type:
            continue
        depth = len(node.path) - 1
        if node.type == "TEXT" and node.concept.value not in _SUBJECT:
            words = lines(values.text(node.item, "TextValue"))
            told += [(depth, f"{node.concept.meaning}: {words[0]}" if node.concept.meaning else words[0])]
            told += [(depth + 1, line) for line in words[1:]]
        elif line := _line(node):
            told.append((depth, line))
        if len(told) > MOST_LINES:
            return (*told[:MOST_LINES], (0, f"… (only the first {MOST_LINES:,} lines are shown)"))
    return tuple(told)


def _origin(dataset: Dataset, root: Node) -> Origin:
    person = device = model = algorithm = version = ""
    for node in root.walk():
        concept = node.concept.value
        if concept == _WHO:
            person = person or named(node.item, "PersonName")
        elif concept == _DEVICE:
            device = device or plain(values.text(node.item, "TextValue"), 80)
        elif concept == _MODEL:
            model = model or plain(values.text(node.item, "TextValue"), 80)
        elif concept == _ALGORITHM:
            algorithm = algorithm or plain(values.text(node.item, "TextValue"), 80)
        elif concept == _VERSION:
            version = version or plain(values.text(node.item, "TextValue"), 40)
    made = maker(dataset)
    flags = [values.code(dataset, key) for key in ("CompletionFlag", "PreliminaryFlag", "VerificationFlag")]
    return Origin(
        person or device or model or made,
        " ".join(one for one in (algorithm, version) if one) or (made if person or device else ""),
        moment(values.text(dataset, "ContentDate"), values.text(dataset, "ContentTime")),
        tuple(flag for flag in flags if flag),
    )
