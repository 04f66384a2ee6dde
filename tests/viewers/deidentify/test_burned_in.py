"""Proposals of burned-in text against text whose place is known, and pictures without any."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from tests.viewers.deidentify import films
from tests.viewers.deidentify.conftest import ct
from tests.viewers.deidentify.films import covered
from viewers.deidentify.burned_in import proposed, sampled
from viewers.deidentify.suspects import Suspicion, suspicion


def test_most_lines_are_found_and_few_pictures_are_doubted() -> None:
    """The share over all fonts, sizes, shades and grounds is measured by `tests/bench/burned_in.py`; this is a sample of it."""
    made = list(films.with_text(1))[::6]
    shares = [covered(line, boxes) for film in made for boxes in [proposed([film.pixels])] for line in film.boxes]
    assert np.mean(np.array(shares) > 0.5) >= 0.95
    assert np.mean(np.array(shares) > 0.9) >= 0.85
    doubted = [name for name, pixels in films.without_text(1) if proposed([pixels])]
    assert len(doubted) <= 1


def test_text_that_stands_still_on_moving_ground() -> None:
    still = []
    for number in range(5):
        film = films.burned(films.ultrasound(number), ["SMITH^JOHN 1954"], "DejaVuSans.ttf", 16, 255, "top-left")
        still.append(film.pixels)
    boxes = proposed(still)
    assert covered(film.boxes[0], boxes) > 0.9
    assert sampled(1) == [0]
    assert sampled(100)[0] == 0
    assert sampled(100)[-1] == 99


def test_colour_and_deep_greys() -> None:
    film = films.burned(films.plain(3), ["Doe, Jane 67Y"], "DejaVuSans.ttf", 20, 255, "bottom-left")
    deep = film.pixels.astype(np.int16) * 8 - 1000
    assert covered(film.boxes[0], proposed([deep])) > 0.9
    colour = np.repeat(film.pixels[:, :, None], 3, axis=2)
    colour[..., 2] //= 2
    assert covered(film.boxes[0], proposed([colour])) > 0.9


def test_flat_and_tiny_pictures_have_none() -> None:
    for shape in ((1, 1), (3, 200), (64, 64)):
        assert proposed([np.zeros(shape, np.uint8)]) == []
    assert proposed([]) == []


def test_real_films(shared: Path) -> None:
    """One of them bears the word for a film taken in bed in its upper right; another bears none."""
    films_ = shared / "cxr"
    found = {name: proposed([np.asarray(Image.open(films_ / f"{name}.jpg").convert("L"))]) for name in ("19073f37", "7afaaccc")}
    assert found["7afaaccc"] == []
    assert covered((1845, 60, 2000, 115), found["19073f37"]) > 0.9


def test_suspicion_of_a_file(tmp_path: Path, save: Callable[..., Path], bundled: Path) -> None:
    film = films.burned(films.plain(3), ["Doe, Jane 67Y"], "DejaVuSans.ttf", 20, 255, "bottom-left")
    values = film.pixels.astype("<u2")
    with_text = save(ct(Rows=512, Columns=512, PixelData=values.tobytes()))
    found = suspicion(with_text)
    assert "burned-in text at 1 place" in found.reason()
    assert found.reason(found.boxes) == ""
    assert suspicion(save(ct(BurnedInAnnotation="YES"))).reason() != ""
    assert suspicion(bundled / "CT_small.dcm").reason() == ""
    assert suspicion(bundled / "rtplan.dcm") == Suspicion()
    assert "cannot be looked at" in Suspicion(unseen="it is stored as MPEG-4").reason(found.boxes)
