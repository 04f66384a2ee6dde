"""Colours and the style sheet: two complete themes from resources/themes, one accent colour each."""

from __future__ import annotations

import gc
import json
from contextlib import contextmanager
from functools import lru_cache
from string import Template
from typing import TYPE_CHECKING, Literal

from PySide6.QtGui import QColor, QIcon, QPalette
from PySide6.QtWidgets import QApplication

import resources
from app import icons

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ThemeName = Literal["dark", "light"]


@lru_cache
def colours(name: ThemeName) -> Mapping[str, str]:
    """Colour by role: "text", "accent", "bad", …, as #rrggbb."""
    found: dict[str, str] = json.loads(resources.text(f"themes/{name}.json"))
    return found


def apply(application: QApplication, name: ThemeName) -> None:
    """Dress the whole application; may be called again to change the theme while it runs."""
    chosen = colours(name)
    palette = QPalette()
    for role, key in (
        (QPalette.ColorRole.Window, "window"),
        (QPalette.ColorRole.Base, "field"),
        (QPalette.ColorRole.AlternateBase, "panel"),
        (QPalette.ColorRole.Text, "text"),
        (QPalette.ColorRole.WindowText, "text"),
        (QPalette.ColorRole.ButtonText, "text"),
        (QPalette.ColorRole.Button, "raised"),
        (QPalette.ColorRole.Highlight, "accent"),
        (QPalette.ColorRole.HighlightedText, "accent-text"),
        (QPalette.ColorRole.PlaceholderText, "faint"),
        (QPalette.ColorRole.ToolTipBase, "raised"),
        (QPalette.ColorRole.ToolTipText, "text"),
        (QPalette.ColorRole.Link, "accent"),
    ):
        palette.setColor(role, QColor(chosen[key]))
    signs = {sign: resources.path(f"icons/{sign}-{name}.svg").as_posix() for sign in ("chevron", "tick")}
    values = {**_identifiers(chosen), **signs}
    sheet = Template(resources.text("themes/window.qss")).substitute(values)
    with _no_collection():
        application.setPalette(palette)
        application.setStyleSheet(sheet)


@contextmanager
def _no_collection() -> Iterator[None]:
    """Qt walks over a list of all widgets and calls their event handlers: a collection of cycles in one of them deletes forgotten
    widgets that stand further down in the list, and the program ends."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def icon(symbol: str, name: ThemeName, role: str = "soft") -> QIcon:
    """A qtawesome icon, "mdi6.tag-outline" for example, in a theme's colour."""
    return icons.icon(symbol, colours(name)[role], colours(name)["faint"])


def _identifiers(chosen: Mapping[str, str]) -> dict[str, str]:
    return {key.replace("-", "_"): value for key, value in chosen.items()}
