"""A FHIR bundle (R4, hl7.org/fhir/R4) as plain lines, one a resource: what a reader would read, in the bundle's own order.

Addresses, identifiers and the narrative that a server made of the same values are left out; nothing is reworded.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

LEFT_OUT = frozenset({
    "id", "meta", "text", "fullUrl", "link", "extension", "modifierExtension", "identifier", "implicitRules", "language",
    "system", "contained", "resourceType", "reference", "type", "request", "search", "response", "telecom", "address",
    "photo", "data",
})  # fmt: skip
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
        if key not in LEFT_OUT and depth < DEEPEST:
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
    if isinstance(value.get("coding"), list) or isinstance(value.get("text"), str):  # CodeableConcept
        codings = [_short(one) for one in value.get("coding", []) if isinstance(one, dict)]
        return _short(value.get("text") or "") or ", ".join(filter(None, codings))
    if "display" in value or ("code" in value and "value" not in value and isinstance(value["code"], str)):  # Coding, Reference
        return _short(value.get("display") or value.get("code") or "")
    if isinstance(value.get("value"), int | float) and not isinstance(value["value"], bool):  # Quantity
        unit = value.get("unit") or value.get("code") or ""
        return " ".join(filter(None, (f"{value.get('comparator', '')}{value['value']}", _short(unit))))
    if set(value) <= {"low", "high"} and value:  # Range
        return " to ".join(filter(None, (_short(value.get("low", "")), _short(value.get("high", "")))))
    if set(value) <= {"start", "end"} and value:  # Period
        return f"{value.get('start', '')} to {value.get('end', '')}".strip()
    if set(value) <= {"family", "given", "prefix", "suffix", "use"} and value:  # HumanName
        given = value.get("given", [])
        return " ".join(filter(None, [*(map(str, given) if isinstance(given, list) else []), str(value.get("family", ""))]))
    return ""
