"""Directories of media: the same tree as pydicom and dcmtk see; hostile and wrong ones cost a sentence."""

from __future__ import annotations

import os
import shutil
import subprocess
import warnings
from pathlib import Path

import pydicom
import pytest

from viewers.errors import SourceError
from viewers.sources import dicomdir, discover
from viewers.sources.folder import Failure, Item

MKDIR = "/usr/bin/dcmmkdir"
DIRECTORIES = ("", "-bigEnd", "-implicit", "-nooffset", "-nopatient", "-reordered")


@pytest.fixture
def media(bundled: Path, tmp_path: Path) -> Path:
    """A copy of pydicom's medium without the other directories, which would be unlisted files."""
    target = tmp_path / "cd"
    keep = {"77654033", "98892001", "98892003", "DICOMDIR", "README.txt"}
    shutil.copytree(
        bundled / "dicomdirtests", target,
        ignore=lambda folder, names: set(names) - keep if Path(folder).name == "dicomdirtests" else set(),
    )  # fmt: skip
    return target


def truth(path: Path) -> dict[str, tuple[str, str, str]]:
    """File to patient, study and series, by the files themselves."""
    found = {}
    for file in sorted(path.rglob("*")):
        if file.is_file() and file.name not in ("DICOMDIR", "README.txt"):
            dataset = pydicom.dcmread(file, specific_tags=["PatientID", "StudyInstanceUID", "SeriesInstanceUID"])
            key = str(dataset.PatientID), str(dataset.StudyInstanceUID), str(dataset.SeriesInstanceUID)
            found[file.relative_to(path).as_posix()] = key
    return found


@pytest.mark.parametrize("name", DIRECTORIES)
def test_all_records_are_found(bundled: Path, name: str) -> None:
    path = bundled / "dicomdirtests" / f"DICOMDIR{name}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        records = pydicom.dcmread(path, force=True).DirectoryRecordSequence
    wanted = [tuple(str(part) for part in one.ReferencedFileID) for one in records if "ReferencedFileID" in one]
    assert sorted(one.parts for one in dicomdir.media_of(path).listed) == sorted(wanted)


def test_the_tree_is_that_of_the_files(media: Path) -> None:
    files = truth(media)
    listed = dicomdir.media_of(media / "DICOMDIR").listed
    told = {"/".join(one.parts): tuple(one.values.get(key, "") for key in ("PatientID", "StudyInstanceUID", "SeriesInstanceUID"))
            for one in listed}  # fmt: skip
    assert told == files


