"""Answers kept to a schema: whatever a model prefers and however few tokens are left, the text parses and fits.

The truth is json.loads and the jsonschema package; for numbers and characters, arithmetic and Python's own codecs."""

from __future__ import annotations

import itertools
import json
import random
import re
import threading
import unicodedata
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inference import catalogue, schema
from inference.automaton import Language, Node
from inference.constrained import Grammar
from inference.errors import ModelFailed, ModelRefused, SchemaRefused
from inference.medgemma import Drafter, Written
from inference.numerals import Numeral
from inference.questions import Decoding
from inference.vocabulary import Vocabulary
from inference.writing import LOOP_TOKENS, Limits
from tests.inference.tiny import DRAFTER, gemma_processor, picture

ONE = (("user", (None, "Is there a left pleural effusion?")),)
TOKENIZER = gemma_processor().tokenizer
VOCABULARY = Vocabulary.of(TOKENIZER, len(TOKENIZER) + 8)
STOP = (1, TOKENIZER.convert_tokens_to_ids("<end_of_turn>"))
Schema = dict[str, Any]
slow = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])


def object_of(**properties: Any) -> Schema:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def _array(items: Schema, least: int, more: int) -> Schema:
    return {"type": "array", "items": items, "minItems": least, "maxItems": least + more}


def _bounded(kind: str, low: float | None, more: float | None) -> Schema:
    bounds = {"minimum": low, "maximum": None if more is None else round((low or 0) + more, 2)}
    return {"type": kind} | {key: value for key, value in bounds.items() if value is not None}


_WORDS = st.text(st.characters(exclude_categories=("Cs",)), max_size=6)
_HUNDREDTHS = st.integers(-20_000, 20_000).map(lambda value: value / 100)
_LEAVES: st.SearchStrategy[Schema] = st.one_of(
    st.integers(0, 12).map(lambda length: {"type": "string", "maxLength": length}),
    st.lists(_WORDS | st.none() | st.booleans() | st.integers(-99, 99), min_size=1, max_size=4).map(lambda one: {"enum": one}),
    st.builds(_bounded, st.just("integer"), st.none() | st.integers(-300, 300), st.none() | st.integers(0, 2_000)),
    st.builds(_bounded, st.just("number"), st.none() | _HUNDREDTHS, st.none() | _HUNDREDTHS.map(abs)),
    st.sampled_from([{"type": "boolean"}, {"type": "null"}, {"type": ["string", "null"], "maxLength": 3}]),
)  # fmt: skip
SCHEMAS = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(
        st.builds(_array, inner, st.integers(0, 2), st.integers(0, 4)),
        st.dictionaries(_WORDS, inner, max_size=3).map(lambda properties: object_of(**properties)),
    ),
    max_leaves=6,
)


def fits(text: str, wanted: Mapping[str, Any]) -> Any:
    """The value that `text` says; fails where it does not parse or does not fit."""
    value = json.loads(text)
    jsonschema.Draft202012Validator(wanted).validate(value)
    text.encode()
    return value


def accepts(language: Language, node: Node, text: bytes) -> bool:
    after = language.read(node, text)
    return after is not None and after.empty


def test_a_language_holds_valid_texts_only() -> None:
    @slow
    @given(SCHEMAS, st.integers(0, 2**32))
    def check(wanted: Schema, seed: int) -> None:
        language, choose = Language(), random.Random(seed)
        node, text = schema.texts(wanted, language), bytearray()
        while True:
            moves = language.moves(node)
            if not moves or (node.empty and choose.random() < 0.3):
                break
            if len(text) > 300:
                moves = tuple((bits, after) for bits, after in moves if after.shortest < node.shortest) or ()
                if not moves:
                    break
            bits, node = choose.choice(moves)
            text.append(choose.choice([byte for byte in range(256) if bits >> byte & 1]))
            assert node.shortest <= node.worst
        fits(text.decode(), wanted)

    check()


