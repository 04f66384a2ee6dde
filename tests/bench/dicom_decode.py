"""One frame in every compressed transfer syntax, by each decoder that reads it: ours must be exact and about as fast as the best.

python packaging/dev.py bench dicom-decode

Every candidate decodes the same bytes in the same run; one that gives other pixels than the first exact one is named and does not
count. "pydicom" is its own order of plug-ins. GDCM takes part where it is installed (the extra `gdcm`).
"""

from __future__ import annotations

import io
import random
import time
import warnings
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import imagecodecs
import jpeg_ls
import numpy as np
import openjpeg.utils
import pydicom
import rle.utils
from numpy.typing import NDArray
from PIL import Image
from pydicom.encaps import encapsulate
from pydicom.pixels import get_decoder

from tests.bench.results_file import Row, write
from viewers.sources import codecs
from viewers.sources.coded import Coded

_UID = "1.2.840.10008.1.2"
Pixels = NDArray[np.generic]
ROUNDS, SECONDS = 16, 2.0
"""At least, of one case."""


@dataclass(frozen=True)
class Case:
    name: str
    syntax: str
    truth: Pixels
    """What went in; a lossy stream gives other pixels, the same from every decoder."""
    stream: bytes
    bits: int
    lossless: bool = True

    @property
    def coded(self) -> Coded:
        height, width = self.truth.shape[:2]
        allocated = 8 * self.truth.dtype.itemsize
        return Coded(self.syntax, True, "PixelData", "OB", (width, height), 1, allocated, self.bits, "MONOCHROME2", False, False)


def film(side: int, bits: int) -> NDArray[np.uint16]:
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:side, :side]
    top = 2**bits - 1
    ground = (np.sin(x / 200) + np.cos(y / 170) + 2) / 4 * top * 0.9
    return (ground + rng.normal(0, top / 300, (side, side))).clip(0, top).astype(np.uint16)


def cases() -> list[Case]:
    found = []
    for name, pixels, bits in (("CT slice 512²", film(512, 12), 12), ("film 2048²", film(2048, 12), 12)):
        eight = (pixels >> 4).astype(np.uint8)
        engine = zlib.compressobj(wbits=-15)
        runs = pydicom.pixels.encoders.RLELosslessEncoder.encode(
            pixels, rows=len(pixels), columns=len(pixels), samples_per_pixel=1, bits_allocated=16, bits_stored=12,
            number_of_frames=1,
            photometric_interpretation="MONOCHROME2", pixel_representation=0, encoding_plugin="pylibjpeg",
        )  # fmt: skip
        lossy = imagecodecs.jpeg2k_encode(pixels, codecformat="j2k", reversible=False, level=55, bitspersample=12)
        found += [
            Case(f"JPEG 2000 lossless .90, {name}", f"{_UID}.4.90", pixels,
                 imagecodecs.jpeg2k_encode(pixels, codecformat="j2k", reversible=True, level=0, bitspersample=12), bits),
            Case(f"JPEG 2000 lossy .91, {name}", f"{_UID}.4.91", pixels, lossy, bits, False),
            Case(f"HTJ2K .201, {name}", f"{_UID}.4.201", pixels, imagecodecs.htj2k_encode(pixels, reversible=True), 16),
            Case(f"JPEG-LS .80, {name}", f"{_UID}.4.80", pixels, imagecodecs.jpegls_encode(pixels), bits),
            Case(f"JPEG lossless .70, {name}", f"{_UID}.4.70", pixels, imagecodecs.ljpeg_encode(pixels, bitspersample=12), bits),
            Case(f"JPEG baseline .50, {name}", f"{_UID}.4.50", eight, imagecodecs.jpeg8_encode(eight, level=90), 8, False),
            Case(f"JPEG 12-bit .51, {name}", f"{_UID}.4.51", pixels,
                 imagecodecs.jpeg8_encode(pixels, level=90, bitspersample=12), bits, False),
            Case(f"RLE .5, {name}", f"{_UID}.5", pixels, bytes(runs), bits),
            Case(f"JPEG XL .110, {name}", f"{_UID}.4.110", pixels, imagecodecs.jpegxl_encode(pixels, lossless=True), 16),
            Case(f"deflated frame, {name}", f"{_UID}.8.1", pixels, engine.compress(pixels.tobytes()) + engine.flush(), bits),
        ]  # fmt: skip
    return found


