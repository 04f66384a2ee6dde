"""One vision tower for both models: what is alike lies in memory once, the rest stays apart, and neither disturbs the other."""

from __future__ import annotations

import gc
import itertools
import shutil
import sys
from pathlib import Path
from threading import Event
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from inference import catalogue, memory, shared_tower
from inference.adapters import folder as folders
from inference.adapters.merging import merge
from inference.answers import Answer, Draft, Embedding, Heatmap, LabelScores, Receipt
from inference.device import Place
from inference.engine import Engine, EngineSpec
from inference.medgemma import Drafter
from inference.medsiglip import Encoder, TorchTowers
from inference.questions import Decoding, DraftQuestion, EmbedQuestion, HeatmapQuestion, LabelQuestion, Question
from tests.inference import tiny
from tests.inference.test_engine import LABELS

SPEC = EngineSpec(tiny.ENCODER, tiny.DRAFTER, device="cpu", threads=1, runtime="torch", pictures_on_disk=0)
OWN = "embeddings.position_embedding.weight"
ENCODES: tuple[Question, ...] = (LabelQuestion(LABELS), HeatmapQuestion("left"), EmbedQuestion())
DRAFTS: tuple[Question, ...] = (DraftQuestion("cough", Decoding(20)),)
LAYER = 2 * 64 + 2 * 64 + 4 * (64 * 64 + 64) + (64 * 128 + 128) + (128 * 64 + 64)
"""Numbers of a layer of the tiny tower: two norms, four projections, two linears."""
ALIKE = 4 * (64 * 3 * 12 * 12 + 64 + 3 * LAYER + 2 * 64)
"""Bytes of all but the position embeddings: kernel, layers, last norm, in float32."""


@pytest.fixture(scope="module")
def alike(tmp_path_factory: pytest.TempPathFactory, gemma_folder: Path, siglip_folder: Path) -> Path:
    """The tiny encoder with the tiny drafter's tower but for position embeddings and head, as published."""
    place = tmp_path_factory.mktemp("alike") / tiny.ENCODER
    shutil.copytree(siglip_folder, place)
    tower = {name.rpartition("vision_tower.")[2].removeprefix("vision_model."): value
             for name, value in load_file(gemma_folder / "model.safetensors").items() if "vision_tower." in name}  # fmt: skip
    weights = load_file(place / "model.safetensors")
    changed = 0
    for name in weights:
        own = name.removeprefix("vision_model.")
        if name.startswith("vision_model.") and own in tower and own != OWN:
            weights[name] = tower[own].clone()
            changed += 1
    assert changed == len(tower) - 1
    save_file(weights, place / "model.safetensors", {"format": "pt"})
    return place


@pytest.fixture
def both(models: Path, alike: Path) -> Path:
    shutil.rmtree(models / tiny.ENCODER)
    shutil.copytree(alike, models / tiny.ENCODER)
    return models


def parts(engine: Engine) -> tuple[nn.Module, nn.Module]:
    """The encoder's tower and the drafter's."""
    assert engine._encoder is not None
    assert engine._drafter is not None
    one, other = engine._encoder[0].tower, engine._drafter[0].tower
    assert one is not None
    assert other is not None
    return one, other


def held_by(*modules: nn.Module) -> int:
    """Bytes of the memory that the parameters lie in, each counted once."""
    found = {one.untyped_storage().data_ptr(): one.untyped_storage().nbytes() for part in modules for one in part.parameters()}
    return sum(found.values())


def said(answer: Answer) -> Any:
    """What was answered, without the receipt."""
    if isinstance(answer, Heatmap):
        return answer.values.tobytes()
    if isinstance(answer, LabelScores):
        return answer.scores
    if isinstance(answer, Draft):
        return answer.text
    assert isinstance(answer, Embedding)
    return answer.vectors.tobytes()


def asked(engine: Engine, questions: tuple[Question, ...]) -> list[Any]:
    return [said(engine.answer(one, [tiny.picture()])) for one in questions]


def loaded(first: tuple[Question, ...], then: tuple[Question, ...]) -> Engine:
    """The models in the order in which they are asked for."""
    engine = Engine(SPEC)
    for one in (*first[:1], *then[:1]):
        engine.answer(one, [tiny.picture()])
    return engine


@pytest.mark.parametrize(("first", "then"), [(ENCODES, DRAFTS), (DRAFTS, ENCODES)])
def test_what_is_alike_lies_in_memory_once(both: Path, first: tuple[Question, ...], then: tuple[Question, ...]) -> None:
    engine = loaded(first, then)
    encoder, drafter = parts(engine)
    mine, theirs = dict(encoder.named_parameters()), dict(drafter.named_parameters())
    same = {name for name in theirs if mine[name].data_ptr() == theirs[name].data_ptr()}
    assert same == theirs.keys() - {OWN}
    assert sum(mine[name].nbytes for name in same) == ALIKE == engine._spared
    apart = sum(one.nbytes for one in (*mine.values(), *theirs.values()))
    assert held_by(encoder, drafter) == apart - ALIKE


