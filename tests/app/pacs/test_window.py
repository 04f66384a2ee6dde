"""A reader before the window of archives, with a real archive behind it."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app import audit
from app.collecting import Collecting
from app.pacs import book
from app.pacs.nodes import Listening, Node
from app.panels.pacs import PacsWindow
from app.panels.pacs_nodes import NodesDialog
from app.panels.pacs_rows import WHO
from app.settings import Settings, load
from tests.app.conftest import Seat
from tests.app.pacs.conftest import MakeStudy
from tests.app.pacs.servers import PASSWORD, Orthanc, free_port


@pytest.fixture
def filled(orthanc: Orthanc, make_study: MakeStudy) -> Iterator[Orthanc]:
    orthanc.clear()
    orthanc.upload(make_study(1, series=2, slices=3, PatientName="Müller^Jürgen"))
    orthanc.upload(make_study(2, series=1, slices=3, StudyDate="20250102", PatientName="Weiß^Käthe"))
    yield orthanc
    orthanc.clear()


class Reader(Seat):
    def open_archives(self) -> PacsWindow:
        self.act("archives")
        shown = self.window.archiving.window
        assert shown is not None
        self.wait(lambda: self.window.archiving.window.node)
        return shown

    def search(self, name: str = "") -> PacsWindow:
        shown = self.open_archives()
        shown.question.name.setText(name)
        QTest.keyClick(shown.question.name, Qt.Key.Key_Return)
        self.wait(lambda: not shown.stop.isVisible())
        return shown

    def open_settings(self) -> NodesDialog:
        self.act("archives")
        shown = self.window.archiving.window
        assert shown is not None
        shown.settings.click()
        self.wait(lambda: shown.findChildren(NodesDialog))
        return shown.findChildren(NodesDialog)[0]

    def jobs_ended(self) -> bool:
        return not self.window.archiving.transfers.running


@pytest.fixture
def reader(qtbot: QtBot, home: Path) -> Iterator[Reader]:
    made = Reader(qtbot, Settings())
    yield made
    made.close()


@pytest.fixture(autouse=True)
def collecting(qapp: QApplication) -> Iterator[None]:
    """As in the program: no thread but the GUI's collects cycles with widgets in them."""
    made = Collecting(qapp)
    yield
    made.close()
    made.deleteLater()


@pytest.mark.parametrize("way", ["dimse", "dicomweb"])
def test_ask_fetch_and_look(reader: Reader, filled: Orthanc, way: str) -> None:
    node = filled.dimse() if way == "dimse" else filled.web()
    book.save(book.Book((node,)))
    if way == "dicomweb":
        reader.window.archiving._house._made().credentials.hold(node, PASSWORD)
    shown = reader.search("müll")
    assert [shown.rows.item(row, 4).text() for row in range(shown.rows.rowCount())] == ["Müller, Jürgen"]
    assert shown.word.text().startswith(f"1 study fits at {node.name}.")
    shown.view.expand(shown.rows.index(0, 0))
    reader.wait(lambda: shown.rows.item(0).rowCount() == 2)
    shown.view.setCurrentIndex(shown.rows.index(0, 0))
    QTest.keyClick(shown.view, Qt.Key.Key_Return)
    reader.wait(lambda: reader.window.panes.view.source is not None)
    reader.wait(lambda: len(reader.window.shelf.paths()) == 2 and reader.jobs_ended())
    source = reader.window.panes.view.source
    assert source is not None
    assert (source.kind, source.frames) == ("series", 3)
    assert shown.jobs.texts() == ["Fetch CT of 2024-05-17: 6 fetched"]
    names = [path.name for path in reader.window.shelf.paths()]
    assert all(name.startswith("pacs-") for name in names)
    assert "Müller" not in str(reader.window.shelf.paths())


def test_who_the_patients_are_is_hidden_until_asked_for(reader: Reader, filled: Orthanc) -> None:
    book.save(book.Book((filled.dimse(),)))
    shown = reader.search("")
    assert shown.rows.rowCount() == 2
    assert all(shown.view.isColumnHidden(column) for column in WHO)
    QTest.keyClick(shown, Qt.Key.Key_P, Qt.KeyboardModifier.ControlModifier)
    assert not any(shown.view.isColumnHidden(column) for column in WHO)


def test_a_bad_archive_costs_a_sentence(reader: Reader) -> None:
    book.save(book.Book((Node("Nowhere", host="127.0.0.1", port=free_port(), ae_title="X"),)))
    shown = reader.search("")
    assert "nothing listens on that port" in shown.word.text()
    shown.test.click()
    reader.wait(lambda: not shown.stop.isVisible())
    assert "nothing listens on that port" in shown.word.text()
    shown.question.when.setCurrentIndex(shown.question.when.count() - 1)
    shown.question.since.setText("yesterday")
    shown.question.search.click()
    assert "is no day" in shown.word.text()


