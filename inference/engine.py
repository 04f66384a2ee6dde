"""One door to the models: a question and its pictures in, an answer with its receipt out. In this process."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, Protocol

from inference import catalogue, fitting, ladder, lengths, memory
from inference.answers import Answer, EngineState, Progress
from inference.endpoint_address import Endpoint
from inference.errors import Cancelled, InferenceError, ModelFailed, ModelRefused
from inference.kept_pictures import ON_DISK
from inference.quantisations import Quantisation
from inference.questions import Picture, Question, Written

if TYPE_CHECKING:
    from inference.medgemma import Drafter
    from inference.medsiglip import Encoder


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """What to load, and on what; plain values that fit into JSON."""

    encoder: str = "demo-encoder"
    """Catalogue id."""
    drafter: str = "demo-drafter"
    """Catalogue id."""
    quantisation: Quantisation = "none"
    """Of the drafter's decoder linears, weights only."""
    device: str = "auto"
    """"auto", "cpu" or "cuda"."""
    threads: int = 0
    """CPU threads; 0 = all cores but one, at least 1."""
    runtime: Literal["onnx", "torch"] = "onnx"
    """What runs the encoder; "onnx" falls back to torch where it must, and says so."""
    adapter: str = ""
    """Folder, or name below Hilum's own folder of adapters, of what the drafter is loaded with; "" for the drafter as it is."""
    anyway: bool = False
    """Load a drafter that does not fit into this machine's memory by prediction."""
    pictures_on_disk: int = ON_DISK
    """Bytes that the tokens of pictures read by a drafter may take on disk; 0: none are kept."""
    endpoint: Endpoint | None = None
    """Who writes instead of the drafter; see `inference.endpoint`, which alone heeds it."""

    @property
    def recipe(self) -> str:
        """Catalogue id of the drafter whose prompts, windows and pixels are used, whoever writes."""
        return self.endpoint.recipe if self.endpoint else self.drafter


class AnyEngine(Protocol):
    """What answers questions: `Engine` in this process, `inference.host.EngineProcess` across a process boundary."""

    spec: EngineSpec

    def answer(
        self,
        question: Question,
        pictures: Sequence[Picture],
        *,
        on_progress: Callable[[Progress], None] = ...,
        cancel: threading.Event | None = None,
    ) -> Answer: ...

    def state(self) -> EngineState: ...

    def close(self) -> None: ...


def quiet(progress: Progress) -> None:
    """For callers who do not watch."""


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
        self._shape: fitting.Shape | None = None
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
            if stop.is_set():
                raise Cancelled("stopped on request")
            try:
                return self._answer(question, pictures, on_progress, stop)
            except InferenceError:
                raise
            except (RuntimeError, ValueError, TypeError, KeyError, IndexError, OSError, MemoryError) as error:
                words = " ".join(str(error).split())[:300] or type(error).__name__
                raise ModelFailed(f"the model could not answer ({words}); ask again, or check the model's files") from error

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
        steps = [*self._standing]
        ways = self._ways()
        while True:
            answer = self._try(question, pictures, on_progress, cancel, began, steps)
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
            steps.append(f"out of memory: {step}")

    def _try(
        self,
        question: Written,
        pictures: Sequence[Picture],
        on_progress: Callable[[Progress], None],
        cancel: threading.Event,
        began: float,
        steps: list[str],
    ) -> Answer | None:
        """None where memory ran out; nothing of the attempt is held then."""
        try:
            steps += self._make_room(question, len(pictures), on_progress)
            drafter, revision = self._drafter = self._drafter or self._load_drafter(on_progress)
            from inference import drafting

            steps = [*steps, *self._sharing(self._encoder)]
            return drafting.answer(drafter, revision, question, pictures, on_progress, cancel, began, steps)
        except (RuntimeError, MemoryError) as error:
            if not ladder.out_of_memory(error):
                raise
        return None

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

    def _make_room(self, question: Written, pictures: int, on_progress: Callable[[Progress], None]) -> list[str]:
        """By prediction, before anything is loaded or read: refuse what this machine cannot hold, unload the encoder where both
        do not fit. Raises ModelRefused."""
        folder = catalogue.folder(self.spec.drafter)
        if self.spec.anyway or not catalogue.installed(self.spec.drafter):
            return []
        self._start()
        try:
            shape = self._shape = self._shape or fitting.shape_of(folder)
        except ModelRefused:
            return []  # loading it names the file and what is wrong with it
        each, room = ladder.place_of(self._on, shape.parameters)
        places = lengths.places(question, pictures, shape.picture_tokens, catalogue.facts(self.spec.drafter))
        sentence = fitting.sentence(
            self.spec.drafter, shape, self._quantisation, places, pictures, room, bytes_each=each
        )  # fmt: skip
        if sentence:
            raise ModelRefused(sentence)
        wanted = fitting.need(shape, self._quantisation, places, pictures, bytes_each=each)
        more = wanted.total - (wanted.weights if self._drafter is not None else 0)
        if more <= room.free:
            return []
        if self._encoder is None:
            on_progress(
                Progress(f"memory is tight: {more / fitting.GB:.1f} GB are needed, {room.free / fitting.GB:.1f} are free")
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
