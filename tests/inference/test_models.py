"""Model folders: what is accepted, and each kind of bad file refused with a sentence that names it."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import shutil
from pathlib import Path

import pytest

from inference import catalogue, modelfiles
from inference.engine import Engine, EngineSpec
from inference.errors import ModelMissing, ModelRefused
from inference.questions import EmbedQuestion, FreeQuestion
from tests.inference.tiny import DRAFTER, ENCODER, picture


@pytest.fixture
def folder(gemma_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(gemma_folder, tmp_path / "model"))


def only(wrong: list[str]) -> str:
    assert len(wrong) == 1, wrong
    return wrong[0]


def test_the_catalogue_holds_the_published_models_and_the_demo_pack() -> None:
    ids = [entry.id for entry in catalogue.entries()]
    assert ids == ["demo-encoder", "demo-drafter", "medsiglip-448", "medgemma-1.5-4b-it", "medgemma-4b-it", "medgemma-4b-pt",
                   "medgemma-27b-it", "medgemma-27b-text-it"]  # fmt: skip
    new = catalogue.entry("medgemma-1.5-4b-it")
    assert (new.ct_windows, new.memory["bf16"], new.terms, new.thinking) == ("1.5", 8.6, "hai-def", True)
    with pytest.raises(ModelMissing, match="choose one of demo-encoder"):
        catalogue.entry("gpt")


def test_whole_models_pass(models: Path) -> None:
    assert catalogue.check(DRAFTER, nan=True) == []
    assert catalogue.check(ENCODER, nan=True) == []
    assert catalogue.installed(DRAFTER)
    assert not catalogue.installed("medgemma-27b-it")


def test_revision_is_a_hash_over_names_and_bytes(folder: Path) -> None:
    lines = [
        f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}"
        for name in sorted(path.name for path in folder.iterdir())
    ]
    assert modelfiles.revision(folder) == hashlib.sha256("\n".join(lines).encode()).hexdigest()


@pytest.mark.parametrize(
    "name", ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "processor_config.json"]
)
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    sentence = only(catalogue.check(folder))
    assert str(folder / name) in sentence
    assert "missing" in sentence


def test_another_architecture_is_refused(models: Path, siglip_folder: Path) -> None:
    shutil.rmtree(models / DRAFTER)
    shutil.copytree(siglip_folder, models / DRAFTER)
    assert "says architecture SiglipModel, not Gemma3ForConditionalGeneration" in only(catalogue.check(DRAFTER))


@pytest.mark.parametrize("keep", [4, 500, -1])
def test_truncated_weights(folder: Path, keep: int) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:keep])
    sentence = only(catalogue.check(folder))
    assert str(weights) in sentence
    assert "cut off" in sentence


def test_a_header_whose_offsets_overlap_is_refused(folder: Path) -> None:
    weights = folder / "model.safetensors"
    data = weights.read_bytes()
    length = int.from_bytes(data[:8], "little")
    table = json.loads(data[8 : 8 + length])
    first, second = [name for name in table if name != "__metadata__"][:2]
    table[first]["data_offsets"] = table[second]["data_offsets"]
    head = json.dumps(table).encode()
    weights.write_bytes(len(head).to_bytes(8, "little") + head + data[8 + length :])
    assert "does not lie where its header says" in only(catalogue.check(folder))


def test_a_pickle_is_refused_by_name_and_by_content(folder: Path) -> None:
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps({"a": 1}))
    assert str(folder / "pytorch_model.bin") in (sentence := only(catalogue.check(folder)))
    assert "pickle" in sentence
    (folder / "pytorch_model.bin").unlink()
    (folder / "model.safetensors").write_bytes(pickle.dumps({"a": list(range(99))}))
    assert "pickle under another name" in only(catalogue.check(folder))


def test_code_and_links_are_refused(folder: Path, tmp_path: Path) -> None:
    (folder / "modeling.py").write_text("print()")
    assert "program code" in only(catalogue.check(folder))
    (folder / "modeling.py").unlink()
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"auto_map": {"AutoModel": "x.Y"}}))
    assert "auto_map" in only(catalogue.check(folder))
    (folder / "config.json").write_text(json.dumps(config))
    (tmp_path / "elsewhere.json").write_text("{}")
    (folder / "extra.json").symlink_to(tmp_path / "elsewhere.json")
    assert "leads out of the model's folder" in only(catalogue.check(folder))


def test_an_index_that_names_a_file_outside_or_a_tensor_that_is_not_there(folder: Path) -> None:
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"a": "../model.safetensors"}}))
    assert "not a safetensors file of this folder" in only(catalogue.check(folder))
    index.write_text(json.dumps({"weight_map": {"a": "model-00002.safetensors"}}))
    assert f"{folder / 'model-00002.safetensors'} is missing" in only(catalogue.check(folder))
    index.write_text(json.dumps({"weight_map": {"no.such.tensor": "model.safetensors"}}))
    assert "does not hold the tensor no.such.tensor" in only(catalogue.check(folder))


def test_a_tampered_byte_is_found_by_its_checksum(folder: Path) -> None:
    modelfiles.record(folder)
    assert catalogue.check(folder) == []
    weights = folder / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-5] ^= 1
    weights.write_bytes(data)
    sentence = only(catalogue.check(folder))
    assert str(weights) in sentence
    assert "changed or damaged" in sentence


def test_the_checksums_of_a_pack_stand_beside_its_models(tmp_path: Path, gemma_folder: Path) -> None:
    """As sha256sum writes them for resources/demo."""
    shutil.copytree(gemma_folder, tmp_path / "drafter")
    good = hashlib.sha256((tmp_path / "drafter" / "config.json").read_bytes()).hexdigest()
    (tmp_path / "SHA256SUMS").write_text(f"{good}  drafter/config.json\n{'0' * 64}  encoder/config.json\n")
    assert catalogue.check(tmp_path / "drafter") == []
    (tmp_path / "SHA256SUMS").write_text(f"{'0' * 64}  drafter/config.json\n")
    assert "changed or damaged" in only(catalogue.check(tmp_path / "drafter"))


def test_nan_weights_are_found_on_request(folder: Path) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    name = next(iter(weights))
    weights[name].view(-1)[3] = torch.nan
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    assert catalogue.check(folder) == []
    assert f"NaN or infinity in the tensor {name}" in only(catalogue.check(folder, nan=True))


def test_import_copies_checks_and_records(folder: Path, home: Path) -> None:
    named = folder.rename(folder.with_name(DRAFTER))
    steps: list[tuple[int, int]] = []
    assert catalogue.import_folder(None, named, on_progress=lambda done, total: steps.append((done, total))).id == DRAFTER
    place = home / "models" / DRAFTER
    assert (place / "model.safetensors").read_bytes() == (named / "model.safetensors").read_bytes()
    assert len((place / "SHA256SUMS").read_text().splitlines()) == len(list(named.iterdir()))
    assert steps[-1][0] == steps[-1][1]
    assert catalogue.check(DRAFTER) == []
    assert [path.name for path in (home / "models").iterdir()] == [DRAFTER]
    catalogue.import_folder(DRAFTER, named)
    assert [path.name for path in (home / "models").iterdir()] == [DRAFTER]


def test_a_bad_folder_is_not_imported_and_leaves_nothing(folder: Path, home: Path) -> None:
    (folder / "tokenizer.json").unlink()
    with pytest.raises(ModelRefused, match=r"was not imported: .*tokenizer\.json is missing"):
        catalogue.import_folder(DRAFTER, folder)
    assert not (home / "models" / DRAFTER).exists()
    with pytest.raises(ModelMissing, match="say which model"):
        catalogue.import_folder(None, folder)


def test_the_engine_says_what_is_wrong_with_a_model(models: Path) -> None:
    engine = Engine(EngineSpec(ENCODER, DRAFTER, runtime="torch", threads=1))
    (models / DRAFTER / "model.safetensors").write_bytes(b"")
    with pytest.raises(ModelRefused, match=r"model\.safetensors was refused: it is cut off"):
        engine.answer(FreeQuestion("?"), [picture()])
    shutil.rmtree(models / ENCODER)
    with pytest.raises(ModelMissing, match="is not on this machine"):
        engine.answer(EmbedQuestion(), [picture()])


def test_facts_of_a_models_own_file_come_over_the_catalogues(models: Path) -> None:
    facts = catalogue.facts(ENCODER)
    assert (facts.remark, facts.slide_mpp, facts.heatmap.method) == ("random", 2.0, "patch-head")
    assert facts.heatmap.validated == ("patch-head",)
    assert facts.heatmap.against["cxr"][0] == "normal study"
    (models / ENCODER / "hilum.json").write_text("{")
    with pytest.raises(ModelRefused, match=r"hilum\.json cannot be used"):
        catalogue.facts(ENCODER)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "notes"])
@pytest.mark.timeout(60)
def test_a_pipe_among_the_files_is_refused_and_never_read(models: Path, name: str) -> None:
    path = models / ENCODER / name
    path.unlink(missing_ok=True)
    os.mkfifo(path)
    with pytest.raises((ModelMissing, ModelRefused)):
        catalogue.require(ENCODER)
    assert any(f"{name} is no file" in one for one in catalogue.check(ENCODER))
    with pytest.raises(ModelRefused, match="is no file"):
        catalogue.import_folder("demo-encoder", models / ENCODER)
