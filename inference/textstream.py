"""From token ids to text as it is written: whole characters only, control tokens never, the thinking trace apart."""

from __future__ import annotations

import codecs
import re
from typing import Any

THOUGHT, ANSWER = "<unused94>", "<unused95>"
"""MedGemma writes `<unused94>thought\\n…<unused95>answer`."""
_BYTE = re.compile(r"<0x([0-9A-F]{2})>")


class TextStream:
    """Feed it ids; `answer` and `thought` grow. A character of several bytes appears when its last byte has come.

    Works on the pieces of a Gemma vocabulary: `▁` for a space, `<0xNN>` for a byte, everything else as it is.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._control = set(tokenizer.all_special_tokens) | set(tokenizer.get_added_vocab())
        self._bytes = codecs.getincrementaldecoder("utf-8")("replace")
        self.thinking = False
        self.answer = ""
        self.thought = ""

    def feed(self, token: int) -> str:
        """The text that this token adds to what is being written now; often empty."""
        piece = str(self._tokenizer.convert_ids_to_tokens(token))
        if found := _BYTE.fullmatch(piece):
            return self._add(self._bytes.decode(bytes.fromhex(found[1])))
        rest = self._add(self._bytes.decode(b"", final=True))
        self._bytes.reset()
        if piece == THOUGHT:
            self.thinking = True
            return ""
        if piece == ANSWER:
            self._close_thought()
            return ""
        return rest if piece in self._control else rest + self._add(piece.replace("▁", " "))

    def finish(self) -> None:
        """No more tokens come: a character that was never finished shows as U+FFFD."""
        self._add(self._bytes.decode(b"", final=True))
        self.thought = self.thought.removeprefix("thought\n").strip()
        self.answer = self.answer.strip()

    def _add(self, text: str) -> str:
        if self.thinking:
            self.thought += text
        else:
            self.answer += text
        return text

    def _close_thought(self) -> None:
        """Everything before the mark was thought, also where the opening mark was left out."""
        self.thought += self.answer
        self.answer = ""
        self.thinking = False
