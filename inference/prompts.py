"""The words around a question. A style of resources/prompts holds them; the pictures always come first where they can."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence

import resources
from inference.catalogue import Entry
from inference.errors import ModelRefused
from inference.questions import BoxQuestion, DraftQuestion, FreeQuestion, Modality, Picture, TableQuestion, Written

Message = tuple[str, tuple[str | None, ...]]
"""(role, parts): None is the place of a picture, a str is text. The role "plain" stands for a model without turns."""


def style(name: str) -> Mapping[str, str]:
    """The texts of resources/prompts/<name>.toml; raises ModelRefused where the file is absent or no TOML."""
    try:
        return {key: str(value) for key, value in tomllib.loads(resources.text(f"prompts/{name}.toml")).items()}
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise ModelRefused(f"resources/prompts/{name}.toml cannot be read ({error}); restore it") from error


def messages(question: Written, pictures: Sequence[Picture], entry: Entry) -> tuple[Message, ...]:
    """What `entry`'s model is told. Raises ModelRefused where it cannot take that many pictures."""
    texts = style(entry.prompts)
    kind = pictures[0].modality if pictures else None
    _count(question, len(pictures), kind, entry)
    words = _words(question, len(pictures), kind, texts)
    places: tuple[str | None, ...] = (None,) * len(pictures)
    if any(picture.caption for picture in pictures):  # each picture with its caption, the question last
        content: tuple[str | None, ...] = (*(part for one in pictures for part in (None, one.caption)), words)
    elif len(pictures) > 1 and kind in ("ct", "mr"):  # instruction, then each slice with its number, the question last
        slices = [part for number in range(1, len(pictures) + 1) for part in (None, f"SLICE {number}")]
        content = (texts.get("slices", ""), *slices, words)
    elif len(pictures) > 1 and kind == "slide" and "patches" in texts:
        content = (texts["patches"].format_map(_Plain(question=words)), *places)
    else:
        content = (*places, words)
    if texts.get("turns", "yes") == "no":
        return (("plain", content),)
    user = ("user", tuple(part for part in content if part is None or part))
    return (("system", (texts["system"],)), user) if texts.get("system") else (user,)


def _words(question: Written, pictures: int, kind: Modality | None, texts: Mapping[str, str]) -> str:
    if isinstance(question, FreeQuestion):
        key = "record" if question.record else "ask"
        return texts[key].format_map(_Plain(question=question.text, record=question.record))
    if isinstance(question, TableQuestion):
        return texts["table"]
    if isinstance(question, BoxQuestion):
        return texts["locate"].replace("{object}", question.object)
    compared = pictures == 2 and kind not in ("ct", "mr", "slide")
    key = "compare" if compared else f"draft_{kind}" if f"draft_{kind}" in texts else "draft"
    return texts[key].format_map(_Plain(indication=question.indication)).strip()


def _count(question: Written, pictures: int, kind: Modality | None, entry: Entry) -> None:
    if pictures and entry.family == "gemma3-text":
        raise ModelRefused(f"{entry.title} reads text only; choose a model with eyes for questions about a picture")
    if isinstance(question, BoxQuestion) and pictures != 1:
        raise ModelRefused("a box is asked for in exactly one picture")
    if isinstance(question, TableQuestion) and pictures != 1:
        raise ModelRefused("a table is read from exactly one picture")
    if isinstance(question, DraftQuestion) and not pictures:
        raise ModelRefused("a report is drafted from one picture at least")
    most = {"ct": entry.max_slices, "mr": entry.max_slices, "slide": entry.max_patches}.get(kind or "", 0)
    if most and pictures > most:
        raise ModelRefused(f"{entry.title} reads at most {most} pictures of a {kind}, not {pictures}; send fewer")


class _Plain(dict[str, str]):
    """Fills {name}; an unknown name stays as it is written."""

    def __missing__(self, key: str) -> str:
        return "{" + key + "}"
