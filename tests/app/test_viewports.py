"""Who draws slides: the reader's choice, else what was measured."""

from __future__ import annotations

import pytest
from pytestqt.qtbot import QtBot

from app.panes import Panes
from app.viewports import Viewports


@pytest.mark.parametrize(("way", "card"), [("raster", False), ("opengl", True)])
def test_the_readers_own_choice_is_not_measured(qtbot: QtBot, way: str, card: bool) -> None:
    panes = Panes()
    qtbot.addWidget(panes)
    told: list[bool] = []
    viewports = Viewports(panes, way, lambda: pytest.fail("measured"))  # type: ignore[arg-type]
    viewports.decided.connect(lambda found, _: told.append(found))
    viewports.decide()
    assert told == [card]
    viewports.close()


@pytest.mark.parametrize(
    ("renderer", "opengl", "card"),
    [("NVIDIA H100", 2.0, True), ("llvmpipe (LLVM 15)", 2.0, False), ("Old Card", 9.0, False), ("", 0.0, False)],
)
def test_only_a_real_card_that_is_clearly_faster_draws(qtbot: QtBot, renderer: str, opengl: float, card: bool) -> None:
    panes = Panes()
    qtbot.addWidget(panes)
    told: list[tuple[bool, str]] = []
    viewports = Viewports(panes, "auto", dict)
    viewports.decided.connect(lambda found, sentence: told.append((found, sentence)))
    found = {"renderer": renderer, "raster_ms": 10.0, "opengl_ms": opengl, "upload_ms": 1.0, "error": ""}
    viewports._take(found)
    ((drawn, sentence),) = told
    assert drawn == card
    assert renderer in sentence
    viewports.close()
