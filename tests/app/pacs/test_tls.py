"""TLS with a real Orthanc and dcmtk's tools, on certificates made here: what works, and in one sentence what does not.

HTTPS stands before Orthanc's HTTP, as with a reverse proxy.
"""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest
from pydicom import dcmread

from app.pacs.errors import PacsError, Stopped
from app.pacs.limits import Limits
from app.pacs.listener import Event
from app.pacs.matches import Series
from app.pacs.nodes import Listening, Node
from app.pacs.outgoing import look
from app.pacs.peers import DimsePeer, Peer
from app.pacs.query import Query
from app.pacs.reception import Reception
from app.pacs.retrieval import Retrieval
from app.pacs.sending import send
from app.pacs.stopping import Stop
from app.pacs.tray import Expected, Tray
from tests.app.pacs.certificates import Authority, Pair
from tests.app.pacs.conftest import QUICK, ROOT, MakePeer, MakeStudy
from tests.app.pacs.front import Front, context
from tests.app.pacs.hostile import Hostile, answering, head, stopped
from tests.app.pacs.servers import Orthanc, Tool, free_port, tool, until

WAYS = pytest.mark.parametrize("way", ["dimse", "dicomweb"])


class Place:
    """Who vouches for whom, and archives that speak TLS alone: one that wants our certificate, one that does not."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority, self.other = Authority(folder / "ca"), Authority(folder / "other", "Another authority")
        self.server, self.us = self.authority.issue("server"), self.authority.issue("us", ["workstation.hospital"])
        self.expired = self.authority.issue("expired", first=-20, last=-2)
        self.early = self.authority.issue("early", first=2)
        self.stranger = self.other.issue("stranger", ["workstation.hospital"])
        self.mutual = _archive(folder / "mutual", self.server, self.authority, mutual=True)
        self.plain_clients = _archive(folder / "one-sided", self.server, self.authority, mutual=False)
        self.fronts = {
            id(self.mutual): Front(self.mutual.http, context(self.server, str(self.authority.file))),
            id(self.plain_clients): Front(self.plain_clients.http, context(self.server)),
        }

    def close(self) -> None:
        for front in self.fronts.values():
            front.close()
        for one in (self.mutual, self.plain_clients):
            one.close()

    def node(self, archive: Orthanc, way: str, host: str = "127.0.0.1") -> dict[str, object]:
        """Changes of its node that make it one of TLS."""
        ca = str(self.authority.file)
        if way == "dicomweb":
            return {"url": f"https://{host}:{self.fronts[id(archive)].port}/dicom-web", "ca_file": ca}
        return {"tls": True, "host": host, "ca_file": ca}

    def ours(self, pair: Pair | None = None) -> dict[str, object]:
        shown = pair or self.us
        return {"cert_file": str(shown.certificate), "key_file": str(shown.key)}


def _archive(folder: Path, pair: Pair, authority: Authority, *, mutual: bool) -> Orthanc:
    more = {
        "DicomTlsEnabled": True, "DicomTlsCertificate": str(pair.certificate), "DicomTlsPrivateKey": str(pair.key),
        "DicomTlsTrustedCertificates": str(authority.file), "DicomTlsRemoteCertificateRequired": mutual,
    }  # fmt: skip
    port = free_port()
    us = {"AET": "HILUM", "Host": "127.0.0.1", "Port": port, "AllowGet": True, "UseDicomTls": True}
    made = Orthanc(folder, more={**more, "DicomModalities": {"us": us}})
    made.listener = port
    return made


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    made = Place(tmp_path_factory.mktemp("tls"))
    yield made
    made.close()


@WAYS
@pytest.mark.parametrize("mutual", [True, False])
def test_asking_fetching_and_sending(
    place: Place, make_peer: MakePeer, make_study: MakeStudy, tmp_path: Path, way: str, mutual: bool
) -> None:
    archive = place.mutual if mutual else place.plain_clients
    archive.clear()
    files = make_study(1, series=2, slices=3, size=256)
    peer = make_peer(archive, way, **place.node(archive, way), **(place.ours() if mutual else {}))
    assert "answers" in peer.echo(Stop())
    outcome = send(peer, *look(files), Stop(), lambda _: None)
    assert (outcome.state, outcome.good) == ("done", 6), outcome.notes
    assert archive.instances() == 6
    (study,) = peer.find_studies(Query(patient_id="P-1"), Stop()).studies
    assert study.uid == f"{ROOT}.1"
    fetched = Retrieval(peer, study, tmp_path, "s").run(Stop())
    assert (fetched.state, fetched.good) == ("done", 6), fetched.notes
    truth = {str(one.SOPInstanceUID): one.PixelData for one in map(dcmread, files)}
    assert {str(one.SOPInstanceUID): one.PixelData for one in map(dcmread, tmp_path.rglob("*.dcm"))} == truth


def test_c_move_comes_over_tls_too(place: Place, make_peer: MakePeer, make_study: MakeStudy, tmp_path: Path) -> None:
    """The archive connects to us, and both show who they are."""
    archive = place.mutual
    archive.clear()
    files = make_study(1, series=2, slices=3)
    archive.upload(files)
    peer = make_peer(archive, "move", **place.node(archive, "dimse"), **place.ours())
    (study,) = peer.find_studies(Query(), Stop()).studies
    fetched = Retrieval(peer, study, tmp_path, "s").run(Stop())
    assert (fetched.state, fetched.good) == ("done", 6), fetched.notes
    truth = {str(one.SOPInstanceUID): one.PixelData for one in map(dcmread, files)}
    assert {str(one.SOPInstanceUID): one.PixelData for one in map(dcmread, tmp_path.rglob("*.dcm"))} == truth
    with pytest.raises(PacsError, match="we need a certificate and key of our own; enter them, or retrieve by C-GET"):
        make_peer(archive, "move", **place.node(archive, "dimse")).get_series(Series("1.2", "1.3"), _tray(tmp_path), Stop())


def _tray(folder: Path) -> Tray:
    return Tray(folder / "t", Expected("1.3", "1.2"), QUICK)


def test_who_may_connect_to_a_listener_with_tls(place: Place, make_study: MakeStudy, tmp_path: Path) -> None:
    """dcmtk's storescu: with a certificate of the authority; not without TLS, not with another's; one that is silent is waited
    for by nobody."""
    told: list[Event] = []
    port = free_port()
    peer = dcmtk(place, ae_title="SENDER", retrieve="move", **place.ours())
    reception = Reception(Listening(port=port), told.append, QUICK)
    series, tray = Series(f"{ROOT}.4.1", f"{ROOT}.4"), Tray(tmp_path / "t", Expected(f"{ROOT}.4", f"{ROOT}.4.1"), QUICK)
    files = make_study(4, series=1, slices=2)

    def storescu(*options: object) -> int:
        words = [tool("storescu"), "-aet", "SENDER", "-aec", "HILUM", "-to", 5, *options, "127.0.0.1", port, *files]
        return subprocess.run([str(word) for word in words], capture_output=True, timeout=30).returncode

    def shown(pair: Pair) -> list[object]:
        return ["+tls", pair.key, pair.certificate, "+cf", place.authority.file]

    try:
        with reception.awaiting(peer.node, series, tray), socket.create_connection(("127.0.0.1", port)):
            assert storescu(*shown(place.server), "-ic") == 0
            assert len(tray.files) == 2
            assert storescu() != 0
            assert storescu(*shown(place.stranger), "-ic") != 0
            cut = ["no TLS, or a certificate that is not known here"] * 2
            until(lambda: [one.detail for one in told if one.kind == "cut"] == cut)
            with pytest.raises(PacsError, match="Our listener is on with the TLS of Peer"):
                reception.switch_on(lambda _: tray)
        assert len(tray.files) == 2
        reception.switch_on(lambda _: tray)
        with (
            pytest.raises(PacsError, match=r"on without TLS: switch it off .* or retrieve by C-GET"),
            reception.awaiting(peer.node, series, tray),
        ):
            pass
    finally:
        reception.close()


Trouble = Callable[[Place], dict[str, object]]


def _files(place: Place, **files: object) -> dict[str, object]:
    """Changes of a node; a name is one of the files the fixture lays down."""
    return {**place.ours(), **{key: str(value) for key, value in files.items()}}


TROUBLES: dict[str, tuple[Trouble, str]] = {
    "an authority nobody knows": (lambda _: {"ca_file": ""}, "nobody known to this machine vouches for; ask .* for the CA file"),
    "another authority": (lambda p: {"ca_file": str(p.other.file)}, "that the CA file .*ca.pem does not vouch for"),
    "no certificate of ours": (lambda _: {"cert_file": "", "key_file": ""}, "wants a certificate of ours"),
    "one of another authority": (lambda p: p.ours(p.stranger), "does not accept our certificate"),
    "one of ours that has expired": (lambda p: p.ours(p.expired), "does not accept our certificate"),
    "no CA file": (lambda p: {"ca_file": str(p.folder / "none.pem")}, r"the CA file .*none.pem cannot be read \(No such file"),
    "a folder": (lambda p: {"ca_file": str(p.folder)}, r"the CA file .* cannot be read \(Is a directory\)"),
    "a damaged CA file": (lambda p: {"ca_file": _cut(p.authority.file)}, "the CA file .* holds no certificate that can be read"),
    "a key for a CA file": (lambda p: {"ca_file": str(p.us.key)}, "the CA file .* holds no certificate that can be read"),
    "a damaged certificate": (lambda p: _files(p, cert_file=_cut(p.us.certificate)), "the certificate .* holds no certificate"),
    "no key file": (lambda p: _files(p, key_file=p.folder / "none"), r"the key .*none cannot be read \(No such file"),
    "a damaged key": (lambda p: _files(p, key_file=_cut(p.us.key)), "the key .* holds no private key that can be read"),
    "another's key": (lambda p: _files(p, key_file=p.server.key), "does not belong to the certificate .*us.crt"),
    "a certificate alone": (lambda p: _files(p, key_file=""), "the key of .*us.crt is not in the file of its certificate"),
    "a locked key": (
        lambda p: p.ours(p.authority.issue("locked", password="secret")),
        "the key .*locked.key is locked with a password, which Hilum cannot unlock; name a copy without one",
    ),
}  # fmt: skip


def _cut(path: Path) -> str:
    """A copy whose middle is missing."""
    text = path.read_text()
    copy = path.with_name(f"cut-{path.name}")
    copy.write_text(text[:200] + text[500:])
    return str(copy)


@WAYS
@pytest.mark.parametrize("name", TROUBLES)
def test_what_keeps_a_safe_connection_from_being_made(place: Place, make_peer: MakePeer, way: str, name: str) -> None:
    trouble, sentence = TROUBLES[name]
    node = {**place.node(place.mutual, way), **place.ours(), **trouble(place)}
    said = refusal(make_peer(place.mutual, way, **node), sentence)
    assert "secret" not in said


def refusal(peer: Peer, sentence: str) -> str:
    with pytest.raises(PacsError, match=sentence) as caught:
        peer.echo(Stop())
    said = str(caught.value)
    assert said.startswith(peer.node.name)
    assert said.count("\n") == 0
    assert "_ssl" not in said
    return said


@WAYS
def test_a_certificate_for_another_host(place: Place, make_peer: MakePeer, way: str) -> None:
    node = place.node(place.plain_clients, way, "localhost")
    refusal(make_peer(place.plain_clients, way, **node), "made for another host; enter the host by the name")


@WAYS
@pytest.mark.parametrize(("pair", "sentence"), [("expired", "that has expired"), ("early", "not valid yet; check the date")])
def test_a_certificate_out_of_its_days(
    place: Place, make_peer: MakePeer, orthanc: Orthanc, way: str, pair: str, sentence: str
) -> None:
    front = Front(orthanc.http if way == "dicomweb" else orthanc.dicom, context(getattr(place, pair)))
    try:
        where = {"url": f"https://127.0.0.1:{front.port}"} if way == "dicomweb" else {"tls": True, "port": front.port}
        refusal(make_peer(orthanc, way, ca_file=str(place.authority.file), **where), sentence)
    finally:
        front.close()


@WAYS
def test_the_archives_own_certificate_will_do_as_ca_file(place: Place, make_peer: MakePeer, way: str) -> None:
    node = {**place.node(place.plain_clients, way), "ca_file": str(place.server.certificate)}
    assert "answers" in make_peer(place.plain_clients, way, **node).echo(Stop())


@WAYS
def test_certificate_and_key_in_one_file(place: Place, make_peer: MakePeer, tmp_path: Path, way: str) -> None:
    both = tmp_path / "both.pem"
    both.write_bytes(place.us.key.read_bytes() + place.us.certificate.read_bytes())
    node = {**place.node(place.mutual, way), "cert_file": str(both)}
    assert "answers" in make_peer(place.mutual, way, **node).echo(Stop())


def test_tls_asked_of_one_that_has_none(place: Place, orthanc: Orthanc, make_peer: MakePeer) -> None:
    ca = str(place.authority.file)
    refusal(make_peer(orthanc, "dimse", tls=True, ca_file=ca), "hung up when asked for TLS: it has none on this port, or")
    web = make_peer(orthanc, "dicomweb", url=f"https://127.0.0.1:{orthanc.http}/dicom-web", ca_file=ca)
    refusal(web, "does not speak TLS on this port")


def test_tls_not_asked_of_one_that_wants_it(place: Place, make_peer: MakePeer) -> None:
    refusal(make_peer(place.mutual, "dimse"), "without a DICOM answer; check host and port, and whether it wants TLS")
    front = place.fronts[id(place.mutual)]
    refusal(make_peer(place.mutual, "dicomweb", url=f"http://127.0.0.1:{front.port}"), "wants an address that begins with https")


def test_one_that_says_it_wants_tls(place: Place, make_peer: MakePeer, orthanc: Orthanc) -> None:
    """Some servers answer what is no TLS with an alert (RFC 8446 6), some proxies in HTTP."""
    alert = b"\x15\x03\x03\x00\x02\x02\x28"

    def alarmed(one: socket.socket) -> None:
        one.recv(65_536)
        one.sendall(alert)

    server, proxy = Hostile(alarmed), Hostile(answering(head("text/html", "400 Bad Request", 0)))
    try:
        refusal(make_peer(orthanc, "dimse", port=server.port), "wants TLS; switch it on for this node")
        refusal(make_peer(orthanc, "dicomweb", url=f"http://127.0.0.1:{server.port}"), "wants TLS; enter an address .* https")
        refusal(
            make_peer(orthanc, "dicomweb", url=f"http://127.0.0.1:{proxy.port}"), "or wants an address that begins with https"
        )
    finally:
        server.close()
        proxy.close()


@pytest.mark.parametrize("mutual", [True, False])
def test_sending_to_dcmtk(place: Place, make_study: MakeStudy, tmp_path: Path, mutual: bool) -> None:
    """storescp wants our certificate, or none; without ours it says why not, and a plain one says it has no TLS."""
    inbox, port, plain_port = tmp_path / "in", free_port(), free_port()
    inbox.mkdir()
    secure = ["+tls", place.server.key, place.server.certificate, "+cf", place.authority.file, "-rc" if mutual else "-ic"]
    peer = Tool([tool("storescp"), *secure, "-od", inbox, port], port, tmp_path)
    plain = Tool([tool("storescp"), "-od", inbox, plain_port], plain_port, tmp_path)
    try:
        assert "answers" in dcmtk(place, port, **place.ours()).echo(Stop())
        outcome = send(dcmtk(place, port, **place.ours()), *look(make_study(3, series=1, slices=2)), Stop(), lambda _: None)
        assert (outcome.state, outcome.good) == ("done", 2), outcome.notes
        if mutual:
            refusal(dcmtk(place, port), "wants a certificate of ours")
            refusal(dcmtk(place, port, **place.ours(place.stranger)), "does not accept our certificate")
        refusal(dcmtk(place, port, tls=False), "whether it wants TLS|wants TLS; switch it on")
        refusal(dcmtk(place, plain_port), "it has none on this port, or")
    finally:
        peer.close()
        plain.close()
    assert len(list(inbox.iterdir())) == 2


def dcmtk(place: Place, port: int = 0, limits: Limits = QUICK, **changes: object) -> DimsePeer:
    values = {
        "host": "127.0.0.1",
        "port": port or 104,
        "ae_title": "ANY",
        "tls": True,
        "ca_file": str(place.authority.file),
        **changes,
    }
    return DimsePeer(Node("Peer", **values), Reception(Listening(), lambda _: None), limits)  # type: ignore[arg-type]


class Server:
    """Handshakes of one TLS context, and nothing after."""

    def __init__(self, secure: ssl.SSLContext) -> None:
        self.versions: list[str | None] = []
        self.seen: list[str] = []
        """What became of every connection: the cipher, or the error."""

        def serve(one: socket.socket) -> None:
            try:
                with secure.wrap_socket(one.dup(), server_side=True) as talk:
                    self.versions.append(talk.version())
                    self.seen.append(str(talk.cipher()))
            except OSError as error:
                self.seen.append(repr(error))

        self.hostile = Hostile(serve)


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated")
@WAYS
def test_a_tls_older_than_1_2_is_not_spoken(place: Place, orthanc: Orthanc, make_peer: MakePeer, way: str) -> None:
    old = context(place.server)
    old.set_ciphers("ALL:@SECLEVEL=0")
    old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    server = Server(old)
    lenient = ssl.create_default_context(cafile=place.authority.file)
    lenient.set_ciphers("ALL:@SECLEVEL=0")
    lenient.minimum_version = ssl.TLSVersion.TLSv1_1
    try:
        with socket.create_connection(("127.0.0.1", server.hostile.port)) as raw, suppress(OSError):
            lenient.wrap_socket(raw, server_hostname="127.0.0.1").close()
        until(lambda: server.versions == ["TLSv1.1"], what="it does speak")
        where = {"url": f"https://127.0.0.1:{server.hostile.port}"} if way == "dicomweb" else {"port": server.hostile.port}
        peer = make_peer(orthanc, way, tls=True, ca_file=str(place.authority.file), **where)
        refusal(peer, "speaks only a TLS older than 1.2")
        assert server.versions == ["TLSv1.1"]
    finally:
        server.hostile.close()


def test_ciphers_that_are_not_safe_are_not_spoken(place: Place) -> None:
    weak = context(place.server)
    weak.maximum_version = ssl.TLSVersion.TLSv1_2
    weak.set_ciphers("AES128-SHA:@SECLEVEL=0")  # the retired AES profile of PS3.15 B.3
    server = Server(weak)
    try:
        try:
            refusal(dcmtk(place, server.hostile.port), "knows no cipher that is still safe")
        finally:
            print("the server saw", server.seen)
        assert server.versions == []
    finally:
        server.hostile.close()


def test_one_that_never_shakes_hands(place: Place) -> None:
    server = Hostile(lambda _: server.wait())
    try:
        began = time.monotonic()
        refusal(dcmtk(place, server.port, Limits(connect_s=1.0)), "takes the connection but does not answer in TLS")
        assert time.monotonic() - began < 8
        seconds, error = stopped(server, partial(dcmtk(place, server.port, Limits(connect_s=60)).find_studies, Query()))
        assert isinstance(error, Stopped)
        assert seconds < 4
    finally:
        server.close()


@WAYS
def test_a_stop_in_the_middle_of_a_fetch(
    place: Place, make_peer: MakePeer, make_study: MakeStudy, tmp_path: Path, way: str
) -> None:
    """The connection is cut under a thread that reads from it."""
    archive = place.plain_clients
    archive.clear()
    archive.upload(make_study(2, series=1, slices=120, size=256))
    peer, stop = make_peer(archive, way, **place.node(archive, way)), Stop()
    (study,) = peer.find_studies(Query(), Stop()).studies
    retrieval = Retrieval(peer, study, tmp_path, "s", on_first=lambda _: threading.Thread(target=stop.set).start())
    outcome = retrieval.run(stop)
    assert outcome.state == "stopped", outcome
    assert 1 <= outcome.good < 120
    assert outcome.notes == [] or "did not come" in outcome.notes[0], outcome.notes
    archive.clear()
