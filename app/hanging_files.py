"""Hanging rules on disk: the shipped ones in resources, the reader's own in hanging.toml beside the settings. No Qt."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, cast

import resources
from app.grid import Grid
from app.hanging_rules import Rule, Slot
from app.storage import atomic_write, data_folder, set_aside

NAME = "hanging.toml"
_MOST_BYTES = 1_000_000
_LISTS = ("modality", "body_part", "view", "laterality", "plane")
_HEAD = "# Hanging rules of the reader. What each word means stands in the rules that come with Hilum.\n"


class RuleError(ValueError):
    """Rules that cannot be used; `str` is one sentence."""


def shipped() -> tuple[Rule, ...]:
    return parsed(resources.text("hanging/rules.toml"), "the shipped rules")


def own(folder: Path | None = None) -> tuple[Rule, ...]:
    """The reader's rules, () where there is no file. Of rules with one name the last counts. Raises RuleError."""
    path = (folder or data_folder()) / NAME
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise RuleError(f"{NAME} is larger than {_MOST_BYTES // 1000} kB: it is no file of hanging rules.")
        return parsed(path.read_text(encoding="utf-8"), NAME)
    except FileNotFoundError:
        return ()
    except UnicodeDecodeError as error:
        raise RuleError(f"{NAME} is no text in UTF-8: mend or remove it.") from error
    except OSError as error:
        raise RuleError(f"{NAME} cannot be read ({error.strerror}): check the settings folder.") from error


def add(rule: Rule, folder: Path | None = None) -> None:
    """Keep a rule after those there are; what the reader wrote by hand stays as it is. A file that cannot be used is set aside
    as hanging.damaged.toml first. Raises OSError."""
    path = (folder or data_folder()) / NAME
    try:
        known = own(folder)
        before = path.read_text(encoding="utf-8") if path.exists() else _HEAD
    except RuleError:
        set_aside(path)
        known, before = (), _HEAD
    if any(one.name == rule.name for one in known):
        before = _HEAD + "".join(written(one) for one in known if one.name != rule.name)
    atomic_write(path, before.rstrip("\n") + "\n" + written(rule))


def remove(name: str, folder: Path | None = None) -> None:
    """Of the reader's own. Raises RuleError and OSError."""
    path = (folder or data_folder()) / NAME
    atomic_write(path, _HEAD + "".join(written(one) for one in own(folder) if one.name != name))


def parsed(text: str, name: str) -> tuple[Rule, ...]:
    """Raises RuleError, with the first thing that is wrong."""
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RuleError(f"{name} cannot be understood ({error}): mend or remove it.") from error
    tables = found.get("rule", [])
    if not isinstance(tables, list):
        raise RuleError(f"{name} must begin every rule with [[rule]].")
    rules: dict[str, Rule] = {}
    for number, table in enumerate(tables, 1):
        try:
            rule = _rule(table)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise RuleError(f"Rule {number} of {name} cannot be used ({str(error)[:120] or type(error).__name__}).") from error
        rules.pop(rule.name, None)
        rules[rule.name] = rule
    return tuple(rules.values())


def written(rule: Rule) -> str:
    """As it stands in a file; `parsed` gives the same rule back."""
    lines = ["", "[[rule]]", f"name = {_quoted(rule.name)}", f'grid = "{rule.grid}"', *(["link = true"] if rule.link else [])]
    usual = Slot()
    for slot in rule.slots:
        lines.append("[[rule.pane]]")
        for one in fields(Slot):
            value = getattr(slot, one.name)
            if value != getattr(usual, one.name):
                lines.append(f"{one.name} = {_value(value)}")
    return "\n".join(lines) + "\n"


def _rule(table: Mapping[str, Any]) -> Rule:
    unknown = set(table) - {"name", "grid", "link", "pane"}
    if unknown:
        raise ValueError(f"unknown word {sorted(unknown)[0][:40]!r}")
    name, panes = table.get("name", ""), table.get("pane", [])
    if not isinstance(name, str) or not isinstance(panes, list):
        raise ValueError("it needs a name and panes")
    return Rule(name, Grid.parse(str(table.get("grid", "1x1"))), tuple(_slot(pane) for pane in panes), table.get("link") is True)


def _slot(table: Mapping[str, Any]) -> Slot:
    known, taken = {one.name for one in fields(Slot)}, dict[str, Any]()
    for word, value in table.items():
        if word not in known:
            raise ValueError(f"unknown word {word[:40]!r}")
        taken[word] = _texts(value) if word in _LISTS else _numbers(word, value) if word in _NUMERIC else _plain(word, value)
    return Slot(**taken)


_NUMERIC = ("window", "zoom", "turned")
_ALLOWED: dict[str, tuple[object, ...]] = {
    "which": ("current", "prior"), "stands": ("", "left", "right"), "right_edge": ("", "L", "R", "A", "P", "H", "F"),
    "flipped": (True, False), "optional": (True, False),
}  # fmt: skip


def _plain(word: str, value: object) -> object:
    if word == "description":
        return str(value)[:200]
    if value not in _ALLOWED[word]:
        raise ValueError(f"{word} cannot be {str(value)[:40]!r}")
    return value


def _texts(value: object) -> tuple[str, ...]:
    many = value if isinstance(value, list) else [value]
    if not all(isinstance(one, str) for one in many):
        raise ValueError("a coded value is written in quotes")
    return tuple(cast("Sequence[str]", many))


def _numbers(word: str, value: object) -> object:
    many: list[Any] = value if isinstance(value, list) else [value]
    if not all(isinstance(one, int | float) and not isinstance(one, bool) and abs(one) < 1e9 for one in many):
        raise ValueError(f"{word} is no number")
    numbers = tuple(float(one) for one in many)
    if word == "window":
        if len(numbers) != 2 or numbers[1] < 1:
            raise ValueError("a window is [centre, width], the width at least 1")
        return numbers
    if len(numbers) != 1 or (word == "zoom" and numbers[0] <= 0):
        raise ValueError(f"{word} is one number")
    return numbers[0]


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return f"[{', '.join(_value(one) for one in value)}]"
    return _quoted(value) if isinstance(value, str) else f"{value:.10g}"


def _quoted(text: str) -> str:
    """A basic string of TOML; JSON's escapes are among TOML's."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
