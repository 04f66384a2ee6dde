"""Maps as other programs write them lie where those programs mean, with their own values; what is wrong is said in a sentence."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import tifffile

from viewers.errors import SourceError
from viewers.geometry import Size
from viewers.maps import Ground, ValueMap, open_maps

GROUND = Ground(Size(2000, 1000), (0.5, 0.5))


def at(the: ValueMap, x: float, y: float) -> float:
    """The value at a level-0 point."""
    x0, y0, x1, y1 = the.extent
    rows, columns = the.values.shape
    return float(the.values[int((y - y0) / (y1 - y0) * rows), int((x - x0) / (x1 - x0) * columns)])


def test_wsinfer_csv_has_one_map_for_each_class(tmp_path: Path) -> None:
    path = tmp_path / "slide.csv"
    path.write_text("minx,miny,width,height,prob_Other,prob_Tumor\n100,200,350,350,0.25,0.75\n450,200,350,350,0.1,0.9\n")
    other, tumor = open_maps(path, GROUND)
    assert (other.name, tumor.name, tumor.unit) == ("Other", "Tumor", "probability")
    assert tumor.extent == (100, 200, 800, 550)
    assert at(tumor, 449, 300) == np.float32(0.75)
    assert at(tumor, 451, 300) == np.float32(0.9)
    assert at(other, 451, 300) == np.float32(0.1)


def test_overlapping_patches_are_averaged(tmp_path: Path) -> None:
    path = tmp_path / "slide.csv"
    path.write_text("minx,miny,width,height,prob_a\n0,0,200,200,0.2\n100,0,200,200,0.6\n100,100,200,200,1.0\n600,0,200,200,0.5\n")
    (the,) = open_maps(path, GROUND)
    assert at(the, 50, 50) == pytest.approx(0.2)
    assert at(the, 150, 50) == pytest.approx(0.4)
    assert at(the, 150, 150) == pytest.approx(0.6)
    assert at(the, 250, 50) == pytest.approx(0.6)
    assert at(the, 250, 250) == pytest.approx(1.0)
    assert np.isnan(at(the, 450, 50)), "no patch, no value"


def test_patches_on_no_common_grid_lie_within_an_eighth(tmp_path: Path) -> None:
    """A brute-force raster of every pixel is the truth, away from the edges."""
    rng = np.random.default_rng(3)
    boxes = [(int(x) * 211 + int(rng.integers(0, 3)), int(y) * 211 + int(rng.integers(0, 3))) for y in range(4) for x in range(9)]
    path = tmp_path / "slide.csv"
    lines = [f"{x},{y},200,200,{index / 40}" for index, (x, y) in enumerate(boxes)]
    path.write_text("minx,miny,width,height,prob_a\n" + "\n".join(lines))
    (the,) = open_maps(path, GROUND)
    for index, (x, y) in enumerate(boxes):
        assert at(the, x + 100, y + 100) == pytest.approx(index / 40)
        assert at(the, x + 30, y + 170) == pytest.approx(index / 40)


def clam(file: h5py.File, coords: Any, **attributes: object) -> None:
    file["coords"] = np.asarray(coords, np.int64)
    file["coords"].attrs.update(attributes)


@pytest.mark.parametrize(
    ("attributes", "side"),
    [
        ({"patch_size": 256, "patch_level": 1, "downsample": [4.0, 4.0]}, 1024),  # CLAM
        ({"patch_size": 256, "patch_level": 0}, 256),  # CLAM, without a downsample
        ({"patch_size": 256, "patch_size_level0": 512, "overlap": 0}, 512),  # TRIDENT at half the scanner's power
    ],
)
def test_a_patch_is_as_large_as_its_program_means(tmp_path: Path, attributes: dict[str, Any], side: int) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        clam(file, [(0, 0), (side, 0)], **attributes)
        file["attention_scores"] = np.array([[0.5], [2.5]], np.float32)
    ground = Ground(Size(4000, 3000))
    (the,) = open_maps(tmp_path / "a.h5", ground)
    assert the.extent == (0, 0, 2 * side, side)
    assert the.unit == "attention, not probability"
    assert (the.low, the.high) == (0.5, 2.5)
    assert "beyond 0 … 1" in the.notes[0], "what leaves 0 … 1 says so"
    assert at(the, side + 1, 5) == 2.5


@pytest.mark.parametrize("name", ["scores", "probs", "my_own"])
def test_any_dataset_of_that_length_will_do(tmp_path: Path, name: str) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["coords"] = np.array([(0, 0, 300, 300), (300, 0, 300, 300)])  # WSInfer's four columns
        file["features"] = np.zeros((2, 8), np.float32)
        file[name] = np.array([[0.1, 0.9], [0.4, 0.6]])
        file[name].attrs["class_names"] = ["benign", "tumour"]
    maps = open_maps(tmp_path / "a.h5", GROUND)
    assert [the.name for the in maps] == ["benign", "tumour"]
    assert at(maps[1], 10, 10) == np.float32(0.9)


def test_qupath_tiles_of_both_kinds_of_measurements(tmp_path: Path) -> None:
    def tile(x: int, measurements: object) -> dict[str, object]:
        ring = [[x, 0], [x + 100, 0], [x + 100, 100], [x, 100], [x, 0]]
        return {
            "type": "Feature",
            "geometry": {"type": "Polygon", "coordinates": [ring]},
            "properties": {"measurements": measurements},
        }

    features = [
        tile(0, {"prob_a": 0.5}),
        tile(100, [{"name": "prob_a", "value": 0.75}]),
        tile(200, {"prob_a": "NaN"}),
        tile(300, {}),
    ]
    (tmp_path / "a.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    (the,) = open_maps(tmp_path / "a.geojson", GROUND)
    assert (at(the, 50, 50), at(the, 150, 50)) == (0.5, 0.75)
    assert np.isnan(at(the, 250, 50))
    assert "1 object is no rectangle" in the.notes[0]


def imagej(path: Path, values: Any) -> None:
    tifffile.imwrite(path, values, imagej=True, resolution=(1 / 8.0, 1 / 8.0), metadata={"unit": "um"})


def ome(path: Path, values: Any) -> None:
    said = {"PhysicalSizeX": 8.0, "PhysicalSizeXUnit": "µm", "PhysicalSizeY": 8.0, "PhysicalSizeYUnit": "µm", "axes": "YX"}
    tifffile.imwrite(path.with_suffix(".ome.tif"), values, metadata=said)
    path.with_suffix(".ome.tif").rename(path)


def tags(path: Path, values: Any) -> None:
    tifffile.imwrite(path, values, resolution=(1250, 1250), resolutionunit="CENTIMETER", metadata=None)


@pytest.mark.parametrize("write", [imagej, ome, tags])
def test_a_tiff_lies_as_its_resolution_says(tmp_path: Path, write: Callable[[Path, Any], None]) -> None:
    """8 µm a cell on a slide of 0.5 µm is 16 pixels: 125 columns cover it, 62 rows end 8 pixels before its edge."""
    values = np.random.default_rng(0).random((62, 125)).astype(np.float32)
    write(tmp_path / "a.tif", values)
    (the,) = open_maps(tmp_path / "a.tif", GROUND)
    assert the.extent == pytest.approx((0, 0, 2000, 992), abs=0.01)
    assert np.array_equal(the.values, values)


def test_without_a_resolution_the_ratio_places_it(tmp_path: Path) -> None:
    values = np.random.default_rng(0).random((32, 63)).astype(np.float32)
    np.save(tmp_path / "a.npy", values)
    (the,) = open_maps(tmp_path / "a.npy", GROUND)
    assert the.extent == (0, 0, 2016, 1024), "cells of 32 pixels, the last ones over the edge"
    tifffile.imwrite(tmp_path / "a.tif", (values * 255).astype(np.uint8))
    (the,) = open_maps(tmp_path / "a.tif", GROUND)
    assert (the.low, the.high) == (0, 255)


def test_a_pyramid_gives_a_level_that_is_not_too_large(tmp_path: Path) -> None:
    small = np.random.default_rng(0).random((2000, 4000)).astype(np.float32)
    with tifffile.TiffWriter(tmp_path / "a.tif", bigtiff=True) as file:
        form: dict[str, Any] = {"tile": (256, 256), "compression": "zlib"}
        file.write(np.zeros((4000, 8000), np.float32), subifds=1, **form)
        file.write(small, subfiletype=1, **form)
    (the,) = open_maps(tmp_path / "a.tif", Ground(Size(16000, 8000)))
    assert np.array_equal(the.values, small)
    assert the.extent == (0, 0, 16000, 8000)


HEADER = "minx,miny,width,height,prob_a\n"


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", "minx,miny,width,prob_a\n1,2,3,0.5\n", "lacks the column height"),
        ("a.csv", HEADER, "a header only"),
        ("a.csv", HEADER + "0,0,100,100,nan\n", "every one is missing"),
        ("a.csv", HEADER + "0,0,100,100,=cmd()\n", "should be a number"),
        ("a.csv", HEADER + "0,0,100,100\n", "more or fewer fields"),
        ("a.csv", HEADER + "0,0,100,100,0.5\n5000,0,100,100,0.5\n", "of another slide"),
        ("a.csv", HEADER + "0,0,0,100,0.5\n", "without a place or a size"),
        ("a.csv", HEADER + "nan,0,100,100,0.5\n", "without a place or a size"),
        ("a.csv", "minx,miny,width,height\n0,0,100,100\n", "no column of values"),
        ("a.txt", "hello", "no map that Hilum knows"),
        ("a.json", "{", "no complete JSON"),
        ("a.json", "[" * 200_000, "no complete JSON"),
        ("a.json", '{"type": "FeatureCollection", "features": [1, null]}', "no rectangle with measurements"),
        ("a.npy", b"\x93NUMPY\x01\x00\x76\x00{'descr': '|O', 'fortran_order': False, 'shape': (9,), }", "array"),
        ("a.tif", b"II*\0" + b"\0" * 90, "TIFF|no picture"),
        ("a.h5", b"\x89HDF\r\n\x1a\n" + b"\1" * 900, "damaged HDF5"),
        ("a.h5", b"", "empty"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_a_sentence(tmp_path: Path, name: str, content: str | bytes, said: str) -> None:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(SourceError, match=said) as caught:
        open_maps(path, GROUND)
    assert str(caught.value).startswith(name)
    assert "cmd" not in str(caught.value)


def test_the_hostile_and_the_wrong_h5(tmp_path: Path) -> None:
    def refused(said: str) -> None:
        with pytest.raises(SourceError, match=said):
            open_maps(tmp_path / "a.h5", GROUND)
        (tmp_path / "a.h5").unlink()

    with h5py.File(tmp_path / "a.h5", "w") as file:
        clam(file, [(0, 0)], patch_size=256)
    refused("no value for each")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        clam(file, [(0, 0)])
        file["scores"] = [0.5]
    refused("how large its patches are")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        clam(file, [(0, 0)], patch_size=256, level0_width=9, level0_height=8)
        file["scores"] = [0.5]
    refused("made of a slide of 9 × 8")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("coords", (10**12, 2), np.int64, chunks=(1000, 2))
    refused("at most 5,000,000")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("coords", (4_000_000, 2), np.int64, chunks=(1000, 2))
    refused("next to none")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        clam(file, [(0, 0)], patch_size=256)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["coords"] = h5py.ExternalLink("other.h5", "/coords")
        file["scores"] = h5py.SoftLink("/coords")
    refused("no dataset coords")


def test_a_map_of_another_shape_or_in_colour_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.ones((50, 50)))
    with pytest.raises(SourceError, match=r"40 pixels wide and 20 high.*another slide"):
        open_maps(tmp_path / "a.npy", GROUND)
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((50, 100, 3), np.uint8), photometric="rgb")
    with pytest.raises(SourceError, match="in colour"):
        open_maps(tmp_path / "a.tif", GROUND)
    np.save(tmp_path / "b.npy", np.full((50, 100), np.nan))
    with pytest.raises(SourceError, match="holds no value"):
        open_maps(tmp_path / "b.npy", GROUND)
    data = (tmp_path / "b.npy").read_bytes()
    (tmp_path / "c.npy").write_bytes(data[:-900])
    with pytest.raises(SourceError, match="damaged"):
        open_maps(tmp_path / "c.npy", GROUND)
