"""DICOM peers that misbehave: each costs one sentence, in time and in little memory."""

from __future__ import annotations

import itertools
import re
import resource
import select
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from pydicom.dataset import Dataset
from pynetdicom import AE, evt
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelFind as FIND  # noqa: N814

from app.pacs.association import associated, contexts_for
from app.pacs.errors import PacsError, Stopped
from app.pacs.limits import Limits
from app.pacs.matches import MOST, Series, Study
from app.pacs.nodes import Listening, Node
from app.pacs.peers import DimsePeer
from app.pacs.query import Query
from app.pacs.reception import Reception
from app.pacs.retrieval import Retrieval
from app.pacs.stopping import Stop
from app.pacs.syntaxes import PLAIN
from tests.app.pacs.conftest import ROOT, MakeStudy
from tests.app.pacs.hostile import Between, Hostile, associating, response, stopped
from tests.app.pacs.servers import Orthanc, free_port, until

SHORT = Limits(connect_s=2.0, answer_s=1.0, stop_s=0.5)


def peer_at(port: int, limits: Limits = SHORT, **changes: object) -> DimsePeer:
    node = Node("Peer", host="127.0.0.1", port=port, ae_title="ORTHANC", **changes)  # type: ignore[arg-type]
    return DimsePeer(node, Reception(Listening(), lambda _: None), limits)


def silent(_: socket.socket) -> None:
    time.sleep(2.5)


def drip(one: socket.socket) -> None:
    """A piece that is announced with 100 bytes and comes at one a moment."""
    one.recv(65_536)
    one.sendall(b"\x02\x00" + struct.pack(">I", 100))
    for _ in range(60):
        one.sendall(b"\0")
        time.sleep(0.05)


def canned(data: bytes, then: Callable[[socket.socket], None] = lambda _: None) -> Callable[[socket.socket], None]:
    def serve(one: socket.socket) -> None:
        one.recv(65_536)
        one.sendall(data)
        then(one)

    return serve


