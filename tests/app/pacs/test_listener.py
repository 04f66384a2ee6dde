"""The listener with dcmtk's tools as senders: off by default, for known titles alone, within its limits."""

from __future__ import annotations

import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydicom import dcmread

from app.pacs.book import Book
from app.pacs.errors import NodeError, PacsError
from app.pacs.limits import Limits
from app.pacs.listener import Event, Listener
from app.pacs.nodes import Listening, Node
from app.pacs.reception import Reception
from app.pacs.tray import Expected, Tray
from tests.app.pacs.conftest import QUICK, ROOT, MakeStudy
from tests.app.pacs.servers import free_port, tool, until


class Open:
    """A listener that is on, and what it told."""

    def __init__(self, folder: Path, listening: Listening, limits: Limits = QUICK) -> None:
        self.events: list[Event] = []
        self.trays: list[Tray] = []
        self.folder = folder
        self.reception = Reception(listening, self.events.append, limits)
        self.port = self.reception.switch_on(self._tray)

    def _tray(self, expected: Expected) -> Tray:
        self.trays.append(Tray(self.folder / f"pacs-x-{len(self.trays) + 1}", expected, QUICK))
        return self.trays[-1]

    def kinds(self) -> list[str]:
        return [one.kind for one in self.events]

    def send(self, *files: Path, calling: str = "SENDER", called: str = "HILUM", options: tuple[str, ...] = ()) -> int:
        words = [tool("storescu"), "-aet", calling, "-aec", called, *options, "127.0.0.1", self.port, *files]
        return subprocess.run([str(word) for word in words], capture_output=True, timeout=30).returncode


OpenIt = Callable[..., Open]


@pytest.fixture
def open_it(tmp_path: Path) -> Iterator[OpenIt]:
    opened: list[Open] = []

    def make(limits: Limits = QUICK, **values: object) -> Open:
        given: dict[str, object] = {"port": 0, "allowed": ("SENDER",), **values}
        opened.append(Open(tmp_path / "in", Listening(**given), limits))  # type: ignore[arg-type]
        opened[-1].folder.mkdir()
        return opened[-1]

    yield make
    for one in opened:
        one.reception.close()


def test_it_is_off_and_on_loopback_by_default() -> None:
    reception = Reception(Book().listening, lambda _: None)
    assert not reception.on
    assert Book().listening.interface == "127.0.0.1"
    assert Book().listening.allowed == ()
    with socket.socket() as one:
        assert one.connect_ex(("127.0.0.1", Book().listening.port)) != 0


def test_what_an_allowed_title_sends_is_kept_under_our_names(open_it: OpenIt, make_study: MakeStudy) -> None:
    here, files = open_it(), make_study(1, series=2, slices=2)
    assert here.send(*files) == 0
    until(lambda: here.kinds() == ["connected", *["stored"] * 4, "ended"])
    assert here.events[0].peer == "SENDER"
    trays = here.reception.finished()
    assert [[path.name for path in one.files] for one in trays] == [["000001.dcm", "000002.dcm"]] * 2
    truth = {one.SOPInstanceUID: one.PixelData for one in map(dcmread, files)}
    came = [dcmread(path) for one in trays for path in one.files]
    assert {one.SOPInstanceUID: one.PixelData for one in came} == truth
    assert here.reception.finished() == []


def test_an_echo_is_answered(open_it: OpenIt) -> None:
    here = open_it()
    words = [tool("echoscu"), "-aet", "SENDER", "-aec", "HILUM", "127.0.0.1", str(here.port)]
    assert subprocess.run(words, capture_output=True, timeout=20).returncode == 0


@pytest.mark.parametrize(
    ("calling", "called", "detail"),
    [("STRANGER", "HILUM", "not on the list"), ("SENDER", "OTHER", "called us OTHER"), ("sender", "HILUM", "not on the list")],
)
def test_a_stranger_is_rejected_and_shown(open_it: OpenIt, make_study: MakeStudy, calling: str, called: str, detail: str) -> None:
    here = open_it()
    assert here.send(*make_study(1, series=1, slices=1), calling=calling, called=called) != 0
    until(lambda: here.events)
    assert (here.events[0].kind, here.events[0].peer, here.events[0].detail) == ("rejected", calling, detail)
    assert here.events[0].address == "127.0.0.1"
    assert list(here.folder.iterdir()) == []


def test_nobody_may_send_when_nobody_is_on_the_list(open_it: OpenIt, make_study: MakeStudy) -> None:
    here = open_it(allowed=())
    assert here.send(*make_study(1, series=1, slices=1)) != 0
    assert here.trays == []


def test_compressed_files_are_taken_as_they_are(open_it: OpenIt, shared: Path) -> None:
    here = open_it(limits=Limits())
    for syntax, option in (("1.2.840.10008.1.2.4.70", "-xs"), ("1.2.840.10008.1.2.4.90", "-xv"), ("1.2.840.10008.1.2.5", "-xr")):
        path = next((shared / "dicom" / "ct-in-many-syntaxes").glob(f"CTImage*_{syntax}.dcm"))
        assert here.send(path, options=(option,)) == 0
        kept = here.reception.finished()[0].files[-1]
        assert dcmread(kept).file_meta.TransferSyntaxUID == syntax
        assert dcmread(kept).PixelData == dcmread(path).PixelData


def test_limits_on_bytes(open_it: OpenIt, make_study: MakeStudy) -> None:
    here = open_it(max_object_mib=1, limits=Limits(object_bytes=2**20, answer_s=3))
    assert here.send(*make_study(1, series=1, slices=1, size=1024)) != 0  # 2 MiB
    until(lambda: "cut" in here.kinds())
    assert "sent more than" in next(one.detail for one in here.events if one.kind == "cut")
    assert here.send(*make_study(2, series=1, slices=1, size=512)) == 0  # half a MiB
    assert here.reception.finished()[0].size > 500_000


