"""`hilum deidentify` over folders: what is written, held back and said, and that a broken run goes on."""

from __future__ import annotations

import csv
import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.encaps import encapsulate
from pydicom.uid import MPEG2MPML

from app.cli import main
from app.deidentify.key import key
from app.deidentify.policy import Policy
from app.deidentify.run import Run, RunError, partly_looked
from app.storage import TEMPORARY
from tests.viewers.deidentify import films
from tests.viewers.deidentify.conftest import ct
from viewers.deidentify.instance import Looked
from viewers.geometry import Region

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HILUM_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def originals(tmp_path: Path) -> Path:
    """A patient's folder: three slices, a film with a name burned in, a text file and a damaged file."""
    folder = tmp_path / "Smith, John"
    (folder / "CT").mkdir(parents=True)
    for number in range(3):
        ct(SOPInstanceUID=f"1.3.6.1.4.1.99999.1.{number + 1}", InstanceNumber=number + 1).save_as(
            folder / "CT" / f"smith{number}.dcm", enforce_file_format=True
        )
    made = films.burned(films.plain(3), ["SMITH JOHN 67Y"], "DejaVuSans.ttf", 20, 255, "top-left")
    film = ct(SOPInstanceUID="1.3.6.1.4.1.99999.1.9", Rows=512, Columns=512, PixelData=made.pixels.astype("<u2").tobytes())
    film.save_as(folder / "smith film.dcm", enforce_file_format=True)
    (folder / "smith.txt").write_text("Smith, John")
    (folder / "smith bad.dcm").write_bytes((folder / "CT" / "smith0.dcm").read_bytes()[:4000])
    return folder


def rows(out: Path) -> list[dict[str, str]]:
    with (out / "report.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def everything(folder: Path) -> bytes:
    names = "\n".join(str(path.relative_to(folder)) for path in folder.rglob("*"))
    return names.encode() + b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_a_folder(originals: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], home: Path) -> None:
    before = everything(originals)
    out = tmp_path / "out"
    assert main(["deidentify", str(originals), "--out", str(out), "--option", "modified_dates", "--json"]) == 5
    said = capsys.readouterr()
    body = json.loads(said.out)
    assert {name: body[name] for name in ("files", "done", "held_back", "refused", "not_dicom")} == {
        "files": 6, "done": 3, "held_back": 1, "refused": 1, "not_dicom": 1,
    }  # fmt: skip
    assert everything(originals) == before
    written = sorted(out.rglob("*.dcm"))
    assert len(written) == 3
    found = [pydicom.dcmread(path) for path in written]
    assert len({one.SeriesInstanceUID for one in found}) == len({one.PatientID for one in found}) == 1
    assert len({one.SOPInstanceUID for one in found}) == 3
    for data in (everything(out), said.out.encode(), said.err.encode()):
        for word in (b"smith", b"john", b"00417739", b"99999", b"house", b"19540302", b"20260302"):
            assert word not in data.lower().replace(str(home).lower().encode(), b"").replace(str(tmp_path).lower().encode(), b"")
    states = [row["status"] for row in rows(out)]
    assert sorted(states) == ["done"] * 3 + ["held back", "not DICOM", "refused"]
    private = next((home / "deidentify").glob("*.csv"))
    assert "smith film.dcm" in private.read_text()
    assert stat.S_IMODE(private.stat().st_mode) == stat.S_IMODE((home / "deidentify.key").stat().st_mode) == 0o600


