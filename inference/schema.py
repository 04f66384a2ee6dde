"""The JSON texts that a schema allows, as a node of a language of bytes.

A small part of JSON Schema (draft 2020-12): objects whose properties are all required and written in the schema's order, arrays
of up to `maxItems`, strings of up to `maxLength` characters or of an `enum`, numbers from `minimum` to `maximum`, booleans, null,
and several of these types at one place. A text is compact, with one space or none after a comma or a colon. Characters are UTF-8
as they are, or escaped; control characters other than a new line and a tab are not written, nor half a surrogate pair.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import resources
from inference.automaton import Language, Node
from inference.errors import SchemaRefused
from inference.numerals import Numeral

DEEPEST = 16
_WORDS = {"title", "description", "$schema", "$id", "$comment", "default", "examples"}
_KEYS = {
    "object": {"properties", "required", "additionalProperties"},
    "array": {"items", "minItems", "maxItems"},
    "string": {"maxLength"},
    "integer": {"minimum", "maximum"},
    "number": {"minimum", "maximum"},
    "boolean": set(),
    "null": set(),
}
_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,), "integer": (int,), "number": (int, float), "boolean": (bool,), "null": (type(None),)
}  # fmt: skip


def load(name: str) -> Mapping[str, Any]:
    """resources/schemas/<name>.json. Raises SchemaRefused where it is absent or no JSON object."""
    try:
        found = json.loads(resources.text(f"schemas/{name}.json"))
    except (OSError, ValueError) as error:
        raise SchemaRefused(f"resources/schemas/{name}.json cannot be read ({error}); restore it") from error
    if not isinstance(found, dict):
        raise SchemaRefused(f"resources/schemas/{name}.json holds no JSON object; restore it")
    return found


def texts(schema: Mapping[str, Any], language: Language) -> Node:
    """All texts that `schema` allows. Raises SchemaRefused for what is outside the part of JSON Schema that is known here."""
    return _Reader(language).value(schema, "", 0)


class _Reader:
    def __init__(self, language: Language) -> None:
        self._language = language
        self._gap = language.repeat(language.text(b" "), 0, 1)
        self._comma = language.chain(language.text(b","), self._gap)
        self._character = _character(language)

    def value(self, schema: Any, place: str, depth: int) -> Node:
        if not isinstance(schema, Mapping):
            raise _refused(place, "is no JSON object")
        if depth > DEEPEST:
            raise _refused(place, f"lies more than {DEEPEST} deep")
        types = schema.get("type", [])
        types = [types] if isinstance(types, str) else types
        if not isinstance(types, list) or not all(isinstance(one, str) and one in _KEYS for one in types):
            raise _refused(place, f"has the type {types!r}, which is none of {', '.join(_KEYS)}")
        known = _WORDS.union({"type", "enum"}, *(_KEYS[one] for one in types))
        if unknown := sorted(set(schema) - known):
            raise _refused(place, f"has “{unknown[0]}”, which cannot be kept to while writing")
        if "enum" in schema:
            return self._enum(schema["enum"], types, place)
        if not types:
            raise _refused(place, "has no type and no enum")
        return self._language.either(self._typed(one, schema, place, depth) for one in types)

    def _typed(self, kind: str, schema: Mapping[str, Any], place: str, depth: int) -> Node:
        say = self._language
        if kind == "object":
            return self._object(schema, place, depth)
        if kind == "array":
            least, most = _count(schema, "minItems", place, 0), _count(schema, "maxItems", place)
            if least > most:
                raise _refused(place, f"has minItems {least} above maxItems {most}")
            item = self.value(schema.get("items"), f"{place}[]", depth + 1)
            return say.chain(say.text(b"["), self._listed(item, least, most), say.text(b"]"))
        if kind == "string":
            length = _count(schema, "maxLength", place)
            return say.chain(say.text(b'"'), say.repeat(self._character, 0, length), say.text(b'"'))
        if kind in ("integer", "number"):
            low, high = (_bound(schema, key, place) for key in ("minimum", "maximum"))
            numeral = Numeral.between(low, high, kind == "integer")
            if numeral is None:
                raise _refused(place, f"leaves no {kind} between its minimum and its maximum")
            return say.number(numeral)
        return say.either([say.text(b"true"), say.text(b"false")]) if kind == "boolean" else say.text(b"null")

    def _listed(self, item: Node, least: int, most: int) -> Node:
        if most == 0:
            return self._language.end
        more = self._language.repeat(self._language.chain(self._comma, item), max(least - 1, 0), most - 1)
        some = self._language.chain(item, more)
        return some if least else self._language.either([self._language.end, some])

    def _object(self, schema: Mapping[str, Any], place: str, depth: int) -> Node:
        properties = schema.get("properties", {})
        required = schema.get("required", [])
        if not isinstance(properties, Mapping) or not isinstance(required, list) or set(properties) != set(map(str, required)):
            raise _refused(place, "must name each of its properties under “required”, and nothing else")
        if schema.get("additionalProperties") is not False:
            raise _refused(place, "must say “additionalProperties”: false")
        say, parts = self._language, []
        for number, (name, inner) in enumerate(properties.items()):
            value = self.value(inner, f"{place}.{name}".lstrip("."), depth + 1)
            parts += [self._comma] if number else []
            parts += [self._written(name, place), say.text(b":"), self._gap, value]
        return say.chain(say.text(b"{"), *parts, say.text(b"}"))

    def _enum(self, values: Any, types: list[str], place: str) -> Node:
        if not isinstance(values, list) or not values:
            raise _refused(place, "has an empty enum, or one that is no list")
        for value in values:
            if not any(_is(value, one) for one in types or _TYPES):
                raise _refused(place, f"has {value!r} in its enum, which is no {' or '.join(types or _TYPES)}")
        return self._language.either(self._written(value, place) for value in values)

    def _written(self, value: Any, place: str) -> Node:
        try:
            return self._language.text(json.dumps(value, ensure_ascii=False, allow_nan=False).encode())
        except ValueError:
            raise _refused(place, f"has {value!r}, which JSON in UTF-8 cannot say") from None


def _character(say: Language) -> Node:
    """One character of a string: UTF-8 (Unicode 17, table 3-7) without C0, DEL and C1, or an escape (RFC 8259, section 7)."""
    tail = say.any_of((0x80, 0xBF))
    digit = say.any_of((0x30, 0x39), (0x41, 0x46), (0x61, 0x66))
    d, low = say.any_of((0x44, 0x44), (0x64, 0x64)), say.any_of((0x43, 0x46), (0x63, 0x66))
    pages = say.either([  # after \u00: no control characters
        say.chain(say.any_of((0x32, 0x36)), digit),
        say.chain(say.text(b"7"), say.any_of((0x30, 0x39), (0x41, 0x45), (0x61, 0x65))),
        say.chain(say.any_of((0x41, 0x46), (0x61, 0x66)), digit),
    ])  # fmt: skip
    plane = say.either([
        say.chain(say.text(b"00"), pages),
        say.chain(say.text(b"0"), say.any_of((0x31, 0x39), (0x41, 0x46), (0x61, 0x66)), digit, digit),
        say.chain(say.any_of((0x31, 0x39), (0x41, 0x43), (0x45, 0x46), (0x61, 0x63), (0x65, 0x66)), digit, digit, digit),
        say.chain(d, say.any_of((0x30, 0x37)), digit, digit),
        say.chain(d, say.any_of((0x38, 0x39), (0x41, 0x42), (0x61, 0x62)), digit, digit, say.text(b"\\u"), d, low, digit, digit),
    ])  # fmt: skip
    short = say.either([say.text(bytes([one])) for one in b'"\\/nt'])
    return say.either([
        say.any_of((0x20, 0x21), (0x23, 0x5B), (0x5D, 0x7E)),
        say.chain(say.any_of((0xC2, 0xC2)), say.any_of((0xA0, 0xBF))),
        say.chain(say.any_of((0xC3, 0xDF)), tail),
        say.chain(say.any_of((0xE0, 0xE0)), say.any_of((0xA0, 0xBF)), tail),
        say.chain(say.any_of((0xE1, 0xEC), (0xEE, 0xEF)), tail, tail),
        say.chain(say.any_of((0xED, 0xED)), say.any_of((0x80, 0x9F)), tail),
        say.chain(say.any_of((0xF0, 0xF0)), say.any_of((0x90, 0xBF)), tail, tail),
        say.chain(say.any_of((0xF1, 0xF3)), tail, tail, tail),
        say.chain(say.any_of((0xF4, 0xF4)), say.any_of((0x80, 0x8F)), tail, tail),
        say.chain(say.text(b"\\"), say.either([short, say.chain(say.text(b"u"), plane)])),
    ])  # fmt: skip


def _is(value: Any, kind: str) -> bool:
    return isinstance(value, _TYPES.get(kind, ())) and isinstance(value, bool) == (kind == "boolean")


def _count(schema: Mapping[str, Any], key: str, place: str, otherwise: int | None = None) -> int:
    value = schema.get(key, otherwise)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise _refused(place, f"needs {key}, a whole number from 0 on" + (f", not {value!r}" if key in schema else ""))
    return value


def _bound(schema: Mapping[str, Any], key: str, place: str) -> Fraction | None:
    value = schema.get(key)
    if value is None and key not in schema:
        return None
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return Fraction(str(value))
    except ValueError:
        pass
    raise _refused(place, f"has the {key} {value!r}, which is no number")


def _refused(place: str, what: str) -> SchemaRefused:
    return SchemaRefused(f"the schema cannot be used: {place or 'its top'} {what}; mend the schema")
