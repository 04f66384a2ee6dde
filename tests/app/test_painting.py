"""Who draws: what the measurement is worth, and the measurement itself."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from app import painting
from app.painting import NOTHING

CARD: dict[str, Any] = {
    **NOTHING,
    "renderer": "NVIDIA RTX A4000/PCIe/SSE2",
    "raster_ms": 10.0,
    "opengl_ms": 2.0,
    "upload_ms": 4.0,
}


@pytest.mark.parametrize(
    ("found", "faster", "words"),
    [
        (CARD, True, "by the processor, 10.0 ms a frame (NVIDIA RTX A4000/PCIe/SSE2 by OpenGL 2.0 ms, 4.0 ms with fresh tiles: "),
        ({**CARD, "opengl_ms": 6.1}, False, "it would not be faster"),
        ({**CARD, "renderer": "llvmpipe (LLVM 15.0.7, 256 bits)", "opengl_ms": 1.0}, False, "OpenGL is software too: llvmpipe"),
        ({**CARD, "renderer": "Google SwiftShader"}, False, "software too"),
        ({**CARD, "renderer": "Microsoft Basic Render Driver"}, False, "software too"),
        ({**CARD, "renderer": "", "error": "this screen has none"}, False, "OpenGL was not tried: this screen has none"),
        ({**NOTHING, "error": "the process that tried it ended early"}, False, "by the processor (OpenGL was not tried"),
    ],
)
def test_a_card_is_preferred_only_where_it_is_real_and_clearly_faster(found: dict[str, Any], faster: bool, words: str) -> None:
    assert painting.card_is_faster(found) == faster
    assert words in painting.sentence(found)


def test_it_is_measured_without_a_screen() -> None:
    found = painting.measured()
    assert found["raster_ms"] > 0
    assert found["renderer"] or found["error"]
    assert painting.sentence(found).startswith("by the processor, ")


def test_a_process_that_ends_early_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    assert "ended early" in painting.measured()["error"]
