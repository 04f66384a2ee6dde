"""What a drafter needs, by hand and by a process that loads one; what is given up when it is more than there is."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from inference import catalogue, fitting, ladder, lengths
from inference.answers import Progress
from inference.decoder import Decoder
from inference.engine import Engine, EngineSpec
from inference.errors import ModelFailed, ModelRefused
from inference.fitting import Room, Shape, fit, need, tokens_per_second
from inference.medgemma import Drafter
from inference.questions import Decoding, DraftQuestion, EmbedQuestion, FreeQuestion
from tests.inference import tiny

GIB = 2**30
SMALL: dict[str, Any] = {
    "text_config": {
        "hidden_size": 2560, "intermediate_size": 10_240, "num_hidden_layers": 34, "num_attention_heads": 8,
        "num_key_value_heads": 4, "head_dim": 256, "vocab_size": 262_208, "sliding_window": 1024, "sliding_window_pattern": 6,
    },
    "vision_config": {"hidden_size": 1152, "intermediate_size": 4304, "image_size": 896, "patch_size": 14},
    "mm_tokens_per_image": 256,
}  # fmt: skip
LARGE = {
    "hidden_size": 5376, "intermediate_size": 21_504, "num_hidden_layers": 62, "num_attention_heads": 32,
    "num_key_value_heads": 16, "head_dim": 128, "vocab_size": 262_208, "sliding_window": 1024, "sliding_window_pattern": 6,
}  # fmt: skip
FOUR, LARGEST = Shape.of(SMALL, 4_300_000_000), Shape.of(LARGE, 27_010_000_000)


@pytest.mark.parametrize(
    ("places", "small", "large"),
    [(4096, 0.19, 0.72), (8192, 0.27, 1.03), (22_784, 0.55, 2.15), (32_768, 0.74, 2.91), (131_072, 2.61, 10.4)],
)
def test_the_cache_grows_in_the_layers_without_a_window_alone(places: int, small: float, large: float) -> None:
    """4B: 29 layers of 1,024 and 5 of all places, 4 heads of 256; 27B: 52 and 10, 16 of 128; keys and values, 2 bytes each."""
    assert need(FOUR, "none", places).cache == (29 * 1024 + 5 * places) * 2 * 4 * 256 * 2
    assert need(FOUR, "none", places).cache / GIB == pytest.approx(small, abs=0.006)
    assert need(LARGEST, "none", places).cache / GIB == pytest.approx(large, abs=0.04)


@pytest.mark.parametrize(
    ("quantisation", "weights", "read"),
    [("none", 8.60, 7.76), ("int8", 5.39, 4.55), ("int4", 3.89, 3.05)],
)
def test_weights_of_the_4b_in_gigabytes(quantisation: str, weights: float, read: float) -> None:
    """34 layers of 2560 · (2048 + 2 · 1024) + 2560 · 2048 + 3 · 2560 · 10240 = 3.21 billion numbers in linears; the head is
    262,208 · 2560."""
    found = need(FOUR, quantisation, 1)
    assert found.weights / 1e9 == pytest.approx(weights, abs=0.02)
    assert found.read / 1e9 == pytest.approx(read, abs=0.02)


def test_85_slices_fit_a_card_of_12_gb_at_int4_and_the_27b_one_of_20() -> None:
    volume = need(FOUR, "int4", 22_784, 85, kind="cuda")
    assert fit(volume, Room("cuda", "card", 12_000_000_000, 12_000_000_000)) == "fits"
    assert fit(need(LARGEST, "int4", 4096, kind="cuda"), Room("cuda", "card", 20_000_000_000, 20_000_000_000)) == "fits"
    assert fit(need(LARGEST, "int8", 4096), Room("cuda", "card", 20_000_000_000, 20_000_000_000)) == "too large"
    assert fit(need(FOUR, "none", 4096, 1), Room("cpu", "machine", 8_000_000_000, 24_000_000_000)) == "tight"


def test_predicted_speed_is_bandwidth_over_what_a_token_reads() -> None:
    """A card of 1,008 GB/s at 62, 37, 32 % of it, as an H200 was measured."""
    for kind, share, read in (("none", 0.62, 7.76), ("int8", 0.37, 4.55), ("int4", 0.32, 3.05)):
        found = tokens_per_second(need(FOUR, kind, 1), kind, "cuda", 1008e9)
        assert found == pytest.approx(1008 * share / read, rel=0.01)


def test_the_sentence_says_how_much_and_what_would_fit() -> None:
    def said(quantisation: str, gigabytes: float, places: int = 4096, pictures: int = 1) -> str:
        room = Room("cuda", "RTX 3060", int(gigabytes * 1e9), int(gigabytes * 1e9))
        return fitting.sentence("medgemma-1.5-4b-it", FOUR, quantisation, places, pictures, room)

    assert said("none", 12) == ""
    assert said("none", 8).startswith("medgemma-1.5-4b-it needs 9.")
    assert said("none", 8).endswith("RTX 3060 has 8.0: choose int8 or int4")
    assert said("none", 6).endswith("choose int4")
    assert said("int8", 6).endswith("choose int4")
    assert said("int4", 5.5, 32_768, 126).endswith("send fewer pictures")
    assert said("int4", 4).endswith("choose a smaller model")


def test_a_config_that_does_not_say_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"text_config": {"hidden_size": 4}}))
    with pytest.raises(ModelRefused, match="cannot be read"):
        fitting.shape_of(tmp_path)


WORK = """
import json, sys
from pathlib import Path
import numpy as np, threading
import torch
from transformers import Gemma3ForConditionalGeneration
from inference import catalogue
from inference.medgemma import Drafter
from inference.questions import Decoding
def own():
    return next(int(line.split()[1]) * 1024 for line in open("/proc/self/status") if line.startswith("RssAnon"))