def test_limit_of_an_hour(open_it: OpenIt, make_study: MakeStudy) -> None:
    here = open_it(max_hour_mib=1, limits=Limits(answer_s=3))
    files = make_study(1, series=1, slices=3, size=512)
    here.send(*files)  # the third no longer has room
    until(lambda: here.kinds().count("stored") == 1 and "refused" in here.kinds())
    assert "limit of an hour" in next(one.detail for one in here.events if one.kind == "refused")


def test_limit_on_connections(open_it: OpenIt) -> None:
    here = open_it(max_associations=2)
    from pynetdicom import AE

    entity = AE("SENDER")
    entity.add_requested_context("1.2.840.10008.1.1")
    talks = [entity.associate("127.0.0.1", here.port, ae_title="HILUM") for _ in range(4)]
    try:
        assert [one.is_established for one in talks] == [True, True, False, False]
        assert "too many connections" in next(one.detail for one in here.events if one.kind == "rejected")
    finally:
        for one in talks:
            if one.is_established:
                one.release()
    until(lambda: here.kinds().count("ended") == 2)


def test_many_connections_that_say_nothing_are_cut(open_it: OpenIt) -> None:
    here = open_it(max_associations=2)
    silent = [socket.create_connection(("127.0.0.1", here.port)) for _ in range(20)]
    until(lambda: len([one for one in threading.enumerate() if "Acceptor" in one.name]) <= 6, 10)
    for one in silent:
        one.close()


def test_damage_is_refused(open_it: OpenIt, make_study: MakeStudy) -> None:
    here = open_it()
    path = make_study(1, series=1, slices=1)[0]
    dataset = dcmread(path)
    dataset.Rows = 64  # twice as many as there are pixels for
    dataset.save_as(path)
    assert here.send(path) == 0 or here.kinds()
    until(lambda: "refused" in here.kinds())
    assert list(here.folder.rglob("*.dcm")) == []


@pytest.mark.parametrize(
    "data",
    [b"", b"\x01", b"GET / HTTP/1.1\r\n\r\n", b"\x01\x00\xff\xff\xff\xff", b"\x04\x00\x00\x00\x00\x04abcd", b"\xff" * 5000],
)
def test_garbage_ends_its_own_connection_alone(open_it: OpenIt, make_study: MakeStudy, data: bytes) -> None:
    here = open_it()
    with socket.create_connection(("127.0.0.1", here.port), timeout=10) as one:
        one.sendall(data)
        one.shutdown(socket.SHUT_WR)
        try:
            while one.recv(1024):
                pass
        except OSError:
            pass
    assert here.send(*make_study(1, series=1, slices=1)) == 0


def test_off_means_that_nothing_listens(open_it: OpenIt, make_study: MakeStudy) -> None:
    here = open_it()
    here.reception.switch_off()
    with socket.socket() as one:
        assert one.connect_ex(("127.0.0.1", here.port)) != 0
    assert not here.reception.on


def test_closing_while_somebody_sends(open_it: OpenIt, make_study: MakeStudy) -> None:
    here = open_it()
    files = make_study(1, series=1, slices=80, size=128)
    sender = threading.Thread(target=lambda: here.send(*files))
    sender.start()
    until(lambda: here.kinds().count("stored") > 2)
    began = time.monotonic()
    here.reception.close()
    assert time.monotonic() - began < 10
    sender.join(30)
    assert len(here.trays[0].files) < 80


def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        one.listen()
        with pytest.raises(PacsError, match="choose another port"):
            Listener(Listening(port=one.getsockname()[1]), lambda *_: True, lambda *_: None, lambda _: None)


def test_a_move_opens_it_for_that_archive_and_that_series_alone(make_study: MakeStudy, tmp_path: Path) -> None:
    from app.pacs.matches import Series

    events: list[Event] = []
    reception = Reception(Listening(port=free_port()), events.append, QUICK)
    node = Node("N", host="127.0.0.1", ae_title="ARCHIVE", our_ae="US", retrieve="move")
    tray = Tray(tmp_path / "s", Expected(f"{ROOT}.1", f"{ROOT}.1.1"), QUICK)
    files = make_study(1, series=2, slices=1)

    def send(calling: str, called: str, path: Path) -> int:
        words = [tool("storescu"), "-aet", calling, "-aec", called, "127.0.0.1", str(reception.listening.port), str(path)]
        return subprocess.run(words, capture_output=True, timeout=30).returncode

    with reception.awaiting(node, Series(f"{ROOT}.1.1", f"{ROOT}.1"), tray):
        assert send("STRANGER", "US", files[0]) != 0
        assert send("ARCHIVE", "HILUM", files[0]) != 0
        assert send("ARCHIVE", "US", files[0]) == 0
        send("ARCHIVE", "US", files[1])  # another series
    assert len(tray.files) == 1
    assert [one.kind for one in events if one.kind != "ended"] == [
        "rejected",
        "rejected",
        "connected",
        "stored",
        "connected",
        "refused",
    ]
    assert send("ARCHIVE", "US", files[0]) != 0


@pytest.mark.parametrize(
    "values", [{"interface": "pacs.hospital"}, {"port": 70_000}, {"allowed": ("",)}, {"ae_title": "x" * 17}, {"max_hour_mib": 0}]
)
def test_settings_that_make_no_sense(values: dict[str, object]) -> None:
    with pytest.raises(NodeError):
        Listening(**values)  # type: ignore[arg-type]
