"""Sizes of a pixel that a reader gives: remembered, told apart by their word, and used by the commands as well."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from app import spacings
from app.analysis import model_picture
from app.batch.items import plan
from app.cli import main
from tests.viewers.tiffs import waves, write_qptiff
from viewers.geometry import Provenance, Region, Spacing
from viewers.sources.scanner import scanner_of

DICOM = ("dicom.Manufacturer", "dicom.ManufacturerModelName", "dicom.DeviceSerialNumber")


@pytest.fixture
def slide(tmp_path: Path) -> Callable[..., Path]:
    """`slide("a.tif", software="…", resolution=…)`: a tiled RGB slide of 600 × 500 with tissue-like colours."""

    def make(name: str, **options: Any) -> Path:
        pixels = np.random.default_rng(3).integers(120, 220, (500, 600, 3), np.uint8)
        tifffile.imwrite(tmp_path / name, pixels, tile=(256, 256), photometric="rgb", metadata=None, **options)
        return tmp_path / name

    return make


def test_nothing_is_assumed(slide: Callable[..., Path]) -> None:
    source = spacings.open_source(slide("a.tif", software="ScanSoft 3"))
    assert source.spacing is None
    assert spacings.told(source) == ()


def test_the_files_word_then_the_scanners_then_the_readers(slide: Callable[..., Path]) -> None:
    bare, other = slide("a.tif", software="ScanSoft 3"), slide("b.tif", software="ScanSoft 3")
    stated = slide("c.tif", software="ScanSoft 3", resolution=(20_000, 20_000), resolutionunit="CENTIMETER")
    strange = slide("d.tif", software="Otherscan")
    spacings.remember(bare, 0.2523, "ScanSoft 3")
    for path in (bare, other):
        assert spacings.open_source(path).spacing == Spacing(0.0002523, 0.0002523, Provenance.REMEMBERED)
    assert spacings.open_source(stated).spacing == Spacing(0.0005, 0.0005, Provenance.TIFF)
    assert spacings.open_source(strange).spacing is None
    spacings.remember(stated, 0.4)
    assert spacings.open_source(stated).spacing == Spacing(0.0004, 0.0004, Provenance.READER)
    spacings.remember(stated, None)
    assert spacings.open_source(stated).spacing == Spacing(0.0005, 0.0005, Provenance.TIFF)
    spacings.remember(bare, None, "ScanSoft 3")
    assert spacings.open_source(other).spacing is None


@pytest.mark.parametrize("mpp", [0.0, -1.0, 0.01, 21.0, float("nan"), float("inf")])
def test_what_can_be_no_size_is_refused(tmp_path: Path, mpp: float) -> None:
    with pytest.raises(ValueError, match="cannot be right"):
        spacings.remember(tmp_path / "a.tif", mpp)
    assert spacings.load() == spacings.Spacings({}, {})


@pytest.mark.parametrize("content", ["", "[1]", '{"scanners": 3, "slides": {"a": "x", "b": true, "c": 99, "d": 0.5}}'])
def test_a_damaged_file_stops_nothing(home: Path, content: str) -> None:
    (home / "spacings.json").write_text(content)
    assert set(spacings.load().slides.values()) <= {0.5}
    assert spacings.load().scanners == {}


def test_the_command_says_where_the_size_is_from(slide: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    path = slide("a.tif", software="ScanSoft 3")
    spacings.remember(path, 0.25, "ScanSoft 3")
    assert main(["info", str(path), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["spacing"]["provenance"] == "remembered for this scanner"
    assert told["spacing"]["mpp"] == pytest.approx(0.25)
    assert not any("states no size" in note for note in told["notes"])


def test_a_batch_uses_the_remembered_size_and_says_so(slide: Callable[..., Path], tmp_path: Path) -> None:
    path = slide("a.tif", software="ScanSoft 3")
    spacings.remember(path, 0.25, "ScanSoft 3")
    (item,) = plan(tmp_path).items
    with closing(item.open()) as source:
        assert source.spacing == Spacing(0.00025, 0.00025, Provenance.REMEMBERED)
        assert model_picture(source, Region(0, 0, 300, 200)).steps[-1] == "0.25 µm per pixel, remembered for this scanner"


@pytest.mark.parametrize(
    ("properties", "objective", "key"),
    [
        ({"openslide.vendor": "aperio", "aperio.ScanScope ID": "SS1302"}, 20.0, "aperio SS1302 20×"),
        ({"openslide.vendor": "aperio", "aperio.ScanScope ID": "SS1302"}, 40.0, "aperio SS1302 40×"),
        ({"openslide.vendor": "dicom", **dict(zip(DICOM, ("Acme", "S1", "7"), strict=True))}, None, "Acme S1 7"),
        ({"openslide.vendor": "generic-tiff", "tiff.Software": "ScanSoft 3"}, None, "ScanSoft 3"),
        ({"openslide.vendor": "aperio"}, 20.0, ""),
    ],
)  # fmt: skip
def test_a_scanner_is_its_maker_device_and_objective(properties: dict[str, str], objective: float | None, key: str) -> None:
    assert scanner_of(properties, objective) == key


def test_an_objective_is_an_estimate_that_gives_way_to_what_a_reader_gave(tmp_path: Path) -> None:
    path = write_qptiff(tmp_path / "a.qptiff", waves(1, 256, 256), 1, "<ObjectiveMagnification>20</ObjectiveMagnification>")
    with tifffile.TiffFile(path, mode="r+") as tiff:
        for page in tiff.pages:
            page.tags["ResolutionUnit"].overwrite(1)  # no absolute unit: the resolution says nothing
    with closing(spacings.open_source(path)) as source:
        assert source.spacing == Spacing(0.0005, 0.0005, Provenance.OBJECTIVE)
        scanner = source.scanner  # type: ignore[attr-defined]
    spacings.remember(path, 0.4971, scanner)
    with closing(spacings.open_source(path)) as source:
        assert source.spacing == Spacing(0.0004971, 0.0004971, Provenance.REMEMBERED)


def test_a_receipt_says_it_too(slide: Callable[..., Path]) -> None:
    path = slide("a.tif", software="ScanSoft 3")
    spacings.remember(path, 0.25, "ScanSoft 3")
    picture = model_picture(spacings.open_source(path), Region(0, 0, 300, 200))
    assert picture.steps[-1] == "0.25 µm per pixel, remembered for this scanner"
    assert picture.mpp == pytest.approx(0.25)


def test_the_profile_of_a_real_slide_is_applied_as_pillow_does_and_stands_in_the_receipt(shared: Path) -> None:
    import openslide
    from PIL import Image, ImageCms

    path = shared / "slides" / "TCGA-CR-7395-01A-01-TS1.svs"
    source = spacings.open_source(path)
    region = Region(1000, 900, 640, 480)
    picture = model_picture(source, region)
    with openslide.OpenSlide(path) as handle:
        read = handle.read_region((1000, 900), 0, (640, 480))
        profile = handle.color_profile
    ground = Image.new("RGB", read.size, "white")
    ground.paste(read, mask=read.getchannel("A"))
    assert profile is not None
    truth = ImageCms.profileToProfile(ground, profile, ImageCms.createProfile("sRGB"))
    assert truth is not None
    assert np.array_equal(picture.pixels, np.asarray(truth))
    name = " ".join(ImageCms.getProfileDescription(profile).split())
    assert f"ICC profile {name}: colours as they are stored" in picture.steps, "it is sRGB itself"


def test_the_strip_asks_once_and_the_scanner_is_remembered(seat: Any, slide: Callable[..., Path]) -> None:
    one, other = slide("a.tif", software="ScanSoft 3"), slide("b.tif", software="ScanSoft 3")
    seat.open(one, other)
    pane = seat.window.panes.pane
    seat.wait(lambda: pane.strip.isVisible())
    assert pane.strip.word.text().startswith("No µm/px in this file")
    QTest.keyClicks(pane.strip.field, "900")
    QTest.mouseClick(pane.strip.slide, Qt.MouseButton.LeftButton)
    assert "cannot be right" in pane.strip.word.text()
    pane.strip.field.setText("0,25")
    QTest.mouseClick(pane.strip.scanner, Qt.MouseButton.LeftButton)
    seat.wait(lambda: pane.view.source.spacing is not None)
    assert not pane.strip.isVisible()
    assert "0.25 µm/px, remembered for this scanner" in pane.view.corner_lines()["bottom-right"]
    assert pane.view.magnification is not None
    seat.show(other)
    assert not pane.strip.isVisible()
    assert pane.view.source.spacing == Spacing(0.00025, 0.00025, Provenance.REMEMBERED)
    seat.act("spacing")
    assert pane.strip.isVisible()
    pane.strip.field.setText("0.5")
    QTest.keyClick(pane.strip.field, Qt.Key.Key_Return)
    seat.wait(lambda: pane.view.source.spacing == Spacing(0.0005, 0.0005, Provenance.READER))
    seat.wait(lambda: "given by the reader" in str(seat.window.shelf.describes(other).info["spacing"]))
