"""Tiny random checkpoints, made once a session, as the installed models of a test."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.inference import tiny


@pytest.fixture(scope="session")
def gemma_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("gemma")
    tiny.write_gemma(folder)
    return folder


@pytest.fixture(scope="session")
def siglip_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("siglip")
    tiny.write_siglip(folder)
    return folder


@pytest.fixture
def models(home: Path, gemma_folder: Path, siglip_folder: Path) -> Path:
    """A home where tiny.DRAFTER and tiny.ENCODER are the tiny checkpoints; gives $HILUM_HOME/models."""
    place = home / "models"
    shutil.copytree(gemma_folder, place / tiny.DRAFTER)
    shutil.copytree(siglip_folder, place / tiny.ENCODER)
    return place
