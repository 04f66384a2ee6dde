"""Adapters on a tiny random Gemma 3: what is learnt from, what comes out, and that what is loaded is what peft would load."""

from __future__ import annotations

import json
import math
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from inference import catalogue, gemma, prompts
from inference.adapters import folder as folders
from inference.adapters.examples import Stand
from inference.adapters.lessons import IGNORED, Lesson, collate, example
from inference.adapters.merging import merge
from inference.adapters.recipe import Recipe
from inference.adapters.teaching import teach
from inference.answers import Draft
from inference.device import Place
from inference.engine import Engine, EngineSpec
from inference.errors import Cancelled, ModelMissing, ModelRefused
from inference.prompting import Prompting
from inference.questions import Decoding, DraftQuestion, FreeQuestion, Picture
from tests.inference.tiny import DRAFTER, picture

pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")
"""peft's own loading asks by a name that transformers has renamed."""
CPU = Place(torch.device("cpu"), torch.float32, "float32")
TEXTS = ("There is a left pleural effusion.", "The heart is enlarged – moderately so.")


def lesson(number: int, text: str = "", prompt: str = "") -> Lesson:
    return Lesson(f"line {number + 2}", str(number), f"patient {number // 2}", prompt, text or TEXTS[number % 2], number >= 20)


def read(image: str) -> Picture:
    """Bright pictures belong to the first text, dark ones to the second."""
    return Picture(picture(60, 90, int(image)).pixels // 2 + np.uint8(120 * (1 - int(image) % 2)), "cxr")


def taught(out: Path, recipe: Recipe, **more: Any) -> folders.Adapter:
    done: Callable[[Stand], None] = more.pop("on_progress", lambda _: None)
    lessons = more.pop("lessons", [lesson(number) for number in range(24)])
    return teach(DRAFTER, lessons, read, recipe, out, device="cpu", on_progress=done, cancel=threading.Event(), **more)


@pytest.fixture(scope="module")
def base(gemma_folder: Path) -> Any:
    return gemma.load(gemma_folder, catalogue.entry(DRAFTER), CPU)


@pytest.fixture(scope="module")
def prompting(gemma_folder: Path, base: Any) -> Prompting:
    return Prompting(gemma_folder, catalogue.entry(DRAFTER), base.config)


@pytest.fixture
def adapter(tmp_path: Path, models: Path) -> folders.Adapter:
    """Short, but with a change in every layer that shows in the text."""
    return taught(tmp_path / "short", Recipe(rate=0.05, epochs=2, step=8))


def test_the_answer_alone_is_learnt_after_the_prompt_that_the_engine_sends(prompting: Prompting) -> None:
    """Masked by hand: the chat template's own rendering of the whole talk, and the place where its last turn begins."""
    for asked, question in (
        ("", DraftQuestion()),
        ("Is there a left pleural effusion?", FreeQuestion("Is there a left pleural effusion?")),
    ):
        one = example(prompting, lesson(0, "  Größe – so.\n", asked), read("0"), 1000)
        told = prompts.messages(question, [read("0")], prompting.entry)
        chat = [
            {"role": role, "content": [{"type": "image"} if part is None else {"type": "text", "text": part} for part in parts]}
            for role, parts in told
        ]
        chat.append({"role": "assistant", "content": [{"type": "text", "text": "Größe – so."}]})
        words = prompting.processor.apply_chat_template(chat, tokenize=False)
        words = words.replace("<start_of_image>", "\n\n<start_of_image>" + "<image_soft_token>" * 16 + "<end_of_image>\n\n")
        whole = prompting.tokenizer(words.removesuffix("\n"), add_special_tokens=False)["input_ids"]
        assert list(one.ids) == whole
        last = len(whole) - 1 - whole[::-1].index(prompting.tokenizer.convert_tokens_to_ids("<start_of_turn>"))
        written = prompting.tokenizer.decode([label for label in one.labels if label != IGNORED])
        assert written == "Größe – so.<end_of_turn>"
        assert all(label == IGNORED for label in one.labels[: last + 2])
        assert [a for a, b in zip(one.ids, one.labels, strict=True) if b != IGNORED] == [b for b in one.labels if b != IGNORED]


def test_a_batch_is_padded_right_and_padding_never_counts(prompting: Prompting) -> None:
    some = [example(prompting, lesson(0, text), read("0"), 1000) for text in ("Yes.", TEXTS[1])]
    batch = collate(some, 0, int(prompting.tokenizer.image_token_id))
    spare = len(some[1].ids) - len(some[0].ids)
    assert spare > 0
    assert batch.attention[0].tolist() == [1] * len(some[0].ids) + [0] * spare
    assert batch.ids[0, -spare:].tolist() == [0] * spare
    assert batch.labels[0, -spare:].tolist() == [IGNORED] * spare
    assert batch.image.sum(1).tolist() == [16, 16]
    image = torch.isin(batch.ids, torch.tensor([prompting.tokenizer.image_token_id, prompting.tokenizer.boi_token_id]))
    assert bool((batch.labels[image] == IGNORED).all())


def test_control_words_and_what_does_not_fit_are_named_by_their_line(prompting: Prompting) -> None:
    with pytest.raises(ModelRefused, match=r"line 2: the text holds <end_of_turn>"):
        example(prompting, lesson(0, "No.<end_of_turn>Yes."), read("0"), 1000)
    with pytest.raises(ModelRefused, match=r"line 2: .* take \d+ tokens, the model reads 40"):
        example(prompting, lesson(0), read("0"), 40)


def test_the_rate_rises_then_falls_in_a_straight_line() -> None:
    recipe = Recipe()
    rates = [recipe.rate_at(step, 200) for step in range(200)]
    assert rates.index(max(rates)) == 5
    assert max(rates) == pytest.approx(2e-4)
    assert np.allclose(np.diff(rates[5:]), -2e-4 / 195)
    assert (recipe.steps(400), Recipe(epochs=3).steps(401)) == (25, 78)


def test_the_held_out_loss_is_that_of_transformers_and_falls(
    tmp_path: Path, models: Path, prompting: Prompting, gemma_folder: Path
) -> None:
    made = taught(tmp_path / "out", Recipe(rate=0.02, epochs=6, step=8))
    model: Any = gemma.load(gemma_folder, prompting.entry, CPU)
    loss = tokens = right = 0.0
    for number in range(20, 24):
        one = example(prompting, lesson(number), read(str(number)), 1000)
        ids, labels = torch.tensor([one.ids]), torch.tensor([one.labels])
        seen = prompting.normalised(prompting.pixels(read(str(number)).pixels))[None]
        with torch.no_grad():
            out = model(
                input_ids=ids, pixel_values=seen, labels=labels, token_type_ids=(ids == model.config.image_token_id).long()
            )
        loss += float(out.loss) * one.wanted
        right += int((out.logits[0, :-1].argmax(-1) == labels[0, 1:]).sum())
        tokens += one.wanted
    facts = made.facts
    assert facts["held_out_before"]["loss"] == pytest.approx(loss / tokens, rel=1e-4)
    assert facts["held_out_before"]["token_accuracy"] == pytest.approx(right / tokens)
    assert facts["held_out_after"]["loss"] < facts["held_out_before"]["loss"] - 0.5
    assert facts["held_out_before"]["token_accuracy"] < 0.1
    assert facts["held_out_after"]["token_accuracy"] > 0.6
    assert (facts["base"], facts["base_revision"]) == (DRAFTER, catalogue.require(DRAFTER)[2])
    assert (facts["examples"], facts["patients"]) == ({"learnt": 20, "held_out": 4}, {"learnt": 10, "held_out": 2})
    assert facts["recipe"]["rate"] == 0.02
    assert facts["versions"]["peft"]
    assert sorted(one.name for one in made.folder.iterdir()) == [folders.CONFIG, folders.WEIGHTS, folders.RECEIPT]
    assert str(models) not in (made.folder / folders.CONFIG).read_text()


def test_merged_weights_answer_as_pefts_own_unmerged_model(
    adapter: folders.Adapter, gemma_folder: Path, prompting: Prompting
) -> None:
    """Loaded by `PeftModel.from_pretrained`, as anybody would; every linear of decoder and tower has a change."""
    from peft import PeftModel

    ours: Any = gemma.load(gemma_folder, prompting.entry, CPU)
    plain: Any = gemma.load(gemma_folder, prompting.entry, CPU)
    theirs = PeftModel.from_pretrained(gemma.load(gemma_folder, prompting.entry, CPU), adapter.folder).eval()
    merge(ours, adapter)
    one = example(prompting, lesson(1), read("1"), 1000)
    ids = torch.tensor([one.ids])
    batch = {"input_ids": ids, "token_type_ids": (ids == ours.config.image_token_id).long(),
             "pixel_values": prompting.normalised(prompting.pixels(read("1").pixels))[None]}  # fmt: skip
    with torch.no_grad():
        merged, unmerged, before = (model(**batch).logits for model in (ours, theirs, plain))
    assert torch.allclose(merged, unmerged, atol=2e-4 * float(unmerged.abs().max()))
    assert float((before - unmerged).abs().max()) > 0.1 * float(unmerged.abs().max())
    changed = {name.split(".lora_")[0] for name in load_file(adapter.weights)}
    assert len(changed) == 4 * 7 + 3 * 6
    assert any("vision_tower" in name for name in changed)


def test_the_engine_writes_what_peft_generates_and_says_with_which_adapter(
    adapter: folders.Adapter, gemma_folder: Path, prompting: Prompting
) -> None:
    from peft import PeftModel

    question = DraftQuestion(decoding=Decoding(max_tokens=12))
    engine = Engine(EngineSpec(drafter=DRAFTER, device="cpu", threads=1, adapter=str(adapter.folder)))
    answer = engine.answer(question, [read("1")])
    assert isinstance(answer, Draft)
    assert answer.receipt.adapter == f"short {adapter.revision}"
    assert engine.state().remark == answer.receipt.remark == "with the adapter short"
    without = Engine(EngineSpec(drafter=DRAFTER, device="cpu", threads=1)).answer(question, [read("1")])
    assert isinstance(without, Draft)
    assert without.receipt.adapter == ""
    assert without.text != answer.text
    theirs = PeftModel.from_pretrained(gemma.load(gemma_folder, prompting.entry, CPU), adapter.folder).eval()
    ids = prompting.prompt(prompts.messages(question, [read("1")], prompting.entry), 1)[None]
    seen = prompting.normalised(prompting.pixels(read("1").pixels))[None]
    never = [int(getattr(theirs.config, name)) for name in ("image_token_id", "boi_token_index", "eoi_token_index")]
    with torch.no_grad():
        out = theirs.generate(
            input_ids=ids, pixel_values=seen, token_type_ids=(ids == theirs.config.image_token_id).long(),
            max_new_tokens=12, do_sample=False, suppress_tokens=never,
        )  # fmt: skip
    text = prompting.tokenizer.decode(out[0, ids.shape[1] :], skip_special_tokens=True)
    assert answer.text.strip() == text.strip()


def test_stopped_and_gone_on_with_is_the_same_as_never_stopped(tmp_path: Path, models: Path) -> None:
    recipe = Recipe(rate=0.01, epochs=2, step=8)
    whole = taught(tmp_path / "whole", recipe)
    stop = threading.Event()

    def watch(stand: Stand) -> None:
        if stand.stage == "teaching" and stand.done == 3:
            stop.set()

    lessons = [lesson(number) for number in range(24)]
    with pytest.raises(Cancelled, match=r"stopped after 3 of 6 steps, which are kept"):
        teach(DRAFTER, lessons, read, recipe, tmp_path / "parts", device="cpu", on_progress=watch, cancel=stop)
    with pytest.raises(ModelMissing):
        folders.read(tmp_path / "nothing")
    with pytest.raises(ModelRefused, match="holds no finished adapter"):
        folders.read(tmp_path / "parts")
    with pytest.raises(ModelRefused, match="an unfinished teaching with another recipe"):
        taught(tmp_path / "parts", Recipe(rate=0.02, epochs=2, step=8))
    with pytest.raises(ModelRefused, match="an unfinished teaching with another data"):
        taught(tmp_path / "parts", recipe, lessons=[lesson(number, "No.") for number in range(24)])
    steps: list[int] = []
    parts = taught(
        tmp_path / "parts", recipe, on_progress=lambda stand: steps.append(stand.done) if stand.stage == "teaching" else None
    )
    assert steps == [4, 5, 6]
    a, b = load_file(whole.weights), load_file(parts.weights)
    assert a.keys() == b.keys()
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert whole.facts["held_out_after"] == parts.facts["held_out_after"]
    with pytest.raises(ModelRefused, match="holds a finished adapter"):
        taught(tmp_path / "parts", recipe)


def test_too_few_examples_or_nobody_held_out_is_said_before_anything_is_loaded(tmp_path: Path) -> None:
    with pytest.raises(ModelRefused, match="from 16 examples at least, better from hundreds; there are 9"):
        taught(tmp_path / "out", Recipe(), lessons=[lesson(number) for number in range(9)])
    with pytest.raises(ModelRefused, match="no example is held out"):
        taught(tmp_path / "out", Recipe(), lessons=[lesson(number) for number in range(20)])
    with pytest.raises(ModelRefused, match="the rate lies between 0 and 1"):
        Recipe(rate=math.nan)


def test_an_adapter_of_another_base_or_kind_or_without_numbers_is_refused(adapter: folders.Adapter, tmp_path: Path) -> None:
    def bent(name: str, **more: object) -> str:
        place = tmp_path / "bent"
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(adapter.folder, place)
        body = json.loads((place / name).read_text())
        (place / name).write_text(json.dumps(body | more))
        return str(place)

    def ask(folder: str) -> None:
        Engine(EngineSpec(drafter=DRAFTER, device="cpu", adapter=folder)).answer(DraftQuestion(), [read("1")])

    with pytest.raises(ModelRefused, match=r"was taught to revision 0123 of .*, and [0-9a-f]{12} is installed"):
        ask(bent(folders.RECEIPT, base_revision="0123"))
    with pytest.raises(ModelRefused, match="was taught to medgemma-27b-it, not to"):
        ask(bent(folders.RECEIPT, base="medgemma-27b-it"))
    with pytest.raises(ModelRefused, match="use_dora = True, which is not merged here"):
        ask(bent(folders.CONFIG, use_dora=True))
    with pytest.raises(ModelMissing, match="there is no adapter nowhere"):
        ask("nowhere")
    place = Path(bent(folders.CONFIG))
    weights = load_file(adapter.weights)
    first = next(iter(weights))
    save_file(weights | {first: torch.full_like(weights[first], math.nan)}, place / folders.WEIGHTS)
    with pytest.raises(ModelRefused, match="holds NaN or infinity"):
        ask(str(place))
    save_file({name.replace("layers.0", "layers.9"): one for name, one in weights.items()}, place / folders.WEIGHTS)
    with pytest.raises(ModelRefused, match="which is no layer of"):
        ask(str(place))
    (place / folders.WEIGHTS).write_bytes((place / folders.WEIGHTS).read_bytes()[:-8])
    with pytest.raises(ModelRefused, match="cut off or too long"):
        ask(str(place))


@pytest.mark.filterwarnings("ignore")
def test_a_base_in_four_bits_is_taught_as_well(tmp_path: Path, models: Path) -> None:
    """QLoRA: the held-out examples of another precision, the same layers, an adapter that is loaded as any other."""
    pytest.importorskip("bitsandbytes")
    made = taught(tmp_path / "small", Recipe(rate=0.02, epochs=3, step=8, base="nf4"))
    assert made.facts["held_out_after"]["token_accuracy"] > made.facts["held_out_before"]["token_accuracy"] + 0.3
    assert made.facts["dtype"] == "bfloat16"
    assert len({name.split(".lora_")[0] for name in load_file(made.weights)}) == 4 * 7 + 3 * 6
    engine = Engine(EngineSpec(drafter=DRAFTER, device="cpu", threads=1, adapter=str(made.folder)))
    answer = engine.answer(DraftQuestion(decoding=Decoding(max_tokens=8)), [read("1")])
    assert isinstance(answer, Draft)
    assert answer.receipt.adapter == made.words
