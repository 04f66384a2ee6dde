"""Trains the demonstration drafter: a small `Gemma3ForConditionalGeneration` on the encoder's vision tower.

It learns on the answer's tokens only: reports, comparisons with a prior film, questions, boxes. A gauge beside it asks for the
amount and the box of every finding. At first the tower stays as the encoder left it, then it learns as well.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
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

from inference.demo.batches import TOKENS, Batch, collate
from inference.demo.chest import SLOTS
from inference.demo.descent import Descent, Pace
from inference.demo.encoder import to_tensor, vary
from inference.demo.further import Further
from inference.demo.gauges import Gauge, Glance, Print, Pulse, Tally
from inference.demo.lessons import Lesson, School, Turn
from inference.demo.pictures import SIDE
from inference.demo.wholes import Wholes

SPECIAL = (
    "<pad>", "<eos>", "<bos>", "<unk>", "<mask>", "<start_of_turn>", "<end_of_turn>", "<start_of_image>", "<end_of_image>",
    "<image_soft_token>",
)  # fmt: skip
WIDTH = 128
POSITIONS = 2048
"""Also the window of the layers that have one: in training every layer sees all of a lesson."""
BATCH = (14, 1)
"""Pairs of films and patches of slides of one step."""
WIDENED, SETTLED = (6, 1, 2, 1), (12, 1, 1, 1)
"""Pairs of films, patches of slides, whole scans and whole slides of one step: while wholes are new, and once they are known,
when what they cost of the comparisons of films is won back."""
BROADENED = (6, 4, 6, 12)
"""Pairs of films, photographs, records and slips of one step, beside a patch and one that is long."""
WEIGHTS = (3, 1, 1, 2, 1)
"""Of films, photographs, records, slips and the long one in the loss of such a step: films count more, for comparisons are the
first to be lost, and slips, for their digits are learnt last."""
PACE = Pace(muon=2e-3, adam=1.5e-3, decay=0.03)
REFINING = Pace(muon=1e-3, adam=0.75e-3, decay=0.03)
BROADENING = Pace(muon=1.5e-3, adam=1.1e-3, decay=0.03)
CERTAIN, LEAST = 0.05, 64
"""Loss below which a token of a table is known, and the least number of others that the loss is shared out to."""
Known = tuple[Tally | Glance | Pulse, Tensor]
"""A gauge and what it is to read of the pictures at hand."""
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


def word_tokenizer(turns: Iterable[Turn]) -> GemmaTokenizer:
    """Byte-fallback BPE in which every digit stays alone."""
    tk = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    tk.normalizer = normalizers.Replace(" ", "▁")
    words, lines_end = pre_tokenizers.Split("▁", "merged_with_next"), pre_tokenizers.Split("\n", "isolated")
    tk.pre_tokenizer = pre_tokenizers.Sequence([words, lines_end, pre_tokenizers.Digits(individual_digits=True)])
    lines = [line for turn in turns for line in (turn.prompt, turn.answer, turn.answer.lower(), turn.prompt.lower())]
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
            "sliding_window": POSITIONS, "sliding_window_pattern": 2, "max_position_embeddings": POSITIONS,
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


def loss_of(
    model: Gemma3ForConditionalGeneration,
    batch: Batch,
    features: Tensor,
    gauge: Gauge | Tally | Glance | Pulse | None = None,
    goal: Tensor | None = None,
    *,
    uncertain: bool = False,
) -> Tensor:
    """Mean cross-entropy over the answers' tokens; where `uncertain`, over as many as are not certain yet, for a table is mostly
    its form and not what stands in it. `features` float (pictures, patches, width) in order of appearance.

    Added is the loss of a gauge: what the hidden state behind every picture knows of `goal` (pictures, measures).
    """
    x = model.get_input_embeddings()(batch.ids)
    seen = model.model.multi_modal_projector(features)
    x = x.masked_scatter((batch.ids == model.config.image_token_id)[..., None], seen)
    sees = {"full_attention": batch.sees, "sliding_attention": batch.sees}
    out = model.model(
        inputs_embeds=x, attention_mask=sees, position_ids=batch.positions, use_cache=False, output_hidden_states=True
    )
    wanted = batch.labels[:, 1:] != -100
    logits = model.lm_head(out.last_hidden_state[:, :-1][wanted])
    each = functional.cross_entropy(logits, batch.labels[:, 1:][wanted], reduction="none")
    loss = each.sum() / (each.detach() > CERTAIN).sum().clamp(min=LEAST) if uncertain else each.mean()
    if gauge is None or goal is None:
        return loss
    behind = batch.ids == model.config.eoi_token_index
    return loss + gauge.loss([state[behind] for state in out.hidden_states], goal)


def _goals(measures: Tensor, lessons: Sequence[Lesson]) -> Tensor:
    """What the gauge is to read of the lessons' pictures in order: their own measures, and the amounts of the one before."""
    rows = [row for lesson in lessons for row in lesson.pictures]
    before = measures[[row for lesson in lessons for row in (lesson.pictures[0], *lesson.pictures[:-1])], : len(SLOTS)]
    first = torch.tensor([number == 0 for lesson in lessons for number in range(len(lesson.pictures))])
    before[first] = torch.nan
    return torch.cat([measures[rows], before], -1)


