"""Trains the demonstration encoder: a small `SiglipModel` that says whether (pooled) and where (every patch) a sentence is true.

The pooled loss alone localises nothing; the second term asks the same of every patch through the same head, against the
phantoms' masks. Bias and scale of the patch logits are no parameters of SigLIP and go into hilum.json.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from torch import Tensor, nn
from torch.nn import functional
from transformers import PreTrainedTokenizerFast, SiglipConfig, SiglipModel, SiglipProcessor
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

from inference.demo.chest import GRADES, KINDS, SLOTS
from inference.demo.descent import Descent, Pace
from inference.demo.pictures import CHANNELS, PATCH, SIDE
from inference.demo.sentences import Concept, Truth, corpus, film_concepts, say, tissue_concepts, truth_of

POSITIONS = 16
"""Tokens of every sentence, padded; the text vector is the last position's."""
WIDTH, LAYERS = 128, 4
VALIDATED = ("patch-head",)
"""Methods of heatmaps that pointed at every finding's mask often enough, and those that missed:
`tests/bench/results/demo-heatmaps.md`."""
FAILED = ("windows", "occlusion", "token-cosine")
BATCH = (48, 12)
"""Films and patches of slides of one step."""
SAYINGS = 2
"""Sentences for every concept in a step."""
PACE = Pace(muon=2e-3, adam=1e-3, decay=0.05, last=0.02)


@dataclass(frozen=True, slots=True, eq=False)
class Pictures:
    """Training pictures: uint8 (n, side, side, 3), coverage and hits (n, channels, patches) as in `Sample`, and what is true
    of each."""

    pixels: NDArray[np.uint8]
    cover: NDArray[np.uint8]
    hit: NDArray[np.bool_]
    truths: Sequence[Truth]


def sentence_tokenizer() -> PreTrainedTokenizerFast:
    """Lower-cases, deletes punctuation, pads to `POSITIONS` with </s>, as the published tokenizer does."""
    tk = Tokenizer(models.BPE(unk_token="<unk>"))
    tk.normalizer = normalizers.Sequence(
        [normalizers.Lowercase(), normalizers.Replace("-", " "), normalizers.Replace(".", ""), normalizers.Replace(",", "")]
    )
    tk.pre_tokenizer = pre_tokenizers.Metaspace()
    alphabet = list("abcdefghijklmnopqrstuvwxyz0123456789▁")
    specials = ["<unk>", "</s>"]
    trainer = trainers.BpeTrainer(vocab_size=420, special_tokens=specials, initial_alphabet=alphabet, show_progress=False)
    tk.train_from_iterator(corpus(), trainer)
    ends = {"unk_token": "<unk>", "pad_token": "</s>", "eos_token": "</s>"}
    return PreTrainedTokenizerFast(tokenizer_object=tk, model_max_length=POSITIONS, padding_side="right", **ends)


def build(tokenizer: PreTrainedTokenizerFast) -> SiglipModel:
    ids = {"pad_token_id": 1, "bos_token_id": 1, "eos_token_id": 1}
    config = SiglipConfig(
        text_config={
            "vocab_size": len(tokenizer), "hidden_size": WIDTH, "intermediate_size": 384, "num_hidden_layers": 2,
            "num_attention_heads": 4, "max_position_embeddings": POSITIONS, "projection_size": WIDTH, **ids,
        },
        vision_config={
            "hidden_size": WIDTH, "intermediate_size": 4 * WIDTH, "num_hidden_layers": LAYERS, "num_attention_heads": 4,
            "image_size": SIDE, "patch_size": PATCH,
        },
    )  # fmt: skip
    model = SiglipModel(config)
    with torch.no_grad():
        model.logit_scale.fill_(math.log(10.0))
        model.logit_bias.fill_(-2.0)
    return model


def to_tensor(pixels: NDArray[np.uint8] | Tensor) -> Tensor:
    """uint8 (n, h, w, 3) as float32 (n, 3, h, w) in -1..1."""
    return torch.as_tensor(pixels).permute(0, 3, 1, 2).float() / 127.5 - 1.0


def token_vectors(model: SiglipModel, hidden: Tensor) -> Tensor:
    """The pooling head on every patch token alone, normalised: (n, patches, width).

    Attention over a single token is its value, so the head is linear, output projection, and its MLP.
    """
    head = model.vision_model.head
    attention = head.attention
    width = hidden.shape[-1]
    value = functional.linear(hidden, attention.in_proj_weight[2 * width :], attention.in_proj_bias[2 * width :])
    value = attention.out_proj(value)
    return functional.normalize(value + head.mlp(head.layernorm(value)), dim=-1)


