"""Which label sets there are, and which fit a picture and an encoder."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

import resources
from inference.catalogue import facts, must_suit
from inference.questions import Label, LabelSet, Modality

DEMO = "demo-"
"""Start of the names of the demonstration's label sets and models: they belong together."""


class LabelSetError(ValueError):
    """A label set that is not there or cannot be used, said in one sentence."""


def load(name: str) -> LabelSet:
    """A label set of the program by its name, or one of the reader's own by its file (ends in .toml).

    Raises LabelSetError for an unknown name or a file that is no label set.
    """
    if name.endswith(".toml"):
        if Path(name).exists() and not Path(name).is_file():
            raise LabelSetError(f"the label set {name} is not a file; give a .toml file")
        try:
            return parse(Path(name).read_text(encoding="utf-8"), name)
        except (OSError, UnicodeDecodeError) as error:
            raise LabelSetError(f"the label set {name} cannot be read ({error})") from error
    if name not in names():
        raise LabelSetError(f"there is no label set {name!r}; choose one of {', '.join(names())}, or give a .toml file")
    return _shipped(name)


@cache
def _shipped(name: str) -> LabelSet:
    """Parsed once: every source that is described is offered some."""
    return parse(resources.text(f"labels/{name}.toml"), name)


def parse(text: str, name: str) -> LabelSet:
    """A label set from TOML; raises LabelSetError naming `name` and what is wrong."""
    try:
        table = tomllib.loads(text)
        labels = tuple(_label(one) for one in table["labels"])
        found = LabelSet(table["name"], table["modality"], labels, bool(table.get("choice", False)))
    except (tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        needs = "it needs name, modality and [[labels]] with name, present and absent"
        raise LabelSetError(f"{name} is not a label set ({error}); {needs}") from error
    if not labels or any(not one.present or not (one.absent or found.choice) for one in labels):
        raise LabelSetError(f"{name}: every label needs prompts for present, and for absent unless the set is a choice")
    return found


def names() -> tuple[str, ...]:
    return tuple(sorted(path.stem for path in resources.path("labels").glob("*.toml")))


def fitting(modality: Modality, encoder: str) -> tuple[str, ...]:
    """Names of the sets for this kind of picture, the default first. The demonstration's sets go with its encoder alone."""
    demo = encoder.startswith(DEMO)
    found = [name for name in names() if name.startswith(DEMO) == demo and load(name).modality == modality]
    return tuple(sorted(found, key=lambda name: not name.endswith(f"-{modality}")))


def suited(encoder: str, modality: Modality) -> LabelSet:
    """The default set for this kind of picture; raises LabelSetError where there is none, and OutsideTraining where the encoder
    was not made for such pictures."""
    must_suit(facts(encoder), modality)
    if found := fitting(modality, encoder):
        return load(found[0])
    raise LabelSetError(f"there is no label set for {encoder} and pictures of the kind {modality}; name one with --set")


def _label(table: dict[str, object]) -> Label:
    present, absent, auc = table["present"], table.get("absent", []), table.get("published_auc")
    if not isinstance(present, list) or not isinstance(absent, list):
        raise TypeError("present and absent are lists of prompts")
    published = float(auc) if isinstance(auc, int | float) else None
    return Label(str(table["name"]), tuple(map(str, present)), tuple(map(str, absent)), published)
