"""HTTP to one endpoint and to nothing else: no redirects, no proxies, within limits, on a thread of its own so that a stop
never waits for the server. What goes wrong becomes one sentence."""

from __future__ import annotations

import json
import queue
import re
import socket
import ssl
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from inference import secure, sse
from inference.endpoint_address import Endpoint
from inference.errors import InferenceError, ModelFailed, QuestionTooLong, WrongName, look

LOOK_S = 0.02
"""How often who waits looks at the cancel event."""
PIECE = 64 * 1024
RESET = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
"""Closed at once, also where the other side still sends (SO_LINGER of no time)."""
SAID = 200
"""Letters of a server's own words that are shown."""
_PICTURES = re.compile(r"image|multi-?modal|mmproj|vision|picture", re.IGNORECASE)
_TOO_LONG = re.compile(r"context (?:length|size|window)|maximum.{0,20}(?:length|tokens)|too many tokens", re.IGNORECASE)
_NO_MODEL = re.compile(
    r"model\b.{0,250}(?:not found|does not exist|not exist|unknown|not loaded)|(?:no|unknown) (?:such )?model", re.I
)


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a server is waited for and how much is taken from it."""

    connect_s: float = 10.0
    first_s: float = 600.0
    """For the first word; reading many pictures takes a while on a small machine."""
    next_s: float = 120.0
    """For each next word."""
    last_s: float = 2.0
    """For the counts that follow the last word."""
    whole_s: float = 3600.0
    event_bytes: int = 1 << 20
    answer_bytes: int = 1 << 25


class Talk:
    """One request. Iterate for the values that come, then `close`; it connects when made, and sends nothing once stopped.

    Raises Cancelled within 50 ms of `cancel`, InferenceError for what is no answer, and `Interrupted` where the connection
    ended or fell silent.
    """

    def __init__(
        self, endpoint: Endpoint, key: str, path: str, body: Any, pictures: int, limits: Limits, cancel: threading.Event
    ) -> None:
        self._endpoint, self._key, self._pictures, self._limits, self._cancel = endpoint, key, pictures, limits, cancel
        self._url = f"{endpoint.url}/v1/{path}"
        self._asked = "" if body is None else str(body["model"])
        self._news: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._sockets: list[socket.socket] = []
        self._closed = threading.Event()
        self._end = time.monotonic() + limits.whole_s
        self.deadline = time.monotonic() + limits.connect_s + limits.first_s
        """By when the next word must have come; who reads the values moves it on."""
        self._thread = threading.Thread(target=self._run, args=(body,), name="endpoint", daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[Any]:
        while True:
            look(self._cancel)
            if time.monotonic() > min(self.deadline, self._end):
                raise Interrupted(f"{self._host} was silent for too long; it may be busy or stuck, look at its own messages")
            try:
                news = self._news.get(timeout=LOOK_S)
            except queue.Empty:
                continue
            if news is None:
                return
            if isinstance(news, BaseException):
                raise news
            yield news

    def heard(self) -> None:
        """A word has come: the next one may take its time again."""
        self.deadline = time.monotonic() + self._limits.next_s

    def last(self) -> None:
        """The answer is whole: nothing that still comes is waited for long."""
        self._end = min(self._end, time.monotonic() + self._limits.last_s)

    def close(self) -> None:
        """Close the connection, by which the server knows that nobody listens; never waits for it."""
        self._closed.set()
        for one in list(self._sockets):
            with suppress(OSError):
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                one.shutdown(socket.SHUT_RDWR)
        self._thread.join(0.05)

    @property
    def _host(self) -> str:
        return self._endpoint.address

    def _run(self, body: Any) -> None:
        try:
            with _Session() as session:
                self._prepare(session)
                how = {"stream": True, "allow_redirects": False, "timeout": (self._limits.connect_s, self._limits.whole_s)}
                data = None if body is None else json.dumps(body).encode()
                with closing(session.request("GET" if body is None else "POST", self._url, data=data, **how)) as answer:
                    self._check(answer)
                    for value in self._values(answer):
                        self._news.put(value)
            self._news.put(None)
        except Exception as error:  # the last door of this thread: whatever it was is told to who waits
            self._news.put(error if isinstance(error, InferenceError) else _sentence(self._host, error))

    def _prepare(self, session: requests.Session) -> None:
        session.trust_env = False
        session.headers.update({"User-Agent": "hilum", "Accept-Encoding": "identity", "Content-Type": "application/json"})
        if self._key:
            session.headers["Authorization"] = f"Bearer {self._key}"
        secure = _context(self._endpoint.ca_file) if self._endpoint.url.startswith("https:") else None
        session.mount("http://", Adapter(self._connected))
        session.mount("https://", Adapter(self._connected, secure))

    def _connected(self, one: socket.socket) -> None:
        self._sockets.append(one)
        if self._closed.is_set():
            one.shutdown(socket.SHUT_RDWR)

    def _values(self, answer: requests.Response) -> Iterator[Any]:
        """Of a stream of events, or the one value of an answer that is none."""
        kind = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind == "text/html":
            raise ModelFailed(f"{self._host} answers with a web page; give the address of an OpenAI-compatible server")
        try:
            if kind != "text/event-stream":
                yield json.loads(b"".join(self._pieces(answer)))
                return
            for data in sse.events(self._pieces(answer), self._limits.event_bytes):
                if data.strip() == "[DONE]":
                    return
                yield json.loads(data)
        except (ValueError, RecursionError) as error:
            raise ModelFailed(f"{self._host} sends what is no chat completion; ask who runs it, or try another server") from error

    def _pieces(self, answer: requests.Response) -> Iterator[bytes]:
        taken = 0
        while piece := answer.raw.read1(PIECE):
            taken += len(piece)
            if taken > self._limits.answer_bytes:
                raise ModelFailed(f"{self._host} does not stop sending; the rest was not read, look at the server")
            yield piece

    def _check(self, answer: requests.Response) -> None:
        """Raises for what is no success; a server's own words are shown as such, shortened."""
        code, host = answer.status_code, self._host
        if code == 200 and answer.headers.get("Content-Encoding", "identity") == "identity":
            return
        if 300 <= code < 400:
            raise ModelFailed(f"{host} leads to another address, which is not followed; give the address it has now")
        said = _said(answer)
        if code in (401, 403):
            raise ModelFailed(f"{host} does not accept the key (HTTP {code}); give its key again with `hilum endpoint key`")
        if code in (400, 404, 500, 501) and _NO_MODEL.search(said):
            raise WrongName(f"{host} has no model {self._asked!r}")
        if code in (404, 405):
            raise ModelFailed(
                f"{host} has nothing under {answer.request.path_url[:100]} (HTTP {code}); give the address of an "
                "OpenAI-compatible server, without what comes after its port unless it lies in a folder"
            )
        if self._pictures and code in (400, 415, 422, 500, 501) and _PICTURES.search(said):
            raise ModelFailed(
                f"{host} does not take pictures with this model{_quoted(said)}; start it with the model's vision part "
                "(llama-server: --mmproj), or choose another model"
            )
        if code in (400, 413, 422, 500) and (code == 413 or _TOO_LONG.search(said)):
            raise QuestionTooLong(f"pictures and question are more than {host} reads at once{_quoted(said)}; send fewer pictures")
        known = {
            429: "is asked too often; wait a moment and ask again",
            503: "is too busy or still loading; ask again in a moment",
        }
        words = known.get(
            code, "reports an error of its own; look at its messages" if code >= 500 else "does not take the question"
        )
        raise ModelFailed(f"{host} {words} (HTTP {code}){_quoted(said)}")


