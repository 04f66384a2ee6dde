"""The panes' own tests once more on screens with two, and with one and a quarter, device pixels per screen pixel."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.mark.parametrize("ratio", ["2", "1.25"])
def test_the_panes_pass_on_a_dense_screen(ratio: str) -> None:
    if os.environ.get("QT_SCALE_FACTOR"):
        pytest.skip("this is such a screen already")
    files = [str(HERE / f"test_{name}.py") for name in ("canvas", "radiology_view", "slide_view")]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *files]
    environment = {**os.environ, "QT_SCALE_FACTOR": ratio}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=HERE.parents[1])
    assert done.returncode == 0, done.stdout[-4000:]