def train(
    school: School, encoder: SiglipModel, pixels: NDArray[np.uint8], steps: int, say_so: Callable[[str], None], *, seed: int = 0
) -> tuple[Gemma3ForConditionalGeneration, GemmaTokenizer, Gauge]:
    """From nothing, on the encoder's tower as it is.

    `pixels` uint8 (n, side, side, 3), the school's pictures. Deterministic in pictures, steps and seed.
    """
    torch.manual_seed(seed)
    drawn = [school.films() for _ in range(800)] + [school.patch() for _ in range(100)]
    tokenizer, gauge = word_tokenizer(turn for lesson in drawn for turn in (*lesson.first, *lesson.both)), Gauge(WIDTH)
    model = build(tokenizer, encoder)
    model.model.vision_tower.requires_grad_(False)
    features = tower_features(encoder, pixels)
    _run(model, tokenizer, school, lambda rows: features[rows].float(), steps, PACE, say_so, gauge)
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

    _run(model, tokenizer, school, look, steps, REFINING, say_so, gauge)
    model.eval()


def widen(
    model: Gemma3ForConditionalGeneration, tokenizer: GemmaTokenizer, school: School, wholes: Wholes, pixels: NDArray[np.uint8],
    steps: int, say_so: Callable[[str], None], *, mix: tuple[int, int, int, int] = WIDENED, seed: int = 2,
) -> None:  # fmt: skip
    """Learns whole scans and slides beside what it knows; `mix` as in `WIDENED`. `pixels` uint8 (n, side, side, 3): the school's,
    then the wholes'."""
    torch.manual_seed(seed)
    noise = torch.Generator().manual_seed(seed)
    tower, tally = model.model.vision_tower.requires_grad_(True), Tally(WIDTH)
    descent = _descent(model, tally, REFINING, steps)
    measures = torch.from_numpy(wholes.measures())
    model.train()
    for step in range(steps):
        short = [school.films() for _ in range(mix[0])] + [school.patch() for _ in range(mix[1])]
        long = [wholes.scan() for _ in range(mix[2])] + [wholes.sheet() for _ in range(mix[3])]
        losses = []
        for lessons in (short, long):  # apart, so that the short ones are not padded to the long
            rows = [row for lesson in lessons for row in lesson.pictures]
            features = _seen(tower, pixels[rows], noise)
            known = (tally, measures[torch.tensor(rows) - wholes.first]) if lessons is long else ()
            losses.append(loss_of(model, collate(lessons, tokenizer), features, *known))
        loss = (losses[0] + losses[1]) / 2
        descent.step(loss)
        if step % 25 == 0 or step == steps - 1:
            say_so(f"wholes {step}/{steps} {losses[0].item():.4f} {losses[1].item():.4f}")
    model.eval()


