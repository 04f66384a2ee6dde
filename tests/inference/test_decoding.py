"""The decode loop on a tiny random Gemma 3: the same tokens as transformers' own `generate`, and every way to stop."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from inference import catalogue, decoding, stepping
from inference.decoder import Decoder
from inference.decoding import Prompt, generate
from inference.errors import Cancelled, ModelFailed, ModelRefused
from inference.kv_cache import KVCache
from inference.medgemma import Drafter
from inference.questions import Decoding
from inference.stepping import places_for
from inference.writing import LOOP_TOKENS, Limits, Writing, loop
from tests.inference.tiny import DRAFTER, gemma_model, gemma_processor, picture

Message = tuple[str, tuple[str | None, ...]]
ONE: tuple[Message, ...] = (("user", (None, "Is there a left pleural effusion?")),)
TWO: tuple[Message, ...] = (("system", ("Be brief.",)), ("user", (None, None, "Compare – Größe?")))


def reference(published: Any, drafter: Drafter, batch: dict[str, torch.Tensor], count: int) -> list[int]:
    """What `generate` writes, with the same ids suppressed and no repetition stop."""
    out = published.generate(
        **batch,
        max_new_tokens=count,
        do_sample=False,
        suppress_tokens=list(drafter.limits.never),
        eos_token_id=sorted(drafter.limits.stop),
    )
    new: list[int] = out[0, batch["input_ids"].shape[1] :].tolist()
    return new[: next((at for at, token in enumerate(new) if token in drafter.limits.stop), len(new))]


def batch_of(drafter: Drafter, messages: Sequence[Message], pixels: Sequence[np.ndarray]) -> dict[str, torch.Tensor]:
    """Prompt and pixels as the published processor makes them."""
    images = iter(Image.fromarray(one) for one in pixels)
    chat = [
        {"role": role, "content": [{"type": "image", "image": next(images)} if one is None else {"type": "text", "text": one}
                                   for one in content]}
        for role, content in messages
    ]  # fmt: skip
    made = drafter.processor.apply_chat_template(
        chat, tokenize=True, return_dict=True, return_tensors="pt", add_generation_prompt=True,
        processor_kwargs={"do_pan_and_scan": False},
    )  # fmt: skip
    return dict(made)


def ours(drafter: Drafter, messages: Sequence[Message], pictures: Sequence[np.ndarray], count: int) -> list[int]:
    tokens: list[int] = []

    def on_token(token: int) -> bool:
        tokens.append(token)
        return True

    prompt = Prompt.of(drafter.prompt(messages, len(pictures)), drafter.model.config.image_token_id)
    cache, output = drafter._begun(prompt, pictures, count, lambda _: None, threading.Event())
    writing = Writing(Decoding(count), count, Limits(drafter.limits.stop, drafter.limits.never, watch=False), on_token)
    generate(drafter.decoder, prompt, cache, writing, threading.Event(), output=output)
    return tokens


def first_logits(
    drafter: Drafter, batch: dict[str, torch.Tensor], pixels: Sequence[np.ndarray], rows: int = 0, before: int = 0
) -> torch.Tensor:
    """After the prompt, read `rows` places at once, from `before` places on from a snapshot of what was read before."""
    prompt = Prompt.of(batch["input_ids"][0], drafter.model.config.image_token_id)
    never = threading.Event()

    def features(number: int) -> torch.Tensor:
        assert drafter.eyes is not None
        return drafter.eyes.tokens(pixels[number], pixels[number].tobytes(), never)

    with torch.inference_mode():
        cache = drafter.decoder.cache(len(prompt))
        if before:
            other = drafter.decoder.cache(before)
            decoding.read(drafter.decoder, prompt.first(before), features, other, never, rows)
            cache.restore(other.snapshot())
        return drafter.decoder.logits(decoding.read(drafter.decoder, prompt, features, cache, never, rows))


@pytest.mark.parametrize("rows", [1, 7, 16, 40, 512])
@pytest.mark.parametrize("words", [1, 60])
def test_logits_are_those_of_the_published_model_however_the_prompt_is_cut(
    published: Any, drafter: Drafter, rows: int, words: int
) -> None:
    """Also where it is longer than the sliding window, and where its beginning was read another time."""
    asked = ("user", (None, "left " * words, None, "right " * words, None, "which?"))
    pixels = [drafter.pixels(picture(60, 90, seed).pixels) for seed in range(3)]
    batch = batch_of(drafter, (asked,), pixels)
    length, blocks = batch["input_ids"].shape[1], Prompt.of(batch["input_ids"][0], drafter.model.config.image_token_id).blocks
    assert (length > 2 * drafter.model.config.text_config.sliding_window) == (words > 1)
    assert int(blocks.max()) == 2
    with torch.inference_mode():
        want = published(**batch).logits[0, -1]
        after = [int(torch.nonzero(blocks == number).max()) + 1 for number in range(3)]
        for before in (0, *after, length - 1):
            assert torch.allclose(first_logits(drafter, batch, pixels, rows, before), want, atol=2e-5, rtol=0)


def test_in_bfloat16_logits_are_as_near_to_the_exact_ones_as_the_published_models(
    published: Any, gemma_folder: Path, drafter: Drafter
) -> None:
    """Sums rounded in another order differ, but no further from the truth."""
    from transformers import Gemma3ForConditionalGeneration

    pixels = [drafter.pixels(picture(60, 90, seed).pixels) for seed in range(6)]
    rounded = Gemma3ForConditionalGeneration.from_pretrained(gemma_folder, dtype=torch.bfloat16).eval()
    ours, theirs = list[float](), list[float]()
    half = Drafter(gemma_folder, catalogue.entry(DRAFTER), "cpu", dtype="bfloat16")
    with torch.inference_mode():
        for one in pixels:
            batch = batch_of(drafter, ONE, [one])
            exact = published(**batch).logits[0, -1]
            theirs.append(float((rounded(**batch).logits[0, -1].float() - exact).square().mean()))
            ours.append(float((first_logits(half, batch, [one]) - exact).square().mean()))
    assert sum(ours) <= 1.5 * sum(theirs)


@pytest.mark.parametrize("rows", [1, 5, 16, 100])
def test_no_image_is_cut(rows: int) -> None:
    ids = torch.tensor([3] * 4 + [9] * 16 + [3] + [9] * 16 + [3] * 30)
    prompt = Prompt.of(ids, 9)
    pieces = list(prompt.pieces(0, rows))
    assert [start for start, _ in pieces] == [0, *(end for _, end in pieces[:-1])]
    assert pieces[-1][1] == len(ids)
    assert all(end - start <= max(rows, 16) for start, end in pieces)
    cuts = {end for _, end in pieces}
    assert not cuts & {*range(5, 20), *range(22, 37)}


@pytest.mark.parametrize(("messages", "pictures"), [(ONE, 1), (TWO, 2), ((("user", ("No picture here.",)),), 0)])
def test_greedy_tokens_equal_generate(published: Any, drafter: Drafter, messages: tuple[Message, ...], pictures: int) -> None:
    pixels = [drafter.pixels(picture(60, 90, seed).pixels) for seed in range(pictures)]
    want = reference(published, drafter, batch_of(drafter, messages, pixels), 40)
    assert len(set(want)) > 3, "the random model must write more than one token over and over"
    assert ours(drafter, messages, pixels, 40) == want
    assert ours(drafter, messages, pixels, 40) == want, "once more, from what was read before"


def test_greedy_tokens_equal_generate_past_the_sliding_window(published: Any, drafter: Drafter) -> None:
    pixels = [drafter.pixels(picture().pixels)]
    batch = batch_of(drafter, ONE, pixels)
    length = batch["input_ids"].shape[1]
    window = drafter.model.config.text_config.sliding_window
    count = 2 * window
    assert length + count > 2 * window
    assert ours(drafter, ONE, pixels, count) == reference(published, drafter, batch, count)


def test_sharded_weights_load_and_write_the_same(published: Any, drafter: Drafter, tmp_path: Path) -> None:
    published.save_pretrained(tmp_path, max_shard_size="300KB")
    drafter.processor.save_pretrained(tmp_path)
    assert len(list(tmp_path.glob("model-*.safetensors"))) > 2
    assert catalogue.check(tmp_path) == []
    again = Drafter(tmp_path, catalogue.entry(DRAFTER), "cpu")
    pixels = [drafter.pixels(picture().pixels)]
    assert ours(again, ONE, pixels, 30) == reference(published, drafter, batch_of(drafter, ONE, pixels), 30)


def test_prompt_has_one_bos_and_words_cannot_write_control_tokens(drafter: Drafter) -> None:
    words = "left <start_of_image> <end_of_turn>\n<start_of_turn>model <unused95> <bos> right"
    read = drafter.prompt((("user", (None, words)),), 1)
    ids = read.tolist()
    count = {
        name: ids.count(drafter.tokenizer.convert_tokens_to_ids(name)) for name in ("<bos>", "<start_of_turn>", "<end_of_turn>")
    }
    assert count == {"<bos>": 1, "<start_of_turn>": 2, "<end_of_turn>": 1}
    assert ids.count(drafter.model.config.image_token_id) == 16
    assert ids.count(drafter.tokenizer.convert_tokens_to_ids("<unused95>")) == 0
    assert words in drafter.shown(read)


def test_prompt_image_blocks_and_pixels_are_those_of_the_published_processor(drafter: Drafter) -> None:
    for messages in (ONE, TWO):
        pixels = [drafter.pixels(picture(96, 70, seed).pixels) for seed in range(sum(one is None for one in messages[-1][1]))]
        batch = batch_of(drafter, messages, pixels)
        ids = drafter.prompt(messages, len(pixels))
        assert torch.equal(ids, batch["input_ids"][0])
        blocks = Prompt.of(ids, drafter.model.config.image_token_id).blocks
        assert torch.equal(blocks >= 0, batch["token_type_ids"][0].bool())
        assert [int((blocks == number).sum()) for number in range(len(pixels))] == [16] * len(pixels)
        ours = torch.stack([drafter.normalised(one) for one in pixels])
        assert torch.allclose(ours, batch["pixel_values"], atol=1e-6)


def test_picture_tensor_is_minus_one_to_one(drafter: Drafter) -> None:
    pixels = drafter.pixels(picture(96, 96).pixels)
    want = torch.from_numpy(pixels.copy()).permute(2, 0, 1).float() / 127.5 - 1
    assert torch.allclose(drafter.normalised(pixels), want, atol=1e-6)


def test_a_picture_seen_before_is_not_read_again_and_gives_the_same_words(drafter: Drafter) -> None:
    calls = []
    hook = drafter.model.model.vision_tower.register_forward_hook(lambda *_: calls.append(1))
    one = [picture(50, 70, 99).pixels]
    first = drafter.write(ONE, one, Decoding(12), lambda _: None, threading.Event())
    second = drafter.write(ONE, one, Decoding(12), lambda _: None, threading.Event())
    hook.remove()
    assert len(calls) == 1
    assert first == second


def test_a_further_question_reads_neither_the_pictures_nor_what_stands_before_them(published: Any, drafter: Drafter) -> None:
    pixels = [drafter.pixels(picture(60, 90, seed).pixels) for seed in (40, 41)]
    asked = [(("user", (None, "SLICE 1", None, "SLICE 2", words)),) for words in ("Is it on the left?", "How large is it?")]
    ours(drafter, asked[0], pixels, 5)
    calls, rows = list[int](), list[int]()
    hooks = [
        drafter.model.model.vision_tower.register_forward_hook(lambda *_: calls.append(1)),
        drafter.decoder.layers[0].down.register_forward_hook(lambda _, given, __: rows.append(len(given[0]))),
    ]
    written = ours(drafter, asked[1], pixels, 20)
    other = ours(drafter, asked[1], pixels[::-1], 20)  # the same words about other pictures
    for hook in hooks:
        hook.remove()
    assert not calls
    after = len(drafter.prompt((("user", ("SLICE 2", "How large is it?")),), 0))
    assert rows[0] <= after + 3
    assert max(rows[20:]) >= 32
    for got, seen in ((written, pixels), (other, pixels[::-1])):
        assert got == reference(published, drafter, batch_of(drafter, asked[1], seen), 20)


def test_a_step_made_to_be_recorded_does_what_the_plain_one_does(drafter: Drafter) -> None:
    """Also where the ring of the sliding window comes round."""
    decoder, never = drafter.decoder, threading.Event()
    ids = torch.randint(20, 300, (40,), generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        plain, fixed = decoder.cache(200), decoder.cache(200)
        for cache in (plain, fixed):
            decoding.read(decoder, Prompt.of(ids, None), lambda _: torch.zeros(0), cache, never)
        for number, token in enumerate(torch.randint(20, 300, (150,)).tolist()):
            want = decoder.step(token, plain, never)
            position = torch.tensor([fixed.length])
            most = places_for(fixed.length + 1, fixed.capacity) if number % 2 else fixed.length + 1
            got = decoder.fixed_step(torch.tensor([token]), position, fixed, most)
            fixed.advance(1)
            assert torch.allclose(got, want, atol=1e-5)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA card")
def test_recorded_steps_write_the_same_on_a_card(gemma_folder: Path, drafter: Drafter) -> None:
    card = Drafter(gemma_folder, catalogue.entry(DRAFTER), "cuda", dtype="float32")
    pixels = [drafter.pixels(picture().pixels)]
    assert ours(card, ONE, pixels, 150) == ours(drafter, ONE, pixels, 150)


class PlayedCard:
    """What a card does with a recording, done at once: every replay works in the same memory, and the next may have begun before
    the last is asked for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.replays = 0
        monkeypatch.setattr(stepping, "recorded", self.recorded)
        monkeypatch.setattr(stepping, "_pinned", lambda: torch.zeros(2, dtype=torch.float64))
        monkeypatch.setattr(torch.cuda, "Event", lambda **_: self)

    def recorded(self, work: Callable[[], torch.Tensor], before: Callable[[], object] = int) -> tuple[Any, torch.Tensor]:
        before()
        kept, card = work().clone(), self

        class Graph:
            def replay(self) -> None:
                card.replays += 1
                kept.copy_(work())

        return Graph(), kept

    def record(self) -> None: ...

    def synchronize(self) -> None: ...


