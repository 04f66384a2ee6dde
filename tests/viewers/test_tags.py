"""The tags of a file: against pydicom and dcmdump; hostile files are read as far as they can be, within limits."""

from __future__ import annotations

import os
import re
import struct
import subprocess
import time
import warnings
from pathlib import Path

import pydicom
import pytest
from pydicom.config import IGNORE
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian, generate_uid

from viewers.errors import SourceError
from viewers.tags import HIDDEN, Tag, Tags, comparing, reading, search, walking

DUMP = "/usr/bin/dcmdump"


def flat(dataset: Dataset, depth: int = 0) -> list[tuple[int, int]]:
    """Tag and depth of every element and item, as pydicom sees them."""
    found = []
    for element in dataset:
        found.append((int(element.tag), depth))
        if element.VR == "SQ":
            for item in element.value:
                found += [(0xFFFEE000, depth + 1), *flat(item, depth + 2)]
    return found


def one(tags: Tags, tag: int, depth: int = 0) -> Tag:
    return next(each for each in tags.tags if each.tag == tag and each.depth == depth)


def written(path: Path, dataset: Dataset, syntax: str = ExplicitVRLittleEndian) -> Path:
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    dataset.save_as(path, enforce_file_format=True)
    return path


def raw(path: Path, body: bytes, syntax: bytes = b"1.2.840.10008.1.2.1\0") -> Path:
    """A file with a bare meta header and `body` as its data set."""
    path.write_bytes(b"\0" * 128 + b"DICM" + b"\x02\0\x10\0UI" + struct.pack("<H", len(syntax)) + syntax + body)
    return path


def test_every_bundled_file_has_the_elements_pydicom_sees(bundled: Path, shared: Path) -> None:
    looked_at = 0
    for path in [*sorted(bundled.rglob("*")), *sorted((shared / "dicom").rglob("*"))]:
        if not path.is_file():
            continue
        try:
            tags = reading.read(path)
        except SourceError:
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            dataset = pydicom.dcmread(path, force=True)
            wanted = set(flat(dataset.file_meta)) | set(flat(dataset))
        assert {(each.tag, each.depth) for each in tags.tags} == wanted, path.name
        looked_at += 1
    assert looked_at > 150


@pytest.mark.parametrize("name", ["CT_small.dcm", "rtplan.dcm", "MR_small_bigendian.dcm", "MR_small_implicit.dcm", "test-SR.dcm"])
def test_values_are_those_pydicom_reads(bundled: Path, name: str) -> None:
    tags = reading.read(bundled / name)
    dataset = pydicom.dcmread(bundled / name)
    compared = 0
    for element in dataset:
        told = one(tags, int(element.tag))
        if element.VR in ("US", "SS", "UL", "SL"):
            many = element.value if isinstance(element.value, (list, pydicom.multival.MultiValue)) else [element.value]
            assert [int(text) for text in told.text.split(" \\ ")] == list(many)
        elif element.VR in ("CS", "DA", "TM", "UI", "SH", "LO", "PN"):
            value = element.value
            text = "\\".join(str(each) for each in value) if isinstance(value, pydicom.multival.MultiValue) else str(value or "")
            assert told.text == text
        else:
            continue
        compared += 1
        assert (told.vr, told.name) == (element.VR, element.name) or element.tag.is_private
    assert compared > 10


CHARSETS = [
    "chrArab", "chrFren", "chrFrenMulti", "chrGerm", "chrGreek", "chrH31", "chrH32", "chrHbrw", "chrI2", "chrJapMulti",
    "chrJapMultiExplicitIR6", "chrKoreanMulti", "chrRuss", "chrX1", "chrX2", "chrSQEncoding", "chrSQEncoding1",
]  # fmt: skip
TEXTS = {
    "chrArab": "قباني^لنزار", "chrFren": "Buc^Jérôme", "chrGerm": "Äneas^Rüdiger", "chrGreek": "Διονυσιος",
    "chrH31": "Yamada^Tarou=山田^太郎=やまだ^たろう", "chrH32": "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう", "chrHbrw": "שרון^דבורה",
    "chrI2": "Hong^Gildong=洪^吉洞=홍^길동", "chrJapMulti": "やまだ^たろう", "chrKoreanMulti": "김희중", "chrRuss": "Люкceмбypг",
    "chrX1": "Wang^XiaoDong=王^小東=", "chrX2": "Wang^XiaoDong=王^小东=",
}  # fmt: skip
"""The names as PS3.5 annexes H to K and the files' makers give them."""


