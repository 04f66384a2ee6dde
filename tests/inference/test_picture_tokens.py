"""Tokens of pictures on disk: the same answer without the tower, bounded, private, and never from a damaged file."""

from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from threading import Event

import numpy as np
import pytest
import torch
from safetensors.torch import load, save_file

from inference import catalogue, kept_pictures, picture_tokens
from inference.adapters import folder as folders
from inference.answers import Draft
from inference.device import Place
from inference.engine import Engine, EngineSpec
from inference.eyes import Eyes
from inference.medgemma import Drafter
from inference.picture_tokens import PictureTokens
from inference.questions import Decoding, FreeQuestion, Picture
from tests.inference import tiny

PLACE = Place(torch.device("cpu"), torch.float32, "float32")
SHAPE = (16, 64)
PICTURES = [Picture(np.random.default_rng(seed).integers(0, 255, (96, 96, 3), np.uint8), "cxr") for seed in range(3)]
QUESTION = FreeQuestion("What is seen?", decoding=Decoding(max_tokens=12))


@pytest.fixture(autouse=True)
def all_worth_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture_tokens, "WORTH", 1)


def ask(most: int = kept_pictures.ON_DISK, adapter: str = "") -> Draft:
    """By an engine of its own, as after a restart."""
    engine = Engine(EngineSpec(tiny.ENCODER, tiny.DRAFTER, device="cpu", pictures_on_disk=most, adapter=adapter))
    answer = engine.answer(QUESTION, PICTURES)
    assert isinstance(answer, Draft)
    return answer


def files(models: Path) -> list[Path]:
    return sorted((models.parent / "cache" / "pictures").glob("*.safetensors"))


def no_tower(*_: object, **__: object) -> None:
    raise AssertionError("the tower was asked")


def tokens(seed: int) -> torch.Tensor:
    return torch.randn(SHAPE, generator=torch.Generator().manual_seed(seed))


