"""A server of OpenAI's chat completions in a process of its own, honest or hostile.

`Server(mode)` starts it; what it was sent is read back with `server.asked()`. `python openai_server.py FOLDER MODE` is the child.
"""

from __future__ import annotations

import contextlib
import json
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

KEY = "sk-trial"
NAME = "org/medgemma-4b-it-Q8_0"
REPORT = ["Findings: ", "There is a left ", "pleural effusion.", " No pneumothorax.", "\nImpression: Effusion, left."]
SHEET = (
    ("Sodium", "139", "mmol/L", "135-145", ""), ("Potassium", "5.9", "mmol/L", "3.5-5.1", "H"),
    ("Creatinine", "88", "µmol/L", "59-104", "H"), ("Haemoglobin", "9.8", "g/dL", "12.0-15.5", "L"),
    ("CRP", "<0.5", "mg/L", "<5.0", ""), ("Urine nitrite", "negative", "", "negative", ""),
    ("=HYPERLINK(0)", "1,200", "/µL", "1,000-4,000", ""),
)  # fmt: skip
ERRORS: dict[str, tuple[int, object]] = {
    "401": (401, {"error": {"message": "Invalid API key"}}),
    "429": (429, {"error": {"message": "Rate limit reached"}}),
    "500": (500, {"error": {"message": "CUDA error: device-side assert\u001b[31m\ntriggered " + "x" * 5000}}),
    "503": (503, {"error": {"message": "Loading model"}}),
    "no-model": (404, {"error": {"message": "The model `wrong` does not exist.", "code": 404}}),
    "no-model-ollama": (404, {"error": 'model "wrong" not found, try pulling it first'}),
    "no-eyes": (500, {"error": {"message": "image input is not supported - hint: you may need to provide the mmproj"}}),
    "too-long": (400, {"error": {"message": "This model's maximum context length is 4096 tokens"}}),
    "no-json-error": (400, "<html>bad</html>"),
}


def chunk(text: str = "", finish: str | None = None, **delta: str) -> dict[str, Any]:
    said = delta or ({"content": text} if text else {})
    return {"id": "1", "object": "chat.completion.chunk", "model": NAME,
            "choices": [{"index": 0, "delta": said, "finish_reason": finish}]}  # fmt: skip


