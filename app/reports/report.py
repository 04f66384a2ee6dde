"""The report as a value: sections, sentences with their origin, state and evidence, and the signature.

Every change gives a new report. Nothing here is "normal" because nothing was found: what was not said was not assessed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from enum import StrEnum

from app.reports import BANNER
from inference.answers import Finish, Receipt

NOT_SENT = -1


class ReportError(ValueError):
    """A step that the report does not allow, said in one sentence."""


class Section(StrEnum):
    """In the order they are read."""

    INDICATION = "Indication"
    TECHNIQUE = "Technique"
    COMPARISON = "Comparison"
    FINDINGS = "Findings"
    IMPRESSION = "Impression"


class Origin(StrEnum):
    MODEL = "model"
    PERSON = "person"
    TEMPLATE = "template"


class State(StrEnum):
    PROPOSED = "proposed"
    ACCEPTED = "accepted"
    EDITED = "edited"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a sentence rests on. `receipt` is an index into `Report.receipts`; `box` is (x0, y0, x1, y1) in level-0 pixels;
    `contrast` is that of `inference.answers.LabelScore`; `heatmap` names the map's phrase. Of a whole series or film `label` is
    what the sentence names ("slice 3") and `frame` that frame of the source, from 0, `NOT_SENT` where the model got none such."""

    receipt: int | None = None
    label: str = ""
    contrast: float | None = None
    box: tuple[float, float, float, float] | None = None
    heatmap: str = ""
    frame: int | None = None


@dataclass(frozen=True, slots=True)
class Sentence:
    """`original` is what the model or the template wrote; `text` is what stands now."""

    id: int
    section: Section
    text: str
    origin: Origin
    state: State
    original: str
    evidence: tuple[Evidence, ...] = ()

    @property
    def images(self) -> tuple[tuple[str, int], ...]:
        """The images of a series or film that it names, by its words for each and the frame, from 0; of those that were sent."""
        return tuple((one.label, one.frame) for one in self.evidence if one.frame is not None and one.frame != NOT_SENT)


@dataclass(frozen=True, slots=True)
class Signature:
    """Who signed, when (UTC, ISO 8601), what the person changed of the proposal, and the SHA-256 of what was signed."""

    name: str
    when: str
    changes: tuple[str, ...]
    content_sha256: str


