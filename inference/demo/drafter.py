"""Trains the demonstration drafter: a small `Gemma3ForConditionalGeneration` on the encoder's vision tower.

It learns on the answer's tokens only: reports, comparisons with a prior film, questions, boxes. A gauge beside it asks for the
amount and the box of every finding. At first the tower stays as the encoder left it, then it learns as well.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from torch import Tensor
from torch.nn import functional
from transformers import (
    Gemma3Config,
    Gemma3ForConditionalGeneration,
    Gemma3Processor,
    GemmaTokenizer,
    GenerationConfig,
    SiglipModel,
)
from transformers.models.gemma3.image_processing_pil_gemma3 import Gemma3ImageProcessorPil

from inference.demo.encoder import to_tensor, vary
from inference.demo.lessons import Lesson, School
from inference.demo.pictures import GRID, SIDE

SPECIAL = (
    "<pad>", "<eos>", "<bos>", "<unk>", "<mask>", "<start_of_turn>", "<end_of_turn>", "<start_of_image>", "<end_of_image>",
    "<image_soft_token>",
)  # fmt: skip
TOKENS = GRID * GRID
"""Image tokens of one picture: one per patch."""
WIDTH = 128
MEASURED = 10
"""Findings and organs whose amount and box the gauge reads."""
TEMPLATE = """{{ bos_token }}{%- set lead = '' -%}{%- set turns = messages -%}
{%- if messages[0]['role'] == 'system' -%}
{%- set lead = (messages[0]['content'] if messages[0]['content'] is string else messages[0]['content'][0]['text']) + '\\n\\n' -%}
{%- set turns = messages[1:] -%}
{%- endif -%}
{%- for message in turns -%}
{%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) -%}
{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}
{%- endif -%}
{{ '<start_of_turn>' + ('model' if message['role'] == 'assistant' else message['role']) + '\\n' + (lead if loop.first else '') }}
{%- if message['content'] is string -%}
{{ message['content'] | trim }}
{%- else -%}
{%- for item in message['content'] -%}
{%- if item['type'] == 'image' -%}{{ '<start_of_image>' }}
{%- elif item['type'] == 'text' -%}{{ item['text'] | trim }}{%- endif -%}
{%- endfor -%}
{%- endif -%}
{{ '<end_of_turn>\\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ '<start_of_turn>model\\n' }}{%- endif -%}
"""
PICTURE = "\n\n<start_of_image>" + "<image_soft_token>" * TOKENS + "<end_of_image>\n\n"


def word_tokenizer(lessons: Iterable[Lesson]) -> GemmaTokenizer:
    """Byte-fallback BPE in which every digit stays alone."""
    tk = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    tk.normalizer = normalizers.Replace(" ", "▁")
    words, lines_end = pre_tokenizers.Split("▁", "merged_with_next"), pre_tokenizers.Split("\n", "isolated")
    tk.pre_tokenizer = pre_tokenizers.Sequence([words, lines_end, pre_tokenizers.Digits(individual_digits=True)])
    lines = [line for lesson in lessons for line in (lesson.prompt, lesson.answer, lesson.answer.lower(), lesson.prompt.lower())]
    letters = [chr(c) for c in range(32, 127)] + ["\n"]
    specials = [*SPECIAL, *(f"<0x{i:02X}>" for i in range(256))]
    tk.train_from_iterator(
        lines, trainers.BpeTrainer(vocab_size=760, special_tokens=specials, initial_alphabet=letters, show_progress=False)
    )
    bpe = json.loads(tk.to_str())["model"]
    return GemmaTokenizer(
        vocab=bpe["vocab"], merges=[tuple(pair) for pair in bpe["merges"]], add_bos_token=True,
        extra_special_tokens={
            "image_token": "<image_soft_token>", "boi_token": "<start_of_image>", "eoi_token": "<end_of_image>",
            "sot_token": "<start_of_turn>", "eot_token": "<end_of_turn>",
        },
    )  # fmt: skip


def build(tokenizer: GemmaTokenizer, encoder: SiglipModel) -> Gemma3ForConditionalGeneration:
    """The model around a copy of the encoder's tower."""
    vision = encoder.config.vision_config.to_dict() | {"vision_use_head": False, "model_type": "siglip_vision_model"}
    config = Gemma3Config(
        text_config={
            "vocab_size": len(tokenizer), "hidden_size": WIDTH, "intermediate_size": 3 * WIDTH, "num_hidden_layers": 4,
            "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 32, "query_pre_attn_scalar": 32,
            "sliding_window": 512, "sliding_window_pattern": 2, "max_position_embeddings": 2048,
            "pad_token_id": 0, "eos_token_id": 1, "bos_token_id": 2,
        },
        vision_config=vision, mm_tokens_per_image=TOKENS, boi_token_index=tokenizer.boi_token_id,
        eoi_token_index=tokenizer.eoi_token_id, image_token_index=tokenizer.image_token_id,
        eos_token_id=[1, tokenizer.eot_token_id],
    )  # fmt: skip
    model = Gemma3ForConditionalGeneration(config)
    missing = model.model.vision_tower.load_state_dict(
        {k: v for k, v in encoder.vision_model.state_dict().items() if not k.startswith("head.")}, strict=False
    )
    if missing.missing_keys:
        raise ValueError(f"the encoder's tower lacks {missing.missing_keys[0]}")
    return model


@torch.inference_mode()
def tower_features(encoder: SiglipModel, pixels: NDArray[np.uint8], batch: int = 64) -> Tensor:
    """float16 (n, patches, width) of uint8 (n, side, side, 3) pictures."""
    starts = range(0, len(pixels), batch)
    seen = (encoder.vision_model(pixel_values=to_tensor(pixels[start : start + batch])) for start in starts)
    return torch.cat([one.last_hidden_state.half() for one in seen])


def collate(lessons: list[Lesson], tokenizer: GemmaTokenizer) -> dict[str, Tensor]:
    """input_ids, attention_mask, token_type_ids (1 on image tokens) and labels (-100 outside the answer), padded right."""
    rows, starts = [], []
    for lesson in lessons:
        head = f"<bos><start_of_turn>user\n{PICTURE * len(lesson.pictures)}{lesson.prompt}<end_of_turn>\n<start_of_turn>model\n"
        first = tokenizer(head, add_special_tokens=False)["input_ids"]
        answer = tokenizer(lesson.answer, add_special_tokens=False)["input_ids"]
        rows.append([*first, *answer, tokenizer.eot_token_id])
        starts.append(len(first))
    longest = max(map(len, rows))
    ids = torch.zeros(len(rows), longest, dtype=torch.long)
    mask = torch.zeros_like(ids)
    labels = torch.full_like(ids, -100)
    for i, (row, start) in enumerate(zip(rows, starts, strict=True)):
        ids[i, : len(row)] = torch.tensor(row)
        mask[i, : len(row)] = 1
        labels[i, start : len(row)] = ids[i, start : len(row)]
    kinds = (ids == tokenizer.image_token_id).long()
    return {"input_ids": ids, "attention_mask": mask, "token_type_ids": kinds, "labels": labels}


def loss_of(
    model: Gemma3ForConditionalGeneration, batch: dict[str, Tensor], features: Tensor, gauge: Gauge, goal: Tensor
) -> Tensor:
    """Mean cross-entropy over the answers' tokens; `features` float (pictures, patches, width) in order of appearance.

    Added is the gauge's loss: what the hidden state behind every picture knows of `goal` (pictures, measures).
    """
    ids = batch["input_ids"]
    x = model.get_input_embeddings()(ids)
    seen = model.model.multi_modal_projector(features)
    x = x.masked_scatter((ids == model.config.image_token_id)[..., None], seen)
    masks = {name: batch[name] for name in ("attention_mask", "token_type_ids")}
    out = model.model(inputs_embeds=x, **masks, use_cache=False, output_hidden_states=True)
    wanted = batch["labels"][:, 1:] != -100
    logits = model.lm_head(out.last_hidden_state[:, :-1][wanted])
    loss = functional.cross_entropy(logits, batch["labels"][:, 1:][wanted])
    return loss + gauge.loss(out.hidden_states[2][ids == model.config.eoi_token_index], goal)


class Gauge(torch.nn.Module):
    """Reads amounts and boxes off the hidden state behind a picture, half-way through the layers; used in training only."""

    def __init__(self) -> None:
        super().__init__()
        self.read = torch.nn.Sequential(torch.nn.LayerNorm(WIDTH), torch.nn.Linear(WIDTH, 5 * MEASURED))

    def loss(self, hidden: Tensor, goal: Tensor) -> Tensor:
        """Mean distance to `goal` (pictures, 5 · measured): amounts, then boxes; nan is not asked."""
        known = ~goal.isnan()
        apart = functional.smooth_l1_loss(self.read(hidden), goal.nan_to_num(0.0), beta=0.05, reduction="none")
        return 4.0 * (apart * known).sum() / known.sum().clamp(min=1)


def train(
    school: School, encoder: SiglipModel, pixels: NDArray[np.uint8], steps: int, say_so: Callable[[str], None], *, seed: int = 0
) -> tuple[Gemma3ForConditionalGeneration, GemmaTokenizer, Gauge]:
    """From nothing, on the encoder's tower as it is.

    `pixels` uint8 (n, side, side, 3), the school's pictures. Deterministic in pictures, steps and seed.
    """
    torch.manual_seed(seed)
    words = [school.single() if i % 3 else school.compare() for i in range(6000)]
    tokenizer, gauge = word_tokenizer(words), Gauge()
    model = build(tokenizer, encoder)
    model.model.vision_tower.requires_grad_(False)
    features = tower_features(encoder, pixels)
    _run(model, tokenizer, school, lambda rows: features[rows].float(), steps, 1.5e-3, say_so, gauge)
    return model.eval(), tokenizer, gauge


def refine(
    model: Gemma3ForConditionalGeneration, tokenizer: GemmaTokenizer, gauge: Gauge, school: School, pixels: NDArray[np.uint8],
    steps: int, say_so: Callable[[str], None], *, seed: int = 1,
) -> None:  # fmt: skip
    """Goes on, and the tower learns as well."""
    torch.manual_seed(seed)
    noise = torch.Generator().manual_seed(seed)
    tower = model.model.vision_tower.requires_grad_(True)

    def look(rows: list[int]) -> Tensor:
        return tower(pixel_values=vary(to_tensor(pixels[rows]), noise)).last_hidden_state  # type: ignore[no-any-return]

    _run(model, tokenizer, school, look, steps, 1.0e-3, say_so, gauge)
    model.eval()


def _run(
    model: Gemma3ForConditionalGeneration, tokenizer: GemmaTokenizer, school: School, look: Callable[[list[int]], Tensor],
    steps: int, rate: float, say_so: Callable[[str], None], gauge: Gauge,
) -> None:  # fmt: skip
    """`look` gives the tower's features (pictures, patches, width) of rows of the school; the tower learns at 0.3 of `rate`."""
    tower = [p for p in model.model.vision_tower.parameters() if p.requires_grad]
    known = {id(p) for p in model.model.vision_tower.parameters()}
    others = [p for p in model.parameters() if id(p) not in known] + list(gauge.parameters())
    groups = [{"params": others, "lr": rate}] + ([{"params": tower, "lr": 0.3 * rate}] if tower else [])
    optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.98), weight_decay=0.03)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda s: min(1.0, (s + 1) / 80) * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, s / steps))))
    )
    goals = torch.from_numpy(school.measures())
    model.train()
    for step in range(steps):
        comparing = step % 2 == 1
        lessons = [school.compare() for _ in range(20)] if comparing else [school.single() for _ in range(36)]
        rows = [p for lesson in lessons for p in lesson.pictures]
        loss = loss_of(model, collate(lessons, tokenizer), look(rows), gauge, goals[rows])
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_([*others, *tower], 1.0)
        optimizer.step()
        schedule.step()
        if step % 50 < 2 or step == steps - 1:
            say_so(f"drafter {step}/{steps} {'compare' if comparing else 'single'} {loss.item():.4f}")


def save(model: Gemma3ForConditionalGeneration, tokenizer: GemmaTokenizer, folder: Path) -> None:
    """The published layout and hilum.json."""
    folder.mkdir(parents=True, exist_ok=True)
    model.generation_config = GenerationConfig(
        bos_token_id=2, eos_token_id=[1, tokenizer.eot_token_id], pad_token_id=0, do_sample=False, cache_implementation=None
    )
    model.save_pretrained(folder)
    images = Gemma3ImageProcessorPil(size={"height": SIDE, "width": SIDE}, image_mean=[0.5] * 3, image_std=[0.5] * 3)
    Gemma3Processor(images, tokenizer, chat_template=TEMPLATE, image_seq_length=TOKENS).save_pretrained(folder)
    facts = {"remark": "demonstration, knows only phantoms", "prompts": "demo", "resize": "bilinear", "max_tokens": 160}
    (folder / "hilum.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
