"""Presentation states (PS3.3 A.33): how somebody wants images shown, and what they drew on them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from viewers.annotations.dicom_ann import colour_of
from viewers.frame_graphics import Shutter
from viewers.geometry import Size
from viewers.grayscale import Lut, Window
from viewers.objects import curves
from viewers.objects.contents import evidence, references
from viewers.objects.said import Colour, Graphic, Origin, Presentation, Where
from viewers.objects.words import lines, maker, moment, named, plain
from viewers.sources import values
from viewers.sources.gray_header import luts_of, windows_of
from viewers.sources.shutters import shutter_of

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

MOST_GRAPHICS = 20_000
MOST_POINTS = 1_000_000
_SHUTTERS = 0x0018
"""The group of all elements of a display shutter but those of a bitmap."""
_IMAGES = "ReferencedImageSequence"
"""Empty or absent: every image of the state."""


def read(dataset: Dataset) -> dict[str, Any]:
    """What a `Said` of a presentation state holds."""
    notes: list[str] = []
    layers = _layers(dataset)
    graphics = _graphics(dataset, {name: colour for _, name, colour in layers}, notes)
    who, made = named(dataset, "ContentCreatorName"), maker(dataset)
    label = plain(values.text(dataset, "ContentDescription") or values.text(dataset, "ContentLabel"), 64)
    when = moment(values.text(dataset, "PresentationCreationDate"), values.text(dataset, "PresentationCreationTime"))
    used = dict.fromkeys(one.layer for one in graphics)
    return {
        "form": "presentation",
        "title": f"presentation {label}".strip(),
        "origin": Origin(who or made, made if who else "", when),
        "images": evidence(dataset),
        "graphics": tuple(graphics),
        "presentation": _presentation(dataset, notes),
        "layers": tuple(name for _, name, _ in sorted(layers, key=lambda one: one[0]) if name in used),
        "notes": tuple(dict.fromkeys(notes)),
    }


def _presentation(dataset: Dataset, notes: list[str]) -> Presentation:
    shape = values.code(dataset, "PresentationLUTShape")
    if values.items(dataset, "PresentationLUTSequence"):
        notes.append("Its presentation LUT is a table and is not applied.")
    angle = values.integer(dataset, "ImageRotation") or 0
    if values.items(dataset, "ModalityLUTSequence") or values.number(dataset, "RescaleSlope") not in (None, 1.0):
        notes.append("Its own modality transformation is not applied: values stay those of the image.")
    area, scale = _area(dataset)
    return Presentation(
        _voi(dataset, notes),
        None if shape not in ("IDENTITY", "INVERSE") else shape == "INVERSE",
        angle % 360 if angle % 90 == 0 else 0,
        values.code(dataset, "ImageHorizontalFlip") == "Y",
        area,
        scale,
        _shutter(dataset, notes),
    )


def _shutter(dataset: Dataset, notes: list[str]) -> Callable[[Size, float], Shutter | None] | None:
    shapes = values.texts(dataset, "ShutterShape")
    if "BITMAP" in shapes:
        notes.append("Its shutter is a bitmap and is not drawn.")
    if not set(shapes) & {"RECTANGULAR", "CIRCULAR", "POLYGONAL"}:
        return None
    stated = dataset.group_dataset(_SHUTTERS)
    return lambda size, aspect: shutter_of(stated, 0, size, aspect)[0]


def _voi(dataset: Dataset, notes: list[str]) -> tuple[tuple[tuple[Where, ...], Window | Lut], ...]:
    found = []
    for item in values.items(dataset, "SoftcopyVOILUTSequence"):
        chosen: Window | Lut | None = next(iter(luts_of(item, "VOILUTSequence", False, notes)), None)
        chosen = chosen or next(iter(windows_of(item, notes)), None)
        if chosen is not None:
            found.append((references(item, _IMAGES), chosen))
    return tuple(found)


def _area(dataset: Dataset) -> tuple[tuple[float, float, float, float] | None, float | None]:
    """Displayed Area Selection (C.10.4): corners are whole pixels counted from 1, both of them inside."""
    item = values.item(dataset, "DisplayedAreaSelectionSequence")
    first, last = (
        values.numbers(item, "DisplayedAreaTopLeftHandCorner"),
        values.numbers(item, "DisplayedAreaBottomRightHandCorner"),
    )
    if len(first) != 2 or len(last) != 2:
        return None, None
    box = min(first[0], last[0]) - 1, min(first[1], last[1]) - 1, max(first[0], last[0]), max(first[1], last[1])
    scale = values.number(item, "PresentationPixelMagnificationRatio")
    magnified = values.code(item, "PresentationSizeMode") == "MAGNIFY" and scale is not None and scale > 0
    return box, scale if magnified else None


def _layers(dataset: Dataset) -> list[tuple[int, str, Colour | None]]:
    """Order, name and colour of the graphic layers (C.10.7)."""
    found = []
    for item in values.items(dataset, "GraphicLayerSequence"):
        colour = colour_of(item, "GraphicLayerRecommendedDisplayCIELabValue")
        grey = values.integer(item, "GraphicLayerRecommendedDisplayGrayscaleValue")
        if colour is None and grey is not None and 0 <= grey <= 0xFFFF:
            colour = (round(grey / 257),) * 3
        found.append((values.integer(item, "GraphicLayerOrder") or 0, plain(values.text(item, "GraphicLayer"), 40), colour))
    return found


def _graphics(dataset: Dataset, colours: dict[str, Colour | None], notes: list[str]) -> list[Graphic]:
    found: list[Graphic] = []
    points = 0
    for item in values.items(dataset, "GraphicAnnotationSequence"):
        where, layer = references(item, _IMAGES), plain(values.text(item, "GraphicLayer"), 40)
        for keyword, make in (
            ("GraphicObjectSequence", _drawn),
            ("TextObjectSequence", _text),
            ("CompoundGraphicSequence", _compound),
        ):
            for one in values.items(item, keyword):
                try:
                    made = make(one, where, layer, _own_colour(one) or colours.get(layer))
                    points += sum(len(graphic.points) for graphic in made)
                    if points > MOST_POINTS or len(found) >= MOST_GRAPHICS:
                        notes.append("It holds more drawings than are shown.")
                        return found
                    found += made
                except ValueError as error:
                    notes.append(f"A drawing is left out: it {error}.")
    return found


def _own_colour(item: Dataset) -> Colour | None:
    style = values.item(item, "LineStyleSequence") or values.item(item, "TextStyleSequence")
    return (
        colour_of(style, "PatternOnColorCIELabValue" if "PatternOnColorCIELabValue" in style else "TextColorCIELabValue")
        if style is not None
        else None
    )


def _places(item: Dataset) -> NDArray[np.float64]:
    """(n, 2), at least one. Raises ValueError with what is wrong."""
    flat = np.array(values.numbers(item, "GraphicData"), np.float64)
    if not len(flat) or len(flat) % 2:
        raise ValueError("has places that are no numbers or half a place")
    return flat.reshape(-1, 2)


def _drawn(item: Dataset, where: tuple[Where, ...], layer: str, colour: Colour | None) -> list[Graphic]:
    """C.10.5: raises ValueError with what is wrong."""
    points, kind = _places(item), values.code(item, "GraphicType")
    if len(points) < {"CIRCLE": 2, "ELLIPSE": 4, "POLYLINE": 2, "INTERPOLATED": 2}.get(kind, 1):
        raise ValueError("has too few places")
    filled = values.code(item, "GraphicFilled") == "Y"
    display = values.code(item, "GraphicAnnotationUnits") == "DISPLAY"
    if kind == "POINT":
        return [Graphic("points", points, where, "", colour, layer, display)]
    if kind in ("CIRCLE", "ELLIPSE"):
        around = curves.circle(points) if kind == "CIRCLE" else curves.ellipse(points)
        return [Graphic("area", around, where, "", colour, layer, display, filled)]
    if kind in ("POLYLINE", "INTERPOLATED"):
        closed = len(points) > 3 and bool((points[0] == points[-1]).all())
        line = curves.smooth(points) if kind == "INTERPOLATED" else points
        return [Graphic("area" if closed else "line", line, where, "", colour, layer, display, filled)]
    raise ValueError("is of an unknown kind")


def _text(item: Dataset, where: tuple[Where, ...], layer: str, colour: Colour | None) -> list[Graphic]:
    words = "\n".join(lines(values.text(item, "UnformattedTextValue"), 1024))
    if not words.strip():
        return []
    made = []
    first, last = values.numbers(item, "BoundingBoxTopLeftHandCorner"), values.numbers(item, "BoundingBoxBottomRightHandCorner")
    anchor = values.numbers(item, "AnchorPoint")
    if len(first) == 2 and len(last) == 2:
        display = values.code(item, "BoundingBoxAnnotationUnits") == "DISPLAY"
        made.append(Graphic("text", np.array([first, last], np.float64), where, words, colour, layer, display))
    if len(anchor) == 2:
        display, place = values.code(item, "AnchorPointAnnotationUnits") == "DISPLAY", np.array([anchor], np.float64)
        if not made:
            made.append(Graphic("text", place, where, words, colour, layer, display))
        elif values.code(item, "AnchorPointVisibility") == "Y":
            made.append(Graphic("points", place, where, "", colour, layer, display))
    if not made:
        raise ValueError("is a text without a place")
    return made


def _compound(item: Dataset, where: tuple[Where, ...], layer: str, colour: Colour | None) -> list[Graphic]:
    """C.10.12, as the lines it is made of."""
    points, kind = _places(item), values.code(item, "CompoundGraphicType")
    display = values.code(item, "CompoundGraphicUnits") == "DISPLAY"
    if kind == "RECTANGLE" and len(points) == 2:
        (x0, y0), (x1, y1) = points
        points, kind = np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)]), "AREA"
    elif kind == "ELLIPSE" and len(points) == 4:
        points, kind = curves.ellipse(points), "AREA"
    elif kind not in ("MULTILINE", "INFINITELINE", "CUTLINE", "RANGELINE", "RULER", "AXIS", "CROSSHAIR", "ARROW"):
        raise ValueError(f"is of a kind that is not drawn ({kind.lower() or 'unknown'})")
    shape = "area" if kind == "AREA" else "line" if len(points) > 1 else "points"
    filled = values.code(item, "GraphicFilled") == "Y"
    return [Graphic(shape, points, where, "", colour, layer, display, filled)]  # type: ignore[arg-type]