def valid(wanted: Schema, choose: random.Random) -> Any:
    """A value that fits."""
    if "enum" in wanted:
        return choose.choice(wanted["enum"])
    kind = wanted["type"] if isinstance(wanted["type"], str) else choose.choice(wanted["type"])
    if kind == "object":
        return {name: valid(inner, choose) for name, inner in wanted["properties"].items()}
    if kind == "array":
        return [valid(wanted["items"], choose) for _ in range(choose.randint(wanted["minItems"], wanted["maxItems"]))]
    if kind == "string":
        return "".join(choose.choices('aé肺🫁"\\\n\t/ ', k=choose.randint(0, wanted["maxLength"])))
    if kind in ("integer", "number"):
        scale = 1 if kind == "integer" else 100
        low = round(wanted.get("minimum", -1_000) * scale)
        value = choose.randint(low, round(wanted.get("maximum", max(low, 1_000)) * scale) if "maximum" in wanted else low + 900)
        return value if kind == "integer" else value / scale
    return {"boolean": choose.random() < 0.5, "null": None}[kind]


@slow
@given(SCHEMAS, st.integers(0, 2**32))
def test_every_valid_value_can_be_written(wanted: Schema, seed: int) -> None:
    """Compact or with spaces, characters as they are or escaped."""
    choose = random.Random(seed)
    value = valid(wanted, choose)
    assert fits(json.dumps(value), wanted) == value
    language = Language()
    node = schema.texts(wanted, language)
    for separators in ((",", ":"), (", ", ": ")):
        plain = json.dumps(value, ensure_ascii=False, separators=separators)
        assert accepts(language, node, plain.encode()), plain
        assert not accepts(language, node, plain.encode() + b"}")


@pytest.mark.parametrize(("low", "high"), [("0", "1000"), ("-3", "12"), ("7", "7"), ("-20", "-11"), ("0.5", "2.25"),
                                           ("-0.01", "0.01"), ("99.5", "101"), ("-2", "0"), ("1e-6", "1e-5")])  # fmt: skip
