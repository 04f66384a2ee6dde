"""Three doors lead to a network: archives, an endpoint, and the model manager. Nobody else opens sockets, and nothing connects
unasked."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import app

WORDS = (
    "import socket",
    "import requests",
    "urllib.request",
    "http.client",
    "import ssl",
    "pynetdicom",
    "dicomweb_client",
    "urllib3",
    "httpx",
)
ROOT = Path(next(iter(app.__path__))).parent


DOORS = {ROOT / "inference" / "endpoint_talk.py", ROOT / "inference" / "download.py"}
LOCK = ROOT / "inference" / "secure.py"
"""Says how the doors speak TLS, and opens none."""


def test_nobody_else_opens_sockets() -> None:
    seen = set()
    for package in ("app", "viewers", "inference", "resources"):
        for path in (ROOT / package).rglob("*.py"):
            words = path.read_text(encoding="utf-8")
            found = [word for word in WORDS if word in words]
            if path == LOCK and found == ["import ssl"]:
                continue
            assert not found or path.parent == ROOT / "app" / "pacs" or path in DOORS, (path, found)
            seen |= {path} if found else set()
    assert ROOT / "inference" / "endpoint_talk.py" in seen


def test_a_window_a_book_of_nodes_and_an_endpoint_connect_to_nothing(home: Path) -> None:
    code = """
import sys
calls = []
WATCHED = ("socket.connect", "socket.bind", "socket.getaddrinfo", "socket.sendto")
sys.addaudithook(lambda name, args: calls.append((name, args[1:])) if name in WATCHED else None)
from PySide6.QtWidgets import QApplication
application = QApplication([])
from app.pacs import book
from app.pacs.nodes import Node
book.save(book.Book((Node("N", host="127.0.0.1", port=9, ae_title="A"), Node("W", "dicomweb", url="http://127.0.0.1:9/d"))))
from app.settings import Settings
from app.window import Window
from inference.endpoint_address import Endpoint
window = Window(Settings(endpoint=Endpoint("https://gpu.example:8000", "m", "gpu.example")))
window.show()
window._start_engine()
window.actions_by_id["archives"].trigger()
import time
end = time.monotonic() + 20
while not (window.archiving.window and window.archiving.window.node) and time.monotonic() < end:
    application.processEvents()
assert window.archiving.window.node == "N"
while "answers come" not in window.status.engine.text() and time.monotonic() < end:
    application.processEvents()
assert window.status.engine.text() == "answers come from gpu.example:8000 · m"
window.close()
# A socket bound to port 0 of ::1 is how a library finds out whether there is IPv6; nothing listens and nothing leaves.
print([one for one in calls if not isinstance(one[1][0], (str, bytes)) and one != ("socket.bind", (("::1", 0),))])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().splitlines()[-1] == "[]"


def test_the_core_brings_no_qt_and_the_window_no_network(home: Path) -> None:
    for module, absent in (
        ("app.pacs.house, app.pacs.getting, app.pacs.web, app.pacs.sending", ("PySide6",)),
        ("app.window", ("pynetdicom", "requests", "dicomweb_client", "pydicom")),
        ("app.cli", ("pynetdicom", "requests", "dicomweb_client", "keyring")),
    ):
        code = f"import sys, {module}\nprint([name for name in {absent!r} if name in sys.modules])"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
        assert done.stdout.strip() == "[]", module
