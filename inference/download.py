"""Fetch a model's files from a hub-shaped server, on the reader's request. Beside it only `endpoint_talk` opens sockets here.

Used of the server: `/api/models/{repo}/revision/{revision}?blobs=true` for the commit, names, sizes and checksums, and
`/{repo}/resolve/{commit}/{file}` for the bytes. Stdlib alone.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import shutil
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from threading import Event
from typing import IO, Any

from inference import catalogue, modelfiles, terms
from inference.answers import Progress
from inference.catalogue import Entry
from inference.errors import Cancelled, DownloadFailed, ModelRefused
from inference.places import home

WANTED = frozenset((".safetensors", ".json", ".jinja", ".model", ".txt", ".md"))
"""Endings of files that belong to a model in the published layout; all others are left on the server."""
BLOCK = 1 << 20
TRIES = 4
TIMEOUT_S = 30.0
SPARE = 1 << 28
"""Bytes that must stay free on the disk."""


@dataclass(frozen=True, slots=True)
class Remote:
    """One file of a repository. `sha256` of large files, `git_sha1` (of "blob <size>\\0" and the content) of small ones."""

    name: str
    size: int
    sha256: str
    git_sha1: str


def endpoint(base: str | None = None) -> str:
    """The hub's address without a slash at its end: `base`, else $HF_ENDPOINT, else the one its own library knows.

    Raises ModelRefused for what is no https address; plain http is allowed to this machine alone, the token would be readable.
    """
    from huggingface_hub import constants

    found = (base or os.environ.get("HF_ENDPOINT") or str(constants.ENDPOINT)).rstrip("/")
    parts = urllib.parse.urlsplit(found)
    if parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost", "::1")):
        return found
    raise ModelRefused(f"{found!r} is no address to fetch models from; it must begin with https")


def get(
    entry: Entry,
    *,
    token: str = "",
    base: str | None = None,
    revision: str = "main",
    on_progress: Callable[[Progress], None],
    cancel: Event | None = None,
) -> Path:
    """Fetch, check and install a model whose terms were accepted; returns its folder.

    What was fetched before is not fetched again. `on_progress` counts bytes. Raises TermsNotAccepted, DownloadFailed,
    ModelRefused (the files are not what they must be) and Cancelled.
    """
    if not entry.repository:
        raise ModelRefused(f"{entry.title} is part of the program; there is nothing to fetch")
    terms.require(entry)
    hub, stop = endpoint(base), cancel or Event()
    commit, files = _listing(hub, entry.repository, revision, token)
    part = home() / "models" / f".{entry.id}-{commit[:12]}.part"
    part.mkdir(parents=True, exist_ok=True)
    total = sum(file.size for file in files)
    _room(part, total - sum(path.stat().st_size for path in part.rglob("*") if path.is_file()))
    done = 0
    for file in files:
        url = f"{hub}/{entry.repository}/resolve/{commit}/{urllib.parse.quote(file.name)}"

        def tell(here: int, before: int = done, name: str = file.name) -> None:
            on_progress(Progress(f"getting {name}", before + here, total))

        _file(url, file, part / file.name, token, tell, stop)
        done += file.size
    wrong = modelfiles.check(part, (catalogue.ARCHITECTURE[entry.family],))
    if wrong:
        shutil.rmtree(part, ignore_errors=True)
        raise ModelRefused(f"what {entry.repository} holds was not installed: {wrong[0]}")
    modelfiles.record(part)
    target = home() / "models" / entry.id
    catalogue.install(part, target)
    return target


def _listing(hub: str, repository: str, revision: str, token: str) -> tuple[str, list[Remote]]:
    """(commit, files wanted)."""
    url = f"{hub}/api/models/{repository}/revision/{urllib.parse.quote(revision, safe='')}?blobs=true"
    try:
        with _open(url, token) as answer:
            table: dict[str, Any] = json.loads(answer.read(1 << 26))
        files = [_remote(one) for one in table["siblings"] if not str(one["rfilename"]).startswith(".git")]
        return str(table["sha"]), [file for file in files if PurePosixPath(file.name).suffix.lower() in WANTED]
    except (ValueError, KeyError, TypeError) as error:
        raise DownloadFailed(f"the server's list of the files of {repository} makes no sense; check the address") from error
    except (OSError, http.client.HTTPException) as error:
        raise DownloadFailed(f"the list of the files of {repository} was not received ({error}); try again") from error


def _remote(table: dict[str, Any]) -> Remote:
    name = str(table["rfilename"])
    if "\\" in name or ":" in name or any(not part or part.startswith(".") for part in name.split("/")):
        raise ModelRefused(f"the server names a file {name!r}, which would lie outside the model's folder; nothing was fetched")
    large = table.get("lfs") or {}
    return Remote(name, int(large.get("size", table["size"])), str(large.get("sha256", "")), str(table.get("blobId", "")))


def _file(url: str, file: Remote, target: Path, token: str, tell: Callable[[int], None], cancel: Event) -> None:
    """Bring `target` to what `file` says, going on where an earlier try ended."""
    if target.is_file():
        tell(file.size)
        return
    part = target.with_name(f"{target.name}.part")
    part.parent.mkdir(parents=True, exist_ok=True)
    for attempt in range(TRIES):
        try:
            _append(url, file, part, token, tell, cancel)
            break
        except (OSError, http.client.HTTPException) as error:
            if attempt == TRIES - 1:
                raise DownloadFailed(f"{file.name} was not received whole ({error}); try again, it goes on from there") from error
    if not _matches(part, file):
        part.unlink()
        raise DownloadFailed(f"{file.name} does not have the checksum that the server states; it was thrown away, try again")
    part.replace(target)


def _append(url: str, file: Remote, part: Path, token: str, tell: Callable[[int], None], cancel: Event) -> None:
    have = part.stat().st_size if part.is_file() else 0
    if have > file.size:
        part.unlink()
        have = 0
    if have == file.size:
        part.touch()
        return
    with _open(url, token, {"Range": f"bytes={have}-"} if have else {}) as answer:
        if have and (answer.status != 206 or not str(answer.headers.get("Content-Range", "")).startswith(f"bytes {have}-")):
            have = 0
        with part.open("ab" if have else "wb") as out:
            _pour(answer, out, have, file, tell, cancel)


def _pour(answer: IO[bytes], out: IO[bytes], have: int, file: Remote, tell: Callable[[int], None], cancel: Event) -> None:
    while block := answer.read(BLOCK):
        if cancel.is_set():
            raise Cancelled("stopped on request; what was fetched is kept")
        have += len(block)
        if have > file.size:
            raise OSError(f"more than the {file.size} bytes announced")
        out.write(block)
        tell(have)
    if have < file.size:
        raise OSError(f"{have} of {file.size} bytes came")


def _matches(path: Path, file: Remote) -> bool:
    """Against the SHA-256 where the server states one, else git's SHA-1; a file without either only by its size."""
    if path.stat().st_size != file.size:
        return False
    if file.sha256:
        with path.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest() == file.sha256
    if file.git_sha1:
        head = f"blob {file.size}\0".encode()
        return hashlib.sha1(head + path.read_bytes(), usedforsecurity=False).hexdigest() == file.git_sha1
    return True


