"""Pages of a PDF as frames, against where its own numbers put a black square."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.app.pages import pdf
from viewers.errors import SourceError
from viewers.geometry import Region, Size
from viewers.sources import open_source
from viewers.sources.pdf import text_of


def test_pages_are_frames_and_stand_where_the_file_says(tmp_path: Path) -> None:
    source = open_source(pdf(tmp_path / "sheet.pdf", ["Sodium 139", "Potassium 5.9"]))
    assert (source.frames, source.size, source.modality) == (2, Size(round(595 / 72 * 200), round(842 / 72 * 200)), "DOC")
    for frame in (0, 1):
        page = source.read(Region.whole(source.size, frame))
        dark = (page < 128).all(axis=-1)
        square = dark[round(600 * 0.9) :]  # the text stands above
        rows, columns = np.flatnonzero(square.any(1)) + round(600 * 0.9), np.flatnonzero(square.any(0))
        found = np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]) * 72 / 200
        assert np.abs(found - [100, 200, 200, 300]).max() < 0.5
        assert (page[0, 0] == 255).all()
    half = source.read(Region(0, 0, 800, 800, 1), Size(400, 400))
    assert half.shape == (400, 400, 3)
    assert half.dtype == np.uint8


def test_a_page_of_another_shape_keeps_its_proportions(tmp_path: Path) -> None:
    source = open_source(pdf(tmp_path / "two.pdf", ["a", "b"], [(600, 800), (1200, 800)]))
    page = source.read(Region.whole(source.size, 1))
    dark = (page < 128).all(axis=-1)
    rows, columns = np.flatnonzero(dark[:, 100:].any(1)), np.flatnonzero(dark.any(0))
    assert source.notes == ("Pages differ in shape; each is fitted into the first one's.",)
    scale = source.size.width / 1200  # fitted by its width
    assert abs((rows[-1] + 1) - 300 * scale) < 2
    assert abs((columns[-1] + 1) - 200 * scale) < 2


def test_its_words(tmp_path: Path) -> None:
    assert text_of(pdf(tmp_path / "sheet.pdf", ["Sodium (139) mmol/L", "second page"])).split("\n\n") == [
        "Sodium (139) mmol/L", "second page",
    ]  # fmt: skip


def test_a_file_that_is_none_says_so(tmp_path: Path) -> None:
    good = pdf(tmp_path / "sheet.pdf", ["Sodium"]).read_bytes()
    (tmp_path / "cut.pdf").write_bytes(good[:60])
    (tmp_path / "empty.pdf").write_bytes(b"%PDF-1.4\n%%EOF\n")
    for name in ("cut.pdf", "empty.pdf"):
        with pytest.raises(SourceError, match="damaged or cut short"):
            open_source(tmp_path / name)
    source = open_source(tmp_path / "sheet.pdf")
    with pytest.raises(SourceError, match="has 1 pages; page 3 does not exist"):
        source.read(Region.whole(source.size, 2))
    with pytest.raises(SourceError, match="no words"):
        text_of(pdf(tmp_path / "blank.pdf", [""]))
