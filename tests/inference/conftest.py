"""Tiny random checkpoints, made once a session, as the installed models of a test."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from inference import catalogue
from inference.medgemma import Drafter
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


@pytest.fixture(scope="session")
def published(gemma_folder: Path) -> Any:
    """The tiny drafter as transformers runs it."""
    from transformers import Gemma3ForConditionalGeneration

    return Gemma3ForConditionalGeneration.from_pretrained(gemma_folder, dtype=torch.float32).eval()


@pytest.fixture(scope="module")
def drafter(gemma_folder: Path) -> Drafter:
    return Drafter(gemma_folder, catalogue.entry(tiny.DRAFTER), "cpu")


@pytest.fixture
def models(home: Path, gemma_folder: Path, siglip_folder: Path) -> Path:
    """A home where tiny.DRAFTER and tiny.ENCODER are the tiny checkpoints; gives $HILUM_HOME/models."""
    place = home / "models"
    shutil.copytree(gemma_folder, place / tiny.DRAFTER)
    shutil.copytree(siglip_folder, place / tiny.ENCODER)
    return place