class PatchScore(nn.Module):
    """Logit of a patch for a sentence: exp(scale) · cosine + bias."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(math.log(10.0)))
        self.bias = nn.Parameter(torch.tensor(-2.0))

    def forward(self, grid: Tensor, text: Tensor) -> Tensor:
        return torch.einsum("npd,td->ntp", grid, text) * self.scale.exp() + self.bias


class Hints(nn.Module):
    """What tokens are taught directly, without words, in training only: how much of the patch every channel covers, and, from
    the mean of all tokens, the amount of every finding (0 absent, else 0.25 to 1)."""

    def __init__(self) -> None:
        super().__init__()
        self.cover, self.amounts = nn.Linear(WIDTH, len(CHANNELS)), nn.Linear(WIDTH, len(SLOTS))

    def loss(self, hidden: Tensor, cover: Tensor, amounts: Tensor) -> Tensor:
        """`hidden` (n, patches, width), `cover` (n, channels, patches) in 0..1, `amounts` (n, findings)."""
        spread = self.cover(hidden).transpose(1, 2)
        where = functional.binary_cross_entropy_with_logits(spread, cover, weight=1.0 + 3.0 * cover)
        return where + 4.0 * functional.smooth_l1_loss(self.amounts(hidden.mean(1)), amounts, beta=0.05)


def patch_targets(channels: Tensor, concepts: Sequence[Concept]) -> Tensor:
    """(n, concepts, patches) 0..1, from what is known of every channel (n, channels, patches), 0..1."""
    rows = []
    for concept in concepts:
        sides = [c for c, (name, side) in enumerate(CHANNELS) if name == concept.subject and concept.side in ("", side)]
        rows.append(channels[:, sides].sum(1).clamp(max=1.0))
    return torch.stack(rows, 1)


def vary(pixels: Tensor, rng: torch.Generator) -> Tensor:
    """Tone and noise of -1..1 pictures, as another exposure or stain would give."""
    n = len(pixels)
    gain = 1.0 + 0.10 * (2 * torch.rand(n, 1, 1, 1, generator=rng) - 1)
    shift = 0.08 * (2 * torch.rand(n, 1, 1, 1, generator=rng) - 1)
    noise = 0.02 * torch.randn(pixels.shape, generator=rng)
    return (pixels * gain + shift + noise).clamp(-1.0, 1.0)


def train(
    films: Pictures, patches: Pictures, steps: int, say_so: Callable[[str], None], *, seed: int = 0
) -> tuple[SiglipModel, PatchScore, PreTrainedTokenizerFast]:
    """Trains from nothing; deterministic in the pictures, the steps and the seed."""
    torch.manual_seed(seed)
    tokenizer = sentence_tokenizer()
    model, score, hints = build(tokenizer), PatchScore(), Hints()
    lessons = Lessons(films, patches, tokenizer, seed)
    descent = Descent([(model.named_parameters(), 1.0)], [*score.parameters(), *hints.parameters()], PACE, steps)
    model.train()
    for step in range(steps):
        lesson = lessons.draw()
        text = functional.normalize(model.get_text_features(input_ids=lesson.ids).pooler_output, dim=-1)
        seen = model.vision_model(pixel_values=lesson.pixels)
        pooled = functional.normalize(seen.pooler_output, dim=-1)
        whole = _whole_loss(pooled @ text.T * model.logit_scale.exp() + model.logit_bias, lesson.truth)
        spots = score(token_vectors(model, seen.last_hidden_state), text[lessons.where])
        goal, hit = (patch_targets(known, lessons.pointed) for known in (lesson.cover, lesson.hit))
        local = functional.binary_cross_entropy_with_logits(spots, goal, weight=1.0 + 3.0 * goal) + 0.05 * _miss(
            spots, goal * hit
        )
        local = local + 0.5 * hints.loss(seen.last_hidden_state, lesson.cover, lesson.amounts)
        descent.step(whole + 2.0 * local)
        if step % 50 == 0 or step == steps - 1:
            say_so(f"encoder {step}/{steps} whole {whole.item():.4f} local {local.item():.4f}")
    return model.eval(), score.eval(), tokenizer


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """One step's pixels (n, 3, S, S), coverage and hits (n, channels, patches) 0..1, amounts (n, findings), token ids
    (sentences, positions) and truth (n, sentences)."""

    pixels: Tensor
    cover: Tensor
    hit: Tensor
    amounts: Tensor
    ids: Tensor
    truth: Tensor


class Lessons:
    """Draws a step's pictures and sentences."""

    def __init__(self, films: Pictures, patches: Pictures, tokenizer: PreTrainedTokenizerFast, seed: int) -> None:
        self.films, self.patches, self.tokenizer = films, patches, tokenizer
        self.rng, self.noise = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
        self.concepts = [*film_concepts(), *tissue_concepts()]
        local = [i for i, c in enumerate(self.concepts) if c.present and c.subject != "film"]
        self.where = [turn * len(self.concepts) + i for turn in range(SAYINGS) for i in local]
        self.pointed = [self.concepts[i] for _ in range(SAYINGS) for i in local]
        self.graded = [Concept(f, s, g) for f, s in SLOTS for g in GRADES[f]] + [
            Concept(k, "", g) for k in KINDS for g in GRADES[k]
        ]
        every = [*self.concepts, *self.graded]
        self.amounts = torch.tensor(
            [[t.chest.level(*slot) if t.chest else 0.0 for slot in SLOTS] for t in (*films.truths, *patches.truths)]
        )
        self.table = torch.tensor([[truth_of(c, t) for c in every] for t in (*films.truths, *patches.truths)])

    def draw(self) -> Drawn:
        """Pictures by chance, every concept in `SAYINGS` wordings, and some grades."""
        rows = self.rng.choice(len(self.films.pixels), BATCH[0], replace=False)
        more = self.rng.choice(len(self.patches.pixels), BATCH[1], replace=False)
        films, patches = self.films, self.patches
        pixels, cover, hit = (
            torch.from_numpy(np.concatenate([film[rows], patch[more]]))
            for film, patch in ((films.pixels, patches.pixels), (films.cover, patches.cover), (films.hit, patches.hit))
        )
        extra = self.rng.choice(len(self.graded), 8, replace=False)
        texts = [say(c, self.rng) for c in [*self.concepts * SAYINGS, *(self.graded[i] for i in extra)]]
        columns = [*list(range(len(self.concepts))) * SAYINGS, *(len(self.concepts) + extra)]
        cut = {"padding": "max_length", "max_length": POSITIONS, "truncation": True}
        ids = self.tokenizer(texts, return_tensors="pt", **cut)["input_ids"]
        seen = torch.from_numpy(np.concatenate([rows, more + len(self.films.pixels)]))
        truth = self.table[seen][:, columns]
        return Drawn(vary(to_tensor(pixels), self.noise), cover.float() / 255.0, hit.float(), self.amounts[seen], ids, truth)


