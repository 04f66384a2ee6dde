"""Series that are empty, huge or irregular: an answer that says what is odd, or a sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest

from app.cli import main
from tests.app.dicom_files import write
from tests.app.fake_engine import FakeEngine
from tests.app.test_volumes import NEW, sent, series


def change(folder: Path, numbers: range, **values: object) -> None:
    """Header values of slices by their number from below."""
    for number in numbers:
        path = folder / f"{number * 7:05}.dcm"
        header = pydicom.dcmread(path)
        for name, value in values.items():
            setattr(header, name, value(number) if callable(value) else value)
        header.save_as(path)


def test_no_slices(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    assert main(["ask", str(tmp_path / "empty"), "Any mass?", "--whole-series", "--drafter", NEW], FakeEngine) == 3
    said = capsys.readouterr()
    assert "holds nothing that can be opened" in said.err
    assert not said.out


def test_ten_thousand_slices_are_read_as_85_from_end_to_end(tmp_path: Path) -> None:
    """The slice's number is its only value, so that the pictures say which ones were taken."""
    mark, uid = "4444.5", "1.2.3.4444444444"
    model = write(
        tmp_path / "model.dcm", np.zeros((2, 2), "<u2"), Modality="CT", PixelSpacing=[1, 1], SeriesInstanceUID="1.2.3",
        ImageOrientationPatient=[1, 0, 0, 0, 1, 0], ImagePositionPatient=[0, 0, mark], SOPInstanceUID=uid,
        RescaleSlope=1, RescaleIntercept=-5000, BitsStored=16, HighBit=15,
    ).read_bytes()  # fmt: skip
    (tmp_path / "model.dcm").unlink()
    for number in range(10_000):
        place = f"{number / 2:06.1f}".encode()
        file = model.replace(mark.encode(), place).replace(uid.encode(), f"1.2.3.4{number:09}".encode())
        file = file[:-8] + np.full(4, number, "<u2").tobytes()
        (tmp_path / f"{number * 7 % 10_007:05}.dcm").write_bytes(file)
    found = sent(tmp_path)
    assert found[0].steps[0] == "85 of 10000 slices along their normal, evenly spread"
    numbers = np.rint(np.linspace(0, 9999, 85))
    hu = np.clip(numbers - 5000, -1024, 1024)
    assert [one.pixels[0, 0, 0] for one in found] == [round(value) for value in (hu + 1024) / 2048 * 255]


def test_uneven_distances_are_said(tmp_path: Path) -> None:
    series(tmp_path / "ct", 8)
    change(tmp_path / "ct", range(5, 8), ImagePositionPatient=lambda number: [0, 0, 10 + 5 * (number - 4)])
    assert "remark: uneven distances" in sent(tmp_path / "ct")[0].steps


def test_slices_of_another_pixel_size_are_another_volume(tmp_path: Path) -> None:
    series(tmp_path / "ct", 8)
    change(tmp_path / "ct", range(4, 8), PixelSpacing=[2, 2])
    found = sent(tmp_path / "ct")
    assert len(found) == 4
    assert "remark: one of 2 volumes of the series: plane 1" in found[0].steps


def test_each_slice_has_its_own_rescale_and_unsigned_storage_does_not_wrap(tmp_path: Path) -> None:
    """HU = slope · stored + intercept in floating point, slice by slice (PS3.3 C.11.1); air is black in all windows."""
    stored = series(tmp_path / "ct", 6).astype(float)
    change(tmp_path / "ct", range(3, 6), RescaleSlope=1, RescaleIntercept=-1024)
    hu = np.concatenate([2 * stored[:3] - 3000, stored[3:] - 1024])
    red = np.rint((np.clip(hu, -1024, 1024) + 1024) / 2048 * 255)
    assert np.array_equal(np.stack([one.pixels[..., 0] for one in sent(tmp_path / "ct")]), red)
    assert (np.stack([one.pixels for one in sent(tmp_path / "ct")])[hu <= -1024] == 0).all()