FIRST: dict[str, tuple[Callable[[socket.socket], None], str]] = {
    "hangs": (silent, "did not answer in time"),
    "closes at once": (lambda _: None, "without a DICOM answer|at once"),
    "HTTP": (canned(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "without a DICOM answer"),
    "garbage": (canned(b"\x99" * 4000), "without a DICOM answer"),
    "a length of 4 GB": (canned(b"\x02\x00\xff\xff\xff\xff" + b"\0" * 1000, silent), r"announced a piece of 4,294,967,295 bytes"),
    "half an answer": (canned(b"\x02\x00\x00\x00\x01\x00abc", silent), "did not answer in time|sent nothing more"),
    "drips": (drip, "sent nothing more|did not answer in time"),
    "an answer of noughts": (canned(b"\x02\x00" + struct.pack(">I", 200) + b"\0" * 200), "without a DICOM answer|offers nothing"),
    "says goodbye": (canned(b"\x05\x00\x00\x00\x00\x04\0\0\0\0"), "without a DICOM answer|did not answer"),
    "busy": (canned(b"\x03\x00\x00\x00\x00\x04\x00\x02\x03\x02"), "too many are connected"),
    "does not know us": (canned(b"\x03\x00\x00\x00\x00\x04\x00\x01\x01\x03"), "does not know our AE title HILUM"),
    "rejects without a reason": (canned(b"\x03\x00\x00\x00\x00\x04\x00\x01\x01\x01"), "gives no reason"),
}


@pytest.mark.parametrize("name", FIRST)
def test_a_peer_that_is_none(name: str) -> None:
    serve, sentence = FIRST[name]
    server = Hostile(serve)
    try:
        before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
        with pytest.raises(PacsError) as caught:
            peer_at(server.port).echo(Stop())
        assert re.search(sentence, str(caught.value)), str(caught.value)
        assert time.monotonic() - began < 8
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # KiB
    finally:
        server.close()


@pytest.mark.parametrize("name", ["busy", "does not know us"])
def test_a_refusal_that_is_faster_than_we_look(name: str) -> None:
    """It came and the connection was closed before the thread that asked ran again, as on a busy machine."""
    serve, sentence = FIRST[name]
    server = Hostile(serve)
    late = [(evt.EVT_REQUESTED, lambda _: time.sleep(0.3))]
    try:
        node = peer_at(server.port).node
        with (
            pytest.raises(PacsError, match=sentence),
            associated(node, contexts_for([(FIND, PLAIN)]), Stop(), SHORT, handlers=late),
        ):
            pass
    finally:
        server.close()


def test_a_stop_while_nobody_answers() -> None:
    server = Hostile(lambda _: server.wait())
    try:
        seconds, error = stopped(server, partial(peer_at(server.port, Limits(answer_s=60)).find_studies, Query()))
        assert seconds < 4
        assert isinstance(error, Stopped)
    finally:
        server.close()


@pytest.fixture
def filled(orthanc: Orthanc, make_study: MakeStudy) -> Iterator[Orthanc]:
    orthanc.clear()
    orthanc.upload(make_study(1, series=1, slices=20, size=64))
    yield orthanc
    orthanc.clear()


def closing(count: int, data: bytes) -> bytes:
    if count > 60_000:
        raise EOFError
    return data


def hanging(count: int, data: bytes) -> bytes:
    if count > 60_000:
        raise TimeoutError
    return data


def flipping(count: int, data: bytes) -> bytes:
    return b"\xff" * len(data) if count > 60_000 else data


SPOILED = {
    "closes in the middle": (closing, "closed the connection in the middle"),
    "hangs in the middle": (hanging, "did not answer in time|sent nothing more"),
    "garbage in the middle": (flipping, "closed the connection|announced a piece|did not answer in time|sent more than"),
}


@pytest.mark.parametrize("name", SPOILED)
def test_a_retrieve_that_is_spoiled(filled: Orthanc, tmp_path: Path, name: str) -> None:
    """What came whole is kept, the rest is said to be missing."""
    spoil, sentence = SPOILED[name]
    between = Between(filled.dicom, spoil)
    try:
        series = Series(f"{ROOT}.1.1", f"{ROOT}.1", number="1", count=20)
        began = time.monotonic()
        outcome = Retrieval(peer_at(between.port), Study(f"{ROOT}.1", patient_id="P-1"), tmp_path, "s", [series], SHORT).run(
            Stop()
        )
    finally:
        between.close()
    assert time.monotonic() - began < 15
    assert outcome.state == "partly", outcome
    assert 1 <= outcome.good < 20
    assert outcome.good + outcome.bad == 20
    assert re.search(sentence, outcome.notes[0]), outcome.notes
    assert len(list(tmp_path.rglob("*.dcm"))) == outcome.good
    assert list(tmp_path.rglob(".*")) == []


class Scp:
    """An archive of pynetdicom's whose answers the test writes."""

    def __init__(self, handler: Callable[[evt.Event], object], event: object = evt.EVT_C_FIND, context: str = FIND) -> None:
        self.entity = AE("ORTHANC")
        self.entity.add_supported_context(context)
        self.port = free_port()
        self._server = self.entity.start_server(("127.0.0.1", self.port), block=False, evt_handlers=[(event, handler)])

    def close(self) -> None:
        self._server.shutdown()
        self.entity.shutdown()


def match(number: int, **values: object) -> Dataset:
    one = Dataset()
    one.SpecificCharacterSet, one.StudyInstanceUID = "ISO_IR 192", f"{ROOT}.{number}"
    for keyword, value in values.items():
        setattr(one, keyword, value)
    return one


FIND_RSP, CANCEL_RQ = 0x8020, b"\x00\x00\x00\x01\x02\x00\x00\x00\xff\x0f"
"""A command's field of a match; the element of a C-CANCEL (PS3.7 9.3.2)."""


class Flood:
    """Matches without end, as fast as they go; `heeds` the cancel, and then the release."""

    def __init__(self, answers: list[Dataset], *, heeds: bool) -> None:
        self.heard = b""
        blocks = [response(FIND_RSP, 0xFF00, one) for one in answers]
        self._blocks = itertools.cycle([b"".join(blocks[at : at + 20]) for at in range(0, len(blocks), 20)])
        self._heeds, self.hung_up = heeds, threading.Event()
        self.hostile = Hostile(associating(self._pour))

    def _pour(self, one: socket.socket) -> None:
        one.setblocking(False)
        left = b""
        while left or not (self._heeds and CANCEL_RQ in self.heard):
            readable, writable, _ = select.select([one], [one], [], 1)
            if readable:
                came = one.recv(65_536)
                if not came:
                    self.hung_up.set()
                    return
                self.heard += came
            if writable:
                left = left or next(self._blocks)
                left = left[one.send(left) :]
                time.sleep(0.02 if self._heeds and not left else 0)  # not so far ahead that the end of it is long in coming
        one.setblocking(True)
        one.sendall(response(FIND_RSP, 0xFE00))
        self.heard = one.recv(65_536)
        one.sendall(struct.pack(">BBII", 6, 0, 4, 0))


STREAMS: dict[str, list[Dataset]] = {}
for _number in range(1, MOST + 1):
    _one = Dataset()
    _one.StudyInstanceUID = f"{ROOT}.{_number}"
    STREAMS.setdefault("many studies", []).append(_one)
STREAMS["the same study"] = STREAMS["many studies"][:1] * 100
STREAMS["no study"] = [Dataset()] * 100


@pytest.mark.parametrize("heeds", [True, False])
@pytest.mark.parametrize("stream", STREAMS)
def test_matches_without_end(stream: str, heeds: bool) -> None:
    """So many are looked at, then it is asked to stop, and hung up on where it does not; what came is shown, and that it is
    not all."""
    server = Flood(STREAMS[stream], heeds=heeds)
    try:
        limits = Limits(answer_s=30, stop_s=30 if heeds else 0.3, matches=MOST + 200)
        answer = peer_at(server.hostile.port, limits).find_studies(Query(), Stop())
        assert len(answer.studies) == {"many studies": MOST, "the same study": 1, "no study": 0}[stream]
        assert answer.more
        assert "has more than" in answer.notes[-1]
        if heeds:
            until(lambda: server.heard[:1] == b"\5", what="a release in good order")
        else:
            assert server.hung_up.wait(10)
            until(lambda: CANCEL_RQ in server.heard, what="the wish to stop")
    finally:
        server.hostile.close()


@pytest.mark.parametrize(("way", "field"), [("get", 0x8010), ("move", 0x8021)])
def test_progress_without_end(tmp_path: Path, way: str, field: int) -> None:
    """A retrieve that is always about to come."""
    pending = response(field, 0xFF00) * 20

    def serve(one: socket.socket) -> None:
        one.recv(65_536)
        while True:
            one.sendall(pending)

    server = Hostile(associating(serve))
    reception = Reception(Listening(port=free_port()), lambda _: None)
    try:
        node = Node("Peer", host="127.0.0.1", port=server.port, ae_title="ORTHANC", retrieve=way)  # type: ignore[arg-type]
        peer = DimsePeer(node, reception, Limits(answer_s=30, stop_s=0.3, objects=200))
        outcome = Retrieval(peer, Study(f"{ROOT}.1"), tmp_path, "s", [Series(f"{ROOT}.1.1", f"{ROOT}.1")]).run(Stop())
        assert (outcome.state, outcome.good) == ("failed", 0)
        assert "answers on and on" in outcome.notes[0]
    finally:
        server.close()
        reception.close()


def test_matches_that_are_too_large_together() -> None:
    large = [match(1, ImageComments="x" * 8000)] * 10
    server = Flood(large, heeds=True)
    try:
        limits = Limits(answer_s=30, answer_bytes=2_000_000)
        answer = peer_at(server.hostile.port, limits).find_studies(Query(), Stop())
        assert (len(answer.studies), answer.more) == (1, True)
        with pytest.raises(PacsError, match="answers on and on; narrow the question"):
            peer_at(server.hostile.port, limits).find_series(f"{ROOT}.1", Stop())
    finally:
        server.hostile.close()


def test_one_that_floods_instead_of_letting_go() -> None:
    """Its answer is good, what comes after is not read on and on."""
    poured: list[int] = []

    def flood(one: socket.socket) -> None:
        one.recv(65_536)
        one.sendall(response(0x8030, 0))
        block = response(0x8030, 0) * 1000
        while True:
            one.sendall(block)
            poured.append(len(block))

    server = Hostile(associating(flood))
    try:
        assert "answers" in peer_at(server.port, Limits(answer_s=60, stop_s=0.3)).echo(Stop())
        assert sum(poured) < 12 * 2**20  # most of it in the system's buffers
    finally:
        server.close()


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        (0xA700, "out of resources"),
        (0xA900, "does not understand"),
        (0xC001, "could not carry out"),
        (0x0122, "does not answer questions"),
    ],
)
def test_errors_in_words(status: int, sentence: str) -> None:
    server = Scp(lambda _: iter([(status, None)]))
    try:
        with pytest.raises(PacsError, match=sentence):
            peer_at(server.port).find_studies(Query(), Stop())
    finally:
        server.close()


