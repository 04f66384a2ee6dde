"""The form of an answer: the JSON schema of a question, and whether a text keeps to it.

An answer written here cannot leave its form (`inference.constrained`); one that came from a server is checked word by word.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from inference import schema as schemas
from inference.automaton import Language
from inference.errors import ModelFailed, SchemaRefused
from inference.questions import CHANGES, ChangeQuestion, TableQuestion, Written

LAB = "lab"
"""resources/schemas/lab.json: a laboratory sheet."""
CHANGE: Mapping[str, Any] = {
    "type": "object", "properties": {"change": {"type": "string", "enum": list(CHANGES)}}, "required": ["change"],
    "additionalProperties": False,
}  # fmt: skip


def form(question: Written) -> Mapping[str, Any] | None:
    """The schema that the answer keeps to; None for an answer in plain words. Raises SchemaRefused."""
    if isinstance(question, ChangeQuestion):
        return CHANGE
    if not isinstance(question, TableQuestion):
        return None
    return parsed(question.form) if question.form else schemas.load(LAB)


def parsed(text: str) -> Mapping[str, Any]:
    """A schema from its JSON. Raises SchemaRefused for what is no JSON object and for what cannot be kept to while writing."""
    try:
        found = json.loads(text, object_pairs_hook=_once, parse_constant=_never)
    except (ValueError, RecursionError) as error:
        raise SchemaRefused(f"the schema is no JSON ({error}); mend the schema") from error
    if not isinstance(found, dict):
        raise SchemaRefused("the schema is no JSON object; mend the schema")
    schemas.texts(found, Language())
    return found


def fitting(text: str, schema: Mapping[str, Any]) -> Any:
    """The value that `text` spells. Raises ModelFailed for what is no JSON (RFC 8259), names a thing twice, holds a number that
    is none, or leaves the schema: such an answer is not shown as a table."""
    from jsonschema import Draft202012Validator

    try:
        found = json.loads(text, object_pairs_hook=_once, parse_constant=_never)
    except (ValueError, RecursionError) as error:
        raise ModelFailed(f"the answer is no table: it is no JSON ({error}); read the page again") from error
    wrong = next(iter(Draft202012Validator(schema).iter_errors(found)), None)
    if wrong is not None:
        place = "".join(f"[{one}]" if isinstance(one, int) else f".{one}" for one in wrong.absolute_path).lstrip(".")
        raise ModelFailed(
            f"the answer is no table of the form asked for ({place or 'its top'} breaks “{wrong.validator}”); read the page again"
        )
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands twice in one object")
    return found


def _never(word: str) -> Any:
    raise ValueError(f"{word} is no number")
