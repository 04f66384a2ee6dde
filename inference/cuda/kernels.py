"""Compile CUDA code at run time and start it: NVRTC, which torch brings along, and the driver, both by ctypes.

Nothing is installed for it: no toolkit, no C compiler. What does not compile or load here is a `NoKernels` that says why.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import os
import struct
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from inference import places

SOURCE = Path(__file__).with_name("step.cu")
LEAST = (8, 0)
"""Compute capability from which cards multiply bfloat16 by mma.m16n8k16."""
THREADS = 256
"""Of a block, at most and where nothing else is said."""
EARLY = (9, 0)
"""Compute capability from which a kernel may be started while the one before it runs."""

_PROGRAMMATIC_SERIALIZATION = 6
"""CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION."""

Argument = Tensor | int | float | None
"""None is a pointer to nothing."""


class NoKernels(RuntimeError):
    """Our own kernels cannot be had here, and why."""


class Kernels(Protocol):
    """Whatever can start one of the kernels of step.cu by its name."""

    blocks: int
    """How many blocks are enough to fill the card."""

    def launch(
        self, name: str, grid: tuple[int, int], arguments: Sequence[Argument], shared: int = 0, threads: int = THREADS
    ) -> None:
        """Start blocks of so many threads on the current stream; `shared` bytes each. Pointers are to what lies on the card,
        contiguous; a float is 32 bits. Raises NoKernels."""


class _Attribute(ctypes.Structure):
    """CUlaunchAttribute of the driver's header, whose value takes 64 bytes."""

    _fields_ = (("id", ctypes.c_int), ("pad", ctypes.c_int), ("value", ctypes.c_int), ("rest", ctypes.c_byte * 60))

    def __init__(self, name: int, value: int) -> None:
        super().__init__(name, 0, value)


class _Config(ctypes.Structure):
    """CUlaunchConfig."""

    _fields_ = (
        *((name, ctypes.c_uint) for name in ("columns", "rows", "layers", "threads", "more", "most", "shared")),
        ("stream", ctypes.c_void_p),
        ("attributes", ctypes.POINTER(_Attribute)), ("count", ctypes.c_uint),
    )  # fmt: skip


