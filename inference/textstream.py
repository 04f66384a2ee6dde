"""From tokens to text as it is written: whole characters only, control tokens never, the thinking trace apart."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from typing import Any

THOUGHT, ANSWER = "<unused94>", "<unused95>"
"""MedGemma writes `<unused94>thought\\n…<unused95>answer`."""
BYTE = re.compile(r"<0x([0-9A-F]{2})>")
_NAMES = "start_of_turn|end_of_turn|start_of_image|end_of_image|image_soft_token|bos|eos|pad|unk|mask"
CONTROL = re.compile(rf"<(?:unused\d{{1,4}}|{_NAMES})>")
"""The control tokens of a Gemma vocabulary as text."""
_PERHAPS = re.compile(r"<[a-z0-9_]{0,16}$")
"""What may be the beginning of one."""


def control_pieces(tokenizer: Any) -> set[str]:
    """The pieces that are no text. Gemma's added pieces also hold runs of line ends and of spaces, which are."""
    return set(tokenizer.all_special_tokens) | {piece for piece in tokenizer.get_added_vocab() if piece.strip("▁ \n\t\r")}


class Trace:
    """`answer` and `thought` grow; `thinking` says which of the two is being written."""

    def __init__(self) -> None:
        self.thinking = False
        self.answer = ""
        self.thought = ""

    def finish(self) -> None:
        """No more comes."""
        self.thought = self.thought.removeprefix("thought\n").strip()
        self.answer = self.answer.strip()

    def _add(self, text: str) -> str:
        if self.thinking:
            self.thought += text
        else:
            self.answer += text
        return text

    def _mark(self, mark: str) -> bool:
        """Heed a mark of the trace; whether it was one."""
        if mark == THOUGHT:
            self.thinking = True
        elif mark == ANSWER:  # everything before it was thought, also where the opening mark was left out
            self.thought += self.answer
            self.answer, self.thinking = "", False
        return mark in (THOUGHT, ANSWER)


class TextStream(Trace):
    """Feed it ids. A character of several bytes appears when its last byte has come.

    Works on the pieces of a Gemma vocabulary: `▁` for a space, `<0xNN>` for a byte, everything else as it is.
    """

    def __init__(self, tokenizer: Any) -> None:
        super().__init__()
        self._tokenizer = tokenizer
        self._control = control_pieces(tokenizer)
        self._bytes = codecs.getincrementaldecoder("utf-8")("replace")

    def feed(self, token: int) -> str:
        """The text that this token adds to what is being written now; often empty."""
        piece = str(self._tokenizer.convert_ids_to_tokens(token))
        if found := BYTE.fullmatch(piece):
            return self._add(self._bytes.decode(bytes.fromhex(found[1])))
        rest = self._add(self._bytes.decode(b"", final=True))
        self._bytes.reset()
        if self._mark(piece):
            return ""
        return rest if piece in self._control else rest + self._add(piece.replace("▁", " "))

    def finish(self) -> None:
        """No more tokens come: a character that was never finished shows as U+FFFD."""
        self._add(self._bytes.decode(b"", final=True))
        super().finish()


class PieceStream(Trace):
    """Feed it the text of a server, in pieces that may cut a control token anywhere."""

    def __init__(self) -> None:
        super().__init__()
        self._held = ""

    def feed(self, piece: str) -> Iterator[tuple[bool, str]]:
        """(thinking, text) of what this piece adds."""
        text = self._held + piece
        held = _PERHAPS.search(text)
        self._held = held[0] if held else ""
        text = text.removesuffix(self._held)
        start = 0
        for mark in [*CONTROL.finditer(text), None]:
            if words := text[start : mark.start() if mark else len(text)]:
                yield self.thinking, self._add(words)
            if mark:
                self._mark(mark[0])
                start = mark.end()

    def think(self, text: str) -> None:
        """A piece of the trace that the server keeps apart itself."""
        self.thought += text

    def finish(self) -> None:
        self._add(self._held)
        self._held = ""
        super().finish()
