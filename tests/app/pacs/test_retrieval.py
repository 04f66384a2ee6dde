"""Fetching from a real archive: every object arrives as it is stored there, and only what was asked for is kept."""

from __future__ import annotations

import json
import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread

from app import audit
from app.pacs.limits import Limits
from app.pacs.matches import Series, Study
from app.pacs.peers import Peer
from app.pacs.query import Query
from app.pacs.retrieval import Retrieval
from app.pacs.stopping import Stop
from app.pacs.work import Progress
from tests.app.pacs.conftest import QUICK, ROOT, MakePeer, MakeStudy
from tests.app.pacs.servers import Orthanc
from viewers.sources import open_source

WAYS = pytest.mark.parametrize("way", ["dimse", "move", "dicomweb"])


@pytest.fixture
def filled(orthanc: Orthanc, make_study: MakeStudy) -> Iterator[tuple[Orthanc, list[Path]]]:
    orthanc.clear()
    files = make_study(1, series=3, slices=4)
    orthanc.upload(files)
    yield orthanc, files
    orthanc.clear()


def study_of(peer: Peer, uid: str) -> Study:
    return peer.find_studies(Query(study_uid=uid), Stop()).studies[0]


@WAYS
def test_a_study_comes_whole(filled: tuple[Orthanc, list[Path]], make_peer: MakePeer, way: str, tmp_path: Path) -> None:
    server, files = filled
    peer, told, ready = make_peer(server, way), list[Progress](), list[Path]()
    first: list[Path] = []
    outcome = Retrieval(
        peer,
        study_of(peer, f"{ROOT}.1"),
        tmp_path,
        "pacs-x",
        on_progress=told.append,
        on_series=ready.append,
        on_first=first.append,
    ).run(Stop())
    assert (outcome.state, outcome.good, outcome.bad, outcome.notes) == ("done", 12, 0, [])
    assert [path.name for path in outcome.folders] == ["pacs-x-1", "pacs-x-2", "pacs-x-3"] == [path.name for path in ready]
    assert first == [tmp_path / "pacs-x-1" / "000001.dcm"]
    assert [(one.done, one.total) for one in told] == [(number, 12) for number in range(1, 13)]
    truth = {one.SOPInstanceUID: one for one in map(dcmread, files)}
    came = [dcmread(path) for folder in outcome.folders for path in sorted(folder.iterdir())]
    assert len(came) == len(truth)
    for one in came:
        assert one.PixelData == truth[one.SOPInstanceUID].PixelData
        assert one.PatientID == "P-1"
    for folder in outcome.folders:
        source = open_source(folder)
        assert (source.kind, source.frames) == ("series", 4)
        source.close()
        if os.name != "nt":
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
            assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


@WAYS
def test_one_series_of_a_study(filled: tuple[Orthanc, list[Path]], make_peer: MakePeer, way: str, tmp_path: Path) -> None:
    peer = make_peer(filled[0], way)
    chosen = [one for one in peer.find_series(f"{ROOT}.1", Stop()) if one.number == "2"]
    outcome = Retrieval(peer, study_of(peer, f"{ROOT}.1"), tmp_path, "s", chosen).run(Stop())
    assert (outcome.state, outcome.good) == ("done", 4)
    assert {dcmread(path).SeriesNumber for path in outcome.folders[0].iterdir()} == {2}


@WAYS
def test_compressed_objects_come_as_they_are_stored(
    orthanc: Orthanc, make_peer: MakePeer, shared: Path, way: str, tmp_path: Path
) -> None:
    folder = shared / "dicom" / "ct-in-many-syntaxes"
    orthanc.clear()
    wanted = {}
    for number, path in enumerate(sorted(folder.glob("CTImage.dcm_*"))):
        dataset = dcmread(path)
        if dataset.file_meta.TransferSyntaxUID in ("1.2.840.10008.1.2.1.99",):
            continue  # this archive unpacks what is deflated as a whole
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = f"{ROOT}.77.{number + 1}"
        made = tmp_path / f"{number}.dcm"
        dataset.save_as(made)
        orthanc.upload([made])
        wanted[str(dataset.SOPInstanceUID)] = (str(dataset.file_meta.TransferSyntaxUID), bytes(dataset.PixelData))
    peer = make_peer(orthanc, way, limits=Limits())
    study = peer.find_studies(Query(), Stop()).studies[0]
    outcome = Retrieval(peer, study, tmp_path, "s").run(Stop())
    assert (outcome.state, outcome.bad) == ("done", 0), outcome.notes
    came = [dcmread(path) for path in outcome.folders[0].iterdir()]
    found = {str(one.SOPInstanceUID): (str(one.file_meta.TransferSyntaxUID), bytes(one.PixelData)) for one in came}
    assert {uid: syntax for uid, (syntax, _) in found.items()} == {uid: syntax for uid, (syntax, _) in wanted.items()}
    assert found == wanted
    orthanc.clear()


