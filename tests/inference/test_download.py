"""The downloader against a small hub-shaped server on loopback."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from inference import catalogue, download, modelfiles, terms
from inference.answers import Progress
from inference.errors import Cancelled, DownloadFailed, ModelRefused, TermsNotAccepted
from tests.inference.tiny import DRAFTER

ENTRY = catalogue.entry(DRAFTER)
COMMIT = "c" * 40


class Hub:
    """Serves a folder as a repository; large files by a redirect to another port, as a hub does."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.seen: list[tuple[str, str, str, str]] = []
        self.cut_after: int | None = None
        self.alter = False
        self.names: list[str] | None = None
        self.servers = [ThreadingHTTPServer(("127.0.0.1", 0), self._handler(store)) for store in (False, True)]
        for server in self.servers:
            threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        self.base, self.store = (f"http://127.0.0.1:{server.server_port}" for server in self.servers)

    def close(self) -> None:
        for server in self.servers:
            server.shutdown()
            server.server_close()

    def listing(self) -> dict[str, Any]:
        files = []
        for name in self.names or sorted(path.name for path in self.folder.iterdir()):
            data = (self.folder / Path(name).name).read_bytes() if (self.folder / Path(name).name).is_file() else b""
            git = hashlib.sha1(f"blob {len(data)}\0".encode() + data).hexdigest()
            one: dict[str, Any] = {"rfilename": name, "size": len(data), "blobId": git}
            if name.endswith(".safetensors"):
                one["lfs"] = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
            files.append(one)
        return {"sha": COMMIT, "siblings": [*files, {"rfilename": ".gitattributes", "size": 3, "blobId": ""}]}

    def _handler(hub: Hub, store: bool) -> type[BaseHTTPRequestHandler]:  # noqa: N805
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                token, wanted = self.headers.get("Authorization", ""), self.headers.get("Range", "")
                hub.seen.append(("store" if store else "hub", self.path, token, wanted))
                if not store and token != "Bearer good":
                    self.send_error(403)
                elif self.path == f"/api/models/{ENTRY.repository}/revision/main?blobs=true":
                    self.reply(json.dumps(hub.listing()).encode())
                elif not store and self.path.endswith(".safetensors"):
                    self.send_response(302)
                    self.send_header("Location", hub.store + self.path)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                elif self.path.startswith(f"/{ENTRY.repository}/resolve/{COMMIT}/"):
                    self.file((hub.folder / self.path.rpartition("/")[2]).read_bytes(), wanted)
                else:
                    self.send_error(404)

            def file(self, data: bytes, wanted: str) -> None:
                start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
                if hub.alter:
                    data = data[:-1] + bytes([data[-1] ^ 1])
                cut, hub.cut_after = hub.cut_after if store else None, None if store else hub.cut_after
                self.send_response(206 if start else 200)
                if start:
                    self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
                self.send_header("Content-Length", str(len(data) - start))
                self.end_headers()
                self.wfile.write(data[start : start + cut] if cut is not None else data[start:])

            def reply(self, data: bytes) -> None:
                self.send_response(200)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *args: Any) -> None:
                return

        return Handler


@pytest.fixture
def hub(gemma_folder: Path, home: Path) -> Iterator[Hub]:
    terms.accept(ENTRY, terms.text(ENTRY))
    server = Hub(gemma_folder)
    yield server
    server.close()


def get(hub: Hub, **more: Any) -> Path:
    return download.get(
        ENTRY, token=more.pop("token", "good"), base=hub.base, on_progress=more.pop("watch", lambda _: None), **more
    )


def test_a_model_is_fetched_checked_and_installed(hub: Hub, gemma_folder: Path, home: Path) -> None:
    news: list[Progress] = []
    folder = get(hub, watch=news.append)
    assert folder == home / "models" / DRAFTER
    assert modelfiles.revision(folder) == modelfiles.revision(gemma_folder)
    assert (folder / "SHA256SUMS").is_file()
    assert catalogue.check(DRAFTER) == []
    total = sum(path.stat().st_size for path in gemma_folder.iterdir())
    assert (news[-1].done, news[-1].total) == (total, total)
    assert [path.name for path in folder.parent.iterdir()] == [DRAFTER]


def test_the_token_goes_to_the_hub_alone(hub: Hub) -> None:
    get(hub)
    assert {token for server, _, token, _ in hub.seen if server == "hub"} == {"Bearer good"}
    assert {token for server, _, token, _ in hub.seen if server == "store"} == {""}