def test_held_back_files_go_through_when_their_text_is_black(originals: Path, tmp_path: Path) -> None:
    film = originals / "smith film.dcm"
    assert main(["deidentify", str(film), "--out", str(tmp_path / "a")]) == 5
    assert not list((tmp_path / "a").rglob("*.dcm"))
    assert main(["deidentify", str(film), "--out", str(tmp_path / "b"), "--black-out", "proposed"]) == 0
    made = pydicom.dcmread(next((tmp_path / "b").rglob("*.dcm")))
    assert made.get("BurnedInAnnotation") != "NO"
    assert rows(tmp_path / "b")[0]["boxes"] == "1"
    dark = made.pixel_array[12:28, 12:120]
    assert len(np.unique(dark)) == 1
    call = ["deidentify", str(film), "--out", str(tmp_path / "c"), "--box", "0,0,512,40", "--i-looked", "--no-faces"]
    assert main(call) == 0
    made = pydicom.dcmread(next((tmp_path / "c").rglob("*.dcm")))
    assert (made.BurnedInAnnotation, made.RecognizableVisualFeatures) == ("NO", "NO")
    assert len(np.unique(made.pixel_array[:40])) == 1
    np.testing.assert_array_equal(made.pixel_array[40:], pydicom.dcmread(film).pixel_array[40:])
    assert main(["deidentify", str(film), "--out", str(tmp_path / "d"), "--box", "0,0,9,9"]) == 5


