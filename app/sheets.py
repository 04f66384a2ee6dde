"""A sheet as the reader has it: the rows a model copied, each proposed until a person accepts, changes or refuses it. No Qt.

Kept on disk after every change, so that nothing a person did is lost; one file for each source, named by the source's path alone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, astuple, dataclass, fields, replace
from pathlib import Path
from typing import Literal, get_args

from app import lab_sheet
from app.lab_sheet import Judged, Row
from app.storage import atomic_write, data_folder
from inference.answers import Draft

State = Literal["proposed", "accepted", "edited", "refused"]
COLUMNS = tuple(one.name for one in fields(Row))


@dataclass(frozen=True, slots=True)
class Line:
    """A row on a page (counted from 0), and whose it is: "proposed" is the model's alone."""

    row: Row
    page: int = 0
    state: State = "proposed"


@dataclass(frozen=True, slots=True)
class Sheet:
    """All rows read of one source. `model` is who copied them, with its remark; `warnings` stand on its receipt."""

    lines: tuple[Line, ...] = ()
    model: str = ""
    warnings: tuple[str, ...] = ()
    cut: bool = False
    """Whether the last page was not read to its end."""

    def read(self, draft: Draft, page: int) -> Sheet:
        """With the rows of an answer about a page. They take the place of rows of that page that nobody touched. Raises
        ModelFailed for an answer of another form."""
        new = tuple(Line(row, page) for row in lab_sheet.rows_of(draft))
        kept = [one for one in self.lines if one.page != page or one.state != "proposed"]
        receipt = draft.receipt
        model = f"{receipt.model}, {receipt.remark}" if receipt.remark else receipt.model
        lines = tuple(sorted((*kept, *new), key=lambda one: one.page))
        return Sheet(lines, model, receipt.warnings, draft.finish != "stop")

    def edited(self, at: int, column: str, text: str) -> Sheet:
        """With one cell in the reader's words; unchanged where it says the same."""
        line = self.lines[at]
        text = " ".join(text.split())
        if getattr(line.row, column) == text:
            return self
        return self._with(at, Line(replace(line.row, **{column: text}), line.page, "edited"))

    def judged_by(self, at: int, state: State) -> Sheet:
        """With one row accepted, refused or proposed again; what was edited stays edited when it is accepted."""
        line = self.lines[at]
        return self._with(at, replace(line, state="edited" if (line.state, state) == ("edited", "accepted") else state))

    def judged(self) -> tuple[Judged, ...]:
        """Every row by our own arithmetic."""
        return lab_sheet.judged([one.row for one in self.lines])

    def csv_text(self) -> str:
        """All rows but the refused ones, with the state of each."""
        names = ("page", *COLUMNS, "range check", "remark", "state")
        kept = [(line, one) for line, one in zip(self.lines, self.judged(), strict=True) if line.state != "refused"]
        lines = [(line.page + 1, *astuple(line.row), one.verdict, one.remark, line.state) for line, one in kept]
        return lab_sheet.csv_text(names, lines)

    def plain_text(self, only: Sequence[int] = ()) -> str:
        """Tabs between the cells, as spreadsheets paste them; rows numbered `only`, or all but the refused ones. A cell that a
        spreadsheet would take for a formula is marked as text, as in `csv_text`."""
        chosen = only or [at for at, one in enumerate(self.lines) if one.state != "refused"]
        return "\n".join("\t".join(map(lab_sheet.harmless, astuple(self.lines[at].row))) for at in chosen)

    def _with(self, at: int, line: Line) -> Sheet:
        return replace(self, lines=(*self.lines[:at], line, *self.lines[at + 1 :]))


def place_of(source: Path) -> Path:
    """Where the sheet of a source is kept."""
    return data_folder() / "tables" / f"{hashlib.sha256(str(source.absolute()).encode()).hexdigest()[:32]}.json"


def keep(source: Path, sheet: Sheet) -> None:
    """Not for the GUI thread: it syncs a file. Raises OSError."""
    atomic_write(place_of(source), json.dumps(asdict(sheet), ensure_ascii=False, indent=1), private=True)


def remove(source: Path) -> None:
    """Nothing of it stays. Not for the GUI thread. Raises OSError."""
    place_of(source).unlink(missing_ok=True)


def load(source: Path) -> Sheet | None:
    """What was kept; None where nothing was, or where the file is not one of ours. Not for the GUI thread."""
    try:
        found = json.loads(place_of(source).read_text(encoding="utf-8"))
        lines = tuple(Line(Row(**one["row"]), int(one["page"]), _state(one["state"])) for one in found["lines"])
        return Sheet(lines, str(found["model"]), tuple(map(str, found["warnings"])), bool(found["cut"]))
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _state(word: object) -> State:
    for state in get_args(State):
        if word == state:
            return state  # type: ignore[no-any-return]
    raise ValueError(f"{word!r} is no state of a row")
