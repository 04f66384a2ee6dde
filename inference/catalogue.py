"""The models Hilum knows, and where each one's files lie on this machine."""

from __future__ import annotations

import json
import shutil
import tomllib
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal

import resources
from inference import modelfiles
from inference.errors import ModelMissing, ModelRefused, OutsideTraining, WrongName
from inference.places import home as home
from inference.preprocess.padding import Resample

Role = Literal["encoder", "drafter"]
Family = Literal["siglip", "gemma3", "gemma3-text"]
_ROLES: Mapping[Role, str] = {"encoder": "an encoder", "drafter": "a drafter"}
ARCHITECTURE: Mapping[Family, str] = {
    "siglip": "SiglipModel",
    "gemma3": "Gemma3ForConditionalGeneration",
    "gemma3-text": "Gemma3ForCausalLM",
}


@dataclass(frozen=True, slots=True)
class HeatmapFacts:
    """How this model makes heatmaps; see the head of resources/models.toml.

    `bias` and `scale` turn a patch cosine into a probability, sigmoid(scale · cosine + bias); `against` maps a modality to
    the contrast phrases used where the question names none.
    """

    method: str = "windows"
    validated: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    bias: float | None = None
    scale: float | None = None
    against: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Entry:
    """One model of the catalogue. `memory` maps "bf16", "int8", "int4" to gigabytes of weights."""

    id: str
    title: str
    role: Role
    family: Family
    repository: str = ""
    """Where the publisher keeps it, owner/name; empty for the demo pack."""
    folder: str = ""
    """Below resources/ for the demo pack, empty for all others."""
    prompts: str = ""
    terms: str = ""
    remark: str = ""
    thinking: bool = False
    thinking_tokens: int = 2000
    """The most a trace takes where the reader names no budget, beside the answer's own limit; of a thinking model."""
    resize: Resample = "bilinear"
    side: int = 896
    """Of its square in pixels, as published; the config.json of an installed model has the last word, see `side`."""
    ct_windows: str = ""
    max_slices: int = 0
    max_patches: int = 0
    max_tokens: int = 600
    """The most it writes sensibly, a thinking trace apart."""
    slide_mpp: float | None = None
    """Micrometres per pixel at which the model's square was trained on slides."""
    modalities: tuple[str, ...] = ()
    mixed: bool = False
    """Whether it was shown pictures of different kinds in one turn."""
    memory: Mapping[str, float] = field(default_factory=dict)
    heatmap: HeatmapFacts = field(default_factory=HeatmapFacts)


def entries() -> tuple[Entry, ...]:
    return tuple(_entry(table) for table in tomllib.loads(resources.text("models.toml"))["models"])


def entry(model: str) -> Entry:
    """The catalogue's entry `model`; raises WrongName for an unknown one."""
    for one in entries():
        if one.id == model:
            return one
    known = ", ".join(one.id for one in entries())
    raise WrongName(f"there is no model {model!r} in the catalogue; choose one of {known}")


def folder(model: str) -> Path:
    """Where the files of `model` lie, or would lie; the demo pack is part of the program."""
    one = entry(model)
    own = home() / "models" / one.id
    return resources.path(one.folder) if one.folder and not own.is_dir() else own


def installed(model: str) -> bool:
    return (folder(model) / "config.json").is_file()