@pytest.mark.parametrize("name", CHARSETS)
def test_names_in_every_script(bundled: Path, name: str) -> None:
    path = bundled.parent / "charset_files" / f"{name}.dcm"
    if not path.exists():
        pytest.skip("this pydicom does not carry it")
    tags = reading.read(path)
    names = [each.text for each in tags.tags if each.tag == 0x00100010]
    if name in TEXTS:
        assert names == [TEXTS[name]]
    dataset = pydicom.dcmread(path)
    dataset.decode()
    wanted: list[str] = []

    def walk(_: Dataset, element: pydicom.DataElement) -> None:
        if element.tag == 0x00100010:
            wanted.append(str(element.value).rstrip("="))

    dataset.walk(walk)
    assert [each.rstrip("=") for each in names] == wanted
    assert not tags.notes


@pytest.mark.skipif(not os.access(DUMP, os.X_OK), reason="dcmtk is not installed")
@pytest.mark.parametrize("name", ["CT_small.dcm", "rtplan.dcm", "MR_small_implicit.dcm", "UN_sequence.dcm", "priv_SQ.dcm"])
def test_tags_and_lengths_are_those_of_dcmdump(bundled: Path, name: str) -> None:
    call = [DUMP, "-q", "+L", "-Un", str(bundled / name)]
    done = subprocess.run(call, capture_output=True, text=True, errors="replace")
    lines = re.findall(r"^ *\(([0-9a-f]{4}),([0-9a-f]{4})\) \S.*#\s*(u/l|\d+), *\d+ ", done.stdout, re.MULTILINE)
    dumped = [(int(group + number, 16), length) for group, number, length in lines if group != "fffe"]
    told = [(each.tag, "u/l" if each.length is None else str(each.length)) for each in reading.read(bundled / name).tags
            if not each.is_item]  # fmt: skip
    assert [tag for tag, _ in dumped] == [tag for tag, _ in told]
    fixed = [(a, b) for a, b in zip(dumped, told, strict=True) if a[1] != "u/l" and b[1] != "u/l"]
    if name != "UN_sequence.dcm":  # dcmdump counts a sequence anew that was written as unknown
        assert all(a == b for a, b in fixed)


def test_pixels_are_counted_not_loaded(bundled: Path) -> None:
    native = one(reading.read(bundled / "CT_small.dcm"), 0x7FE00010)
    assert (native.text, native.length) == ("32,768 bytes, not loaded", 32768)
    packed = one(reading.read(bundled / "SC_rgb_rle_2frame.dcm"), 0x7FE00010)
    assert packed.length is None
    assert packed.text.endswith("in 2 fragments, not loaded")


def test_deflated_files_are_read(bundled: Path, tmp_path: Path) -> None:
    dataset = Dataset()
    dataset.StudyDescription = "deflated"
    tags = reading.read(written(tmp_path / "d.dcm", dataset, DeflatedExplicitVRLittleEndian))
    assert one(tags, 0x00081030).text == "deflated"
    assert one(tags, 0x00020010).text == DeflatedExplicitVRLittleEndian
    raw(tmp_path / "bad.dcm", b"\xff" * 900, b"1.2.840.10008.1.2.1.99")
    with pytest.raises(SourceError, match="damaged deflated data"):
        reading.read(tmp_path / "bad.dcm")


def test_private_elements_by_their_creator(bundled: Path) -> None:
    tags = reading.read(bundled / "CT_small.dcm")
    assert one(tags, 0x00090010).name == "Private Creator"
    assert one(tags, 0x00091002).name == "Suite id"


def test_private_values_binary_and_orphans(tmp_path: Path) -> None:
    dataset = Dataset()
    dataset.add_new(0x00990010, "LO", "HOUSE")
    dataset.add_new(0x00991001, "UN", b"plain words")
    dataset.add_new(0x00991002, "OB", b"\x01\x02" * 40)
    dataset.add_new(0x00991102, "OB", b"\x01\x02")
    tags = reading.read(written(tmp_path / "p.dcm", dataset))
    assert (one(tags, 0x00991001).name, one(tags, 0x00991001).text) == ("Private (HOUSE)", "plain words")
    assert one(tags, 0x00991002).text == "01 02 01 02 01 02 01 02 01 02 01 02 01 02 01 02 …"
    assert one(tags, 0x00991102).name == "Private, no creator stated"


