"""A map that is exported and loaded again is the same map, and other libraries read the same numbers in the same places."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
from pathlib import Path

import h5py
import highdicom
import numpy as np
import pydicom
import pytest
import shapely.geometry
import tifffile
from numpy.typing import NDArray

from viewers.errors import SourceError
from viewers.geometry import Size
from viewers.maps import Ground, ValueMap, open_maps
from viewers.maps.saving import FORMS, save

SIZE = Size(2220, 2967)
GROUND = Ground(SIZE, (0.499, 0.499), Path("CMU.svs"))
EXTENT = (96.0, 64.0, 96.0 + 30 * 64, 64.0 + 40 * 64)


@pytest.fixture
def values() -> NDArray[np.float32]:
    made = np.random.default_rng(7).random((40, 30), dtype=np.float32)
    made[5, 6] = np.nan
    return made


def a_map(values: NDArray[np.float32], unit: str = "probability", extent: tuple[float, float, float, float] = EXTENT) -> ValueMap:
    return ValueMap("Tumor", values, extent, 0.0, 1.0, unit)


def truth(values: NDArray[np.float32]) -> dict[tuple[float, float, float, float], float]:
    """Value by place of every cell that has one."""
    return {
        (96.0 + 64 * column, 64.0 + 64 * row, 64.0, 64.0): float(values[row, column])
        for row, column in zip(*np.nonzero(np.isfinite(values)), strict=True)
    }


@pytest.mark.parametrize("ending", [".csv", ".h5", ".geojson", ".tif", ".dcm"])
def test_it_comes_back_as_it_was(values: NDArray[np.float32], tmp_path: Path, ending: str) -> None:
    save(a_map(values), tmp_path / f"map{ending}", GROUND)
    (back,) = open_maps(tmp_path / f"map{ending}", GROUND)
    assert (back.name, back.unit, back.extent, back.low, back.high) == ("Tumor", "probability", EXTENT, 0.0, 1.0)
    assert np.array_equal(back.values, values, equal_nan=True)
    assert [path.name for path in tmp_path.iterdir()] == [f"map{ending}"], "nothing half written is left"


def test_a_fractional_segmentation_comes_back_to_its_step(values: NDArray[np.float32], tmp_path: Path) -> None:
    save(a_map(values), tmp_path / "map.seg.dcm", GROUND)
    (back,) = open_maps(tmp_path / "map.seg.dcm", GROUND)
    assert back.extent == EXTENT
    assert np.abs(back.values - np.nan_to_num(values)).max() <= 0.5 / 255 + 1e-6


@pytest.mark.parametrize("ending", [".csv", ".h5", ".geojson"])
def test_patches_keep_all_their_digits_and_odd_places(tmp_path: Path, ending: str) -> None:
    cells = np.random.default_rng(1).random((9, 11)).astype(np.float32)
    extent = (10.25, 3.5, 10.25 + 11 * 97.37, 3.5 + 9 * 101.13)
    save(a_map(cells, "value", extent), tmp_path / f"map{ending}", GROUND)
    (back,) = open_maps(tmp_path / f"map{ending}", GROUND)
    assert np.array_equal(back.values, cells)
    assert back.extent == pytest.approx(extent, abs=1e-6)
    save(back, tmp_path / f"again{ending}", GROUND)
    (again,) = open_maps(tmp_path / f"again{ending}", GROUND)
    assert back.patches is not None
    assert again.patches is not None
    assert np.array_equal(again.patches.values, back.patches.values)
    assert np.allclose(again.patches.boxes, back.patches.boxes, rtol=0, atol=1e-9)


def test_the_csv_module_reads_the_table(values: NDArray[np.float32], tmp_path: Path) -> None:
    save(a_map(values), tmp_path / "map.csv", GROUND)
    with (tmp_path / "map.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    names = ("minx", "miny", "width", "height")
    assert {tuple(float(row[name]) for name in names): float(row["prob_Tumor"]) for row in rows} == truth(values)


def test_h5py_reads_tridents_layout(values: NDArray[np.float32], tmp_path: Path) -> None:
    save(a_map(values), tmp_path / "map.h5", GROUND)
    with h5py.File(tmp_path / "map.h5") as file:
        coords, scores = file["coords"], file["scores"]
        assert coords.dtype == np.int64
        assert coords.attrs["patch_size_level0"] == 64
        assert (coords.attrs["level0_width"], coords.attrs["level0_height"]) == (2220, 2967)
        found = {(float(x), float(y), 64.0, 64.0): float(one) for (x, y), one in zip(coords[()], scores[()], strict=True)}
    assert found == truth(values)


def test_shapely_reads_the_tiles(values: NDArray[np.float32], tmp_path: Path) -> None:
    save(a_map(values), tmp_path / "map.geojson", GROUND)
    found = {}
    for feature in json.loads((tmp_path / "map.geojson").read_text())["features"]:
        x0, y0, x1, y1 = shapely.geometry.shape(feature["geometry"]).bounds
        assert feature["properties"]["objectType"] == "tile"
        found[x0, y0, x1 - x0, y1 - y0] = feature["properties"]["measurements"]["prob_Tumor"]
    assert found == truth(values)


def test_tifffile_reads_tiled_floats_with_their_resolution(values: NDArray[np.float32], tmp_path: Path) -> None:
    save(a_map(values), tmp_path / "map.tif", GROUND)
    with tifffile.TiffFile(tmp_path / "map.tif") as file:
        page = file.pages.first
        assert page.is_tiled
        assert page.dtype == np.float32
        assert np.array_equal(page.asarray(), values, equal_nan=True)
        across, unit = page.tags["XResolution"].value, page.tags["ResolutionUnit"].value
        assert unit == 3
        assert 10_000 / (across[0] / across[1]) == pytest.approx(64 * 0.499, rel=1e-6)


@pytest.mark.parametrize("ending", [".dcm", ".seg.dcm"])
def test_dicom_is_sound_and_lies_in_the_slides_own_frame(
    values: NDArray[np.float32], tmp_path: Path, shared: Path, ending: str
) -> None:
    slide = shared / "slides" / "CMU-1-Small-Region_dicom"
    save(a_map(values), tmp_path / f"map{ending}", Ground(SIZE, (0.499, 0.499), slide))
    made = pydicom.dcmread(tmp_path / f"map{ending}")
    own = next(one for file in slide.iterdir() if (one := pydicom.dcmread(file)).get("TotalPixelMatrixColumns") == 2220)
    assert made.FrameOfReferenceUID == own.FrameOfReferenceUID
    assert made.StudyInstanceUID == own.StudyInstanceUID
    assert made.ReferencedSeriesSequence[0].ReferencedInstanceSequence[0].ReferencedSOPInstanceUID == own.SOPInstanceUID
    to_mm = highdicom.spatial.PixelToReferenceTransformer.for_image(own, for_total_pixel_matrix=True)
    from_mm = highdicom.spatial.ReferenceToPixelTransformer.for_image(made, for_total_pixel_matrix=True)
    # The middle of cell (3, 4) is level-0 (96 + 3.5 × 64, 64 + 4.5 × 64); highdicom counts from the first pixel's centre.
    place = to_mm(np.array([[96 + 3 * 64 + 32, 64 + 4 * 64 + 32]]))
    assert from_mm(place)[0, :2].tolist() == [3, 4]
    (back,) = open_maps(tmp_path / f"map{ending}", Ground(SIZE, (0.499, 0.499), slide))
    assert back.extent == pytest.approx(EXTENT, abs=0.01)


@pytest.mark.parametrize("ending", [".dcm", ".seg.dcm"])
@pytest.mark.parametrize("of_dicom", [True, False])
def test_dciodvfy_finds_no_error(values: NDArray[np.float32], tmp_path: Path, shared: Path, ending: str, of_dicom: bool) -> None:
    if shutil.which("dciodvfy") is None:
        pytest.skip("dciodvfy is not on this machine")
    path = tmp_path / f"map{ending}"
    slide = shared / "slides" / "CMU-1-Small-Region_dicom"
    big = np.random.default_rng(2).random((600, 530), dtype=np.float32)
    save(a_map(big, extent=(0, 0, 530 * 4, 600 * 4)), path, Ground(SIZE, (0.499, 0.499), slide) if of_dicom else GROUND)
    said = subprocess.run(["dciodvfy", "-new", str(path)], capture_output=True, text=True, check=False)
    assert "Error" not in said.stdout + said.stderr
    image = highdicom.imread(path)
    read = image.get_total_pixel_matrix(apply_real_world_transform=False, apply_voi_transform=False) if ending == ".dcm" else None
    assert read is None or np.array_equal(read, big)
    if not of_dicom:
        made = pydicom.dcmread(path)
        assert "ReferencedSeriesSequence" not in made, "a slide that is no DICOM has no instance to refer to"
        assert not made.PatientName


def test_what_cannot_be_written_says_why(values: NDArray[np.float32], tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"outside 0 … 1.*parametric map"):
        save(a_map(values * 3), tmp_path / "map.seg.dcm", GROUND)
    with pytest.raises(SourceError, match="no µm per pixel"):
        save(a_map(values), tmp_path / "map.dcm", Ground(SIZE))
    with pytest.raises(SourceError, match=r"end the name in \.csv"):
        save(a_map(values), tmp_path / "map.xyz", GROUND)
    with pytest.raises(SourceError, match="could not be written"):
        save(a_map(values), tmp_path / "nowhere" / "map.csv", GROUND)
    assert list(tmp_path.iterdir()) == []
    assert set(FORMS) >= {".csv", ".h5", ".geojson", ".tif", ".dcm", ".seg.dcm"}
