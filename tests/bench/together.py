"""How much faster several drafts are written together than one after the other: `python packaging/dev.py bench together`.

Random weights of Gemma 3's shape, prompts of different lengths; `transformers.generate` gets the same texts as one batch.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import torch

from inference import packed, quantize
from inference.decoder import Decoder
from inference.decoding import Prompt, Row, generate_together
from inference.questions import Decoding
from inference.writing import Limits, Writing
from tests.bench import results_file
from tests.bench.medgemma import LARGE, NEVER, ROUNDS, model_of

TOKENS = 32
TEXTS = (1, 2, 4, 8)
LIGHT = ("int8", "int4")
LIMITS = Limits(frozenset(), (1,), watch=False)


def prompts(count: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(2)
    return [torch.randint(10, 8000, (240 + 13 * number,), generator=generator) for number in range(count)]


def by_us(decoder: Decoder, asked: Sequence[torch.Tensor], count: int) -> list[list[int]]:
    texts: list[list[int]] = [[] for _ in asked]
    rows = []
    for ids, tokens in zip(asked, texts, strict=True):
        with torch.inference_mode():
            cache = decoder.cache(len(ids) + count)
        writing = Writing(Decoding(count), count, LIMITS, lambda token, tokens=tokens: tokens.append(token) or True)  # type: ignore[misc]
        rows.append(Row(Prompt.of(ids, None), cache, writing))
    generate_together(decoder, rows, NEVER)
    return texts


def by_generate(model: Any, asked: Sequence[torch.Tensor], count: int) -> list[list[int]]:
    longest = max(map(len, asked))
    ids = torch.stack([torch.cat([torch.zeros(longest - len(one), dtype=torch.long), one]) for one in asked])
    mask = torch.stack([torch.arange(longest) >= longest - len(one) for one in asked]).long()
    out = model.generate(
        input_ids=ids, attention_mask=mask, max_new_tokens=count, min_new_tokens=count, do_sample=False, suppress_tokens=[1]
    )
    found: list[list[int]] = out[:, longest:].tolist()
    return found


def rates(works: dict[str, tuple[int, Callable[[int], object]]]) -> dict[str, float]:
    """Tokens a second of all texts, the best of some rounds in which all take their turn; the prompts are taken off."""
    best = dict.fromkeys(works, 0.0)
    for _ in range(ROUNDS):
        for name, (texts, work) in works.items():
            began = time.perf_counter()
            work(1)
            first = time.perf_counter() - began
            began = time.perf_counter()
            work(TOKENS + 1)
            best[name] = max(best[name], texts * TOKENS / (time.perf_counter() - began - first))
    return best


def main() -> None:
    published = model_of(LARGE, torch.bfloat16)
    ours = {kind: Decoder(model_of(LARGE, torch.bfloat16)) for kind in ("bf16", *LIGHT)}
    bf16 = ours["bf16"]
    packed.apply(bf16.layers)
    for kind in LIGHT:
        quantize.apply(ours[kind].layers, kind, torch.device("cpu"))
    works: dict[str, tuple[int, Callable[[int], object]]] = {}
    for texts in TEXTS:
        asked = prompts(texts)
        works[f"generate {texts}"] = texts, lambda count, asked=asked: by_generate(published, asked, count)  # type: ignore[misc]
        for kind, decoder in ours.items():
            works[f"{kind} {texts}"] = texts, lambda count, asked=asked, decoder=decoder: by_us(decoder, asked, count)  # type: ignore[misc]
    found = rates(works)
    rows = []
    for texts in TEXTS:
        mine, theirs = (found[f"{kind} {texts}"] for kind in ("bf16", "generate"))
        many = "1 text" if texts == 1 else f"{texts} texts together"
        rows.append(results_file.Row(f"{many}, bf16", mine, "tokens/s", "", f"generate {theirs:.1f} tokens/s"))
        rows += [results_file.Row(f"{many}, {kind}", found[f"{kind} {texts}"], "tokens/s") for kind in LIGHT]
        if texts > 1:
            gain = mine / found["bf16 1"]
            goal = {4: 2.0, 8: 3.0}.get(texts)
            rows.append(
                results_file.Row(f"{many} against one after the other, bf16", gain, "×", f"≥ {goal:g}" if goal else "",
                                 f"generate's own batch {theirs / found['generate 1']:.2f} ×", gain >= goal if goal else None)
            )  # fmt: skip
            rows += [
                results_file.Row(
                    f"{many} against one after the other, {kind}", found[f"{kind} {texts}"] / found[f"{kind} 1"], "×"
                )
                for kind in LIGHT
            ]
    alone, together = [by_us(bf16, [one], TOKENS)[0] for one in prompts(4)], by_us(bf16, prompts(4), TOKENS)
    same = sum(a == b for x, y in zip(alone, together, strict=True) for a, b in zip(x, y, strict=True)) / (4 * TOKENS)
    rows.append(
        results_file.Row("4 texts together, bf16: tokens as alone, by place", same, "", "", "a near tie turns the rest of a text")
    )
    results_file.write("together", rows)


if __name__ == "__main__":
    main()