def broaden(
    model: Gemma3ForConditionalGeneration, tokenizer: GemmaTokenizer, school: School, wholes: Wholes, further: Further,
    pixels: NDArray[np.uint8], steps: int, say_so: Callable[[str], None], *, seed: int = 4,
) -> None:  # fmt: skip
    """Learns photographs, slips, films of a heart and records beside what it knows: `BROADENED` in every step, and a whole scan,
    slide or heart in turn. `pixels` uint8 (n, side, side, 3): the school's, the wholes', the further ones'."""
    torch.manual_seed(seed)
    noise = torch.Generator().manual_seed(seed)
    tower = model.model.vision_tower.requires_grad_(True)
    tally, glance, pulse, letters = Tally(WIDTH), Glance(WIDTH), Pulse(WIDTH), Print(WIDTH)
    descent = _descent(model, torch.nn.ModuleList([tally, glance, pulse, letters]), BROADENING, steps)
    measures, shares = torch.from_numpy(wholes.measures()), torch.tensor(WEIGHTS) / sum(WEIGHTS)

    def loss(lessons: Sequence[Lesson], known: Callable[[list[int]], Known] | None = None, *, uncertain: bool = False) -> Tensor:
        rows = [row for lesson in lessons for row in lesson.pictures]
        features = _seen(tower, pixels[rows], noise)
        gauge, goal = known(rows) if known is not None else (None, None)
        found = loss_of(model, collate(lessons, tokenizer), features, gauge, goal, uncertain=uncertain)
        if further.are_slips(rows):
            found = found + letters.loss(features, torch.from_numpy(further.letters(rows)))
        return found

    long: tuple[tuple[Callable[[], Lesson], Callable[[list[int]], Known]], ...] = (
        (wholes.scan, lambda rows: (tally, measures[torch.tensor(rows) - wholes.first])),
        (wholes.sheet, lambda rows: (tally, measures[torch.tensor(rows) - wholes.first])),
        (further.beat, lambda rows: (pulse, torch.from_numpy(further.measures(rows)))),
    )
    model.train()
    for step in range(steps):
        make, known = long[step % len(long)]
        losses = [
            loss([school.films() for _ in range(BROADENED[0])] + [school.patch()]),
            loss(
                [further.photo() for _ in range(BROADENED[1])], lambda rows: (glance, torch.from_numpy(further.shown(rows))),
                uncertain=True,
            ),
            loss([further.note() for _ in range(BROADENED[2])], uncertain=True),
            loss([further.slip() for _ in range(BROADENED[3])], uncertain=True),
            loss([make()], known),
        ]  # fmt: skip
        descent.step((torch.stack(losses) * shares).sum())
        if step % 25 == 0 or step == steps - 1:
            say_so(f"further {step}/{steps} " + " ".join(f"{one.item():.4f}" for one in losses))
    model.eval()


def _seen(tower: torch.nn.Module, pixels: NDArray[np.uint8], noise: torch.Generator) -> Tensor:
    """Features (pictures, patches, width) of pictures a little varied; of none, none."""
    if not len(pixels):
        return torch.zeros(0, TOKENS, WIDTH)
    return tower(pixel_values=vary(to_tensor(pixels), noise)).last_hidden_state  # type: ignore[no-any-return]


def _descent(model: Gemma3ForConditionalGeneration, gauge: torch.nn.Module, pace: Pace, steps: int) -> Descent:
    """The tower learns at half the pace."""
    tower = {id(p) for p in model.model.vision_tower.parameters()}
    inside = [(name, p) for name, p in model.named_parameters() if id(p) in tower]
    others = [(name, p) for name, p in model.named_parameters() if id(p) not in tower]
    return Descent([(others, 1.0), (inside, 0.5)], gauge.parameters(), pace, steps)


def _run(
    model: Gemma3ForConditionalGeneration, tokenizer: GemmaTokenizer, school: School, look: Callable[[list[int]], Tensor],
    steps: int, pace: Pace, say_so: Callable[[str], None], gauge: Gauge,
) -> None:  # fmt: skip
    """`look` gives the tower's features (pictures, patches, width) of rows of the school; the tower learns at half the pace."""
    descent = _descent(model, gauge, pace, steps)
    measures = torch.from_numpy(school.measures())
    model.train()
    for step in range(steps):
        lessons = [school.films() for _ in range(BATCH[0])] + [school.patch() for _ in range(BATCH[1])]
        rows = [p for lesson in lessons for p in lesson.pictures]
        loss = loss_of(model, collate(lessons, tokenizer), look(rows), gauge, _goals(measures, lessons))
        descent.step(loss)
        if step % 50 == 0 or step == steps - 1:
            say_so(f"drafter {step}/{steps} {loss.item():.4f}")


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
