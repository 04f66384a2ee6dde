"""DICOMweb servers that misbehave: each costs one sentence, in time, in little memory, and leaves nothing behind."""

from __future__ import annotations

import json
import re
import resource
import socket
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from app.pacs.errors import PacsError, Stopped
from app.pacs.limits import Limits
from app.pacs.matches import MOST, Series, Study
from app.pacs.nodes import Node
from app.pacs.outgoing import look
from app.pacs.peers import WebPeer
from app.pacs.query import Query
from app.pacs.retrieval import Retrieval
from app.pacs.sending import send
from app.pacs.stopping import Stop
from app.pacs.work import Outcome
from tests.app.pacs.conftest import ROOT, MakeStudy
from tests.app.pacs.hostile import Hostile, answering, head, request, stopped

SHORT = Limits(connect_s=2.0, answer_s=1.0, stop_s=0.5)
Serve = Callable[..., tuple[WebPeer, Hostile]]
ONE = {"0020000D": {"vr": "UI", "Value": [f"{ROOT}.1"]}, "00100020": {"vr": "LO", "Value": ["P-1"]}}


@pytest.fixture
def serve() -> Iterator[Serve]:
    servers: list[Hostile] = []

    def make(*pieces: bytes | Callable[[socket.socket], None], limits: Limits = SHORT) -> tuple[WebPeer, Hostile]:
        servers.append(Hostile(answering(*pieces)))
        node = Node("Web", "dicomweb", url=f"http://127.0.0.1:{servers[-1].port}/dicom-web", user="reader")
        return WebPeer(node, "secret", limits), servers[-1]

    yield make
    for one in servers:
        one.close()


def silent(_: socket.socket) -> None:
    time.sleep(2.5)


def drip(one: socket.socket) -> None:
    for _ in range(200):
        one.sendall(b" ")
        time.sleep(0.05)


def many(one: socket.socket) -> None:
    """10⁶ matches, about 130 MB."""
    text = json.dumps(ONE).encode()
    one.sendall(b"[" + text)
    for _ in range(1000):
        one.sendall((b"," + text) * 1000)
    one.sendall(b"]")


