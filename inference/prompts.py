"""The words around a question. A style of resources/prompts holds them; the pictures always come first where they can."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import resources
from inference import verdicts
from inference.answers import Verdict
from inference.catalogue import Entry
from inference.errors import ModelRefused, OutsideTraining
from inference.questions import (
    BoxQuestion,
    ChangeQuestion,
    ConditionQuestion,
    DraftQuestion,
    FreeQuestion,
    Modality,
    Picture,
    TableQuestion,
    Written,
)

Message = tuple[str, tuple[str | None, ...]]
"""(role, parts): None is the place of a picture, a str is text. The role "plain" stands for a model without turns."""


def style(name: str) -> Mapping[str, str]:
    """The texts of resources/prompts/<name>.toml; raises ModelRefused where the file is absent or no TOML."""
    try:
        return {key: str(value) for key, value in tomllib.loads(resources.text(f"prompts/{name}.toml")).items()}
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise ModelRefused(f"resources/prompts/{name}.toml cannot be read ({error}); restore it") from error


def messages(question: Written, pictures: Sequence[Picture], entry: Entry) -> tuple[Message, ...]:
    """What `entry`'s model is told. Raises ModelRefused where it cannot take that many pictures, and for what it does not do."""
    texts = style(entry.prompts)
    kind = pictures[0].modality if pictures else None
    _count(question, len(pictures), kind, entry)
    before = question.before if isinstance(question, FreeQuestion) else ()
    captioned = any(picture.caption for picture in pictures)
    words = _words(_first(question), 1 if captioned else len(pictures), kind, texts)  # two frames are no prior and current
    places: tuple[str | None, ...] = (None,) * len(pictures)
    if captioned:  # each picture with its caption, the question last
        content: tuple[str | None, ...] = (*(part for one in pictures for part in (None, one.caption)), words)
    elif len(pictures) > 1 and kind in ("ct", "mr"):  # instruction, then each slice with its number, the question last
        slices = [part for number in range(1, len(pictures) + 1) for part in (None, f"SLICE {number}")]
        content = (texts.get("slices", ""), *slices, words)
    elif len(pictures) > 1 and kind == "slide" and "patches" in texts:
        content = (texts["patches"].format_map(_Plain(question=words, power=_power(pictures[0].mpp))), *places)
    else:
        content = (*places, words)
    if texts.get("turns", "yes") == "no":
        if before:
            raise ModelRefused(f"{entry.title} takes no turns, so it cannot carry earlier questions; ask this one by itself")
        return (("plain", content),)
    user: Message = ("user", tuple(part for part in content if part is None or part))
    system = _thinking(question, entry, texts) + texts.get("system", "")
    return (*((("system", (system,)),) if system else ()), user, *_turns(question, texts))


def _power(mpp: float | None) -> str:
    """The magnification that a size of a pixel stands for: 10x is 1 µm (arXiv 2507.05201 3.3)."""
    return f"{10 / mpp:.3g}x" if mpp else "unknown"


def verdict(question: Written, text: str, entry: Entry) -> Verdict:
    """What `text`, the answer to `question`, comes to; "" where no verdict was asked for."""
    if not isinstance(question, ConditionQuestion):
        return ""
    return verdicts.verdict(text, first=style(entry.prompts).get("verdict") == "first")


def _first(question: Written) -> Written:
    """The question that stands in the first turn, with the pictures."""
    earlier = question.before[:1] if isinstance(question, FreeQuestion) else ()
    return replace(question, text=earlier[0][0]) if isinstance(question, FreeQuestion) and earlier else question


def _turns(question: Written, texts: Mapping[str, str]) -> Iterator[Message]:
    """What follows the first turn: each earlier answer, and the question after it."""
    if isinstance(question, FreeQuestion):
        asked = [*(text for text, _ in question.before[1:]), question.text]
        for (_, answer), text in zip(question.before, asked, strict=False):
            yield ("assistant", (answer,))
            yield ("user", (texts["ask"].format_map(_Plain(question=text)),))


def _thinking(question: Written, entry: Entry, texts: Mapping[str, str]) -> str:
    """The published words that ask for a trace, "" where none is asked for."""
    if not question.decoding.thinking_tokens:
        return ""
    if not entry.thinking:
        raise ModelRefused(f"{entry.title} writes no thinking trace; ask without a budget for one")
    return "" if isinstance(question, TableQuestion | ChangeQuestion) else texts["think"]


def _words(question: Written, pictures: int, kind: Modality | None, texts: Mapping[str, str]) -> str:
    if isinstance(question, FreeQuestion):
        key = "record" if question.record else "ask"
        return texts[key].format_map(_Plain(question=question.text, record=question.record))
    if isinstance(question, TableQuestion):
        return texts["table"]
    if isinstance(question, BoxQuestion):
        return texts["locate"].replace("{object}", question.object)
    if isinstance(question, ConditionQuestion):
        return texts["classify"].replace("{condition}", question.condition)
    if isinstance(question, ChangeQuestion):
        return texts["change"].replace("{finding}", question.finding)
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
    if isinstance(question, ConditionQuestion) and not pictures:
        raise ModelRefused("a condition is looked for in one picture at least")
    if isinstance(question, ChangeQuestion) and pictures != 2:
        raise ModelRefused("a change is asked for between two pictures, the prior and the current one")
    if isinstance(question, ChangeQuestion) and "change" not in style(entry.prompts):
        raise ModelRefused(f"{entry.title} is not asked for changes finding by finding; draft a comparison instead")
    if isinstance(question, DraftQuestion) and not pictures:
        raise ModelRefused("a report is drafted from one picture at least")
    if isinstance(question, DraftQuestion) and kind == "document":
        raise OutsideTraining("no report is drafted of a page; read its table, or ask a question about it")
    most = {"ct": entry.max_slices, "mr": entry.max_slices, "slide": entry.max_patches}.get(kind or "", 0)
    if most and pictures > most:
        raise ModelRefused(f"{entry.title} reads at most {most} pictures of a {kind}, not {pictures}; send fewer")


class _Plain(dict[str, str]):
    """Fills {name}; an unknown name stays as it is written."""

    def __missing__(self, key: str) -> str:
        return "{" + key + "}"