class Compiled:
    """step.cu on one card. Raises NoKernels where it cannot be compiled or loaded."""

    def __init__(self, device: int) -> None:
        properties = torch.cuda.get_device_properties(device)
        able = properties.major, properties.minor
        if able < LEAST:
            raise NoKernels(f"{properties.name} has compute capability {able[0]}.{able[1]}, and 8.0 is the least")
        self._device = device
        self.blocks = int(properties.multi_processor_count)
        self._driver = _library("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
        if not hasattr(self._driver, "cuLaunchKernelEx"):
            raise NoKernels("the card's driver is older than CUDA 11.8")
        torch.cuda.current_stream(device).synchronize()  # the card's context is there
        module = ctypes.c_void_p()
        self._must(self._driver.cuModuleLoadData(ctypes.byref(module), _kept_or_made(f"sm_{able[0]}{able[1]}")))
        self._module, self._functions = module, dict[str, ctypes.c_void_p]()
        self._early = ctypes.pointer(_Attribute(_PROGRAMMATIC_SERIALIZATION, 1)) if able >= EARLY else None

    def launch(
        self, name: str, grid: tuple[int, int], arguments: Sequence[Argument], shared: int = 0, threads: int = THREADS
    ) -> None:
        """See `Kernels`."""
        count = len(arguments)
        slots = (ctypes.c_uint64 * count)(*map(_bits, arguments))
        first = ctypes.addressof(slots)
        pointers = (ctypes.c_void_p * count)(*range(first, first + 8 * count, 8))
        how = _Config(*grid, 1, threads, 1, 1, shared, _stream(self._device), self._early, self._early is not None)
        self._must(self._driver.cuLaunchKernelEx(ctypes.byref(how), self._function(name), pointers, None))

    def _function(self, name: str) -> ctypes.c_void_p:
        if name not in self._functions:
            found = ctypes.c_void_p()
            self._must(self._driver.cuModuleGetFunction(ctypes.byref(found), self._module, name.encode()))
            self._functions[name] = found
        return self._functions[name]

    def _must(self, status: int) -> None:
        if status:
            words = ctypes.c_char_p()
            self._driver.cuGetErrorString(status, ctypes.byref(words))
            raise NoKernels(f"the card's driver says: {(words.value or b'').decode() or status}")


@cache
def on_card(device: int) -> Compiled | NoKernels:
    """Compiled once for a process and a card; or why not."""
    try:
        return Compiled(device)
    except NoKernels as error:
        return error


def of(device: torch.device) -> Compiled | NoKernels:
    """Those of the card that `device` is."""
    if device.type != "cuda":
        return NoKernels("it is no NVIDIA card")
    return on_card(torch.cuda.current_device() if device.index is None else device.index)


def compiled(source: str, architecture: str) -> bytes:
    """CUDA C++ as machine code of an `architecture` such as sm_90. Raises NoKernels."""
    compiler, program = _compiler(), ctypes.c_void_p()

    def must(status: int) -> None:
        if status:
            compiler.nvrtcGetErrorString.restype = ctypes.c_char_p
            raise NoKernels(f"NVRTC says: {compiler.nvrtcGetErrorString(status).decode()}")

    must(compiler.nvrtcCreateProgram(ctypes.byref(program), source.encode(), b"step.cu", 0, None, None))
    try:
        options = [f"--gpu-architecture={architecture}".encode(), b"--std=c++17"]
        if compiler.nvrtcCompileProgram(program, len(options), (ctypes.c_char_p * len(options))(*options)):
            size = ctypes.c_size_t()
            must(compiler.nvrtcGetProgramLogSize(program, ctypes.byref(size)))
            log = ctypes.create_string_buffer(size.value)
            must(compiler.nvrtcGetProgramLog(program, log))
            raise NoKernels(f"NVRTC does not compile it for {architecture}: {' '.join(log.value.decode().split())[:200]}")
        size = ctypes.c_size_t()
        must(compiler.nvrtcGetCUBINSize(program, ctypes.byref(size)))
        code = ctypes.create_string_buffer(size.value)
        must(compiler.nvrtcGetCUBIN(program, code))
        return code.raw
    finally:
        compiler.nvrtcDestroyProgram(ctypes.byref(program))


def _kept_or_made(architecture: str) -> bytes:
    """The machine code from the reader's cache, or compiled, which takes seconds. What is damaged is compiled anew."""
    source = SOURCE.read_text(encoding="utf-8")
    name = hashlib.sha256(f"{source}{architecture}{torch.version.cuda}".encode()).hexdigest()
    place = places.cache() / "kernels" / f"{name}.cubin"
    try:
        told, _, code = place.read_bytes().partition(b"\n")
        if hashlib.sha256(code).hexdigest().encode() == told:
            return code
    except OSError:
        pass
    code = compiled(source, architecture)
    with contextlib.suppress(OSError):  # without it they are compiled at every start
        place.parent.mkdir(parents=True, exist_ok=True)
        beside = place.with_name(f".{name}-{os.getpid()}")
        beside.write_bytes(hashlib.sha256(code).hexdigest().encode() + b"\n" + code)
        beside.replace(place)
    return code


def _bits(argument: Argument) -> int:
    """As they lie in a slot of 64 bits, of which the kernel reads as many as it wants."""
    if argument is None:
        return 0
    if isinstance(argument, float):
        return int.from_bytes(struct.pack("<f", argument), "little")
    return argument & (1 << 64) - 1 if isinstance(argument, int) else argument.data_ptr()


def _stream(device: int) -> int:
    """The current one's handle; torch's short way to it where there is one."""
    quick = getattr(torch._C, "_cuda_getCurrentRawStream", None)
    return int(quick(device)) if quick is not None else torch.cuda.current_stream(device).cuda_stream


def _compiler() -> ctypes.CDLL:
    for name in _compilers():
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    raise NoKernels("NVRTC, the compiler that comes with torch, was not found")


def _compilers() -> Iterator[str]:
    """Where it may be: known to the loader already, or beside torch."""
    major = (torch.version.cuda or "0").split(".")[0]
    beside = Path(torch.__file__).parent
    if sys.platform == "win32":
        yield f"nvrtc64_{major}0_0.dll"
        yield from map(str, sorted((beside / "lib").glob("nvrtc64_*.dll")))
        return
    yield f"libnvrtc.so.{major}"
    for pattern in (f"nvidia/*/lib/libnvrtc.so.{major}", f"torch/lib/libnvrtc*.so.{major}"):
        yield from map(str, sorted(beside.parent.glob(pattern)))


def _library(name: str) -> ctypes.CDLL:
    try:
        return ctypes.CDLL(name)
    except OSError as error:
        raise NoKernels(f"{name} could not be loaded ({error})") from error