@pytest.mark.parametrize("whole", [False, True])
def test_numbers_are_those_between_the_bounds(low: str, high: str, whole: bool) -> None:
    """All texts of up to six signs, against a pattern and exact arithmetic."""
    numeral = Numeral.between(Fraction(low), Fraction(high), whole)
    if numeral is None:
        assert whole
        assert int(Fraction(high) // 1) < Fraction(low)
        return
    language = Language()
    node = language.number(numeral)
    pattern = re.compile(r"-?(0|[1-9]\d*)" if whole else r"-?(0|[1-9]\d*)(\.\d{1,6})?")
    good = 0
    for length in range(1, 7):
        for signs in itertools.product("-.0129", repeat=length):
            text = "".join(signs)
            want = bool(pattern.fullmatch(text)) and Fraction(low) <= Fraction(text) <= Fraction(high)
            want = want and not (text.startswith("-") and not Fraction(text))
            good += want
            assert accepts(language, node, text.encode()) == want, text
    assert good or node.shortest > 6 or low == "7"


def test_open_numbers_have_fifteen_digits() -> None:
    language = Language()
    node = language.number(Numeral.between(None, None, False) or pytest.fail("none"))
    assert accepts(language, node, b"-999999999999999.999999")
    assert not accepts(language, node, b"1000000000000000")
    assert not accepts(language, node, b"1e5")
    assert not accepts(language, node, b"NaN")


def characters() -> tuple[Language, Node]:
    language = Language()
    return language, schema.texts({"type": "string", "maxLength": 1}, language)


def test_characters_are_well_formed_utf8_without_control_characters() -> None:
    language, node = characters()
    for code in {*range(0x3000), *range(0xD700, 0xE100), *range(0xFF00, 0x10100), *range(0, 0x110000, 61), 0x10FFFF}:
        want = not (0xD800 <= code < 0xE000 or chr(code) in '"\\' or unicodedata.category(chr(code)) == "Cc")
        text = b'"' + chr(code).encode("utf-8", "surrogatepass") + b'"'
        assert accepts(language, node, text) == want, hex(code)
    for wrong in (b"\x80", b"\xc0\xaf", b"\xe0\x80\xaf", b"\xf0\x80\x80\xaf", b"\xf4\x90\x80\x80", b"\xff", b"\xe2\x82", b"ab"):
        assert not accepts(language, node, b'"' + wrong + b'"'), wrong


def test_escapes_are_those_of_json_without_control_characters_and_half_pairs() -> None:
    language, node = characters()
    for code in range(0x10000):
        want = not (0xD800 <= code < 0xE000 or unicodedata.category(chr(code)) == "Cc")
        for text in (f'"\\u{code:04x}"', f'"\\u{code:04X}"'):
            assert accepts(language, node, text.encode()) == want, text
            assert not want or json.loads(text) == chr(code)
    for sign in map(chr, range(0x20, 0x7F)):
        assert accepts(language, node, f'"\\{sign}"'.encode()) == (sign in '"\\/nt')
    for code in range(0x10000, 0x110000, 257):
        text = json.dumps(chr(code))
        assert json.loads(text) == chr(code)
        assert accepts(language, node, text.encode())
        assert not accepts(language, node, text.encode().replace(text[7:13].encode(), b""))


@slow
@given(SCHEMAS, st.integers(0, 2**32))
def test_masks_are_what_reading_each_token_gives(wanted: Schema, seed: int) -> None:
    """In the masks of all states of an answer, with room to spare and without; stop tokens where the text may end, only there.

    Tokens are those of the tiny tokenizer and pieces of a text that fits, longer than any name."""
    choose = random.Random(seed)
    whole = b"".join(json.dumps(valid(wanted, choose), ensure_ascii=False).encode() for _ in range(3))
    cuts = [sorted(choose.choices(range(len(whole) + 1), k=2)) for _ in range(60)]
    vocabulary = Vocabulary([*VOCABULARY.spelled, *(whole[begin:end][:40] for begin, end in cuts)], VOCABULARY.size + 60)
    grammar = Grammar(wanted, vocabulary, STOP)
    node, left = grammar.start, grammar.cost(grammar.start) + choose.randint(0, 12)
    while left and grammar.language.moves(node):
        after = [grammar.language.read(node, spelled) if spelled else None for spelled in vocabulary.spelled]
        free = torch.zeros(vocabulary.size, dtype=torch.bool)
        tight = free.clone()
        free[[token for token, one in enumerate(after) if one is not None]] = True
        tight[[token for token, one in enumerate(after) if one is not None and grammar.cost(one) < left]] = True
        free[list(STOP)] = tight[list(STOP)] = node.empty
        assert torch.equal(grammar.mask(node), free)
        assert torch.equal(grammar.closing(node, left), tight)
        tight[list(STOP)] = False
        if not tight.any():
            assert node.empty
            break
        node, left = after[choose.choice(torch.nonzero(tight).flatten().tolist())] or pytest.fail("not allowed"), left - 1
    assert node.empty


@slow
@given(SCHEMAS)
def test_the_shortest_answer_takes_the_fewest_tokens_that_spell_its_text(wanted: Schema) -> None:
    grammar = Grammar(wanted, VOCABULARY, STOP)
    node, text = grammar.start, b""
    while node.shortest:
        byte, node = grammar._shorter(node)
        text += byte
    fits(text.decode(), wanted)
    assert len(text) == grammar.start.shortest
    fewest = [0, *[len(text) + 1] * len(text)]
    for end in range(1, len(text) + 1):
        for begin in range(end):
            if text[begin:end] in VOCABULARY.known:
                fewest[end] = min(fewest[end], fewest[begin] + 1)
    assert grammar.cost(grammar.start) == fewest[-1]
    with pytest.raises(
        SchemaRefused, match=rf"takes {fewest[-1]} tokens and {fewest[-1] - 1} are allowed; allow {fewest[-1]} or more"
    ):
        grammar.begin(fewest[-1] - 1)


def write(drafter: Drafter, wanted: Schema | None, most: int, temperature: float = 0.0, seed: int = 0) -> Written:
    return drafter.write(
        ONE, [picture().pixels], Decoding(most, temperature, seed), lambda _: None, threading.Event(), schema=wanted
    )


@pytest.mark.parametrize("temperature", [0.0, 8.0])
def test_a_random_model_answers_in_json_that_fits(drafter: Drafter, temperature: float) -> None:
    """Whatever it wants and however many tokens it may write; unasked it writes no JSON."""

    @slow
    @given(SCHEMAS, st.integers(0, 60), st.integers(0, 2**31))
    def check(wanted: Schema, more: int, seed: int) -> None:
        grammar = drafter.grammars.of(wanted)
        most = grammar.cost(grammar.start) + more
        written = write(drafter, wanted, most, temperature, seed)
        fits(written.text, wanted)
        assert written.tokens <= most
        assert not written.thought

    check()
    for seed in range(3):
        with pytest.raises(ValueError):
            json.loads(write(drafter, None, 60, temperature, seed).text)


@pytest.mark.parametrize("most", [6, 7, 20, 61, 150])
def test_a_lab_sheet_is_closed_in_time(drafter: Drafter, most: int) -> None:
    """A random model goes on as long as it may: its answer is closed, and says that it was cut."""
    wanted = dict(schema.load("lab"))
    grammar = drafter.grammars.of(wanted)
    most = max(most, grammar.cost(grammar.start))
    written = write(drafter, wanted, most, 8.0)
    fits(written.text, wanted)
    assert written.tokens <= most
    assert written.finish == "length" or written.tokens < most


class _Stubborn(torch.nn.Module):
    """Likes tokens in this order, whatever stands before."""

    def __init__(self, liked: list[int], size: int) -> None:
        super().__init__()
        self.logits = torch.zeros(size)
        self.logits[liked] = torch.arange(len(liked), 0, -1).float()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.logits.expand(len(x), -1).clone()


@pytest.fixture
def stubborn(gemma_folder: Path) -> Any:
    drafter = Drafter(gemma_folder, catalogue.entry(DRAFTER), "cpu")

    def likes(*pieces: str) -> Drafter:
        liked = [drafter.tokenizer.convert_tokens_to_ids(piece) for piece in pieces]
        assert drafter.tokenizer.unk_token_id not in liked
        drafter.decoder.head = _Stubborn(liked, int(drafter.model.config.text_config.vocab_size))
        return drafter

    return likes


@pytest.mark.parametrize(
    "piece", ["<end_of_turn>", "<eos>", "<image_soft_token>", "<unused94>", "<pad>", "<0x00>", "<0xFF>", "<0x22>", "▁"]
)
def test_a_model_that_wants_one_token_only_still_answers(stubborn: Any, piece: str) -> None:
    wanted = object_of(side={"enum": ["left", "right"]}, count={"type": "integer", "minimum": 0, "maximum": 9})
    written = write(stubborn(piece), wanted, 60)
    assert fits(written.text, wanted)["side"] in ("left", "right")
    assert written.finish == "stop"


def test_a_text_that_loops_is_closed(stubborn: Any) -> None:
    wanted = object_of(note={"type": "string", "maxLength": 500}, more={"type": "boolean"})
    written = write(stubborn("<0x61>"), wanted, 400)
    assert re.fullmatch("a+", fits(written.text, wanted)["note"])
    assert written.finish == "repetition"
    assert LOOP_TOKENS < written.tokens < LOOP_TOKENS + 60


def test_what_was_cut_says_so_and_what_was_not_does_not(stubborn: Any) -> None:
    wanted = {"type": "string", "maxLength": 30}
    cut = write(stubborn("<0x61>"), wanted, 10)
    assert (cut.text, cut.finish) == ('"aaaaaaaa"', "length")
    whole = write(stubborn("<0x61>"), wanted, 32)
    assert (whole.text, whole.finish) == (f'"{"a" * 30}"', "stop")
    done = write(stubborn("<0x22>"), wanted, 2)
    assert (done.text, done.finish) == ('""', "stop")


def test_a_top_level_number_ends_with_a_stop_token(stubborn: Any) -> None:
    wanted = {"type": "integer", "minimum": 0, "maximum": 99999}
    written = write(stubborn("<end_of_turn>", "<0x37>"), wanted, 5)
    assert (written.text, written.finish, written.tokens) == ("7", "stop", 1)


def test_too_few_tokens_are_refused_before_anything_is_read(drafter: Drafter) -> None:
    read: list[str] = []
    with pytest.raises(SchemaRefused, match="the shortest answer that fits the schema takes"):
        drafter.write(ONE, [picture().pixels], Decoding(3), lambda one: read.append(one.stage), threading.Event(),
                      schema=schema.load("lab"))  # fmt: skip
    assert not read


def test_nan_is_still_an_error(stubborn: Any) -> None:
    drafter = stubborn("<0x61>")
    drafter.decoder.head.logits[7] = float("nan")
    with pytest.raises(ModelFailed, match="NaN"):
        write(drafter, {"type": "boolean"}, 10)


def test_suppressed_tokens_stay_suppressed(stubborn: Any) -> None:
    drafter = stubborn("<0x61>", "<0x62>")
    drafter.limits = Limits(drafter.limits.stop, (drafter.tokenizer.convert_tokens_to_ids("<0x61>"),), watch=False)
    written = write(drafter, {"type": "string", "maxLength": 8}, 20)
    assert written.text.startswith('"b')


def test_a_trained_model_writes_the_same_without_a_schema_before_and_after(home: Path) -> None:
    entry, folder, _ = catalogue.require("demo-drafter")
    drafter = Drafter(folder, entry, "cpu")
    plain = write(drafter, None, 60)
    assert plain.text
    wanted = object_of(finding={"enum": ["effusion", "opacity", "none"]}, side={"type": ["string", "null"], "maxLength": 8})
    fits(write(drafter, wanted, 40).text, wanted)
    assert write(drafter, None, 60) == plain


def test_the_lab_schema_is_valid_and_takes_a_sheet() -> None:
    wanted = schema.load("lab")
    jsonschema.Draft202012Validator.check_schema(wanted)
    row = {"test": "CRP", "value": "<0,5", "unit": "mg/l", "reference": "< 5,0", "flag": ""}
    sheet = {"rows": [row, row | {"test": "Kalium", "value": "2.80", "unit": "mmol/l", "reference": "3.5 – 5.1", "flag": "LL"}]}
    language = Language()
    node = schema.texts(wanted, language)
    for more in ({}, {"ensure_ascii": False}, {"separators": (",", ":")}):
        assert accepts(language, node, json.dumps(sheet, **more).encode())
    for wrong in ({"rows": [row | {"flag": "??"}]}, {"rows": [row | {"more": 1}]}, {"rows": [dict(reversed(row.items()))]},
                  {"rows": [row | {"value": 5}]}, {"rows": [row] * 101}, {}, {"rows": None}):  # fmt: skip
        assert not accepts(language, node, json.dumps(wrong).encode())


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ([], "its top is no JSON object"),
        ({}, "its top has no type and no enum"),
        ({"type": "text"}, "its top has the type ['text'], which is none of object, array"),
        ({"type": "string"}, "its top needs maxLength, a whole number from 0 on; mend"),
        ({"type": "string", "maxLength": -1}, "needs maxLength, a whole number from 0 on, not -1"),
        ({"type": "string", "maxLength": 5, "pattern": "a"}, "its top has “pattern”, which cannot be kept to while writing"),
        ({"type": "array", "items": {"type": "null"}}, "its top needs maxItems"),
        ({"type": "array", "items": {"type": "null"}, "minItems": 3, "maxItems": 2}, "has minItems 3 above maxItems 2"),
        ({"type": "array", "maxItems": 2}, "[] is no JSON object"),
        (object_of(a={"type": "array", "maxItems": 2, "items": object_of(b={"type": "x"})}), "a[].b has the type"),
        ({"type": "object", "properties": {"a": {"type": "null"}}}, "its top must name each of its properties under “required”"),
        (object_of(a={"type": "null"}) | {"additionalProperties": True}, "must say “additionalProperties”: false"),
        (object_of(a={"enum": []}), "a has an empty enum"),
        (object_of(a={"enum": [[]]}), "a has [] in its enum"),
        ({"type": "string", "maxLength": 3, "enum": [3]}, "has 3 in its enum, which is no string"),
        ({"enum": ["\ud800"]}, "which JSON in UTF-8 cannot say"),
        ({"enum": [float("nan")]}, "has nan, which JSON in UTF-8 cannot say"),
        ({"type": "integer", "minimum": 0.2, "maximum": 0.8}, "leaves no integer between its minimum and its maximum"),
        ({"type": "number", "minimum": 3, "maximum": 2}, "leaves no number between"),
        ({"type": "number", "minimum": "3"}, "has the minimum '3', which is no number"),
        ({"type": "number", "minimum": float("inf")}, "has the minimum inf, which is no number"),
    ],
)  # fmt: skip
def test_a_schema_that_cannot_be_kept_to_is_refused_in_one_sentence(wrong: Any, words: str) -> None:
    with pytest.raises(SchemaRefused) as error:
        schema.texts(wrong, Language())
    assert words in str(error.value)
    assert str(error.value).count("\n") == 0


