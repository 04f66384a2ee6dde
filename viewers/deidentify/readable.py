"""What can be read of a data set; what cannot is dropped."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydicom.dataelem import DataElement
    from pydicom.dataset import Dataset


def readable(dataset: Dataset) -> Iterator[DataElement]:
    """The elements in the order of their tags."""
    for tag in sorted(dataset.keys()):
        try:
            element = dataset[tag]
            _ = element.value, element.VR
        except Exception:  # pydicom parses when asked and names no closed list of what damage raises
            continue
        yield element


def values_of(value: object) -> list[Any]:
    """An element's value as a list of single ones, [] for none."""
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) or type(value).__name__ == "MultiValue" else [value]  # type: ignore[call-overload]