@pytest.mark.parametrize(("first", "then"), [(ENCODES, DRAFTS), (DRAFTS, ENCODES)])
def test_the_answers_are_those_of_models_that_share_nothing(
    both: Path, first: tuple[Question, ...], then: tuple[Question, ...]
) -> None:
    alone = asked(Engine(SPEC), ENCODES) + asked(Engine(SPEC), DRAFTS)
    engine = loaded(first, then)
    assert engine._spared == ALIKE
    assert asked(engine, ENCODES) + asked(engine, DRAFTS) == alone


def test_receipts_and_state_say_so_while_both_are_there(both: Path) -> None:
    engine = Engine(SPEC)

    def receipt(questions: tuple[Question, ...]) -> Receipt:
        return engine.answer(questions[0], [tiny.picture()]).receipt

    words = f"{ALIKE / 1e6:,.3g} MB spared"
    assert receipt(ENCODES).steps == ()
    assert receipt(DRAFTS).steps == (f"one vision tower in memory with {tiny.ENCODER}: {words}",)
    assert receipt(ENCODES).steps == (f"one vision tower in memory with {tiny.DRAFTER}: {words}",)
    assert engine.state().remark == f"random; one vision tower in memory with {tiny.DRAFTER}: {words}"
    engine._encoder = None
    assert receipt(DRAFTS).steps == ()
    assert "spared" not in engine.state().remark


@pytest.mark.parametrize("gone", ["encoder", "drafter"])
def test_one_goes_and_the_other_stays_as_it_was(both: Path, gone: str) -> None:
    engine = loaded(ENCODES, DRAFTS)
    left = DRAFTS if gone == "encoder" else ENCODES
    before = asked(engine, left)
    encoder, drafter = parts(engine)
    stays = held_by(drafter if gone == "encoder" else encoder)
    setattr(engine, f"_{gone}", None)
    del encoder, drafter
    gc.collect()
    torch.full((1 << 20,), float("nan"))  # whatever was let go may be written over
    assert asked(engine, left) == before
    kept = engine._drafter if gone == "encoder" else engine._encoder
    assert kept is not None
    assert kept[0].tower is not None
    assert held_by(kept[0].tower) == stays
    assert asked(engine, ENCODES) + asked(engine, DRAFTS) == asked(Engine(SPEC), ENCODES) + asked(Engine(SPEC), DRAFTS)
    assert engine._spared == ALIKE  # loaded again, shared again


def test_a_single_bit_keeps_a_tensor_apart(both: Path) -> None:
    path = both / tiny.ENCODER / "model.safetensors"
    weights = load_file(path)
    name = "encoder.layers.1.mlp.fc1.weight"
    weights[f"vision_model.{name}"].view(torch.int32)[5, 7] ^= 1
    save_file(weights, path, {"format": "pt"})
    engine = loaded(DRAFTS, ENCODES)
    encoder, drafter = (dict(one.named_parameters()) for one in parts(engine))
    assert encoder[name].data_ptr() != drafter[name].data_ptr()
    assert not torch.equal(encoder[name], drafter[name])
    assert engine._spared == ALIKE - encoder[name].nbytes


def test_towers_of_different_weights_share_nothing(models: Path) -> None:
    """Their norms and biases are ones and zeros, and alike all the same; that is nothing to speak of."""
    engine = loaded(DRAFTS, ENCODES)
    encoder, drafter = (dict(one.named_parameters()) for one in parts(engine))
    assert [name for name, theirs in drafter.items() if torch.equal(encoder[name], theirs)]
    assert not [name for name, theirs in drafter.items() if encoder[name].data_ptr() == theirs.data_ptr()]
    assert "spared" not in engine.state().remark


def test_zero_and_minus_zero_are_not_alike_and_not_a_number_is() -> None:
    zeros = torch.zeros(8)
    odd = torch.full((8,), float("nan"))
    assert not shared_tower.alike(zeros, -zeros)
    assert shared_tower.alike(odd, odd.clone())
    assert not shared_tower.alike(zeros, zeros.bfloat16())
    assert not shared_tower.alike(zeros, torch.zeros(2, 4))
    assert not shared_tower.alike(torch.ones(4, 4).T[:2], torch.ones(4, 4).T[:2])


def lora(place: Path, module: str) -> folders.Adapter:
    """What peft would write for one linear of the tiny tower."""
    place.mkdir()
    name, draw = f"base_model.model.{module}", torch.Generator().manual_seed(1)
    down, up = torch.randn(2, 64, generator=draw), torch.randn(64, 2, generator=draw)
    save_file({f"{name}.lora_A.weight": down, f"{name}.lora_B.weight": up}, place / folders.WEIGHTS)
    return folders.Adapter(place, tiny.DRAFTER, "", 1.0, {})


VALUES = "encoder.layers.1.self_attn.v_proj"


