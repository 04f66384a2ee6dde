"""Models that are damaged or put together wrongly: one sentence each, and never an answer."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from app.cli import main
from inference import catalogue
from inference.engine import Engine, EngineSpec
from inference.errors import ModelFailed, ModelRefused
from inference.questions import DraftQuestion, EmbedQuestion, FreeQuestion, HeatmapQuestion, Label, LabelQuestion, LabelSet
from tests.inference import tiny

SPEC = EngineSpec(tiny.ENCODER, tiny.DRAFTER, device="cpu", runtime="torch")
LABELS = LabelSet("test", "cxr", (Label("effusion", ("left pleural effusion",), ("no effusion",)),))


@pytest.fixture
def drafter(models: Path) -> Path:
    return models / tiny.DRAFTER


def spoil(folder: Path, part: str, value: float) -> None:
    """One number of the first tensor whose name holds `part` becomes `value`."""
    weights = load_file(folder / "model.safetensors")
    name = next(name for name, tensor in weights.items() if part in name and tensor.ndim > 1)
    weights[name].flatten()[7] = value
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "SHA256SUMS").unlink(missing_ok=True)


@pytest.mark.parametrize("part", ["vision_tower", "multi_modal_projector", "layers.1.mlp.down_proj", "embed_tokens"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_drafter_with_a_weight_that_is_no_number_writes_nothing(drafter: Path, part: str, value: float) -> None:
    spoil(drafter, part, value)
    for question in (DraftQuestion("Cough."), FreeQuestion("Any effusion?")):
        with pytest.raises(ModelFailed, match="the model answered NaN or infinity"):
            Engine(SPEC).answer(question, [tiny.picture()])
    assert any("NaN or infinity in the tensor" in one for one in catalogue.check(tiny.DRAFTER, nan=True))


@pytest.mark.parametrize("runtime", ["torch", "onnx"])
@pytest.mark.parametrize("part", ["vision_model.encoder.layers.1.mlp", "text_model.encoder.layers.1.mlp"])
def test_an_encoder_with_a_weight_that_is_no_number_scores_nothing(models: Path, part: str, runtime: str) -> None:
    spoil(models / tiny.ENCODER, part, float("nan"))
    engine = Engine(EngineSpec(tiny.ENCODER, tiny.DRAFTER, device="cpu", runtime=runtime))  # type: ignore[arg-type]
    for question in (LabelQuestion(LABELS), HeatmapQuestion("left pleural effusion"), EmbedQuestion()):
        if part.startswith("text") and isinstance(question, EmbedQuestion):
            continue
        with pytest.raises(ModelFailed, match="NaN or infinity"):
            engine.answer(question, [tiny.picture()])


def sharded(folder: Path) -> list[Path]:
    """The model's weights as four shards with their index, as the publisher keeps them."""
    weights = load_file(folder / "model.safetensors")
    names = sorted(weights)
    shards = [names[start::4] for start in range(4)]
    table = {}
    for number, part in enumerate(shards, start=1):
        name = f"model-{number:05}-of-00004.safetensors"
        save_file({one: weights[one] for one in part}, folder / name, metadata={"format": "pt"})
        table |= dict.fromkeys(part, name)
    size = sum(tensor.nbytes for tensor in weights.values())
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {"total_size": size}, "weight_map": table}))
    (folder / "model.safetensors").unlink()
    (folder / "SHA256SUMS").unlink(missing_ok=True)
    return sorted(folder.glob("model-*.safetensors"))


def test_shards_answer_like_one_file(drafter: Path) -> None:
    whole = Engine(SPEC).answer(FreeQuestion("Any effusion?"), [tiny.picture()])
    sharded(drafter)
    parts = Engine(SPEC).answer(FreeQuestion("Any effusion?"), [tiny.picture()])
    assert parts.text == whole.text  # type: ignore[union-attr]


@pytest.mark.parametrize("shard", [0, 3])
@pytest.mark.parametrize("keep", [0.0, 0.001, 0.5, 0.999])
def test_a_truncated_shard_is_named(drafter: Path, shard: int, keep: float) -> None:
    path = sharded(drafter)[shard]
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * keep)])
    with pytest.raises(ModelRefused, match=rf"{path.name} was refused: it is cut off"):
        Engine(SPEC).answer(FreeQuestion("Any effusion?"), [tiny.picture()])


def test_a_shard_of_another_model_is_named(drafter: Path) -> None:
    paths = sharded(drafter)
    shutil.copy(paths[0], paths[1])
    with pytest.raises(ModelRefused, match=r"does not hold the tensor .*, though model\.safetensors\.index\.json"):
        Engine(SPEC).answer(FreeQuestion("Any effusion?"), [tiny.picture()])


def moved(table: dict[str, object]) -> None:
    """The image token gets the number of another one."""
    added = {one["content"]: one for one in table["added_tokens"]}  # type: ignore[attr-defined]
    soft, mask = added["<image_soft_token>"], added["<mask>"]
    soft["id"], mask["id"] = mask["id"], soft["id"]
    vocabulary = table["model"]["vocab"]  # type: ignore[index]
    vocabulary["<image_soft_token>"], vocabulary["<mask>"] = soft["id"], mask["id"]


def longer(table: dict[str, object]) -> None:
    """Words that the model has no row for."""
    vocabulary = table["model"]["vocab"]  # type: ignore[index]
    vocabulary |= {f"▁word{number}": len(vocabulary) + number for number in range(5)}


def nameless(table: dict[str, object]) -> None:
    """No token ends a turn."""
    for one in table["added_tokens"]:  # type: ignore[attr-defined]
        if one["content"] == "<end_of_turn>":
            one["content"] = "<turn_is_over>"
    vocabulary = table["model"]["vocab"]  # type: ignore[index]
    vocabulary["<turn_is_over>"] = vocabulary.pop("<end_of_turn>")


@pytest.mark.parametrize("damage", [moved, longer, nameless])
def test_a_tokenizer_of_another_model_is_refused(drafter: Path, damage: Callable[[dict[str, object]], None]) -> None:
    table = json.loads((drafter / "tokenizer.json").read_text())
    damage(table)
    (drafter / "tokenizer.json").write_text(json.dumps(table))
    (drafter / "SHA256SUMS").unlink(missing_ok=True)
    with pytest.raises(ModelRefused, match=r"the tokenizer in .* belongs to another model"):
        Engine(SPEC).answer(FreeQuestion("Any effusion?"), [tiny.picture()])


def test_the_command_line_says_it_and_ends_with_4(drafter: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from PIL import Image

    Image.fromarray(tiny.picture().pixels).save(tmp_path / "film.png")
    spoil(drafter, "layers.0.mlp", float("nan"))
    words = ["draft", str(tmp_path / "film.png"), "--drafter", tiny.DRAFTER, "--device", "cpu"]
    assert main(words) == 4
    said = capsys.readouterr()
    assert "NaN or infinity" in said.err
    assert not said.out
