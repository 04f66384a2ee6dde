"""Events out of bytes, against the examples of WHATWG HTML 9.2.6."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.sse import TooLong, events

RAW = (
    b": a comment\n\ndata: YHOO\ndata: +2\ndata: 10\n\nevent: add\r\ndata:no blank\r\n\r\n"
    b"id: 1\n\ndata\n\ndata: \xe2\x89\xa5\r\rdata: cut off"
)
TRUTH = ["YHOO\n+2\n10", "no blank", "≥"]


@given(st.lists(st.integers(0, len(RAW)), max_size=12))
def test_events_are_the_same_however_they_are_cut(places: list[int]) -> None:
    ends = sorted({0, *places, len(RAW)})
    pieces = [RAW[start:end] for start, end in pairwise(ends)]
    assert list(events(pieces, 1000)) == TRUTH


@pytest.mark.parametrize("piece", [b"data: xxxx\n", b"id: xxxxxx\n", b"x"])
def test_an_event_beyond_its_limit_is_refused(piece: bytes) -> None:
    with pytest.raises(TooLong):
        list(events([piece] * 200, 150))


def test_comments_have_no_limit() -> None:
    assert list(events([b": still here\n"] * 200 + [b"data: a\n\n"], 150)) == ["a"]
