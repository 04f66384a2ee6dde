"""Each fault gives its sentence, and a sound machine gives none."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app import doctor, machine
from app.doctor import Facts
from app.machine import Card, Home, Memory

CARD = Card("NVIDIA RTX A4000", 16 << 30, 15 << 30, "550.54")
TORCH: dict[str, Any] = {"version": "2.13.0+cu130", "cuda_built": "13.0", "devices": [CARD.name], "bfloat16": True, "error": ""}
RUNTIME: dict[str, Any] = {
    "version": "1.31.1",
    "offered": ["CUDAExecutionProvider", "CPUExecutionProvider"],
    "usable": ["CUDAExecutionProvider", "CPUExecutionProvider"],
    "error": "",
}
SOUND = Facts(
    system="Linux",
    python=(3, 11),
    cores=8,
    packages={
        "torch": "2.13.0+cu130", "onnxruntime-gpu": "1.31.1", "onnxruntime": "", "PySide6-Essentials": "6.11.3",
        "openslide-bin": "4.0.1.2", "pydicom": "3.0.2",
    },
    memory=Memory(32 * 10**9, 20 * 10**9),
    cards=(CARD,),
    home=Home(Path("/data/hilum"), True, "ext4", 200 * 10**9),
    torch=TORCH,
    onnxruntime=RUNTIME,
    models={"demo-encoder": True, "demo-drafter": True, "medsiglip-448": False},
)  # fmt: skip


def test_a_sound_machine_has_no_problem() -> None:
    assert doctor.problems(SOUND) == []
    without = replace(
        SOUND,
        cards=(),
        torch={**TORCH, "cuda_built": "", "devices": []},
        onnxruntime={**RUNTIME, "usable": ["CPUExecutionProvider"]},
    )
    assert doctor.problems(without) == []


def _packages(**changed: str) -> Facts:
    return replace(SOUND, packages={**SOUND.packages, **{name.replace("_", "-"): version for name, version in changed.items()}})


CASES = [
    (
        replace(SOUND, torch={**TORCH, "cuda_built": "", "devices": []}),
        "NVIDIA RTX A4000.*built without CUDA.*install the CUDA build",
    ),
    (replace(SOUND, torch={**TORCH, "devices": []}), "cannot use it.*update the driver 550.54"),
    (replace(SOUND, torch={**TORCH, "devices": [], "error": "no kernel image"}), r"\(no kernel image\)"),
    (replace(SOUND, torch={**TORCH, "version": "", "error": "DLL load failed"}), r"torch cannot be loaded \(DLL load failed\)"),
    (_packages(onnxruntime="1.31.1"), "Both onnxruntime and onnxruntime-gpu"),
    (replace(SOUND, onnxruntime={**RUNTIME, "usable": ["CPUExecutionProvider"]}), "lists CUDA but cannot use it"),
    (replace(SOUND, onnxruntime={**RUNTIME, "offered": [], "usable": ["CPUExecutionProvider"]}), "was built without CUDA"),
    (replace(SOUND, onnxruntime={**RUNTIME, "version": "", "error": "gone"}), r"ONNX Runtime cannot be loaded \(gone\)"),
    (replace(SOUND, onnxruntime={**RUNTIME, "usable": []}), "no right answer on the processor"),
    (replace(SOUND, python=(3, 10)), "Python 3.10 is too old"),
    (_packages(PySide6_Essentials="6.12.0"), "PySide6 6.12.0 loses references"),
    (_packages(PySide6_Essentials="6.11.0"), "PySide6 6.11.0 is not the tested version; install 6.11.3"),
    (_packages(PySide6_Essentials=""), "PySide6 is not installed"),
    (_packages(torch="2.12.1"), "torch 2.12.1 is not the tested version"),
    (_packages(openslide_bin="4.0.0.13"), "openslide-bin 4.0.0.13 has known faults"),
    (_packages(openslide_bin=""), "openslide-bin is not installed"),
    (_packages(pydicom="3.0.1"), "pydicom 3.0.1 has known faults"),
    (replace(SOUND, home=replace(SOUND.home, writable=False)), "/data/hilum cannot be written"),
    (replace(SOUND, home=replace(SOUND.home, file_system="nfs4")), r"network file system \(nfs4\)"),
    (replace(SOUND, home=replace(SOUND.home, file_system="CIFS")), "network file system"),
    (replace(SOUND, home=replace(SOUND.home, free=3 * 10**9)), "Only 3.0 GB are free"),
    (replace(SOUND, memory=Memory(8 * 10**9, 10**9)), "Only 1.0 GB of 8.0 GB memory"),
    (replace(SOUND, models={"demo-encoder": True}), "demo-drafter is missing"),
    (replace(SOUND, drafter={"model": "medgemma-4b-it", "installed": False}), "settings name, medgemma-4b-it, is not installed"),
    (
        replace(
            SOUND, drafter={"model": "m", "installed": True, "trouble": "m needs 9.1 GB and this machine has 8.0: choose int8"}
        ),
        "does not fit: m needs 9.1 GB .*: choose int8",
    ),
]


@pytest.mark.parametrize(("facts", "sentence"), CASES, ids=[sentence[:30] for _, sentence in CASES])
def test_each_fault_is_one_sentence(facts: Facts, sentence: str) -> None:
    (said,) = doctor.problems(facts)
    import re

    assert re.search(sentence, said)
    assert "\n" not in said
    assert not said.endswith(".")


def test_the_probe_prints_json_alone() -> None:
    """A real run: torch multiplies, ONNX Runtime doubles; this process stays free of both."""
    found = machine.accelerators()
    assert found["torch"]["version"].startswith("2.13.0")
    assert found["torch"]["error"] == ""
    assert "CPUExecutionProvider" in found["onnxruntime"]["usable"]
    assert set(found["onnxruntime"]["usable"]) <= set(found["onnxruntime"]["offered"])


def test_a_probe_that_dies_is_a_finding(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\nkill -9 $$\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    found = machine.accelerators()
    assert any("ended early" in one for one in doctor.torch_problems(found["torch"], ()))


def test_the_cards_as_the_drivers_program_lists_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text('#!/bin/sh\necho "NVIDIA H200, 143771, 143000, 570.10"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert machine.cards() == (Card("NVIDIA H200", 143771 << 20, 143000 << 20, "570.10"),)


def test_the_home_need_not_exist_and_stays_untouched(tmp_path: Path) -> None:
    found = machine.home(tmp_path / "not" / "yet")
    assert found.writable
    assert found.free > 0
    assert list(tmp_path.iterdir()) == []


def test_memory_and_cores_agree_with_the_system() -> None:
    text = Path("/proc/meminfo")
    if not text.exists():
        pytest.skip("/proc/meminfo is Linux only")
    total = int(text.read_text().split()[1]) * 1024
    assert machine.memory().total == total
    assert machine.cores() == int(subprocess.run(["nproc"], capture_output=True, check=True, text=True, env={}).stdout)


def test_the_facts_fit_into_json() -> None:
    from dataclasses import asdict

    assert json.loads(json.dumps(asdict(SOUND), default=str))["home"]["path"] == "/data/hilum"
