"""What is wrong with this installation, one sentence each: what it is, what follows, what to do."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from app import fits, machine, painting, settings
from app.machine import GIGABYTE, Card, Home, Memory
from app.settings import Settings
from app.storage import data_folder

TORCH, PYSIDE, PYDICOM, OPENSLIDE = "2.13.0", "6.11.3", "3.0.2", "4.0.1.1"
"""torch and PySide6 are pinned to these; pydicom and openslide-bin must be at least these."""
NETWORK = ("nfs", "cifs", "smb", "afs", "ncp", "9p", "fuse.sshfs", "fuse.rclone", "davfs", "glusterfs", "ceph", "lustre", "afpfs")
LITTLE_DISK = 10 * GIGABYTE
LITTLE_MEMORY = 2 * GIGABYTE


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything the checks look at. `torch` and `onnxruntime` are as `inference.accelerators` prints them."""

    system: str
    python: tuple[int, int]
    cores: int
    packages: Mapping[str, str]
    memory: Memory
    cards: tuple[Card, ...]
    home: Home
    torch: Mapping[str, Any]
    onnxruntime: Mapping[str, Any]
    models: Mapping[str, bool]
    """Catalogue id → installed."""
    painting: Mapping[str, Any] = field(default_factory=dict)
    """As `app.painting.measured` gives it; empty when not asked."""
    drafter: Mapping[str, Any] = field(default_factory=dict)
    """What the settings name, as `drafter_facts` says; empty when not asked."""


def collect() -> Facts:
    from inference import catalogue

    found = machine.accelerators()
    return Facts(
        system=machine.system(),
        python=sys.version_info[:2],
        cores=machine.cores(),
        packages=machine.packages(),
        memory=machine.memory(),
        cards=machine.cards(),
        home=machine.home(data_folder()),
        torch=found["torch"],
        onnxruntime=found["onnxruntime"],
        models={one.id: catalogue.installed(one.id) for one in catalogue.entries()},
        painting=painting.measured(),
        drafter=drafter_facts(settings.load(), found["torch"]),
    )


def drafter_facts(chosen: Settings, torch: Mapping[str, Any]) -> dict[str, Any]:
    """`model` and `quantisation`; for a drafter of this machine whether it is `installed`, and then its `fit`, `gigabytes` with
    cache and work, predicted `tokens_per_second` (0 where that cannot be said), `device` it would run on and `trouble`, which is
    why it does not fit and what would. `answers_from` where an endpoint writes instead."""
    if chosen.endpoint is not None:
        return {"model": chosen.recipe, "answers_from": chosen.endpoint.address}
    ground = fits.ground(chosen.device, torch)
    said = fits.of_drafter(chosen.drafter, chosen.quantisation, ground)
    about: dict[str, Any] = {"model": chosen.drafter, "quantisation": chosen.quantisation, "installed": said is not None}
    if said is None:
        return about
    rate = round(said.tokens_per_second, 1)
    reckoned = {"fit": said.fit, "gigabytes": round(said.gigabytes, 3), "tokens_per_second": rate, "device": ground.room.kind}
    return {**about, **reckoned, "trouble": said.trouble}


def problems(facts: Facts) -> list[str]:
    """All findings, the gravest first; empty when nothing is wrong."""
    found = [
        *torch_problems(facts.torch, facts.cards),
        *onnxruntime_problems(facts.onnxruntime, facts.packages, facts.cards),
        *package_problems(facts.packages, facts.python),
        *home_problems(facts.home),
        *memory_problems(facts.memory),
    ]
    return [*found, *model_problems(facts.models), *drafter_problems(facts.drafter)]


def torch_problems(torch: Mapping[str, Any], cards: tuple[Card, ...]) -> Iterator[str]:
    if not torch["version"]:
        yield f"torch cannot be loaded ({torch['error']}); no model runs until it is installed again"
    elif cards and not torch["cuda_built"]:
        yield (
            f"An NVIDIA card ({cards[0].name}) is present, but torch {torch['version']} was built without CUDA, so models run "
            "on the processor; install the CUDA build of the same version"
        )
    elif cards and not torch["devices"]:
        why = f" ({torch['error']})" if torch["error"] else ""
        yield (
            f"An NVIDIA card ({cards[0].name}) is present, but torch built for CUDA {torch['cuda_built']} cannot use it{why}, so "
            f"models run on the processor; update the driver{f' {cards[0].driver}' if cards[0].driver else ''}"
        )
    elif torch["error"]:
        yield f"torch works only in part ({torch['error']}); restart the machine or update the driver"


