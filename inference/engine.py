"""One door to the models: a question and its pictures in, an answer with its receipt out. In this process."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from inference import catalogue, fitting, ladder, lengths, memory
from inference.answers import Answer, EngineState, Progress
from inference.engine_spec import AnyEngine as AnyEngine
from inference.engine_spec import EngineSpec as EngineSpec
from inference.engine_spec import quiet as quiet
from inference.errors import Cancelled, InferenceError, ModelFailed, ModelMissing, ModelRefused, look
from inference.foresight import Foresight
from inference.questions import Picture, Question, Written

if TYPE_CHECKING:
    from inference.medgemma import Drafter
    from inference.medsiglip import Encoder


T = TypeVar("T")
Texts = Sequence[tuple[Written, Sequence[Picture]]]
"""Questions that are answered in words, each with its pictures."""


class Engine:
    """Answers one question at a time; a model is loaded when first asked for, and stays until `close`.

    `answer` may be called from several threads: they wait for each other. Only errors of `inference.errors` come out.
    """

    def __init__(self, spec: EngineSpec | None = None) -> None:
        self.spec = spec or EngineSpec()
        self._lock = threading.Lock()
        self._encoder: tuple[Encoder, str] | None = None
        self._drafter: tuple[Drafter, str] | None = None
        self._device = self.spec.device
        self._on: str = self.spec.device
        self._quantisation: str = self.spec.quantisation
        self._foresight = Foresight(self.spec.drafter, self._start, anyway=self.spec.anyway)
        self._spared = 0
        """Bytes that encoder and drafter hold together, since the second of them was loaded."""
        self._standing: tuple[str, ...] = ()
        """What was given up for good, for every receipt from then on."""
        self._threads = 0

    def answer(
        self,
        question: Question,
        pictures: Sequence[Picture],
        *,
        on_progress: Callable[[Progress], None] = quiet,
        cancel: threading.Event | None = None,
    ) -> Answer:
        """The answer to `question` about `pictures`. `on_progress` is called in this thread; text of the stage "writing" is
        the answer as it grows, that of "thinking" is the trace. Raises Cancelled within 200 ms of `cancel` being set."""
        stop = cancel or threading.Event()
        with self._lock:
            look(stop)
            return _guarded(partial(self._answer, question, pictures, on_progress, stop))

    def answer_together(
        self,
        asked: Sequence[tuple[Question, Sequence[Picture]]],
        *,
        on_progress: Callable[[Progress], None] = quiet,
        cancel: threading.Event | None = None,
    ) -> list[Answer | InferenceError]:
        """The answers to several questions, in order; what went wrong with one stands in its place. Those in words are written
        together, as many as memory allows. Raises Cancelled, and ModelMissing and ModelRefused, which concern all."""
        stop, began = cancel or threading.Event(), time.monotonic()
        found = dict[int, Answer | InferenceError]()
        written = dict[int, tuple[Written, Sequence[Picture]]]()
        for at, (question, pictures) in enumerate(asked):
            if not isinstance(question, Written):
                found[at] = _or_error(partial(self.answer, question, pictures, on_progress=on_progress, cancel=stop))
            elif (unfit := _or_error(partial(self._must_fit, question, pictures))) is not None:
                found[at] = unfit
            else:
                written[at] = question, pictures
        with self._lock:
            texts = _guarded(partial(self._together, [*written.values()], on_progress, stop, began))
        found |= dict(zip(written, texts, strict=True))
        return [found[at] for at in range(len(asked))]

    def _together(
        self,
        asked: Texts,
        on_progress: Callable[[Progress], None],
        cancel: threading.Event,
        began: float,
    ) -> list[Answer | InferenceError]:
        """As many at once as memory is predicted to hold; where it runs out all the same, half as many. One alone goes the way of
        every question."""
        counted = [(question, len(pictures)) for question, pictures in asked]
        most = self._foresight.at_once(counted, self._quantisation, self._on, loaded=self._drafter is not None)
        found = list[Answer | InferenceError]()
        bound = [f"memory for {most} texts at once, not for {len(asked)}"] if most < len(asked) else []
        made = [*self._standing]
        while len(found) < len(asked):
            part = asked[len(found) : len(found) + most]
            if len(part) == 1:
                found.append(_or_error(partial(self._answer, *part[0], on_progress, cancel)))
                continue
            longest = max(part, key=lambda one: len(one[1]))

            def write(
                drafter: Drafter, revision: str, steps: Sequence[str], part: Texts = part, bound: Sequence[str] = bound
            ) -> Sequence[Answer | InferenceError]:
                from inference import drafting

                return drafting.answers(drafter, revision, part, on_progress, cancel, began, (*steps, *bound))

            answers = ladder.tried(partial(self._of_drafter, *longest, on_progress, made, write))
            if answers is None:
                memory.give_back(self._device)
                most = (len(part) + 1) // 2
                bound = [f"out of memory: {most} written together in place of {len(asked)}"]
                on_progress(Progress(bound[0]))
            else:
                found += answers
        return found

    def warm(self) -> None:
        """Import what every question needs, so that the first one does not wait for it."""
        self._start()

    def state(self) -> EngineState:
        """What is loaded and how much memory it takes; safe from any thread, never waits for an answer."""
        loaded = [one[0].entry for one in (self._encoder, self._drafter) if one is not None]
        used, total = memory.used(self._device)
        remarks = dict.fromkeys(entry.remark for entry in loaded if entry.remark)
        if self._encoder is not None:
            remarks |= dict.fromkeys(self._sharing(self._drafter))
        return EngineState(self._device, tuple(entry.id for entry in loaded), used, total, "; ".join(remarks))

    def close(self) -> None:
        """Forget the models; the next question loads them again."""
        with self._lock:
            self._encoder = self._drafter = None
            memory.give_back(self._device)

    def _answer(
        self, question: Question, pictures: Sequence[Picture], on_progress: Callable[[Progress], None], cancel: threading.Event
    ) -> Answer:
        began = time.monotonic()
        self._must_fit(question, pictures)
        if isinstance(question, Written):
            return self._written(question, pictures, on_progress, cancel, began)
        encoder, revision = self._encoder = self._encoder or self._load_encoder(on_progress)
        from inference import encoding

        return encoding.answer(
            encoder, revision, question, pictures, on_progress, cancel, began, self._sharing(self._drafter)
        )  # fmt: skip

    def _written(
        self,
        question: Written,
        pictures: Sequence[Picture],
        on_progress: Callable[[Progress], None],
        cancel: threading.Event,
        began: float,
    ) -> Answer:
        """Where memory runs out something is given up, shown, written into the receipt, and the question asked again."""
        made, ways = [*self._standing], self._ways()

        def write(drafter: Drafter, revision: str, steps: Sequence[str]) -> Answer:
            from inference import drafting

            return drafting.answer(drafter, revision, question, pictures, on_progress, cancel, began, steps)

        while True:
            answer = ladder.tried(partial(self._of_drafter, question, pictures, on_progress, made, write))
            if answer is not None:
                return answer
            step = next(ways, "")
            if not step:
                raise ModelFailed(
                    f"{self.spec.drafter} needs more memory than is free, and nothing is left to give up; close other programs, "
                    "send fewer pictures or choose a smaller model"
                )
            memory.give_back(self._device)
            on_progress(Progress(f"out of memory: {step}"))
            made.append(f"out of memory: {step}")

    def _of_drafter(
        self,
        question: Written,
        pictures: Sequence[Picture],
        on_progress: Callable[[Progress], None],
        made: list[str],
        ask: Callable[[Drafter, str, Sequence[str]], T],
    ) -> T:
        """What `ask` gives of the drafter, its revision and the steps for a receipt: those that were `made` so far, to which come
        those that have to be made now."""
        made += self._make_room(question, pictures, on_progress)
        drafter, revision = self._drafter = self._drafter or self._load_drafter(on_progress)
        return ask(drafter, revision, [*made, *self._sharing(self._encoder)])

    def _ways(self) -> Iterator[str]:
        """What can be given up, done one after the other as it is asked for; the drafter is loaded again where it must be."""
        if self._drafter is not None and self._drafter[0].forget():
            yield "what was kept of earlier questions was let go"
        if self._drafter is not None and self._drafter[0].shrink():
            yield "prompts are read in smaller pieces"
        if self._encoder is not None:
            self._encoder = None
            yield f"{self.spec.encoder} was unloaded"
        for kind in ladder.lower(self._quantisation):
            self._drafter, self._quantisation = None, kind
            self._standing = (f"an earlier question ran out of memory: {kind} in place of {self.spec.quantisation}",)
            yield f"{self.spec.drafter} was loaded again in {kind}"
        if self._device.startswith("cuda"):
            self._drafter, self._quantisation, self._on = None, self.spec.quantisation, "cpu"
            self._standing = ("an earlier question ran out of the card's memory: the processor writes",)
            yield f"{self.spec.drafter} runs on the processor, much slower"

    def _make_room(self, question: Written, shown: Sequence[Picture], on_progress: Callable[[Progress], None]) -> list[str]:
        """By prediction, before anything is loaded or read: refuse what this machine cannot hold, unload the encoder where both
        do not fit. Raises ModelRefused."""
        short = self._foresight.short(question, len(shown), self._quantisation, self._on, loaded=self._drafter is not None)
        if short is None:
            return []
        if self._encoder is None:
            on_progress(
                Progress(f"memory is tight: {short[0] / fitting.GB:.1f} GB are needed, {short[1] / fitting.GB:.1f} are free")
            )
            return []
        self._encoder = None
        memory.give_back(self._device)
        on_progress(Progress(f"{self.spec.encoder} was unloaded to make room"))
        return [f"{self.spec.encoder} was unloaded to make room"]

    def _must_fit(self, question: Question, pictures: Sequence[Picture]) -> None:
        """Before anything is loaded: whether the model was made for such pictures and reads so many words."""
        written = isinstance(question, Written)
        loaded, model = (self._drafter, self.spec.drafter) if written else (self._encoder, self.spec.encoder)
        entry = loaded[0].entry if loaded else catalogue.facts(model)
        for picture in pictures:
            catalogue.must_suit(entry, picture.modality)
        lengths.must_fit(question, len(pictures), entry, catalogue.folder(model))

    def _load_drafter(self, on_progress: Callable[[Progress], None]) -> tuple[Drafter, str]:
        on_progress(Progress(f"loading {self.spec.drafter}"))
        entry, folder, revision = catalogue.require(self.spec.drafter, "drafter")
        self._start()
        from inference.adapters import folder as adapters
        from inference.medgemma import Drafter

        adapter = adapters.require(self.spec.adapter, entry.id, revision) if self.spec.adapter else None
        if adapter:
            entry = replace(entry, remark="; ".join(filter(None, (entry.remark, f"with the adapter {adapter.folder.name}"))))
        made = Drafter(
            folder, entry, self._on, self._quantisation, adapter=adapter, revision=revision,
            pictures_on_disk=self.spec.pictures_on_disk,
        )  # fmt: skip
        self._share(made, self._encoder)
        return made, revision

    def _load_encoder(self, on_progress: Callable[[Progress], None]) -> tuple[Encoder, str]:
        on_progress(Progress(f"loading {self.spec.encoder}"))
        entry, folder, revision = catalogue.require(self.spec.encoder, "encoder")
        self._start()
        from inference.medsiglip import Encoder

        made = Encoder(folder, entry, revision, self.spec.device, self._threads, self.spec.runtime)
        self._share(made, self._drafter)
        return made, revision

    def _share(self, new: Encoder | Drafter, held: tuple[Encoder | Drafter, str] | None) -> None:
        """What the model that was just loaded has in common with the one that is there is held once."""
        mine, theirs = new.tower, held[0].tower if held is not None else None
        self._spared = 0
        if mine is not None and theirs is not None:
            from inference import shared_tower

            self._spared = shared_tower.share(mine, theirs)
            memory.give_back(self._device)

    def _sharing(self, other: tuple[Encoder | Drafter, str] | None) -> tuple[str, ...]:
        """For the receipt of one model, while the other is there."""
        if other is None or not self._spared:
            return ()
        return (f"one vision tower in memory with {other[0].entry.id}: {self._spared / 1e6:,.3g} MB spared",)

    def _start(self) -> None:
        """torch before anything that brings another copy of its libraries."""
        os.environ["HF_HUB_OFFLINE"] = "1"
        from inference import device

        self._threads = self._threads or device.set_threads(self.spec.threads)
        self._device = str(device.choose(self.spec.device))


_FAULTS = (*ladder.RAISED, ValueError, TypeError, KeyError, IndexError)


def _guarded(work: Callable[[], T]) -> T:
    """Only errors of `inference.errors` come out."""
    try:
        return work()
    except InferenceError:
        raise
    except _FAULTS as error:
        raise _fault(error) from error


def _or_error(work: Callable[[], T]) -> T | InferenceError:
    """What it gives, or what went wrong. Raises what concerns every question: Cancelled, ModelMissing and ModelRefused."""
    try:
        return _guarded(work)
    except (Cancelled, ModelMissing, ModelRefused):
        raise
    except InferenceError as error:
        return error


def _fault(error: Exception) -> ModelFailed:
    """What a library raised, in a sentence."""
    if ladder.out_of_memory(error):
        return ModelFailed("the models need more memory than is free; close other programs or choose smaller models")
    words = " ".join(str(error).split())[:300] or type(error).__name__
    return ModelFailed(f"the model could not answer ({words}); ask again, or check the model's files")
