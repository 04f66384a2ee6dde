"""TLS before a server that has none, as a reverse proxy of a hospital does it."""

from __future__ import annotations

import asyncio
import ssl
import threading
from contextlib import suppress

from tests.app.pacs.certificates import Pair


def context(pair: Pair, clients: str = "") -> ssl.SSLContext:
    """A server's; with a CA file of `clients`, who must show a certificate of it."""
    made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=clients or None)
    made.load_cert_chain(pair.certificate, pair.key)
    made.verify_mode = ssl.CERT_REQUIRED if clients else ssl.CERT_NONE
    return made


class Front:
    """On loopback, for the server at `port`, until it is closed."""

    def __init__(self, port: int, secure: ssl.SSLContext) -> None:
        self._behind, self._secure = port, secure
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(lambda *_: None)
        self._talks: set[asyncio.Task[None]] = set()
        self._server = self._loop.run_until_complete(asyncio.start_server(self._pass, "127.0.0.1", 0, ssl=secure))
        self.port = int(self._server.sockets[0].getsockname()[1])
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _end(self) -> None:
        self._server.close()
        for one in self._talks:
            one.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._talks.add(asyncio.current_task())  # type: ignore[arg-type]
        try:
            behind, beyond = await asyncio.open_connection("127.0.0.1", self._behind)
            await asyncio.gather(_pour(reader, beyond), _pour(behind, writer))
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._talks.discard(asyncio.current_task())  # type: ignore[arg-type]


async def _pour(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await source.read(65_536):
            target.write(data)
            await target.drain()
    target.close()
