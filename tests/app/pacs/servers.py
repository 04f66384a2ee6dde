"""Archives for the tests, all on loopback and gone afterwards: a real Orthanc, and dcmtk's tools."""

from __future__ import annotations

import base64
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType

import pytest

from app.pacs.nodes import Node

DICOMWEB = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
LEASH = ("setpriv", "--pdeathsig", "KILL") if shutil.which("setpriv") else ()
"""So that a server ends with the tests, however they end."""
USER, PASSWORD = "reader", "a-secret-of-the-test"


def free_port() -> int:
    """One that systems do not give to connections that go out, by which it could be taken before it is used."""
    while True:
        with socket.socket() as one, suppress(OSError):
            one.bind(("127.0.0.1", secrets.choice(range(15_000, 32_000))))
            return int(one.getsockname()[1])


def until(there: Callable[[], object], seconds: float = 20.0, what: str = "") -> None:
    end = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < end, what or there
        time.sleep(0.02)


def tool(name: str) -> str:
    """dcmtk's program of that name: pynetdicom has namesakes beside its interpreter."""
    path = f"/usr/bin/{name}"
    if not Path(path).exists():
        pytest.skip(f"dcmtk is not installed (Debian: dcmtk), {name} is missing")
    return path


class Orthanc:
    """Its own storage, free ports, one user; `listener` is the port under which it knows us for C-MOVE; `more` goes into
    its configuration."""

    def __init__(self, folder: Path, *, known_as: str = "HILUM", more: Mapping[str, object] = MappingProxyType({})) -> None:
        program = shutil.which("Orthanc") or shutil.which("Orthanc", path="/usr/sbin:/usr/local/sbin")
        if program is None or not DICOMWEB.exists():
            pytest.skip("Orthanc is not installed (Debian: orthanc, orthanc-dicomweb)")
        self.folder, self.http, self.dicom, self.listener = folder, free_port(), free_port(), free_port()
        folder.mkdir(parents=True, exist_ok=True)
        config = {
            "Name": "test", "StorageDirectory": f"{folder}/storage", "IndexDirectory": f"{folder}/storage",
            "HttpPort": self.http, "DicomPort": self.dicom, "DicomAet": "ORTHANC", "DicomCheckCalledAet": True,
            "RemoteAccessAllowed": False, "AuthenticationEnabled": True, "RegisteredUsers": {USER: PASSWORD},
            "DicomModalities": {"us": {"AET": known_as, "Host": "127.0.0.1", "Port": self.listener, "AllowGet": True}},
            "Plugins": [str(DICOMWEB)], "DicomWeb": {"Enable": True, "Root": "/dicom-web/"}, "DicomScpTimeout": 20,
            "DefaultEncoding": "Utf8", **more,
        }  # fmt: skip
        path = folder / "orthanc.json"
        path.write_text(json.dumps(config))
        self._log = (folder / "log").open("wb")
        self._process = subprocess.Popen([*LEASH, program, str(path)], stdout=self._log, stderr=self._log)
        try:
            until(self._up, 30, "Orthanc did not start")
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()

    def dimse(self, **changes: object) -> Node:
        values: dict[str, object] = {
            "name": "Orthanc", "kind": "dimse", "host": "127.0.0.1", "port": self.dicom, "ae_title": "ORTHANC", "our_ae": "HILUM",
        }  # fmt: skip
        return Node(**{**values, **changes})  # type: ignore[arg-type]

    def web(self, **changes: object) -> Node:
        values: dict[str, object] = {
            "name": "Web", "kind": "dicomweb", "url": f"http://127.0.0.1:{self.http}/dicom-web", "user": USER,
        }  # fmt: skip
        return Node(**{**values, **changes})  # type: ignore[arg-type]

    def rest(self, path: str, data: bytes | None = None, method: str = "") -> bytes:
        """Its own API: what the tests fill it with and look into it by."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.http}{path}", data, method=method or None)
        request.add_header("Authorization", "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode())
        with urllib.request.urlopen(request, timeout=30) as answer:
            return bytes(answer.read())

    def upload(self, files: Sequence[Path]) -> None:
        for path in files:
            self.rest("/instances", path.read_bytes())

    def instances(self) -> int:
        return int(json.loads(self.rest("/statistics"))["CountInstances"])

    def clear(self) -> None:
        for one in json.loads(self.rest("/patients")):
            self.rest(f"/patients/{one}", method="DELETE")

    def _up(self) -> bool:
        assert self._process.poll() is None, "Orthanc ended at once"
        try:
            self.rest("/system")
        except OSError:
            return False
        with socket.socket() as one:
            return one.connect_ex(("127.0.0.1", self.dicom)) == 0


class Tool:
    """A program of dcmtk's that serves until it is closed."""

    def __init__(self, words: Sequence[object], port: int, folder: Path) -> None:
        self._log = (folder / f"log-{port}").open("wb")
        env = {**os.environ, "TMPDIR": str(folder)}
        self._process = subprocess.Popen(
            [*LEASH, *map(str, words)], cwd=folder, stdout=self._log, stderr=self._log, env=env, start_new_session=True
        )
        until(lambda: _listens(port), 20, str(words[0]))

    def close(self) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)  # with those it made for single connections
        self._process.wait()
        self._log.close()


def _listens(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0
