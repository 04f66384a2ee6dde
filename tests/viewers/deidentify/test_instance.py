"""Whole files: nothing of the patient is left in any byte, references hold, and what was done is stated."""

from __future__ import annotations

import io
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset

from tests.viewers.deidentify.conftest import CANARIES, ct, leaky, trailing
from viewers.deidentify.instance import Looked, Made, deidentified, write
from viewers.deidentify.walk import Choice
from viewers.errors import SourceError

Choose = Callable[..., Choice]
Save = Callable[..., Path]
RICH = ("graphics", "structured", "descriptors", "modified_dates", "characteristics", "private")
"""The options that keep something without keeping an identity."""


def data_of(made: Made) -> bytes:
    buffer = io.BytesIO()
    write(made, buffer)
    return buffer.getvalue()


def read(made: Made) -> Dataset:
    return pydicom.dcmread(io.BytesIO(data_of(made)))


@pytest.mark.parametrize("options", [(), RICH], ids=["basic", "with options"])
def test_no_canary_is_left_in_any_byte(choose: Choose, save: Save, options: tuple[str, ...]) -> None:
    path = save(leaky(), f"{CANARIES[5]}.dcm")
    trailing(path)
    raw = path.read_bytes().decode("latin-1").casefold()
    assert all(one.casefold() in raw for one in CANARIES)
    data = data_of(deidentified(path, choose(*options))).decode("latin-1").casefold()
    assert [one for one in CANARIES if one.casefold()[:8] in data] == []
    assert "99999" not in data


def test_what_was_done_is_stated(choose: Choose, save: Save) -> None:
    dataset = read(deidentified(save(ct()), choose("modified_dates", "device"), method="Hilum 9"))
    assert dataset.PatientIdentityRemoved == "YES"
    assert dataset.LongitudinalTemporalInformationModified == "MODIFIED"
    assert list(dataset.DeidentificationMethod) == ["PS3.15 Basic Application Confidentiality Profile", "Hilum 9"]
    codes = [(one.CodeValue, one.CodingSchemeDesignator) for one in dataset.DeidentificationMethodCodeSequence]
    assert codes == [("113100", "DCM"), ("113107", "DCM"), ("113109", "DCM")]
    assert "BurnedInAnnotation" not in dataset
    assert read(deidentified(save(ct()), choose())).LongitudinalTemporalInformationModified == "REMOVED"
    full = read(deidentified(save(ct()), choose("full_dates")))
    assert (full.LongitudinalTemporalInformationModified, full.StudyDate) == ("UNMODIFIED", "20260302")


def test_only_a_person_who_looked_says_so(choose: Choose, save: Save) -> None:
    path = save(ct(BurnedInAnnotation="YES", RecognizableVisualFeatures="YES"))
    unseen = deidentified(path, choose())
    assert read(unseen).BurnedInAnnotation == "YES"
    assert unseen.notes == ("the patient may be recognised by the picture itself",)
    seen = read(deidentified(path, choose(), looked=Looked(True, True)))
    assert (seen.BurnedInAnnotation, seen.RecognizableVisualFeatures) == ("NO", "NO")
    assert [one.CodeValue for one in seen.DeidentificationMethodCodeSequence] == ["113100", "113101", "113102"]


def test_the_same_patient_is_the_same_everywhere(choose: Choose, save: Save) -> None:
    one = deidentified(save(ct()), choose("modified_dates"))
    later = deidentified(
        save(ct(PatientName="SMITH^JOHN^^^", StudyDate="20260312", StudyInstanceUID="1.3.6.1.4.1.99999.2")),
        choose("modified_dates"),
    )
    other = deidentified(save(ct(PatientID="00417740")), choose("modified_dates"))
    assert one.patient == later.patient != other.patient
    assert str(one.dataset.PatientName) == one.dataset.PatientID == one.patient
    days = lambda made: pydicom.valuerep.DA(made.dataset.StudyDate)  # noqa: E731
    assert (days(later) - days(one)).days == 10
    assert (days(other) - days(one)).days != 0
    assert one.dataset.StudyTime == "101500"
    assert one.study != later.study
    assert deidentified(save(ct()), choose("modified_dates", key=b"q" * 32)).patient != one.patient


