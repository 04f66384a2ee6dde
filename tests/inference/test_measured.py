"""How far a quantised model is from itself: the numbers by SciPy's and by hand, and of the demonstration on phantoms."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.special import rel_entr

from app import measuring_models
from app.cli import main
from inference import catalogue, measured, measuring
from inference.answers import Box
from inference.engine import Engine, EngineSpec
from inference.errors import Cancelled
from inference.measured import Measured
from inference.questions import Decoding, FreeQuestion
from tests.inference import tiny


def test_divergence_and_first_choice_by_scipy() -> None:
    rng = np.random.default_rng(0)
    p, q = (rng.dirichlet(np.ones(50), 40) for _ in range(2))
    p[3, 7], p[3] = 0.0, p[3] / p[3].sum()  # a token that cannot come
    found = measuring.compared(*([torch.from_numpy(np.log(one)).float()[:25], torch.from_numpy(np.log(one)).float()[25:]]
                                 for one in (p, q)))  # fmt: skip
    each = rel_entr(p, q).sum(axis=1)
    assert found.kl_mean == pytest.approx(each.mean(), rel=1e-4)
    assert found.kl_p99 == pytest.approx(np.quantile(each, 0.99), rel=1e-4)
    assert found.top1 == pytest.approx((p.argmax(1) == q.argmax(1)).mean())
    assert found.tokens == 40
    alike = [torch.from_numpy(np.log(p)).float()]
    same = measuring.compared(alike, alike)
    assert (same.kl_mean, same.top1) == (0.0, 1.0)


def test_findings_and_sides_by_hand() -> None:
    said = measuring_models.said
    exact = said("Findings: Large left pleural effusion. No pneumothorax. Impression: Effusion, left.")
    light = said("Findings: Small right pleural effusion. No pneumothorax. Cardiomegaly.")
    alike, sided = measuring._findings([(exact, light)])
    assert alike == pytest.approx(2 / 3)  # effusion and no pneumothorax of those and cardiomegaly
    assert sided == 0.0
    assert measuring._findings([(exact, exact)]) == (1.0, 1.0)
    assert measuring._findings([(frozenset(), frozenset())]) == (-1.0, -1.0)


def test_drift_of_boxes_by_hand() -> None:
    first, moved = Box("a", 0, 0, 10, 10), Box("a", 3, 4, 13, 14)
    drift, overlap, both = measuring._drift({(0, "a"): first, (1, "b"): first}, {(0, "a"): moved, (2, "b"): moved})
    assert (drift, both) == (5.0, 1)
    assert overlap == pytest.approx(7 * 6 / (200 - 42))
    assert measuring._drift({}, {}) == (-1.0, -1.0, 0)


def test_chances_are_those_of_the_published_model(models: Path) -> None:
    """Along a given text, teacher-forced, against transformers' own forward pass."""
    from inference.medgemma import Drafter

    drafter = Drafter(models / tiny.DRAFTER, catalogue.entry(tiny.DRAFTER), "cpu")
    messages, text = (("user", (None, "left?")),), "There is a left pleural effusion."
    pixels = tiny.picture().pixels
    got = drafter.chances(messages, [pixels], text, 64, threading.Event())
    from transformers import Gemma3ForConditionalGeneration

    published = Gemma3ForConditionalGeneration.from_pretrained(models / tiny.DRAFTER, dtype=torch.float32).eval()
    ids = drafter.prompt(messages, 1)
    answer = torch.tensor(drafter.tokenizer(text, add_special_tokens=False)["input_ids"])
    whole = torch.cat([ids, answer])[None]
    with torch.inference_mode():
        logits = published(
            input_ids=whole, pixel_values=drafter.normalised(drafter.pixels(pixels))[None],
            token_type_ids=(whole == published.config.image_token_index).long(),
        ).logits[0, len(ids) - 1 : -1]  # fmt: skip
    assert torch.allclose(got, logits.log_softmax(-1), atol=2e-4)


@pytest.mark.parametrize("kind", ["int8", "int4"])
def test_the_demonstration_quantised_says_nearly_what_it_says_in_full(
    kind: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["models", "measure", "demo-drafter", "--quantisation", kind, "--films", "6", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert 0 <= found["kl_mean"] < 0.05
    assert found["kl_mean"] <= found["kl_p99"]
    assert found["top1"] > 0.95
    assert found["findings"] > 0.9
    assert found["sides"] > 0.9
    assert found["boxes"] >= 3
    assert found["box_drift_px"] < 60
    assert found["gigabytes"] < found["gigabytes_exact"]
    assert main(["models", "list"]) == 0
    assert f"demo-drafter, {kind}: measured" in capsys.readouterr().out
    Image.fromarray(next(measuring_models.phantoms(1)).pixels).save(tmp_path / "film.png")
    assert main(["draft", str(tmp_path / "film.png"), "--quantisation", kind, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)["receipt"]["quantisation"]
    assert said.startswith(f"{kind}; measured ")
    assert "findings alike" in said


def test_int4_is_further_away_than_int8() -> None:
    one, other = (
        measuring_models.measure("demo-drafter", kind, "cpu", 3, lambda _: None) for kind in ("int8", "int4")
    )  # fmt: skip
    assert one.kl_mean < other.kl_mean
    assert measured.of_model("demo-drafter")[0] in (one, other)


def test_it_can_be_stopped_and_then_nothing_is_kept(home: Path) -> None:
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(Cancelled):
        measuring_models.measure("demo-drafter", "int8", "cpu", 2, lambda _: None, cancel)
    assert not [*home.rglob("*.json")]


def test_another_revision_is_not_measured_and_a_damaged_file_is_none(models: Path) -> None:
    found = Measured(tiny.DRAFTER, "r" * 64, "", "int8", "int8", "cpu", "2026-11-26", 3, 90, 0.012, 0.1, 0.987, 0.9, 1.0)
    place = measured.save(found)
    assert measured.load(tiny.DRAFTER, "r" * 64, "", "int8", "cpu") == found
    assert measured.load(tiny.DRAFTER, "s" * 64, "", "int8", "cpu") is None
    assert measured.load(tiny.DRAFTER, "r" * 64, "an adapter 1234", "int8", "cpu") is None
    assert found.sentence == (
        "measured 2026-11-26 against full precision on 3 films: KL 0.012, first choice the same at 98.7%, findings alike 90%, "
        "sides 100%"
    )
    place.write_text("{")
    assert measured.load(tiny.DRAFTER, "r" * 64, "", "int8", "cpu") is None
    assert measured.of_model(tiny.DRAFTER) == ()
    measured.save(replace(found, boxes=3, box_drift_px=7.2))
    assert measured.of_model(tiny.DRAFTER)[0].sentence.endswith("boxes off by 7 px")
    spec = EngineSpec(tiny.ENCODER, tiny.DRAFTER, "int8", "cpu", 1, "torch")
    receipt = Engine(spec).answer(FreeQuestion("left?", Decoding(2)), [tiny.picture()]).receipt
    assert receipt.quantisation == "int8; not measured on this machine"