NOT_JSON = "what is no DICOM JSON"
ANSWERS: dict[str, tuple[tuple[object, ...], str]] = {
    "hangs": ((silent,), "did not answer in time"),
    "hangs in its head": ((b"HTTP/1.1 200 OK\r\nContent-", silent), "did not answer in time"),
    "hangs in its body": ((head(length=100), b"[{", silent), "did not answer in time"),
    "drips": ((head(length=10_000), drip), "takes too long"),
    "closes at once": ((), "closed the connection"),
    "closes in its body": ((head(length=1000), b"[{}"), "closed the connection|no DICOM JSON"),
    "garbage": ((b"\x00\xff" * 5000,), "does not speak HTTP"),
    "no JSON": ((head(), b"[{not json"), NOT_JSON),
    "JSON of another shape": ((head(), b'"text"'), "no list of studies"),
    "JSON nested without end": ((head(), b"[" * 200_000), "no DICOM JSON|could not be used"),
    "a web page": ((head("text/html"), b"<html>Log in</html>"), "a web page, not DICOM"),
    "another form": ((head("image/png; x=\x1b[31m"), b"x"), r"another form \(image/png\)"),
    "a million matches": ((head(), many), "more than 16 MiB"),
    "a length of 4 GB": ((head(length=2**32), b"[", silent), "did not answer in time"),
    "a head without end": ((b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 100_000), "does not speak HTTP"),
    "a line without end": ((b"HTTP/1.1 200 " + b"x" * 300_000,), "does not speak HTTP"),
    "packed": ((head(more="Content-Encoding: gzip\r\n"), b"\x1f\x8b"), "packs its answers"),
    "401": ((head(code="401 Unauthorized", length=0),), "user and password.*401"),
    "403": ((head(code="403 Forbidden", length=0),), "does not allow.*403"),
    "500": ((head("text/html", "500 No", 4), b"oops"), "reports an error.*500"),
    "503": ((head(code="503 Busy", length=0),), "too busy.*503"),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_that_is_none(serve: Serve, name: str) -> None:
    pieces, sentence = ANSWERS[name]
    peer, _ = serve(*pieces)  # type: ignore[arg-type]
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    with pytest.raises(PacsError, match=sentence) as caught:
        peer.find_studies(Query(), Stop())
    assert time.monotonic() - began < 12
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # KiB
    assert "\x1b" not in str(caught.value)
    assert "secret" not in str(caught.value)


def test_items_that_make_no_sense_are_counted(serve: Serve) -> None:
    bad = [ONE, {}, 5, None, "x", {"0020000D": {"vr": "UI", "Value": ["../../etc"]}}, {"0020000D": {"vr": "??", "Value": [{}]}}]
    peer, _ = serve(head(), json.dumps(bad).encode())
    answer = peer.find_studies(Query(), Stop())
    assert [one.uid for one in answer.studies] == [f"{ROOT}.1"]
    assert answer.notes == ("6 answers of Web named no study and are not shown.",)


def test_more_than_are_shown_is_said(serve: Serve) -> None:
    several = [{"0020000D": {"vr": "UI", "Value": [f"{ROOT}.{number}"]}} for number in range(1, MOST + 20)]
    peer, _ = serve(head(), json.dumps(several).encode())
    answer = peer.find_studies(Query(), Stop())
    assert len(answer.studies) == MOST
    assert answer.more
    assert f"more than the {MOST} shown" in answer.notes[0]


@pytest.mark.parametrize("code", ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"])
def test_redirects_are_not_followed(serve: Serve, code: str) -> None:
    other = Hostile(answering(head(), b"[]"))
    try:
        peer, _ = serve(head(code=code, length=0, more=f"Location: http://127.0.0.1:{other.port}/studies\r\n"))
        with pytest.raises(PacsError, match="leads to another address"):
            peer.find_studies(Query(), Stop())
        assert len(other._open) == 0
    finally:
        other.close()


def test_the_password_goes_to_its_own_origin_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    from app.pacs.errors import NodeError

    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    heads: list[bytes] = []

    def listening(one: socket.socket) -> None:
        heads.append(request(one))
        one.sendall(head() + b"[]")

    server = Hostile(listening)
    try:
        node = Node("Web", "dicomweb", url=f"http://localhost:{server.port}/d", user="reader")
        WebPeer(node, "secret", SHORT).find_studies(Query(patient_name="Müller"), Stop())
        assert b"Authorization: Basic" in heads[0]
        assert f"Host: localhost:{server.port}".encode() in heads[0]
        bearer = Node("Web", "dicomweb", url=node.url)
        WebPeer(bearer, "token", SHORT).find_studies(Query(), Stop())
        assert b"Authorization: Bearer token" in heads[1]
    finally:
        server.close()
    with pytest.raises(NodeError, match="begins with https"):
        WebPeer(Node("Far", "dicomweb", url="http://pacs.invalid/d", user="reader"), "secret", SHORT).echo(Stop())


def test_a_stop_wakes_who_waits(serve: Serve) -> None:
    peer, server = serve(lambda _: server.wait(), limits=Limits(answer_s=60))
    seconds, error = stopped(server, partial(peer.find_studies, Query()))
    assert seconds < 2
    assert isinstance(error, Stopped)


def fetched(peer: WebPeer, folder: Path, limits: Limits = SHORT) -> Outcome:
    series = Series(f"{ROOT}.1.1", f"{ROOT}.1", count=2)
    return Retrieval(peer, Study(f"{ROOT}.1", patient_id="P-1"), folder, "s", [series], limits).run(Stop())


MULTI = 'multipart/related; type="application/dicom"; boundary=BOUND'


def part(data: bytes, kind: str = "application/dicom", mark: bytes = b"BOUND") -> bytes:
    return b"\r\n--" + mark + f"\r\nContent-Type: {kind}\r\n\r\n".encode() + data


@pytest.fixture
def objects(make_study: MakeStudy) -> list[bytes]:
    return [path.read_bytes() for path in make_study(1, series=1, slices=2)]


END = b"\r\n--BOUND--\r\n"


def test_honest_bodies_in_every_cut(serve: Serve, objects: list[bytes], tmp_path: Path) -> None:
    body = part(objects[0]) + part(objects[1]) + END

    def pieces(one: socket.socket) -> None:
        for start in range(0, len(body), 37):
            one.sendall(body[start : start + 37])

    for number, (kind, data) in enumerate(
        ((MULTI, body), (MULTI, pieces), (MULTI, b"preamble" + body + b"epilogue"), (MULTI.replace("BOUND", '"BOUND"'), body[2:]))
    ):
        peer, _ = serve(head(kind), data)
        folder = tmp_path / str(number)
        folder.mkdir()
        outcome = fetched(peer, folder)
        assert (outcome.state, outcome.good) == ("done", 2), outcome.notes
        assert sorted(path.read_bytes() for path in folder.rglob("*.dcm")) == sorted(objects)


BODIES: dict[str, tuple[str, Callable[[list[bytes]], tuple[object, ...]], int, str]] = {
    "no boundary": ('multipart/related; type="application/dicom"', lambda _: (b"x" * 100,), 0, "where one object ends"),
    "an empty boundary": ("multipart/related; boundary=", lambda _: (b"x" * 100,), 0, "where one object ends"),
    "a web page": ("text/html", lambda _: (b"<html>",), 0, "where one object ends"),
    "JSON": ("application/dicom+json", lambda _: (b"[]",), 0, "where one object ends"),
    "pictures instead": (MULTI, lambda o: (part(o[0], "image/jpeg"), END), 0, "something else than DICOM"),
    "another boundary": (
        MULTI,
        lambda o: (part(o[0], mark=b"OTHER") * 20,),
        0,
        "no series of DICOM objects|stopped in the middle",
    ),
    "closes in the middle": (MULTI, lambda o: (part(o[0]), part(o[1][:700])), 1, "stopped in the middle|closed the connection"),
    "hangs in the middle": (MULTI, lambda o: (part(o[0]), part(o[1][:700]), silent), 1, "did not answer in time"),
    "no end mark": (MULTI, lambda o: (part(o[0]), part(o[1])), 1, "stopped in the middle"),
    "cut objects": (MULTI, lambda o: (part(o[0][:-300]), part(o[1]), END), 1, "1 not taken: damaged: is cut short"),
    "no DICOM in it": (MULTI, lambda o: (part(b"GIF89a" * 50), part(o[1]), END), 1, "1 not taken: damaged"),
    "one of them twice": (MULTI, lambda o: (part(o[0]), part(o[0]), END), 1, "1 not taken: it came twice"),
    "headers without end": (MULTI, lambda _: (b"\r\n--BOUND\r\n" + b"X: y\r\n" * 10_000,), 0, "no series of DICOM objects"),
    "nothing at all": (MULTI, lambda _: (b"\r\n--BOUND--\r\n",), 0, "2 of 2 objects of series"),
}


@pytest.mark.parametrize("name", BODIES)
def test_objects_that_are_none(serve: Serve, objects: list[bytes], tmp_path: Path, name: str) -> None:
    kind, body, good, sentence = BODIES[name]
    peer, _ = serve(head(kind), *body(objects))  # type: ignore[arg-type]
    outcome = fetched(peer, tmp_path)
    assert outcome.good == good
    assert outcome.state == ("partly" if good else "failed")
    assert re.search(sentence, " ".join(outcome.notes)), outcome.notes
    assert len(list(tmp_path.rglob("*.dcm"))) == good
    assert list(tmp_path.rglob(".*")) == []


def test_a_damaged_object_is_said_in_one_sentence(serve: Serve, objects: list[bytes], tmp_path: Path) -> None:
    peer, _ = serve(head(MULTI), part(objects[0][:-300]), part(objects[1]), END)
    (note,) = fetched(peer, tmp_path).notes
    assert re.fullmatch(r"1 not taken: damaged: is cut short: [\d,]+ of [\d,]+ bytes of pixels are there; copy it again\.", note)


def test_an_object_without_end(serve: Serve, objects: list[bytes], tmp_path: Path) -> None:
    def pour(one: socket.socket) -> None:
        one.sendall(part(objects[0][:1000]))
        for _ in range(400):
            one.sendall(b"\0" * 2**18)  # 100 MiB
        one.sendall(part(objects[1]) + END)

    peer, _ = serve(head(MULTI), pour)
    outcome = fetched(peer, tmp_path, Limits(answer_s=5, object_bytes=2**20))
    assert outcome.good == 1
    assert any("larger than the limit of 1 MiB" in note for note in outcome.notes)


def test_study_names_that_would_leave_the_folder(serve: Serve, tmp_path: Path) -> None:
    peer, server = serve(head(MULTI), END)
    series = Series("../../../etc/passwd", f"{ROOT}.1")
    outcome = Retrieval(peer, Study(f"{ROOT}.1"), tmp_path, "s", [series], SHORT).run(Stop())
    assert outcome.state == "failed"
    assert list(tmp_path.rglob("*")) == []
    assert len(server._open) == 0


def stored(item: dict[str, object], tag: str) -> bytes:
    return json.dumps({tag: {"vr": "SQ", "Value": [item]}}).encode()


STOW: dict[str, tuple[tuple[object, ...], str]] = {
    "hangs": ((silent,), "did not answer in time"),
    "closes": ((), "closed the connection"),
    "a web page": ((head("text/html"), b"<html>thanks</html>"), "a web page"),
    "no JSON": ((head(), b"{oops"), "no DICOM JSON"),
    "says nothing of it": ((head(), b"{}"), "did not say that it was stored"),
    "another object": (
        (head(), stored({"00081155": {"vr": "UI", "Value": ["1.2"]}}, "00081199")), "did not say that it was stored",
    ),
    "all failed": (
        (head(code="409 Conflict"), stored({"00081197": {"vr": "US", "Value": [0xA700]}}, "00081198")), r"out of room \(0xA700\)",
    ),
    "too large": ((head(code="413 Too Large", length=0),), "takes nothing so large"),
}  # fmt: skip


@pytest.mark.parametrize("name", STOW)
def test_sending_to_one_that_misbehaves(serve: Serve, make_study: MakeStudy, name: str) -> None:
    pieces, sentence = STOW[name]
    going, staying = look(make_study(1, series=1, slices=1))

    def body(one: socket.socket) -> None:
        """Reads what is sent before it answers."""
        one.settimeout(0.3)
        try:
            while one.recv(65_536):
                pass
        except TimeoutError:
            one.settimeout(None)

    peer, _ = serve(body, *pieces)  # type: ignore[arg-type]
    outcome = send(peer, going, staying, Stop(), lambda _: None)
    assert (outcome.state, outcome.good, outcome.bad) == ("failed", 0, 1)
    assert re.search(sentence, " ".join([*outcome.notes, *(one.words for one in outcome.sent)])), outcome
