"""TIFF slides of known pixels: OME-TIFF and QPTIFF as their makers lay them out, written by tifffile."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

NAMES = ("DAPI", "FITC", "Cy5")
COLOURS = ((0, 0, 255), (0, 255, 0), (255, 0, 0))


def waves(count: int, height: int, width: int, dtype: Any = np.uint16) -> NDArray[Any]:
    """(count, height, width): smooth values with noise, each plane its own, so that a shift or a swap shows."""
    rng = np.random.default_rng(11)
    y, x = np.mgrid[0:height, 0:width]
    planes = [1000 * (n + 1) + 800 * np.sin(x / (30 + 7 * n)) + 100 * np.cos(y / 23) for n in range(count)]
    values = np.stack(planes) + rng.integers(-50, 51, (count, height, width))
    return (values / 20).astype(dtype) if np.dtype(dtype) == np.uint8 else values.astype(dtype)


def halved(values: NDArray[Any]) -> NDArray[Any]:
    """By the plain mean of 2 × 2, of even sides."""
    height, width = values.shape[-2:]
    mean = values.reshape(*values.shape[:-2], height // 2, 2, width // 2, 2).mean((-3, -1))
    return np.floor(mean + 0.5).astype(values.dtype) if values.dtype.kind != "f" else mean.astype(values.dtype)


def write_ome(path: Path, data: NDArray[Any], axes: str, levels: int = 1, **options: Any) -> Path:
    """`data` in the order of `axes` (such as "TCZYX") with sub-directories for its levels; 0.325 µm per pixel."""
    metadata: dict[str, Any] = {"axes": axes, "PhysicalSizeX": 0.325, "PhysicalSizeY": 0.325}
    if "C" in axes:
        signed = [(red << 24 | green << 16 | blue << 8 | 255) for red, green, blue in COLOURS]
        count = data.shape[axes.index("C")]
        metadata["Channel"] = {"Name": list(NAMES[:count]), "Color": [one - (one >> 31 << 32) for one in signed[:count]]}
    with tifffile.TiffWriter(path, ome=True) as tiff:
        tiff.write(data, metadata=metadata, subifds=levels - 1, **options)
        for _ in range(levels - 1):
            data = halved(data)
            tiff.write(data, subfiletype=1, **options)
    return path


def qpi_xml(kind: str, name: str = "", colour: tuple[int, int, int] | None = None, more: str = "") -> str:
    parts = [f"<ImageType>{kind}</ImageType>", f"<Name>{name}</Name>" if name else ""]
    parts += [f"<Color>{','.join(map(str, colour))}</Color>"] if colour else []
    parts += ["<InstrumentType>PhenoImagerHT</InstrumentType>", more]
    body = "".join(parts)
    return f'<?xml version="1.0" encoding="utf-16"?><PerkinElmer-QPI-ImageDescription>{body}</PerkinElmer-QPI-ImageDescription>'


def write_qptiff(path: Path, data: NDArray[Any], levels: int = 2, more: str = "", **options: Any) -> Path:
    """`data` (channels, height, width), or (height, width, 3) for brightfield, in pages; then a thumbnail, coarser levels, an
    overview and a label."""
    colour = data.ndim == 3 and data.shape[-1] == 3
    kind = {"photometric": "rgb" if colour else "minisblack", "metadata": None, **options}

    def level(tiff: tifffile.TiffWriter, planes: NDArray[Any], which: str, step: int) -> None:
        resolution = (20_000 / step, 20_000 / step)
        for number, plane in enumerate(planes[None] if colour else planes):
            text = qpi_xml(which, "" if colour else NAMES[number], None if colour else COLOURS[number], more)
            tiff.write(plane, tile=(256, 256), description=text, resolution=resolution, resolutionunit="CENTIMETER", **kind)

    with tifffile.TiffWriter(path) as tiff:
        level(tiff, data, "FullResolution", 1)
        tiff.write(np.full((90, 120, 3), 7, np.uint8), description=qpi_xml("Thumbnail"), photometric="rgb", metadata=None)
        for step in range(1, levels):
            data = np.moveaxis(halved(np.moveaxis(data, -1, 0)), 0, -1) if colour else halved(data)
            level(tiff, data, "ReducedResolution", 2**step)
        for which in ("Overview", "Label"):
            tiff.write(np.full((100, 300, 3), 9, np.uint8), description=qpi_xml(which), photometric="rgb", metadata=None)
    return path
