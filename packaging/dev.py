#!/usr/bin/env python3
"""One command each: run, test, check, bench, train-demo.

Standard library only: it makes `.venv` beside itself, installs what `pyproject.toml` pins and what Qt needs from the system,
and hands over. Nothing is installed again while neither the pins nor the interpreter changed.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
TORCH = "torch==2.13.0"

QT_LIBRARIES = {
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
    "libdbus-1.so.3": "libdbus-1-3",
    "libfontconfig.so.1": "libfontconfig1",
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-image.so.0": "libxcb-image0",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-randr.so.0": "libxcb-randr0",
    "libxcb-render-util.so.0": "libxcb-render-util0",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxcb-xinerama.so.0": "libxcb-xinerama0",
    "libxcb-xkb.so.1": "libxcb-xkb1",
}
"""Shared libraries that Qt's wheels expect from the system, and the Debian packages that hold them."""

FONT = ("fonts-dejavu-core", Path("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"))

PEERS = {
    "dcm2pnm": "dcmtk",
    "dciodvfy": "dicom3tools",
    "Orthanc": "orthanc",
    "/usr/share/orthanc/plugins/libOrthancDicomWeb.so": "orthanc-dicomweb",
    "Xvfb": "xvfb",
    "xdotool": "xdotool",
    "pdftoppm": "poppler-utils",
}
"""Programs and plug-ins that tests compare with, and the Debian packages that hold them."""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="dev.py", description=__doc__.splitlines()[0] if __doc__ else None)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, text in (
        ("run", "set up, then open the window on the demo workspace (offscreen into demo-output/ without a display)"),
        ("test", "set up, then the whole test suite; further arguments go to pytest"),
        ("check", "ruff, mypy strict, import contracts"),
        ("bench", "run one benchmark by name, or list them"),
        ("train-demo", "train the demonstration models again (about half an hour on two cores)"),
        ("setup", "only set up"),
    ):
        commands.add_parser(name, help=text, add_help=False)
    options, rest = parser.parse_known_args(arguments)
    set_up(peers=options.command in ("test", "bench"))
    commands_by_name: dict[str, Callable[[Sequence[str]], int]] = {
        "run": run,
        "test": test,
        "check": check,
        "bench": bench,
        "train-demo": train_demo,
        "setup": lambda _: 0,
    }
    return commands_by_name[options.command](rest)


def run(rest: Sequence[str]) -> int:
    module = ["app", "open", "--demo"] if has_display() else ["app.tour"]
    return call([PYTHON, "-m", *module, *rest], env=environment(offscreen=not has_display()))


def test(rest: Sequence[str]) -> int:
    return call([PYTHON, "-m", "pytest", *rest], env=environment(offscreen=True))


def check(_: Sequence[str]) -> int:
    steps: tuple[list[object], ...] = (
        [PYTHON, "-m", "ruff", "check", "."],
        [PYTHON, "-m", "ruff", "format", "--check", "."],
        [PYTHON, "-m", "mypy"],
        [VENV / PYTHON.parent.name / "lint-imports"],
    )
    return max(call(step, env=environment(offscreen=True)) for step in steps)


def bench(rest: Sequence[str]) -> int:
    folder = ROOT / "tests" / "bench"
    names = sorted(path.stem for path in folder.glob("*.py") if "__main__" in text_of(path))
    name = rest[0].replace("-", "_") if rest else ""
    if name not in names:
        listed = ", ".join(name.replace("_", "-") for name in names)
        print(f"usage: dev.py bench NAME   where NAME is one of: {listed}", file=sys.stderr)
        return 2
    return call([PYTHON, "-m", f"tests.bench.{name}", *rest[1:]], env=environment(offscreen=True))


def train_demo(rest: Sequence[str]) -> int:
    return call([PYTHON, "-m", "inference.demo.train", *rest], env=environment(offscreen=True))


