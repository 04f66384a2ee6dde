"""Work in order on one thread; what hangs holds up nothing."""

from __future__ import annotations

import threading

from app.lane import Lane


def test_in_order_and_none_after_the_end() -> None:
    lane, done, last = Lane("hilum-test"), list[int](), threading.Event()
    for number in range(20):
        lane.submit(lambda number=number: done.append(number))  # type: ignore[misc]
    lane.submit(last.set)
    assert last.wait(20)
    assert done == list(range(20))
    assert lane.close(20)
    lane.submit(lambda: done.append(99))
    assert done == list(range(20))


def test_what_hangs_is_left_behind() -> None:
    lane, inside, gate, done = Lane("hilum-test"), threading.Event(), threading.Event(), list[int]()

    def hang() -> None:
        inside.set()
        gate.wait(60)

    lane.submit(hang)
    lane.submit(lambda: done.append(1))
    assert inside.wait(20)
    assert not lane.close(0.05)
    gate.set()
    assert lane.close(20)
    assert done == [], "what was not begun is dropped"
