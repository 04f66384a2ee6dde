"""Table E.1-1 as data: the lines are there, and a sample of them says what the standard's own table says."""

from __future__ import annotations

import pytest
from pydicom.datadict import dictionary_VR

from viewers.deidentify.options import ABOUT, ACTS, Option, chosen
from viewers.deidentify.profile import COLUMNS, row_of, safe_private, table
from viewers.deidentify.walk import resolved

KNOWN = {
    0x00100010: ("Z", {}),
    0x00100020: ("Z/D", {}),
    0x00100030: ("Z", {}),
    0x00100040: ("Z", {"characteristics": "K"}),
    0x00101010: ("X", {"characteristics": "K"}),
    0x00080020: ("Z", {"full_dates": "K", "modified_dates": "C"}),
    0x0008002A: ("X/Z/D", {"full_dates": "K", "modified_dates": "C"}),
    0x00080018: ("U", {"uids": "K"}),
    0x00080050: ("Z", {}),
    0x00080080: ("X/Z/D", {"institution": "K"}),
    0x00081010: ("X/Z/D", {"device": "K"}),
    0x00081030: ("X", {"descriptors": "C"}),
    0x0008103E: ("X", {"descriptors": "C"}),
    0x00081140: ("X/Z/U*", {"uids": "K"}),
    0x00181000: ("X/Z/D", {"device": "K"}),
    0x00181030: ("X/D", {"descriptors": "C"}),
    0x00181200: ("X", {"device": "K", "full_dates": "K", "modified_dates": "C"}),
    0x00400555: ("X/Z", {"structured": "C"}),
    0x0040A730: ("D", {"structured": "C"}),
    0x0040A124: ("U", {}),
    0x00700001: ("D", {"graphics": "C"}),
    0x00880200: ("X", {}),
    0x60003000: ("X", {"graphics": "C"}),
    0x60104000: ("X", {"graphics": "C"}),
    0x50120010: ("X", {"graphics": "C"}),
    0x00091001: ("X", {"private": "C"}),
    0xFFFAFFFA: ("X", {}),
}


def test_every_line_of_the_edition_is_there() -> None:
    tags = [row.tag for row in table()]
    assert len(tags) == len(set(tags)) == 656
    assert {row.basic for row in table()} == {"X", "Z", "D", "U", "Z/D", "X/Z", "X/D", "X/Z/D", "X/Z/U*"}
    assert {action for row in table() for action in row.options.values()} == {"K", "C"}
    assert {option for row in table() for option in row.options} == set(COLUMNS)


@pytest.mark.parametrize("tag", KNOWN)
def test_a_sample_says_what_the_standard_says(tag: int) -> None:
    row = row_of(tag)
    assert row is not None
    assert (row.basic, {str(option): action for option, action in row.options.items()}) == KNOWN[tag]


def test_dates_and_uids_have_their_options() -> None:
    """Whatever the VR calls a date, a time or a UID bears the option for it, but for the few that the standard leaves out."""
    without_dates, without_uids = set(), set()
    for row in table():
        try:
            vr = dictionary_VR(int(row.tag, 16))
        except (KeyError, ValueError):
            continue
        if vr in ("DA", "TM", "DT") and Option.MODIFIED_DATES not in row.options:
            without_dates.add(row.tag)
        if vr == "UI" and Option.UIDS not in row.options:
            without_uids.add(row.tag)
    assert without_dates == {"00100030", "00100032"}
    assert without_uids == {"04000100", "0040A124"}


def test_what_the_table_does_not_name() -> None:
    assert row_of(0x00280010) is None
    assert row_of(0x60000010) is None


@pytest.mark.parametrize(
    ("action", "by_type"),
    [
        ("X", "DZX"),
        ("Z", "DZZ"),
        ("D", "DDD"),
        ("U", "UUU"),
        ("Z/D", "DZZ"),
        ("X/Z", "DZX"),
        ("X/D", "DDX"),
        ("X/Z/D", "DZX"),
        ("X/Z/U*", "UUU"),
    ],
)
def test_the_type_decides(action: str, by_type: str) -> None:
    """Types 1, 2 and 3 (PS3.15 Table E.1-1a): nothing that an object needs is removed."""
    assert "".join(resolved(action, rank) for rank in (1, 2, 3)) == by_type


def test_options_by_name() -> None:
    assert chosen(["device", "uids"]) == {Option.DEVICE, Option.UIDS}
    for wrong in (["pixels"], ["everything"], ["full_dates", "modified_dates"]):
        with pytest.raises(ValueError, match="choose"):
            chosen(wrong)
    assert len({about.code for about in ABOUT.values()}) == len(Option) == 12
    assert set(ACTS) == {Option.PIXELS, Option.VISUAL}


def test_safe_private_attributes_are_numbers_and_codes() -> None:
    assert safe_private()[0x7053, 0x00, "Philips PET Private Group"] == "DS"
    assert set(safe_private().values()) <= {"DS", "IS", "CS", "FL", "FD", "SS", "US", "SL"}
