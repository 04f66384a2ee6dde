"""Retrieving series of a study: fetched, checked, counted, and what is missing or was refused is said."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from app.pacs.errors import PacsError
from app.pacs.limits import Limits
from app.pacs.matches import Series, Study
from app.pacs.peers import Peer
from app.pacs.stopping import Stop
from app.pacs.tray import Tray, expected_of
from app.pacs.work import Outcome, Progress, on_record


def _nothing(_: object) -> None:
    return None


@dataclass(slots=True)
class Retrieval:
    """`series` of a study (all of it when there are none), each into `folder`/`prefix`-number.

    `on_series` hears of each folder when its series is there, `on_first` of the first object of the whole; `room` is asked
    for bytes before they are written, `give_back` gets those of what was not kept.
    """

    peer: Peer
    study: Study
    folder: Path
    prefix: str
    series: Sequence[Series] = ()
    limits: Limits = field(default_factory=Limits)
    room: Callable[[int], None] = _nothing
    give_back: Callable[[int], None] = _nothing
    on_progress: Callable[[Progress], None] = _nothing
    on_first: Callable[[Path], None] = _nothing
    on_series: Callable[[Path], None] = _nothing
    outcome: Outcome = field(default_factory=Outcome, init=False)
    _total: int | None = field(default=None, init=False)
    _began: float = field(default=0.0, init=False)

    def run(self, stop: Stop) -> Outcome:
        """Ends with what came, whatever happens. Raises PacsError only where the record cannot be written."""
        self._began = time.monotonic()
        with on_record("pacs retrieve", self.peer, self.outcome) as facts:
            try:
                chosen = list(self.series) or list(self.peer.find_series(self.study.uid, stop))
                facts |= {"series": str(len(chosen))}
                if not chosen:
                    raise PacsError(f"{self.peer.node.name} lists no series of this study.")
                self._total = sum(one.count or 0 for one in chosen) if all(one.count for one in chosen) else None
                for number, one in enumerate(chosen, 1):
                    self._fetch(one, self.folder / f"{self.prefix}-{number}", stop)
            except PacsError as error:
                self.outcome.end(error)
        return self.outcome

    def _fetch(self, series: Series, place: Path, stop: Stop) -> None:
        done, size, bad = self.outcome.good, self.outcome.size, self.outcome.bad

        def arrived(path: Path) -> None:
            seconds = time.monotonic() - self._began
            if done + len(tray.files) == 1:
                self.on_first(path)
            refused = bad + tray.refused.total()
            self.on_progress(Progress(done + len(tray.files), self._total, size + tray.size, seconds, refused))

        tray = Tray(place, expected_of(series, self.study.patient_id), self.limits, self.room, self.give_back, arrived)
        try:
            self.outcome.notes += [f"{note}." for note in self.peer.get_series(series, tray, stop)]
        finally:
            self._count(series, tray)
            if tray.files:
                self.outcome.folders.append(place)
                self.on_series(place)

    def _count(self, series: Series, tray: Tray) -> None:
        """What a series gave: refusals and gaps are said, and make the whole partly done."""
        outcome, refused = self.outcome, tray.refused.total()
        missing = max(0, (series.count or 0) - len(tray.files) - refused)
        outcome.good += len(tray.files)
        outcome.size += tray.size
        outcome.bad += refused + missing
        outcome.notes += [f"{count} not taken: {reason}." for reason, count in tray.refused.items()]
        if missing:
            outcome.notes.append(f"{missing} of {series.count} objects of series {series.number or '?'} did not come.")
        if refused or missing:
            outcome.state = "partly" if outcome.good else "failed"