def usage(read: int, written: int) -> dict[str, Any]:
    return {"id": "1", "model": NAME, "choices": [], "usage": {"prompt_tokens": read, "completion_tokens": written}}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    folder: Path
    mode: str

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        if self.path != "/v1/models":
            return self.whole(404, {"error": {"message": "Not Found"}})
        names = {"two-models": [NAME, "other"], "no-models": []}.get(self.mode, [NAME])
        listed: object = {"object": "list", "data": [{"id": name} for name in names]}
        return self.whole(200, {"models": 1} if self.mode == "odd-list" else listed)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        count = len(list(self.folder.glob("asked-*.json")))
        asked = {"path": self.path, "headers": dict(self.headers), "body": json.loads(body)}
        (self.folder / f"part-{count}").write_text(json.dumps(asked))
        (self.folder / f"part-{count}").rename(self.folder / f"asked-{count}.json")
        if self.path != "/v1/chat/completions":
            return self.whole(404, {"detail": "Not Found"})
        if self.mode == "key" and self.headers.get("Authorization") != f"Bearer {KEY}":
            return self.whole(*ERRORS["401"])
        if self.mode in ERRORS:
            return self.whole(*ERRORS[self.mode])
        if self.mode == "redirect":
            self.send_response(307)
            self.send_header("Location", "/v1/elsewhere")
            self.send_header("Content-Length", "0")
            return self.end_headers()
        if self.mode in ("html", "json", "json-array"):
            answer = {"model": NAME, "choices": [{"message": {"content": "".join(REPORT)}, "finish_reason": "stop"}]}
            return self.whole(200, "<html></html>" if self.mode == "html" else [1] if self.mode == "json-array" else answer)
        if self.mode == "silent":
            time.sleep(60)
        self.stream()
        return None

    def whole(self, code: int, value: object) -> None:
        raw = value.encode() if isinstance(value, str) else json.dumps(value).encode()
        self.send_response(code)
        self.send_header("Content-Type", "text/html; charset=utf-8" if isinstance(value, str) else "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def stream(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            for raw in events(self.mode):
                self.wfile.write(f"{len(raw):x}\r\n".encode() + raw + b"\r\n")
                self.wfile.flush()
            if self.mode != "cut":
                self.wfile.write(b"0\r\n\r\n")
            else:
                self.close_connection = True
        except OSError:
            (self.folder / "hung-up").write_text(str(time.time()))
            self.close_connection = True


def event(value: object) -> bytes:
    return f"data: {json.dumps(value)}\n\n".encode()


def events(mode: str) -> Iterator[bytes]:
    """What is sent, chunk by chunk of HTTP."""
    if mode == "cut-in-thought":
        yield event(chunk("<unused94>thought\nThe heart"))
        return
    if mode == "broken":
        yield event(chunk(REPORT[0]))
        yield b"data: {not json\n\n"
        return
    if mode == "odd-values":
        yield from (event(one) for one in ([1], {"choices": 3}, {"choices": [None]}, {"choices": [{"delta": 7}]}))
        return
    if mode == "endless-line":
        yield b"data: "
        while True:
            yield b"x" * 65536
    if mode == "endless":
        while True:
            yield event(chunk("word "))
    if mode == "endless-comments":
        yield event(chunk(REPORT[0]))
        while True:
            yield b": still here\n\n"
            time.sleep(0.05)
    if mode == "error-in-stream":
        yield event(chunk(REPORT[0]))
        yield event({"error": {"message": "out of memory"}})
        return
    if mode == "empty":
        yield event(chunk("", "stop"))
        yield b"data: [DONE]\n\n"
        return
    if mode == "filtered":
        yield event(chunk(REPORT[0]))
        yield event(chunk("", "content_filter"))
        return
    if mode == "thought":
        pieces = [
            "<unu",
            "sed94>tho",
            "ught\nThe heart is ",
            "enlarged.<unused",
            "95>Find",
            "ings: Cardiomegaly.<end_of_",
            "turn>",
        ]
        yield from (event(chunk(piece)) for piece in pieces)
        yield event(chunk("", "stop"))
        return
    if mode == "reasoning":
        yield from (event(chunk(reasoning_content=piece)) for piece in ("The heart ", "is enlarged."))
        yield event(chunk("Findings: Cardiomegaly."))
        yield event(chunk("", "stop"))
        return
    if mode == "unseparated":
        yield event(chunk("thought\nThere may be a mass."))
        yield event(chunk("", "stop"))
        return
    if mode in ("verdict", "change"):
        yield event(chunk('{"change": "Worsened"}' if mode == "change" else "A meniscus is seen. Final Answer: Yes", "stop"))
        return
    if mode == "box":
        yield event(chunk('```json[{"box_2d": [250, 0, 750, 500], "label": "heart"}]```', "stop"))
        return
    if mode == "slices":
        yield event(
            chunk("Findings: A lesion on slices 2 and 4. Nothing else; slice 9 is blank. Impression: Lesion, slice 4.", "stop")
        )
        return
    if mode == "sheet":
        names = ("test", "value", "unit", "reference", "flag")
        rows = [dict(zip(names, row, strict=True)) for row in SHEET]
        yield from (event(chunk(piece)) for piece in (json.dumps({"rows": rows})[:300], json.dumps({"rows": rows})[300:]))
        yield event(chunk("", "stop"))
        return
    if mode in ("table", "table-cut", "table-of-its-own"):
        row = {"test": "Sodium", "value": "139", "unit": "mmol/L", "reference": "135-145", "flag": ""}
        table = json.dumps({"rows": [row | ({"value": 139} if mode == "table-of-its-own" else {})]})
        yield event(chunk(table, "length" if mode == "table-cut" else "stop"))
        return
    if mode == "slow":
        for number in range(600):
            yield event(chunk(REPORT[number] if number < len(REPORT) else " More."))
            time.sleep(0.1)
    if mode == "length":
        yield event(chunk(REPORT[0] + REPORT[1]))
        yield event(chunk("", "length"))
        return
    if mode == "never-hangs-up":
        yield event(chunk("".join(REPORT), "stop"))
        time.sleep(60)
    if mode == "bytes":  # events cut anywhere, a character of several bytes and the line's end included
        said = [json.dumps(chunk(one), ensure_ascii=False) for one in ("Größe – ", "肺炎 ≥ 3 cm.")]
        raw = b"".join(f"data: {one}\r\n\r\n".encode() for one in said)
        yield from (raw[at : at + 1] for at in range(len(raw)))
        yield event(chunk("", "stop"))
        return
    if mode == "one-event-cut":
        yield event(chunk(REPORT[0] + REPORT[1] + REPORT[2]))
        yield b'data: {"choices": [{"delta": {"content": " No '
        return
    for number, text in enumerate(REPORT):
        yield event(chunk(text))
        if mode == "cut" and number == 2:
            return
    yield event(chunk("", "stop"))
    yield event(usage(9 if mode == "blind" else 900, 41))
    yield b"data: [DONE]\n\n"


class Server:
    """Runs until `close`, or dies by `kill`."""

    def __init__(self, mode: str = "good", certificate: Path | None = None) -> None:
        """`certificate` is a PEM file with a certificate and its key, for https."""
        self._folder = tempfile.TemporaryDirectory(prefix="endpoint-")
        self.folder = Path(self._folder.name)
        words = [sys.executable, __file__, str(self.folder), mode, *([str(certificate)] if certificate else [])]
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL if certificate else None)
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())
        self.url = f"{'https' if certificate else 'http'}://127.0.0.1:{self.port}"
        self.address = f"127.0.0.1:{self.port}"

    def asked(self) -> list[dict[str, Any]]:
        """Path, headers and body of each question, oldest first."""
        files = sorted(self.folder.glob("asked-*.json"), key=lambda one: int(one.stem.split("-")[1]))
        return [json.loads(one.read_text()) for one in files]

    def hung_up(self, within_s: float) -> bool:
        """Whether the server saw that the other side hung up."""
        end = time.monotonic() + within_s
        while time.monotonic() < end and not (self.folder / "hung-up").exists():
            time.sleep(0.01)
        return (self.folder / "hung-up").exists()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def close(self) -> None:
        self.kill()
        assert self.process.stdout is not None
        self.process.stdout.close()
        self._folder.cleanup()

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def main() -> None:
    Handler.folder, Handler.mode = Path(sys.argv[1]), sys.argv[2]
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if len(sys.argv) > 3:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[3])
        server.socket = context.wrap_socket(server.socket, server_side=True)
    print(server.server_port, flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        server.serve_forever()


if __name__ == "__main__":
    main()
