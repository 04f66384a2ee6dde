"""Slides that claim 10^6 × 10^6 pixels and hold a few bytes: a sentence or grey tiles, little memory, a living pane."""

from __future__ import annotations

import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pydicom
import pytest
import tifffile

ROOT = Path(__file__).parents[2]
MILLION = 1_000_000
MOST_MIB = 700
LOOK = """
import resource, sys
from pathlib import Path
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from viewers.errors import SourceError
from viewers.sources import open_source
from viewers.views import make_view
application = QApplication([])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    source = open_source(Path(sys.argv[1]))
except SourceError as error:
    print("refused:", error)
else:
    view = make_view(source)
    view.resize(700, 500)
    view.show()
    QTest.qWait(1500)
    view.zoom_to(1.0)
    view.centre_on(500_000, 500_000)
    QTest.qWait(700)
    view.grab()
    failed = next(iter(view.tiles.failed.values()), "") if getattr(view, "tiles", None) else ""
    print("shown:", view.message() or failed or "tiles")
    view.close_source()
grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
print("grown:", round(grown))
"""


def looked(path: Path) -> tuple[str, int]:
    """What the pane said, and by how many MiB the process grew."""
    env = {"QT_QPA_PLATFORM": "offscreen", "PATH": "/usr/bin:/bin", "HOME": str(path.parent)}
    done = subprocess.run([sys.executable, "-c", LOOK, str(path)], capture_output=True, text=True, cwd=ROOT, env=env, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    said, grown = done.stdout.strip().splitlines()[-2:]
    return said, int(grown.split(":")[1])


def claimed(path: Path, tags: dict[int, int]) -> None:
    """Overwrite values of a classic little-endian TIFF's first directory in place."""
    data = bytearray(path.read_bytes())
    (at,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, at)
    for entry in range(at + 2, at + 2 + 12 * count, 12):
        tag, _ = struct.unpack_from("<HH", data, entry)
        if tag in tags:
            struct.pack_into("<HHII", data, entry, tag, 4, 1, tags[tag])
    path.write_bytes(data)


@pytest.mark.parametrize("kind", ["tiles", "strips", "one tile"])
def test_a_tiff_that_claims_a_million_squared(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "claim.tif"
    pixels = np.random.default_rng(0).integers(0, 255, (512, 512, 3), np.uint8)
    options = {"tile": (256, 256)} if kind != "strips" else {"rowsperstrip": 64}
    tifffile.imwrite(path, pixels, photometric="rgb", compression="zlib", bigtiff=False, **options)
    claims = {256: MILLION, 257: MILLION}
    claimed(path, claims if kind != "one tile" else {**claims, 322: 999_424, 323: 999_424})
    said, grown = looked(path)
    assert "Traceback" not in said
    assert said.startswith(("refused:", "shown:"))
    assert said != "shown: tiles"
    assert grown < MOST_MIB, said


def test_a_dicom_slide_that_claims_a_million_squared(tmp_path: Path) -> None:
    folder = ROOT.parent / "shared" / "data" / "slides" / "CMU-1-Small-Region_dicom"
    if not folder.is_dir():
        pytest.skip("no shared slides")
    for file in folder.glob("*.dcm"):
        dataset = pydicom.dcmread(file)
        if "VOLUME" in dataset.ImageType:
            dataset.TotalPixelMatrixColumns = dataset.TotalPixelMatrixRows = MILLION
            dataset.save_as(tmp_path / file.name)
            said, grown = looked(tmp_path / file.name)
            assert said.startswith(("refused:", "shown:"))
            assert grown < MOST_MIB, said
            return
    pytest.fail("no volume image")