def _room(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed + SPARE:
        raise DownloadFailed(f"{folder} has {free / 1e9:.1f} GB free, {(needed + SPARE) / 1e9:.1f} GB are needed; make room")


class _SameServer(urllib.request.HTTPRedirectHandler):
    """The token goes to the hub alone: it is taken off when a redirect leads to another server."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        new = super().redirect_request(req, fp, code, msg, headers, newurl)
        if new is not None:
            old, other = urllib.parse.urlsplit(req.full_url), urllib.parse.urlsplit(new.full_url)
            if old.scheme == "https" and other.scheme != "https":
                raise DownloadFailed(f"the server leads to {other.hostname} without encryption; nothing was fetched from there")
            if (old.scheme, old.netloc) != (other.scheme, other.netloc):
                new.remove_header("Authorization")
        return new


def _open(url: str, token: str, headers: dict[str, str] | None = None) -> Any:
    request = urllib.request.Request(url, headers={"User-Agent": "hilum", **(headers or {})})
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    try:
        return urllib.request.build_opener(_SameServer).open(request, timeout=TIMEOUT_S)
    except urllib.error.HTTPError as error:
        error.close()
        host = urllib.parse.urlsplit(url).hostname
        if error.code in (401, 403):
            raise DownloadFailed(
                f"{host} does not give this model to this token; accept the model's terms on its page there and check the token"
            ) from error
        if error.code == 404:
            raise DownloadFailed(f"{host} does not know this model or this revision; check the address") from error
        raise OSError(f"{host} answered {error.code}") from error