def _miss(spots: Tensor, goal: Tensor) -> Tensor:
    """How far the highest patch of every map is from those that `goal` (n, concepts, patches), 0..1, wants highest."""
    ideal = goal**2
    known = (ideal.amax(-1) > 0.0).float()
    ideal = ideal / ideal.sum(-1, keepdim=True).clamp(min=1e-9)
    miss = -(ideal * functional.log_softmax(spots, -1)).sum(-1)
    return (miss * known).sum() / known.sum().clamp(min=1.0)


def _whole_loss(logits: Tensor, truth: Tensor) -> Tensor:
    """Sigmoid loss over (pictures, sentences), true and false weighing the same within a sentence; nan is left out."""
    known = ~truth.isnan()
    target = truth.nan_to_num(0.0)
    true = (target * known).sum(0, keepdim=True)
    false = ((1.0 - target) * known).sum(0, keepdim=True)
    share = (true / (true + false).clamp(min=1.0)).clamp(0.15, 0.85)
    weight = torch.where(target > 0.5, 0.5 / share, 0.5 / (1.0 - share)) * known
    loss = functional.binary_cross_entropy_with_logits(logits, target, weight=weight, reduction="sum")
    return loss / known.sum()


def save(model: SiglipModel, score: PatchScore, tokenizer: PreTrainedTokenizerFast, folder: Path, slide_mpp: float) -> None:
    """The published layout and hilum.json."""
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder)
    images = SiglipImageProcessorPil(size={"height": SIDE, "width": SIDE}, resample=2, image_mean=[0.5] * 3, image_std=[0.5] * 3)
    SiglipProcessor(images, tokenizer).save_pretrained(folder)
    facts = {
        "remark": "demonstration, knows only phantoms",
        "heatmap": {
            "method": "patch-head",
            "bias": round(score.bias.item(), 5),
            "scale": round(score.scale.exp().item(), 5),
            "validated": list(VALIDATED),
            "failed": list(FAILED),
        },
        "resize": "bilinear",
        "slide_mpp": slide_mpp,
        "modalities": ["cxr", "slide"],
    }
    (folder / "hilum.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