def test_escape_stops_what_is_asked_of_a_server_that_hangs(reader: Reader) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        book.save(book.Book((Node("Silent", host="127.0.0.1", port=silent.getsockname()[1], ae_title="X"),)))
        shown = reader.open_archives()
        shown.question.search.click()
        reader.wait(lambda: shown.stop.isVisible())
        QTest.keyClick(shown, Qt.Key.Key_Escape)
        reader.wait(lambda: not shown.stop.isVisible(), 1)
        assert shown.isVisible()
        QTest.keyClick(shown, Qt.Key.Key_Escape)
        assert not shown.isVisible()


def test_a_job_is_stopped_by_its_own_button(reader: Reader, orthanc: Orthanc, make_study: MakeStudy) -> None:
    orthanc.clear()
    orthanc.upload(make_study(7, series=1, slices=80, size=128))
    book.save(book.Book((orthanc.dimse(),)))
    shown = reader.search("")
    shown.view.setCurrentIndex(shown.rows.index(0, 0))
    shown.fetch.click()
    reader.wait(lambda: " of 80" in "".join(shown.jobs.texts()))
    next(iter(shown.jobs._jobs.values())).stop.click()
    reader.wait(reader.jobs_ended, 10)
    reader.wait(lambda: "stopped" in shown.jobs.texts()[0], 10)
    orthanc.clear()


def test_send_and_what_became_of_it(reader: Reader, orthanc: Orthanc, make_study: MakeStudy) -> None:
    orthanc.clear()
    book.save(book.Book((orthanc.dimse(),)))
    files = make_study(3, series=1, slices=3)
    reader.open(files[0].parent)
    reader.act("send")
    reader.wait(lambda: reader.window.archiving.dialog is not None)
    dialog = reader.window.archiving.dialog
    assert dialog is not None
    assert not dialog.labels.isChecked()
    dialog.send.click()
    reader.wait(lambda: dialog.results.count())
    assert dialog.word.text() == "3 sent"
    assert orthanc.instances() == 3
    dialog.close()
    orthanc.clear()


def test_entering_an_archive(reader: Reader, filled: Orthanc, home: Path) -> None:
    reader.act("archives")
    shown = reader.window.archiving.window
    assert shown is not None
    reader.wait(lambda: "No node is entered" in shown.word.text())
    shown.settings.click()
    reader.wait(lambda: shown.findChildren(NodesDialog))
    dialog = shown.findChildren(NodesDialog)[0]
    dialog.name.setText("Mine")
    dialog.host.setText("not a host!")
    dialog.keep()
    assert "is no host" in dialog.word.text()
    dialog.host.setText("127.0.0.1")
    dialog.port.setValue(filled.dicom)
    dialog.ae.setText("ORTHANC")
    dialog.keep()
    reader.wait(lambda: shown.node == "Mine")
    assert book.load().nodes == (Node("Mine", host="127.0.0.1", port=filled.dicom, ae_title="ORTHANC"),)
    shown.test.click()
    reader.wait(lambda: "answers" in shown.word.text())
    dialog.close()


@pytest.mark.parametrize("kind", ["dimse", "dicomweb"])
def test_certificates_are_entered_where_there_is_tls(reader: Reader, kind: str) -> None:
    shown = reader.open_settings()
    shown.kind.setCurrentIndex(shown.kind.findData(kind))
    lines = (shown.ca, shown.cert, shown.pem_key)
    shown.name.setText("Safe")
    if kind == "dimse":
        shown.host.setText("pacs.hospital")
        shown.ae.setText("PACS")
        assert not any(one.isEnabled() for one in lines)
        shown.tls.setChecked(True)
    else:
        shown.url.setText("http://pacs.hospital/dicom-web")
        assert not any(one.isEnabled() for one in lines)
        shown.url.setText("https://pacs.hospital/dicom-web")
    assert all(one.isEnabled() for one in lines)
    shown.pem_key.setText("/pem/us.key")
    shown.keep()
    assert "a key says nothing without its certificate" in shown.word.text()
    shown.ca.setText("/pem/ca.pem")
    shown.cert.setText(" /pem/us.crt ")
    shown.keep()
    reader.wait(lambda: book.load().nodes)
    (node,) = book.load().nodes
    assert (node.ca_file, node.cert_file, node.key_file) == ("/pem/ca.pem", "/pem/us.crt", "/pem/us.key")
    shown._new()
    assert [one.text() for one in lines] == ["", "", ""]
    shown.names.setCurrentRow(0)
    assert [one.text() for one in lines] == ["/pem/ca.pem", "/pem/us.crt", "/pem/us.key"]
    shown.close()


