"""One data set made anew from another after the table, item by item; nothing is taken over that is not decided here.

Beyond the table, an attribute that it does not name is treated by its VR: names, free texts, titles of applications and links
are removed; dates and times go as all others; what is unknown, unreadable or not of its VR is dropped; and a text in which the
patient's own names or numbers stand is removed wherever it is. What the IOD requires is emptied or filled with a dummy instead.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from viewers.deidentify import dates
from viewers.deidentify.dummies import dummy, of_form
from viewers.deidentify.identity import Identity, without_strangers
from viewers.deidentify.iod_types import Types
from viewers.deidentify.options import Option
from viewers.deidentify.profile import row_of, safe_private
from viewers.deidentify.pseudonyms import Pseudonyms
from viewers.deidentify.readable import readable, values_of

if TYPE_CHECKING:
    from pydicom.dataelem import DataElement
    from pydicom.dataset import Dataset

_TEMPORAL = frozenset({"DA", "TM", "DT"})
_FREE_TEXT = frozenset({"PN", "LT", "ST", "UT", "UR", "UC", "AE"})
_CHECKED = frozenset({"LO", "SH", "CS", "DS", "IS", "UC", "UR", "UT", "ST", "LT", "AE", "PN", "AS"})
_CODES = frozenset({"LongCodeValue", "URNCodeValue"})
_KINDS = re.compile(r".*(SOPClass|TransferSyntax|CodingScheme|MappingResource|Context)\w*UID\w*")
"""UIDs that name kinds of things, even when a vendor made them."""
_VERSIONS = frozenset({"ContextGroupVersion", "ContextGroupLocalVersion", "TemplateVersion", "TemplateLocalVersion"})
"""Dates of a code table, which no patient has."""
_BULK = frozenset({"ICCProfile", "WaveformData", "WaveformPaddingValue", "ChannelMinimumValue", "ChannelMaximumValue"})
_ENUMERATED = {
    "PatientSex": ("M", "F", "O"), "PatientSexNeutered": ("ALTERED", "UNALTERED"), "SmokingStatus": ("YES", "NO", "UNKNOWN"),
}  # fmt: skip
"""What a patient's characteristic may say, where the standard enumerates it."""
_ALONE = frozenset({"WaveformAnnotationSequence", "GraphicAnnotationSequence"})
"""Each is all of its module: left out, the module is not there."""
_ENCRYPTED = frozenset({"EncryptedAttributesSequence"})
_NEVER = frozenset(
    {"PatientBirthDateInAlternativeCalendar", "PatientDeathDateInAlternativeCalendar", "PatientAlternativeCalendar"}
)
"""Dates of birth that Table E.1-1 forgets."""
_MOST_DEPTH = 60


@dataclass(frozen=True, slots=True)
class Choice:
    """What a person chose, and the names that stand for persons."""

    options: frozenset[Option]
    pseudonyms: Pseudonyms