@pytest.mark.filterwarnings("ignore:Invalid value for VR")
@pytest.mark.filterwarnings("ignore:The value length")
def test_hostile_values_in_answers() -> None:
    """Long, with control signs, right to left, of another patient: shown as plain short lines, or not at all."""

    nameless = Dataset()
    nameless.PatientID = "P-1"

    def answers(_: evt.Event) -> Iterator[tuple[int, Dataset | None]]:
        yield 0xFF00, match(1, PatientName="A\x1b[31mB\u202e^C" + "x" * 5000, PatientID="P-1", StudyDescription="<b>x</b>\n=1+1")
        yield 0xFF00, match(2, PatientID="P-2")
        yield 0xFF00, nameless
        yield 0x0000, None

    server = Scp(answers)
    try:
        answer = peer_at(server.port).find_studies(Query(patient_id="P-1"), Stop())
    finally:
        server.close()
    (one,) = answer.studies
    assert one.patient_name.isprintable()
    assert len(one.patient_name) <= 200
    assert one.description == "<b>x</b> =1+1"
    assert "1 that were not asked for" in answer.notes[0]


def test_disk_full(filled: Orthanc, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real full disk: a file system of 40 KiB, where the system lets us have one."""
    import subprocess

    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=40k", "tmpfs", str(small)], capture_output=True).returncode:
        pytest.skip("no right to make a small file system")
    try:
        series = Series(f"{ROOT}.1.1", f"{ROOT}.1", number="1", count=20)
        outcome = Retrieval(peer_at(filled.dicom), Study(f"{ROOT}.1", patient_id="P-1"), small, "s", [series], SHORT).run(Stop())
        assert outcome.state == "partly"
        assert outcome.notes[0] == "The disk is full: what came so far is kept; make room and fetch the rest again."
        assert 1 <= outcome.good < 10
        assert len(list(small.rglob("*.dcm"))) == outcome.good
        assert list(small.rglob(".*")) == []
    finally:
        subprocess.run(["umount", str(small)], check=True)
