"""The one form in which measured numbers are kept: tests/bench/results/NAME.json."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

RESULTS = Path(__file__).parent / "results"
PACKAGES = ("torch", "transformers", "onnxruntime-gpu", "onnxruntime", "PySide6-Essentials", "openslide-bin", "pydicom", "numpy")


@dataclass(frozen=True, slots=True)
class Row:
    """One measured number. `peer` is what the other program or the control gave in the same run; `ok` None has no target."""

    name: str
    value: float
    unit: str
    target: str = ""
    peer: str = ""
    ok: bool | None = None


def write(name: str, rows: Sequence[Row], extra: Mapping[str, object] | None = None, tell: bool = True) -> Path:
    """Write the rows and, with `tell`, print them; rows that miss their target stay, with ok false."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    content = {
        "machine": {"cpu": _cpu(), "cores": os.cpu_count(), "system": platform.system(), "python": platform.python_version()},
        "versions": _versions(),
        "when": datetime.now(UTC).strftime("%Y-%m-%d"),
        "rows": [asdict(row) for row in rows],
        **(extra or {}),
    }
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    for row in rows if tell else ():
        mark = {True: "ok  ", False: "MISS", None: "    "}[row.ok]
        print(f"{mark} {row.name:<58} {row.value:>10.4g} {row.unit:<8} {row.target:<14} {row.peer}")
    return path


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.processor())


def _versions() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def share(name: str, values: Sequence[bool], target: float | None = None) -> Row:
    """The share of true values; a negative target is an upper bound."""
    value = sum(values) / len(values) if values else float("nan")
    peer = f"n = {len(values)}"
    if target is None:
        return Row(name, value, "", "", peer)
    return Row(
        name, value, "", f"{'≥' if target > 0 else '≤'} {abs(target)}", peer, value >= target if target > 0 else value <= -target
    )
