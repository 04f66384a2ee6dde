"""HTTP to a DICOMweb node and to nothing else: no redirects, no proxies, within limits, and stoppable."""

from __future__ import annotations

import http.client
import socket
import ssl
import time
from collections.abc import Iterator
from typing import Any

import requests
from urllib3.exceptions import HTTPError

from app.pacs import tls
from app.pacs.association import ALERT, why_no_connection
from app.pacs.credentials import check_channel
from app.pacs.errors import PacsError, Stopped
from app.pacs.guard import cut
from app.pacs.limits import MIB, Limits
from app.pacs.nodes import Node
from app.pacs.quiet import quiet
from app.pacs.stopping import Stop
from inference.endpoint_talk import Adapter, root

quiet("dicomweb_client", "urllib3")  # an address that is logged may hold a patient's name
PIECE = 256 * 1024
JSON = ("application/dicom+json", "application/json")
PATIENCE = 4
"""An answer as a whole may take so many times what its next piece may."""


class Session(requests.Session):  # type: ignore[misc]
    """For one piece of work. Answers that are no success raise PacsError, and so does all that goes wrong on the way."""

    def __init__(self, node: Node, password: str, stop: Stop, limits: Limits) -> None:
        super().__init__()
        self.node, self._stop, self._limits = node, stop, limits
        self._sockets: list[socket.socket] = []
        self.trust_env = False
        self.warned = False
        """Whether an answer said that it is not complete."""
        self.answered = False
        """Whether any came that is no error."""
        self.headers["User-Agent"] = "hilum"
        self.headers["Accept-Encoding"] = "identity"
        if password:
            check_channel(node)
            if node.user:
                self.auth = (node.user.encode(), password.encode())
            else:
                self.headers["Authorization"] = f"Bearer {password}"
        self.secure = tls.context(node) if node.url.startswith("https:") else None
        self.mount("http://", Adapter(self._sockets.append))
        self.mount("https://", Adapter(self._sockets.append, self.secure))

    @property
    def connected(self) -> bool:
        """Whether a connection stood, with TLS where that was asked for."""
        return bool(self._sockets)

    def doubt(self) -> str:
        """What else may be the matter with one that never answered well."""
        if self.answered or self.node.cert_file:
            return ""
        return f", or wants {'a certificate of ours' if self.secure else 'an address that begins with https'}"

    def cut(self) -> None:
        """End what runs, from any thread."""
        for one in list(self._sockets):
            cut(one)

    def get_redirect_target(self, resp: requests.Response) -> None:  # noqa: ARG002 - none is followed
        return None

    def send(self, request: requests.PreparedRequest, **how: Any) -> requests.Response:
        """As requests does; what the caller does not stream is read within the limit for answers, and must be JSON."""
        streamed = how.get("stream", False)
        how |= {"stream": True, "allow_redirects": False, "timeout": (self._limits.connect_s, self._limits.answer_s)}
        request.headers.pop("Host", None)  # http.client knows the port too
        request.url = (
            str(request.url).replace("%2A", "*").replace("%3F", "?")
        )  # legal as it is (RFC 3986 3.4), and some servers know it only so
        if not str(request.url).startswith(f"{self.node.url}/"):
            raise PacsError(f"{self.node.name} was asked for an address that is not its own; nothing was sent.")
        with self.talking():
            answer: requests.Response = super().send(request, **how)
            try:
                self._check(answer)
                self.answered = True
                if not streamed:
                    self._check_json(answer)
                    answer._content = b"".join(self.pieces(answer, self._limits.answer_bytes))
                    answer._content_consumed = True
            except BaseException:
                answer.close()
                raise
        self.warned = self.warned or answer.headers.get("Warning", "").startswith("299")
        return answer

    def pieces(self, answer: requests.Response, most: int) -> Iterator[bytes]:
        """The body. Raises PacsError beyond `most` bytes, and when it stops coming."""
        taken, end = 0, time.monotonic() + PATIENCE * self._limits.answer_s
        with self.talking():
            while piece := answer.raw.read1(PIECE):
                taken += len(piece)
                if taken > most:
                    raise PacsError(f"{self.node.name} answers with more than {most // MIB:,} MiB; the rest was not read.")
                if most == self._limits.answer_bytes and time.monotonic() > end:
                    raise PacsError(f"{self.node.name} takes too long over its answer; narrow the question.")
                yield piece

    def talking(self) -> Any:
        return _Sentences(self, self._stop)

    def _check(self, answer: requests.Response) -> None:
        code, name = answer.status_code, self.node.name
        if answer.is_redirect or 300 <= code < 400:
            raise PacsError(f"{name} leads to another address, which is not followed; enter the address it has now.")
        if answer.headers.get("Content-Encoding", "identity") != "identity":
            raise PacsError(f"{name} packs its answers although it was asked not to; ask who runs it.")
        if code < 300 or code == 409:
            return
        known = {
            401: "does not accept the user and password; enter them again", 403: "does not allow this; ask who runs it",
            404: "has nothing under that address; check the path, which often ends in /dicom-web",
            406: "cannot answer in a form that was asked for", 413: "takes nothing so large",
            503: "is too busy; try again in a moment", 400: f"does not understand the request{self.doubt()}",
        }  # fmt: skip
        raise PacsError(f"{name} {known.get(code, 'reports an error; ask who runs it')} (HTTP {code}).")

    def _check_json(self, answer: requests.Response) -> None:
        kind = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if answer.status_code == 204 or kind in JSON:
            return
        if kind == "text/html":
            raise PacsError(f"{self.node.name} answers with a web page, not DICOM; check the address of its DICOMweb service.")
        raise PacsError(f"{self.node.name} answers in another form ({_plain(kind)}) than DICOM's JSON; check the address.")


class _Sentences:
    """Turns what goes wrong inside into PacsError or Stopped."""

    def __init__(self, session: Session, stop: Stop) -> None:
        self._session, self._node, self._stop = session, session.node, stop

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None or not isinstance(error, (OSError, HTTPError, ValueError, RecursionError)):
            return
        if self._stop.is_set():
            raise Stopped("stopped on request") from error
        if isinstance(error, (requests.JSONDecodeError, RecursionError)) or not isinstance(error, (OSError, HTTPError)):
            raise PacsError(f"{self._node.name} answers with what is no DICOM JSON; check the address.") from error
        cause = root(error)
        if isinstance(cause, (ssl.SSLError, ConnectionRefusedError, socket.gaierror)):
            raise PacsError(why_no_connection(self._node, cause, isinstance(cause, ssl.SSLError))) from error
        if isinstance(error, requests.ConnectTimeout):
            raise PacsError(why_no_connection(self._node, TimeoutError())) from error
        name = self._node.name
        if isinstance(cause, TimeoutError) or "Timeout" in type(error).__name__:
            raise PacsError(f"{name} did not answer in time; it may be busy, try again.") from error
        if self._session.secure and not self._session.answered:
            raise PacsError(tls.closed(self._node, self._session.connected)) from error
        if isinstance(cause, http.client.BadStatusLine) and str(cause.args[0]).startswith(ALERT.decode("latin-1")):
            raise PacsError(f"{name} wants TLS; enter an address that begins with https.") from error
        doubt = self._session.doubt()
        raise PacsError(f"{name} closed the connection in the middle of it{doubt}, or does not speak HTTP; try again.") from error


def _plain(kind: str) -> str:
    return "".join(one for one in kind[:40] if one.isascii() and (one.isalnum() or one in "/+-.")) or "none stated"
