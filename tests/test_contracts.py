"""Who may import whom: the contracts hold, and each fails when it is broken once."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LINT = Path(sys.executable).parent / "lint-imports"


def contracts(folder: Path) -> tuple[int, str]:
    call = [str(LINT), "--no-cache", "--config", str(folder / "pyproject.toml")]
    done = subprocess.run(call, cwd=folder, capture_output=True, text=True, check=False, env={"PYTHONPATH": str(folder)})
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for name in ("app", "viewers", "inference", "resources"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("*.safetensors", "__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_contracts_hold(copy: Path) -> None:
    code, words = contracts(copy)
    assert code == 0, words


@pytest.mark.parametrize(
    ("file", "line", "contract"),
    [
        ("viewers/geometry.py", "import inference.answers", "strangers"),
        ("inference/errors.py", "import viewers.errors", "strangers"),
        ("resources/__init__.py", "import app.settings", "above resources"),
        ("inference/errors.py", "import PySide6.QtCore", "Qt in inference"),
        ("inference/host.py", "import inference.worker", "the bridge"),
        ("app/settings.py", "import torch", "torch, transformers"),
        ("app/analysis.py", "import PySide6.QtCore", "without a window"),
    ],
)
def test_each_contract_fails_when_broken(copy: Path, file: str, line: str, contract: str) -> None:
    with (copy / file).open("a") as source:
        source.write(f"\n{line}\n")
    code, words = contracts(copy)
    assert code != 0
    assert any(contract in one and "BROKEN" in one for one in words.splitlines()), words


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("app.cli", ("PySide6", "torch", "transformers", "onnxruntime", "pydicom")),
        ("app.analysis", ("PySide6", "torch", "transformers", "onnxruntime")),
        ("app.batch", ("PySide6", "torch", "transformers", "onnxruntime")),
        ("viewers.sources", ("PySide6", "torch", "pydicom", "openslide", "tifffile")),
        ("inference.engine", ("PySide6", "torch", "transformers", "onnxruntime")),
        ("inference.host", ("PySide6", "torch", "transformers", "onnxruntime")),
        ("inference.endpoint", ("PySide6", "torch", "transformers", "onnxruntime")),
        ("inference.worker", ("torch", "transformers", "onnxruntime")),
        ("app.window", ("torch", "transformers", "onnxruntime", "pydicom", "openslide", "tifffile", "pyarrow")),
    ],
)
def test_what_a_module_brings_with_it(module: str, absent: tuple[str, ...]) -> None:
    code = f"import sys, {module}\nprint([name for name in {absent!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_packaging_is_no_package() -> None:
    """An __init__.py there would hide the library of the same name."""
    assert not (ROOT / "packaging" / "__init__.py").exists()
