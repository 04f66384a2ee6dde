"""A softcopy presentation state of what a reader drew on a film, as it was shown (PS3.3 A.33): marks, window, turn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from viewers import theme
from viewers.annotations import codes, dicom_slide
from viewers.annotations.found import Notes
from viewers.errors import SourceError
from viewers.film_marks.exported import Headers, Valued, frames_of
from viewers.film_marks.film import Film
from viewers.film_marks.film_mark import beside
from viewers.film_marks.graphics import graphics, inside
from viewers.film_marks.wording import lines
from viewers.geometry import Spacing
from viewers.grayscale import Lut, Window
from viewers.sources import GrayscaleSource, values

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

LAYER = "MEASUREMENTS"
_LONGEST_TEXT = 1024  # Short Text, PS3.5 6.2
_PLAIN = str.maketrans({"−": "-", "\u00a0": " ", "\\": "/"})
"""Signs that other programs' checks of texts stumble over."""
_CLASS, _DIGEST = slice(12, 16), slice(84, 100)
"""Bytes of an ICC header: the device class; the profile's digest, zero for none (ICC.1 7.2)."""
_LONGEST_WORD = 16  # of a decimal string


@dataclass(frozen=True, slots=True)
class Shown:
    """How the film stands on the screen. `angle` is clockwise, after `flipped` mirrored it left to right."""

    frame: int = 0
    window: Window | Lut | None = None
    """None: the file's own default."""
    bounds: tuple[float, float] = (0.0, 1.0)
    """Modality values shown black and white where there is no window at all."""
    inverted: bool = False
    angle: float = 0.0
    flipped: bool = False
    spacing: Spacing | None = None


def dataset(path: Path, film: Film, marks: Sequence[Valued], shown: Shown, notes: Notes) -> Dataset:
    """The instance to be written at `path`, for greyscale or colour. Raises SourceError where nothing can be referred to."""
    from highdicom import pr

    kept = _alike(film, marks, shown.frame, notes)
    if not kept:
        raise SourceError(path, f"{path.name} is not written: there is no mark on this film yet. Draw one first.")
    headers = Headers(path, film)
    images = headers.all_of(one.number for one in kept)
    layer = pr.GraphicLayer(LAYER, 1, "What the reader measured", _colour())
    given: dict[str, Any] = {
        **dicom_slide.equipment(), "content_label": LAYER, "graphic_layers": [layer],
        "content_description": "Measurements of the reader, with their values as text",
    }  # fmt: skip
    with dicom_slide.making(path, "the image's DICOM header", "Choose .csv"):
        given["graphic_annotations"] = [
            _annotation(film, headers, number, [one for one in kept if one.number == number], layer, notes)
            for number in dict.fromkeys(one.number for one in kept)
        ]
        made: Dataset
        if isinstance(film.source, GrayscaleSource):
            made = pr.GrayscaleSoftcopyPresentationState(images, **given, **_grey(film.source, shown, notes))
        else:
            made = pr.ColorSoftcopyPresentationState(images, **given, icc_profile=_srgb())
        made.Laterality = values.code(images[0], "Laterality")  # type 2C, which highdicom leaves out (C.7.3.1)
        _turned(made, film, shown, notes)
    return made


def _alike(film: Film, marks: Sequence[Valued], frame: int, notes: Notes) -> list[Valued]:
    """A state holds one way from stored values to modality values: frames with another one than the frame shown are left out."""
    source = film.source
    if not isinstance(source, GrayscaleSource):
        return list(marks)
    own = source.frame_grayscale(frame)
    kept = []
    for one in marks:
        other = source.frame_grayscale(one.number)
        if (other.slope, other.intercept) == (own.slope, own.intercept):
            kept.append(one)
        else:
            notes.note(
                "1 mark lies on an image with another rescale and is left out: export it while that image is shown.",
                "{count} marks lie on images with another rescale and are left out: export them while those images are shown.",
            )
    return kept


def _annotation(film: Film, headers: Headers, number: int, marks: Sequence[Valued], layer: Any, notes: Notes) -> Any:
    """Everything on one frame."""
    from highdicom import pr

    image, frame = headers.of(number)
    objects, texts = [], []
    for one in marks:
        for type, places in graphics(one.mark):
            held = inside(places, film.source.size)
            if (held != places).any():
                notes.note("1 mark reaches beyond the picture and ends at its edge.")
            objects.append(pr.GraphicObject(type, held, units="PIXEL"))
        words = "\r\n".join(lines(one.mark, one.found)).translate(_PLAIN)[:_LONGEST_TEXT]
        if words:
            texts.append(pr.TextObject(words, units="PIXEL", anchor_point=_anchor(one, film), anchor_point_visible=True))
    frames = frames_of(image, frame)
    return pr.GraphicAnnotation(
        [image], layer, referenced_frame_number=frames[0] if frames else None,
        graphic_objects=objects, text_objects=texts or None,
    )  # fmt: skip


