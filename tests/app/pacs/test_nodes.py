"""What is remembered of archives: checked, private, without passwords; and where passwords are kept."""

from __future__ import annotations

import json
import os
import shutil
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.compat.properties import classproperty

from app.pacs import book
from app.pacs.book import Book
from app.pacs.credentials import Credentials
from app.pacs.errors import NodeError, PacsError
from app.pacs.nodes import Listening, Node
from app.pacs.received import LOCK, Received

WEB = Node("Web", "dicomweb", url="https://pacs.hospital/dicom-web", user="reader")
DICOM = Node("Main", host="10.1.2.3", port=104, ae_title="ARCHIVE", our_ae="HILUM1", retrieve="move", tls=True)
SAFE = Node("Safe", host="h", ae_title="A", tls=True, ca_file="/pem/ca", cert_file="/pem/us.crt", key_file="/pem/us.key")


def test_the_book_is_kept_as_it_was(home: Path) -> None:
    whole = Book((WEB, DICOM, SAFE), Listening("10.1.2.4", 4242, "US", ("A", "B"), 5, 6, 7), 9, False)
    book.save(whole)
    assert book.load() == whole
    if os.name != "nt":
        assert stat.S_IMODE((home / book.NAME).stat().st_mode) == 0o600
    assert "assword" not in (home / book.NAME).read_text()


@pytest.mark.parametrize("content", ["", "[]", "{", "null", '"x"', "[" * 100_000])
def test_a_damaged_book_is_set_aside(home: Path, content: str) -> None:
    (home / book.NAME).write_text(content)
    assert book.load() == Book()
    assert (home / "pacs.damaged.json").read_text() == content


def test_damaged_parts_are_left_out(home: Path) -> None:
    whole = Book((WEB, DICOM))
    book.save(whole)
    found = json.loads((home / book.NAME).read_text())
    found["nodes"] += [
        {"name": "x", "host": "a b"},
        {"name": 5},
        "text",
        {"name": "y", "kind": "ftp", "host": "h", "ae_title": "A"},
    ]
    found["listening"] = {"interface": "everywhere"}
    found["quota_gib"], found["of a later version"] = "much", 1
    (home / book.NAME).write_text(json.dumps(found))
    assert book.load() == whole


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"name": " "}, "1 to 40 letters"),
        ({"name": "x" * 41}, "1 to 40 letters"),
        ({"name": "a\nb"}, "1 to 40 letters"),
        ({"key_file": "us.key"}, "a key says nothing without its certificate"),
        ({"kind": "dicomweb", "url": "https://h/d", "key_file": "us.key"}, "without its certificate"),
        ({"host": ""}, "is no host"),
        ({"host": "a b"}, "is no host"),
        ({"host": "pacs;rm"}, "is no host"),
        ({"host": "1:2"}, "is no host"),
        ({"port": 0}, "is no port"),
        ({"port": 65_536}, "is no port"),
        ({"ae_title": ""}, "is no AE title"),
        ({"ae_title": "x" * 17}, "is no AE title"),
        ({"our_ae": "a\\b"}, "is no AE title"),
        ({"our_ae": "Ümläut"}, "is no AE title"),
        ({"charset": "ISO 2022 IR 87"}, "character set"),
        ({"retrieve": "steal"}, "retrieve get or move"),
        ({"kind": "dicomweb", "url": "pacs.hospital"}, "must look like https"),
        ({"kind": "dicomweb", "url": "ftp://pacs.hospital"}, "must look like https"),
        ({"kind": "dicomweb", "url": "https://me:secret@pacs.hospital"}, "without user, password"),
        ({"kind": "dicomweb", "url": "https://pacs.hospital/?token=1"}, "without user, password"),
        ({"kind": "dicomweb", "url": "http://[::1"}, "must look like https"),
    ],
)
def test_nodes_that_make_no_sense(values: dict[str, object], sentence: str) -> None:
    given = {"name": "N", "host": "h", "ae_title": "A", **values}
    with pytest.raises(NodeError, match=sentence) as caught:
        Node(**given)  # type: ignore[arg-type]
    assert "secret" not in str(caught.value)


def test_a_book_of_before_there_were_certificates_of_ours(home: Path) -> None:
    book.save(Book((SAFE,)))
    found = json.loads((home / book.NAME).read_text())
    del found["nodes"][0]["cert_file"], found["nodes"][0]["key_file"]
    (home / book.NAME).write_text(json.dumps(found))
    assert book.load().nodes == (replace(SAFE, cert_file="", key_file=""),)


