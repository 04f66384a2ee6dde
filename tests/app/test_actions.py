"""A key that two actions share does nothing at all in Qt."""

from __future__ import annotations

from collections import Counter

import pytest

from app.actions import SPECS


@pytest.mark.parametrize("slide", [False, True])
def test_every_key_has_one_action(slide: bool) -> None:
    keys = Counter(
        key.lower() for spec in SPECS for key in (spec.on_slides if slide and spec.on_slides is not None else spec.keys)
    )
    assert [key for key, count in keys.items() if count > 1] == []


def test_every_action_has_one_name() -> None:
    assert len({spec.id for spec in SPECS}) == len({spec.text for spec in SPECS}) == len(SPECS)
