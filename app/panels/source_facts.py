"""The facts a source gives of itself (`Source.info`) in the reader's words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from viewers.figures import counted

NOT_STATED = "not stated"


def source_facts(facts: Mapping[str, object]) -> dict[str, str]:
    """Name to words, in the order they are given, without the notes and without what the file does not state; its spacing is
    always told."""
    told: dict[str, str] = {}
    for key, value in facts.items():
        if key in ("notes", "width"):
            continue
        if key == "height" and isinstance(value, int) and isinstance(width := facts.get("width"), int):
            told["Size"] = f"{counted(width)} × {counted(value)} px"
            continue
        said = NOT_STATED if value is None and key == "spacing" else _SAYS.get(key, words)(value)
        if said:
            told[_NAMES.get(key, _plain(key).capitalize())] = said
    return told


def words(value: object) -> str:
    """A value JSON can hold as a person would say it; "" for what says nothing."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return counted(value)
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{_plain(str(key))} {said}" for key, part in value.items() if (said := words(part)))
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "\n".join(filter(None, map(words, value)))
    return str(value)


def _plain(key: str) -> str:
    return key.replace("_", " ")


def _levels(value: object) -> str:
    """One line each: its size, how much smaller than the first, its tiles."""
    lines = []
    for level in value if isinstance(value, list | tuple) else ():
        down, tile = float(level["downsample"]), level.get("tile")
        tiles = f", tiles of {tile[0]} × {tile[1]}" if tile else ""
        lines.append(f"{counted(level['width'])} × {counted(level['height'])}, 1 : {down:.4g}{tiles}")
    return "\n".join(lines) if len(lines) > 1 else ""


def _spacing(value: object) -> str:
    if not isinstance(value, Mapping):
        return words(value)
    x, y, where = float(value["x_mm"]), float(value["y_mm"]), value["provenance"]
    across, down, unit = (x, y, "mm") if max(x, y) >= 0.02 else (x * 1000, y * 1000, "µm")
    figure = f"{across:.4g}" if abs(x - y) < 1e-3 * x else f"{across:.4g} × {down:.4g}"
    return f"{figure} {unit} per pixel, {where}"


def _syntax(value: object) -> str:
    if not isinstance(value, Mapping):
        return words(value)
    return f"{value['name']} ({value['uid']})" if value.get("name") else str(value.get("uid", ""))


def _windows(value: object) -> str:
    lines = []
    for window in value if isinstance(value, list | tuple) else ():
        figures = f"centre {words(window['centre'])}, width {words(window['width'])}"
        lines.append(", ".join(filter(None, (str(window.get("explanation", "")), figures))))
    return "\n".join(lines)


_NAMES = {
    "path": "File",
    "lossy": "Lossy compression",
    "objective": "Objective power",
    "bits": "Bits stored",
    "voi_luts": "VOI LUTs",
    "shown_with": "Shown with",
}
_SAYS: Mapping[str, Callable[[object], str]] = {
    "levels": _levels,
    "spacing": _spacing,
    "transfer_syntax": _syntax,
    "windows": _windows,
}