def test_references_between_files_stay_whole(choose: Choose, save: Save) -> None:
    reference = Dataset()
    reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = ct().SOPClassUID, ct().SOPInstanceUID
    second = ct(SOPInstanceUID="1.3.6.1.4.1.99999.1.9", ReferencedImageSequence=[reference])
    first, second_made = deidentified(save(ct()), choose()), deidentified(save(second, "b.dcm"), choose())
    assert second_made.dataset.ReferencedImageSequence[0].ReferencedSOPInstanceUID == first.dataset.SOPInstanceUID
    assert second_made.dataset.StudyInstanceUID == first.dataset.StudyInstanceUID
    assert second_made.dataset.FrameOfReferenceUID == first.dataset.FrameOfReferenceUID
    assert first.dataset.SOPClassUID == ct().SOPClassUID
    kept = deidentified(save(ct()), choose("uids")).dataset
    assert (kept.SOPInstanceUID, kept.file_meta.MediaStorageSOPInstanceUID) == (ct().SOPInstanceUID,) * 2


def test_ages_above_89_are_one(choose: Choose, save: Save) -> None:
    for age, told in (("095Y", "090Y"), ("089Y", "089Y"), ("004M", "004M")):
        assert read(deidentified(save(ct(PatientAge=age)), choose("characteristics"))).PatientAge == told
    assert "PatientAge" not in read(deidentified(save(ct()), choose("modified_dates")))


def test_descriptions_keep_the_words_of_medicine(choose: Choose, save: Save) -> None:
    dataset = ct(
        SeriesDescription="AX T2 lung 5mm for Dr. House, Smith 20260302",
        StudyDescription="Smith",
        ProtocolName="chest routine Bob",
    )
    made = read(deidentified(save(dataset), choose("descriptors")))
    assert made.SeriesDescription == "T2 lung 5mm for" or made.SeriesDescription == "AX T2 lung 5mm for"
    assert "StudyDescription" not in made
    assert made.ProtocolName.split()[0] == "chest"
    assert "Bob" not in made.ProtocolName


def test_safe_private_numbers_stay_when_asked(choose: Choose, save: Save) -> None:
    dataset = ct()
    dataset.add_new(0x70530010, "LO", "Philips PET Private Group")
    dataset.add_new(0x70531000, "DS", "0.000551")
    dataset.add_new(0x70531009, "LO", "Smith John")  # not the number it should be
    dataset.add_new(0x70531003, "ST", "unsafe")
    path = save(dataset)
    assert not [one for one in read(deidentified(path, choose())) if one.tag.is_private]
    kept = {int(one.tag): str(one.value) for one in read(deidentified(path, choose("private"))) if one.tag.is_private}
    assert kept == {0x70530010: "Philips PET Private Group", 0x70531000: "0.000551"}


@pytest.mark.parametrize(
    ("sop_class", "sentence"),
    [
        ("1.2.840.10008.5.1.4.1.1.104.1", "holds a document"),
        ("1.2.840.10008.5.1.4.1.1.88.33", "is a report: choose Clean Structured Content"),
        ("1.2.840.10008.5.1.4.1.1.66", "raw data"),
        ("1.2.840.10008.1.3.10", "names patients"),
        ("1.3.12.2.1107.5.9.1", "DICOM does not define"),
    ],
)
def test_what_cannot_be_cleaned_is_refused(choose: Choose, save: Save, sop_class: str, sentence: str) -> None:
    with pytest.raises(SourceError, match=sentence):
        deidentified(save(ct(SOPClassUID=sop_class)), choose())


