"""Whether a graphics card would draw slides faster than the processor does: measured in a process of its own, said in a sentence.
No Qt."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

SOFTWARE = ("llvmpipe", "softpipe", "swiftshader", "software", "swrast", "basic render")
"""Parts of the names by which drivers that draw on the processor call themselves."""
FASTER = 0.6
"""The card must need at most this share of the processor's time to be worth it: a window also copies what it drew."""
SECONDS = 30
NOTHING: Mapping[str, Any] = {"renderer": "", "raster_ms": 0.0, "opengl_ms": 0.0, "upload_ms": 0.0, "error": ""}


def measured() -> dict[str, Any]:
    """What `app.painting_probe` prints; its end, however it comes, is a finding and not an error."""
    try:
        command = [sys.executable, "-m", "app.painting_probe"]
        asked = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
        return {**NOTHING, **json.loads(asked.stdout)}
    except subprocess.TimeoutExpired:
        return {**NOTHING, "error": f"it gave no answer within {SECONDS} s"}
    except (OSError, ValueError, TypeError):
        return {**NOTHING, "error": "the process that tried it ended early"}


def card_is_faster(found: Mapping[str, Any]) -> bool:
    """Only a real card, and only where it was clearly faster."""
    return bool(found["renderer"]) and not is_software(found["renderer"]) and found["opengl_ms"] <= FASTER * found["raster_ms"]


def is_software(renderer: str) -> bool:
    return any(name in renderer.lower() for name in SOFTWARE)


def sentence(found: Mapping[str, Any]) -> str:
    """How slides are drawn here and what was measured, 40 tiles in 1920 × 1080 pixels."""
    drawn = f"by the processor, {found['raster_ms']:.1f} ms a frame" if found["raster_ms"] else "by the processor"
    if not found["renderer"]:
        return f"{drawn} (OpenGL was not tried: {found['error']})" if found["error"] else drawn
    if is_software(found["renderer"]):
        return f"{drawn} (OpenGL is software too: {found['renderer']})"
    card = f"{found['renderer']} by OpenGL {found['opengl_ms']:.1f} ms, {found['upload_ms']:.1f} ms with fresh tiles"
    verdict = "it would be faster" if card_is_faster(found) else "it would not be faster"
    return f"{drawn} ({card}: {verdict})"