before = own()
drafter = Drafter(Path(sys.argv[1]), catalogue.entry("medgemma-4b-it"), "cpu", sys.argv[2])
pixels = np.zeros((96, 96, 3), np.uint8)
drafter.write((("user", (None, "left?")),), [pixels], Decoding(4), lambda _: None, threading.Event())
print(json.dumps(own() - before))
"""


@pytest.fixture(scope="module")
def heavy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """160 million random weights in bfloat16."""
    from transformers import Gemma3Config, Gemma3ForConditionalGeneration

    folder = tmp_path_factory.mktemp("heavy")
    processor = tiny.gemma_processor()
    made = tiny.gemma_model(processor.tokenizer).config
    text = {
        **made.text_config.to_dict(),
        "hidden_size": 1024,
        "intermediate_size": 4096,
        "num_hidden_layers": 12,
        "layer_types": None,
    }
    config = Gemma3Config(**{**made.to_dict(), "text_config": text})
    model = Gemma3ForConditionalGeneration(config).to(torch.bfloat16)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def test_a_process_that_loads_one_grows_by_what_was_said(heavy: Path) -> None:
    """Within 15 %. Pages of the weights' file are not counted: the system takes them back when it needs them."""
    shape = fitting.shape_of(heavy)
    each, _ = ladder.place_of("cpu", shape.parameters)
    wanted = need(shape, "none", 64, 1, bytes_each=each)
    done = subprocess.run([sys.executable, "-c", WORK, str(heavy), "none"], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout.splitlines()[-1]) == pytest.approx(wanted.total, rel=0.15)


@pytest.fixture
def engine(models: Path) -> Iterator[Engine]:
    made = Engine(EngineSpec(tiny.ENCODER, tiny.DRAFTER, device="cpu", threads=1, runtime="torch"))
    yield made
    made.close()


ASKED = FreeQuestion("left?", Decoding(3))
STEPS = (
    "out of memory: what was kept of earlier questions was let go",
    "out of memory: prompts are read in smaller pieces",
    f"out of memory: {tiny.ENCODER} was unloaded",
    f"out of memory: {tiny.DRAFTER} was loaded again in int8",
    f"out of memory: {tiny.DRAFTER} was loaded again in int4",
)