def test_it_never_writes_among_the_originals(originals: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for out in (originals, originals / "out", tmp_path):
        assert main(["deidentify", str(originals), "--out", str(out)]) == 2
        assert "originals" in capsys.readouterr().err
    assert not (originals / "out").exists()
    link = tmp_path / "link"
    link.symlink_to(originals)
    assert main(["deidentify", str(originals), "--out", str(link / "out")]) == 2


def test_a_run_goes_on(originals: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    call = ["deidentify", str(originals), "--out", str(out)]
    assert main(call) == 5
    first = {path: path.stat().st_mtime_ns for path in out.rglob("*.dcm")}
    assert main(call) == 2
    assert "--resume" in capsys.readouterr().err
    one = next(iter(first))
    one.unlink()
    assert main([*call, "--resume"]) == 5
    after = {path: path.stat().st_mtime_ns for path in out.rglob("*.dcm")}
    assert set(after) == set(first)
    assert {path for path in first if after[path] != first[path]} == {one}
    assert main([*call, "--resume", "--option", "device"]) == 2
    assert "other options" in capsys.readouterr().err
    with pytest.raises(RunError, match="is not empty"):
        Run(originals / "CT", originals.parent / "home", Policy(), key())


def test_the_same_key_gives_the_same_names(originals: Path, tmp_path: Path) -> None:
    names = []
    for number in range(2):
        out = tmp_path / f"out{number}"
        assert main(["deidentify", str(originals / "CT"), "--out", str(out)]) == 0
        names.append(sorted(str(path.relative_to(out)) for path in out.rglob("*.dcm")))
    assert names[0] == names[1]
    (tmp_path / "home" / "deidentify.key").unlink()
    assert main(["deidentify", str(originals / "CT"), "--out", str(tmp_path / "other")]) == 0
    assert not set(names[0]) & {str(path.relative_to(tmp_path / "other")) for path in (tmp_path / "other").rglob("*.dcm")}


def test_a_png_leaks_no_text_when_asked(originals: Path, tmp_path: Path) -> None:
    film, png = str(originals / "smith film.dcm"), tmp_path / "film.png"
    call = ["render", film, "--out", str(png)]
    assert main(call) == 0
    plain = np.asarray(Image.open(png))
    assert main([*call, "--black-out", "proposed"]) == 0
    black = np.asarray(Image.open(png))
    assert len(np.unique(plain[12:26, 10:120])) > 1
    assert black[12:26, 10:120].max() == 0
    np.testing.assert_array_equal(black[60:], plain[60:])
    assert main([*call, "--box", "100,200,50,40", "--region", "90,190,100,100", "--size", "50,50"]) == 0
    small = np.asarray(Image.open(png))
    assert small[5:25, 5:30].max() == 0
    assert small[30:].max() > 0


def test_keys_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "k").write_text("no")
    with pytest.raises(ValueError, match="is no key"):
        key(tmp_path / "k")
    with pytest.raises(ValueError, match="there is no key"):
        key(tmp_path / "absent")


def test_one_object_twice_is_written_once(originals: Path, tmp_path: Path) -> None:
    source = originals / "CT" / "smith0.dcm"
    (originals / "CT" / "copy.dcm").write_bytes(source.read_bytes())
    with Run(originals / "CT", tmp_path / "out", Policy(looked=Looked(True)), key()) as run:
        outcomes = [run.run_item(item) for item in run.items]
    assert sorted(one.status for one in outcomes) == ["done"] * 3 + ["refused"]
    assert len(list((tmp_path / "out").rglob("*.dcm"))) == 3


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL")
def test_a_kill_leaves_no_half_file(originals: Path, tmp_path: Path) -> None:
    for number in range(40):
        values = np.random.default_rng(number).integers(0, 900, (256, 256), dtype=np.uint16)
        one = ct(
            SOPInstanceUID=f"1.3.6.1.4.1.99999.7.{number + 1}", Rows=256, Columns=256, PixelData=values.astype("<u2").tobytes()
        )
        one.save_as(originals / "CT" / f"more{number}.dcm", enforce_file_format=True)
    out = tmp_path / "out"
    call = [sys.executable, "-m", "app", "deidentify", str(originals / "CT"), "--out", str(out), "--i-looked"]
    process = subprocess.Popen(call, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    end = time.monotonic() + 60
    while len(list(out.rglob("*.dcm"))) < 5 and time.monotonic() < end:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    left = list(out.rglob("*.dcm"))
    assert 5 <= len(left) < 43
    for path in left:
        assert pydicom.dcmread(path).pixel_array.shape in ((64, 64), (256, 256))
    assert main(["deidentify", str(originals / "CT"), "--out", str(out), "--i-looked", "--resume"]) == 0
    assert len(list(out.rglob("*.dcm"))) == 43
    assert not list(out.rglob(f"{TEMPORARY}*"))


def test_sentences_of_the_report_stay_whole_whatever_the_folder_is_called(originals: Path, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    (originals / "CT").rename(folder)
    (folder / "smith0.dcm").write_bytes((folder / "smith0.dcm").read_bytes()[:4000])
    with Run(folder, tmp_path / "out", Policy(), key()) as run:
        reason = run.run_item(run.items[0]).reason
    assert reason.startswith("it is cut short")
    assert reason.endswith("copy it again.")


def test_a_files_name_decides_nothing(originals: Path, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "not DICOM.dcm").write_bytes((originals / "CT" / "smith0.dcm").read_bytes()[:4000])
    film = ct()
    film.file_meta.TransferSyntaxUID = MPEG2MPML  # frames that are never decoded, so that no box can be burned into them
    film.PixelData = encapsulate([b"\0\0\1\xb3" + bytes(60)])
    film.save_as(folder / "no picture to burn.dcm", enforce_file_format=True)
    with Run(folder, tmp_path / "out", Policy(boxes=(Region(0, 0, 9, 9),), looked=Looked(True)), key()) as run:
        outcomes = [run.run_item(item) for item in run.items]
    assert [one.status for one in outcomes] == ["refused", "refused"]
    assert not list((tmp_path / "out").rglob("*.dcm"))


def test_one_object_without_its_number_costs_one_sentence(originals: Path, tmp_path: Path) -> None:
    lacking = ct()
    del lacking.SOPInstanceUID
    lacking.file_meta.MediaStorageSOPInstanceUID = "1.3.6.1.4.1.99999.8"
    lacking.preamble = bytes(128)
    lacking.save_as(originals / "CT" / "a.dcm")
    assert main(["deidentify", str(originals / "CT"), "--out", str(tmp_path / "out")]) == 5
    assert [row["status"] for row in rows(tmp_path / "out")] == ["refused", "done", "done", "done"]


def test_an_input_that_is_not_there_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["deidentify", str(tmp_path / "nowhere"), "--out", str(tmp_path / "out")]) == 3
    assert "nowhere is not there" in capsys.readouterr().err


def test_dicom_without_its_mark_is_taken_and_what_may_be_dicom_is_not_passed_over(
    originals: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A scanner's old export without preamble is written; a file whose first bytes are damaged and an archive are said."""
    folder = tmp_path / "in"
    folder.mkdir()
    bare = ct()
    del bare.file_meta
    bare.save_as(folder / "a", implicit_vr=True, little_endian=True, enforce_file_format=False)
    (folder / "notes.txt").write_text("nothing")
    Image.new("L", (8, 8)).save(folder / "logo.png")
    (folder / "autorun.exe").write_bytes(b"MZ" + bytes(500))
    assert main(["deidentify", str(folder), "--out", str(tmp_path / "a"), "--json"]) == 0
    said = capsys.readouterr()
    body = json.loads(said.out)
    assert (body["done"], body["not_dicom"], body["refused"]) == (1, 3, 0)
    assert "which file has which number" in said.err
    made = pydicom.dcmread(next((tmp_path / "a").rglob("*.dcm")))
    np.testing.assert_array_equal(made.pixel_array, np.frombuffer(ct().PixelData, "<u2").reshape(64, 64))
    assert made.SOPClassUID == made.file_meta.MediaStorageSOPClassUID == ct().SOPClassUID
    assert "smith" not in str(made).lower()
    (folder / "1.2.840.7").write_bytes(b" " + (folder / "a").read_bytes())
    (folder / "study.zip").write_bytes(b"PK\x03\x04" + bytes(60))
    assert main(["deidentify", str(folder), "--out", str(tmp_path / "b"), "--json"]) == 5
    said = capsys.readouterr()
    assert json.loads(said.out)["refused"] == 2
    assert "may be damaged DICOM" in said.err
    assert "it is an archive" in said.err


def test_a_folder_that_may_not_be_read_costs_that_folder(
    originals: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    locked, inside = originals / "CT" / "Smith old", Path.iterdir
    locked.mkdir()
    (locked / "x.dcm").write_bytes((originals / "CT" / "smith0.dcm").read_bytes())

    def iterdir(path: Path) -> Iterator[Path]:
        if path == locked:
            raise PermissionError(13, "Permission denied")
        return inside(path)

    monkeypatch.setattr(Path, "iterdir", iterdir)  # whoever runs the tests may read every folder
    assert main(["deidentify", str(originals / "CT"), "--out", str(tmp_path / "out")]) == 5
    said = capsys.readouterr()
    assert "file 1: refused, nothing in this folder was taken: it may not be read" in said.err
    assert "Smith" not in (tmp_path / "out" / "report.csv").read_text()
    assert [row["status"] for row in rows(tmp_path / "out")] == ["refused", "done", "done", "done"]
    monkeypatch.undo()
    monkeypatch.setenv("HILUM_HOME", str(tmp_path / "home"))
    (locked / "x.dcm").unlink()
    assert main(["deidentify", str(originals / "CT"), "--out", str(tmp_path / "out"), "--resume"]) == 0


def test_a_name_on_one_frame_of_a_long_sequence(originals: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All frames are looked at as far as that is bearable; where it is not, the report says so."""
    frames = np.stack([films.plain(3, 200, 240)] * 30)
    frames[17] = films.burned(frames[17], ["SMITH JOHN 67Y"], "DejaVuSans.ttf", 20, 255, "top-left").pixels
    film = ct(
        SOPClassUID="1.2.840.10008.5.1.4.1.1.3.1", Modality="US", Rows=200, Columns=240, NumberOfFrames=30,
        PixelData=frames.astype("<u2").tobytes(),
    )  # fmt: skip
    path = tmp_path / "in" / "us.dcm"
    path.parent.mkdir()
    film.save_as(path, enforce_file_format=True)
    with Run(path, tmp_path / "a", Policy(), key()) as run:
        (outcome,) = (run.run_item(item) for item in run.items)
    assert outcome.status == "held back"
    assert "may be burned-in text" in outcome.reason
    monkeypatch.setattr("viewers.deidentify.burned_in._BUDGET", 1)
    with Run(path, tmp_path / "b", Policy(), key()) as run:
        (outcome,) = (run.run_item(item) for item in run.items)
    assert outcome.status == "done"
    assert outcome.notes == "burned-in text was looked for in 5 of 30 frames"
    assert "Not every frame of a long sequence" in partly_looked([outcome])
