"""Fetching and sending a CT series of 200 slices (512 × 512, 100 MiB) on loopback, ours and dcmtk's tools in the same run.

`dev.py bench pacs`. The archive is a real Orthanc; ours also checks and counts every object.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from app.pacs.limits import Limits
from app.pacs.matches import Study
from app.pacs.nodes import Listening
from app.pacs.outgoing import look
from app.pacs.peers import DimsePeer, Peer, WebPeer
from app.pacs.query import Query
from app.pacs.reception import Reception
from app.pacs.retrieval import Retrieval
from app.pacs.sending import send
from app.pacs.stopping import Stop
from tests.app.pacs.conftest import ROOT, _slice
from tests.app.pacs.servers import PASSWORD, Orthanc
from tests.bench.results_file import Row, write

SLICES, SIZE = 200, 512
SHARE = 0.5
"""Of the speed of dcmtk's tool in the same direction: what is asked of ours, which checks each object in another process."""


def timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="hilum-bench-"))
    os.environ["HILUM_HOME"] = str(folder / "home")
    (folder / "home").mkdir()
    noise = np.random.default_rng(0).integers(0, 4000, (SIZE, SIZE), dtype=np.uint16)
    (folder / "ct").mkdir()
    files = [_slice(folder / "ct", 1, 1, at, noise, {}) for at in range(1, SLICES + 1)]
    mib = sum(path.stat().st_size for path in files) / 2**20
    server = Orthanc(folder / "orthanc")
    reception = Reception(Listening(port=server.listener), lambda _: None)
    try:
        rows = _sent(server, DimsePeer(server.dimse(), reception), WebPeer(server.web(), PASSWORD), files, mib)
        peers: dict[str, Peer] = {
            "C-GET": DimsePeer(server.dimse(), reception), "C-MOVE": DimsePeer(server.dimse(retrieve="move"), reception),
            "WADO-RS": WebPeer(server.web(), PASSWORD),
        }  # fmt: skip
        theirs = mib / timed(lambda: _getscu(server, folder))
        for name, peer in peers.items():
            study = peer.find_studies(Query(), Stop()).studies[0]
            seconds = timed(lambda peer=peer, study=study, name=name: _fetch(peer, study, folder / name))  # type: ignore[misc]
            ours = mib / seconds
            rows.append(
                Row(
                    f"{name} of {SLICES} slices",
                    ours,
                    "MiB/s",
                    f"≥ {SHARE} × getscu",
                    f"getscu {theirs:.3g}",
                    ours >= SHARE * theirs,
                )
            )
        peer = peers["C-GET"]
        asked = 1000 * min(timed(lambda: peer.find_studies(Query(), Stop())) for _ in range(5))
        rows.append(Row("C-FIND of studies", asked, "ms", "≤ 200", "", asked <= 200))
    finally:
        reception.close()
        server.close()
    write("pacs", rows)


def _sent(server: Orthanc, dimse: Peer, web: Peer, files: list[Path], mib: float) -> list[Row]:
    words = ["/usr/bin/storescu", "-aec", "ORTHANC", "127.0.0.1", str(server.dicom), *map(str, files)]
    theirs = mib / timed(lambda: subprocess.run(words, check=True, capture_output=True))
    rows = []
    for name, peer in (("C-STORE", dimse), ("STOW-RS", web)):
        server.clear()
        going, staying = look(files)
        ours = mib / timed(lambda peer=peer, going=going, staying=staying: send(peer, going, staying, Stop(), lambda _: None))  # type: ignore[misc]
        rows.append(
            Row(
                f"{name} of {len(files)} slices",
                ours,
                "MiB/s",
                f"≥ {SHARE} × storescu",
                f"storescu {theirs:.3g}",
                ours >= SHARE * theirs,
            )
        )
    return rows


def _fetch(peer: Peer, study: Study, place: Path) -> None:
    place.mkdir()
    outcome = Retrieval(peer, study, place, "s", limits=Limits()).run(Stop())
    if outcome.good != SLICES:
        raise SystemExit(f"only {outcome.words('fetched')}")


def _getscu(server: Orthanc, folder: Path) -> None:
    out = folder / "getscu"
    out.mkdir()
    words = [
        "/usr/bin/getscu", "-S", "-aet", "HILUM", "-aec", "ORTHANC", "-k", "QueryRetrieveLevel=STUDY",
        "-k", f"StudyInstanceUID={ROOT}.1",
        "-od", str(out), "127.0.0.1", str(server.dicom),
    ]  # fmt: skip
    subprocess.run(words, check=True, capture_output=True)
    if len(list(out.iterdir())) != SLICES:
        raise SystemExit("getscu did not bring them all")


if __name__ == "__main__":
    main()