def _anchor(one: Valued, film: Film) -> tuple[float, float]:
    """Where the reader put the text, else the right end of the mark."""
    label = beside(one.mark).label
    _, top, right, bottom = one.mark.geometry.bounds
    at = inside(np.array([label or (right, (top + bottom) / 2)]), film.source.size)
    return float(at[0, 0]), float(at[0, 1])


def _grey(source: GrayscaleSource, shown: Shown, notes: Notes) -> dict[str, Any]:
    """Rescale, softcopy VOI and presentation LUT; a modality LUT is copied from the images."""
    import highdicom
    from highdicom import pr

    grayscale = source.frame_grayscale(shown.frame)
    chosen = shown.window or grayscale.default or Window.spanning(*shown.bounds, "full range")
    if isinstance(chosen, Lut):
        table = np.rint(chosen.values / (2**chosen.bits - 1) * 65_535).astype(np.uint16)  # a table of 16 bits is said to be so
        voi = pr.SoftcopyVOILUTTransformation(
            voi_luts=[highdicom.VOILUT(chosen.first, table, codes.long_string(chosen.explanation) or None)]
        )
    else:
        voi = pr.SoftcopyVOILUTTransformation(
            window_center=_decimal(chosen.centre), window_width=_decimal(chosen.width),
            window_explanation=codes.long_string(chosen.explanation) or None, voi_lut_function=chosen.function,
        )  # fmt: skip
    if grayscale.presentation_lut is not None:
        notes.note("The image's presentation LUT is not copied: the file shows it linearly.")
    shape = "INVERSE" if grayscale.inverted != shown.inverted else "IDENTITY"
    rescale = highdicom.ModalityLUTTransformation(
        rescale_intercept=_decimal(grayscale.intercept), rescale_slope=_decimal(grayscale.slope),
        rescale_type="HU" if grayscale.unit == "HU" else "US",
    )  # fmt: skip
    return {
        "modality_lut_transformation": None if grayscale.modality_lut is not None else rescale,
        "voi_lut_transformations": [voi],
        "presentation_lut_transformation": highdicom.PresentationLUTTransformation(presentation_lut_shape=shape),
    }


def _decimal(value: float) -> float:
    """As near as a decimal string of 16 characters holds it."""
    return float(f"{value:.10g}"[:_LONGEST_WORD])


def _turned(made: Dataset, film: Film, shown: Shown, notes: Notes) -> None:
    """Spatial transformation (C.10.6) and the displayed area after it (C.10.4); the whole picture is shown.

    DICOM turns first and mirrors then, the screen the other way round: a mirrored picture is turned the opposite way.
    """
    turns = round(shown.angle / 90)
    if abs(shown.angle - 90 * turns) > 1e-6:
        notes.note("The film is turned by an angle that is no quarter: the file shows it upright.")
        turns = 0
    rotation = 90 * ((-turns if shown.flipped else turns) % 4)
    if rotation or shown.flipped:
        made.ImageRotation, made.ImageHorizontalFlip = rotation, "Y" if shown.flipped else "N"
    area = made.DisplayedAreaSelectionSequence[0]
    wide, high = film.source.size.width, film.source.size.height
    corners = [(1, 1), (wide, 1), (wide, high), (1, high)]  # clockwise; turning clockwise brings the one before to the top left
    turned = corners[-(rotation // 90) :] + corners[: -(rotation // 90)] if rotation else corners
    first, last = (turned[1], turned[3]) if shown.flipped else (turned[0], turned[2])
    area.DisplayedAreaTopLeftHandCorner, area.DisplayedAreaBottomRightHandCorner = list(first), list(last)
    if shown.spacing is not None:
        del area.PresentationPixelAspectRatio
        area.PresentationPixelSpacing = [_decimal(shown.spacing.y_mm), _decimal(shown.spacing.x_mm)]


def _colour() -> Any:
    """The layer's colour as CIELab (C.10.7.1.1)."""
    from highdicom.color import CIELabColor
    from PIL import Image, ImageCms

    lab = ImageCms.profileToProfile(
        Image.new("RGB", (1, 1), theme.MEASURED), ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
    )
    light, a, b = np.array(lab)[0, 0]
    return CIELabColor(float(light) / 255 * 100, float(np.int8(a)), float(np.int8(b)))


def _srgb() -> bytes:
    """An sRGB profile of an input device, as the standard wants it (C.11.15.1.1): it has the same tags as a display's."""
    from PIL import ImageCms

    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[_CLASS], profile[_DIGEST] = b"scnr", bytes(16)
    return bytes(profile)