@dataclass(frozen=True, slots=True)
class Report:
    """`subject` names the picture as the browser does (never a patient's name); `prior_sent` says whether the model was given
    an earlier picture; `finish` is how the model stopped, "" when no model wrote."""

    subject: str
    sentences: tuple[Sentence, ...]
    receipts: tuple[Receipt, ...] = ()
    prior_sent: bool = False
    finish: Finish | str = ""
    signature: Signature | None = None
    earlier: tuple[Signature, ...] = ()

    @property
    def warnings(self) -> tuple[str, ...]:
        """What of the picture lies outside of what the models that wrote were trained for."""
        return tuple(dict.fromkeys(one for receipt in self.receipts for one in receipt.warnings))

    @property
    def banner(self) -> str:
        if self.signature is None:
            return BANNER
        return f"Signed by {self.signature.name}, {self.signature.when}"

    def section(self, section: Section) -> tuple[Sentence, ...]:
        """The sentences of a section that stand, refused ones left out."""
        return tuple(one for one in self.sentences if one.section is section and one.state is not State.REFUSED)

    def sentence(self, id: int) -> Sentence:
        for one in self.sentences:
            if one.id == id:
                return one
        raise ReportError(f"the report has no sentence number {id}")

    def untouched(self) -> tuple[Sentence, ...]:
        return tuple(one for one in self.sentences if one.state is State.PROPOSED)

    @property
    def touched(self) -> bool:
        """Whether a person accepted, edited, refused or wrote any of it."""
        return any(one.state is not State.PROPOSED for one in self.sentences)

    def accept(self, id: int) -> Report:
        return self._changed(replace(self.sentence(id), state=State.ACCEPTED))

    def edit(self, id: int, text: str) -> Report:
        """The sentence with a person's words; the words as first proposed count as accepted. Empty text is refused."""
        before = self.sentence(id)
        if not text.strip():
            raise ReportError("an empty sentence says nothing; refuse it instead")
        same = text == before.original and before.origin is not Origin.PERSON
        return self._changed(replace(before, text=text, state=State.ACCEPTED if same else State.EDITED))

    def refuse(self, id: int) -> Report:
        return self._changed(replace(self.sentence(id), state=State.REFUSED))

    def add(self, section: Section, text: str, origin: Origin = Origin.PERSON, evidence: Iterable[Evidence] = ()) -> Report:
        """A new sentence at the end of `section`. A person's own counts as accepted, all others as proposed."""
        self._must_be_open()
        if not text.strip():
            raise ReportError("an empty sentence says nothing; write it first")
        number = 1 + max((one.id for one in self.sentences), default=0)
        state = State.ACCEPTED if origin is Origin.PERSON else State.PROPOSED
        new = Sentence(number, section, text, origin, state, text, tuple(evidence))
        return replace(self, sentences=(*self.sentences, new))

    def sign(self, name: str, when: str) -> Report:
        """Signed by a named person, once every proposed sentence was accepted, edited or refused."""
        self._must_be_open()
        if not name.strip():
            raise ReportError("a report is signed with a name")
        if left := len(self.untouched()):
            raise ReportError(f"{left} proposed sentence{'s' * (left > 1)} must be accepted, edited or refused before signing")
        if not any(one.state is not State.REFUSED for one in self.sentences):
            raise ReportError("the report has no sentence; write what was seen before signing")
        return replace(self, signature=Signature(name.strip(), when, self.changes(), content_sha256(self)))

    def amend(self) -> Report:
        """Open a signed report again; the signature moves to `earlier` and a new one is needed."""
        if self.signature is None:
            return self
        return replace(self, signature=None, earlier=(*self.earlier, self.signature))

    def changes(self) -> tuple[str, ...]:
        """What the person did to the proposal, a line each, in the report's order."""
        return tuple(line for one in self.sentences if (line := _change(one)))

    def _changed(self, sentence: Sentence) -> Report:
        self._must_be_open()
        return replace(self, sentences=tuple(sentence if one.id == sentence.id else one for one in self.sentences))

    def _must_be_open(self) -> None:
        if self.signature is not None:
            raise ReportError(f"the report was signed by {self.signature.name}; open it for amendment before changing it")


def _change(sentence: Sentence) -> str:
    if sentence.origin is Origin.PERSON:
        return "" if sentence.state is State.REFUSED else f"{sentence.section}: added “{sentence.text}”"
    if sentence.state is State.REFUSED:
        return f"{sentence.section}: refused “{sentence.original}”"
    if sentence.text != sentence.original:
        return f"{sentence.section}: “{sentence.original}” became “{sentence.text}”"
    return ""


_ALWAYS = frozenset({
    "model", "revision", "quantisation", "dtype", "device", "prompt", "seed", "preprocessing", "pixels_sha256", "versions",
    "seconds", "tokens", "steps", "remark",
})  # fmt: skip
"""Fields of a receipt that every signature covers; later ones count where they say something, so that older signatures hold."""


def content_sha256(report: Report) -> str:
    """SHA-256 over the subject, every sentence and every receipt; two reports that agree in it say the same."""
    said = {"subject": report.subject, "prior": report.prior_sent, "finish": report.finish}
    receipts = [{name: value for name, value in asdict(one).items() if value or name in _ALWAYS} for one in report.receipts]
    body = {**said, "sentences": [_covered(one) for one in report.sentences], "receipts": receipts}
    return hashlib.sha256(json.dumps(body, sort_keys=True, ensure_ascii=False).encode("utf-8")).hexdigest()


def _covered(sentence: Sentence) -> dict[str, object]:
    """As `asdict`, without the frames that it does not name: signatures from before there were any hold."""
    evidence = [
        {name: value for name, value in asdict(one).items() if name != "frame" or value is not None} for one in sentence.evidence
    ]
    return {**asdict(sentence), "evidence": evidence}
