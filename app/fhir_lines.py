"""A FHIR bundle (R4, hl7.org/fhir/R4) as plain lines, one a resource: what a reader would read, in the bundle's own order.

Addresses, identifiers and the narrative that a server made of the same values are left out; nothing is reworded.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

LEFT_OUT = frozenset({
    "id", "meta", "fullUrl", "link", "extension", "modifierExtension", "identifier", "implicitRules", "language", "resourceType",
    "reference", "telecom", "address", "photo", "data",
})  # fmt: skip
_CONCEPT, _CODING = {"coding", "text"}, {"system", "version", "code", "display", "userSelected"}
_REFERENCE, _QUANTITY = {"reference", "type", "display"}, {"value", "comparator", "unit", "system", "code"}
_BESIDE = {"id", "extension", "identifier"}
"""May stand in any of these and is left out."""
DEEPEST = 30


def lines(value: Any) -> Iterator[str]:
    """A bundle's resources, a list's, or the one resource; what is no FHIR is told by its names alone."""
    if isinstance(value, list):
        for one in value:
            yield from lines(one)
    elif isinstance(value, dict) and value.get("resourceType") == "Bundle" and isinstance(value.get("entry"), list):
        for entry in value["entry"]:
            yield from lines(entry.get("resource") if isinstance(entry, dict) else entry)
    elif isinstance(value, dict):
        words = "; ".join(_told(value, "", 0))
        if words:
            yield f"{value['resourceType']}: {words}" if isinstance(value.get("resourceType"), str) else words
    elif value is not None:
        yield str(value)


def _told(value: Mapping[str, Any], name: str, depth: int) -> Iterator[str]:
    for key, inner in value.items():
        narrative = key == "text" and isinstance(inner, dict)
        if key not in LEFT_OUT and not narrative and depth < DEEPEST:
            yield from _one(f"{name} {key}".strip(), inner, depth + 1)


def _one(name: str, value: Any, depth: int) -> Iterator[str]:
    short = _short(value)
    if short:
        yield f"{name} {short}"
    elif isinstance(value, list):
        shorts = [_short(one) for one in value]
        if value and all(shorts):
            yield f"{name} {', '.join(shorts)}"
        else:
            for one in value:
                yield from _one(name, one, depth)
    elif isinstance(value, dict):
        yield from _told(value, name, depth)


def _short(value: Any) -> str:
    """A value of FHIR's data types (hl7.org/fhir/R4/datatypes.html) as a sheet would print it; "" for what is larger."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str | int | float):
        return " ".join(str(value).split())
    if not isinstance(value, dict):
        return ""
    keys = set(value) - _BESIDE
    if keys and keys <= _CONCEPT:
        codings = value.get("coding", [])
        named = [_short(one) for one in codings if isinstance(one, dict)] if isinstance(codings, list) else []
        return _short(value.get("text", "")) or ", ".join(filter(None, named))
    if keys & {"code", "display"} and (keys <= _CODING or keys <= _REFERENCE):
        return _short(value.get("display") or value.get("code") or "")
    if "value" in keys and keys <= _QUANTITY:
        number = f"{value.get('comparator', '')}{_short(value['value'])}"
        return " ".join(filter(None, (number, _short(value.get("unit") or value.get("code") or ""))))
    if keys and keys <= {"low", "high"}:  # Range
        return " to ".join(filter(None, (_short(value.get("low", "")), _short(value.get("high", "")))))
    if keys and keys <= {"start", "end"}:  # Period
        return f"{value.get('start', '')} to {value.get('end', '')}".strip()
    if keys and keys <= {"family", "given", "prefix", "suffix", "use"}:  # HumanName
        given = value.get("given", [])
        return " ".join(filter(None, [*(map(str, given) if isinstance(given, list) else []), str(value.get("family", ""))]))
    return ""