def test_patient_fields_are_hidden_wherever_they_stand(tmp_path: Path) -> None:
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.PatientName, dataset.PatientID, dataset.PatientSex = "Müllerová^Ännchen", "MRN-4711", "F"
    dataset.PatientBirthDate = "19620413"
    dataset.StudyDescription = "Thorax of Ms MULLEROVA"
    dataset.SeriesDescription = "Thorax pa"
    dataset.ReferringPhysicianName = "House^Gregory"
    dataset.add_new(0x00990010, "LO", "HOUSE")
    dataset.add_new(0x00991001, "UN", b"copy of mrn-4711")
    item = Dataset()
    item.PatientID = "OTHER-1"
    item.CodeMeaning = "Chest"
    dataset.ReferencedStudySequence = Sequence([item])
    tags = reading.read(written(tmp_path / "p.dcm", dataset))
    hidden = {(each.tag, each.depth) for each in tags.tags if each.private}
    assert {(0x00100010, 0), (0x00100020, 0), (0x00100030, 0), (0x00081030, 0), (0x00080090, 0), (0x00991001, 0),
            (0x00100020, 2)} <= hidden  # fmt: skip
    assert not {(0x00100040, 0), (0x0008103E, 0), (0x00080104, 2)} & hidden
    told = " ".join(each.shown(False) for each in tags.tags).casefold()
    assert not [word for word in ("müller", "muller", "4711", "ännchen", "1962", "other-1", "gregory") if word in told]
    assert one(tags, 0x00100010).shown(False) == HIDDEN
    assert one(tags, 0x00100010).shown(True) == "Müllerová^Ännchen"
    assert not search.found(tags.tags, "mullerova", False), "what is hidden is not found"
    assert len(search.found(tags.tags, "mullerova", True)) == 2


def test_search_by_number_keyword_name_and_value(bundled: Path) -> None:
    tags = reading.read(bundled / "rtplan.dcm").tags
    for query in ("0008,0060", "00080060", "(0008,0060)", "modality", "RTPLAN MODALITY"):
        assert any(tags[index].tag == 0x00080060 for index in search.found(tags, query, False)), query
    deep = search.found(tags, "beam name", False)
    assert deep
    kept = search.with_parents(tags, deep)
    assert all(tags[index].parent in kept or tags[index].parent == -1 for index in kept)
    assert search.found(tags, "no such thing", False) == []
    assert search.found(tags, "  ", False) == list(range(len(tags)))


def test_long_values_are_cut_and_read_whole_on_request(tmp_path: Path) -> None:
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.add(DataElement("PatientComments", "LT", "ä" * 30_000, validation_mode=IGNORE))
    path = written(tmp_path / "long.dcm", dataset)
    tags = reading.read(path)
    cut = one(tags, 0x00104000)
    assert not cut.whole
    assert len(cut.text) <= reading.KEPT
    assert reading.whole(path, cut) == "ä" * 30_000


def elements(count: int) -> bytes:
    return b"".join(struct.pack("<HH2sH", 0x0009 + 2 * (number // 0xEF00), 0x1000 + number % 0xEF00, b"SS", 2) + b"\1\0"
                    for number in range(count))  # fmt: skip


def nested(levels: int, length: int = 0xFFFFFFFF) -> bytes:
    head = struct.pack("<HH2sHI", 0x0040, 0xA730, b"SQ", 0, length) + struct.pack("<HHI", 0xFFFE, 0xE000, length)
    return head * levels


def test_hostile_files_are_read_within_limits(tmp_path: Path) -> None:
    began = time.monotonic()
    many = reading.read(raw(tmp_path / "many.dcm", elements(300_000)))
    assert len(many.tags) == walking.MOST_ELEMENTS + 1
    assert any("Only the first 100,000 elements are shown" in note for note in many.notes)

    deep = reading.read(raw(tmp_path / "deep.dcm", nested(5_000) + b"\x10\0\x10\0PN\4\0A^B "))
    assert max(each.depth for each in deep.tags) <= 2 * walking.MOST_DEPTH
    assert any("deeper than 64 levels" in note for note in deep.notes)

    large = reading.read(raw(tmp_path / "large.dcm", b"\x08\0\x30\x10UT\0\0" + struct.pack("<I", 0xFFFFFFF0) + b"abcd"))
    assert one(large, 0x00081030).text == "abcd"
    assert any("claims 4,294,967,280 bytes where 4 are left" in note for note in large.notes)

    name = b"A" * 65_534
    long = reading.read(raw(tmp_path / "pn.dcm", b"\x10\0\x10\0PN" + struct.pack("<H", len(name)) + name))
    assert len(one(long, 0x00100010).text) == reading.KEPT
    assert time.monotonic() - began < 60


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"\x10\0\x10\0PN\x0c\0\xe2\x80\xaeA\0B\x00\r\n^C ", "A"),  # turning sign, zeros, line breaks
        (b"\x08\0\x60\0ZZ\2\0CT", "CT"),  # a VR that does not exist
        (b"\x08\0\x60\0\x02\0\0\0CT", "CT"),  # implicit among explicit
        (b"\x08\0\x05\0CS\x08\0ISO_IR X\x08\0\x30\x10LO\4\0\xe4\xf6\xfc ", "äöü"),  # unknown character set
        (b"\x08\0\x05\0CS\x0a\0ISO_IR 192\x08\0\x30\x10LO\4\0\xe4A\xffB", "�A�B"),  # not UTF-8 at all
    ],
)
def test_damaged_values_are_shown_as_they_can_be(tmp_path: Path, body: bytes, words: str) -> None:
    tags = reading.read(raw(tmp_path / "odd.dcm", body))
    assert any(words in each.text for each in tags.tags), [each.text for each in tags.tags]


