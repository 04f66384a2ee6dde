"""How places of one slide lie on another, by formula, and two cameras that see the same."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from viewers.camera import Camera
from viewers.geometry import Size
from viewers.linking import IDENTITY, Linked, Similarity, follow

NUMBERS = st.floats(-1e5, 1e5)
PLACES = st.tuples(NUMBERS, NUMBERS)


def by_hand(x: float, y: float, angle: float, scale: float, shift: tuple[float, float]) -> tuple[float, float]:
    """The textbook's turn, scale and shift."""
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    return scale * (x * cos - y * sin) + shift[0], scale * (x * sin + y * cos) + shift[1]


@given(st.floats(0, 359), st.floats(0.05, 20), PLACES, PLACES, PLACES, PLACES)
def test_two_places_give_turn_scale_and_shift(angle, scale, shift, a, b, other) -> None:  # type: ignore[no-untyped-def]
    if math.dist(a, b) < 1000:
        return
    there = [by_hand(*place, angle, scale, shift) for place in (a, b)]
    found = Similarity.between([a, b], there)
    assert found.scale == pytest.approx(scale)
    assert math.remainder(found.angle - angle, 360) == pytest.approx(0, abs=1e-6)
    assert found(*other) == pytest.approx(by_hand(*other, angle, scale, shift), rel=1e-6, abs=1e-2)
    assert found.inverse()(*found(*other)) == pytest.approx(other, rel=1e-6, abs=1e-3)


def test_a_mirrored_slide() -> None:
    """The other section lies face down: x runs the other way."""
    found = Similarity.between([(10, 20), (110, 20)], [(990, 20), (890, 20)], mirrored=True)
    assert found(10, 70) == pytest.approx((990, 70))
    assert found.inverse()(990, 70) == pytest.approx((10, 70))
    assert found.after(found.inverse())(3, 4) == pytest.approx((3, 4))
    plain = Similarity.between([(10, 20), (110, 20)], [(990, 20), (890, 20)])
    assert plain(10, 70) == pytest.approx((990, -30)), "without the mirror it is half a turn"


def test_one_place_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="lie apart"):
        Similarity.between([(5, 5), (5, 5)], [(1, 1), (2, 2)])


def camera(width: int = 800, height: int = 600, size: Size | None = None) -> Camera:
    one = Camera(size or Size(40_000, 30_000))
    one.resize(width, height)
    return one


@pytest.mark.parametrize("flipped", [False, True])
@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("angle", [0.0, 33.0, 90.0])
def test_the_follower_sees_the_same_places(flipped: bool, mirrored: bool, angle: float) -> None:
    """Any point of the screen lies on places that belong together, in panes of one size."""
    to_other = Similarity.between([(10_000, 8000), (20_000, 9000)], [(12_000, 20_000), (14_500, 9000)], mirrored)
    leader, other = camera(), camera()
    leader.zoom_to(0.2)
    leader.centre_on(15_000, 8200)
    leader.turn_to(angle)
    if flipped:
        leader.flip()
    assert follow(leader, other, to_other)
    for place in ((400, 300), (0, 0), (800, 0), (123, 456)):
        assert other.from_screen(*place) == pytest.approx(to_other(*leader.from_screen(*place)), abs=1e-3)
    assert other.flipped == (flipped != mirrored)
    assert not follow(leader, other, to_other), "it is there already"


def test_a_fitted_camera_stays_fitted_where_nothing_changes() -> None:
    leader, other = camera(), camera()
    leader.fit()
    other.fit()
    assert not follow(leader, other, IDENTITY)
    assert other.fitted
    leader.pan(30, 0)
    assert follow(leader, other, IDENTITY)
    assert not other.fitted
    assert (other.x, other.y, other.scale) == (leader.x, leader.y, leader.scale)


def test_four_panes_of_two_slides() -> None:
    """Panes 0 and 2 show one slide, 1 and 3 another: whoever leads, all see the same."""
    frame = Similarity.between([(0, 0), (1000, 0)], [(5000, 5000), (5000, 7000)])
    linked = Linked({0: IDENTITY, 1: frame, 2: IDENTITY, 3: frame})
    cameras = {number: camera() for number in range(4)}
    cameras[1].zoom_to(0.5)
    cameras[1].centre_on(2500, 900)
    assert linked.lead(1, cameras) == [0, 2, 3]
    for number in (0, 2):
        assert cameras[number].from_screen(10, 20) == pytest.approx(frame(*cameras[1].from_screen(10, 20)))
        assert cameras[number].angle == pytest.approx((cameras[1].angle - 90) % 360)
        assert cameras[number].scale == pytest.approx(cameras[1].scale / 2)
    assert linked.lead(0, cameras) == []
    assert linked.lead(7, cameras) == []