@pytest.mark.parametrize(
    "error",
    [torch.OutOfMemoryError("CUDA out of memory"), MemoryError(), RuntimeError("[enforce fail] can't allocate memory: you")],
)
@pytest.mark.parametrize("times", [1, 2, 3, 4, 5, 6])
def test_step_after_step_is_given_up_shown_and_written_down(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, times: int, error: Exception
) -> None:
    """The error rises where a full card raises it: in the decoder, as it reads."""
    engine.answer(EmbedQuestion(), [tiny.picture()])
    plain = engine.answer(ASKED, [tiny.picture()])
    left, read, shown = [times], Decoder.read, list[Progress]()

    def full(*values: Any) -> Any:
        if left[0]:
            left[0] -= 1
            raise error
        return read(*values)

    monkeypatch.setattr(Decoder, "read", full)
    if times > len(STEPS):
        with pytest.raises(ModelFailed, match="needs more memory than is free, and nothing is left to give up"):
            engine.answer(ASKED, [tiny.picture()])
        return
    answer = engine.answer(ASKED, [tiny.picture()], on_progress=shown.append)
    assert answer.receipt.steps == STEPS[:times]
    assert [one.stage for one in shown if one.stage.startswith("out of memory")] == list(STEPS[:times])
    if times < 4:
        assert answer.text == plain.text  # type: ignore[union-attr]
        assert engine.answer(ASKED, [tiny.picture()]).receipt.steps == ()
    else:
        assert answer.receipt.quantisation.startswith(("int8", "int4")[times - 4])
        fresh = Engine(EngineSpec(tiny.ENCODER, tiny.DRAFTER, ("int8", "int4")[times - 4], "cpu", 1, "torch"))  # type: ignore[arg-type]
        assert answer.text == fresh.answer(ASKED, [tiny.picture()]).text  # type: ignore[union-attr]
        later = engine.answer(ASKED, [tiny.picture()]).receipt
        assert later.steps[0].startswith("an earlier question ran out of memory: int")
    assert engine.state().models == ((tiny.DRAFTER,) if times > 2 else (tiny.ENCODER, tiny.DRAFTER))


def test_another_error_is_no_lack_of_memory(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("shapes cannot be multiplied")

    monkeypatch.setattr(Decoder, "read", broken)
    with pytest.raises(ModelFailed, match="shapes cannot be multiplied"):
        engine.answer(ASKED, [tiny.picture()])


def room_of(monkeypatch: pytest.MonkeyPatch, free: float, total: float) -> None:
    monkeypatch.setattr(ladder, "machine", lambda: Room("cpu", "this machine", int(free), int(total)))


def test_what_cannot_fit_is_refused_before_it_is_loaded(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    room_of(monkeypatch, 1e6, 2e6)
    engine = Engine(EngineSpec(tiny.ENCODER, tiny.DRAFTER, device="cpu", runtime="torch"))
    with pytest.raises(ModelRefused, match=r"medgemma-4b-it needs 0\.0 GB .* this machine has 0\.0: choose a smaller model"):
        engine.answer(DraftQuestion(), [tiny.picture()])
    assert engine.state().models == ()
    anyway = Engine(EngineSpec(tiny.ENCODER, tiny.DRAFTER, device="cpu", runtime="torch", anyway=True))
    assert anyway.answer(ASKED, [tiny.picture()]).text  # type: ignore[union-attr]


def test_where_both_do_not_fit_the_encoder_makes_room(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    engine.answer(EmbedQuestion(), [tiny.picture()])
    room_of(monkeypatch, 1e6, 24e9)
    answer = engine.answer(ASKED, [tiny.picture()])
    assert answer.receipt.steps == (f"{tiny.ENCODER} was unloaded to make room",)
    assert engine.state().models == (tiny.DRAFTER,)


@pytest.mark.parametrize(("caches", "sizes"), [(10.0, [4]), (1.5, [2, 2]), (0.5, [])])
def test_no_more_are_written_together_than_fit(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, caches: float, sizes: list[int]
) -> None:
    """`caches` are free besides all that one text needs: one more text for each. A lack would end the process on a processor."""
    engine.answer(ASKED, [tiny.picture()])
    shape, entry = fitting.shape_of(catalogue.folder(tiny.DRAFTER)), catalogue.facts(tiny.DRAFTER)
    one = need(shape, "none", lengths.places(ASKED, 1, shape.picture_tokens, entry), 1, bytes_each=4)
    room_of(monkeypatch, one.total - one.weights + caches * one.cache, 24e9)
    found: list[int] = []
    real = Drafter.answer_together

    def counted(self: Drafter, asked: Any, *more: Any) -> Any:
        found.append(len(asked))
        return real(self, asked, *more)

    monkeypatch.setattr(Drafter, "answer_together", counted)
    answers = engine.answer_together([(ASKED, [tiny.picture()])] * 4)
    assert found == sizes
    assert len({answer.text for answer in answers}) == 1  # type: ignore[union-attr]
    if sizes == [2, 2]:
        assert "memory for 2 texts at once, not for 4" in answers[3].receipt.steps  # type: ignore[union-attr]


def test_the_demonstration_is_measured_like_any_other() -> None:
    shape = fitting.shape_of(catalogue.folder("demo-drafter"))
    assert shape.parameters == sum(one.numel() for one in _weights(catalogue.folder("demo-drafter")))


def _weights(folder: Path) -> list[torch.Tensor]:
    from safetensors.torch import load_file

    return list(load_file(folder / "model.safetensors").values())