def candidates(case: Case) -> dict[str, Callable[[], Pixels]]:
    stream, shape, kind = case.stream, case.truth.shape, case.truth.dtype
    flat = {"rows": shape[0], "columns": shape[1], "samples_per_pixel": 1, "bits_allocated": 8 * kind.itemsize}
    number = case.syntax.removeprefix(_UID)

    def pillow() -> Pixels:
        return np.asarray(Image.open(io.BytesIO(stream)))

    found: dict[str, Callable[[], Pixels]] = {
        ".4.90": {
            "imagecodecs": lambda: imagecodecs.jpeg2k_decode(stream),
            "imagecodecs, threads": lambda: imagecodecs.jpeg2k_decode(stream, numthreads=codecs.THREADS),
            "pylibjpeg-openjpeg": lambda: openjpeg.utils.decode(stream), "Pillow": pillow,
        },
        ".4.201": {
            "imagecodecs": lambda: imagecodecs.htj2k_decode(stream),
            "imagecodecs jpeg2k": lambda: imagecodecs.jpeg2k_decode(stream),
            "pylibjpeg-openjpeg": lambda: openjpeg.utils.decode(stream),
        },
        ".4.80": {
            "imagecodecs": lambda: imagecodecs.jpegls_decode(stream),
            "pyjpegls": lambda: np.frombuffer(jpeg_ls.decode_buffer(stream)[0], kind).reshape(shape),
        },
        ".4.70": {
            "imagecodecs jpeg8": lambda: imagecodecs.jpeg8_decode(stream),
            "imagecodecs ljpeg": lambda: imagecodecs.ljpeg_decode(stream),
            "imagecodecs jpegsof3": lambda: imagecodecs.jpegsof3_decode(stream),
        },
        ".4.50": {"imagecodecs jpeg8": lambda: imagecodecs.jpeg8_decode(stream), "Pillow": pillow},
        ".4.51": {"imagecodecs jpeg8": lambda: imagecodecs.jpeg8_decode(stream)},
        ".5": {
            "imagecodecs": lambda: np.frombuffer(imagecodecs.dicomrle_decode(stream, "<u2"), "<u2").reshape(shape),
            "pylibjpeg-rle": lambda: np.frombuffer(rle.utils.decode_pixel_data(stream, version=2, **flat), "<u2").reshape(shape),
        },
        ".4.110": {
            "imagecodecs": lambda: imagecodecs.jpegxl_decode(stream),
            "imagecodecs, one thread": lambda: imagecodecs.jpegxl_decode(stream, numthreads=1),
        },
        ".8.1": {"zlib": lambda: np.frombuffer(zlib.decompress(stream, -15), kind).reshape(shape)},
    }[".4.90" if number == ".4.91" else number]  # fmt: skip
    try:
        import gdcm  # noqa: F401
    except ImportError:
        pass
    else:
        found["GDCM by pydicom"] = lambda: by_pydicom(case, "gdcm")
    return {**found, "pydicom": lambda: by_pydicom(case)}


def by_pydicom(case: Case, plugin: str = "") -> Pixels:
    coded = case.coded
    pixels, _ = get_decoder(case.syntax).as_array(
        encapsulate([case.stream]), raw=True, rows=coded.size[1], columns=coded.size[0], number_of_frames=1, samples_per_pixel=1,
        photometric_interpretation="MONOCHROME2", pixel_representation=0, bits_allocated=coded.allocated,
        bits_stored=coded.stored, pixel_keyword="PixelData", planar_configuration=0, pixel_vr="OB", decoding_plugin=plugin,
    )  # fmt: skip
    found: Pixels = pixels
    return found


def milliseconds(works: dict[str, Callable[[], Pixels]]) -> dict[str, float]:
    """The best of many rounds, in each of which all take their turn, in an order drawn anew: who comes after one that reads
    the same stream by the same library finds it in the processor's cache."""
    best, names, order = dict.fromkeys(works, float("inf")), list(works), random.Random(0)
    until, rounds = time.perf_counter() + SECONDS, 0
    while rounds < ROUNDS or time.perf_counter() < until:
        order.shuffle(names)
        rounds += 1
        for name in names:
            began = time.perf_counter()
            works[name]()
            best[name] = min(best[name], (time.perf_counter() - began) * 1000)
    return best


def measured(case: Case) -> list[Row]:
    ours = codecs.decoded(case.coded, case.stream)
    if case.lossless and not np.array_equal(ours, case.truth):
        raise RuntimeError(f"{case.name}: our pixels are not those that went in")
    works, out = dict[str, Callable[[], Pixels]](), list[str]()
    for name, work in candidates(case).items():
        try:
            exact = np.array_equal(np.asarray(work()), ours)
        except Exception as error:  # a decoder that does not read this stream is no candidate
            out.append(f"{name} does not ({type(error).__name__})")
            continue
        if exact:
            works[name] = work
        else:
            out.append(f"{name} gives other pixels")
    times = milliseconds({"ours": lambda: codecs.decoded(case.coded, case.stream), **works})
    own = times.pop("ours")
    fastest = min(times, key=lambda name: times[name]) if times else ""
    said = ", ".join([*(f"{name} {spent:.1f}" for name, spent in sorted(times.items(), key=lambda pair: pair[1])), *out])
    rows = [Row(case.name, own, "ms", "≥ 0.95 × best", said, not fastest or times[fastest] / own >= 0.95)]
    if ".4.9" in case.syntax and "pydicom" in times:
        gain = times["pydicom"] / own
        rows.append(
            Row(f"{case.name}: against pydicom's own order", gain, "×", "≥ 1.5", f"{times['pydicom']:.1f} ms", gain >= 1.5)
        )
    return rows


def main() -> None:
    warnings.simplefilter("ignore")
    write("dicom-decode", [row for case in cases() for row in measured(case)], {"threads": codecs.THREADS})


if __name__ == "__main__":
    main()
