"""When a tower's pass is recorded, and when anew; a stand-in keeps the place of the card."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from inference.cuda import tower
from inference.cuda.tower import Tower
from inference.errors import Cancelled

NEVER = threading.Event()
PICTURE = torch.arange(6.0).reshape(1, 6)


class Card:
    """Records what a recording would read: the weights where they lay then."""

    def __init__(self, layer: nn.Linear, monkeypatch: pytest.MonkeyPatch) -> None:
        self.layer, self.recordings, self.waited = layer, 0, 0
        monkeypatch.setattr(tower, "recorded", self.recorded)
        monkeypatch.setattr(torch.cuda, "synchronize", lambda: None)
        monkeypatch.setattr(torch.cuda, "Event", lambda: self)

    def recorded(self, work: Callable[[], Tensor]) -> tuple[Any, Tensor]:
        self.recordings += 1
        weight, kept = self.layer.weight.data, work()  # that memory, wherever the parameter lies later
        given = work.__closure__[0].cell_contents  # type: ignore[index]

        class Graph:
            def replay(self) -> None:
                kept.copy_(given @ weight.T)

        return Graph(), kept

    def record(self) -> None: ...

    def synchronize(self) -> None:
        self.waited += 1


@pytest.fixture
def layer() -> nn.Linear:
    made = nn.Linear(6, 3, bias=False)
    return made.requires_grad_(False)


def test_a_pass_is_recorded_once_and_anew_where_its_weights_lie_elsewhere(
    layer: nn.Linear, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = Card(layer, monkeypatch)
    read = Tower(layer, layer.parameters)
    for factor in (1.0, 2.0, 3.0):
        assert torch.equal(read(PICTURE * factor, NEVER), layer(PICTURE * factor))
    assert card.recordings == 1
    old = layer.weight.data
    layer.weight.data = old.clone()  # as when another model holds the same weights
    old.fill_(float("nan"))  # and the memory is another's
    for factor in (1.0, 2.0):
        assert torch.equal(read(PICTURE * factor, NEVER), layer(PICTURE * factor))
    assert card.recordings == 2
    assert card.waited == 5 - tower.AHEAD


def test_a_slow_pass_and_one_that_cannot_be_recorded_are_read_layer_by_layer(
    layer: nn.Linear, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = Card(layer, monkeypatch)

    def slow(picture: Tensor) -> Tensor:
        time.sleep(tower.SOON * 1.2)
        return layer(picture)  # type: ignore[no-any-return]

    read = Tower(slow, layer.parameters)
    assert torch.equal(read(PICTURE, NEVER), layer(PICTURE))
    assert torch.equal(read(PICTURE, NEVER), layer(PICTURE))
    assert card.recordings == 0

    def refused(work: Callable[[], Tensor]) -> tuple[Any, Tensor]:
        raise RuntimeError("operation not permitted when stream is capturing")

    monkeypatch.setattr(tower, "recorded", refused)
    read = Tower(layer, layer.parameters)
    assert torch.equal(read(PICTURE, NEVER), layer(PICTURE))
    assert torch.equal(read(PICTURE * 2, NEVER), layer(PICTURE * 2))


def test_a_stop_is_heard_before_a_picture(layer: nn.Linear, monkeypatch: pytest.MonkeyPatch) -> None:
    Card(layer, monkeypatch)
    stop = threading.Event()
    stop.set()
    with pytest.raises(Cancelled):
        Tower(layer, layer.parameters)(PICTURE, stop)