def onnxruntime_problems(runtime: Mapping[str, Any], packages: Mapping[str, str], cards: tuple[Card, ...]) -> Iterator[str]:
    if packages.get("onnxruntime") and packages.get("onnxruntime-gpu"):
        yield (
            "Both onnxruntime and onnxruntime-gpu are installed and overwrite each other's files; uninstall both, then install "
            "the one named in pyproject.toml"
        )
    if not runtime["version"]:
        yield f"ONNX Runtime cannot be loaded ({runtime['error']}); the encoder falls back to torch, install it again"
    elif "CPUExecutionProvider" not in runtime["usable"]:
        yield f"ONNX Runtime gives no right answer on the processor ({runtime['error']}); install it again"
    elif cards and "CUDAExecutionProvider" not in runtime["usable"]:
        why = "lists CUDA but cannot use it" if "CUDAExecutionProvider" in runtime["offered"] else "was built without CUDA"
        yield (
            f"ONNX Runtime {runtime['version']} {why}, so the encoder runs on the processor; install onnxruntime-gpu and its "
            "CUDA libraries"
        )


def package_problems(packages: Mapping[str, str], python: tuple[int, int]) -> Iterator[str]:
    if python < (3, 11):
        yield f"Python {python[0]}.{python[1]} is too old; Hilum needs 3.11 or newer"
    pyside = packages.get("PySide6-Essentials", "")
    if not pyside:
        yield f"PySide6 is not installed, so no window opens; install PySide6-Essentials {PYSIDE}"
    elif _numbers(pyside) >= (6, 12):
        yield f"PySide6 {pyside} loses references to None and True and ends Python 3.11 without warning; install {PYSIDE}"
    elif pyside != PYSIDE:
        yield f"PySide6 {pyside} is not the tested version; install {PYSIDE}"
    torch = packages.get("torch", "").partition("+")[0]
    if torch and torch != TORCH:
        yield f"torch {torch} is not the tested version; install {TORCH}"
    for name, least in (("openslide-bin", OPENSLIDE), ("pydicom", PYDICOM)):
        found = packages.get(name, "")
        if not found:
            yield f"{name} is not installed, so some files cannot be opened; install {least} or newer"
        elif _numbers(found) < _numbers(least):
            yield f"{name} {found} has known faults with damaged files; install {least} or newer"


def home_problems(home: Home) -> Iterator[str]:
    if not home.writable:
        yield f"The data folder {home.path} cannot be written, so nothing is saved; allow it or set HILUM_HOME to another folder"
    if home.file_system.lower().startswith(NETWORK):
        yield (
            f"The data folder {home.path} lies on a network file system ({home.file_system}), where saved work can be damaged; "
            "set HILUM_HOME to a local folder"
        )
    if home.free < LITTLE_DISK:
        free = home.free / GIGABYTE
        yield f"Only {free:.1f} GB are free where {home.path} lies, too little for a model; free some or set HILUM_HOME elsewhere"


def memory_problems(memory: Memory) -> Iterator[str]:
    if memory.free < LITTLE_MEMORY:
        yield f"Only {memory.free / GIGABYTE:.1f} GB of {memory.total / GIGABYTE:.1f} GB memory are free; close other programs"


def model_problems(models: Mapping[str, bool]) -> Iterator[str]:
    for model in ("demo-encoder", "demo-drafter"):
        if not models.get(model):
            yield f"The demonstration's model {model} is missing from the program; install Hilum again"


def drafter_problems(drafter: Mapping[str, Any]) -> Iterator[str]:
    if not drafter.get("installed", True):
        yield f"The drafter that the settings name, {drafter['model']}, is not installed; get it, or choose another"
    elif drafter.get("trouble"):
        yield f"The drafter that the settings name does not fit: {drafter['trouble']}"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("+")[0].split(".") if part.isdecimal())
