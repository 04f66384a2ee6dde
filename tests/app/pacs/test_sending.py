"""Sending to a real archive: files arrive as they are, and what does not is named with the reason."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom import dcmread

from app import audit
from app.pacs import outgoing
from app.pacs.outgoing import look
from app.pacs.sending import send
from app.pacs.stopping import Stop
from app.pacs.work import Outcome, Progress
from tests.app.pacs.conftest import ROOT, MakePeer, MakeStudy
from tests.app.pacs.servers import Orthanc, Tool, free_port, tool

WAYS = pytest.mark.parametrize("way", ["dimse", "dicomweb"])


@pytest.fixture
def empty(orthanc: Orthanc) -> Iterator[Orthanc]:
    orthanc.clear()
    yield orthanc
    orthanc.clear()


def nothing(_: Progress) -> None:
    return None


def held(server: Orthanc) -> dict[str, str]:
    """SHA-256 of the pixels of each object the archive holds, by SOP Instance UID."""
    found = {}
    for one in json.loads(server.rest("/instances")):
        path = Path(server.folder) / "held.dcm"
        path.write_bytes(server.rest(f"/instances/{one}/file"))
        dataset = dcmread(path)
        found[str(dataset.SOPInstanceUID)] = hashlib.sha256(dataset.PixelData).hexdigest()
    return found


@WAYS
def test_files_arrive_as_they_are(empty: Orthanc, make_peer: MakePeer, make_study: MakeStudy, way: str) -> None:
    files = make_study(1, series=2, slices=3)
    going, staying = look(files)
    told: list[Progress] = []
    outcome = send(make_peer(empty, way), going, staying, Stop(), told.append)
    assert (outcome.state, outcome.good, outcome.bad) == ("done", 6, 0)
    assert [one.done for one in told] == [1, 2, 3, 4, 5, 6]
    truth = {str(one.SOPInstanceUID): hashlib.sha256(one.PixelData).hexdigest() for one in map(dcmread, files)}
    assert held(empty) == truth


@WAYS
def test_compressed_files_are_not_unpacked(empty: Orthanc, make_peer: MakePeer, shared: Path, way: str, tmp_path: Path) -> None:
    truth = {}
    for number, path in enumerate(sorted((shared / "dicom" / "ct-in-many-syntaxes").glob("CTImage.dcm_*")), 1):
        dataset = dcmread(path)
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = f"{ROOT}.78.{number}"
        dataset.save_as(tmp_path / f"{number}.dcm")
        truth[str(dataset.SOPInstanceUID)] = hashlib.sha256(dataset.PixelData).hexdigest()
    going, staying = look([tmp_path])
    outcome = send(make_peer(empty, way), going, staying, Stop(), nothing)
    assert (outcome.good, outcome.bad) == (len(truth), 0), outcome.notes
    assert held(empty) == truth


@WAYS
def test_partly_failed_says_which_and_why(
    empty: Orthanc, make_peer: MakePeer, make_study: MakeStudy, way: str, tmp_path: Path
) -> None:
    good = make_study(2, series=1, slices=2)
    short = tmp_path / "short.dcm"
    short.write_bytes(good[0].read_bytes()[:-500])
    (tmp_path / "text.dcm").write_text("no DICOM")
    going, staying = look([*good, short, tmp_path / "text.dcm"])
    outcome = send(make_peer(empty, way), going, staying, Stop(), nothing)
    assert (outcome.state, outcome.good, outcome.bad) == ("partly", 2, 2)
    bad = {one.path.name: one.words for one in outcome.sent if not one.good}
    assert "is no DICOM file" in bad["text.dcm"]
    assert "cut short" in bad["short.dcm"]
    assert len(outcome.sent) == 4
    assert empty.instances() == 2


def test_labels_of_slides_stay_here_unless_they_are_asked_for(shared: Path) -> None:
    folder = shared / "slides" / "CMU-1-Small-Region_dicom"
    kinds = {path: dcmread(path, stop_before_pixels=True).ImageType[2] for path in folder.iterdir()}
    going, staying = look([folder])
    assert {kinds[one.path] for one in going} == {"VOLUME", "THUMBNAIL"}
    assert {kinds[one.path] for one in staying} == {"LABEL", "OVERVIEW"}
    assert all("label or the whole glass" in one.words for one in staying)
    all_of_it, none = look([folder], labels=True)
    assert (len(all_of_it), none) == (4, [])


@pytest.mark.parametrize(
    ("options", "good", "said"),
    [
        (["+xi"], 1, "does not accept JPEG Lossless"),  # Implicit VR alone: the plain file is rewritten, the other cannot be
        (["+xe"], 1, "does not accept JPEG Lossless"),
        (["+xa"], 2, ""),
        (["+xa", "--refuse"], 0, "refuses"),
        (["+xa", "--abort-during"], 0, "closed the connection"),
    ],
)
def test_what_a_peer_does_not_accept_is_said(
    make_study: MakeStudy, tmp_path: Path, options: list[str], good: int, said: str, shared: Path
) -> None:
    plain = make_study(3, series=1, slices=1)
    lossless = next((shared / "dicom" / "ct-in-many-syntaxes").glob("*1.2.840.10008.1.2.4.70*"))
    inbox, port = tmp_path / "in", free_port()
    inbox.mkdir()
    peer = Tool([tool("storescp"), *options, "-od", inbox, port], port, tmp_path)
    try:
        outcome = _sent(port, [*plain, lossless])
    finally:
        peer.close()
    assert outcome.good == good, outcome.notes
    assert len(outcome.sent) == 2
    assert said in "".join([*outcome.notes, *(one.words for one in outcome.sent)])
    if good and "--abort-during" not in options:
        came = [dcmread(path, force=True) for path in inbox.iterdir()]
        assert len(came) == good
        truth = {str(dcmread(path).SOPInstanceUID): dcmread(path).PixelData for path in [*plain, lossless]}
        assert all(one.PixelData == truth[str(one.SOPInstanceUID)] for one in came)


def _sent(port: int, files: list[Path]) -> Outcome:
    from app.pacs.nodes import Listening, Node
    from app.pacs.peers import DimsePeer
    from app.pacs.reception import Reception
    from tests.app.pacs.conftest import QUICK

    node = Node("Peer", host="127.0.0.1", port=port, ae_title="ANY")
    going, staying = look(files)
    return send(DimsePeer(node, Reception(Listening(), lambda _: None), QUICK), going, staying, Stop(), nothing)


def test_a_file_that_is_cut_short_stays_here_in_one_sentence(make_study: MakeStudy, tmp_path: Path) -> None:
    path = tmp_path / "cut.dcm"
    path.write_bytes(make_study(7, series=1, slices=1)[0].read_bytes()[:-300])
    (note,) = _sent(free_port(), [path]).notes  # nothing goes, nothing is connected
    assert re.fullmatch(r"cut\.dcm: damaged: is cut short: .*; copy it again\.", note)
    assert not note.endswith("..")


@WAYS
def test_a_stop_leaves_the_rest_unsent(empty: Orthanc, make_peer: MakePeer, make_study: MakeStudy, way: str) -> None:
    files, stop = make_study(4, series=1, slices=40), Stop()

    def progress(one: Progress) -> None:
        if one.done == 3:
            stop.set()

    going, staying = look(files)
    outcome = send(make_peer(empty, way), going, staying, stop, progress)
    assert outcome.state == "stopped"
    assert 3 <= outcome.good <= 5
    assert len(outcome.sent) == 40
    assert empty.instances() == outcome.good
    lines = [json.loads(line) for line in audit.audit_path().read_text().splitlines()]
    assert (lines[-1]["event"], lines[-1]["good"], lines[-1]["state"]) == ("pacs send ended", str(outcome.good), "stopped")


def test_a_folder_is_read_whole_and_hidden_files_are_left(make_study: MakeStudy, tmp_path: Path) -> None:
    files = make_study(5, series=1, slices=2)
    (tmp_path / "in" / "deep").mkdir(parents=True)
    for path in files:
        (tmp_path / "in" / "deep" / path.name).write_bytes(path.read_bytes())
    (tmp_path / "in" / ".hidden").write_bytes(files[0].read_bytes())
    going, staying = outgoing.look([tmp_path / "in", tmp_path / "in"])
    assert (len(going), staying) == (2, [])
