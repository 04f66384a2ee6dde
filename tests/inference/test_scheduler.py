"""The order of jobs, lanes that supersede, and every way a ticket leaves the queue."""

from __future__ import annotations

import threading

from inference.scheduler import BATCH, INTERACTIVE, VISIBLE, Job, Scheduler


def taken(queue: Scheduler[str]) -> Job[str]:
    job = queue.take()
    assert job is not None
    return job


def test_priority_first_then_order_of_arrival() -> None:
    queue: Scheduler[str] = Scheduler(lambda _: None)
    for ticket, (work, priority) in enumerate(
        [("b1", BATCH), ("v1", VISIBLE), ("i1", INTERACTIVE), ("b2", BATCH), ("i2", INTERACTIVE)]
    ):
        queue.submit(ticket, work, priority=priority)
    order = []
    while len(queue):
        order.append(taken(queue).work)
        queue.done()
    assert order == ["i1", "i2", "v1", "b1", "b2"]


def test_a_newer_job_of_a_lane_drops_the_waiting_one_and_stops_the_running_one() -> None:
    dropped: list[int] = []
    queue: Scheduler[str] = Scheduler(dropped.append)
    queue.submit(1, "first", lane="pane")
    running = taken(queue)
    queue.submit(2, "second", lane="pane")
    queue.submit(3, "third", lane="pane")
    queue.submit(4, "other", lane="other")
    queue.submit(5, "none")
    queue.submit(6, "none")
    assert running.cancel.is_set()
    assert dropped == [2]
    queue.done()
    assert [taken(queue).ticket for _ in range(4)] == [3, 4, 5, 6]


def test_cancel_of_waiting_running_and_unknown_tickets() -> None:
    dropped: list[int] = []
    queue: Scheduler[str] = Scheduler(dropped.append)
    queue.submit(1, "a")
    queue.submit(2, "b")
    running = taken(queue)
    queue.cancel(2)
    queue.cancel(1)
    queue.cancel(99)
    assert dropped == [2]
    assert running.cancel.is_set()


def test_close_drops_all_and_wakes_the_consumer() -> None:
    dropped: list[int] = []
    queue: Scheduler[str] = Scheduler(dropped.append)
    got: list[object] = []
    consumer = threading.Thread(target=lambda: got.append(queue.take()))
    consumer.start()
    queue.close()
    consumer.join(5)
    assert got == [None]
    queue.submit(7, "late")
    assert dropped == [7]


def test_many_producers_lose_nothing() -> None:
    queue: Scheduler[int] = Scheduler(lambda _: None)

    def produce(start: int) -> None:
        for ticket in range(start, start + 200):
            queue.submit(ticket, ticket, priority=ticket % 3)

    threads = [threading.Thread(target=produce, args=(200 * i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    seen = []
    while len(seen) < 800:
        job = queue.take()
        assert job is not None
        seen.append(job.ticket)
        queue.done()
    for thread in threads:
        thread.join()
    assert sorted(seen) == list(range(800))