def has_display() -> bool:
    return sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def environment(*, offscreen: bool) -> dict[str, str]:
    values = dict(os.environ, PYTHONPATH=str(ROOT), HF_HUB_OFFLINE="1")
    if offscreen:
        values.setdefault("QT_QPA_PLATFORM", "offscreen")
    return values


def set_up(*, peers: bool) -> None:
    """Bring `.venv` and the system libraries to what the pins ask for; a stamp makes the second call free."""
    if sys.version_info < (3, 11):  # noqa: UP036 - whoever starts this file may have an older one
        sys.exit(f"Hilum needs Python 3.11 or newer; this is {platform.python_version()}. Start this file with a newer python3.")
    stamp = VENV / f"installed-{'with-peers' if peers else 'base'}"
    want = fingerprint()
    if PYTHON.exists() and any(text_of(VENV / name) == want for name in (stamp.name, "installed-with-peers")):
        return
    install_system_packages(peers=peers)
    if text_of(VENV / "installed-base") != want:
        install_python_packages()
        (VENV / "installed-base").write_text(want, encoding="utf-8")
    stamp.write_text(want, encoding="utf-8")


def fingerprint() -> str:
    digest = hashlib.sha256((ROOT / "pyproject.toml").read_bytes() + Path(__file__).read_bytes())
    return f"{digest.hexdigest()} {platform.python_version()} {ROOT}"


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


def install_python_packages() -> None:
    if not PYTHON.exists():
        say(f"making {VENV.name}")
        try:
            venv.create(VENV, with_pip=True, clear=VENV.exists())
        except (subprocess.CalledProcessError, OSError) as error:
            shutil.rmtree(VENV, ignore_errors=True)
            sys.exit(f"no virtual environment could be made ({error}). On Debian and Ubuntu: apt-get install python3-venv")
    pip: list[object] = [PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    say("installing the pinned packages; the first time this takes some minutes")
    # torch first and alone: the newest build of a range would pull several gigabytes, the exact pin takes a local one too.
    for what in ([TORCH], ["--editable", f"{ROOT}[dev]"]):
        if call([*pip, *what]) != 0:
            sys.exit(f"pip could not install {what[-1]}; its words stand above. Check the network or proxy and start again.")


def install_system_packages(*, peers: bool) -> None:
    if not sys.platform.startswith("linux"):
        return
    missing = missing_libraries() + (
        [name for tool, name in PEERS.items() if not (shutil.which(tool) or Path(tool).exists())] if peers else []
    )
    if not missing:
        return
    line = "apt-get install -y --no-install-recommends " + " ".join(missing)
    if not shutil.which("apt-get"):
        say(f"these libraries are missing, under their Debian names: {' '.join(missing)}")
    elif os.geteuid() != 0:
        say(f"please run once: sudo {line}")
    else:
        say("installing system packages: " + " ".join(missing))
        quiet = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
        subprocess.run(["apt-get", "update", "-qq"], check=False, stdout=subprocess.DEVNULL, env=quiet)
        if subprocess.run(line.split(), check=False, stdout=subprocess.DEVNULL, env=quiet).returncode != 0:
            say(f"apt could not install them all; tests that need them are skipped. By hand: {line}")


def missing_libraries() -> list[str]:
    """Debian packages whose shared libraries the loader does not know."""
    ldconfig = shutil.which("ldconfig") or "/sbin/ldconfig"
    try:
        known = subprocess.run([ldconfig, "-p"], capture_output=True, text=True, check=False).stdout
    except OSError:
        return []
    missing = [package for library, package in QT_LIBRARIES.items() if library not in known]
    return missing if FONT[1].exists() else [*missing, FONT[0]]


def call(command: Sequence[object], env: dict[str, str] | None = None) -> int:
    """Run in the repository's root; an interrupt is passed on as 130."""
    try:
        return subprocess.call([str(part) for part in command], cwd=ROOT, env=env)
    except KeyboardInterrupt:
        return 130


def say(text: str) -> None:
    print(f"hilum: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
