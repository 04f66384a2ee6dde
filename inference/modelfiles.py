"""Is this folder a model in the published layout, whole and harmless? Decided from names and headers, before any load.

Accepted weights are safetensors alone: no pickle, no code, no link out of the folder.
"""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from inference import checksums

SUMS = "SHA256SUMS"
PICKLES = frozenset((".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".npy", ".npz", ".joblib", ".h5", ".msgpack"))
CODE = frozenset((".py", ".pyc", ".so", ".dll", ".dylib", ".sh", ".exe"))
BITS = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E4M3": 8, "F8_E5M2": 8, "I16": 16, "U16": 16, "F16": 16, "BF16": 16, "I32": 32,
    "U32": 32, "F32": 32, "I64": 64, "U64": 64, "F64": 64,
}  # fmt: skip
HEADER_CAP = 100_000_000
"""Bytes; the cap of the format's own reader."""


def files(folder: Path) -> list[Path]:
    """All regular files of a model, sorted, as paths below `folder`; its own checksum list and hidden files are left out."""
    found = (Path(root, name).relative_to(folder) for root, _, names in os.walk(folder) for name in names)
    return sorted(path for path in found if path.name != SUMS and not any(part.startswith(".") for part in path.parts))


def check(folder: Path, architectures: Sequence[str], *, nan: bool = False) -> list[str]:
    """What is wrong, one sentence each, every file named; empty when nothing is. `architectures` are those accepted."""
    wrong = [*_harmful(folder)] or [*_layout(folder, architectures)]
    if wrong:
        return wrong
    wrong = [*_weights(folder), *_sums(folder)]
    return wrong if wrong or not nan else list(_not_numbers(folder))


def revision(folder: Path) -> str:
    """SHA-256 over the names and SHA-256 of all files of the model."""
    return checksums.of_lines(f"{checksums.of_file(folder / path)}  {path.as_posix()}" for path in files(folder))


def record(folder: Path) -> None:
    """Write SHA256SUMS (sha256sum's format) into the folder."""
    lines = [f"{checksums.of_file(folder / path)}  {path.as_posix()}\n" for path in files(folder)]
    (folder / SUMS).write_text("".join(lines), encoding="utf-8")


def copy(source: Path, target: Path, on_progress: Callable[[int, int], None]) -> None:
    """Copy the model's files, 16 MiB at a time."""
    names = files(source)
    total = sum((source / name).stat().st_size for name in names)
    done = 0
    for name in names:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        with (source / name).open("rb") as reader, (target / name).open("wb") as writer:
            while block := reader.read(1 << 24):
                writer.write(block)
                done += len(block)
                on_progress(done, total)
        shutil.copystat(source / name, target / name)


def header(path: Path) -> dict[str, Any]:
    """The header of a safetensors file, checked against the file's size; raises ValueError with the reason.

    The format: 8 bytes little-endian length, JSON of name → {dtype, shape, data_offsets}, then the data without holes.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(8)
        begin = file.read(1)
        if begin != b"{" and (start[:1] == b"\x80" or start[:2] == b"PK"):
            raise ValueError("it is a pickle under another name")
        length = int.from_bytes(start, "little")
        file.seek(8)
        if len(start) < 8 or length > HEADER_CAP or length > size - 8:
            raise ValueError("it is cut off or no safetensors file")
        try:
            table = json.loads(file.read(length))
        except ValueError as error:
            raise ValueError("its header cannot be read") from error
    if not isinstance(table, dict):
        raise ValueError("its header cannot be read")
    table.pop("__metadata__", None)
    _offsets(table, size - 8 - length)
    return table


def _offsets(table: dict[str, Any], size: int) -> None:
    position = 0
    try:
        order = sorted(table.items(), key=lambda item: (item[1]["data_offsets"][0], item[1]["data_offsets"][1]))
        for name, tensor in order:
            begin, end = tensor["data_offsets"]
            bits = BITS.get(tensor["dtype"])
            if bits is None:
                raise ValueError(f"the tensor {name} has the unknown type {tensor['dtype']}")
            if begin != position or end - begin != math.prod(tensor["shape"]) * bits // 8:
                raise ValueError(f"the tensor {name} does not lie where its header says")
            position = end
    except (KeyError, TypeError, IndexError) as error:
        raise ValueError("its header cannot be read") from error
    if position != size:
        raise ValueError(f"it is cut off or too long: {size} bytes of weights where its header says {position}")


def _harmful(folder: Path) -> Iterator[str]:
    inside = folder.resolve()
    for root, folders, names in os.walk(folder):
        for name in (*folders, *names):
            path = Path(root, name)
            if path.exists() and not (path.is_file() or path.is_dir()):
                yield f"{path} is no file (a pipe, a socket or a device), and reading it might never end; remove it"
            elif path.is_symlink() and not path.resolve().is_relative_to(inside):
                yield f"{path} is a link that leads out of the model's folder; use a folder that holds the files themselves"
            elif path.suffix.lower() in PICKLES:
                yield f"{path} may be a pickle, which can run code; only safetensors are loaded, remove that file"
            elif path.suffix.lower() in CODE:
                yield f"{path} is program code; models are data only, remove that file"


def _layout(folder: Path, architectures: Sequence[str]) -> Iterator[str]:
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        found = config.get("architectures") or ["none"]
    except (OSError, ValueError, AttributeError):
        yield f"{folder / 'config.json'} is missing or is no JSON; the folder is not in the published layout"
        return
    if found[0] not in architectures:
        yield f"{folder / 'config.json'} says architecture {found[0]}, not {' or '.join(architectures)}; this is another model"
        return
    if "auto_map" in config:
        yield f"{folder / 'config.json'} asks for program code of its own (auto_map), which is never run"
    wanted = [("model.safetensors", "model.safetensors.index.json"), ("tokenizer_config.json",)]
    wanted.append(("tokenizer.json", "tokenizer.model", "spiece.model"))
    if found[0] != "Gemma3ForCausalLM":
        wanted.append(("processor_config.json", "preprocessor_config.json"))
    for names in wanted:
        if not any((folder / name).is_file() for name in names):
            yield f"{folder / names[0]} is missing; the folder is not in the published layout"


def shards(folder: Path) -> list[Path]:
    """The weight files of a model, all inside its folder; raises ValueError naming the index or shard that is wrong."""
    index = folder / "model.safetensors.index.json"
    if not index.is_file():
        return [folder / "model.safetensors"]
    try:
        names = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
    except (ValueError, KeyError, AttributeError) as error:
        raise ValueError(f"{index} cannot be read; restore it") from error
    for name in names:
        if not isinstance(name, str) or Path(name).name != name or not name.endswith(".safetensors"):
            raise ValueError(f"{index} names the shard {name!r}, which is not a safetensors file of this folder")
        if not (folder / name).is_file():
            raise ValueError(f"{folder / name} is missing, though {index.name} names it")
    return [folder / name for name in names]


def _weights(folder: Path) -> Iterator[str]:
    try:
        paths = shards(folder)
    except ValueError as error:
        yield str(error)
        return
    held: dict[str, str] = {}
    for path in paths:
        try:
            held |= dict.fromkeys(header(path), path.name)
        except (ValueError, OSError) as error:
            yield f"{path} was refused: {error}"
            return
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        said = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
        lost = [name for name, shard in said.items() if held.get(name) != shard]
        if lost:
            yield f"{folder / said[lost[0]]} does not hold the tensor {lost[0]}, though {index.name} says so"


def _sums(folder: Path) -> Iterator[str]:
    for place in (folder, folder.parent):
        if not (place / SUMS).is_file():
            continue
        for line in (place / SUMS).read_text(encoding="utf-8").splitlines():
            digest, _, name = line.partition("  ")
            path = place / name.lstrip("*")
            if folder not in path.parents:
                continue
            if not path.is_file():
                yield f"{path} is missing, though {SUMS} names it"
            elif checksums.of_file(path) != digest:
                yield f"{path} is not the file whose checksum was recorded; it was changed or damaged, get the model again"
        return


def _not_numbers(folder: Path) -> Iterator[str]:
    import torch
    from safetensors import safe_open

    for path in shards(folder):
        with safe_open(path, framework="pt") as file:
            for name in file.keys():  # noqa: SIM118 - the reader is not a dict
                tensor = file.get_tensor(name)
                if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
                    yield f"{path} holds NaN or infinity in the tensor {name}; get the model again"
