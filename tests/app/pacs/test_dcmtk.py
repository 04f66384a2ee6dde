"""dcmtk's own archive as a peer: another program's C-ECHO, C-FIND, C-GET, C-MOVE and C-STORE."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom import dcmread

from app.pacs import work
from app.pacs.limits import Limits
from app.pacs.nodes import Listening, Node
from app.pacs.outgoing import look
from app.pacs.peers import DimsePeer
from app.pacs.query import Query
from app.pacs.reception import Reception
from app.pacs.retrieval import Retrieval
from app.pacs.sending import send
from app.pacs.stopping import Stop
from tests.app.pacs.conftest import ROOT, MakeStudy
from tests.app.pacs.servers import Tool, free_port, tool

CONFIG = """NetworkTCPPort = {port}
MaxPDUSize = 16384
MaxAssociations = 16
HostTable BEGIN
us = (HILUM, localhost, {ours})
HostTable END
VendorTable BEGIN
VendorTable END
AETable BEGIN
DCMTK {folder} RW (100, 1024mb) us
AETable END
"""


class Archive:
    def __init__(self, folder: Path, make_study: MakeStudy) -> None:
        self.port, self.ours = free_port(), free_port()
        (folder / "data").mkdir(parents=True)
        config = folder / "dcmqrscp.cfg"
        config.write_text(CONFIG.format(port=self.port, ours=self.ours, folder=folder / "data"))
        self._tool = Tool([tool("dcmqrscp"), "-c", config], self.port, folder)
        self.files = [
            *make_study(1, series=2, slices=3, SpecificCharacterSet="ISO_IR 100", PatientName="Müller^Jürgen"),
            *make_study(2, series=1, slices=2, StudyDate="20250102", PatientName="Weiss^Anna"),
        ]
        self.reception = Reception(Listening(port=self.ours), lambda _: None)

    def peer(self, **changes: object) -> DimsePeer:
        values = {"name": "DCMTK", "host": "127.0.0.1", "port": self.port, "ae_title": "DCMTK", **changes}
        return DimsePeer(Node(**values), self.reception, Limits(answer_s=10))  # type: ignore[arg-type]

    def close(self) -> None:
        self.reception.close()
        self._tool.close()


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory, make_study: MakeStudy) -> Iterator[Archive]:
    made = Archive(tmp_path_factory.mktemp("dcmqrscp"), make_study)
    words = [tool("storescu"), "-aet", "HILUM", "-aec", "DCMTK", "127.0.0.1", made.port, *made.files]
    subprocess.run([str(word) for word in words], check=True, capture_output=True)
    yield made
    made.close()


def test_echo(archive: Archive) -> None:
    assert "answers" in archive.peer().echo(Stop())


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (Query(), ["P-1", "P-2"]),
        (Query(patient_name="Weiss"), ["P-2"]),
        (Query(patient_name="Müller"), ["P-1"]),  # this archive compares bytes, and its own are Latin-1
        (Query(patient_id="P-1"), ["P-1"]),
        (Query(accession="A2"), ["P-2"]),
    ],
)
def test_what_findscu_would_find(archive: Archive, query: Query, expected: list[str]) -> None:
    answer = work.find(archive.peer(), query, Stop())
    assert sorted(one.patient_id for one in answer.studies) == expected


def test_the_same_as_findscu(archive: Archive, tmp_path: Path) -> None:
    words = [
        tool("findscu"), "-S", "-aet", "HILUM", "-aec", "DCMTK", "-X", "-od", str(tmp_path), "-k", "QueryRetrieveLevel=SERIES",
        "-k", f"StudyInstanceUID={ROOT}.1", "-k", "SeriesInstanceUID", "-k", "Modality", "127.0.0.1", str(archive.port),
    ]  # fmt: skip
    subprocess.run(words, check=True, capture_output=True)
    theirs = {str(dcmread(path, force=True).SeriesInstanceUID) for path in tmp_path.iterdir()}
    assert {one.uid for one in archive.peer().find_series(f"{ROOT}.1", Stop())} == theirs
    assert len(theirs) == 2


@pytest.mark.parametrize("way", ["get", "move"])
def test_a_study_comes_whole(archive: Archive, tmp_path: Path, way: str) -> None:
    peer = archive.peer(retrieve=way)
    (study,) = peer.find_studies(Query(patient_id="P-1"), Stop()).studies
    outcome = Retrieval(peer, study, tmp_path, "s").run(Stop())
    assert (outcome.state, outcome.good) == ("done", 6), outcome.notes
    truth = {str(one.SOPInstanceUID): one.PixelData for one in map(dcmread, archive.files)}
    for path in tmp_path.rglob("*.dcm"):
        one = dcmread(path)
        assert one.PixelData == truth[str(one.SOPInstanceUID)]


def test_a_destination_it_does_not_know(archive: Archive, tmp_path: Path) -> None:
    peer = archive.peer(retrieve="move", our_ae="UNKNOWN")
    (study,) = archive.peer().find_studies(Query(patient_id="P-2"), Stop()).studies
    series = archive.peer().find_series(study.uid, Stop())
    outcome = Retrieval(peer, study, tmp_path, "s", series).run(Stop())
    assert outcome.state == "failed"
    assert "UNKNOWN" in outcome.notes[0]


def test_sending_into_it(archive: Archive, make_study: MakeStudy) -> None:
    going, staying = look(make_study(9, series=1, slices=4))
    outcome = send(archive.peer(), going, staying, Stop(), lambda _: None)
    assert (outcome.state, outcome.good) == ("done", 4)
    (study,) = archive.peer().find_studies(Query(patient_id="P-9"), Stop()).studies
    assert sum(1 for _ in archive.peer().find_series(study.uid, Stop())) == 1
