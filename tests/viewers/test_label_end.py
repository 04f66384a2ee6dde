"""Label and macro of a slide: read by name only, and the label's end of the macro hidden."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.viewers import aperio
from viewers.errors import SourceError
from viewers.geometry import Region, Size
from viewers.label_end import GREY, MARGIN, UNKNOWN, label_ends, masked
from viewers.sources import LabelledSource, open_source
from viewers.sources.slide import Slide

openslide = pytest.importorskip("openslide")


def test_the_label_takes_its_own_share_of_an_aperio_macro() -> None:
    ends = label_ends(Size(1280, 431), Size(387, 463), "aperio")
    assert ends.known
    assert ends.start == pytest.approx(387 / 463 * 431 / 1280 + MARGIN)
    assert ends.end == 0
    assert "30 %" in ends.words


@pytest.mark.parametrize(("label", "vendor"), [(None, "aperio"), (Size(50, 900), "aperio"), (Size(900, 300), "aperio")])
def test_without_a_plausible_label_the_share_is_the_wide_one(label: Size | None, vendor: str) -> None:
    assert label_ends(Size(1280, 431), label, vendor).start == UNKNOWN


@pytest.mark.parametrize("size", [Size(1280, 431), Size(431, 1280)])
def test_an_unknown_scanner_loses_both_ends_of_the_longer_side(size: Size) -> None:
    ends = label_ends(size, Size(387, 463), "dicom")
    assert not ends.known
    assert ends.start == ends.end == pytest.approx(max(UNKNOWN, 387 / 463 * 431 / 1280 + MARGIN))
    assert "both ends" in ends.words
    shown = masked(np.full((size.height, size.width, 3), 7, np.uint8), ends)
    along = shown if size.height > size.width else shown.swapaxes(0, 1)
    edge = int(np.ceil(ends.start * 1280))
    assert (along[:edge] == GREY).all()
    assert (along[-edge:] == GREY).all()
    assert (along[edge:-edge] == 7).all()


def test_the_canary_lies_under_the_mask(tmp_path: Path) -> None:
    source = open_source(aperio.write_svs(tmp_path / "one.svs"))
    assert isinstance(source, LabelledSource)
    assert set(source.associated) >= {"label", "macro"}
    label, macro = source.associated_image("label"), source.associated_image("macro")
    assert np.array_equal(label, aperio.label_picture())
    assert np.array_equal(macro, aperio.macro_picture())
    ends = label_ends(Size(*aperio.MACRO), Size(*aperio.LABEL), source.vendor)
    hidden = masked(macro, ends)
    assert not aperio.holds_canary(hidden)
    assert np.array_equal(hidden[:, 400:], macro[:, 400:])
    with pytest.raises(SourceError, match="no barcode picture"):
        source.associated_image("barcode")
    source.close()


def test_reading_the_slide_never_shows_them(tmp_path: Path) -> None:
    source = open_source(aperio.write_svs(tmp_path / "one.svs"))
    whole = Region.whole(source.size)
    for longest in (64, 300, 1024, 2048):
        assert not aperio.holds_canary(source.read(whole, source.size.fitted(longest)))
    assert "255" not in str(source.info()["associated_images"])
    source.close()


@pytest.mark.parametrize("name", ["CMU-1-Small-Region.svs", "CMU-1-Small-Region_dicom"])
def test_real_slides_give_openslides_own_pictures(shared: Path, name: str) -> None:
    source = open_source(shared / "slides" / name)
    assert isinstance(source, Slide)
    assert source.identity
    path = shared / "slides" / name
    handle = openslide.OpenSlide(next(path.iterdir()) if path.is_dir() else path)
    for kind in ("label", "macro"):
        truth = np.asarray(handle.associated_images[kind].convert("RGB"))
        assert np.array_equal(source.associated_image(kind), truth)
    source.close()
