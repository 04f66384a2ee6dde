"""A server as another engine: it writes what the drafter would, from the same pictures and words. The rest stays here.

The server speaks OpenAI's chat completions (vLLM, llama-server, LM Studio, Ollama). It gets each picture as a PNG of the very
pixels that the recipe's drafter would see here. No model library is imported for it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

from inference import boxes, catalogue, endpoint_messages, forms, lengths, prompts, receipts
from inference.answers import Answer, Draft, EngineState, Progress
from inference.endpoint_heard import Heard, must_be_whole, named
from inference.endpoint_talk import Interrupted, Limits, Talk
from inference.engine import AnyEngine, Engine, EngineSpec, quiet
from inference.errors import InferenceError, ModelFailed, ModelRefused, WrongName, look
from inference.preprocess.padding import Padding
from inference.questions import BoxQuestion, Picture, Question, Written

NOT_STARTED = EngineState("not started", (), 0, 0)
PACKAGES = ("hilum", "requests", "pillow")


class EndpointEngine:
    """`answer`, `state` and `close` as `Engine`. Labels, heatmaps and embeddings go to `local`, which is made when first asked.

    `key` is what the server wants as a bearer token. Cancelling takes effect within 200 ms: the connection is closed.
    """

    def __init__(
        self, spec: EngineSpec, local: Callable[[EngineSpec], AnyEngine] = Engine, key: str = "", limits: Limits | None = None
    ) -> None:
        if spec.endpoint is None:
            raise ValueError("an endpoint engine needs an endpoint")
        self.spec, self.endpoint = spec, spec.endpoint
        self._make, self._key, self._limits = local, key, limits or Limits()
        self._local: AnyEngine | None = None
        self._lock = threading.Lock()
        self._model = self.endpoint.model

    def answer(
        self,
        question: Question,
        pictures: Sequence[Picture],
        *,
        on_progress: Callable[[Progress], None] = quiet,
        cancel: threading.Event | None = None,
    ) -> Answer:
        """As `Engine.answer`. A text that the server did not end itself comes as a Draft whose `finish` says so."""
        stop = cancel or threading.Event()
        with self._lock:
            look(stop)
            if not isinstance(question, Written):
                self._local = self._local or self._make(replace(self.spec, endpoint=None))
                return self._local.answer(question, pictures, on_progress=on_progress, cancel=stop)
            try:
                return self._written(question, pictures, on_progress, stop)
            except InferenceError:
                raise
            except (RuntimeError, ValueError, TypeError, KeyError, IndexError, OSError, MemoryError) as error:
                words = " ".join(str(error).split())[:300] or type(error).__name__
                raise ModelFailed(f"{self.endpoint.address} could not be asked ({words}); ask again, and report it") from error

    def models(self, cancel: threading.Event | None = None) -> tuple[str, ...]:
        """What the server says it has, at most 100. Raises InferenceError."""
        stop = cancel or threading.Event()
        limits = replace(self._limits, first_s=min(self._limits.first_s, 20.0))
        with closing(Talk(self.endpoint, self._key, "models", None, 0, limits, stop)) as talk:
            found = next(iter(talk), None)
        listed = found.get("data") if isinstance(found, dict) else None
        if not isinstance(listed, list):
            raise ModelFailed(f"{self.endpoint.address} gives no list of models; give the address of an OpenAI-compatible server")
        return tuple(named(one["id"]) for one in listed[:100] if isinstance(one, dict) and isinstance(one.get("id"), str))

    def state(self) -> EngineState:
        """Who writes, and what of this machine is loaded beside."""
        state = NOT_STARTED if self._local is None else self._local.state()
        return replace(state, answers_from=f"{self.endpoint.address} · {self._model or 'its only model'}")

    def kill(self) -> None:
        """End the process of the local engine, where it has one."""
        kill = getattr(self._local, "kill", None)
        if kill is not None:
            kill()

    def close(self) -> None:
        if self._local is not None:
            self._local.close()
        self._local = None

    def _written(
        self,
        question: Written,
        pictures: Sequence[Picture],
        on_progress: Callable[[Progress], None],
        cancel: threading.Event,
    ) -> Draft:
        began = time.monotonic()
        recipe = self.endpoint.recipe
        entry = catalogue.facts(recipe)
        if entry.role != "drafter":
            raise WrongName(f"{recipe} writes nothing, so it is no recipe for an endpoint; choose a drafter of the catalogue")
        for picture in pictures:
            catalogue.must_suit(entry, picture.modality)
        lengths.must_fit(question, len(pictures), entry, catalogue.folder(recipe))
        messages = endpoint_messages.harmless(prompts.messages(question, pictures, entry))
        if messages[0][0] == "plain":
            raise ModelRefused(f"{recipe} takes no turns, so a chat endpoint cannot serve it; choose an instruction-tuned recipe")
        side = catalogue.side(recipe) if pictures else 0
        asked = self.endpoint.model or self._only(cancel)
        decoding = replace(question.decoding, max_tokens=lengths.most(question, entry))
        schema = forms.form(question)
        thinking = lengths.trace(question, entry)
        most = decoding.max_tokens + thinking
        body = {
            "model": asked, "messages": endpoint_messages.chat(messages, pictures, side, entry, on_progress, cancel),
            "stream": True, "stream_options": {"include_usage": True}, "temperature": decoding.temperature,
            "seed": decoding.seed, "max_tokens": most,
        }  # fmt: skip
        if schema is not None:
            body["response_format"] = {
                "type": "json_schema",
                "json_schema": {"name": "table", "strict": True, "schema": schema},
            }
        on_progress(Progress(f"asking {self.endpoint.address}", 0, decoding.max_tokens))
        heard = Heard(self.endpoint.address, decoding, most, on_progress, thinking)
        with closing(Talk(self.endpoint, self._key, "chat/completions", body, len(pictures), self._limits, cancel)) as talk:
            self._listen(talk, heard)
        heard.must_be_an_answer(endpoint_messages.least(messages, len(pictures)))
        self._model = heard.model or asked
        if schema is not None:
            must_be_whole(heard, schema)
        found = boxes.parse(heard.text, Padding(*pictures[0].pixels.shape[:2])) if isinstance(question, BoxQuestion) else ()
        steps = [f"{asked} was asked for, the server calls it {self._model}"] if self._model != asked else []
        if heard.finish == "interruption":
            steps.append(f"the answer is incomplete: {heard.trouble}")
        receipt = receipts.receipt(
            _Served(replace(entry, id=self._model, remark=self._remark()), side), "unknown", pictures, began,
            quantisation="unknown", dtype="as the server chose", device=self.endpoint.address,
            prompt=endpoint_messages.shown(messages),
            own_steps=(*receipts.square_steps(_Served(entry, side))[:2], "sent as PNG") if pictures else (),
            seed=decoding.seed, tokens=heard.tokens,
            thinking_tokens=min(heard.tokens, heard.pieces - heard.written), steps=steps, packages=PACKAGES,
        )  # fmt: skip
        verdict = prompts.verdict(question, heard.text, entry)
        return Draft(heard.text, heard.stream.thought, heard.finish, found, receipt, verdict)

    def _remark(self) -> str:
        return (
            f"answered by the endpoint {self.endpoint.address} with the recipe of {self.endpoint.recipe}; "
            "Hilum cannot vouch for the model and the quantisation behind it"
        )

    def _only(self, cancel: threading.Event) -> str:
        known = self.models(cancel)
        if not known:
            raise WrongName(f"{self.endpoint.address} lists no model; let it load one, or name the one that it has")
        if len(known) > 1:
            raise WrongName(f"{self.endpoint.address} has {len(known)} models; name one of them: {_listed(known)}")
        return known[0]

    def _listen(self, talk: Talk, heard: Heard) -> None:
        try:
            for value in talk:
                if heard.take(value):
                    talk.heard()
                if heard.enough:
                    return
                if heard.ended:  # the counts may still come
                    talk.last()
            if not heard.ended:
                raise Interrupted(f"{self.endpoint.address} closed the connection before the answer was whole; ask again")
        except Interrupted as error:
            heard.cut(error)
        except WrongName as error:
            raise WrongName(f"{error}; it has: {_listed(self.models())}") from None


@dataclass(slots=True)
class _Served:
    """What a receipt needs of a model that is not here."""

    entry: catalogue.Entry
    side: int


def _listed(models: Sequence[str]) -> str:
    return ", ".join(models[:10]) or "none"