class Interrupted(ModelFailed):
    """The connection ended, or nothing came for too long."""


def _context(ca_file: str) -> ssl.SSLContext:
    """TLS 1.2 or newer, trusting the CA file, else whom the system trusts. Raises ModelFailed."""
    made = secure.context()
    if ca_file:
        try:
            made.load_verify_locations(ca_file)
        except OSError as error:
            raise ModelFailed(
                f"the endpoint's CA file {ca_file} cannot be read or holds no certificate; choose it again"
            ) from error
        made.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # the server's own certificate will do, whoever signed it
        return made
    trust_system(made, ssl.Purpose.SERVER_AUTH)
    return made


def trust_system(made: ssl.SSLContext, purpose: ssl.Purpose) -> None:
    """Whom the system trusts; where a frozen program does not find them, whom requests does."""
    made.load_default_certs(purpose)
    paths = ssl.get_default_verify_paths()
    if not (paths.cafile or paths.capath or made.cert_store_stats()["x509_ca"]):
        made.load_verify_locations(requests.certs.where())


def _said(answer: requests.Response) -> str:
    """What a server says of an error: its message, else nothing."""
    raw = b""
    while len(raw) < PIECE and (piece := answer.raw.read1(PIECE)):
        raw += piece
    with suppress(ValueError, RecursionError):
        return message(json.loads(raw))
    return ""


