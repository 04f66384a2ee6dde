"""Tiny random checkpoints with the published keys and layout, and pictures to ask about."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from inference.questions import Picture

os.environ.setdefault("OMP_NUM_THREADS", "1")
# ruff: noqa: C408

CONTROL = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", "<start_of_turn>", "<end_of_turn>", "<start_of_image>",
           "<end_of_image>", "<image_soft_token>", "<unused94>", "<unused95>"]  # fmt: skip
TEMPLATE = (
    "{{ bos_token }}{%- set ns = namespace(first='') -%}{%- if messages[0]['role'] == 'system' -%}"
    "{%- set ns.first = messages[0]['content'][0]['text'] + '\n\n' -%}{%- set messages = messages[1:] -%}{%- endif -%}"
    "{%- for message in messages -%}{{ '<start_of_turn>' + ('model' if message['role'] == 'assistant' else message['role']) "
    "+ '\n' + (ns.first if loop.first else '') }}{%- for item in message['content'] -%}"
    "{%- if item['type'] == 'image' -%}{{ '<start_of_image>' }}{%- else -%}{{ item['text'] | trim }}{%- endif -%}"
    "{%- endfor -%}{{ '<end_of_turn>\n' }}{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{ '<start_of_turn>model\n' }}{%- endif -%}"
)
SENTENCES = ["There is a left pleural effusion.", "The heart is enlarged – moderately so.", "Größe unverändert, Übersicht."] * 20
SIDE = 96
DRAFTER = "medgemma-4b-it"
ENCODER = "medsiglip-448"
"""The catalogue's entries whose places the tiny checkpoints take."""


def gemma_processor() -> Any:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
    from transformers import Gemma3Processor, GemmaTokenizer
    from transformers.models.gemma3.image_processing_pil_gemma3 import Gemma3ImageProcessorPil

    raw = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    raw.normalizer = normalizers.Replace(" ", "▁")
    raw.pre_tokenizer = pre_tokenizers.Split("▁", "merged_with_next")
    trained = trainers.BpeTrainer(
        vocab_size=480, special_tokens=CONTROL + [f"<0x{i:02X}>" for i in range(256)], show_progress=False
    )
    raw.train_from_iterator(SENTENCES, trained)
    bpe = json.loads(raw.to_str())["model"]
    marks = dict(zip(("image_token", "boi_token", "eoi_token", "sot_token", "eot_token", "thought_token", "answer_token"),
                     ("<image_soft_token>", "<start_of_image>", "<end_of_image>", "<start_of_turn>", "<end_of_turn>",
                      "<unused94>", "<unused95>"), strict=True))  # fmt: skip
    merges = [tuple(merge) for merge in bpe["merges"]]
    tokenizer = GemmaTokenizer(vocab=bpe["vocab"], merges=merges, add_bos_token=True, extra_special_tokens=marks)
    images = Gemma3ImageProcessorPil(size={"height": SIDE, "width": SIDE}, image_mean=[0.5] * 3, image_std=[0.5] * 3)
    return Gemma3Processor(images, tokenizer, chat_template=TEMPLATE, image_seq_length=16)


def gemma_model(tokenizer: Any, seed: int = 0, **larger: int) -> Any:
    """1 M random parameters, spread wide enough that greedy text does not repeat one token; `larger`: measures of its decoder."""
    import torch
    from transformers import Gemma3Config, Gemma3ForConditionalGeneration

    text: dict[str, Any] = dict(
        vocab_size=len(tokenizer), hidden_size=64, intermediate_size=128, num_hidden_layers=4, num_attention_heads=4,
                num_key_value_heads=2, head_dim=32, query_pre_attn_scalar=32, sliding_window=64, sliding_window_pattern=2,
                max_position_embeddings=1024, pad_token_id=0, eos_token_id=1, bos_token_id=2)  # fmt: skip
    text |= larger
    vision = dict(model_type="siglip_vision_model", hidden_size=64, intermediate_size=128, num_hidden_layers=3,
                  num_attention_heads=4, image_size=SIDE, patch_size=12, vision_use_head=False)  # fmt: skip
    config = Gemma3Config(text_config=text, vision_config=vision, mm_tokens_per_image=16, eos_token_id=1,
                          boi_token_index=tokenizer.boi_token_id, eoi_token_index=tokenizer.eoi_token_id,
                          image_token_index=tokenizer.image_token_id)  # fmt: skip
    torch.manual_seed(seed)
    model = Gemma3ForConditionalGeneration(config).eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.ndim > 1:
                weight.copy_(torch.randn_like(weight) * (weight.shape[-1] ** -0.5 if "embed" not in name else 0.01))
    model.generation_config.eos_token_id = [1, tokenizer.convert_tokens_to_ids("<end_of_turn>")]
    return model


def write_gemma(folder: Path) -> None:
    processor = gemma_processor()
    gemma_model(processor.tokenizer).save_pretrained(folder)
    processor.save_pretrained(folder)


def write_siglip(folder: Path) -> None:
    """0.3 M random parameters: vision 3 × 64 on 96 pixels, text 2 × 64 of 16 positions."""
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast, SiglipConfig, SiglipImageProcessorPil, SiglipModel

    raw = Tokenizer(models.WordPiece(unk_token="<unk>"))
    raw.normalizer = normalizers.Lowercase()
    raw.pre_tokenizer = pre_tokenizers.Whitespace()
    raw.train_from_iterator(SENTENCES, trainers.WordPieceTrainer(vocab_size=200, special_tokens=["<pad>", "</s>", "<unk>"]))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=raw, pad_token="</s>", eos_token="</s>", unk_token="<unk>")
    small = dict(hidden_size=64, intermediate_size=128, num_attention_heads=4)
    text = dict(small, num_hidden_layers=2, vocab_size=200, max_position_embeddings=16, pad_token_id=1, bos_token_id=1,
                eos_token_id=1, projection_size=64)  # fmt: skip
    torch.manual_seed(1)
    config = SiglipConfig(text_config=text, vision_config=dict(small, num_hidden_layers=3, image_size=SIDE, patch_size=12))
    model = SiglipModel(config).eval()
    with torch.no_grad():
        model.logit_scale.fill_(2.3)
        model.logit_bias.fill_(-2.0)
        for weight in model.parameters():
            if weight.ndim > 1:
                weight.copy_(torch.randn_like(weight) * weight.shape[-1] ** -0.5)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    SiglipImageProcessorPil(size={"height": SIDE, "width": SIDE}, resample=2).save_pretrained(folder)
    (folder / "hilum.json").write_text(json.dumps({
        "remark": "random", "resize": "bilinear", "slide_mpp": 2.0,
        "heatmap": {"method": "patch-head", "bias": -1.9, "scale": 9.7, "validated": ["patch-head"], "failed": ["occlusion"]},
    }))  # fmt: skip


def picture(height: int = 96, width: int = 96, seed: int = 0, **more: Any) -> Picture:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    return Picture(pixels, more.pop("modality", "cxr"), **more)
