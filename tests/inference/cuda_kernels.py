"""The kernels of step.cu without a card: compiled by g++ with what a warp does together written out."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from torch import Tensor

from inference.cuda.kernels import THREADS, Argument

COMPILER = shutil.which("g++")
_FOLDER = TemporaryDirectory(ignore_cleanup_errors=True)
"""Gone with the process."""


class Emulated:
    """`Kernels` on a processor; `launched` are the names of what was started."""

    blocks = 8

    def __init__(self) -> None:
        self._library = ctypes.CDLL(str(_built()))
        self.launched: list[str] = []

    def launch(
        self, name: str, grid: tuple[int, int], arguments: Sequence[Argument], shared: int = 0, threads: int = THREADS
    ) -> None:
        assert shared <= 1 << 18
        self.launched.append(name)
        whole = (ctypes.c_uint64 * 14)()
        broken = (ctypes.c_float * 4)()
        at = {int: 0, float: 0}
        for one in arguments:
            kind = float if isinstance(one, float) else int
            if isinstance(one, Tensor):
                assert one.is_contiguous()
                whole[at[int]] = one.data_ptr()
            elif kind is float:
                broken[at[float]] = one or 0.0
            else:
                whole[at[int]] = one or 0
            at[kind] += 1
        function = ctypes.cast(self._library[name], ctypes.c_void_p)
        self._library.launch(function, *grid, threads, whole, broken)


@cache
def _built() -> Path:
    assert COMPILER is not None
    folder = Path(_FOLDER.name)
    source = Path(__file__).with_name("cuda_on_a_processor.cpp")
    subprocess.run(
        [
            COMPILER,
            "-O2",
            "-U_FORTIFY_SOURCE",
            "-std=c++17",
            "-shared",
            "-fPIC",
            "-w",
            "-o",
            str(folder / "step.so"),
            str(source),
        ],
        check=True,
    )
    return folder / "step.so"