@WAYS
@pytest.mark.parametrize("wrong", ["patient", "study"])
def test_objects_of_somebody_else_are_refused_and_said(
    filled: tuple[Orthanc, list[Path]], make_peer: MakePeer, way: str, wrong: str, tmp_path: Path
) -> None:
    """The archive's answer named one patient, its objects bear another."""
    peer = make_peer(filled[0], way)
    study = Study(f"{ROOT}.1", patient_id="OTHER" if wrong == "patient" else "P-1")
    series = list(peer.find_series(f"{ROOT}.1", Stop()))[:1]
    if wrong == "study":
        peer = _Liar(peer, series[0])
        study = Study(f"{ROOT}.9", patient_id="P-1")
        series = [Series(f"{ROOT}.9.1", f"{ROOT}.9", count=4)]
    outcome = Retrieval(peer, study, tmp_path, "s", series).run(Stop())
    assert (outcome.state, outcome.good) == ("failed", 0)
    assert list(tmp_path.rglob("*.dcm")) == []
    assert list(tmp_path.rglob(".*")) == []
    reason = "of another patient than was asked for" if wrong == "patient" else "of another study than was asked for"
    if way == "move" and wrong == "study":
        assert outcome.notes  # nobody waits for that study: the listener has refused it
    elif way == "move":
        assert outcome.notes[0] == f"1 not taken: {reason}."  # this archive goes no further after one refusal
    else:
        assert outcome.notes == [f"4 not taken: {reason}."]


class _Liar:
    """An archive that sends another series than it is asked for."""

    def __init__(self, peer: Peer, gives: Series) -> None:
        self._peer, self._gives, self.node = peer, gives, peer.node

    def __getattr__(self, name: str) -> object:
        return getattr(self._peer, name)

    def get_series(self, series: Series, tray: object, stop: Stop) -> tuple[str, ...]:
        return self._peer.get_series(self._gives, tray, stop)  # type: ignore[arg-type]


@WAYS
def test_a_stop_in_the_middle(orthanc: Orthanc, make_peer: MakePeer, make_study: MakeStudy, way: str, tmp_path: Path) -> None:
    orthanc.clear()
    orthanc.upload(make_study(8, series=1, slices=60, size=128))
    peer, stop = make_peer(orthanc, way), Stop()
    ended: list[float] = []

    def progress(one: Progress) -> None:
        if one.done == 5:
            ended.append(time.monotonic())
            stop.set()

    outcome = Retrieval(peer, study_of(peer, f"{ROOT}.8"), tmp_path, "s", on_progress=progress).run(stop)
    assert time.monotonic() - ended[0] < QUICK.stop_s + 3
    assert outcome.state == "stopped"
    assert 5 <= outcome.good < 60
    assert len(list(tmp_path.rglob("*.dcm"))) == outcome.good
    assert list(tmp_path.rglob(".*.part")) == []
    assert peer.echo(Stop())  # the archive is well
    orthanc.clear()


@WAYS
def test_limits_on_size_and_number(filled: tuple[Orthanc, list[Path]], make_peer: MakePeer, way: str, tmp_path: Path) -> None:
    peer = make_peer(filled[0], way)
    study = study_of(peer, f"{ROOT}.1")
    small = Retrieval(peer, study, tmp_path / "a", "s", limits=Limits(object_bytes=1000))
    small.folder.mkdir()
    assert small.run(Stop()).good == 0
    assert any("larger than the limit" in note for note in small.outcome.notes)
    few = Retrieval(peer, study, tmp_path / "b", "s", list(peer.find_series(study.uid, Stop()))[:1], limits=Limits(objects=2))
    few.folder.mkdir()
    few.run(Stop())
    assert (few.outcome.state, few.outcome.good) == ("partly", 2)
    assert any("More than 2 objects" in note for note in few.outcome.notes) or way == "move"


@WAYS
def test_no_room(filled: tuple[Orthanc, list[Path]], make_peer: MakePeer, way: str, tmp_path: Path) -> None:
    from app.pacs.errors import PacsError

    left = [3 * 3000]

    def room(size: int) -> None:
        left[0] -= size
        if left[0] < 0:
            raise PacsError("What was fetched has reached its quota; wipe it or raise the quota.")

    peer = make_peer(filled[0], way)
    outcome = Retrieval(peer, study_of(peer, f"{ROOT}.1"), tmp_path, "s", room=room).run(Stop())
    assert outcome.state == "partly"
    assert 1 <= outcome.good <= 3
    assert list(tmp_path.rglob(".*.part")) == []
    if way != "move":
        assert "quota" in outcome.notes[0]


def test_it_is_on_record_without_a_patient(filled: tuple[Orthanc, list[Path]], make_peer: MakePeer, tmp_path: Path) -> None:
    peer = make_peer(filled[0], "dimse")
    Retrieval(peer, study_of(peer, f"{ROOT}.1"), tmp_path, "s").run(Stop())
    lines = [json.loads(line) for line in audit.audit_path().read_text().splitlines()]
    assert [one["event"] for one in lines] == ["pacs retrieve begun", "pacs retrieve ended"]
    assert (lines[1]["node"], lines[1]["good"], lines[1]["bad"], lines[1]["state"]) == ("Orthanc", "12", "0", "done")
    assert "P-1" not in audit.audit_path().read_text()
    assert "Patient" not in audit.audit_path().read_text()


def test_nothing_is_fetched_off_the_record(
    filled: tuple[Orthanc, list[Path]], make_peer: MakePeer, tmp_path: Path, home: Path
) -> None:
    from app.pacs.errors import PacsError

    peer = make_peer(filled[0], "dimse")
    study = study_of(peer, f"{ROOT}.1")
    (home / audit.NAME).mkdir()
    with pytest.raises(PacsError, match="record cannot be written"):
        Retrieval(peer, study, tmp_path, "s").run(Stop())
    assert list(tmp_path.rglob("*.dcm")) == []


def test_progress_in_words() -> None:
    assert Progress(12, 40, 31_000_000, 10.0, 2).words() == "12 of 40, 2 failed, 3.1 MB/s, 0:23 left"
    assert Progress(3, None, 0, 0.1).words() == "3"
    assert np.isclose(10.0 / 12 * 28, 23.3, atol=0.1)
