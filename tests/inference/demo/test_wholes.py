"""Whole scans and slides to learn from: findings where their masks are, words that read back, the prompts of the engine."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from inference import catalogue, prompts
from inference.demo import whole_reports
from inference.demo.batches import PICTURE, tokens_of
from inference.demo.torso import SIGNAL, SPACING, Case, draw_slices, draw_volume
from inference.demo.whole_reports import HELD_OUT_SLICE, WHICH_SLICE, fields_report, read_scan, scan_question, scan_report
from inference.demo.wholes import MOST, Scan, Wholes, draw_mr, draw_scan, draw_sheet
from inference.medgemma import Drafter
from inference.preprocess import ct
from inference.questions import DraftQuestion, Picture


def test_findings_lie_on_the_patients_side_at_their_density() -> None:
    drawn = draw_slices(3, Case(lesion=True, fluid=("right",)), (np.arange(48) + 0.5) / 48, 48)
    middle = drawn.values.shape[2] / 2
    for (name, side), (low, high) in {("fluid", "right"): (0, 16), ("lesion", ""): (4, 32)}.items():  # type: ignore[misc]
        mask = drawn.masks[name, side]  # type: ignore[index]
        across = np.nonzero(mask)[2].mean()
        assert mask.any()
        assert low <= drawn.values[mask].mean() <= high
        assert (across > middle) == (side == "left")  # columns run to the patient's left
    behind = np.nonzero(drawn.masks["fluid", "right"])[1].mean()
    assert behind > drawn.values.shape[1] / 2  # rows run to the back


def test_in_mr_fluid_is_the_brightest_and_a_lesion_brighter_than_the_liver() -> None:
    at = (np.arange(48) + 0.5) / 48
    drawn = draw_slices(3, Case(lesion=True, fluid=("left",)), at, 48, tissues=SIGNAL)
    bare = draw_slices(3, Case(lesion=False), at, 48, tissues=SIGNAL)
    lesion, fluid = drawn.masks["lesion", ""], drawn.masks["fluid", "left"]
    assert bare.values[lesion].mean() + 200 < drawn.values[lesion].mean() < drawn.values[fluid].mean() - 200
    assert np.percentile(drawn.values[~fluid], 99.9) < drawn.values[fluid].mean()
    assert np.array_equal(fluid, draw_slices(3, Case(lesion=True, fluid=("left",)), at, 48).masks["fluid", "left"])


def test_the_body_is_the_same_with_and_without_findings() -> None:
    at = (np.arange(48) + 0.5) / 48
    bare, full = draw_slices(5, Case(lesion=False), at, 48), draw_slices(5, Case(fluid=("right",)), at, 48)
    changed = bare.values != full.values
    assert not bare.masks
    assert not (changed & ~(full.masks["lesion", ""] | full.masks["fluid", "right"])).any()
    assert np.array_equal(draw_volume(5).hu, draw_slices(5, Case(), at, 48).values)
    assert draw_volume(5).spacing_mm == SPACING


@pytest.mark.parametrize("draw", [draw_scan, draw_mr])
@pytest.mark.parametrize("seed", range(20))
def test_a_report_reads_back(seed: int, draw: Callable[[int], list[Scan]]) -> None:
    (scan,) = draw(seed)
    assert len(scan.pixels) == MOST
    assert read_scan(scan_report(scan.best, scan.kind, sliced=True)) == scan.best
    assert set(read_scan(scan_report(scan.best, scan.kind, sliced=False))) == set(scan.best)
    rng = np.random.default_rng(seed)
    for _ in range(20):
        asked, answer = scan_question(scan.best, rng, scan.kind, held_out=True)
        name = next(one for one, names in whole_reports.SCAN_NAMES.items() if any(word in asked.lower() for word in names))
        there = any(one == name for one, _ in scan.best)
        assert answer.startswith(("No.", "There is no")) == (not there)


def test_wordings_held_out_are_not_trained_on() -> None:
    assert not set(HELD_OUT_SLICE) & set(WHICH_SLICE)


def test_fields_are_summed_up() -> None:
    shares = [(0.2, 0.8, 0.0, 0.0)] * 7 + [(0.1, 0.5, 0.4, 0.0)] * 2 + [(0.1, 0.85, 0.05, 0.0)]
    assert fields_report(shares) == (
        "Findings: Normal tissue in most fields. Tumour cells in few fields. No lymphocytes. Impression: Tumour present."
    )


def test_a_lesson_is_what_the_engine_asks() -> None:
    """Token for token: the prompt of a lesson is the one that the engine makes of the same pictures."""
    entry, folder, _ = catalogue.require("demo-drafter", "drafter")
    drafter = Drafter(folder, entry, "cpu")
    (scan,), (sheet,) = draw_scan(4), draw_sheet(4)
    wholes = Wholes([scan], [sheet], 0, 1)
    lesson = next(one for one in (wholes.scan() for _ in range(20)) if len(one.pictures) > 1)
    resonance = next(one for one in (Wholes(draw_mr(4), [sheet], 0, 1).scan() for _ in range(20)) if len(one.pictures) > 1)
    for made, kind in ((lesson, "ct"), (resonance, "mr"), (wholes.sheet(), "slide")):
        pictures = [Picture(np.zeros((9, 9, 3), np.uint8), kind, 1.0)] * len(made.pictures)  # type: ignore[arg-type]
        indication = made.both[0].prompt.partition(". ")[2]
        messages = prompts.messages(DraftQuestion(indication), pictures, entry)
        ids, positions, labels, owner, *_ = tokens_of(made, drafter.tokenizer)
        own = [at for at in range(len(ids)) if owner[at] == -1 or (owner[at] == 0 and labels[at] == -100)]
        assert [ids[at] for at in own] == drafter.prompt(messages, len(pictures)).tolist()
        assert [positions[at] for at in own] == list(range(len(own)))
    assert PICTURE.count("<image_soft_token>") == 100


def test_slices_are_those_that_the_engine_takes() -> None:
    assert catalogue.facts("demo-drafter").max_slices == catalogue.facts("demo-drafter").max_patches == MOST
    assert len(ct.choose(64, MOST)) == MOST