def test_a_schema_too_deep_is_refused() -> None:
    deep: Any = {"type": "null"}
    for _ in range(200):
        deep = {"type": "array", "maxItems": 1, "items": deep}
    with pytest.raises(SchemaRefused, match="more than 16 deep"):
        schema.texts(deep, Language())


def test_an_absent_schema_is_a_sentence() -> None:
    with pytest.raises(SchemaRefused, match=r"resources/schemas/nothing\.json cannot be read"):
        schema.load("nothing")


def test_a_vocabulary_without_single_bytes_is_refused() -> None:
    with pytest.raises(ModelRefused, match="no token for the byte 0x7b"):
        Vocabulary([b"" if spelled == b"{" else spelled for spelled in VOCABULARY.spelled], VOCABULARY.size)


def test_control_tokens_spell_nothing_and_rows_beyond_the_tokenizer_are_never_allowed() -> None:
    grammar = Grammar({"type": "string", "maxLength": 400}, VOCABULARY, STOP)
    inside = grammar.language.read(grammar.start, b'"')
    allowed = grammar.mask(inside or pytest.fail("no string"))
    assert not allowed[len(TOKENIZER) :].any()
    marks = TOKENIZER.convert_tokens_to_ids([*TOKENIZER.all_special_tokens, *TOKENIZER.get_added_vocab()])
    assert not allowed[marks].any()
    plain = [token for token, piece in enumerate(TOKENIZER.convert_ids_to_tokens(range(len(TOKENIZER)))) if piece.isalpha()]
    assert allowed[plain].all()
    assert len(plain) > 50


