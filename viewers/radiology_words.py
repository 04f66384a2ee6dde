"""What stands in the corners of a radiology pane: which picture, how it became this grey, how large, how trustworthy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from viewers import windows
from viewers.camera import Camera
from viewers.figures import percent
from viewers.geometry import Spacing
from viewers.grayscale import Lut, Window
from viewers.sources import Source, StackedSource
from viewers.sources.dicom import Dicom
from viewers.sources.stacks import stack_of
from viewers.turning import turned_words

if TYPE_CHECKING:
    from viewers.frames import Shown

UNCALIBRATED = "display not calibrated"
NOT_FOR_DIAGNOSIS = "draft, not for diagnostic use"
_SIDES = {"L": "left", "R": "right", "B": "both sides"}


def corner_lines(
    source: Source,
    shown: Shown | None,
    camera: Camera,
    frame: int,
    window: Window | Lut | None,
    inverted: bool,
    most: int,
    spacing: Spacing | None,
) -> Mapping[str, Sequence[str]]:
    """`window` is the reader's own, None for the file's; beyond `most` level-0 pixels a picture is shown halved.

    `spacing` is what lengths are written in, by the source or by the reader.
    """
    return {
        "top-left": _what(source, shown, frame),
        "bottom-left": [
            *turned_words(camera),
            *_grey(shown, window, inverted),
            *_laid_over(shown),
            *_coarse(shown),
            _zoom(source, camera, most),
        ],
        "bottom-right": [_spacing(source, spacing), *_lossy(source, shown), UNCALIBRATED, NOT_FOR_DIAGNOSIS],
    }


def _what(source: Source, shown: Shown | None, frame: int) -> list[str]:
    """What kind of picture it is and of which side, and the frame."""
    facts = source.facts
    what = [source.modality]
    if facts is not None:
        what += [facts.view, facts.body_part, _SIDES.get(facts.laterality, "")]
    lines = ["  ".join(word for word in what if word)]
    if source.frames > 1:
        late = " …" if shown is not None and shown.look.frame != frame else ""
        lines.append(f"frame {frame + 1} / {source.frames}{late}")
        stack = stack_of(source.stacks, frame) if isinstance(source, StackedSource) else None
        lines += [stack.label, stack.warning] if stack is not None else []
    return [line for line in lines if line]


def _grey(shown: Shown | None, window: Window | Lut | None, inverted: bool) -> list[str]:
    lines = []
    if shown is not None and shown.grayscale is not None:
        mono1 = shown.grayscale.photometric == "MONOCHROME1" and shown.grayscale.inverted
        lines += ["MONOCHROME1, inverted"] if mono1 else []
        lines += [windows.named(window or shown.through, shown.grayscale)]
    return [*lines, *(["inverted by the reader"] if inverted else [])]


def _laid_over(shown: Shown | None) -> list[str]:
    """A shutter hides something: the reader is told that it is there, and that it is off."""
    if shown is None:
        return []
    shutter, planes = shown.graphics.shutter, shown.graphics.overlays
    words = []
    if shutter is not None:
        words.append(f"shutter, {shutter.words}" if shown.look.shutter else "shutter off")
    if planes and not shown.look.overlays:
        words.append("overlays off")
    return [*words, *(["an overlay or shutter of the file is not drawn"] if shown.graphics.notes else [])]


def _coarse(shown: Shown | None) -> list[str]:
    return ["coarse: the exact picture is being decoded"] if shown is not None and shown.look.coarse else []


def _zoom(source: Source, camera: Camera, most: int) -> str:
    zoom = f"zoom {percent(camera.device_scale)}"
    return f"{zoom}, of at most half the stored pixels" if source.size.width * source.size.height > most else zoom


def _spacing(source: Source, spacing: Spacing | None) -> str:
    """Never a length without the word for where it comes from."""
    if spacing is not None:
        return f"{pixel_words(spacing)}, {spacing.provenance}"
    return "spacing differs by region" if isinstance(source, Dicom) and source.regions else "no spacing: px only"


def pixel_words(spacing: Spacing) -> str:
    """ "0.7 mm/px", across × down where they differ."""
    across, down = spacing.x_mm, spacing.y_mm
    return f"{across:.3g} mm/px" if abs(across - down) < 0.005 * across else f"{across:.3g} × {down:.3g} mm/px"


def _lossy(source: Source, shown: Shown | None) -> list[str]:
    stated = source.facts.lossy if source.facts is not None else ""
    if shown is None or not shown.lossy:
        return []
    return [f"lossy compression, {stated}" if stated else "lossy compression"]
