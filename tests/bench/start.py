"""What a second start costs, and how long the first one makes its demonstration files.

python packaging/dev.py bench start
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil

from tests.bench.results_file import Row, write

ROOT = Path(__file__).resolve().parents[2]
DEV = str(ROOT / "packaging" / "dev.py")


def best(command: Sequence[str], runs: int = 5) -> float:
    """Seconds of the fastest of some runs, the first one not counted."""
    return min(_timed(lambda: subprocess.run(command, check=True, cwd=ROOT)) for _ in range(runs + 1))


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def second_start() -> Row:
    """`dev.py setup` where nothing changed against an empty program, both in the interpreter that made `.venv`."""
    python = getattr(sys, "_base_executable", sys.executable)
    empty, ours = best([python, "-c", "pass"]), best([python, DEV, "setup"])
    extra = ours - empty
    return Row("second start: set-up before the program", extra, "s", "≤ 3", f"Python itself {empty:.3f} s", extra <= 3)


def workspace() -> list[Row]:
    """The demonstration's files from nothing, in a fresh process."""
    with tempfile.TemporaryDirectory() as folder:
        code = "import sys; from pathlib import Path; from app.demo_workspace import make; make(Path(sys.argv[1]))"
        began = time.perf_counter()
        process = psutil.Popen([sys.executable, "-c", code, folder], cwd=ROOT)
        spent = 0.0
        while process.poll() is None:
            try:
                times = process.cpu_times()
                spent = max(spent, times.user + times.system + times.children_user + times.children_system)
            except psutil.NoSuchProcess:
                break
            time.sleep(0.1)
        wall = time.perf_counter() - began
        if process.wait() != 0:
            raise RuntimeError("the demonstration's files could not be made")
    load = f"{spent:.0f} CPU-seconds"
    return [Row("demonstration workspace made at first run", wall, "s", "≤ 60", load, wall <= 60)]


def main() -> None:
    write("start", [second_start(), *workspace()])


if __name__ == "__main__":
    main()