def drafter(models: Path, **more: Any) -> Drafter:
    return Drafter(models / tiny.DRAFTER, catalogue.entry(tiny.DRAFTER), "cpu", **more)


def test_an_adapter_of_the_tower_does_not_reach_the_encoder(both: Path, tmp_path: Path) -> None:
    before = asked(Engine(SPEC), ENCODES)
    engine = loaded(ENCODES, ())
    assert engine._encoder is not None
    made = drafter(both, adapter=lora(tmp_path / "eyes", f"model.vision_tower.{VALUES}"))
    engine._share(made, engine._encoder)
    engine._drafter = made, ""
    encoder, other = (dict(one.named_parameters()) for one in parts(engine))
    name = f"{VALUES}.weight"
    assert encoder[name].data_ptr() != other[name].data_ptr()
    assert not torch.equal(encoder[name], other[name])
    assert engine._spared == ALIKE - encoder[name].nbytes
    assert asked(engine, ENCODES) == before


def test_merging_after_sharing_copies_first(both: Path, tmp_path: Path) -> None:
    engine = loaded(ENCODES, DRAFTS)
    assert engine._drafter is not None
    encoder, _ = parts(engine)
    before, bits = asked(engine, ENCODES), [one.clone() for one in encoder.parameters()]
    merge(engine._drafter[0].model, lora(tmp_path / "eyes", f"model.vision_tower.{VALUES}"))
    assert all(torch.equal(one, other) for one, other in zip(encoder.parameters(), bits, strict=True))
    assert asked(engine, ENCODES) == before
    name = f"{VALUES}.weight"
    mine, theirs = (dict(one.named_parameters())[name] for one in parts(engine))
    assert mine.data_ptr() != theirs.data_ptr()
    assert not torch.equal(mine, theirs)


@pytest.mark.parametrize("kind", ["none", "int8", "int4"])
def test_packed_and_quantised_drafters_share_their_tower_too(both: Path, kind: str) -> None:
    """In bfloat16, which packs the decoder's linears; the tower is neither packed nor quantised."""
    half = Place(torch.device("cpu"), torch.bfloat16, "bfloat16")
    encoder = Encoder(both / tiny.ENCODER, catalogue.facts(tiny.ENCODER), "r", "cpu", runtime="torch")
    from inference import medsiglip, published

    encoder.towers = TorchTowers(published.load("SiglipModel", both / tiny.ENCODER, torch.float32).bfloat16(), half)
    squares = [tiny.picture().pixels]

    def seen() -> list[bytes]:
        return [next(encoder.pictures(squares, output)).tobytes() for output in medsiglip.OUTPUTS]

    def written(made: Drafter) -> str:
        messages = (("user", (None, "Is there an effusion?")),)
        return made.write(messages, squares, Decoding(12), lambda _: None, Event()).text

    alone = seen(), written(drafter(both, dtype="bfloat16", quantisation=kind))
    made = drafter(both, dtype="bfloat16", quantisation=kind)
    assert made.tower is not None
    assert encoder.tower is not None
    assert shared_tower.share(made.tower, encoder.tower) == ALIKE // 2
    assert shared_tower.share(made.tower, encoder.tower) == 0  # nothing more to spare
    assert (seen(), written(made)) == alone


def test_other_formats_and_runtimes_are_not_shared(both: Path) -> None:
    """A drafter in bfloat16 beside an encoder in float32, as on a processor; and an encoder on ONNX Runtime."""
    exact = Encoder(both / tiny.ENCODER, catalogue.facts(tiny.ENCODER), "r", "cpu", runtime="torch")
    made = drafter(both, dtype="bfloat16")
    assert exact.tower is not None
    assert made.tower is not None
    assert shared_tower.share(made.tower, exact.tower) == 0
    engine = Engine(EngineSpec(tiny.ENCODER, tiny.DRAFTER, device="cpu", threads=1, runtime="onnx", pictures_on_disk=0))
    for one in itertools.chain(DRAFTS, ENCODES[:1]):
        assert not [step for step in engine.answer(one, [tiny.picture()]).receipt.steps if "spared" in step]
    assert engine._encoder is not None
    assert engine._encoder[0].towers.words.startswith("ONNX Runtime")
    assert engine._encoder[0].tower is None


@pytest.mark.skipif(sys.platform != "linux", reason="memory as Linux counts it")
def test_the_machine_has_what_is_spared() -> None:
    """In tensors of 4 MB, which the C library would keep for itself."""
    held, new = (nn.Sequential(*(nn.Linear(1024, 1024, bias=False) for _ in range(40))) for _ in range(2))
    new.load_state_dict(held.state_dict())
    memory.give_back("cpu")
    before, _ = memory.used("cpu")
    assert shared_tower.share(new, held) == 40 * 4 * 1024 * 1024
    memory.give_back("cpu")
    after, _ = memory.used("cpu")
    assert before - after >= 40 * 4 * 1024 * 1024 / 2
