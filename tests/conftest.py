"""Shared by all tests: no screen, no network, the real files beside the checkout when they are there."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ["HF_HUB_OFFLINE"] = "1"

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real slides, DICOM files and chest films; the test is skipped where it is absent."""
    if not SHARED.is_dir():
        pytest.skip("the real test files are not on this machine")
    return SHARED


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of the test's own: settings, models and results never touch the person's."""
    folder = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HILUM_HOME", str(folder))
    return folder


_ended = count(1)


@pytest.fixture(autouse=True)
def collected_here(request: pytest.FixtureRequest) -> Iterator[None]:
    """As in the program, cycles are collected by the main thread alone, here between tests.

    A collection on a worker thread may destroy a widget that Qt is using.
    """
    if "inference" in request.path.parts:  # no widgets there, but models whose cycles are large
        yield
        return
    gc.disable()
    yield
    gc.collect(2 if next(_ended) % 25 == 0 else 1)
    gc.enable()
