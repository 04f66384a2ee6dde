"""What the window remembers, and what it does with a damaged memory."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from app.settings import RECENT, Settings, load, save


def test_what_is_saved_is_read_back(tmp_path: Path) -> None:
    chosen = replace(Settings(), theme="light", grid="2x3", recent=("/a", "/ü b"), opacity=0.25)
    save(chosen, tmp_path)
    assert load(tmp_path) == chosen


def test_a_first_start_has_defaults_and_writes_nothing(tmp_path: Path) -> None:
    assert load(tmp_path) == Settings()
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_file_is_kept_beside_and_the_window_starts(tmp_path: Path) -> None:
    damages = {"settings.damaged.json": "{", "settings.damaged-2.json": "[1, 2]", "settings.damaged-3.json": ""}
    for damage in damages.values():
        (tmp_path / "settings.json").write_text(damage)
        assert load(tmp_path) == Settings()
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == damages


def test_unknown_and_impossible_values_keep_the_default(tmp_path: Path) -> None:
    odd = {"theme": "purple", "grid": "0x9", "opacity": "much", "colour": 1, "encoder": "medsiglip-448"}
    (tmp_path / "settings.json").write_text(json.dumps(odd))
    assert load(tmp_path) == replace(Settings(), encoder="medsiglip-448")


def test_recent_files_are_newest_first_once_and_few() -> None:
    chosen = Settings()
    for number in range(RECENT + 3):
        chosen = chosen.with_recent(Path(f"/{number}"))
    chosen = chosen.with_recent(Path("/5"))
    assert chosen.recent[0] == "/5"
    assert len(chosen.recent) == RECENT == len(set(chosen.recent))
