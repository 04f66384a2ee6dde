"""Setting up, in a copy of the tree whose pip, apt-get and ldconfig are scripts that write down how they were called."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="apt-get is Linux's, and the scripts are sh's")
NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")


@dataclass(frozen=True)
class Copy:
    """A copy of the tree at `root`; `tools` is the whole of its PATH."""

    root: Path

    @property
    def tools(self) -> Path:
        return self.root / "tools"

    @property
    def log(self) -> Path:
        return self.root / "log"

    def script(self, path: Path, code: int = 0, says: str = "") -> None:
        """A program that writes its call into the log, says something and ends with `code`."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f'#!/bin/sh\necho "{path.name} $*" >> "{self.log}"\nprintf "{says}"\nexit {code}\n')
        path.chmod(0o755)

    def pip(self, code: int) -> None:
        self.script(self.root / ".venv" / "bin" / "python", code)

    def calls(self) -> list[str]:
        """Of the programs since the last time."""
        found = self.log.read_text().splitlines() if self.log.exists() else []
        self.log.write_text("")
        self.log.chmod(0o666)
        return found

    def dev(self, *arguments: str, user: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
        command = [*user, sys.executable, self.root / "packaging" / "dev.py", *arguments]
        where = shutil.which(user[0]) if user else None
        command[0] = where or command[0]
        return subprocess.run(
            command, cwd=self.root, env={"PATH": str(self.tools)}, capture_output=True, text=True, timeout=60, check=False
        )


@pytest.fixture
def copy() -> Iterator[Copy]:
    """Readable and writable for everybody, outside the folder of the tests' owner; pip works, no library is known."""
    with tempfile.TemporaryDirectory() as name:
        made = Copy(Path(name))
        (made.root / "packaging").mkdir()
        for path in ("packaging/dev.py", "pyproject.toml"):
            shutil.copy(ROOT / path, made.root / path)
        for tool in ("apt-get", "ldconfig"):
            made.script(made.tools / tool)
        made.pip(0)
        made.calls()
        for path in (made.root, made.root / ".venv"):
            path.chmod(0o777)
        yield made


@pytest.fixture
def user(copy: Copy) -> tuple[str, ...]:
    """How to run as somebody who is not root; () where that is so already."""
    if os.geteuid() != 0:
        return ()
    if not shutil.which(NOBODY[0]):
        pytest.skip("this user is root, and setpriv (Debian package util-linux) is not on this machine")
    probe = copy.dev("--help", user=NOBODY)
    if probe.returncode != 0:
        pytest.skip(f"this user is root, and the interpreter cannot be run as another one ({probe.stderr.strip()[-200:]})")
    return NOBODY


def test_the_second_set_up_installs_nothing(copy: Copy) -> None:
    first = copy.dev("setup")
    assert first.returncode == 0, first.stderr
    assert sum("-m pip install" in call for call in copy.calls()) == 2, "torch alone, then the rest"
    copy.pip(1)
    for tool in ("apt-get", "ldconfig"):
        copy.script(copy.tools / tool, 1)
    second = copy.dev("setup")
    assert (second.returncode, second.stdout, second.stderr) == (0, "", "")
    assert copy.calls() == []


@pytest.mark.parametrize("changed", ["pyproject.toml", "packaging/dev.py"])
def test_changed_pins_are_installed(copy: Copy, changed: str) -> None:
    assert copy.dev("setup").returncode == 0
    copy.calls()
    with (copy.root / changed).open("a") as file:
        file.write("\n# one more line\n")
    assert copy.dev("setup").returncode == 0
    assert sum("-m pip install" in call for call in copy.calls()) == 2
    assert copy.dev("setup").returncode == 0
    assert copy.calls() == []


def test_one_who_is_not_root_gets_the_line_to_type(copy: Copy, user: tuple[str, ...]) -> None:
    """Nothing is known to the loader, and pip finds no network."""
    copy.pip(1)
    done = copy.dev("setup", user=user)
    assert done.returncode == 1
    said = done.stderr.splitlines()
    line = next(one for one in said if "sudo" in one)
    assert line.startswith("hilum: please run once: sudo apt-get install -y --no-install-recommends libegl1 ")
    assert {"libgl1", "libxkbcommon-x11-0", "libxcb-cursor0", "libdbus-1-3"} <= set(line.split())
    assert said[-1].startswith("pip could not install torch==")
    assert "Check the network or proxy" in said[-1]
    calls = copy.calls()
    assert not any(call.startswith("apt-get") for call in calls)
    assert sum("-m pip install" in call for call in calls) == 1
    copy.pip(0)
    assert copy.dev("setup", user=user).returncode == 0, "the set-up that failed is begun again"
    assert sum("-m pip install" in call for call in copy.calls()) == 2


def test_libraries_that_are_there_are_not_asked_for(copy: Copy, user: tuple[str, ...]) -> None:
    names = ["libEGL.so.1", "libGL.so.1", "libxkbcommon.so.0"]
    copy.script(copy.tools / "ldconfig", says="".join(f"\\t{name} (libc6,x86-64) => /usr/lib/{name}\\n" for name in names))
    line = next(one for one in copy.dev("setup", user=user).stderr.splitlines() if "sudo" in one)
    assert not {"libegl1", "libgl1", "libxkbcommon0"} & set(line.split())
    assert "libxkbcommon-x11-0" in line.split()


def test_another_system_gets_the_names(copy: Copy) -> None:
    (copy.tools / "apt-get").unlink()
    done = copy.dev("setup")
    assert done.returncode == 0
    assert "these libraries are missing, under their Debian names: libegl1" in done.stderr


def test_an_unknown_command_is_said() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "packaging" / "dev.py", "dance"], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert "invalid choice: 'dance'" in done.stderr


def test_peers_that_are_not_there_are_named_in_the_last_lines(tmp_path: Path) -> None:
    """The tests themselves, on a machine without them."""
    tests = ["app/test_cli.py::test_draft_as_pdf", "app/test_window.py::test_the_main_job_on_a_real_x_server"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *(f"tests/{one}" for one in tests)],
        cwd=ROOT, env={**os.environ, "PATH": str(tmp_path)}, capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    *_, first, second, count = done.stdout.splitlines()
    assert "2 skipped" in count
    assert sorted(line.startswith("SKIPPED") for line in (first, second)) == [True, True]
    assert "pdftotext (poppler-utils)" in first + second
    assert "Xvfb or xdotool is not installed (Debian: xvfb, xdotool)" in first + second
