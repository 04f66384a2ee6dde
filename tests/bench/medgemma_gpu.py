"""The 4B and the 27B at their full size on an NVIDIA card, random weights: speed next to the card's own floors and to generate.

python packaging/dev.py bench medgemma-gpu [--small]

Random weights of the published shapes cost the same time and memory as trained ones. A floor is what the card needs for the bytes
or the products alone: bandwidth and bfloat16 rate are measured in the same run. Without a card nothing is measured, and the last
table, with its date, card and versions, stays in tests/bench/results/medgemma-gpu.json. `--small` walks through all of it on a
small model wherever it is, writes nothing, and shows that the bench itself works.
"""

from __future__ import annotations

import gc
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from inference import catalogue, quantize
from inference.cuda import checked
from inference.cuda.fused import FusedStep
from inference.decoder import Decoder
from inference.errors import Cancelled
from inference.medgemma import Drafter
from inference.questions import Decoding
from tests.bench.full_size import write_model
from tests.bench.medgemma import by_generate, by_us, stepped_by_them, stepped_by_us, write_small
from tests.bench.results_file import Row, write

MODEL = "medgemma-4b-it"
TOKENS = 128
NEVER = threading.Event()
SHARES = {"none": 0.70, "int8": 0.60, "int4": 0.45}
"""Of the bandwidth floor, asked for."""
GIB = 2**30


@dataclass(frozen=True)
class Card:
    """What it does at best, measured: bytes a second, bfloat16 operations a second. `kind` "cuda", or "cpu" in a rehearsal."""

    kind: str
    bandwidth: float
    rate: float

    def sync(self) -> None:
        if self.kind == "cuda":
            torch.cuda.synchronize()

    def seconds(self, work: Callable[[], object], rounds: int = 3) -> float:
        """The best of some rounds, the card's work waited for."""
        best = float("inf")
        for _ in range(rounds):
            self.sync()
            began = time.perf_counter()
            work()
            self.sync()
            best = min(best, time.perf_counter() - began)
        return best


def card_of(kind: str) -> Card:
    small = kind == "cpu"
    rough = Card(kind, 0.0, 0.0)
    block = torch.ones(2**22 if small else 2**31, dtype=torch.bfloat16, device=kind)
    target = torch.empty_like(block)
    target.copy_(block)
    moved = rough.seconds(lambda: target.copy_(block))
    side = 512 if small else 8192
    matrix = torch.randn(side, side, dtype=torch.bfloat16, device=kind)
    (matrix @ matrix).sum()
    product = rough.seconds(lambda: matrix @ matrix)
    return Card(kind, 2 * 2 * block.numel() / moved, 2 * side**3 / product)


def size_of(module: torch.nn.Module) -> int:
    """Bytes of its weights, quantised ones as they lie there."""
    tensors = {one.data_ptr(): one for one in (*module.parameters(), *module.buffers())}
    return sum(one.numel() * one.element_size() for one in tensors.values())


def read_per_token(decoder: Decoder, places: int) -> int:
    """Bytes that one token reads at the least: all layers, the head, keys and values of what is filled."""
    layers = sum(size_of(layer) for layer in decoder.layers)
    each = 2 * decoder.shape.heads * decoder.shape.width * 2
    kept = sum(min(window or places, places) * each for window in decoder.shape.windows)
    return layers + size_of(decoder.head) + kept


def words(count: int, vocabulary: int, card: Card) -> torch.Tensor:
    """Ids of no special token."""
    return torch.randint(20, min(vocabulary, 400), (count,), generator=torch.Generator().manual_seed(1)).to(card.kind)


def pace(decoder: Decoder, card: Card, count: int, prompt: int = 300) -> tuple[float, float]:
    """(seconds a token after the first, share of the bandwidth floor)."""
    ids = words(prompt, decoder.embedding.num_embeddings, card)
    by_us(decoder, ids, 4)  # the graph's recording and the kernels' choice are not what is measured
    first = card.seconds(lambda: by_us(decoder, ids, 2))
    seconds = max((card.seconds(lambda: by_us(decoder, ids, count + 2)) - first) / count, 1e-9)
    return seconds, read_per_token(decoder, prompt + count) / card.bandwidth / seconds


