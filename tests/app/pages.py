"""Pages of laboratory sheets, drawn for tests, and a PDF of them written by hand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

ROWS = (
    ("Sodium", "139", "mmol/L", "135-145", ""), ("Potassium", "5.9", "mmol/L", "3.5-5.1", "H"),
    ("Haemoglobin", "9.8", "g/dL", "12.0-15.5", "L"), ("CRP", "<0.5", "mg/L", "<5.0", ""), ("Note", "=1+1", "", "", ""),
)  # fmt: skip


def sheet(rows: Sequence[Sequence[str]] = ROWS, size: tuple[int, int] = (1240, 1754)) -> Image.Image:
    """White paper with a heading and one printed line for each row."""
    page = Image.new("RGB", size, (255, 255, 255))
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(28)
    pen.text((90, 80), "Laboratory report", (20, 20, 20), font)
    for line, row in enumerate(rows):
        for cell, left in zip(row, (90, 480, 640, 800, 1060), strict=False):
            pen.text((left, 180 + 48 * line), cell, (20, 20, 20), font)
    return page


def pdf(path: Path, texts: Sequence[str], sizes: Sequence[tuple[int, int]] = ()) -> Path:
    """One page for each text, in points (595 × 842 where no size is given), by PDF 1.4 (ISO 32000-1, 7.5). A page has its text at
    (50, 80) from the top left, and a black square of 100 points at (100, 200)."""
    sizes = sizes or [(595, 842)] * len(texts)
    objects: list[bytes] = [b"<< /Type /Catalog /Pages 2 0 R >>", b"", b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"]
    kids = []
    for text, (width, height) in zip(texts, sizes, strict=True):
        words = text.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")
        drawn = f"BT /F1 14 Tf 50 {height - 80} Td ({words}) Tj ET 0 0 0 rg 100 {height - 300} 100 100 re f".encode()
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(drawn), drawn))
        page = f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {width} {height}] /Contents {len(objects)} 0 R"
        objects.append(f"{page} /Resources << /Font << /F1 3 0 R >> >> >>".encode())
        kids.append(f"{len(objects)} 0 R")
    objects[1] = f"<< /Type /Pages /Kids [{' '.join(kids)}] /Count {len(kids)} >>".encode()
    data, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    end = b"xref\n0 %d\n0000000000 65535 f \n%strailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n"
    path.write_bytes(data + end % (len(objects) + 1, table, len(objects) + 1, len(data)))
    return path


def noise(seed: int, height: int = 40, width: int = 60) -> np.ndarray:  # type: ignore[type-arg]
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