def test_nodes_are_found_changed_and_removed() -> None:
    whole = Book().with_node(WEB).with_node(DICOM)
    assert whole.node("main") == DICOM
    with pytest.raises(NodeError, match="the nodes are: Web, Main"):
        whole.node("other")
    renamed = Node("Old", host="h", ae_title="A")
    assert [one.name for one in whole.with_node(renamed, instead_of="Web").nodes] == ["Old", "Main"]
    assert [one.name for one in whole.without("WEB").nodes] == ["Main"]


class Store(KeyringBackend):
    @classproperty
    def priority(cls) -> float:  # type: ignore[override]  # noqa: N805
        raise RuntimeError("never chosen by itself")

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.kept[service, username]


@pytest.fixture
def store() -> Iterator[Store]:
    before, made = keyring.get_keyring(), Store()
    keyring.set_keyring(made)
    yield made
    keyring.set_keyring(before)


def test_passwords_are_in_the_keyring_by_user_and_origin(store: Store) -> None:
    kept = Credentials()
    assert kept.keep(WEB, "one") == "keyring"
    assert store.kept == {("hilum-pacs", "reader@https://pacs.hospital:443"): "one"}
    assert Credentials().password(WEB) == "one"
    elsewhere = Node("Web", "dicomweb", url="https://other.hospital/dicom-web", user="reader")
    assert Credentials().password(elsewhere) == ""
    kept.forget(WEB)
    assert store.kept == {}
    kept.forget(WEB)


class Silent(Store):
    """Takes and forgets, as some systems' do."""

    def set_password(self, service: str, username: str, password: str) -> None:
        return None


def test_without_a_keyring_the_memory_serves(home: Path) -> None:
    before = keyring.get_keyring()
    keyring.set_keyring(Silent())
    try:
        kept = Credentials()
        assert kept.keep(WEB, "one") == "memory"
        assert kept.password(WEB) == "one"
        assert Credentials().password(WEB) == ""
        assert [path for path in home.rglob("*") if path.is_file()] == []
    finally:
        keyring.set_keyring(before)


def test_a_password_does_not_travel_readable(store: Store) -> None:
    plain = Node("Web", "dicomweb", url="http://pacs.hospital/dicom-web", user="reader")
    with pytest.raises(NodeError, match="begins with https"):
        Credentials().keep(plain, "one")
    assert store.kept == {}
    here = Node("Web", "dicomweb", url="http://127.0.0.1:8042/dicom-web", user="reader")
    assert Credentials().keep(here, "one") == "keyring"


def test_what_was_fetched_is_private_within_its_quota_and_wiped(home: Path) -> None:
    first = Received(10_000)
    folder, prefix = first.new_batch()
    assert folder.name == prefix
    if os.name != "nt":
        assert {stat.S_IMODE(one.stat().st_mode) for one in (first.root, first.folder, folder)} == {0o700}
    first.take(6000)
    (folder / "000001.dcm").write_bytes(b"x" * 6000)
    with pytest.raises(PacsError, match="quota"):
        first.take(6000)
    first.give_back(1000)
    first.take(5000)
    second = Received(10_000)
    assert second.used == 6000
    second.wipe()
    assert (folder / "000001.dcm").exists()  # of a program that still runs
    first.close(wipe=False)
    assert second.wipe() == 6000
    assert not first.folder.exists()
    second.close(wipe=True)
    assert list(first.root.iterdir()) == []


def test_what_the_disk_had_no_room_for_does_not_count(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Received(10_000)
    with monkeypatch.context() as full:
        full.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=0))
        with pytest.raises(PacsError, match="almost full"):
            store.take(6000)
    assert store.used == 0
    store.close(wipe=True)


def test_what_a_killed_program_left_is_swept(home: Path) -> None:
    import subprocess
    import sys

    code = (
        "import os; from app.pacs.received import Received; r = Received(10**6); f, _ = r.new_batch(); "
        "(f / '000001.dcm').write_bytes(b'x'); print(r.folder, flush=True); os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parents[3])
    left = Path(done.stdout.strip())
    assert (left / LOCK).exists()
    mine = Received(10**6)
    mine.sweep()
    assert not left.exists()
    mine.close(wipe=True)
