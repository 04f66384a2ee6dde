"""The decoder's speed on random weights: each token next to `transformers.generate`, second questions next to first ones.

python packaging/dev.py bench medgemma

On a CPU a small model of the same shape family (34 layers, 5 of them global) and a larger one of 12 layers; on an NVIDIA card the
4B at its full size. Without a card those rows are skipped, and the last ones measured stay in medgemma-gpu.json.
"""

from __future__ import annotations

import gc
import os
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch

from inference import catalogue, decoding, kept_pictures, packed, picture_tokens, quantize
from inference.decoder import Decoder
from inference.decoding import Prompt
from inference.medgemma import Drafter
from inference.questions import Decoding
from inference.stepping import Stepper
from inference.writing import Limits, Writing
from tests.bench.results_file import Row, write

SMALL = {"hidden_size": 256, "intermediate_size": 1024, "num_hidden_layers": 34, "head_dim": 64, "query_pre_attn_scalar": 64}
LARGE = {"hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 12, "head_dim": 256, "query_pre_attn_scalar": 256}
WIDE = {"hidden_size": 2560, "intermediate_size": 10240, "num_hidden_layers": 4, "head_dim": 256, "query_pre_attn_scalar": 256}
"""Layers as wide as those of the published 4B."""
TOKENS = 48
ROUNDS = 3
PROMPT = 300
NEVER = threading.Event()


def model_of(shape: dict[str, int], dtype: torch.dtype) -> Any:
    """Random weights, spread so that greedy text varies."""
    from transformers import Gemma3ForCausalLM, Gemma3TextConfig

    config = Gemma3TextConfig(
        vocab_size=8192, num_attention_heads=4, num_key_value_heads=2, sliding_window=1024, sliding_window_pattern=6,
        max_position_embeddings=8192, pad_token_id=0, eos_token_id=1, bos_token_id=2, **shape,
    )  # fmt: skip
    torch.manual_seed(0)
    model = Gemma3ForCausalLM(config).eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.ndim > 1:
                weight.normal_(0, weight.shape[-1] ** -0.5 if "embed" not in name else 0.02)
    return model.to(dtype)


def by_generate(model: Any, ids: torch.Tensor, count: int) -> list[int]:
    out = model.generate(
        input_ids=ids[None],
        attention_mask=torch.ones_like(ids)[None],
        max_new_tokens=count,
        min_new_tokens=count,
        do_sample=False,
    )
    found: list[int] = out[0, len(ids) :].tolist()
    return found


def by_us(decoder: Decoder, ids: torch.Tensor, count: int) -> list[int]:
    tokens: list[int] = []
    with torch.inference_mode():
        cache = decoder.cache(len(ids) + count)
    limits = Limits(frozenset(), (1,), watch=False)
    writing = Writing(Decoding(count), count, limits, lambda token: tokens.append(token) or True)
    decoding.generate(decoder, Prompt.of(ids, None), cache, writing, NEVER)
    return tokens


def errors(shape: dict[str, int], published: Any, ours: Decoder, ids: torch.Tensor) -> tuple[float, float]:
    """RMS error of our bfloat16 logits, and of transformers', along the text that generate writes, against float32."""
    text = by_generate(published, ids, TOKENS)
    with torch.inference_mode():
        exact = model_of(shape, torch.bfloat16).float()(torch.cat([ids, torch.tensor(text)])[None]).logits[0, len(ids) - 1 : -1]
    found = stepped_by_us(ours, ids, text), stepped_by_them(published, ids, text)
    near, far = (float((one - exact).square().mean().sqrt()) for one in found)
    return near, far


@torch.inference_mode()
def stepped_by_them(model: Any, ids: torch.Tensor, text: list[int]) -> torch.Tensor:
    """Logits at every place of the text, token by token."""
    out = model(ids[None], use_cache=True, logits_to_keep=1)
    found = [out.logits[0, -1].float()]
    for token in text[:-1]:
        out = model(torch.tensor([[token]], device=ids.device), past_key_values=out.past_key_values, use_cache=True)
        found.append(out.logits[0, -1].float())
    return torch.stack(found)


@torch.inference_mode()
def stepped_by_us(decoder: Decoder, ids: torch.Tensor, text: list[int]) -> torch.Tensor:
    cache = decoder.cache(len(ids) + len(text))
    found = [decoder.logits(decoding.read(decoder, Prompt.of(ids, None), decoding.no_image, cache, NEVER))]
    stepper = Stepper(decoder, cache)
    found += [stepper.step(token, NEVER).clone() for token in text[:-1]]
    return torch.stack(found)


def per_token(works: dict[str, Callable[[int], object]]) -> dict[str, float]:
    """Milliseconds a token, the best of some rounds in which all take their turn; the prompt is taken off."""
    best = dict.fromkeys(works, float("inf"))
    for work in works.values():
        work(2)
    for _ in range(ROUNDS):
        for name, work in works.items():
            began = time.perf_counter()
            work(1)
            first = time.perf_counter() - began
            began = time.perf_counter()
            work(TOKENS + 1)
            best[name] = min(best[name], (time.perf_counter() - began - first) / TOKENS * 1000)
    return best


def decoded() -> list[Row]:
    ids = torch.randint(10, 8000, (PROMPT,), generator=torch.Generator().manual_seed(1))
    rows = []
    for name, shape in (("34 layers of 256", SMALL), ("12 layers of 1024", LARGE), ("4 layers of 2560", WIDE)):
        published, ours = model_of(shape, torch.bfloat16), Decoder(model_of(shape, torch.bfloat16))
        packed.apply(ours.layers)
        near, far = errors(shape, published, ours, ids)
        light = Decoder(model_of(shape, torch.bfloat16))
        quantize.apply(light.layers, "int8", torch.device("cpu"))
        times = per_token(
            {
                "generate": lambda count, model=published: by_generate(model, ids, count),
                "bf16": lambda count, model=ours: by_us(model, ids, count),
                "int8": lambda count, model=light: by_us(model, ids, count),
            }
        )
        small = shape is SMALL
        gain, faster = times["generate"] / times["bf16"], times["bf16"] / times["int8"]
        rows += [
            Row(f"{name}: a token in bf16", times["bf16"], "ms", peer=f"generate {times['generate']:.1f} ms"),
            Row(f"{name}: against transformers.generate", gain, "×", "≥ 2" if small else "", ok=gain >= 2 if small else None),
            Row(f"{name}: int8 against bf16", faster, "×", "≥ 1.6", ok=faster >= 1.6),
            Row(
                f"{name}: error of logits against float32, share of generate's own", near / far, "", "≤ 1.1", ok=near <= 1.1 * far
            ),
        ]
    return rows


def asked_again(folder: Path) -> list[Row]:
    """First and second question about the same pictures: from the call to the first token."""
    write_small(folder)
    drafter = Drafter(folder, catalogue.entry("medgemma-4b-it"), "cpu")
    rows = []
    for pictures, target in ((1, 0.2), (85, 0.1)):
        pixels = list(np.random.default_rng(pictures).integers(0, 256, (pictures, 448, 448, 3), np.uint8))
        slices = [part for number in range(1, pictures + 1) for part in (None, f"SLICE {number}")]
        times = []
        for question in ("Is there an effusion on the left side?", "How large is the heart, and since when?"):
            places: tuple[str | None, ...] = (*slices, question)
            told: list[float] = []
            began = time.perf_counter()

            def on_progress(progress: Any, told: list[float] = told) -> None:
                if progress.stage in ("writing", "thinking"):
                    told.append(time.perf_counter())

            drafter.write((("user", places),), pixels, Decoding(1), on_progress, NEVER)
            times.append(told[0] - began)
        share = times[1] / times[0]
        rows.append(
            Row(
                f"{pictures} {'picture' if pictures == 1 else 'slices'}: first token of a second question, share of the first's",
                share, "", f"≤ {target:g}", f"{times[0]:.2f} s, then {times[1]:.3f} s", share <= target,
            )
        )  # fmt: skip
    return rows


def started_anew(folder: Path) -> list[Row]:
    """The same 85 slices asked of a drafter that was loaded anew: without pictures kept on disk, then with them."""
    pixels = list(np.random.default_rng(85).integers(0, 256, (85, 448, 448, 3), np.uint8))
    places = (*(part for number in range(1, 86) for part in (None, f"SLICE {number}")), "How large is the heart?")
    best, texts = {"without": float("inf"), "with": float("inf")}, []
    with patch.object(picture_tokens, "WORTH", 1), patch.dict(os.environ, HILUM_HOME=str(folder / "home")):
        for name in ("without", "with") * ROUNDS:  # the first with has none there yet
            most = kept_pictures.ON_DISK if name == "with" else 0
            drafter = Drafter(folder, catalogue.entry("medgemma-4b-it"), "cpu", revision="a" * 64, pictures_on_disk=most)
            began = time.perf_counter()
            texts.append(drafter.write((("user", places),), pixels, Decoding(8), lambda _: None, NEVER).text)
            best[name] = min(best[name], time.perf_counter() - began)
            del drafter
            gc.collect()
        megabytes = kept_pictures.held()[1] / 2**20
    return [
        Row(
            "85 slices after a restart: seconds saved by pictures on disk", best["without"] - best["with"], "s", "> 0",
            f"{best['without']:.2f} s, then {best['with']:.2f} s; {megabytes:.0f} MiB", best["with"] < best["without"],
        ),
        Row("the same words from pictures on disk", float(len(set(texts)) == 1), "", "1", ok=len(set(texts)) == 1),
    ]  # fmt: skip


def write_small(folder: Path) -> None:
    """A checkpoint of the published layout: 448 px, 256 tokens a picture, 12 layers of tower, 12 of decoder."""
    from transformers import Gemma3Config, Gemma3ForConditionalGeneration
    from transformers.models.gemma3.image_processing_pil_gemma3 import Gemma3ImageProcessorPil

    from tests.inference.tiny import gemma_processor

    processor = gemma_processor()
    processor.image_processor = Gemma3ImageProcessorPil(
        size={"height": 448, "width": 448}, image_mean=[0.5] * 3, image_std=[0.5] * 3
    )
    processor.image_seq_length = 256
    tokenizer = processor.tokenizer
    config = Gemma3Config(
        text_config={
            "vocab_size": len(tokenizer), "num_attention_heads": 4, "num_key_value_heads": 2, "sliding_window": 1024,
            "sliding_window_pattern": 6, "max_position_embeddings": 32_768, "pad_token_id": 0, "eos_token_id": 1,
            "bos_token_id": 2, **SMALL, "num_hidden_layers": 12,
        },
        vision_config={
            "model_type": "siglip_vision_model", "hidden_size": 256, "intermediate_size": 1024, "num_hidden_layers": 12,
            "num_attention_heads": 4, "image_size": 448, "patch_size": 14, "vision_use_head": False,
        },
        mm_tokens_per_image=256, eos_token_id=1, boi_token_index=tokenizer.boi_token_id,
        eoi_token_index=tokenizer.eoi_token_id, image_token_index=tokenizer.image_token_id,
    )  # fmt: skip
    torch.manual_seed(0)
    Gemma3ForConditionalGeneration(config).save_pretrained(folder)
    processor.save_pretrained(folder)


def main() -> None:
    torch.set_num_threads(2)
    with tempfile.TemporaryDirectory() as name:
        rows = [*decoded(), *asked_again(Path(name)), *started_anew(Path(name))]
    gc.collect()
    write("medgemma", rows)
    if not torch.cuda.is_available():
        print("SKIPPED: there is no NVIDIA card here; nothing was measured on one.")


if __name__ == "__main__":
    main()
