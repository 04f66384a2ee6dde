"""The walk of one region: open, read, ask, and place the answer back on the source.

`run` is the one function behind the window, the command line, the batch and the tests.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from app import asking_changes, guards, slide_blocks
from app.known import Known, known
from app.label_sets import LabelSetError
from app.modality import KINDS, modality_of, must_agree, named_modality
from app.numbered import Numbered
from app.spacings import open_source, told
from inference.answers import Answer, Box, Draft, Embedding, Heatmap, LabelScores, Progress
from inference.catalogue import facts, must_suit, side
from inference.engine import AnyEngine as AnyEngine
from inference.errors import OutsideTraining
from inference.questions import (
    BoxQuestion,
    ChangeQuestion,
    DraftQuestion,
    FreeQuestion,
    HeatmapQuestion,
    LabelQuestion,
    Modality,
    Picture,
    Question,
    TableQuestion,
    Written,
)
from viewers.geometry import Region, Size
from viewers.sources import Source

if TYPE_CHECKING:
    from app.slide_fields import Fields

NO_TRACE = "a trace is no picture: no model here reads an ECG, and none was asked"
A = TypeVar("A", LabelScores, Heatmap, Draft, Embedding, Answer)
LONGEST = 2048
"""Longest side, in pixels, of what is sent to an engine. Models see 448 or 896 pixels; a heatmap's windows need more."""