def test_a_folder_with_a_directory_opens_through_it(media: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from viewers.sources import folder

    read = []
    monkeypatch.setattr(folder, "headers_of", read.append)
    found = list(discover(media))
    assert not read, "no file is read to be listed"
    items = [one for one in found if isinstance(one, Item)]
    assert sum(len(one.files) for one in items) == len(truth(media))
    by_series = {one.files: one for one in items if len(one.files) > 1}
    for files, one in by_series.items():
        keys = {truth(media)[file.relative_to(media).as_posix()] for file in files}
        assert len(keys) == 1
        assert one.who is not None
        assert one.who.id == next(iter(keys))[0]
    assert not [one for one in found if isinstance(one, Failure)]


def test_missing_and_unlisted_files_are_stated(media: Path, bundled: Path) -> None:
    (media / "77654033/CR1/6154").unlink()
    shutil.copy(bundled / "CT_small.dcm", media / "new.dcm")
    (media / "viewer.exe").write_bytes(b"MZ" + b"\0" * 500)
    found = list(discover(media))
    (line,) = [one for one in found if isinstance(one, Failure)]
    assert line.path == media / "DICOMDIR"
    assert "1 file listed here is missing: 77654033/CR1/6154." in line.sentence
    assert "1 file not listed here, shown all the same." in line.sentence
    assert "2 files beside them are not DICOM." in line.sentence
    assert any(one.path.name == "new.dcm" for one in found if isinstance(one, Item))


def test_names_match_in_either_case(media: Path) -> None:
    (media / "77654033").rename(media / "tmp")
    (media / "tmp/CR1").rename(media / "tmp/cr1")
    (media / "tmp/cr1/6154").rename(media / "tmp/cr1/6154.;1")
    (media / "tmp").rename(media / "77654033")
    assert sum(len(one.files) for one in discover(media) if isinstance(one, Item)) == 31


def with_file_id(media: Path, parts: list[str]) -> Path:
    """The first image record points elsewhere."""
    path = media / "DICOMDIR"
    dataset = pydicom.dcmread(path)
    record = next(one for one in dataset.DirectoryRecordSequence if "ReferencedFileID" in one)
    record["ReferencedFileID"]._value = parts if len(parts) > 1 else parts[0]
    dataset.save_as(path)
    return path


@pytest.mark.parametrize("parts", [["..", "secret.dcm"], ["", "etc", "passwd"], ["C:", "x"], [".", "x"], ["a/../..", "x"]])
def test_no_way_leads_out(media: Path, bundled: Path, parts: list[str]) -> None:
    shutil.copy(bundled / "CT_small.dcm", media.parent / "secret.dcm")
    with_file_id(media, parts)
    found = list(discover(media))
    (line,) = [one for one in found if isinstance(one, Failure)]
    assert "1 file listed outside this folder, not opened" in line.sentence
    inside = media.resolve()
    assert all(file.resolve().is_relative_to(inside) for one in found if isinstance(one, Item) for file in one.files)


def test_no_link_leads_out(media: Path, bundled: Path) -> None:
    outside = media.parent / "outside"
    outside.mkdir()
    shutil.copy(bundled / "CT_small.dcm", outside / "6154")
    shutil.rmtree(media / "77654033/CR1")
    (media / "77654033/CR1").symlink_to(outside)
    target = media / "77654033/CR2/6247"
    target.unlink()
    target.symlink_to(outside / "6154")
    found = list(discover(media))
    (line,) = [one for one in found if isinstance(one, Failure)]
    assert "not opened" in line.sentence or "missing" in line.sentence
    inside = media.resolve()
    assert all(file.resolve().is_relative_to(inside) for one in found if isinstance(one, Item) for file in one.files)


def test_a_loop_ends(media: Path) -> None:
    path = media / "DICOMDIR"
    dataset = pydicom.dcmread(path)
    first = dataset.OffsetOfTheFirstDirectoryRecordOfTheRootDirectoryEntity
    for record in dataset.DirectoryRecordSequence:
        record.OffsetOfTheNextDirectoryRecord = record.OffsetOfReferencedLowerLevelDirectoryEntity = first
    dataset.save_as(path)
    assert len(dicomdir.media_of(path).listed) == 31


@pytest.mark.parametrize("content", [b"", b"not a directory", b"\0" * 128 + b"DICM" + b"\xff" * 900])
def test_a_damaged_directory_costs_a_sentence(media: Path, content: bytes) -> None:
    (media / "DICOMDIR").write_bytes(content)
    with pytest.raises(SourceError):
        dicomdir.media_of(media / "DICOMDIR")
    found = list(discover(media))
    assert [one.path.name for one in found if isinstance(one, Failure) and one.path.name == "DICOMDIR"] == ["DICOMDIR"]
    assert len(found) > 1, "the folder is looked through instead"


@pytest.mark.skipif(not os.access(MKDIR, os.X_OK), reason="dcmtk is not installed")
def test_a_directory_made_by_dcmtk(bundled: Path, tmp_path: Path) -> None:
    """A series over two folders of one medium joins; patients and descriptions are as dcmmkdir wrote them."""
    for place in range(4):
        dataset = pydicom.dcmread(bundled / "CT_small.dcm")
        dataset.PatientID, dataset.PatientName = "P-77", "Müller^Ännchen"
        dataset.StudyID, dataset.AccessionNumber, dataset.SeriesNumber = "1", "A1", 4
        dataset.StudyInstanceUID, dataset.SeriesInstanceUID = "1.2.5", "1.2.5.1"
        dataset.SeriesDescription, dataset.InstanceNumber = "Körper", place + 1
        dataset.ImagePositionPatient = [0, 0, place]
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = f"1.2.5.1.{place + 1}"
        path = tmp_path / f"DISC{place % 2}" / f"IM{place}"
        path.parent.mkdir(exist_ok=True)
        dataset.save_as(path)
    call = [MKDIR, "+I", "-Nxc", "+r", "+id", ".", "+D", "DICOMDIR", "DISC0", "DISC1"]
    done = subprocess.run(call, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (item,) = [one for one in discover(tmp_path) if isinstance(one, Item)]
    assert [file.relative_to(tmp_path).as_posix() for file in item.files] == ["DISC0/IM0", "DISC1/IM1", "DISC0/IM2", "DISC1/IM3"]
    assert item.who is not None
    assert (item.who.name, item.who.id) == ("Müller, Ännchen", "P-77")
    assert item.open().frames == 4