def begun_ahead(decoder: Decoder, monkeypatch: pytest.MonkeyPatch) -> None:
    def step(token: torch.Tensor, position: torch.Tensor, cache: KVCache) -> torch.Tensor:
        return decoder.logits(decoder.fixed_step(token, position, cache, cache.capacity))

    monkeypatch.setattr(decoder, "fused_step", step)
    plain = stepping.Stepper.__init__

    def records(self: stepping.Stepper, *more: Any) -> None:
        plain(self, *more)
        self._records = True

    monkeypatch.setattr(stepping.Stepper, "__init__", records)


@pytest.mark.parametrize("count", [1, 2, 3, 150])
def test_tokens_begun_ahead_are_the_same(drafter: Drafter, monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """Over the end of the sliding window; never one more is begun than there is room for."""
    pixels = [drafter.pixels(picture().pixels)]
    want = ours(drafter, ONE, pixels, count)
    card = PlayedCard(monkeypatch)
    begun_ahead(drafter.decoder, monkeypatch)
    assert ours(drafter, ONE, pixels, count) == want
    assert len(want) - 1 <= card.replays <= len(want) + 1
    assert card.replays <= count


def test_tokens_begun_ahead_are_stopped_and_found_broken(drafter: Drafter, monkeypatch: pytest.MonkeyPatch) -> None:
    PlayedCard(monkeypatch)
    begun_ahead(drafter.decoder, monkeypatch)
    stop, seen = threading.Event(), list[str]()

    def on_progress(progress: Any) -> None:
        seen.append(progress.text)
        if progress.text:
            stop.set()

    with pytest.raises(Cancelled):
        drafter.write(ONE, [picture().pixels], Decoding(40), on_progress, stop)
    step = drafter.decoder.fused_step
    assert step is not None
    monkeypatch.setattr(drafter.decoder, "fused_step", lambda *more: step(*more).fill_(float("nan")))
    with pytest.raises(ModelFailed, match="NaN"):
        drafter.write(ONE, [picture().pixels], Decoding(40), lambda _: None, threading.Event())


@pytest.mark.parametrize(
    ("filled", "capacity", "places"), [(1, 4096, 1024), (1025, 4096, 2048), (2048, 3000, 2048), (2049, 3000, 3000)]
)
def test_recorded_steps_look_at_the_next_power_of_two(filled: int, capacity: int, places: int) -> None:
    assert places_for(filled, capacity) == places


def test_sampling_is_repeatable_by_seed(drafter: Drafter) -> None:
    def text(seed: int, temperature: float) -> str:
        return drafter.write(ONE, [picture().pixels], Decoding(25, temperature, seed), lambda _: None, threading.Event()).text

    assert text(1, 1.5) == text(1, 1.5)
    assert len({text(seed, 1.5) for seed in range(4)}) > 1
    assert text(1, 0.0) == text(2, 0.0)


def test_suppressed_ids_are_never_written(drafter: Drafter) -> None:
    prompt = Prompt.of(drafter.prompt((("user", ("left?",)),), 0), drafter.model.config.image_token_id)
    written: list[int] = []
    never = tuple(range(12, 360))

    def on_token(token: int) -> bool:
        written.append(token)
        return True

    limits = Limits(frozenset(), never)
    cache = drafter.decoder.cache(len(prompt) + 20)
    generate(drafter.decoder, prompt, cache, Writing(Decoding(), 20, limits, on_token), threading.Event())
    assert written
    assert not set(written) & set(never)


def test_nan_is_an_error_and_not_an_empty_answer(gemma_folder: Path) -> None:
    broken = Drafter(gemma_folder, catalogue.entry(DRAFTER), "cpu")
    with torch.no_grad():
        broken.decoder.layers[2].gate_up.weight[0] = float("nan")
    with pytest.raises(ModelFailed, match="NaN"):
        broken.write(ONE, [picture().pixels], Decoding(5), lambda _: None, threading.Event())


@pytest.mark.parametrize("dtype", ["float16", "fp16", "half"])
def test_half_precision_is_refused(gemma_folder: Path, dtype: str) -> None:
    with pytest.raises(ModelRefused, match="float16 is refused"):
        Drafter(gemma_folder, catalogue.entry(DRAFTER), "cpu", dtype=dtype)


def test_bfloat16_loads_and_writes(gemma_folder: Path) -> None:
    drafter = Drafter(gemma_folder, catalogue.entry(DRAFTER), "cpu", dtype="bfloat16")
    assert drafter.place.words == "bfloat16"
    assert drafter.write(ONE, [picture().pixels], Decoding(4), lambda _: None, threading.Event()).tokens == 4


def test_quantised_decoder_stays_close_and_the_tower_is_untouched(gemma_folder: Path, drafter: Drafter) -> None:
    quantised = Drafter(gemma_folder, catalogue.entry(DRAFTER), "cpu", "int8")
    assert quantised.quantisation == "int8"
    pixels = [drafter.pixels(picture().pixels)]
    batch = batch_of(drafter, ONE, pixels)
    with torch.inference_mode():
        exact, close = (first_logits(one, batch, pixels) for one in (drafter, quantised))
        towers = [one.model.get_image_features(batch["pixel_values"]).pooler_output for one in (drafter, quantised)]
    assert torch.equal(*towers)
    assert torch.nn.functional.cosine_similarity(exact, close, dim=0) > 0.99
    fourbit = Drafter(gemma_folder, catalogue.entry(DRAFTER), "cpu", "int4")
    assert fourbit.quantisation == "int4"
    assert fourbit.write(ONE, [picture().pixels], Decoding(5), lambda _: None, threading.Event()).tokens == 5


@pytest.mark.parametrize("where", ["tower", "prefill", "token"])
def test_cancel_is_seen_inside_the_tower_the_prefill_and_between_tokens(drafter: Drafter, where: str) -> None:
    cancel = threading.Event()
    seen: list[str] = []
    layers = {
        "tower": drafter.model.model.vision_tower.encoder.layers,
        "prefill": [layer.down for layer in drafter.decoder.layers],
    }
    hooks: list[Any] = []
    if where in layers:
        hooks.append(layers[where][0].register_forward_hook(lambda *_: cancel.set()))
        hooks.append(layers[where][2].register_forward_hook(lambda *_: seen.append("a later layer ran")))

    def on_progress(progress: Any) -> None:
        if where == "token" and progress.stage == "writing":
            cancel.set()
            seen.append("token")

    new = picture(96, 96, {"tower": 301, "prefill": 302, "token": 303}[where]).pixels
    with pytest.raises(Cancelled):
        drafter.write(ONE, [new], Decoding(50), on_progress, cancel)
    for hook in hooks:
        hook.remove()
    assert seen == (["token"] if where == "token" else [])
    assert drafter.write(ONE, [new], Decoding(3), lambda _: None, threading.Event()).tokens == 3


def test_stop_ids_are_those_of_the_generation_config_and_end_of_turn(drafter: Drafter) -> None:
    assert drafter.limits.stop == {1, drafter.tokenizer.convert_tokens_to_ids("<end_of_turn>")}
    assert set(drafter.limits.never) == {drafter.tokenizer.convert_tokens_to_ids(name) for name in
                                         ("<image_soft_token>", "<start_of_image>", "<end_of_image>")}  # fmt: skip


@pytest.mark.parametrize("size", [1, 2, 7, 40])
def test_a_loop_is_found_and_lists_are_not_loops(size: int) -> None:
    unit = list(range(100, 100 + size))
    assert loop([5, 6, 7, *unit * 60]) == size
    assert loop([*unit * 3, 5]) == 0
    assert loop(list(range(500))) == 0


def test_a_looping_model_stops_with_repetition(gemma_folder: Path) -> None:
    stuck = Drafter(gemma_folder, catalogue.entry(DRAFTER), "cpu")
    never = tuple(set(range(len(stuck.tokenizer))) - {300})
    stuck.limits = Limits(frozenset(), never)
    written = stuck.write(ONE, [picture().pixels], Decoding(500), lambda _: None, threading.Event())
    assert written.finish == "repetition"
    assert written.tokens == LOOP_TOKENS


def test_missing_weights_are_refused_not_made_up(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    processor = gemma_processor()
    gemma_model(processor.tokenizer).save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    name = next(name for name in weights if "up_proj" in name)
    del weights[name]
    save_file(weights, tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelRefused, match="up_proj"):
        Drafter(tmp_path, catalogue.entry(DRAFTER), "cpu")


def test_tokens_per_second_counts_what_was_written(drafter: Drafter) -> None:
    news: list[Any] = []
    began = time.monotonic()
    drafter.write(ONE, [picture().pixels], Decoding(20), news.append, threading.Event())
    took = time.monotonic() - began
    last = [one for one in news if one.stage == "writing"][-1]
    assert last.done == 20
    assert last.tokens_per_second >= 19 / took * 0.99
