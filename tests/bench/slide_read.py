"""How fast tiles of slides are read, beside OpenSlide and beside the decoder alone: `python packaging/dev.py bench slide-read`.

All three take turns on the same tiles in one process. Ratios are of CPU time; the medians of the turns are written.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

import numpy as np
import openslide
import tifffile

from inference.demo.slide import SlidePhantom
from tests.bench.results_file import Row, write
from viewers.sources import TiledSource, open_source

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "slides"
TURNS = 9
Cell = tuple[int, int]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        rows = [
            *measured("JPEG", _real("CMU-1-Small-Region.svs") or _made(Path(folder), "jpeg"), 3.5),
            *measured("JPEG of 4096 × 4096 in tiles of 256", _made(Path(folder), "jpeg"), 3.5),
            *(measured("DICOM, JPEG", slide, 3.5) if (slide := _real("CMU-1-Small-Region_dicom")) else ()),
            *measured("JPEG 2000", _real("TCGA-CR-7395-01A-01-TS1.svs") or _made(Path(folder), "jpeg2000"), 1.6),
        ]
    write("slide-read", rows, {})


def _real(name: str) -> Path | None:
    return SHARED / name if (SHARED / name).exists() else None


def _made(folder: Path, compression: str) -> Path:
    """A phantom slide of 4096 × 4096."""
    path = folder / f"{compression}.tif"
    if not path.exists():
        phantom = SlidePhantom(2_000_000, 8192, 8192)
        pixels = phantom.tile(1, 0, 0, 4096, 4096)
        options = {"photometric": "ycbcr", "subsampling": (2, 2)} if compression == "jpeg" else {"photometric": "rgb"}
        tifffile.imwrite(path, pixels, tile=(256, 256), compression=compression, metadata=None, **options)
    return path


def measured(name: str, path: Path, wanted: float) -> list[Row]:
    source, handle = open_source(path), openslide.OpenSlide(next(path.iterdir()) if path.is_dir() else path)
    assert isinstance(source, TiledSource)
    handle.set_cache(openslide.OpenSlideCache(0))  # every tile is decoded, as ours is
    tile, size = source.levels[0].tile, source.size
    assert tile is not None
    cells = [(column, row) for row in range(size.height // tile.height) for column in range(size.width // tile.width)]
    direct = source._direct  # type: ignore[attr-defined]
    if direct is None:
        return [Row(f"{name}: not read directly", 0.0, "", "read directly", str(source.info()["reading"]), False)]
    grid, stored = direct.files.grids[0], direct.files.stored(0)
    data = [stored[row * grid.columns + column] for column, row in cells]

    def ours() -> None:
        for cell in cells:
            source.read_tile(0, *cell)

    def theirs() -> None:
        for column, row in cells:
            handle.read_region((column * tile.width, row * tile.height), 0, (tile.width, tile.height))

    def bare() -> None:
        for one in data:
            grid.decode(one)

    taken: dict[str, list[float]] = {"ours": [], "theirs": [], "bare": []}
    for _ in range(TURNS):
        for key, work in (("ours", ours), ("theirs", theirs), ("bare", bare)):
            taken[key].append(_cpu(work) / len(cells))
    source_ms, peer_ms, bare_ms = (1000 * median(taken[key]) for key in ("ours", "theirs", "bare"))
    ratio = median(their / our for their, our in zip(taken["theirs"], taken["ours"], strict=True))
    share = median(alone / our for alone, our in zip(taken["bare"], taken["ours"], strict=True))
    one, two = _wall(source, cells, 1), _wall(source, cells, 2)
    gain = median(a / b for a, b in zip(one, two, strict=True))
    source.close()
    return [
        Row(f"{name}: CPU time a tile", source_ms, "ms", "", f"OpenSlide {peer_ms:.3f} ms, decoder alone {bare_ms:.3f} ms"),
        Row(f"{name}: tiles per CPU-second, in OpenSlide's", ratio, "×", f"≥ {wanted}", "OpenSlide, cache off", ratio >= wanted),
        Row(f"{name}: tiles per CPU-second, in the decoder's", share, "", "≥ 0.7", "the decoder alone", share >= 0.7),
        Row(f"{name}: two threads, in one thread's tiles a second", gain, "×", "≥ 1.7", "", gain >= 1.7),
    ]


def _cpu(work: Callable[[], None]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def _wall(source: TiledSource, cells: Sequence[Cell], threads: int) -> list[float]:
    """Seconds of several rounds; the work is shared out in pieces of eight tiles."""
    pieces = [cells[start : start + 8] for start in range(0, len(cells), 8)] * 2

    def piece(part: Sequence[Cell]) -> int:
        return sum(int(np.size(source.read_tile(0, *cell))) for cell in part)

    seconds = []
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(piece, pieces[:4]))
        for _ in range(TURNS):
            began = time.monotonic()
            list(pool.map(piece, pieces))
            seconds.append(time.monotonic() - began)
    return seconds


if __name__ == "__main__":
    main()
