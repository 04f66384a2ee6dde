"""`hilum models`, with a small server on loopback that answers like the hub."""

from __future__ import annotations

import hashlib
import io
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from app import fits, machine, settings
from app.cli import main
from inference import catalogue, fitting, kept_pictures, ladder
from tests.inference.test_fitting import FOUR

REPOSITORY = "google/medsiglip-448"
TOKEN = "hf_right"


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """A folder in the published layout, 3 MB of weights."""
    folder = tmp_path / "medsiglip-448"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"architectures": ["SiglipModel"]}))
    for name in ("tokenizer_config.json", "tokenizer.json", "preprocessor_config.json"):
        (folder / name).write_text("{}")
    save_file({"weight": np.arange(750_000, dtype=np.float32)}, folder / "model.safetensors")
    (folder / "README.md").write_text("# a card")
    (folder / "pytorch_model.bin").write_bytes(b"\x80\x04 a pickle that must stay on the server")
    return folder


class Hub(ThreadingHTTPServer):
    """`cut` ends the next answers after so many bytes; `lie` states a wrong checksum; `seen` are (path, Range, status)."""

    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.folder = folder
        self.seen: list[tuple[str, str, int]] = []
        self.cut: list[int] = []
        self.lie = False

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def listing(self) -> bytes:
        siblings = []
        for path in sorted(self.folder.iterdir()):
            data = path.read_bytes()
            blob = hashlib.sha1(f"blob {len(data)}\0".encode() + data, usedforsecurity=False).hexdigest()
            one: dict[str, object] = {"rfilename": path.name, "size": len(data), "blobId": blob}
            if len(data) > 1_000_000:
                sha = hashlib.sha256(b"other" if self.lie else data).hexdigest()
                one["lfs"] = {"sha256": sha, "size": len(data), "pointerSize": 134}
            siblings.append(one)
        return json.dumps({"id": REPOSITORY, "sha": "0123456789abcdef" * 2 + "01234567", "siblings": siblings}).encode()


class _Answer(BaseHTTPRequestHandler):
    server: Hub

    def do_GET(self) -> None:
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self._send(401, b"{}")
        elif self.path.startswith(f"/api/models/{REPOSITORY}/revision/main"):
            self._send(200, self.server.listing())
        elif self.path.startswith(f"/{REPOSITORY}/resolve/"):
            self._file(self.server.folder / self.path.rpartition("/")[2])
        else:
            self._send(404, b"{}")

    def _file(self, path: Path) -> None:
        data, asked = path.read_bytes(), self.headers.get("Range", "")
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
        self._send(206 if asked else 200, data, start)

    def _send(self, status: int, data: bytes, start: int = 0) -> None:
        self.server.seen.append((self.path.rpartition("/")[2], self.headers.get("Range", ""), status))
        body = data[start:]
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if status == 206:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.end_headers()
        if self.server.cut and len(body) > 1_000_000:
            body = body[: self.server.cut.pop(0)]
            self.close_connection = True
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def hub(published: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    server = Hub(published)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def get(hub: Hub, *more: str) -> int:
    return main(["models", "get", "medsiglip-448", "--endpoint", hub.address, *more])


def test_list_names_every_model(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "list", "--json"]) == 0
    body = {one["id"]: one for one in json.loads(capsys.readouterr().out)}
    assert {"medgemma-1.5-4b-it", "medgemma-27b-text-it", "medsiglip-448", "demo-encoder", "demo-drafter"} <= body.keys()
    assert body["medgemma-4b-it"]["terms"] == "hai-def"
    assert not body["medgemma-4b-it"]["terms_accepted"]
    assert not body["medgemma-4b-it"]["installed"]
    assert body["medgemma-27b-it"]["memory_gb"]["bf16"] > 50
    assert main(["models", "list"]) == 0
    assert "hai-def, not accepted" in capsys.readouterr().out


@pytest.mark.parametrize(("weights", "expected"), [(8.6, "fits"), (12.0, "tight"), (54.9, "too large")])
def test_fit(weights: float, expected: str) -> None:
    """A card of 16 GB with 12 GB free: 8.6·1.2+1 = 11.3, 12·1.2+1 = 15.4, 54.9·1.2+1 = 66.9."""
    assert fits.roughly(weights, fitting.Room("cuda", "card", 12 * 10**9, 16 * 10**9)) == expected