def test_a_broken_transfer_goes_on_where_it_ended(hub: Hub, gemma_folder: Path) -> None:
    hub.cut_after = 100_000
    folder = get(hub)
    ranges = [wanted for server, _, _, wanted in hub.seen if server == "store"]
    assert ranges == ["", "bytes=100000-"]
    assert modelfiles.revision(folder) == modelfiles.revision(gemma_folder)


def test_a_stopped_download_is_resumed_later(hub: Hub, home: Path) -> None:
    cancel = threading.Event()

    def stop_in_the_weights(progress: Progress) -> None:
        if "safetensors" in progress.stage:
            cancel.set()

    hub.cut_after = 200_000
    with pytest.raises(Cancelled):
        get(hub, watch=stop_in_the_weights, cancel=cancel)
    assert not catalogue.installed(DRAFTER)
    before = len(hub.seen)
    get(hub)
    again = [path.rpartition("/")[2] for _, path, _, _ in hub.seen[before:]]
    assert "config.json" not in again, "what was whole is not fetched twice"
    assert any(wanted.startswith("bytes=") for _, _, _, wanted in hub.seen[before:])


def test_a_wrong_checksum_is_thrown_away(hub: Hub, home: Path) -> None:
    hub.alter = True
    with pytest.raises(DownloadFailed, match="checksum"):
        get(hub)
    assert not catalogue.installed(DRAFTER)
    hub.alter = False
    get(hub)
    assert catalogue.check(DRAFTER) == []


def test_a_token_without_access_is_told_what_to_do(hub: Hub) -> None:
    with pytest.raises(DownloadFailed, match="accept the model's terms on its page there and check the token"):
        get(hub, token="bad")


def test_an_unknown_revision(hub: Hub) -> None:
    with pytest.raises(DownloadFailed, match="does not know this model or this revision"):
        get(hub, revision="v9")


@pytest.mark.parametrize("name", ["../evil.json", "/etc/evil.json", "a/../../evil.json", "C:\\evil.json"])
def test_a_name_that_leads_out_of_the_folder_is_refused(hub: Hub, home: Path, name: str) -> None:
    hub.names = ["config.json", name]
    with pytest.raises(ModelRefused, match="outside the model's folder"):
        get(hub)
    assert not list(home.rglob("evil*"))


def test_pickles_and_code_stay_on_the_server(hub: Hub, gemma_folder: Path) -> None:
    hub.names = [*sorted(path.name for path in gemma_folder.iterdir()), "pytorch_model.bin", "modeling.py"]
    get(hub)
    assert not any(path.endswith((".bin", ".py")) for _, path, _, _ in hub.seen)


def test_what_is_fetched_must_be_a_model_in_the_published_layout(hub: Hub, home: Path) -> None:
    hub.names = ["config.json", "model.safetensors"]
    with pytest.raises(ModelRefused, match="was not installed"):
        get(hub)
    assert not catalogue.installed(DRAFTER)
    assert not list((home / "models").iterdir())


def test_terms_come_first_and_their_acceptance_is_recorded(gemma_folder: Path, home: Path) -> None:
    with pytest.raises(TermsNotAccepted, match="read and accept them first"):
        download.get(ENTRY, base="http://127.0.0.1:9", on_progress=lambda _: None)
    shown = terms.text(ENTRY)
    terms.accept(ENTRY, shown)
    record = json.loads((home / "terms" / "hai-def.json").read_text())
    assert record["sha256"] == hashlib.sha256(shown.encode()).hexdigest()
    assert "15 November 2024" in record["version"]
    assert terms.accepted(ENTRY)
    terms.accept(ENTRY, shown + "changed")
    assert not terms.accepted(ENTRY), "another text must be accepted anew"


def test_the_address_must_be_encrypted_unless_it_is_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    assert download.endpoint("http://127.0.0.1:8000/") == "http://127.0.0.1:8000"
    for bad in ("http://hub.example", "ftp://hub.example", "hub.example"):
        with pytest.raises(ModelRefused, match="https"):
            download.endpoint(bad)
    monkeypatch.setenv("HF_ENDPOINT", "https://mirror.example")
    assert download.endpoint() == "https://mirror.example"


def test_no_other_module_opens_sockets() -> None:
    import inference

    for path in Path(next(iter(inference.__path__))).rglob("*.py"):
        words = path.read_text(encoding="utf-8")
        opens = [word for word in ("urllib.request", "import socket", "http.client", "import requests", "httpx") if word in words]
        assert not opens or path.name in ("download.py", "endpoint_talk.py"), path
