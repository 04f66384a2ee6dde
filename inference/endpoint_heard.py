"""What a model server has said so far, piece by piece: kept, counted, and refused where it is no answer to what was asked."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from inference import forms
from inference.answers import Finish, Progress
from inference.endpoint_talk import Interrupted, server_error
from inference.errors import ModelFailed
from inference.questions import Decoding
from inference.textstream import PieceStream

NAMED = 120
"""Letters of a model's name as a server tells it."""


@dataclass(slots=True)
class Heard:
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
            self.model = named(value["model"]) or self.model
        usage = value.get("usage")
        if isinstance(usage, dict):
            self.counted, self.read = count(usage.get("completion_tokens")), count(usage.get("prompt_tokens"))
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
            words = named(str(reason))
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


def must_be_whole(heard: Heard, schema: Mapping[str, Any]) -> None:
    """A server need not heed a schema: half a table, or one of another form, would look like the sheet. Raises ModelFailed."""
    if heard.finish != "stop":
        why = heard.trouble or "it came to the limit of tokens"
        raise ModelFailed(f"{heard.host} did not write the table to its end ({why}); read a part of the page at a time")
    try:
        forms.fitting(heard.text, schema)
    except ModelFailed as error:
        raise ModelFailed(f"{heard.host} does not keep to the form asked for, so its answer is not used: {error}") from error


def named(name: str) -> str:
    """As it can be shown."""
    return "".join(one for one in name if one.isprintable())[:NAMED].strip()


def count(value: object) -> int:
    """0 for what is none."""
    return value if type(value) is int and 0 <= value < 2**31 else 0
