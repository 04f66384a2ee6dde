"""Every line of Table E.1-1, and every option that speaks of it: what its action promises."""

from __future__ import annotations

import io
from typing import Any

import pytest
from pydicom.datadict import dictionary_keyword, dictionary_VR
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from viewers.deidentify.identity import Identity
from viewers.deidentify.iod_types import types_of
from viewers.deidentify.options import Option
from viewers.deidentify.profile import Row, table
from viewers.deidentify.pseudonyms import Pseudonyms
from viewers.deidentify.walk import Choice, Walk

CT = "1.2.840.10008.5.1.4.1.1.2"
CANARY = "Zebrafinch"
UID = "1.3.6.1.4.1.99999.20260302.4711"
VALUES = {
    "AE": "ZEBRAFINCH",
    "AS": "067Y",
    "CS": "ZEBRAFINCH",
    "DA": "19540302",
    "TM": "124107",
    "DT": "19540302124107",
    "UI": UID,
    "DS": "4711.25",
    "IS": "4711",
    "OB": CANARY.encode(),
    "OW": CANARY.encode(),
    "UN": CANARY.encode(),
    "OB or OW": CANARY.encode(),
    "UR": "http://zebrafinch.example",
    "FD": 4711.25,
    "FL": 4711.25,
    "US": 4711,
    "UL": 4711,
    "SS": 4711,
    "SL": 4711,
}
ENUMERATED = {"00100040": "M", "00102203": "ALTERED", "001021A0": "YES"}
"""What may be kept of these is only what the standard lists."""
PATTERNS = {"50xxxxxx": 0x50003000, "60xx3000": 0x60003000, "60xx4000": 0x60004000, "oddxxxxx": 0x00091001}
NOT_IN_DATA_SETS = ("0000", "0002", "0004")


def tag_of(row: Row) -> int:
    return PATTERNS.get(row.tag) or int(row.tag, 16)


def vr_of(tag: int) -> str:
    try:
        return str(dictionary_VR(tag))
    except KeyError:
        return "LO" if tag >> 16 != 0x0040 else "UT"


def value_for(vr: str) -> Any:
    if vr != "SQ":
        return VALUES.get(vr, f"chest {CANARY}")
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = CT, UID
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = CANARY.upper(), "L", CANARY
    return [item]


def walked(row: Row, *options: Option) -> tuple[Dataset, Dataset]:
    """A CT with this attribute, before and after."""
    before = Dataset()
    before.SOPClassUID = CT
    tag, vr = tag_of(row), vr_of(tag_of(row))
    if row.tag == "oddxxxxx":
        before.add_new(0x00090010, "LO", "MAKER OF ZEBRAS")
    before.add_new(tag, vr, ENUMERATED.get(row.tag, value_for(vr)) if options else value_for(vr))
    if row.basic == "X/Z/U*":
        del before[tag].value[0].CodeValue, before[tag].value[0].CodeMeaning  # it holds references alone
    choice = Choice(frozenset(options), Pseudonyms(b"k" * 32))
    after = Walk(choice, types_of(CT), "id\0" + "P1", Identity(frozenset(), frozenset())).item(before)
    return before, after


def written(dataset: Dataset) -> bytes:
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=False, implicit_vr=False, little_endian=True)
    return buffer.getvalue()


def hides(dataset: Dataset, *more: bytes) -> bool:
    data = written(dataset).upper()
    return not any(
        one.upper() in data for one in (CANARY.encode(), UID.encode(), b"19540302", b"124107", b"4711", b"067Y", *more)
    )


@pytest.mark.parametrize("row", table(), ids=lambda row: f"{row.tag} {row.basic}")
def test_the_basic_profile(row: Row) -> None:
    before, after = walked(row)
    tag = tag_of(row)
    assert tag in before
    assert hides(after), after
    rank = types_of(CT).of((), dictionary_keyword(tag) if tag not in PATTERNS.values() and _known(tag) else "") or 3
    if row.tag[:4] in NOT_IN_DATA_SETS or not _known(tag) or row.tag in PATTERNS:
        assert tag not in after
    elif row.basic == "X":
        assert (tag in after) == (rank < 3)
    elif row.basic == "Z":
        assert tag in after
        assert not after[tag].value or rank == 1
    elif row.basic == "D" and row.tag != "00700001":  # what is drawn is left out with all of its module
        assert tag in after
        assert after[tag].value
        assert after[tag].value != before[tag].value
    elif row.basic == "U":
        assert str(after[tag].value).startswith("2.25.")
    elif row.basic == "X/Z/U*":
        item = after[tag].value[0]
        assert item.ReferencedSOPClassUID == CT
        assert item.ReferencedSOPInstanceUID.startswith("2.25.")


@pytest.mark.parametrize(
    ("row", "option"),
    [(row, option) for row in table() for option in row.options],
    ids=lambda one: one.tag if isinstance(one, Row) else str(one),
)
def test_an_option(row: Row, option: Option) -> None:
    before, after = walked(row, option)
    tag, action = tag_of(row), row.options[option]
    if row.tag[:4] in NOT_IN_DATA_SETS or not _known(tag) or row.tag in PATTERNS:
        assert tag not in after
        return
    was, vr = before[tag].value, before[tag].VR
    if action == "K" and not (vr == "OB" and option == Option.FULL_DATES) and not (vr == "UT" or (tag, vr) == (0x00080201, "SH")):
        if vr == "SQ" and option == Option.UIDS:
            assert after[tag].value[0].ReferencedSOPInstanceUID == UID
        elif vr == "SQ":
            assert after[tag].value[0].CodeMeaning == CANARY
            assert after[tag].value[0].ReferencedSOPInstanceUID.startswith("2.25.")
        elif vr == "UI" and option != Option.UIDS:
            assert str(after[tag].value).startswith("2.25.")
        elif row.tag in ("00080107", "0040DB06", "0040DB07") and vr not in ("DT", "DA"):
            assert tag not in after or hides(after)
        else:
            assert after[tag].value == was
    elif option == Option.MODIFIED_DATES and vr in ("DA", "DT") and "Version" not in row.name:
        assert len(after[tag].value) == len(was)
        assert after[tag].value[:8] < was[:8]
        assert after[tag].value[8:] == was[8:]
    elif option == Option.MODIFIED_DATES and vr == "TM":
        assert after[tag].value == was
    elif option in (Option.DESCRIPTORS, Option.CHARACTERISTICS) and action == "C" and vr not in ("SQ", "OB", "AE", "CS"):
        assert after[tag].value == "chest"
    elif option in (Option.STRUCTURED, Option.GRAPHICS) and vr == "SQ":
        assert after[tag].value[0].ReferencedSOPInstanceUID.startswith("2.25.")
    elif action == "C" and vr != "SQ" and "Version" not in row.name:
        assert hides(after)


def _known(tag: int) -> bool:
    try:
        return bool(dictionary_keyword(tag))
    except KeyError:
        return False