def facts(model: str) -> Entry:
    """The entry with what hilum.json in the model's folder adds or overrides; raises ModelMissing, ModelRefused."""
    one = entry(model)
    own = folder(model) / "hilum.json"
    if not own.is_file():
        return one
    try:
        return _merge(one, json.loads(own.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise ModelRefused(f"{own} cannot be used ({error}); restore the model's folder") from error


def side(model: str) -> int:
    """Of the square that `model` sees, in pixels. Raises ModelRefused for a config.json that does not say."""
    config = folder(model) / "config.json"
    try:
        return int(json.loads(config.read_text(encoding="utf-8"))["vision_config"]["image_size"])
    except FileNotFoundError:
        return facts(model).side
    except (OSError, ValueError, TypeError, LookupError) as error:
        raise ModelRefused(f"{config} does not say how large a picture the model reads ({error}); get the model again") from error


def must_suit(one: Entry, modality: str) -> None:
    """Raises OutsideTraining for a kind of picture that the model was never shown."""
    if one.modalities and modality not in one.modalities:
        known = ", ".join(one.modalities)
        raise OutsideTraining(f"{one.id} was not made for pictures of the kind {modality}; it knows {known}")


def check(model: str | Path, *, nan: bool = False) -> list[str]:
    """What is wrong with a model's files, one sentence each; empty when nothing is. `model` is an id or a folder.

    `nan` also reads every weight and looks for NaN and infinity, which takes as long as reading the file.
    """
    if isinstance(model, Path):
        return modelfiles.check(model, tuple(ARCHITECTURE.values()), nan=nan)
    place = folder(model)
    if not place.is_dir():
        return [f"the model {model} is not on this machine: {place} does not exist"]
    return modelfiles.check(place, (ARCHITECTURE[entry(model).family],), nan=nan)


def require(model: str, role: Role | None = None) -> tuple[Entry, Path, str]:
    """(facts, folder, revision) of a model that passed its check; raises ModelMissing or ModelRefused, and WrongName for a
    model of another role than `role`."""
    one = entry(model)
    if role is not None and one.role != role:
        fit = ", ".join(other.id for other in entries() if other.role == role)
        raise WrongName(f"{model} is {_ROLES[one.role]}, not {_ROLES[role]}; choose one of {fit}")
    place = folder(model)
    if not installed(model):
        how = "import its folder or get it with `hilum models`" if one.repository else "train it or restore resources/demo"
        raise ModelMissing(f"the model {model} is not on this machine ({place}); {how}")
    wrong = check(model)
    if wrong:
        raise ModelRefused(f"the model {model} was not loaded: {wrong[0]}")
    return facts(model), place, modelfiles.revision(place)


def unwatched(_done: int, _total: int) -> None:
    """For callers who do not watch."""


def import_folder(model: str | None, source: Path, *, on_progress: Callable[[int, int], None] = unwatched) -> Entry:
    """Check a folder, copy it to `$HILUM_HOME/models/<id>` and record its checksums; returns the entry.

    `model` None takes the catalogue's entry whose id or repository name equals the folder's name. A half-made copy never
    stands under the model's name. `on_progress` gets bytes done and in all. Raises ModelMissing, ModelRefused.
    """
    one = _entry_for(source) if model is None else entry(model)
    if not source.is_dir():
        raise ModelMissing(f"{source} is not a folder; give the folder that holds the model's config.json")
    wrong = modelfiles.check(source, (ARCHITECTURE[one.family],))
    if wrong:
        raise ModelRefused(f"{source} was not imported: {wrong[0]}")
    target = home() / "models" / one.id
    part = target.with_name(f".{one.id}-{uuid.uuid4().hex}.part")
    try:
        modelfiles.copy(source, part, on_progress)
        modelfiles.record(part)
        install(part, target)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return one


def install(part: Path, target: Path) -> None:
    """Put the finished folder `part` in the place of `target`; an older model there stays until the new one is whole."""
    old = target.with_name(f".{target.name}-{uuid.uuid4().hex}.old")
    if target.exists():
        target.rename(old)
    part.rename(target)
    shutil.rmtree(old, ignore_errors=True)


def _entry_for(source: Path) -> Entry:
    for one in entries():
        if source.resolve().name in (one.id, one.repository.rpartition("/")[2]):
            return one
    raise ModelMissing(f"the folder's name {source.resolve().name!r} is no model of the catalogue; say which model it is")


def _entry(table: Mapping[str, Any]) -> Entry:
    plain = {key: value for key, value in table.items() if key != "heatmap"}
    plain["modalities"] = tuple(plain.get("modalities", ()))
    return Entry(**plain, heatmap=_heatmap(HeatmapFacts(), table.get("heatmap", {})))


def _heatmap(base: HeatmapFacts, table: Mapping[str, Any]) -> HeatmapFacts:
    new: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in table.items() if key in _HEATMAP
    }
    if "against" in new:
        new["against"] = {kind: tuple(phrases) for kind, phrases in new["against"].items()}
    return replace(base, **new)


def _merge(one: Entry, own: Mapping[str, Any]) -> Entry:
    known = {item.name for item in fields(Entry)} - {"id", "role", "family", "repository", "folder", "heatmap"}
    new: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in own.items() if key in known}
    return replace(one, **new, heatmap=_heatmap(one.heatmap, own.get("heatmap", {})))


_HEATMAP = {item.name for item in fields(HeatmapFacts)}
