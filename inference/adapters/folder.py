"""An adapter's folder: weights and configuration in peft's layout, and a receipt that says of which base it is."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from inference import modelfiles
from inference.errors import InferenceError, ModelMissing, ModelRefused
from inference.places import home

RECEIPT = "hilum-adapter.json"
WEIGHTS, CONFIG = "adapter_model.safetensors", "adapter_config.json"
PACKAGES = ("hilum", "peft", "torch", "transformers", "tokenizers")
PLAIN: Mapping[str, object] = {
    "peft_type": "LORA", "bias": "none", "modules_to_save": None, "use_dora": False, "use_rslora": False, "fan_in_fan_out": False,
    "rank_pattern": {}, "alpha_pattern": {}, "lora_bias": False, "layer_replication": None, "trainable_token_indices": None,
}  # fmt: skip
"""What adapter_config.json may say of the kind of adapter; anything else would be merged wrongly."""


@dataclass(frozen=True, slots=True)
class Adapter:
    """`base` is a catalogue id, `base_revision` the revision of its files; `scale` is alpha / rank."""

    folder: Path
    base: str
    base_revision: str
    scale: float
    facts: Mapping[str, Any]

    @property
    def weights(self) -> Path:
        return self.folder / WEIGHTS

    @property
    def revision(self) -> str:
        """SHA-256 over the names and SHA-256 of all its files."""
        return modelfiles.revision(self.folder)

    @property
    def words(self) -> str:
        """For a receipt: its name and its revision."""
        return f"{self.folder.name} {self.revision}"


def place(adapter: str) -> Path:
    """The folder of that path, else the one of that name where Hilum keeps adapters."""
    own = Path(adapter)
    return own if own.is_dir() else home() / "adapters" / adapter


def kept() -> list[Path]:
    """The folders of finished adapters that Hilum keeps, by name."""
    own = home() / "adapters"
    return [one for one in sorted(own.iterdir()) if (one / RECEIPT).is_file()] if own.is_dir() else []


def names(damaged: Callable[[InferenceError], object] = lambda _: None) -> dict[str, tuple[str, ...]]:
    """Of those that Hilum keeps, by the catalogue id that they were taught to. Ones that are `damaged` are told and left out."""
    found: dict[str, tuple[str, ...]] = {}
    for one in kept():
        try:
            base = read(one).base
        except InferenceError as error:
            damaged(error)
        else:
            found[base] = (*found.get(base, ()), one.name)
    return found


def read(folder: Path) -> Adapter:
    """Raises ModelMissing, and ModelRefused for one that is not finished, damaged, or of a kind that is not merged here."""
    if not folder.is_dir():
        raise ModelMissing(
            f"there is no adapter {folder.name} ({folder}); teach one with `hilum teach adapter`, or give its folder"
        )
    for name in (WEIGHTS, CONFIG, RECEIPT):
        if not (folder / name).is_file():
            raise ModelRefused(f"{folder / name} is missing; the folder holds no finished adapter that was taught here")
    try:
        config, facts = (json.loads((folder / name).read_text(encoding="utf-8")) for name in (CONFIG, RECEIPT))
        odd = [name for name, value in PLAIN.items() if (config.get(name) or None) != (value or None)]
        if odd:
            raise ModelRefused(
                f"{folder / CONFIG} says {odd[0]} = {config.get(odd[0])!r}, which is not merged here; teach it again"
            )
        scale = float(config["lora_alpha"]) / int(config["r"])
        adapter = Adapter(folder, str(facts["base"]), str(facts["base_revision"]), scale, facts)
        modelfiles.header(adapter.weights)
    except (OSError, ValueError, TypeError, LookupError, ArithmeticError, AttributeError) as error:
        raise ModelRefused(f"the adapter {folder} cannot be read ({error}); teach it again or restore it") from error
    return adapter


def require(adapter: str, base: str, revision: str) -> Adapter:
    """The adapter of that path or name; raises ModelRefused where it was taught to another model or other files of it."""
    found = read(place(adapter))
    if found.base != base:
        raise ModelRefused(f"the adapter {found.folder.name} was taught to {found.base}, not to {base}; choose that drafter")
    if found.base_revision != revision:
        raise ModelRefused(
            f"the adapter {found.folder.name} was taught to revision {found.base_revision[:12]} of {base}, and {revision[:12]} "
            "is installed; install that one, or teach the adapter again"
        )
    return found


def finish(made: Path, out: Path, facts: Mapping[str, Any]) -> None:
    """Move the finished files to `out`, the receipt last."""
    (made / RECEIPT).write_text(json.dumps(dict(facts), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    for name in (WEIGHTS, CONFIG, RECEIPT):
        (made / name).replace(out / name)


def versions() -> dict[str, str]:
    return {name: version(name) for name in PACKAGES}
