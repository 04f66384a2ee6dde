"""Where Hilum keeps models and caches on this machine."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs


def home() -> Path:
    """Hilum's data folder: $HILUM_HOME, else the user's data folder of the system."""
    chosen = os.environ.get("HILUM_HOME", "")
    return Path(chosen) if chosen else Path(platformdirs.user_data_dir("hilum", appauthor=False))


def cache() -> Path:
    """What can be made again: exported graphs, checksums."""
    return home() / "cache"