class Walk:
    def __init__(self, choice: Choice, types: Types, patient_id: str, identity: Identity) -> None:
        self._options, self._pseudonyms = choice.options, choice.pseudonyms
        self._types, self._identity = types, identity
        self._days = choice.pseudonyms.shift_days(patient_id)

    def item(self, dataset: Dataset, path: tuple[str, ...] = ()) -> Dataset:
        """What is left of a data set or of an item of the sequences `path`. Pixel data are not among it."""
        from pydicom.dataset import Dataset

        made = Dataset()
        for element in readable(dataset):
            kept = self._private(dataset, element) if element.tag.group % 2 else self._standard(element, path)
            if kept is not None:
                made.add(kept)
        self._add_creators(dataset, made)
        return made

    def _standard(self, element: DataElement, path: tuple[str, ...]) -> DataElement | None:
        tag, keyword = element.tag, element.keyword
        if tag.group < 8 or tag.element == 0 or tag.group & 0xFF00 in (0x5000, 0x6000) or tag.group == 0x7FE0 or not keyword:
            return None
        if keyword in _ENCRYPTED or keyword in _NEVER or len(path) > _MOST_DEPTH:
            return None
        row = row_of(int(tag))
        if row is None:
            return self._unlisted(element, path)
        action, option = row.applied(self._options)
        if action == "K":
            return self._kept(element, path, row.basic)
        if action == "C":
            return self._cleaned(element, path, option, row.basic)
        return self._acted(element, path, action)

    def _unlisted(self, element: DataElement, path: tuple[str, ...]) -> DataElement | None:
        vr, keyword = element.VR, element.keyword
        if vr in _TEMPORAL:
            if Option.FULL_DATES in self._options:
                return self._kept(element, path, "X")
            return (
                self._shifted(element, path, "X") if Option.MODIFIED_DATES in self._options else self._acted(element, path, "X")
            )
        if vr == "AS" and Option.CHARACTERISTICS not in self._options:
            return self._acted(element, path, "X")
        if (vr in _FREE_TEXT and keyword not in _CODES) or vr == "UN" or (vr == "OB" and keyword not in _BULK):
            return self._acted(element, path, "X")
        return self._kept(element, path, "X")

    # actions

    def _acted(self, element: DataElement, path: tuple[str, ...], action: str) -> DataElement | None:
        """X, Z, D, U or one of several by the Type."""
        what = resolved(action, self._rank(element.keyword, path))
        if what == "X" or (element.keyword in _ALONE and what == "D"):
            return None
        if what == "U":
            return self._with_other_uids(element, path)
        if what == "Z" or _empty(element):
            return _element(element, [] if element.VR == "SQ" else None)
        if element.VR == "SQ":
            return _element(element, [self._dummy_item(one) for one in element.value])
        return _element(element, self._uid(str(element.value)) if element.VR == "UI" else dummy(element.VR, element.keyword))

    def _kept(self, element: DataElement, path: tuple[str, ...], otherwise: str) -> DataElement | None:
        """As it is where it is of its VR and names nobody; else as the basic profile has it."""
        vr = element.VR
        if vr == "SQ":
            return self._inside(element, path)
        if vr == "UI":
            return element if Option.UIDS in self._options else self._with_other_uids(element, path)
        if vr == "OB" and element.keyword not in _BULK and not _stamp(element.value):
            return self._acted(element, path, otherwise)
        if vr not in _CHECKED and vr not in _TEMPORAL:
            return element
        values = [_cut(one) for one in values_of(element.value)]
        if vr == "AS":
            ages = [dates.capped_age(one) if one else "" for one in values]
            return self._acted(element, path, otherwise) if None in ages else _element(element, _joined(ages))
        if all(of_form(vr, one) and not self._names_somebody(vr, one, element.keyword, path) for one in values):
            return element if values == [str(one) for one in values_of(element.value)] else _element(element, _joined(values))
        return self._acted(element, path, otherwise)

    def _cleaned(self, element: DataElement, path: tuple[str, ...], option: Option | None, otherwise: str) -> DataElement | None:
        if option == Option.MODIFIED_DATES:
            return self._shifted(element, path, otherwise)
        if option in (Option.STRUCTURED, Option.GRAPHICS) and element.VR == "SQ":
            return self._inside(element, path)
        if option in (Option.DESCRIPTORS, Option.CHARACTERISTICS):
            if element.VR == "SQ":
                return self._inside(element, path)
            words = [without_strangers(_cut(one), self._identity) for one in values_of(element.value)]
            if any(words):
                return _element(element, _joined(words))
        return self._acted(element, path, otherwise)

    def _shifted(self, element: DataElement, path: tuple[str, ...], otherwise: str) -> DataElement | None:
        if element.keyword in _VERSIONS:
            return self._kept(element, path, otherwise)
        if element.keyword == "TimezoneOffsetFromUTC" and re.fullmatch(r"[+-]\d{4}", str(element.value)):
            return element
        moved = [dates.shifted(element.VR, str(one), self._days) for one in values_of(element.value)]
        if element.VR not in _TEMPORAL or None in moved:
            return self._acted(element, path, otherwise)
        return _element(element, _joined(moved))

    # items and UIDs

    def _inside(self, element: DataElement, path: tuple[str, ...]) -> DataElement:
        return _element(element, [self.item(one, (*path, element.keyword)) for one in element.value])

    def _with_other_uids(self, element: DataElement, path: tuple[str, ...]) -> DataElement | None:
        if element.VR == "SQ":
            return self._inside(element, path)
        if _KINDS.fullmatch(element.keyword):
            return element if all(of_form("UI", one) for one in map(str, values_of(element.value))) else None
        return _element(element, _joined([self._uid(str(one)) for one in values_of(element.value)]))

    def _uid(self, uid: str) -> str:
        return self._pseudonyms.uid(uid.strip(" \0"))

    def _dummy_item(self, dataset: Dataset) -> Dataset:
        """The same attributes with values that say nothing."""
        from pydicom.dataset import Dataset

        made = Dataset()
        for element in readable(dataset):
            if element.tag.group % 2 or not element.keyword:
                continue
            if element.VR == "SQ":
                made.add(_element(element, [self._dummy_item(one) for one in element.value]))
            elif element.VR == "UI":
                made.add(_element(element, _joined([self._uid(str(one)) for one in values_of(element.value)])))
            else:
                made.add(_element(element, None if _empty(element) else dummy(element.VR, element.keyword)))
        return made

    def _rank(self, keyword: str, path: tuple[str, ...]) -> int:
        """The Type as 1, 2 or 3; an attribute that the IOD does not know is as free to go as Type 3."""
        return (self._types.of(path, keyword) or 3) if self._types else 1

    def _names_somebody(self, vr: str, text: str, keyword: str, path: tuple[str, ...]) -> bool:
        if keyword in _ENUMERATED:
            return text not in (*_ENUMERATED[keyword], "")
        if vr in ("DS", "IS") or (vr == "CS" and self._rank(keyword, path) == 1):
            return False
        return self._identity.told_by(text)

    # private attributes

    def _private(self, dataset: Dataset, element: DataElement) -> DataElement | None:
        """What the standard lists as safe, when asked for and of the right VR. Creators follow in `_add_creators`."""
        if Option.PRIVATE not in self._options or element.tag.is_private_creator:
            return None
        wanted = _safe_vr(dataset, element)
        if wanted is None:
            return None
        value = element.value
        if element.VR == "UN" and wanted in ("DS", "IS", "CS") and isinstance(value, bytes):
            value = value.decode("ascii", "replace").strip(" \0").split("\\")
        elif wanted != element.VR:
            return None
        texts = [str(one) for one in values_of(value)]
        said = value is not None and all(of_form(wanted, one) and not self._identity.told_by(one) for one in texts)
        if wanted in ("DS", "IS", "CS") and not said:
            return None
        return _element(element, value, wanted)

    def _add_creators(self, dataset: Dataset, made: Dataset) -> None:
        for element in list(made):
            if element.tag.group % 2:
                creator = dataset[element.tag.group, element.tag.element >> 8]
                made.add_new(creator.tag, "LO", str(creator.value).strip())


