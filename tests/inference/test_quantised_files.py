"""A drafter is quantised once: what is kept gives the same numbers, whole or not at all."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from inference import catalogue, quantised_files, quantize
from inference.decoder import Layer
from inference.engine import Engine, EngineSpec
from inference.medgemma import Drafter
from inference.questions import Decoding, FreeQuestion
from tests.inference import tiny


@pytest.fixture(autouse=True)
def all_worth_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quantised_files, "WORTH", 1)


def drafter(models: Path, kind: str, revision: str = "a" * 64, dtype: str = "auto") -> Drafter:
    entry = catalogue.entry(tiny.DRAFTER)
    return Drafter(models / tiny.DRAFTER, entry, "cpu", kind, dtype, revision=revision)


def numbers(made: Drafter) -> list[torch.Tensor]:
    return [value for _, value in sorted(made.decoder.state_dict().items())]


def kept_folders(models: Path) -> list[Path]:
    return sorted((models.parent / "quantised").glob("*"))


@pytest.mark.parametrize("kind", ["int8", "int4"])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_what_was_kept_is_bit_for_bit_what_was_made(models: Path, kind: str, dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    first = drafter(models, kind, dtype=dtype)
    folders = kept_folders(models)
    assert [one.name.startswith(f"{tiny.DRAFTER}-{kind}-") for one in folders] == [True]
    assert not [path for path in folders[0].iterdir() if path.name.startswith(".")]

    def never(*_: object) -> None:
        raise AssertionError("quantised again")

    monkeypatch.setattr(quantize, "apply", never)
    again = drafter(models, kind, dtype=dtype)
    assert again.quantisation == first.quantisation
    assert all(torch.equal(one, other) for one, other in zip(numbers(first), numbers(again), strict=True))


def test_its_own_weights_are_not_even_looked_at(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Joining reads them, and is not done."""
    drafter(models, "int8")
    from inference import decoder

    def never(*_: object) -> nn.Linear:
        raise AssertionError("the published weights were read")

    monkeypatch.setattr(decoder, "_joined", never)
    made = drafter(models, "int8")
    assert {type(one.down) for one in made.decoder.layers} == {quantize.Int8Linear}
    assert all(isinstance(one, Layer) for one in made.decoder.layers)


def test_another_model_kind_or_version_has_its_own(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = quantised_files.folder
    cpu, card = torch.device("cpu"), torch.device("cuda")
    base = place("m", "r", "", "int4", cpu)
    others = [place("m", "s", "", "int4", cpu), place("m", "r", "adapter", "int4", cpu), place("m", "r", "", "int8", cpu),
              place("m", "r", "", "int4", card), place("n", "r", "", "int4", cpu)]  # fmt: skip
    monkeypatch.setattr(quantised_files, "version", lambda _: "9.9")
    others.append(place("m", "r", "", "int4", cpu))
    assert len({base, *others}) == 7


@pytest.mark.parametrize("damage", ["cut", "gone", "told", "empty"])
def test_what_is_damaged_is_made_anew_and_said(models: Path, damage: str) -> None:
    first = drafter(models, "int4")
    (folder,) = kept_folders(models)
    file = folder / "layer-002.safetensors"
    if damage == "cut":
        file.write_bytes(file.read_bytes()[:-100])
    elif damage == "gone":
        file.unlink()
    elif damage == "told":
        (folder / quantised_files.TOLD).write_text('{"words": 1}')
    else:
        (folder / quantised_files.TOLD).write_text("")
    again = drafter(models, "int4")
    assert "kept quantised weights were not used" in again.steps[0]
    assert "made anew" in again.steps[0]
    assert all(torch.equal(one, other) for one, other in zip(numbers(first), numbers(again), strict=True))
    assert drafter(models, "int4").steps == ()


def test_a_full_disk_costs_only_the_next_start(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import safetensors.torch

    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(safetensors.torch, "save_file", full)
    made = drafter(models, "int8")
    assert "could not be kept ([Errno 28] No space left on device)" in made.steps[0]
    assert [*(models.parent / "quantised").iterdir()] == []
    spec = EngineSpec(tiny.ENCODER, tiny.DRAFTER, "int8", "cpu", 1, "torch")
    receipt = Engine(spec).answer(FreeQuestion("left?", Decoding(3)), [tiny.picture()]).receipt
    assert "could not be kept" in receipt.steps[0]


def test_what_two_processes_make_at_once_is_whole(models: Path) -> None:
    """The second finds the first's folder in place when it is done, and puts its own there."""
    made = drafter(models, "int8")
    (folder,) = kept_folders(models)
    beside = quantised_files.Keeping(folder)
    for number in range(4):
        beside.take(number, {f"{name}.q": torch.zeros(2, 2, dtype=torch.int8) for name in ("qkv", "out")})
    assert all(torch.equal(one, other) for one, other in zip(numbers(made), numbers(drafter(models, "int8")), strict=True))
    beside.drop()
    assert kept_folders(models) == [folder]
    shutil.rmtree(folder)


def test_the_head_in_int8_stays_near_and_the_embedding_as_it_is(models: Path) -> None:
    """Each logit is its row of codes times the output, times the row's scale; the linears are those of plain int4."""
    plain, light = drafter(models, "int4"), drafter(models, "int4+head")
    assert light.quantisation.startswith("int4, head int8; ")
    assert torch.equal(plain.decoder.embedding.weight, light.decoder.embedding.weight)
    assert all(
        torch.equal(one, other)
        for name, one in plain.decoder.layers.state_dict().items()
        for other in (light.decoder.layers.state_dict()[name],)
    )
    output = torch.randn(light.decoder.embedding.weight.shape[1], generator=torch.Generator().manual_seed(3))
    codes, scale = quantize.int8_codes(plain.decoder.head.weight)
    want = codes.double() @ output.double() * scale.double()
    with torch.inference_mode():
        got, full = (made.decoder.logits(output.to(made.decoder.dtype)).double() for made in (light, plain))
    assert (got - want).abs().max() <= 0.01 * want.abs().max()
    assert (got - full).abs().max() <= 0.03 * full.abs().max()
    assert len(kept_folders(models)) == 1