def test_an_installed_drafter_is_reckoned_by_its_own_files(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The 4B on an RTX 4090 of 24 GB: 1,008 GB/s at 62 % over the 7.76 GB and 0.19 GiB that a token reads in bfloat16."""
    monkeypatch.setattr(machine, "cards", lambda: (machine.Card("NVIDIA GeForce RTX 4090", 24 * 10**9, 22 * 10**9, ""),))
    monkeypatch.setattr(fits, "_torch", lambda: {"devices": ["NVIDIA GeForce RTX 4090"], "bfloat16": True})
    monkeypatch.setattr(fitting, "shape_of", lambda _: FOUR)
    monkeypatch.setattr(catalogue, "installed", lambda model: model == "medgemma-4b-it")
    assert main(["models", "list", "--json"]) == 0
    body = {one["id"]: one for one in json.loads(capsys.readouterr().out)}
    assert body["medgemma-4b-it"]["fit"] == {"bf16": "fits", "int8": "fits", "int4": "fits"}
    assert body["medgemma-4b-it"]["tokens_per_second"]["bf16"] == pytest.approx(1008 * 0.62 / (7.76 + 0.19 * 1.074), rel=0.01)
    assert body["medgemma-27b-it"]["fit"] == {"bf16": "too large", "int8": "too large", "int4": "tight"}
    assert "about 78 tokens/s" in body["medgemma-4b-it"]["words"]["bf16"]


def test_a_drafter_that_cannot_fit_is_refused_on_the_command_line(
    film: Callable[[int], tuple[Path, object]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(ladder, "machine", lambda: fitting.Room("cpu", "this machine", 1000, 2000))
    path, _ = film(1)
    assert main(["draft", str(path)]) == 4
    assert "this machine has 0.0: choose a smaller model" in capsys.readouterr().err
    assert main(["draft", str(path), "--anyway"]) == 0


def test_import_and_check(published: Path, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (published / "pytorch_model.bin").unlink()
    assert main(["models", "import", str(published), "--json"]) == 0
    body = json.loads(capsys.readouterr().out)
    assert body["id"] == "medsiglip-448"
    copied = home / "models" / "medsiglip-448" / "model.safetensors"
    assert copied.read_bytes() == (published / "model.safetensors").read_bytes()
    assert main(["models", "check", "medsiglip-448"]) == 0
    assert "is whole" in capsys.readouterr().out
    copied.write_bytes(copied.read_bytes()[:-4] + b"\0\0\0\1")
    assert main(["models", "check", "medsiglip-448", "--json"]) == 4
    assert "checksum" in json.loads(capsys.readouterr().out)["problems"][0]


def test_a_folder_with_a_pickle_is_refused(published: Path, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "import", str(published)]) == 4
    assert "pytorch_model.bin may be a pickle" in capsys.readouterr().err
    assert not (home / "models" / "medsiglip-448").exists()


def test_a_folder_of_an_unknown_name_needs_one(published: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (published / "pytorch_model.bin").unlink()
    other = published.rename(published.with_name("siglip"))
    assert main(["models", "import", str(other)]) == 4
    assert "say which model it is" in capsys.readouterr().err
    assert main(["models", "import", str(other), "--as", "medsiglip-448"]) == 0


def test_check_of_a_model_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "check", "medsiglip-448"]) == 4
    assert main(["models", "check", "no-such-model"]) == 2


def test_get_shows_the_terms_and_fetches_nothing_without_a_yes(
    hub: Hub, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("yes\n"))  # a pipe is no terminal: nobody read the terms
    assert get(hub) == 4
    said = capsys.readouterr()
    assert "Health AI Developer Foundations Terms of Use" in said.err
    assert "--accept" in said.err
    assert said.out == ""
    assert hub.seen == []
    assert not (home / "terms").exists()


@pytest.mark.parametrize(("typed", "code"), [("yes\n", 0), ("Yes \n", 0), ("y\n", 4), ("\n", 4), ("", 4)])
def test_only_a_typed_yes_accepts(hub: Hub, monkeypatch: pytest.MonkeyPatch, typed: str, code: int) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stdin", Terminal(typed))
    assert get(hub) == code


def test_get_records_acceptance_and_installs(hub: Hub, published: Path, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert get(hub, "--accept", "--json") == 0
    said = capsys.readouterr()
    body = json.loads(said.out)
    assert "getting model.safetensors" in said.err
    folder = home / "models" / "medsiglip-448"
    assert body["folder"] == str(folder)
    assert (folder / "model.safetensors").read_bytes() == (published / "model.safetensors").read_bytes()
    assert not (folder / "pytorch_model.bin").exists()
    assert "pytorch_model.bin" not in {name for name, _, _ in hub.seen}
    record = json.loads((home / "terms" / "hai-def.json").read_text())
    text = (Path(__file__).resolve().parents[2] / "resources" / "terms" / "hai-def.txt").read_bytes()
    assert record["sha256"] == hashlib.sha256(text).hexdigest()
    assert main(["models", "check", "medsiglip-448"]) == 0


def test_a_wrong_token_is_refused_with_a_sentence(
    hub: Hub, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    assert get(hub, "--accept") == 4
    said = capsys.readouterr().err
    assert "check the token" in said
    assert "hf_wrong" not in said
    assert [status for _, _, status in hub.seen] == [401]
    assert not (home / "models" / "medsiglip-448").exists()


def test_a_token_of_the_keyring_is_used(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    import keyring
    from keyring.backend import KeyringBackend

    class Store(KeyringBackend):
        priority = 1.0  # type: ignore[assignment]

        def get_password(self, service: str, username: str) -> str | None:
            return TOKEN if (service, username) == ("hilum", "huggingface") else None

        def set_password(self, service: str, username: str, password: str) -> None:
            raise NotImplementedError

    monkeypatch.delenv("HF_TOKEN")
    before = keyring.get_keyring()
    keyring.set_keyring(Store())
    try:
        assert get(hub, "--accept") == 0
    finally:
        keyring.set_keyring(before)


def test_an_interrupted_download_goes_on_where_it_ended(hub: Hub, published: Path, home: Path) -> None:
    hub.cut = [1_500_000]
    assert get(hub, "--accept") == 0
    ranges = [asked for name, asked, _ in hub.seen if name == "model.safetensors"]
    assert ranges[0] == ""
    assert len(ranges) == 2
    assert 0 < int(ranges[1].removeprefix("bytes=").rstrip("-")) <= 1_500_000
    installed = home / "models" / "medsiglip-448" / "model.safetensors"
    assert installed.read_bytes() == (published / "model.safetensors").read_bytes()


def test_a_download_given_up_is_resumed_by_the_next_call(hub: Hub, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hub.cut = [1_200_000, 0, 0, 0]
    assert get(hub, "--accept") == 4
    assert "goes on from there" in capsys.readouterr().err
    assert not (home / "models" / "medsiglip-448").exists()
    hub.seen.clear()
    assert get(hub) == 0  # accepted before
    fetched = {name: asked for name, asked, _ in hub.seen if not name.startswith("main")}
    assert fetched.keys() <= {"model.safetensors", "preprocessor_config.json", "tokenizer.json", "tokenizer_config.json"}
    assert fetched["model.safetensors"].startswith("bytes=")


def test_a_wrong_checksum_is_thrown_away(hub: Hub, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hub.lie = True
    assert get(hub, "--accept") == 4
    assert "model.safetensors does not have the checksum" in capsys.readouterr().err
    assert not (home / "models" / "medsiglip-448").exists()
    hub.lie = False
    assert get(hub) == 0


def test_plain_http_is_for_this_machine_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "get", "medsiglip-448", "--accept", "--endpoint", "http://example.org"]) == 4
    assert "must begin with https" in capsys.readouterr().err


def test_the_demo_pack_is_not_fetched(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "get", "demo-encoder"]) == 4
    assert "part of the program" in capsys.readouterr().err


def test_what_is_kept_of_pictures(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept_pictures.write("a" * 64, b"x" * 1000, 2**20)
    assert main(["models", "pictures", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said == {
        "pictures": 1, "bytes": 1000, "most_gb": 2.0, "removed": 0, "folder": str(home / "cache" / "pictures"),
    }  # fmt: skip
    assert main(["models", "pictures", "--forget", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["removed"] == 1
    assert kept_pictures.held() == (0, 0)
    kept_pictures.write("a" * 64, b"x" * 1000, 2**20)
    assert main(["models", "pictures", "--most", "0"]) == 0
    assert kept_pictures.held() == (0, 0)
    assert settings.load().pictures_gb == 0
    assert "none are kept" in capsys.readouterr().out
    assert main(["models", "pictures", "--most", "-1"]) == 2