def test_long_forms_are_no_deep_recursion() -> None:
    """Names and lists of thousands."""
    wanted = object_of(**{"x" * 2_000: {"type": "array", "minItems": 1_000, "maxItems": 1_000_000, "items": {"type": "null"}}})
    grammar = Grammar(wanted, VOCABULARY, STOP)
    assert grammar.cost(grammar.start) > 1_000
    assert grammar.closing(grammar.start, grammar.cost(grammar.start)).any()


def test_items_still_to_come_count_where_few_tokens_are_left() -> None:
    """More of them than a token can hold."""
    grammar = Grammar({"type": "array", "minItems": 40, "maxItems": 60, "items": {"type": "null"}}, VOCABULARY, STOP)
    node = grammar.language.read(grammar.start, b"[null,") or pytest.fail("no list")
    left = grammar.cost(node)
    assert left > 2 * 39
    after = {token: grammar.language.read(node, spelled) for token, spelled in enumerate(VOCABULARY.spelled) if spelled}
    fits = [token for token, one in after.items() if one is not None and grammar.cost(one) < left]
    assert torch.nonzero(grammar.closing(node, left)).flatten().tolist() == fits
    assert torch.nonzero(grammar.mask(node)).flatten().tolist() != fits, "a space would fit the form, and not the tokens left"
