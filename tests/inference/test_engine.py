"""The engine in process: complete receipts, one question at a time, errors of its own kind alone."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inference import modelfiles
from inference.answers import Draft, Embedding, Heatmap, LabelScores, Progress
from inference.engine import Engine, EngineSpec
from inference.errors import Cancelled, ModelRefused
from inference.questions import (
    BoxQuestion,
    Decoding,
    DraftQuestion,
    EmbedQuestion,
    FreeQuestion,
    HeatmapQuestion,
    Label,
    LabelQuestion,
    LabelSet,
    Picture,
)
from tests.inference.tiny import DRAFTER, ENCODER, picture

LABELS = LabelSet("two", "cxr", (Label("A", ("left pleural",), ("heart",)), Label("B", ("enlarged",), ("left",), 0.9)))


@pytest.fixture
def engine(models: Path) -> Engine:
    return Engine(EngineSpec(ENCODER, DRAFTER, runtime="torch", threads=1, device="cpu"))


def test_labels_come_sorted_with_a_complete_receipt(engine: Engine, models: Path) -> None:
    shown = Picture(picture(50, 80).pixels, "cxr", steps=("window 40/400",))
    answer = engine.answer(LabelQuestion(LABELS), [shown])
    assert isinstance(answer, LabelScores)
    assert [score.contrast for score in answer.scores] == sorted((score.contrast for score in answer.scores), reverse=True)
    receipt = answer.receipt
    assert (receipt.model, receipt.quantisation, receipt.device, receipt.remark) == (ENCODER, "none", "cpu", "random")
    assert receipt.revision == modelfiles.revision(models / ENCODER)
    assert receipt.preprocessing[:2] == ("window 40/400", "padded to a square with zeros")
    assert receipt.preprocessing[2].startswith("resized to 96 × 96")
    assert receipt.pixels_sha256 == (hashlib.sha256(shown.pixels.tobytes()).hexdigest(),)
    assert receipt.prompt == "A: left pleural against heart\nB: enlarged against left"
    assert {"torch", "transformers", "hilum"} <= dict(receipt.versions).keys()
    assert receipt.seconds > 0


def test_a_draft_streams_what_it_answers(engine: Engine) -> None:
    news: list[Progress] = []
    answer = engine.answer(DraftQuestion("cough", Decoding(30, seed=4)), [picture()], on_progress=news.append)
    assert isinstance(answer, Draft)
    assert [one.stage for one in news[:3]] == [f"loading {DRAFTER}", "reading pictures", "reading the prompt"]
    streamed = "".join(one.text for one in news if one.stage == "writing")
    assert answer.text.startswith(streamed.strip())
    receipt = answer.receipt
    assert receipt.tokens == 30
    assert receipt.seed == 4
    assert receipt.dtype == "float32 (small model)"
    assert receipt.prompt.startswith("<bos><start_of_turn>user\n")
    assert "<start_of_image><image_soft_token>×16<end_of_image>" in receipt.prompt
    assert receipt.prompt.endswith("<end_of_turn>\n<start_of_turn>model\n")
    assert "cough" in receipt.prompt


def test_every_kind_of_question(engine: Engine) -> None:
    assert isinstance(engine.answer(FreeQuestion("left?", Decoding(3)), [picture(), picture()]), Draft)
    box = engine.answer(BoxQuestion("heart", Decoding(3)), [picture()])
    assert isinstance(box, Draft)
    assert box.boxes == ()
    heat = engine.answer(HeatmapQuestion("left pleural"), [picture(40, 90)])
    assert isinstance(heat, Heatmap)
    assert heat.values.dtype == np.float32
    assert (heat.extent, heat.validated, heat.phrase) == ((0, -25, 90, 65), True, "left pleural")
    windows = engine.answer(HeatmapQuestion("left pleural", None, "windows"), [picture()])
    assert isinstance(windows, Heatmap)
    assert not windows.validated
    four = "read four times, a quarter of a patch up or down and left or right"
    assert (four in heat.receipt.preprocessing, four in windows.receipt.preprocessing) == (True, False)
    assert windows.receipt.prompt == "left pleural\nagainst: normal study\nagainst: no acute cardiopulmonary process"
    vectors = engine.answer(EmbedQuestion(), [picture(seed=seed) for seed in range(20)])
    assert isinstance(vectors, Embedding)
    assert vectors.vectors.shape == (20, 64)
    assert np.allclose(np.linalg.norm(vectors.vectors, axis=1), 1, atol=1e-5)
    single = engine.answer(EmbedQuestion(), [picture(seed=7)])
    assert isinstance(single, Embedding)
    assert np.allclose(vectors.vectors[7], single.vectors[0], atol=1e-6)


def test_a_large_slide_picture_is_pooled_over_crops(engine: Engine) -> None:
    shown = picture(400, 600, modality="slide", mpp=1.0)  # fields of 192 px: 3 × 4 crops, the last flush with the edge
    answer = engine.answer(LabelQuestion(LABELS), [shown])
    assert isinstance(answer, LabelScores)
    assert "12 crops; a label's score is the mean of the 1 that support it most" in answer.receipt.preprocessing
    crops = [shown.pixels[y : y + 192, x : x + 192] for y in (0, 192, 208) for x in (0, 192, 384, 408)]
    alone = [engine.answer(LabelQuestion(LABELS), [Picture(np.ascontiguousarray(crop), "cxr")]) for crop in crops]
    best = max(score.contrast for one in alone if isinstance(one, LabelScores) for score in one.scores if score.name == "A")
    assert next(score.contrast for score in answer.scores if score.name == "A") == pytest.approx(best, abs=1e-5)


def test_wrong_numbers_of_pictures_are_refused(engine: Engine) -> None:
    for question, shown in ((LabelQuestion(LABELS), []), (HeatmapQuestion("a"), [picture()] * 2), (EmbedQuestion(), [])):
        with pytest.raises(ModelRefused, match="exactly one picture"):
            engine.answer(question, shown)


def test_questions_from_several_threads_wait_for_each_other(engine: Engine) -> None:
    found: dict[int, Any] = {}

    def ask(seed: int) -> None:
        found[seed] = engine.answer(EmbedQuestion(), [picture(seed=seed)])

    threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for seed in range(4):
        again = engine.answer(EmbedQuestion(), [picture(seed=seed)])
        assert isinstance(again, Embedding)
        assert np.array_equal(found[seed].vectors, again.vectors)


def test_cancel_before_the_start_and_state(engine: Engine) -> None:
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(Cancelled):
        engine.answer(EmbedQuestion(), [picture()], cancel=cancel)
    assert engine.state().models == ()
    engine.answer(EmbedQuestion(), [picture()])
    state = engine.state()
    assert (state.device, state.models, state.remark) == ("cpu", (ENCODER,), "random")
    assert 0 < state.memory_used < state.memory_total
    engine.close()
    assert engine.state().models == ()


def test_a_device_that_is_not_there_is_refused(models: Path) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has CUDA")
    with pytest.raises(ModelRefused, match="torch sees no CUDA device"):
        Engine(EngineSpec(ENCODER, DRAFTER, device="cuda")).answer(EmbedQuestion(), [picture()])


def test_quantisation_is_in_the_receipt(models: Path) -> None:
    engine = Engine(EngineSpec(ENCODER, DRAFTER, "int8", "cpu", 1, "torch"))
    answer = engine.answer(FreeQuestion("left?", Decoding(3)), [picture()])
    assert answer.receipt.quantisation == "int8; not measured on this machine"


def test_an_encoder_out_of_memory_halves_its_batch_and_says_so(engine: Engine) -> None:
    import torch

    engine.answer(EmbedQuestion(), [picture()])
    assert engine._encoder is not None
    encoder = engine._encoder[0]

    def full(_: Any, inputs: tuple[torch.Tensor, ...], more: dict[str, torch.Tensor]) -> None:
        if len(more.get("pixel_values", inputs[0] if inputs else torch.empty(0))) > 4:
            raise torch.OutOfMemoryError("CUDA out of memory")

    hook = encoder.towers._vision.tower.register_forward_pre_hook(full, with_kwargs=True)  # type: ignore[attr-defined]
    answer = engine.answer(EmbedQuestion(), [picture(seed=seed) for seed in range(9)])
    hook.remove()
    assert answer.receipt.steps == ("out of memory: batch 16 → 8", "out of memory: batch 8 → 4")
    assert isinstance(answer, Embedding)
    assert np.isfinite(answer.vectors).all()