def test_a_password_is_in_no_file(reader: Reader, filled: Orthanc, home: Path) -> None:
    book.save(book.Book((filled.web(),)))
    shown = reader.open_archives()
    shown.settings.click()
    reader.wait(lambda: shown.findChildren(NodesDialog))
    dialog = shown.findChildren(NodesDialog)[0]
    dialog.password.setText(PASSWORD)
    dialog.keep()
    reader.wait(lambda: "no keyring" in shown.word.text())
    assert dialog.password.text() == ""
    dialog.password.setText(PASSWORD)
    dialog.close()
    reader.wait(lambda: not shown.findChildren(NodesDialog))  # what was typed and not kept goes with it
    shown.question.search.click()
    reader.wait(lambda: shown.rows.rowCount() == 2)
    for path in home.rglob("*"):
        assert not path.is_file() or PASSWORD.encode() not in path.read_bytes()


def test_what_was_fetched_is_wiped_with_the_window(qtbot: QtBot, filled: Orthanc, home: Path) -> None:
    book.save(book.Book((filled.dimse(),)))
    reader = Reader(qtbot, Settings())
    shown = reader.search("weiß")
    shown.view.setCurrentIndex(shown.rows.index(0, 0))
    shown.fetch.click()
    reader.wait(lambda: reader.jobs_ended() and reader.window.panes.view.source is not None)
    assert list((home / "received").rglob("*.dcm"))
    reader.close()
    assert list((home / "received").rglob("*")) == []
    assert load().open == ()
    assert load().shown == ""


def test_wipe_on_request_and_keep_when_asked_to(qtbot: QtBot, filled: Orthanc, home: Path) -> None:
    book.save(book.Book((filled.dimse(),), wipe_at_exit=False))
    reader = Reader(qtbot, Settings())
    shown = reader.search("weiß")
    for time in range(2):
        shown.view.setCurrentIndex(shown.rows.index(0, 0))
        shown.fetch.click()
        reader.wait(lambda: reader.jobs_ended() and reader.window.panes.view.source is not None)
        if time == 0:
            shown.wipe.click()
            reader.wait(lambda: "Wiped" in shown.word.text())
            assert list((home / "received").rglob("*.dcm")) == []
            assert reader.window.shelf.paths() == []
    reader.close()
    assert len(list((home / "received").rglob("*.dcm"))) == 3
    assert len(load().open) == 1


def test_the_listener_is_switched_on_and_shows_a_stranger(reader: Reader, make_study: MakeStudy) -> None:
    from app.pacs import outgoing
    from app.pacs.peers import DimsePeer
    from app.pacs.reception import Reception
    from app.pacs.sending import send
    from app.pacs.stopping import Stop

    port = free_port()
    book.save(book.Book(listening=Listening(port=port, allowed=("FRIEND",))))
    reader.act("archives")
    shown = reader.window.archiving.window
    assert shown is not None
    shown.listen.click()
    reader.wait(lambda: "FRIEND" in shown.heard.text())
    going, _ = outgoing.look(make_study(4, series=1, slices=3))

    def sent(title: str) -> str:
        node = Node("Us", host="127.0.0.1", port=port, ae_title="HILUM", our_ae=title)
        return send(DimsePeer(node, Reception(Listening(), lambda _: None)), going, [], Stop(), lambda _: None).state

    results: list[str] = []
    thread = threading.Thread(target=lambda: results.extend([sent("STRANGER"), sent("FRIEND")]))
    thread.start()
    reader.wait(lambda: "rejected: STRANGER at 127.0.0.1, not on the list" in shown.heard.text())
    reader.wait(lambda: reader.window.panes.view.source is not None)
    thread.join()
    assert results == ["failed", "done"]
    shown.listen.click()
    reader.wait(lambda: shown.heard.text() == "off")
    with socket.socket() as one:
        assert one.connect_ex(("127.0.0.1", port)) != 0
    events = [json.loads(line)["event"] for line in audit.audit_path().read_text().splitlines()]
    assert {"pacs listener on", "pacs listener rejected", "pacs listener off"} <= set(events)


def test_nothing_is_asked_of_the_disk_or_the_net_before_the_reader_asks(reader: Reader, home: Path) -> None:
    reader.wait(lambda: True)
    assert reader.window.archiving._house._program is None
    assert not (home / "received").exists()
    assert not [one for one in threading.enumerate() if "pacs" in one.name]