def decoded(drafter: Drafter, quantisation: str, card: Card, count: int) -> list[Row]:
    seconds, share = pace(drafter.decoder, card, count)
    name, least = "bf16" if quantisation == "none" else quantisation, SHARES[quantisation]
    told = f"{drafter.quantisation}; {by_whom(drafter.decoder)}"
    return [
        Row(f"4B {name}: tokens a second", 1 / seconds, "/s", "", told),
        Row(
            f"4B {name}: share of the bandwidth floor",
            share,
            "",
            f"≥ {least:g}",
            f"{card.bandwidth / 1e9:.0f} GB/s",
            share >= least,
        ),
    ]


def by_whom(decoder: Decoder) -> str:
    step = decoder.fused_step
    if not isinstance(step, FusedStep):
        return "torch's kernels"
    shared = ", ".join(f"{name} {plan.threads} threads {plan.parts} parts" for name, plan in step.plans.items())
    return f"our kernels: {shared}"


def without_ours(drafter: Drafter, card: Card, count: int) -> list[Row]:
    """The same recorded steps by torch's kernels alone."""
    decoder = drafter.decoder
    read, step, decoder.fused_read, decoder.fused_step = decoder.fused_read, decoder.fused_step, None, None
    seconds, share = pace(decoder, card, count)
    decoder.fused_read, decoder.fused_step = read, step
    return [Row("4B bf16: tokens a second by torch's kernels alone", 1 / seconds, "/s", "", f"{share:.2f} of the floor")]


def against_generate(folder: Path, drafter: Drafter, card: Card, count: int) -> list[Row]:
    """As a user calls it: eager attention, dynamic cache, bfloat16, on the same card."""
    from transformers import Gemma3ForConditionalGeneration

    model = Gemma3ForConditionalGeneration.from_pretrained(folder, dtype=torch.bfloat16, attn_implementation="eager").to(
        card.kind
    )
    ids = words(300, model.config.get_text_config().vocab_size, card)
    by_generate(model, ids, 2)
    few = count // 2
    first = card.seconds(lambda: by_generate(model, ids, 1), 2)
    theirs = (card.seconds(lambda: by_generate(model, ids, few + 1), 2) - first) / few
    ours, _ = pace(drafter.decoder, card, count)
    told = f"generate {1 / theirs:.1f} tokens/s, {theirs * 1000:.1f} ms each"
    return [Row("4B bf16: against transformers.generate", theirs / ours, "×", "≥ 8", told, theirs / ours >= 8)]


def alike(folder: Path, card: Card, count: int) -> list[Row]:
    """Greedy text of both in float32, where rounding decides no tie; and along it the error of bfloat16 logits."""
    from transformers import Gemma3ForConditionalGeneration

    def loaded(dtype: torch.dtype) -> Any:
        return Gemma3ForConditionalGeneration.from_pretrained(folder, dtype=dtype).to(card.kind).eval()

    model = loaded(torch.float32)
    ids = words(300, model.config.get_text_config().vocab_size, card)
    text = by_generate(model, ids, count)
    with torch.inference_mode():
        whole = torch.cat([ids, torch.tensor(text, device=card.kind)])[None]
        exact = model(whole).logits[0, len(ids) - 1 : -1].float()
    ours = by_us(Decoder(model), ids, count)
    same = next((at for at, (one, other) in enumerate(zip(ours, text, strict=True)) if one != other), count)
    del model
    free(card)
    model = loaded(torch.bfloat16)
    far = error(stepped_by_them(model, ids, text), exact)
    decoder = Decoder(model)
    checked.prepare(decoder)
    near = error(stepped_by_us(decoder, ids, text), exact)
    told = f"{near:.4f} and {far:.4f} of the logits' size; {by_whom(decoder)}"
    return [
        Row("4B float32: tokens equal to generate's, greedy", same, "", f"{count}", f"of {count}", same == count),
        Row(
            "4B bf16: error of logits against float32, share of generate's own", near / far, "", "≤ 1.1", told, near <= 1.1 * far
        ),
    ]


def error(found: torch.Tensor, exact: torch.Tensor) -> float:
    return float((found - exact).norm() / exact.norm())