def message(value: Any) -> str:
    """Of an error object, whichever server wrote it; "" for none."""
    for name in ("error", "message", "detail"):
        if isinstance(value, dict) and value.get(name):
            value = value[name]
    return " ".join(value.split()) if isinstance(value, str) else ""


def _quoted(said: str) -> str:
    words = "".join(one for one in said if one.isprintable())
    return f": “{words[:SAID]}{'…' * (len(words) > SAID)}”" if words else ""


def server_error(host: str, value: Any) -> ModelFailed:
    """What a server reports in the middle of its answer."""
    return ModelFailed(f"{host} broke off with an error of its own{_quoted(message(value))}; ask again, or look at its messages")


def _sentence(host: str, error: Exception) -> InferenceError:
    cause = root(error)
    if isinstance(cause, ConnectionRefusedError):
        return ModelFailed(f"no server answers at {host}; start it, or check the address")
    if isinstance(cause, socket.gaierror):
        return ModelFailed(f"the name of {host} is not known to this machine; check the address")
    if isinstance(cause, ssl.SSLCertVerificationError):
        return ModelFailed(f"{host} shows a certificate that cannot be trusted ({cause.verify_message}); name the CA file")
    if isinstance(cause, ssl.SSLError):
        return ModelFailed(f"{host} does not speak TLS as asked; check the port and the beginning of the address")
    if isinstance(error, requests.ConnectTimeout):
        return ModelFailed(f"{host} does not answer; check the address and the firewall")
    if isinstance(error, requests.exceptions.InvalidHeader | UnicodeError):
        return ModelFailed(f"the key for {host} holds what no key may; give it again with `hilum endpoint key`")
    return Interrupted(
        f"{host} closed the connection in the middle of it, or does not speak HTTP; look at its messages, ask again"
    )


def root(error: BaseException) -> BaseException:
    """What the system said, under the layers of the libraries."""
    for _ in range(8):
        if isinstance(error, (ssl.SSLError, ConnectionRefusedError, socket.gaierror, TimeoutError)):
            break
        inner = getattr(error, "reason", None) or error.__cause__ or error.__context__
        if not isinstance(inner, BaseException):
            inner = next((one for one in error.args if isinstance(one, BaseException)), None)
        if inner is None:
            break
        error = inner
    return error


class _Session(requests.Session):  # type: ignore[misc]
    def get_redirect_target(self, resp: requests.Response) -> None:  # noqa: ARG002 - none is followed
        return None


class Adapter(HTTPAdapter):  # type: ignore[misc]
    """Tells of each socket as soon as it is connected, before anything is sent over it, so that a stop can wake who waits for
    one; trusts and shows what its context does."""

    def __init__(self, connected: Callable[[socket.socket], None], secure: ssl.SSLContext | None = None) -> None:
        self._connected, self._secure = connected, secure
        super().__init__(max_retries=0)

    def cert_verify(self, conn: Any, *_: Any) -> None:
        """By the context alone, whoever else the library would trust."""
        conn.cert_reqs = "CERT_REQUIRED"

    def init_poolmanager(self, *values: Any, **named: Any) -> None:
        super().init_poolmanager(*values, ssl_context=self._secure, **named)
        connected = self._connected

        class Plain(HTTPConnection):
            def connect(self) -> None:
                super().connect()
                connected(self.sock)

        class Secure(HTTPSConnection):
            def connect(self) -> None:
                super().connect()
                connected(self.sock)

        class PlainPool(HTTPConnectionPool):
            ConnectionCls = Plain

        class SecurePool(HTTPSConnectionPool):
            ConnectionCls = Secure

        self.poolmanager.pool_classes_by_scheme = {"http": PlainPool, "https": SecurePool}