def resolved(action: str, rank: int) -> str:
    """One of X, Z, D and U for an action of the table and the Type (PS3.15 Table E.1-1a).

    X/Z/U* gives U, which keeps the references between files whole with other UIDs. What a Type requires is never removed: X is
    then Z or D, and Z is D, which leave as little behind.
    """
    offered = action.replace("*", "").split("/")
    if "U" in offered:
        return "U"
    if offered == ["D"]:
        return "D"
    order = {1: ("D",), 2: ("Z", "D")}.get(rank, ("X", "Z", "D"))
    return next((one for one in order if one in offered), order[0])


def _safe_vr(dataset: Dataset, element: DataElement) -> str | None:
    block = element.tag.element >> 8
    try:
        creator = str(dataset[element.tag.group, block].value).strip() if block >= 0x10 else ""
    except KeyError:
        return None
    return safe_private().get((element.tag.group, element.tag.element & 0xFF, creator))


def _element(like: DataElement, value: Any, vr: str = "") -> DataElement:
    """Values are judged here and not by pydicom, which would write what it finds wrong into warnings."""
    from pydicom import config
    from pydicom.dataelem import DataElement

    return DataElement(like.tag, vr or like.VR, value, validation_mode=config.IGNORE)


def _joined(values: list[Any]) -> Any:
    return values[0] if len(values) == 1 else values or None


def _empty(element: DataElement) -> bool:
    return element.value is None or (not isinstance(element.value, int | float) and len(element.value) == 0)


def _cut(value: object) -> str:
    """A text up to its first control character, behind which anything may be hidden."""
    return re.split(r"[\0-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f]", str(value), maxsplit=1)[0]


def _stamp(value: object) -> bool:
    """A time in a few bytes, which is no text."""
    return isinstance(value, bytes) and len(value) <= 16 and not value.strip(b"\0").isascii()
