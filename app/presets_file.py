"""The reader's windows in a file a person can read and change: windows.toml in the settings folder."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Sequence
from pathlib import Path

from app.storage import atomic_write, data_folder, set_aside
from viewers.presets import BUILT_IN, Preset

MOST = 200
_HEAD = """\
# Windows that Hilum offers, by modality, in their order: the first nine of a modality have the digits 1 to 9.
# unit: "HU", "SUV" (g/ml by body weight), or "" for the modality's own values. Without this file Hilum offers its own list.
"""


def path_of(folder: Path | None = None) -> Path:
    return (folder or data_folder()) / "windows.toml"


def load(folder: Path | None = None) -> tuple[tuple[Preset, ...], str]:
    """The windows, and one sentence where something was not as it should be.

    Without a file the built-in ones. A file that is no TOML is kept beside as windows.damaged.toml; an entry that can be no
    window is left out.
    """
    path = path_of(folder)
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return BUILT_IN, ""
    except (OSError, ValueError):
        return BUILT_IN, _set_aside(path)
    entries = found.get("window", [])
    presets = [preset for one in entries[:MOST] if (preset := _preset(one)) is not None] if isinstance(entries, list) else []
    lost = (len(entries) if isinstance(entries, list) else 1) - len(presets)
    note = f"{lost} of the windows in {path.name} cannot be used; they need name, modality, centre and width." if lost else ""
    return tuple(presets), note


def save(presets: Sequence[Preset], folder: Path | None = None) -> None:
    """Not for the GUI thread: it syncs a file. Raises OSError."""
    atomic_write(path_of(folder), _HEAD + "".join(map(_entry, presets)))


def _preset(one: object) -> Preset | None:
    if not isinstance(one, dict):
        return None
    centre, width, unit = one.get("centre"), one.get("width"), one.get("unit", "")
    if not isinstance(centre, int | float) or not isinstance(width, int | float) or unit not in ("HU", "SUV", ""):
        return None
    try:
        return Preset(str(one.get("name", "")), str(one.get("modality", "")), float(centre), float(width), unit)
    except (ValueError, OverflowError):
        return None


def _entry(preset: Preset) -> str:
    """JSON's strings are TOML's, for what is printable."""
    name, modality, unit = (json.dumps(word, ensure_ascii=False) for word in (preset.name, preset.modality, preset.unit))
    numbers = f"centre = {preset.centre!r}\nwidth = {preset.width!r}"
    return f"\n[[window]]\nname = {name}\nmodality = {modality}\n{numbers}\nunit = {unit}\n"


def _set_aside(path: Path) -> str:
    try:
        beside = set_aside(path)
    except OSError:
        return f"{path.name} cannot be read; the built-in windows are offered."
    return f"{path.name} is no TOML: it is kept as {beside.name}, and the built-in windows are offered."