@dataclass(frozen=True, slots=True)
class Place:
    """A further picture of a question. Region None is the whole frame."""

    path: Path
    region: Region | None = None
    frame: int = 0
    said: Modality | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of which place. Region None is the whole frame; `prior` is an earlier picture, sent first."""

    path: Path
    question: Question
    region: Region | None = None
    prior: Path | None = None
    frame: int = 0
    whole: bool = False
    """Of a CT or MR series all slices of the stack that `frame` lies in, as far as the model reads them; of other files of many
    frames those of `frames`; of a slide its fields with tissue at `power`. Drafts and free questions only."""
    said: Modality | None = None
    """What the reader says the picture is, where the file does not."""
    also: tuple[Place, ...] = ()
    """Pictures that follow the first, in this order; free questions only."""
    power: int = 10
    """At which a whole slide is read: 5, 10 or 20."""
    tails: float = 0.0
    """Percent of the values that an MR series loses at either end of its grey scale, against one hot pixel that darkens all."""
    frames: int = 0
    """How many frames are taken of a film of many, evenly in time, the first and the last among them; 0 takes 8."""
    fields: Fields | None = None
    """Of a whole slide, the fields that the reader has seen and perhaps swapped; None: those that show all there is."""


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """An answer with what was sent for it. `region` is what the current picture covers, in level-0 pixels of the source."""

    request: Request
    answer: Answer
    pictures: tuple[Picture, ...]
    region: Region
    seen: Sequence[NDArray[np.uint8]] = ()
    """The pictures as the model got them, padded and resized: uint8 (side, side, 3) each."""
    frame: Size | None = None
    """Pixels in whose frame the answer is, where many pictures were put together; None: those of the last picture."""
    fields: Fields | None = None
    """Of a whole slide, those that were sent."""
    numbered: Numbered | None = None
    """Of a whole series or film, which of its frames were sent, by the numbers they had."""

    @property
    def scale(self) -> tuple[float, float]:
        """Level-0 pixels per pixel of the current picture, along x and y."""
        height, width = self.pictures[-1].pixels.shape[:2]
        size = self.frame or Size(width, height)
        return self.region.width / size.width, self.region.height / size.height

    def heatmap_extent(self) -> tuple[float, float, float, float]:
        """(x0, y0, x1, y1) of a heatmap answer in level-0 pixels."""
        if not isinstance(self.answer, Heatmap):
            raise TypeError("only a heatmap has an extent")
        x0, y0, x1, y1 = self.answer.extent
        return self._place(x0, y0, x1, y1)

    def boxes(self) -> list[Box]:
        """The boxes of a draft in level-0 pixels; none for other answers."""
        drawn = self.answer.boxes if isinstance(self.answer, Draft) else ()
        return [Box(box.label, *self._place(box.x0, box.y0, box.x1, box.y1)) for box in drawn]

    def _place(self, x0: float, y0: float, x1: float, y1: float) -> tuple[float, float, float, float]:
        (across, down), left, top = self.scale, self.region.x, self.region.y
        return left + x0 * across, top + y0 * down, left + x1 * across, top + y1 * down


def ignore(_: Progress) -> None:
    """Progress that nobody watches."""


def run(
    request: Request,
    engine: AnyEngine,
    on_progress: Callable[[Progress], None] = ignore,
    cancel: threading.Event | None = None,
    *,
    open: Callable[[Path], Source] = open_source,
) -> Result:
    """Answer one request. Raises `viewers.errors.SourceError`, `inference.errors.InferenceError`, and ValueError for what cannot
    be asked of this picture: a region outside it, labels of another kind of picture."""
    on_progress(Progress("reading"))
    if request.prior is not None and not isinstance(request.question, DraftQuestion | FreeQuestion | ChangeQuestion):
        raise ValueError("an earlier picture goes with a draft, a free question or changes only")
    if request.whole:
        return _whole(request, engine, on_progress, cancel, open)
    if request.also:
        from app import several

        if not isinstance(request.question, FreeQuestion) or request.prior is not None:
            raise ValueError("several pictures go with a free question only, and without an earlier picture")
        sent, region, each = several.pictures(request, request.question, facts(engine.spec.recipe), on_progress, cancel, open)
        told = [(one.caption, _warnings(request.question, engine, [one], now)) for one, now in zip(sent, each, strict=True)]
        warned = tuple(f"{caption}: {sentence}" for caption, sentences in told for sentence in sentences)
        answer = _warned(engine.answer(request.question, sent, on_progress=on_progress, cancel=cancel), warned)
        return _told(request, answer, engine, sent, region)
    written = isinstance(request.question, Written)
    windows = facts(engine.spec.recipe if written else engine.spec.encoder).ct_windows
    pictures, before = list[Picture](), None
    if request.prior is not None:
        with closing(open(request.prior)) as prior:
            before = known(prior)
            pictures.append(model_picture(prior, Region.whole(prior.size), request.question, windows))
    with closing(open(request.path)) as source:
        said = _page(source) if isinstance(request.question, TableQuestion) else request.said
        now = known(source, said)
        region = clipped(request.region or Region.whole(source.size, request.frame), source)
        if isinstance(request.question, HeatmapQuestion | LabelQuestion) and source.kind == "slide":
            _must_suit(request.question, "slide")
            blocks = slide_blocks.plan(source, region, facts(engine.spec.encoder).slide_mpp)
            if blocks is not None:
                found, sent = slide_blocks.answer(source, blocks, request.question, engine, on_progress, cancel)
                seen = tuple(saw(picture, found.receipt.model) for picture in sent)
                warned = _warnings(request.question, engine, sent[-1:], now)
                return Result(request, _warned(found, warned), sent, region, seen, blocks.size)
        pictures.append(model_picture(source, region, request.question, windows, said))
    _must_suit(request.question, pictures[-1].modality)
    warned = _warnings(request.question, engine, pictures, now, before)
    if isinstance(request.question, ChangeQuestion):
        changes = asking_changes.answered(request.question, engine, pictures, on_progress, cancel)
        return _told(request, _warned(changes, warned), engine, tuple(pictures), region)
    answer = _warned(engine.answer(request.question, pictures, on_progress=on_progress, cancel=cancel), warned)
    return _told(request, answer, engine, tuple(pictures), region)


def _told(request: Request, answer: Answer, engine: AnyEngine, sent: tuple[Picture, ...], region: Region) -> Result:
    """With the pictures as the model got them."""
    endpoint = engine.spec.endpoint
    model = endpoint.recipe if endpoint is not None and isinstance(answer, Draft) else answer.receipt.model
    return Result(request, answer, sent, region, tuple(saw(picture, model) for picture in sent))


def _whole(
    request: Request,
    engine: AnyEngine,
    on_progress: Callable[[Progress], None],
    cancel: threading.Event | None,
    open: Callable[[Path], Source],
) -> Result:
    """About a whole stack, film or slide. What was seen, 300 MB of squares, is made again when it is looked at."""
    from app import cine_frames, slide_fields, volumes

    if not isinstance(request.question, DraftQuestion | FreeQuestion) or request.prior is not None:
        raise ValueError("a whole series goes with a draft or a free question, and without an earlier picture")
    entry, places, numbered = facts(engine.spec.recipe), None, None
    with closing(open(request.path)) as source:
        now = known(source, request.said)
        must_suit(entry, now.kind)
        if now.kind in ("ct", "mr"):
            sent = volumes.pictures(source, request.frame, entry, on_progress, cancel, request.tails)
            numbered = volumes.numbered(source, request.frame, entry)
        elif now.kind == "slide" and source.kind == "slide":
            places = request.fields or slide_fields.choose(
                source, entry, engine, request.power, on_progress, cancel, request.frame
            )
            if len(places.places) > slide_fields.most(entry):
                raise ValueError(
                    f"{entry.id} reads {slide_fields.most(entry)} fields at most, and {len(places.places)} were chosen"
                )
            sent = slide_fields.pictures(source, places, on_progress, cancel)
        else:
            sent = cine_frames.pictures(source, request, entry, on_progress, cancel)
            numbered = cine_frames.numbered(source, request)
        region = Region.whole(source.size, request.frame)
    warned = _warnings(request.question, engine, sent, now)
    answer = _warned(engine.answer(request.question, sent, on_progress=on_progress, cancel=cancel), warned)
    return Result(request, answer, sent, region, Squares(sent, engine.spec.recipe), fields=places, numbered=numbered)


class Squares(Sequence[NDArray[np.uint8]]):
    """Pictures as `model` got them, each made when it is asked for."""

    def __init__(self, pictures: Sequence[Picture], model: str) -> None:
        self._pictures, self._model = pictures, model

    def __len__(self) -> int:
        return len(self._pictures)

    @overload
    def __getitem__(self, at: int) -> NDArray[np.uint8]: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[NDArray[np.uint8]]: ...
    def __getitem__(self, at: int | slice) -> NDArray[np.uint8] | Sequence[NDArray[np.uint8]]:
        return Squares(self._pictures[at], self._model) if isinstance(at, slice) else saw(self._pictures[at], self._model)


def _warnings(
    question: Question, engine: AnyEngine, pictures: Sequence[Picture], now: Known, before: Known | None = None
) -> tuple[str, ...]:
    """What lies outside of what the model was trained for; known before it is asked."""
    written = isinstance(question, Written)
    model = engine.spec.recipe if written else engine.spec.encoder
    return guards.warnings(question, model, side(model) if pictures else 0, pictures, now, before)


def _warned(answer: A, warnings: tuple[str, ...]) -> A:
    """The answer with what is to be said on it."""
    return replace(answer, receipt=replace(answer.receipt, warnings=warnings)) if warnings else answer


def _must_suit(question: Question, kind: Modality) -> None:
    """Raises LabelSetError where labels were made for another kind of picture: their scores would look like any others."""
    if isinstance(question, LabelQuestion) and question.label_set.modality != kind:
        made_for = KINDS.get(question.label_set.modality, question.label_set.modality)
        name = question.label_set.name
        raise LabelSetError(
            f"the label set {name} was made for {made_for}, and this picture is one of {KINDS[kind]}; name another"
        )


def clipped(region: Region, source: Source) -> Region:
    """`region` cut to the picture; raises ValueError where they do not touch."""
    inside = region.intersection(Region.whole(source.size))
    if inside is None:
        raise ValueError(f"the region {region} lies outside the picture of {source.size.width} × {source.size.height} pixels")
    if region.frame >= source.frames:
        raise ValueError(f"frame {region.frame} was asked for; {source.name} has {source.frames}, counted from 0")
    return inside


def model_picture(
    source: Source,
    region: Region,
    question: Question | None = None,
    ct_windows: str = "",
    said: Modality | None = None,
) -> Picture:
    """What a model gets of `region` before padding: independent of the screen's window and zoom. `said` is what the reader says
    the picture is.

    Slides are read at most `LONGEST` pixels wide; greyscale DICOM goes through `inference.preprocess`, at full size, CT through
    the windows that the model's entry names.
    """
    from app import model_pixels

    if source.kind == "waveform":
        raise OutsideTraining(NO_TRACE)
    must_agree(source, said)
    plain = said not in (None, "cxr") and named_modality(source) is None
    if not plain and (grey := model_pixels.greyscale(source, region, ct_windows or model_pixels.CT_WINDOWS)):
        return grey
    size = region.size.fitted(LONGEST if _needs_detail(question) else LONGEST // 2)
    pixels = source.read(region, size)
    modality, step = modality_of(source, said=said)
    shrunk = f"region {region} read at {size.width} × {size.height} pixels"
    steps = (step, shrunk, *source.steps, *told(source))
    return Picture(pixels, modality, mpp=_mpp(source, region, size), steps=steps)


def _page(source: Source) -> Modality:
    """Who asks for a table says that the picture is a page. Raises ValueError for what says itself that it is none."""
    named = named_modality(source)
    if named is not None and named[0] != "document":
        raise ValueError(f"a table is read from a page, and {source.name} is none ({named[1]}); open the page as a picture")
    return "document"


def _needs_detail(question: Question | None) -> bool:
    return isinstance(question, HeatmapQuestion | LabelQuestion | BoxQuestion | TableQuestion)


def _mpp(source: Source, region: Region, size: Size) -> float | None:
    return None if source.spacing is None else source.spacing.mpp * region.width / size.width


def as_model(source: Source, region: Region, model: str) -> NDArray[np.uint8]:
    """Exactly what the catalogue's `model` gets of `region`: uint8 (side, side, 3), padded and resized. Raises OutsideTraining
    for a kind of picture that the model was not made for: it is given none."""
    picture = model_picture(source, region, ct_windows=facts(model).ct_windows)
    must_suit(facts(model), picture.modality)
    return saw(picture, model)


def saw(picture: Picture, model: str) -> NDArray[np.uint8]:
    """A picture as `model` sees it: uint8 (side, side, 3)."""
    from inference.preprocess.padding import pad_square, resize

    return resize(pad_square(picture.pixels), side(model), facts(model).resize)
