"""Background work: the newest wishes first, nothing stale, no thread left."""

from __future__ import annotations

import threading
import time

from hypothesis import given
from hypothesis import strategies as st

from viewers.cache import ByteCache
from viewers.loader import Loader


def wait_for(truth: object, seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not truth():  # type: ignore[operator]
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.002)


def test_wishes_that_nobody_began_are_replaced() -> None:
    gate, started, made = threading.Event(), threading.Event(), list[str]()

    def make(key: str) -> str:
        started.set()
        gate.wait(10)
        made.append(key)
        return key.upper()

    loader: Loader[str, str] = Loader(make, 1, lambda: None)
    loader.want(["a", "b", "c"])
    assert started.wait(10)
    loader.want(["x", "y"])
    gate.set()
    wait_for(lambda: len(made) == 3)
    assert made == ["a", "x", "y"]
    wait_for(lambda: loader.pending == 3)
    assert loader.take() == [("a", "A"), ("x", "X"), ("y", "Y")]
    loader.close()


def test_spare_wishes_wait_until_nothing_else_waits_or_is_made() -> None:
    gates = {key: threading.Event() for key in ("slow", "quick", "spare", "new")}
    begun = list[str]()

    def make(key: str) -> str:
        begun.append(key)
        gates[key].wait(10)
        return key

    loader: Loader[str, str] = Loader(make, 2, lambda: None)
    loader.want(["slow", "quick"], ["spare", "slow", "spare"])
    wait_for(lambda: set(begun) == {"slow", "quick"})
    gates["quick"].set()
    wait_for(lambda: len(loader._done) == 1)
    time.sleep(0.05)
    assert "spare" not in begun, "a thread is free, but something wanted now is still being made"
    loader.want(["slow", "new"], ["spare"])
    wait_for(lambda: "new" in begun)
    gates["new"].set()
    gates["slow"].set()
    wait_for(lambda: begun[-1] == "spare")
    assert begun.count("spare") == 1
    gates["spare"].set()
    wait_for(lambda: len(loader._done) == 4)
    assert loader.pending == 4
    loader.close()


def test_a_spare_wish_that_becomes_wanted_is_not_made_twice() -> None:
    gate = threading.Event()
    begun = list[str]()

    def make(key: str) -> str:
        begun.append(key)
        gate.wait(10)
        return key

    loader: Loader[str, str] = Loader(make, 1, lambda: None)
    loader.want([], ["a", "b"])
    wait_for(lambda: begun == ["a"])
    loader.want(["a"], ["b"])
    gate.set()
    wait_for(lambda: len(loader._done) == 2)
    assert begun == ["a", "b"]
    loader.close()


def test_a_failure_is_a_result_and_the_thread_goes_on() -> None:
    def make(key: int) -> float:
        return 1 / key

    loader: Loader[int, float] = Loader(make, 1, lambda: None)
    loader.want([0, 2])
    wait_for(lambda: len(loader._done) == 2)
    (_, failure), good = loader.take()
    assert isinstance(failure, ZeroDivisionError)
    assert good == (2, 0.5)
    loader.close()


def test_arrivals_are_announced_once_until_taken() -> None:
    calls = list[int]()
    loader: Loader[int, int] = Loader(lambda key: key, 2, lambda: calls.append(1))
    loader.want(range(20))
    wait_for(lambda: len(loader._done) == 20)
    assert len(calls) == 1
    loader.take()
    loader.want([99])
    wait_for(lambda: len(calls) == 2)
    loader.close()


def test_after_close_nothing_is_begun_and_idle_comes_last() -> None:
    gate, order = threading.Event(), list[str]()
    started = threading.Barrier(3)

    def make(key: str) -> str:
        started.wait(10)
        gate.wait(10)
        order.append(key)
        return key

    loader: Loader[str, str] = Loader(make, 2, lambda: order.append("arrived"), lambda: order.append("idle"), "hilum-test")
    loader.want(["a", "b", "c", "d"])
    started.wait(10)
    loader.close()
    assert order == []
    gate.set()
    wait_for(lambda: not [one for one in threading.enumerate() if one.name.startswith("hilum-test")])
    assert sorted(order[:2]) == ["a", "b"]
    assert order[2:] == ["idle"]
    loader.want(["late"])
    assert loader.pending == 0


def test_closing_before_any_work_is_idle_at_once() -> None:
    order = list[str]()
    loader: Loader[str, str] = Loader(str, 2, lambda: None, lambda: order.append("idle"))
    loader.close()
    loader.close()
    assert order == ["idle"]


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 40)), max_size=60))
def test_the_cache_stays_within_its_bytes(steps: list[tuple[int, int]]) -> None:
    cache: ByteCache[int, int] = ByteCache(100)
    kept: list[tuple[int, int]] = []  # the truth: least recently used first
    for key, size in steps:
        cache.put(key, key * 7, size)
        kept = [one for one in kept if one[0] != key] + [(key, size)]
        while sum(one[1] for one in kept) > 100:
            kept.pop(0)
    assert cache.used == sum(size for _, size in kept)
    assert [key for key in range(10) if key in cache] == sorted(key for key, _ in kept)


def test_looking_at_an_entry_keeps_it() -> None:
    cache: ByteCache[str, int] = ByteCache(2)
    cache.put("a", 1, 1)
    cache.put("b", 2, 1)
    assert cache.get("a") == 1
    cache.put("c", 3, 1)
    assert "a" in cache
    assert "b" not in cache
