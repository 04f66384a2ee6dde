from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest
from pydicom.dataset import Dataset

from tests.viewers.objects import made as objects


@pytest.fixture
def made() -> ModuleType:
    """`made.py` of this folder: objects written by highdicom."""
    return objects


@pytest.fixture
def ct(tmp_path: Path) -> tuple[Path, list[Dataset]]:
    """Folder of a CT of six slices, and their headers."""
    return tmp_path / "ct", objects.ct(tmp_path / "ct")
