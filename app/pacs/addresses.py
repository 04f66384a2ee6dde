"""AE titles, hosts and addresses as a reader types them, checked."""

from __future__ import annotations

import ipaddress
import re
import urllib.parse

from app.pacs.errors import NodeError
from inference.endpoint_address import is_loopback as is_loopback

_AE = re.compile(r"[ -~]{1,16}")
_HOST = re.compile(r"[0-9A-Za-z_.:-]{1,253}")


def check_ae(title: str, whose: str) -> None:
    """An AE title: 1 to 16 printable ASCII letters without a backslash, not all blank (PS3.5 6.2). Raises NodeError."""
    if not _AE.fullmatch(title) or "\\" in title or not title.strip():
        raise NodeError(f"{whose}: {title[:20]!r} is no AE title; it has 1 to 16 plain letters, digits and signs.")


def is_host(host: str) -> bool:
    """A name or an address, nothing around it."""
    if not _HOST.fullmatch(host):
        return False
    if ":" not in host:
        return True
    try:
        return ipaddress.ip_address(host).version == 6
    except ValueError:
        return False


def checked_url(name: str, url: str) -> str:
    """An http or https address without anything that would be a secret. Raises NodeError."""
    try:
        parts = urllib.parse.urlsplit(url.strip())
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        good = False
    if not good or len(url) > 500:
        raise NodeError(f"{name}: the address must look like https://pacs.hospital/dicom-web.")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise NodeError(f"{name}: write the address without user, password, ? and #; a password is asked for and kept apart.")
    return parts.geturl().rstrip("/")
