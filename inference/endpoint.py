"""A server as another engine: it writes what the drafter would, from the same pictures and words. The rest stays here.

The server speaks OpenAI's chat completions (vLLM, llama-server, LM Studio, Ollama). It gets each picture as a PNG of the very
pixels that the recipe's drafter would see here. No model library is imported for it.
"""

from __future__ import annotations

import base64
import io
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inference import boxes, catalogue, forms, lengths, prompts, receipts
from inference.answers import Answer, Draft, EngineState, Finish, Progress
from inference.endpoint_talk import Interrupted, Limits, Talk, server_error
from inference.engine import AnyEngine, Engine, EngineSpec, quiet
from inference.errors import Cancelled, InferenceError, ModelFailed, ModelRefused, WrongName
from inference.preprocess.padding import Padding, pad_square, resize
from inference.questions import BoxQuestion, Decoding, Picture, Question, Written
from inference.textstream import CONTROL, PieceStream

NOT_STARTED = EngineState("not started", (), 0, 0)
PACKAGES = ("hilum", "requests", "pillow")
NAMED = 120
"""Letters of a model's name as a server tells it."""
PICTURE_TOKENS = 64
"""No model that reads a picture spends fewer on it; MedGemma spends 256."""


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
            if stop.is_set():
                raise Cancelled("stopped on request")
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
        return tuple(_named(one["id"]) for one in listed[:100] if isinstance(one, dict) and isinstance(one.get("id"), str))

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
        messages = _harmless(prompts.messages(question, pictures, entry))
        if messages[0][0] == "plain":
            raise ModelRefused(f"{recipe} takes no turns, so a chat endpoint cannot serve it; choose an instruction-tuned recipe")
        side = catalogue.side(recipe) if pictures else 0
        asked = self.endpoint.model or self._only(cancel)
        decoding = replace(question.decoding, max_tokens=lengths.most(question, entry))
        schema = forms.form(question)
        thinking = lengths.trace(question, entry)
        most = decoding.max_tokens + thinking
        body = {
            "model": asked, "messages": _chat(messages, pictures, side, entry, on_progress, cancel), "stream": True,
            "stream_options": {"include_usage": True}, "temperature": decoding.temperature, "seed": decoding.seed,
            "max_tokens": most,
        }  # fmt: skip
        if schema is not None:
            named = {"name": "table", "strict": True, "schema": schema}
            body["response_format"] = {"type": "json_schema", "json_schema": named}
        on_progress(Progress(f"asking {self.endpoint.address}", 0, decoding.max_tokens))
        heard = _Heard(self.endpoint.address, decoding, most, on_progress, thinking)
        with closing(Talk(self.endpoint, self._key, "chat/completions", body, len(pictures), self._limits, cancel)) as talk:
            self._listen(talk, heard)
        heard.must_be_an_answer(_least(messages, len(pictures)))
        self._model = heard.model or asked
        if schema is not None:
            _must_be_whole(heard, schema)
        found = boxes.parse(heard.text, Padding(*pictures[0].pixels.shape[:2])) if isinstance(question, BoxQuestion) else ()
        steps = [f"{asked} was asked for, the server calls it {self._model}"] if self._model != asked else []
        if heard.finish == "interruption":
            steps.append(f"the answer is incomplete: {heard.trouble}")
        receipt = receipts.receipt(
            _Served(replace(entry, id=self._model, remark=self._remark()), side), "unknown", pictures, began,
            quantisation="unknown", dtype="as the server chose", device=self.endpoint.address, prompt=_shown(messages),
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

    def _listen(self, talk: Talk, heard: _Heard) -> None:
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


@dataclass(slots=True)
class _Heard:
    """What a server has said so far. Raises ModelFailed for what is no chat completion."""

    host: str
    decoding: Decoding
    most: int
    on_progress: Callable[[Progress], None]
    thinking: int
    """The most a trace may take, as the server was asked for; it cannot be closed from here."""
    stream: PieceStream = field(default_factory=PieceStream)
    model: str = ""
    finish: Finish = "stop"
    ended: bool = False
    trouble: str = ""
    began: float = 0.0
    pieces: int = 0
    written: int = 0
    counted: int = 0
    read: int = 0

    @property
    def text(self) -> str:
        return self.stream.answer

    @property
    def tokens(self) -> int:
        """As the server counted them, else the pieces that came."""
        return self.counted or self.pieces

    @property
    def enough(self) -> bool:
        """A server that does not heed the limit is not heard further."""
        over = not self.ended and (self.written >= self.decoding.max_tokens or self.pieces >= self.most)
        if over:
            self.ended, self.finish = True, "length"
            self.stream.finish()
        return over

    def take(self, value: Any) -> bool:
        """One value; whether it brought a word."""
        if not isinstance(value, dict):
            raise ModelFailed(f"{self.host} sends what is no chat completion; ask who runs it, or try another server")
        if value.get("error"):
            raise server_error(self.host, value)
        if isinstance(value.get("model"), str):
            self.model = _named(value["model"]) or self.model
        usage = value.get("usage")
        if isinstance(usage, dict):
            self.counted, self.read = _count(usage.get("completion_tokens")), _count(usage.get("prompt_tokens"))
        choices = value.get("choices")
        if not isinstance(choices, list) or not choices or self.ended:
            return False
        choice = choices[0] if isinstance(choices[0], dict) else {}
        said = choice.get("delta") or choice.get("message")
        heard = self._words(said) if isinstance(said, dict) else False
        if choice.get("finish_reason"):
            self._end(choice["finish_reason"])
        return heard

    def _words(self, said: dict[str, Any]) -> bool:
        thought = said.get("reasoning_content") or said.get("reasoning")
        words = said.get("content")
        if isinstance(thought, str) and thought:
            self.stream.think(thought)
            self._tell("thinking", thought)
        if isinstance(words, str) and words:
            for number, (thinking, text) in enumerate(self.stream.feed(words)):
                self._tell("thinking" if thinking else "writing", text, counts=not number)
        return bool(thought or words)

    def _tell(self, stage: str, text: str, *, counts: bool = True) -> None:
        self.began = self.began or time.monotonic()
        self.pieces += counts
        self.written += counts and stage == "writing"
        rate = (self.pieces - 1) / max(time.monotonic() - self.began, 1e-9)
        done = self.written if stage == "writing" else self.pieces - self.written
        most = self.decoding.max_tokens if stage == "writing" else self.thinking
        self.on_progress(Progress(stage, done, most, text, rate))

    def _end(self, reason: object) -> None:
        if reason not in ("stop", "length", "eos"):
            words = _named(str(reason))
            raise ModelFailed(
                f"{self.host} ended the answer for a reason of its own ({words}); it is not used, ask in other words"
            )
        self.ended, self.finish = True, "length" if reason == "length" else "stop"
        self.stream.finish()

    def cut(self, error: Interrupted) -> None:
        """The connection is gone: what came stays, marked. Raises `error` where nothing of an answer came."""
        if self.ended:
            return
        self.ended, self.finish, self.trouble = True, "interruption", str(error)
        self.stream.finish()
        if not self.text:
            raise error

    def must_be_an_answer(self, least: int) -> None:
        """Raises ModelFailed for one that is empty, that is a trace without its marks, or that was written without sight of the
        pictures: it would look like a finding, or like none. `least` is what the question takes in tokens."""
        if 0 < self.read < least:
            raise ModelFailed(
                f"{self.host} read {self.read} tokens, fewer than pictures and question have, so the model did not see them; "
                "start it with the model's vision part, or choose another model"
            )
        if self.text.startswith("thought\n") and not self.stream.thought:
            raise ModelFailed(
                f"{self.host} sends the model's thinking and its answer unseparated; let it keep the marks "
                "<unused94> and <unused95>, or send reasoning_content"
            )
        if not self.text:
            much = " but its thinking" if self.stream.thought else ""
            limit = " before its limit; allow more tokens" if self.finish == "length" else "; ask again, or in other words"
            raise ModelFailed(f"{self.host} wrote nothing{much}{limit}")


def _must_be_whole(heard: _Heard, schema: Mapping[str, Any]) -> None:
    """A server need not heed a schema: half a table, or one of another form, would look like the sheet. Raises ModelFailed."""
    if heard.finish != "stop":
        why = heard.trouble or "it came to the limit of tokens"
        raise ModelFailed(f"{heard.host} did not write the table to its end ({why}); read a part of the page at a time")
    try:
        forms.fitting(heard.text, schema)
    except ModelFailed as error:
        raise ModelFailed(f"{heard.host} does not keep to the form asked for, so its answer is not used: {error}") from error


def _harmless(messages: Sequence[prompts.Message]) -> tuple[prompts.Message, ...]:
    """Without the control tokens that words may spell: a server would take them for its own."""
    return tuple((role, tuple(part and CONTROL.sub(" ", part) for part in parts)) for role, parts in messages)


def _chat(
    messages: Sequence[prompts.Message],
    pictures: Sequence[Picture],
    side: int,
    entry: catalogue.Entry,
    on_progress: Callable[[Progress], None],
    cancel: threading.Event,
) -> list[dict[str, Any]]:
    numbered = iter(enumerate(pictures))

    def part(text: str | None) -> dict[str, Any]:
        if text is not None:
            return {"type": "text", "text": text}
        number, picture = next(numbered)
        if cancel.is_set():
            raise Cancelled("stopped on request")
        on_progress(Progress("preparing pictures", number, len(pictures)))
        return {"type": "image_url", "image_url": {"url": _png(resize(pad_square(picture.pixels), side, entry.resize))}}

    chat: list[dict[str, Any]] = []
    for role, parts in messages:
        plain = role != "user"  # some templates take messages without pictures as plain text only
        chat.append({"role": role, "content": "".join(filter(None, parts)) if plain else [part(one) for one in parts]})
    return chat


def _png(pixels: NDArray[np.uint8]) -> str:
    """uint8 (S, S, 3) as a data URL (RFC 2397), without loss."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", compress_level=1)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def _shown(messages: Sequence[prompts.Message]) -> str:
    """The messages as a person reads them; the server puts its own control tokens around."""
    return "\n".join(f"[{role}] " + "\n".join("<picture>" if one is None else one for one in parts) for role, parts in messages)


def _least(messages: Sequence[prompts.Message], pictures: int) -> int:
    """Tokens that messages take at the least: one a word."""
    return sum(len(part.split()) for _, parts in messages for part in parts if part) + PICTURE_TOKENS * pictures


def _listed(models: Sequence[str]) -> str:
    return ", ".join(models[:10]) or "none"


def _named(name: str) -> str:
    return "".join(one for one in name if one.isprintable())[:NAMED].strip()


def _count(value: object) -> int:
    return value if type(value) is int and 0 <= value < 2**31 else 0
