"""What turning and flipping a picture does to the words around it. No Qt."""

from __future__ import annotations

from viewers.camera import Camera

_OPPOSITE = str.maketrans("LRAPHF", "RLPAFH")
_NEAR = 0.95
"""Cosine of about 18°: a letter stands at an edge only while its direction points there within that."""


def turned_words(camera: Camera) -> list[str]:
    """A reader must never take a mirrored picture for the patient: a line while it is turned and one while it is flipped, each
    short enough for a narrow pane."""
    turned = [f"turned {camera.angle:.4g}°"] if camera.angle else []
    return [*turned, *(["flipped left to right"] if camera.flipped else [])]


def opposite(letters: str) -> str:
    """The other side of the patient: "R" for "L", "PF" for "AH"."""
    return letters.translate(_OPPOSITE)


def sides(camera: Camera, right: str, bottom: str) -> tuple[str, str, str, str]:
    """The patient's sides at the pane's (left, right, top, bottom) edge.

    `right` and `bottom` are the letters at the picture's own edges (PatientOrientation, PS3.3 C.7.6.1.1.1), "" where unknown.
    Between two quarter turns no edge has a letter.
    """
    at_right, at_bottom = _towards(camera, (1.0, 0.0), right, bottom), _towards(camera, (0.0, 1.0), right, bottom)
    return opposite(at_right), at_right, opposite(at_bottom), at_bottom


def _towards(camera: Camera, step: tuple[float, float], right: str, bottom: str) -> str:
    """The letters a step on the screen goes to."""
    middle = camera.width / 2, camera.height / 2
    x0, y0 = camera.from_screen(*middle)
    x1, y1 = camera.from_screen(middle[0] + step[0] / camera.ratio, middle[1] + step[1] / camera.ratio)
    across, down = (x1 - x0) * camera.device_scale, (y1 - y0) * camera.device_scale * camera.aspect
    if abs(across) >= _NEAR:
        return right if across > 0 else opposite(right)
    if abs(down) >= _NEAR:
        return bottom if down > 0 else opposite(bottom)
    return ""