def test_the_same_words_without_the_tower(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    never = ask(0)
    assert files(models) == []
    first = ask()
    assert len(files(models)) == 3
    loaded = Eyes.tokens

    def seen(self: Eyes, pixels: np.ndarray, key: bytes, cancel: Event) -> torch.Tensor:  # type: ignore[type-arg]
        monkeypatch.setattr(self._model, "get_image_features", no_tower)
        return loaded(self, pixels, key, cancel)

    monkeypatch.setattr(Eyes, "tokens", seen)
    again = ask()
    assert again.text == first.text == never.text
    assert "3 of 3 pictures' tokens were kept on disk" in again.receipt.steps
    assert not any("disk" in step for step in first.receipt.steps)


def test_only_the_user_may_read_them(models: Path) -> None:
    ask()
    assert stat.S_IMODE((models.parent / "cache" / "pictures").stat().st_mode) == 0o700
    assert {stat.S_IMODE(one.stat().st_mode) for one in files(models)} == {0o600}


@pytest.mark.parametrize("harm", ["cut", "bit", "empty", "words", "other shape", "other picture", "pipe", "link", "large"])
def test_a_damaged_file_is_no_answer(models: Path, harm: str) -> None:
    truth = ask()
    victim = files(models)[1]
    body = victim.read_bytes()
    if harm == "other shape":
        kept = PictureTokens((3, 64), PLACE, "x", 2**20)
        kept.keep(b"k", torch.ones(3, 64))
        (made,) = set(files(models)) - {victim} - set(files(models)[:0]) - {
            one for one in files(models) if len(one.read_bytes()) == len(body)
        }  # fmt: skip
        made.replace(victim)
    elif harm == "other picture":  # whole, of this model, under another's name
        victim.write_bytes(files(models)[0].read_bytes())
    elif harm == "pipe":
        victim.unlink()
        os.mkfifo(victim)
    elif harm == "link":
        victim.replace(models.parent / "elsewhere")
        victim.symlink_to(models.parent / "elsewhere")
    elif harm == "large":
        os.truncate(victim, 1 << 40)
    else:
        turned = body[:-9] + bytes([body[-9] ^ 4]) + body[-8:]
        victim.write_bytes({"cut": body[: len(body) // 2], "bit": turned, "empty": b"", "words": b"not tokens at all"}[harm])
    again = ask()
    assert again.text == truth.text
    assert "2 of 3 pictures' tokens were kept on disk" in again.receipt.steps
    assert torch.equal(load(victim.read_bytes())["tokens"], load(body)["tokens"])  # removed and made anew
    assert not victim.is_symlink()


def test_other_weights_other_tokens(models: Path) -> None:
    """A model's revision is the hash of its files."""
    ask()
    before = set(files(models))
    from safetensors.torch import load_file

    path = next((models / tiny.DRAFTER).glob("*.safetensors"))
    weights = load_file(path)
    name = next(one for one in weights if "patch_embedding.weight" in one)
    weights[name] = weights[name] * 1.5
    save_file(weights, path, {"format": "pt"})
    again = ask()
    assert not any("disk" in step for step in again.receipt.steps)
    assert len(files(models)) == 2 * len(before)


def test_the_bound_holds_and_the_oldest_go(home: Path) -> None:
    del home
    kept = PictureTokens(SHAPE, PLACE, "x", 10 * 4500)  # each 4096 bytes of numbers and a header
    for number in range(14):
        kept.keep(bytes([number]), tokens(number))
        time.sleep(0.01)  # times of files differ
        if number == 8:
            assert PictureTokens(SHAPE, PLACE, "x", 1).find(bytes([0])) is not None  # used last now
    assert kept_pictures.held()[1] <= 10 * 4500
    fresh = PictureTokens(SHAPE, PLACE, "x", 10 * 4500)
    found = {number for number in range(14) if fresh.find(bytes([number])) is not None}
    assert {0, 13} <= found
    assert not {1, 2, 3} & found
    for number in found:
        again = fresh.find(bytes([number]))
        assert again is not None
        assert torch.equal(again, tokens(number))


def test_what_is_larger_than_the_bound_is_not_kept(home: Path) -> None:
    del home
    PictureTokens(SHAPE, PLACE, "x", 100).keep(b"k", tokens(0))
    assert kept_pictures.held() == (0, 0)


def test_a_full_disk_is_told_and_nothing_else(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    truth = ask(0)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(kept_pictures, "write", full)
    engine = Engine(EngineSpec(tiny.ENCODER, tiny.DRAFTER, device="cpu"))
    answers = [engine.answer(QUESTION, PICTURES[:count]) for count in (3, 1, 2)]
    assert isinstance(answers[0], Draft)
    assert answers[0].text == truth.text
    told = [step for answer in answers for step in answer.receipt.steps if "disk" in step]
    assert told == ["pictures' tokens are not kept on disk (No space left on device)"]
    assert files(models) == []


def test_the_last_gigabyte_of_the_disk_is_left_to_what_cannot_be_made_again(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_pictures, "SPARE", 1 << 60)
    assert "would stay free on the disk" in ask().receipt.steps[-1]
    assert files(models) == []


def test_where_the_folder_cannot_be_made_answers_go_on(models: Path) -> None:
    (models.parent / "cache").mkdir(exist_ok=True)
    (models.parent / "cache" / "pictures").write_text("a file in its place")
    assert "not kept on disk" in ask().receipt.steps[-1]


def lora(place: Path, module: str, columns: int) -> folders.Adapter:
    """What peft would write for one linear of the tiny model, [64, columns]."""
    place.mkdir()
    name, draw = f"base_model.model.{module}", torch.Generator().manual_seed(1)
    down, up = torch.randn(2, columns, generator=draw), torch.randn(64, 2, generator=draw)
    save_file({f"{name}.lora_A.weight": down, f"{name}.lora_B.weight": up}, place / folders.WEIGHTS)
    return folders.Adapter(place, tiny.DRAFTER, "", 1.0, {})


def test_an_adapter_of_the_tower_has_its_own_and_one_of_the_words_has_not(models: Path, tmp_path: Path) -> None:
    def read(adapter: folders.Adapter | None) -> PictureTokens:
        entry = catalogue.entry(tiny.DRAFTER)
        made = Drafter(models / tiny.DRAFTER, entry, "cpu", adapter=adapter, revision="a" * 64, pictures_on_disk=2**30)
        assert made.eyes is not None
        made.eyes.tokens(made.pixels(PICTURES[0].pixels), b"k", Event())
        return made.eyes.kept

    assert read(None).taken == 0
    assert read(lora(tmp_path / "words", "model.language_model.layers.1.self_attn.o_proj", 128)).taken == 1
    eyes = lora(tmp_path / "eyes", "model.vision_tower.encoder.layers.1.self_attn.v_proj", 64)
    assert [read(eyes).taken, read(eyes).taken] == [0, 1]
    assert len(files(models)) == 2
    assert picture_tokens.touches(["model.multi_modal_projector"])


def test_all_that_decides_the_numbers_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    half = Place(torch.device("cpu"), torch.bfloat16, "")
    asked = [("m", "r", "", PLACE), ("n", "r", "", PLACE), ("m", "s", "", PLACE), ("m", "r", "a", PLACE), ("m", "r", "", half)]
    made = {picture_tokens.identity(*one) for one in asked}
    for changed in (
        lambda patch: patch.setattr(torch, "get_num_threads", lambda: 77),
        lambda patch: patch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "another"),
        lambda patch: patch.setattr(picture_tokens, "version", lambda name: "9" if name == "torch" else "1"),
        lambda patch: patch.setattr(picture_tokens, "version", lambda name: "9" if name == "transformers" else "1"),
    ):
        with monkeypatch.context() as patch:
            changed(patch)
            made.add(picture_tokens.identity("m", "r", "", PLACE))
    assert len(made) == 9


def test_not_a_number_is_not_kept(home: Path) -> None:
    del home
    PictureTokens(SHAPE, PLACE, "x", 2**20).keep(b"k", tokens(0).index_fill(0, torch.tensor([3]), float("nan")))
    assert kept_pictures.held() == (0, 0)


def test_what_is_being_written_stays_and_what_was_left_half_goes(home: Path) -> None:
    kept = PictureTokens(SHAPE, PLACE, "x", 2**20)
    kept.keep(b"a", tokens(0))
    fresh, stale = (home / "cache" / "pictures" / f".{name}.part" for name in ("fresh", "stale"))
    for half in (fresh, stale):
        half.write_bytes(b"half")
    os.utime(stale, (0, 0))
    kept.keep(b"b", tokens(1))
    assert fresh.exists()
    assert not stale.exists()
    assert kept.trouble == ""


def test_the_same_format_or_none(home: Path) -> None:
    del home
    PictureTokens(SHAPE, PLACE, "x", 2**20).keep(b"k", tokens(0))
    assert PictureTokens(SHAPE, PLACE, "y", 2**20).find(b"k") is None
    assert PictureTokens(SHAPE, Place(torch.device("cpu"), torch.bfloat16, ""), "x", 2**20).find(b"k") is None


def test_two_processes_and_one_killed_in_mid_write(home: Path) -> None:
    """Whatever is found afterwards is whole; what was left half is forgotten with the rest."""
    program = """
        import torch
        from inference.device import Place
        from inference.picture_tokens import PictureTokens
        kept = PictureTokens((64, 2048), Place(torch.device("cpu"), torch.float32, ""), "x", 40 * 2**20)
        print("on", flush=True)
        number = 0
        while True:
            number += 1
            kept.keep(bytes([number % 200]), torch.full((64, 2048), float(number % 200)))
    """
    command = [sys.executable, "-c", textwrap.dedent(program)]
    working = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(2)]
    try:
        for one in working:
            assert one.stdout is not None
            assert one.stdout.readline() == b"on\n"
        time.sleep(1.0)
    finally:
        for one in working:
            one.send_signal(signal.SIGKILL)
            one.wait()
            assert one.stdout is not None
            one.stdout.close()
    wide = PictureTokens((64, 2048), PLACE, "x", 40 * 2**20)
    found = {number: one for number in range(200) if (one := wide.find(bytes([number]))) is not None}
    assert found
    assert all(bool((one == number).all()) for number, one in found.items())
    assert kept_pictures.held()[1] <= 40 * 2**20 + 2 * 2**20
    count, _ = kept_pictures.held()
    assert kept_pictures.forget() == count
    assert [*(home / "cache" / "pictures").iterdir()] == []


def test_the_size_that_is_worth_it(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture_tokens, "WORTH", 50_000_000)
    ask()
    assert files(models) == []
    entry = catalogue.entry(tiny.DRAFTER)
    loaded = Drafter(models / tiny.DRAFTER, entry, "cpu", revision="a" * 64, pictures_on_disk=2**30)
    assert loaded.eyes is not None
    assert len(loaded.eyes.kept) == 0
