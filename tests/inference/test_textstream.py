"""Text as it is written: characters whole, control tokens never, thought and answer apart."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.textstream import TextStream
from tests.inference.tiny import gemma_processor


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return gemma_processor().tokenizer


def fed(tokenizer: Any, ids: list[int]) -> tuple[TextStream, list[str]]:
    stream = TextStream(tokenizer)
    pieces = [stream.feed(token) for token in ids]
    stream.finish()
    return stream, pieces


@pytest.mark.parametrize("text", ["Größe unverändert – ohne Erguß.", "肺炎 🫁 ≥ 3 cm\nline two", "plain words"])
def test_pieces_join_to_the_text_and_no_character_is_split(tokenizer: Any, text: str) -> None:
    stream, pieces = fed(tokenizer, tokenizer.encode(text, add_special_tokens=False))
    assert "".join(pieces).strip() == text
    assert stream.answer == text
    assert not any("�" in piece for piece in pieces)


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=40))
def test_any_text_comes_back(text: str) -> None:
    stream, _ = fed(TOKENIZER, TOKENIZER.encode(text, add_special_tokens=False))
    assert stream.answer == text.replace("▁", " ").strip()


def test_a_character_cut_off_shows_as_a_replacement_only_at_the_end(tokenizer: Any) -> None:
    byte = tokenizer.convert_tokens_to_ids("<0xE2>")
    stream = TextStream(tokenizer)
    assert stream.feed(byte) == ""
    assert stream.answer == ""
    stream.finish()
    assert stream.answer == "�"


def test_bytes_that_are_no_character_do_not_swallow_what_follows(tokenizer: Any) -> None:
    ids = [tokenizer.convert_tokens_to_ids("<0xC3>"), *tokenizer.encode("left", add_special_tokens=False)]
    assert fed(tokenizer, ids)[0].answer == "�left"


def test_thought_is_kept_apart(tokenizer: Any) -> None:
    begin, end = (tokenizer.convert_tokens_to_ids(mark) for mark in ("<unused94>", "<unused95>"))
    thought, answer = (tokenizer.encode(text, add_special_tokens=False) for text in ("thought\nThe heart.", "No effusion."))
    stream, _ = fed(tokenizer, [begin, *thought, end, *answer])
    assert (stream.thought, stream.answer) == ("The heart.", "No effusion.")
    stream, _ = fed(tokenizer, [*thought, end, *answer])
    assert (stream.thought, stream.answer) == ("The heart.", "No effusion.")
    stream, _ = fed(tokenizer, [begin, *thought])
    assert (stream.thought, stream.answer, stream.thinking) == ("The heart.", "", True)


def test_control_tokens_are_not_written(tokenizer: Any) -> None:
    marks = [tokenizer.convert_tokens_to_ids(mark) for mark in ("<bos>", "<start_of_turn>", "<image_soft_token>", "<pad>")]
    words = tokenizer.encode("left", add_special_tokens=False)
    assert fed(tokenizer, [*marks, *words, *marks])[0].answer == "left"


TOKENIZER = gemma_processor().tokenizer


def test_runs_of_line_ends_and_spaces_are_text_though_gemma_adds_them_to_its_pieces() -> None:
    tokenizer = gemma_processor().tokenizer
    tokenizer.add_tokens(["\n\n", "▁▁▁", "<table>"])
    left, right = (tokenizer.encode(word, add_special_tokens=False) for word in ("left", "right"))
    gap, spaces, mark = tokenizer.convert_tokens_to_ids(["\n\n", "▁▁▁", "<table>"])
    stream, _ = fed(tokenizer, [*left, gap, *right, spaces, mark, *left])
    assert stream.answer == "left\n\nright   left"
