"""Sending files to an archive: what became of each."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from app.pacs.errors import PacsError
from app.pacs.outgoing import Outgoing, Sent
from app.pacs.peers import Peer
from app.pacs.stopping import Stop
from app.pacs.work import Outcome, Progress, on_record


def send(
    peer: Peer, files: Sequence[Outgoing], staying: Sequence[Sent], stop: Stop, on_progress: Callable[[Progress], None]
) -> Outcome:
    """`files`, beside `staying`, which are told but not sent. Every file is in the outcome."""
    outcome, began = Outcome(sent=list(staying), bad=len(staying)), time.monotonic()
    sizes = {one.path: one.size for one in files}

    def each(one: Sent) -> None:
        outcome.sent.append(one)
        if one.good:
            outcome.good, outcome.size = outcome.good + 1, outcome.size + sizes[one.path]
        else:
            outcome.bad += 1
        on_progress(Progress(outcome.good, len(files), outcome.size, time.monotonic() - began, outcome.bad))

    with on_record("pacs send", peer, outcome):
        try:
            peer.store(files, each, stop)
        except PacsError as error:
            outcome.end(error)
        told = {one.path for one in outcome.sent}
        missing = [one for one in files if one.path not in told]
        outcome.sent += [Sent(one.path, False, "not sent any more") for one in missing]
        outcome.bad += len(missing)
        if outcome.bad and outcome.state == "done":
            outcome.state = "partly" if outcome.good else "failed"
            words = (f"{one.path.name}: {one.words.removesuffix('.')}." for one in outcome.sent if not one.good)
            outcome.notes += list(dict.fromkeys(words))
    return outcome
