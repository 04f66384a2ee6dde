"""What is due when, by a clock that the test holds."""

from __future__ import annotations

import pytest

from viewers.cine import Cine, RateSeen


def test_each_frame_stands_for_its_own_time_round_and_round() -> None:
    cine = Cine([4, 5, 6], [10.0, 20.0, 30.0])
    cine.start(4, 1000.0)
    shown = [cine.due(1000.0 + step) for step in (0, 9.9, 10, 29, 30, 59.9, 60, 69, 70, 60_000_010)]
    assert shown == [4, 4, 5, 5, 6, 6, 4, 4, 5, 5]
    assert cine.wait_ms(1000.0) == 10.0
    assert cine.wait_ms(1012.0) == pytest.approx(18.0)
    assert cine.wait_ms(1059.0) == pytest.approx(1.0)
    assert cine.rate == pytest.approx(50.0)


def test_it_starts_at_the_frame_on_the_screen() -> None:
    cine = Cine(range(5), [10.0] * 5)
    cine.start(3, 500.0)
    assert [cine.due(500.0 + step) for step in (0, 10, 20, 30)] == [3, 4, 0, 1]
    cine.start(99, 500.0)
    assert cine.due(500.0) == 0


def test_back_and_forth_shows_each_end_once() -> None:
    cine = Cine(range(4), [10.0] * 4, bounce=True)
    cine.start(0, 0.0)
    assert [cine.due(10.0 * step) for step in range(13)] == [0, 1, 2, 3, 2, 1, 0, 1, 2, 3, 2, 1, 0]
    assert cine.bounce
    cine.set_bounce(False, 45.0)
    assert [cine.due(45.0 + 10 * step) for step in range(4)] == [2, 3, 0, 1]


def test_late_looks_leave_frames_out_and_never_slow_the_film_down() -> None:
    """Somebody who looks every 90 ms at 25 frames a second sees what is due by the clock."""
    cine = Cine(range(100), [40.0] * 100)
    cine.start(0, 0.0)
    assert [cine.due(90.0 * look) for look in range(8)] == [int(90 * look // 40) for look in range(8)]


def test_another_speed_goes_on_from_the_frame_that_is_due() -> None:
    cine = Cine(range(10), [100.0] * 10)
    cine.start(0, 0.0)
    assert cine.due(350.0) == 3
    cine.set_speed(2.0, 350.0)
    assert cine.due(350.0) == 3
    assert cine.due(375.0) == 4  # 50 of its 100 ms are left, at twice the speed
    assert cine.rate == pytest.approx(20.0)
    assert cine.wait_ms(375.0) == pytest.approx(50.0)


@pytest.mark.parametrize(("frames", "times"), [([1], [10.0]), ([1, 2], [10.0]), ([1, 2], [10.0, 0.0])])
def test_what_is_no_film_is_refused(frames: list[int], times: list[float]) -> None:
    with pytest.raises(ValueError, match="a cine needs"):
        Cine(frames, times)


def test_the_rate_seen_is_that_of_the_last_two_seconds() -> None:
    seen = RateSeen()
    assert seen.rate() is None
    for step in range(11):
        seen.saw(1000.0 + 100 * step)
    assert seen.rate() == pytest.approx(10.0)
    for step in range(31):
        seen.saw(10_000.0 + 50 * step)
    assert seen.rate() == pytest.approx(20.0)
