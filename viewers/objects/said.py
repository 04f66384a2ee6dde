"""What another program or person said about images: values, placed in the images' own pixels or in the patient. No Qt here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from viewers.frame_graphics import Shutter
    from viewers.geometry import Size
    from viewers.grayscale import Lut, Window
    from viewers.objects.segmentation import Segmentation

Form = Literal["report", "presentation", "segmentation", "key images", "contours"]
Shape = Literal["points", "line", "area", "text"]
Colour = tuple[int, int, int]
"""sRGB, 0–255."""


@dataclass(frozen=True, slots=True)
class Where:
    """One image, or some of its frames. `frames` are counted from 0 within its own file; () is every frame."""

    image: str
    """SOP Instance UID."""
    frames: tuple[int, ...] = ()

    def covers(self, image: str, frame: int) -> bool:
        return self.image == image and (not self.frames or frame in self.frames)


@dataclass(frozen=True, slots=True, eq=False)
class Graphic:
    """Something drawn.

    `points` is (n, 2) in pixels of the image, whose first pixel's corner is (0, 0) (PS3.3 C.18.6.1.2, C.10.5.1.2), or, where
    `display` is set, in fractions of the displayed area; or (n, 3) in mm of `frame_of_reference`. A text has its box's two
    corners, or its anchor alone.
    """

    shape: Shape
    points: NDArray[np.float64]
    where: tuple[Where, ...] = ()
    """() is all images that the object refers to."""
    words: str = ""
    colour: Colour | None = None
    layer: str = ""
    display: bool = False
    filled: bool = False
    frame_of_reference: str = ""


@dataclass(frozen=True, slots=True)
class Origin:
    """Who said it, and how far it is vouched for."""

    who: str = ""
    """Person or device."""
    software: str = ""
    """Algorithm or program, with its version."""
    when: str = ""
    """ISO date, "2024-05-17", with the time where it is stated."""
    flags: tuple[str, ...] = ()
    """"PRELIMINARY", "UNVERIFIED", …, as the object states them."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One group of measurements: what it is about, and its lines, such as "Length 12.3 mm"."""

    title: str
    lines: tuple[str, ...]
    where: tuple[Where, ...] = ()
    point: tuple[float, float, float] | None = None
    """A place in the patient, mm, where it is given in those."""


@dataclass(frozen=True, slots=True, eq=False)
class Presentation:
    """How a presentation state wants its images shown (PS3.3 C.11.8, C.10.4, C.10.6). None: as the image itself says."""

    voi: tuple[tuple[tuple[Where, ...], Window | Lut], ...] = ()
    """Per group of images; () is all of them."""
    inverted: bool | None = None
    angle: int = 0
    """Degrees clockwise, applied before the flip."""
    flipped: bool = False
    area: tuple[float, float, float, float] | None = None
    """Displayed area (x0, y0, x1, y1) in pixels, corners included."""
    scale: float | None = None
    """Screen pixels per image pixel, where the state asks for one."""
    shutter: Callable[[Size, float], Shutter | None] | None = None
    """Its shutter on an image of a size whose pixels are so many times as high as wide, in place of the image's own (C.11.12)."""


@dataclass(frozen=True, slots=True, eq=False)
class Said:
    """One object. `notes` say what of it is not shown and why."""

    path: Path
    form: Form
    title: str
    origin: Origin
    images: tuple[Where, ...]
    """The images it refers to, in its own order."""
    uid: str = ""
    graphics: tuple[Graphic, ...] = ()
    findings: tuple[Finding, ...] = ()
    text: tuple[tuple[int, str], ...] = ()
    """A report as lines of plain text, each with its depth."""
    presentation: Presentation | None = None
    segmentation: Segmentation | None = None
    notes: tuple[str, ...] = ()
    patient_key: str = ""
    study_key: str = ""
    layers: tuple[str, ...] = field(default=())
    """What can be switched on and off, by name."""

    @property
    def summary(self) -> str:
        """One line: "measurement report · 3 findings"."""
        found = self.findings
        counts: Sequence[tuple[int, str]] = (
            (len(self.segmentation.segments) if self.segmentation else 0, "segment"),
            (len(found), "finding"),
            (len(self.graphics) if not found and not self.segmentation else 0, "drawing"),
            (len(self.images) if self.form == "key images" else 0, "image"),
        )
        told = [f"{count} {name}{'' if count == 1 else 's'}" for count, name in counts if count]
        return " · ".join([self.title, *told])
