"""What this machine has: processor, memory, cards, disk and installed packages. Nothing here imports torch."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PACKAGES = (
    "hilum",
    "torch",
    "transformers",
    "tokenizers",
    "safetensors",
    "huggingface_hub",
    "onnx",
    "onnxruntime",
    "onnxruntime-gpu",
    "PySide6-Essentials",
    "openslide-python",
    "openslide-bin",
    "pydicom",
    "imagecodecs",
    "tifffile",
    "pillow",
    "numpy",
    "pyarrow",
)
GIGABYTE = 1_000_000_000
PROBE_SECONDS = 180


@dataclass(frozen=True, slots=True)
class Card:
    """An NVIDIA card as its driver reports it; memory in bytes."""

    name: str
    memory_total: int
    memory_free: int
    driver: str


@dataclass(frozen=True, slots=True)
class Memory:
    """In bytes; `free` is what programs may still take."""

    total: int
    free: int


@dataclass(frozen=True, slots=True)
class Home:
    """The data folder: `file_system` as the system names it ("ext4", "nfs4"), "" when unknown; `free` in bytes."""

    path: Path
    writable: bool
    file_system: str
    free: int


def system() -> str:
    return f"{platform.system()} {platform.release()} {platform.machine()}, Python {platform.python_version()}"


def cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def packages() -> dict[str, str]:
    """Version by name; "" for what is not installed."""
    return {name: _version(name) for name in PACKAGES}


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


def memory() -> Memory:
    import psutil

    now = psutil.virtual_memory()
    return Memory(now.total, now.available)


def cards() -> tuple[Card, ...]:
    """The NVIDIA cards the driver's own program lists; a card without a working driver has memory 0."""
    program = shutil.which("nvidia-smi")
    if program:
        fields = "name,memory.total,memory.free,driver_version"
        command = [program, f"--query-gpu={fields}", "--format=csv,noheader,nounits"]
        try:
            said = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout
            return tuple(_card(line) for line in said.splitlines() if line.count(",") == 3)
        except (OSError, subprocess.SubprocessError, ValueError):
            pass
    return (Card("NVIDIA card", 0, 0, ""),) if any(Path("/dev").glob("nvidia[0-9]*")) else ()


def _card(line: str) -> Card:
    name, total, free, driver = (part.strip() for part in line.split(","))
    return Card(name, int(total) << 20, int(free) << 20, driver)


def accelerators() -> dict[str, Any]:
    """What torch and ONNX Runtime can use, asked in a process of its own; its end is a finding, not an error."""
    nothing = {"version": "", "cuda_built": "", "devices": [], "bfloat16": False, "offered": [], "usable": []}
    try:
        command = [sys.executable, "-m", "inference.accelerators"]
        asked = subprocess.run(command, capture_output=True, text=True, timeout=PROBE_SECONDS, check=False)
        found: dict[str, Any] = json.loads(asked.stdout)
        return found
    except subprocess.TimeoutExpired:
        reason = f"it gave no answer within {PROBE_SECONDS} s"
    except (OSError, ValueError):
        reason = "the process that tried it ended early"
    return {"torch": {**nothing, "error": reason}, "onnxruntime": {**nothing, "error": reason}}


def home(path: Path) -> Home:
    """Looks at the folder, or at the nearest one above it that exists; writing is tried, nothing is left behind."""
    there = next(one for one in (path, *path.absolute().parents) if one.is_dir())
    try:
        with tempfile.TemporaryFile(dir=there):
            writable = True
    except OSError:
        writable = False
    return Home(path, writable, _file_system(there), shutil.disk_usage(there).free)


def _file_system(path: Path) -> str:
    import psutil

    place = path.resolve()
    mounts = [one for one in psutil.disk_partitions(all=True) if place.is_relative_to(one.mountpoint)]
    return str(max(mounts, key=lambda one: len(one.mountpoint)).fstype) if mounts else ""
