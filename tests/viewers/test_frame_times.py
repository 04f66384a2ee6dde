"""How long frames stand, out of headers that say it in one way or another (PS3.3 C.7.6.5)."""

from __future__ import annotations

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items

from viewers.sources.frame_times import times_of


def header(**stated: object) -> Dataset:
    dataset = Dataset()
    for keyword, value in stated.items():
        setattr(dataset, keyword, value)
    return dataset


@pytest.mark.parametrize(
    ("stated", "shown_ms", "word"),
    [
        ({"FrameTime": 40}, [40.0] * 4, "frame time"),
        ({"FrameTimeVector": [0, 10, 20, 30]}, [10.0, 20.0, 30.0, 20.0], "frame time vector"),
        ({"FrameTimeVector": [0, 10], "FrameTime": 25}, [25.0] * 4, "frame time"),
        ({"FrameTimeVector": [0, 10, -5, 10], "CineRate": 20}, [50.0] * 4, "cine rate"),
        ({"CineRate": 10, "RecommendedDisplayFrameRate": 30}, [1000 / 30] * 4, "recommended rate"),
        ({"FrameTime": 0, "CineRate": 25}, [40.0] * 4, "cine rate"),
        ({"NominalInterval": 800, "CardiacNumberOfImages": 4}, [200.0] * 4, "R-R interval"),
        ({"ActualFrameDuration": 500}, [500.0] * 4, "frame duration"),
    ],
)
def test_the_first_usable_statement_counts(stated: dict[str, object], shown_ms: list[float], word: str) -> None:
    found = times_of(header(**stated), 4)
    assert found is not None
    assert found.shown_ms == pytest.approx(shown_ms)
    assert found.stated_by == word
    assert found.rate == pytest.approx(4000 / sum(shown_ms))


def test_a_gated_heart_beat_is_shared_among_its_frames() -> None:
    beat = header(NominalInterval=960)
    gated = header(DataInformationSequence=Items([beat]))
    found = times_of(header(GatedInformationSequence=Items([gated]), NumberOfTimeSlots=16), 16)
    assert found is not None
    assert found.shown_ms[0] == 60.0


@pytest.mark.parametrize("stated", [{}, {"FrameTime": "1e9"}, {"CineRate": 0}, {"RecommendedDisplayFrameRate": -3}])
def test_nothing_usable_is_nothing(stated: dict[str, object]) -> None:
    assert times_of(header(**stated), 4) is None
    assert times_of(header(FrameTime=40), 1) is None


def test_sweeping_is_asked_for_by_the_file() -> None:
    assert times_of(header(FrameTime=40, PreferredPlaybackSequencing=1), 4).sweeping  # type: ignore[union-attr]