@pytest.mark.parametrize("size", [0, 100, 131, 132, 140, 300, 400, 1000, 5000])
def test_cut_files_give_what_is_there(bundled: Path, tmp_path: Path, size: int) -> None:
    path = tmp_path / "cut.dcm"
    path.write_bytes((bundled / "rtplan.dcm").read_bytes()[:size])
    if size < 132:
        with pytest.raises(SourceError, match="not DICOM"):
            reading.read(path)
    else:
        whole = [(each.tag, each.depth) for each in reading.read(bundled / "rtplan.dcm").tags]
        told = [(each.tag, each.depth) for each in reading.read(path).tags]
        assert told == whole[: len(told)]


def test_random_damage_never_raises_anything_else(bundled: Path, tmp_path: Path) -> None:
    import random

    chance, data = random.Random(7), (bundled / "rtplan.dcm").read_bytes()
    for number in range(150):
        broken = bytearray(data)
        for _ in range(chance.randint(1, 30)):
            broken[chance.randrange(132, len(broken))] = chance.randrange(256)
        path = tmp_path / f"{number}.dcm"
        path.write_bytes(broken)
        try:
            tags = reading.read(path)
        except SourceError:
            continue
        assert all(each.parent < index for index, each in enumerate(tags.tags))


def twins(tmp_path: Path) -> tuple[Path, Path]:
    def made(beam: str, name: str, **more: object) -> Path:
        inner = Dataset()
        inner.BeamName, inner.BeamNumber = beam, 1
        outer = Dataset()
        outer.BeamSequence = Sequence([inner, Dataset()])
        outer.Modality, outer.PatientName = "RTPLAN", "Secret^One"
        for keyword, value in more.items():
            setattr(outer, keyword, value)
        return written(tmp_path / name, outer)

    return made("left", "a.dcm", StudyDate="20240501"), made("right", "b.dcm", SeriesNumber=4)


def test_two_files_are_compared_at_every_level(tmp_path: Path) -> None:
    pairs = comparing.compared(*(reading.read(path) for path in twins(tmp_path)))
    told = {(pair.either.keyword or "item", pair.depth): (None if pair.left is None else pair.left.text,
                                                          None if pair.right is None else pair.right.text)
            for pair in (pairs[index] for index in comparing.differing(pairs))}  # fmt: skip
    told = {key: value for key, value in told.items() if "UID" not in key[0] and key[0] != "GroupLength"}
    assert told == {
        ("StudyDate", 0): ("20240501", None), ("SeriesNumber", 0): (None, "4"),
        ("BeamSequence", 0): ("", ""), ("item", 1): ("", ""), ("BeamName", 2): ("left", "right"),
    }  # fmt: skip
    same = comparing.compared(*(reading.read(twins(tmp_path)[0]),) * 2)
    assert not comparing.differing(same)
    found = comparing.matching(pairs, comparing.differing(pairs), "beam name", False)
    assert [pairs[index].depth for index in found] == [0, 1, 2]


def test_the_encoding_of_a_file_is_no_difference(tmp_path: Path) -> None:
    def made(name: str, syntax: str) -> Path:
        dataset = Dataset()
        dataset.Modality, dataset.Rows, dataset.ImagePositionPatient = "CT", 12, [1, 2, 3]
        dataset.add_new(0x00281201, "OW", b"\1\2" * 4000)
        return written(tmp_path / name, dataset, syntax)

    left, right = (reading.read(made(*one)) for one in (("e.dcm", ExplicitVRLittleEndian), ("i.dcm", ImplicitVRLittleEndian)))
    pairs = comparing.compared(left, right)
    differ = {pairs[index].either.keyword for index in comparing.differing(pairs)}
    assert differ <= {"TransferSyntaxUID", "MediaStorageSOPInstanceUID", "SOPInstanceUID", "FileMetaInformationGroupLength",
                      "GroupLength"}  # fmt: skip


def test_what_is_not_dicom_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("hello")
    with pytest.raises(SourceError, match=r"a\.txt is not DICOM"):
        reading.read(tmp_path / "a.txt")
    with pytest.raises(SourceError, match="is a folder"):
        reading.read(tmp_path)