def test_a_report_keeps_codes_and_numbers_alone(choose: Choose, bundled: Path) -> None:
    made = read(deidentified(bundled / "reportsi.dcm", choose("structured")))
    original = pydicom.dcmread(bundled / "reportsi.dcm")

    def walk(items: list[Dataset]) -> list[Dataset]:
        return [one for item in items for one in (item, *walk(item.get("ContentSequence", [])))]

    before, after = walk(original.ContentSequence), walk(made.ContentSequence)
    assert [one.ValueType for one in before] == [one.ValueType for one in after]
    texts = [one for one in before if one.ValueType in ("TEXT", "PNAME")]
    assert texts
    data = data_of(deidentified(bundled / "reportsi.dcm", choose("structured")))
    for one in texts:
        value = str(one.get("TextValue") or one.get("PersonName"))
        assert value.encode("latin-1", "replace")[:24] not in data or len(value) < 5
    assert all(one.TextValue == "REMOVED" for one in after if one.ValueType == "TEXT")


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dicom3tools is not installed")
@pytest.mark.parametrize(
    "name",
    [
        "CT_small.dcm",
        "MR_small.dcm",
        "examples_overlay.dcm",
        "examples_jpeg2k.dcm",
        "SC_rgb_rle.dcm",
        "rtplan.dcm",
        "rtdose.dcm",
        "waveform_ecg.dcm",
    ],
)
@pytest.mark.parametrize("options", [(), RICH, ("full_dates", "device", "institution", "uids")], ids=["basic", "rich", "keeping"])
def test_the_object_is_as_valid_as_before(
    choose: Choose, bundled: Path, tmp_path: Path, name: str, options: tuple[str, ...]
) -> None:
    """dicom3tools finds no error in the new file that the original had not."""
    out = tmp_path / "out.dcm"
    out.write_bytes(data_of(deidentified(bundled / name, choose(*options))))
    assert errors(out) - errors(bundled / name) == set()


def errors(path: Path) -> set[str]:
    done = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True, errors="replace", check=False)
    return {line for line in done.stderr.splitlines() if line.startswith("Error")}


def test_damage_costs_one_sentence(choose: Choose, bundled: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.dcm"
    bad.write_bytes((bundled / "CT_small.dcm").read_bytes()[:20000])
    with pytest.raises(SourceError, match="cut short"):
        deidentified(bad, choose())
    bad.write_text("no")
    with pytest.raises(SourceError, match="not DICOM"):
        deidentified(bad, choose())


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("Weissmuller^Annabel", "WEISSMULLER_ANNABEL"),
        ("Weissmuller^Annabel", "AnnabelWeissmuller"),
        ("Weissmuller^Annabel", "Weissmuller1954"),
        ("Weißmüller^Änne", "weissmueller scan"),
        ("Wu^Xi", "Wu Xi"),
        ("Yamada^Tarou=\u5c71\u7530^\u592a\u90ce", "\u5c71\u7530\u592a\u90ce"),
        ("Wu^Xi", "19540302"),
        ("Wu^Xi", "02.03.1954"),
        ("Wu^Xi", "nr 0815-4711"),
    ],
)
def test_a_person_is_found_however_it_is_written(choose: Choose, save: Save, name: str, told: str) -> None:
    dataset = ct(PatientName=name, PatientBirthDate="19540302", PatientID="08154711", SequenceName=told)
    dataset.SpecificCharacterSet = "ISO_IR 192"
    made = read(deidentified(save(dataset), choose("modified_dates", "descriptors", "device")))
    assert told not in str(made.get("SequenceName", ""))


def test_a_sequence_name_that_tells_of_nobody_stays(choose: Choose, save: Save) -> None:
    dataset = ct(PatientName="Weissmuller^Ann", PatientBirthDate="19540302", PatientID="08154711", SequenceName="*tfl3d1_16ns")
    assert read(deidentified(save(dataset), choose())).SequenceName == "*tfl3d1_16ns"


def test_an_object_without_a_number_is_refused_in_a_sentence(choose: Choose, save: Save) -> None:
    dataset = ct()
    del dataset.SOPInstanceUID
    with pytest.raises(SourceError, match="no SOP Instance UID"):
        deidentified(save(dataset), choose())


@pytest.mark.parametrize("day", ["02/03/2026", "2.3.2026", "02-03-26", "2026-03-02", "2. 3. 2026", "03/2026", "02.03.", "2/3"])
def test_no_part_of_a_date_stays_in_a_description(choose: Choose, save: Save, day: str) -> None:
    made = read(deidentified(save(ct(SeriesDescription=f"chest {day} lung 5mm 2.5 T2")), choose("descriptors")))
    assert made.SeriesDescription == "chest lung 5mm 2.5 T2"