def prefilled(drafter: Drafter, card: Card) -> list[Row]:
    """One image and a question, from pixels to the first logits, next to the products' own time at the card's bfloat16 rate."""
    pixels = np.random.default_rng(0).integers(0, 256, (drafter.side, drafter.side, 3), np.uint8)
    messages = (("user", (None, "Describe the picture.")),)
    prompt = len(drafter.prompt(messages, 1))

    def first() -> None:
        drafter._seen.forget()
        drafter._prefixes.forget()
        drafter.write(messages, [pixels], Decoding(1), lambda _: None, NEVER)

    first()
    seconds = card.seconds(first)
    config = drafter.model.config.vision_config
    patches = (config.image_size // config.patch_size) ** 2
    tower = 2 * patches * sum(one.numel() for one in drafter.model.model.vision_tower.parameters())
    tower += 4 * patches**2 * config.hidden_size * config.num_hidden_layers  # queries by keys, weights by values
    linears = sum(one.numel() for layer in drafter.decoder.layers for one in layer.parameters())
    floor = (tower + 2 * prompt * linears) / card.rate
    words = f"{seconds * 1000:.0f} ms, floor {floor * 1000:.0f} ms at {card.rate / 1e12:.0f} TFLOP/s, {prompt} places"
    return [Row("4B bf16: one image and a question against the arithmetic floor", seconds / floor, "×", "≤ 2.5", words,
                seconds / floor <= 2.5)]  # fmt: skip


def volume(drafter: Drafter, card: Card, slices: int) -> list[Row]:
    """All slices of a volume in one question, at int4: it answers, and what the card held at most."""
    pixels = list(np.random.default_rng(3).integers(0, 256, (slices, drafter.side, drafter.side, 3), np.uint8))
    places = [part for number in range(1, slices + 1) for part in (None, f"SLICE {number}")]
    messages = (("user", (*places, "Is there a mass?")),)
    if card.kind == "cuda":
        torch.cuda.reset_peak_memory_stats()
    began = time.perf_counter()
    written = drafter.write(messages, pixels, Decoding(16), lambda _: None, NEVER)
    seconds = time.perf_counter() - began
    held = torch.cuda.max_memory_reserved() / GIB if card.kind == "cuda" else 0.0
    again = time.perf_counter()
    drafter.write((("user", (*places, "How large is it?")),), pixels, Decoding(1), lambda _: None, NEVER)
    share = (time.perf_counter() - again) / seconds
    words = f"{written.tokens} tokens, {seconds:.1f} s"
    return [
        Row(f"4B int4: {slices} slices, most memory held", held, "GiB", "≤ 12 GB", words, held * GIB <= 12e9),
        Row(f"4B int4: {slices} slices, second question's share of the first's time", share, "", "≤ 0.1", "", share <= 0.1),
    ]


def stopped(drafter: Drafter, card: Card, slices: int = 12) -> list[Row]:
    """From the wish to stop until the call has ended, at forty moments of reading pictures, reading the prompt and writing."""
    pixels = list(np.random.default_rng(4).integers(0, 256, (slices, drafter.side, drafter.side, 3), np.uint8))
    messages = (("user", (*((None,) * slices), "Describe.")),)
    drafter.write(messages, pixels, Decoding(2), lambda _: None, NEVER)
    whole = card.seconds(lambda: _anew(drafter, messages, pixels, NEVER), 1)
    slowest = 0.0
    for moment in np.linspace(0.02, 0.98, 40) * whole:
        cancel, told = threading.Event(), list[float]()

        def stop(cancel: threading.Event = cancel, told: list[float] = told) -> None:
            told.append(time.perf_counter())
            cancel.set()

        timer = threading.Timer(float(moment), stop)
        timer.start()
        try:
            _anew(drafter, messages, pixels, cancel)
        except Cancelled:
            card.sync()
            slowest = max(slowest, time.perf_counter() - told[0])
        timer.cancel()
        timer.join()
    return [Row("4B bf16: slowest of 40 stops anywhere", slowest * 1000, "ms", "≤ 100", "", slowest <= 0.1)]


def _anew(drafter: Drafter, messages: Any, pixels: list[Any], cancel: threading.Event) -> None:
    drafter._seen.forget()
    drafter._prefixes.forget()
    drafter.write(messages, pixels, Decoding(64), lambda _: None, cancel)


def large(card: Card, small: bool, count: int) -> list[Row]:
    """The 27B's decoder: made in the machine's memory, quantised layer by layer onto the card, as it is loaded."""
    from transformers import Gemma3TextConfig

    shape: dict[str, Any] = {
        "vocab_size": 262_208, "hidden_size": 5376, "intermediate_size": 21_504, "num_hidden_layers": 62,
        "num_attention_heads": 32, "num_key_value_heads": 16, "head_dim": 128, "query_pre_attn_scalar": 168,
    }  # fmt: skip
    if small:
        shape = {
            "vocab_size": 512, "hidden_size": 128, "intermediate_size": 256, "num_hidden_layers": 6, "num_attention_heads": 4,
            "num_key_value_heads": 2, "head_dim": 32, "query_pre_attn_scalar": 32,
        }  # fmt: skip
    config = Gemma3TextConfig(
        sliding_window=1024, sliding_window_pattern=6, max_position_embeddings=131_072, pad_token_id=0, eos_token_id=1,
        bos_token_id=2, **shape,
    )  # fmt: skip
    free(card)
    if card.kind == "cuda":
        torch.cuda.reset_peak_memory_stats()
    decoder = Decoder(_filled(config, card))
    made = quantize.apply(decoder.layers, "int4", torch.device(card.kind))
    decoder.to(card.kind)
    checked.prepare(decoder)
    held = torch.cuda.max_memory_allocated() if card.kind == "cuda" else 0
    seconds, share = pace(decoder, card, count)
    return [
        Row("27B int4: memory of the card while it is loaded, at most", held / GIB, "GiB", "≤ 20 GB", made, held <= 20e9),
        Row("27B int4: tokens a second", 1 / seconds, "/s", "", by_whom(decoder)),
        Row("27B int4: share of the bandwidth floor", share, "", "≥ 0.45", f"{card.bandwidth / 1e9:.0f} GB/s", share >= 0.45),
    ]


def _filled(config: Any, card: Card) -> Any:
    """A model of random bfloat16 weights in the machine's memory. The card draws them, which is quicker, and all layers have the
    same: what is made of them on the card is each layer's own."""
    from transformers import Gemma3ForCausalLM
    from transformers.models.gemma3.modeling_gemma3 import Gemma3RotaryEmbedding

    with torch.device("meta"):
        model = Gemma3ForCausalLM(config).to(torch.bfloat16)
    made: dict[tuple[int, ...], torch.nn.Parameter] = {}
    for module in model.modules():
        for name, weight in [*module.named_parameters(recurse=False)]:
            if tuple(weight.shape) not in made:
                drawn = torch.zeros(weight.shape, dtype=torch.bfloat16, device=card.kind)
                value = drawn.uniform_(-0.02, 0.02) if weight.ndim > 1 else drawn
                made[tuple(weight.shape)] = torch.nn.Parameter(value.cpu(), requires_grad=False)
            module._parameters[name] = made[tuple(weight.shape)]
    model.model.rotary_emb = Gemma3RotaryEmbedding(config)
    model.model.embed_tokens.embed_scale = torch.tensor(config.hidden_size**0.5)
    model.lm_head.weight = model.model.embed_tokens.weight
    return model.eval()


def free(card: Card) -> None:
    gc.collect()
    if card.kind == "cuda":
        torch.cuda.empty_cache()


def main() -> None:
    small = "--small" in sys.argv
    if not small and not torch.cuda.is_available():
        print("SKIPPED: there is no NVIDIA card here; nothing was measured, and the last table stays as it is.")
        return
    card = card_of("cpu" if small else "cuda")
    count = 8 if small else TOKENS
    rows: list[Row] = []
    about = {"card": "none" if small else torch.cuda.get_device_name(), "cuda": torch.version.cuda or ""}
    began = time.perf_counter()

    def measured(found: list[Row]) -> None:
        """Kept at once: what comes later may fail."""
        rows.extend(found)
        for row in found:
            at = time.perf_counter() - began
            print(f"{at:5.0f} s  {row.name:<70} {row.value:.4g} {row.unit} ({row.target}) {row.peer}", flush=True)
        if not small:
            write("medgemma-gpu", rows, {"card": about}, tell=False)

    memory = Path("/dev/shm")  # a model is read six times
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() and not small else None) as name:
        folder = Path(name) / "model"
        if small:
            write_small(folder)
        else:
            write_model(folder, card.kind)
        entry = catalogue.entry(MODEL)
        for quantisation in ("none", "int8", "int4"):
            drafter = Drafter(folder, entry, card.kind, quantisation)
            measured(decoded(drafter, quantisation, card, count))
            if quantisation == "none":
                measured(prefilled(drafter, card))
                measured(stopped(drafter, card, 2 if small else 12))
                measured(without_ours(drafter, card, count))
                measured(against_generate(folder, drafter, card, count))
            if quantisation == "int4":
                measured(volume(drafter, card, 5 if small else 85))
            del drafter
            free(card)
        measured(alike(folder, card, count // 2))
    measured(large(card, small, count))


if __name__ == "__main__":
    main()
