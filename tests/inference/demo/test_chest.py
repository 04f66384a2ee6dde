"""The chest phantoms' truth against the picture itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from inference.demo.chest import GRADES, SLOTS, STEP, Chest, Finding, Kind, Side, draw_pair
from inference.demo.film import Film, box_of, draw_film

SIZE = 256


def healthy(seed: int = 5) -> Chest:
    chest = draw_pair(seed).current
    return replace(chest, findings=(), pose=replace(chest.pose, angle=0.0, shift=(0.0, 0.0), noise=0.0))


def with_finding(kind: Kind, side: Side, amount: float = 0.6, seed: int = 5) -> tuple[Chest, Finding]:
    place = (0.6, 0.4)
    finding = Finding(kind, side, amount, place, 77)
    return replace(healthy(seed), findings=(finding,)), finding


def middle(mask: NDArray[np.bool_]) -> tuple[float, float]:
    """(x, y) of the centre of mass."""
    rows, columns = np.nonzero(mask)
    return float(columns.mean()), float(rows.mean())


def film(chest: Chest) -> Film:
    return draw_film(chest, SIZE, SIZE)


@pytest.mark.parametrize("kind", ["effusion", "pneumothorax", "opacity"])
@pytest.mark.parametrize("side", ["left", "right"])
def test_a_finding_lies_on_the_patients_side(kind: Kind, side: Side) -> None:
    chest, finding = with_finding(kind, side)
    mask = film(chest).findings[(finding.kind, finding.side)]
    columns = np.nonzero(mask)[1]
    assert mask.any()
    assert (columns >= SIZE // 2).all() if side == "left" else (columns < SIZE // 2).all()


@pytest.mark.parametrize("kind", ["effusion", "pneumothorax", "opacity"])
@pytest.mark.parametrize("side", ["left", "right"])
def test_the_pixels_change_where_the_mask_says_and_nowhere_else(kind: Kind, side: Side) -> None:
    chest, finding = with_finding(kind, side)
    drawn, clean = film(chest), film(replace(chest, findings=()))
    mask = drawn.findings[(kind, side)]
    change = drawn.values.astype(int) - clean.values.astype(int)
    if kind == "pneumothorax":
        assert change[mask].mean() < -80
    else:
        assert change[mask].mean() > 200
    other_side = slice(0, SIZE // 2) if finding.side == "left" else slice(SIZE // 2, SIZE)
    assert np.abs(change[:, other_side]).max() <= 1


def test_a_pneumothorax_is_apical_and_lateral_without_vessels() -> None:
    chest, _ = with_finding("pneumothorax", "left", 0.8)
    drawn, clean = film(chest), film(replace(chest, findings=()))
    mask, lung = drawn.findings[("pneumothorax", "left")], drawn.organs["left lung"]
    assert middle(mask)[1] < middle(lung)[1]
    assert middle(mask)[0] > middle(lung)[0]

    def detail(values: NDArray[np.uint16]) -> float:
        rough = values.astype(float)
        return float(np.abs(rough[1:-1, 1:-1] - (rough[:-2, 1:-1] + rough[2:, 1:-1]) / 2)[mask[1:-1, 1:-1]].mean())

    assert detail(drawn.values) < detail(clean.values)


def test_an_effusion_lies_at_the_bottom_of_the_lung_and_climbs_the_wall() -> None:
    chest, _ = with_finding("effusion", "right", 0.5)
    drawn = film(chest)
    mask, lung = drawn.findings[("effusion", "right")], drawn.organs["right lung"]
    assert middle(mask)[1] > middle(lung)[1]
    box = box_of(mask)
    assert box is not None
    tops = [np.flatnonzero(mask[:, x])[0] for x in range(box[0], box[2]) if mask[:, x].any()]
    assert tops[2] < tops[len(tops) // 2] <= tops[-1]


def test_the_heart_lies_to_picture_right_and_cardiomegaly_widens_it() -> None:
    clean = film(healthy())
    lungs = clean.organs["left lung"] | clean.organs["right lung"]
    thorax = box_of(lungs)
    heart = box_of(clean.organs["heart"])
    assert thorax is not None
    assert heart is not None
    assert middle(clean.organs["heart"])[0] > (thorax[0] + thorax[2]) / 2
    normal = (heart[2] - heart[0]) / (thorax[2] - thorax[0])
    assert 0.36 < normal < 0.52
    for amount in (0.0, 1.0):
        big, _ = with_finding("cardiomegaly", "", amount)
        box = box_of(film(big).organs["heart"])
        assert box is not None
        assert (box[2] - box[0]) / (thorax[2] - thorax[0]) > normal + 0.04


@pytest.mark.parametrize("kind", ["effusion", "pneumothorax", "opacity", "cardiomegaly"])
def test_more_of_a_finding_covers_more(kind: Kind) -> None:
    side: Side = "" if kind == "cardiomegaly" else "left"
    areas = []
    for amount in (0.1, 0.5, 0.9):
        chest, finding = with_finding(kind, side, amount)
        areas.append(int(film(chest).findings[(kind, side)].sum()))
        assert finding.grade == GRADES[kind][int(amount * 3)]
    assert areas[0] < areas[1] < areas[2]


def test_the_smallest_finding_can_be_resolved_by_the_model() -> None:
    for kind, side in SLOTS:
        chest, _ = with_finding(kind, side, 0.0)
        box = box_of(film(chest).findings[(kind, side)])
        assert box is not None
        assert min(box[2] - box[0], box[3] - box[1]) >= 0.05 * SIZE


def test_a_seed_gives_the_same_film_and_another_seed_another() -> None:
    first, again, other = (film(draw_pair(seed).current) for seed in (9, 9, 10))
    assert np.array_equal(first.values, again.values)
    assert not np.array_equal(first.values, other.values)
    assert first.values.max() <= 4095
    assert np.array_equal(first.pixels, first.values >> 4)


def test_two_films_of_a_patient_share_the_anatomy_and_differ_as_said() -> None:
    for seed in range(60):
        pair = draw_pair(seed)
        assert pair.prior.anatomy == pair.current.anatomy
        assert pair.prior.pose != pair.current.pose
        for slot, change in pair.changes.items():
            before, after = pair.prior.find(*slot), pair.current.find(*slot)
            if change == "new":
                assert before is None
                assert after is not None
            elif change == "resolved":
                assert before is not None
                assert after is None
            else:
                assert before is not None
                assert after is not None
                assert before.place == after.place
                difference = after.amount - before.amount
                assert {"improved": difference <= -STEP + 2e-3, "worsened": difference >= STEP - 2e-3, "stable": difference == 0}[
                    change
                ]
        shown = {(f.kind, f.side) for f in (*pair.prior.findings, *pair.current.findings)}
        assert shown == set(pair.changes)


def test_resolutions_agree() -> None:
    chest = replace(draw_pair(12).current, pose=replace(draw_pair(12).current.pose, noise=0.0))
    small, large = draw_film(chest, 128, 128), draw_film(chest, 1024, 1024)
    mean = large.values.astype(float).reshape(128, 8, 128, 8).mean((1, 3))
    assert np.abs(mean - small.values).mean() < 40
    for name, mask in large.organs.items():
        assert abs(mask.mean() - small.organs[name].mean()) < 0.01


def test_a_film_too_small_is_refused() -> None:
    with pytest.raises(ValueError, match="32 pixels"):
        draw_film(healthy(), 16, 16)
