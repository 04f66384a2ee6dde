"""Archives a reader entered, and how the listener behaves."""

from __future__ import annotations

import ipaddress
import urllib.parse
from dataclasses import dataclass
from typing import Literal

from app.pacs.addresses import check_ae, checked_url, is_host, is_loopback
from app.pacs.errors import NodeError

CHARSETS = (
    "", "ISO_IR 6", "ISO_IR 100", "ISO_IR 101", "ISO_IR 109", "ISO_IR 110", "ISO_IR 144", "ISO_IR 127", "ISO_IR 126",
    "ISO_IR 138", "ISO_IR 148", "ISO_IR 192", "GB18030",
)  # fmt: skip
"""Of questions (PS3.3 C.12.1.1.2); "" is UTF-8."""


@dataclass(frozen=True, slots=True)
class Node:
    """One archive, checked at birth: raises NodeError."""

    name: str
    kind: Literal["dimse", "dicomweb"] = "dimse"
    host: str = ""
    port: int = 104
    ae_title: str = ""
    """The archive's, as it knows itself."""
    our_ae: str = "HILUM"
    """Ours, as the archive knows us."""
    retrieve: Literal["get", "move"] = "get"
    """C-GET brings the objects over our own connection; for C-MOVE the archive connects to our listener."""
    tls: bool = False
    ca_file: str = ""
    """PEM file of who vouches for the archive's certificate; "" asks the system's."""
    cert_file: str = ""
    """PEM file of our own certificate, for an archive that wants one; "" shows none."""
    key_file: str = ""
    """PEM file of its private key, without a password; "" where it is in `cert_file`."""
    url: str = ""
    """Of the DICOMweb service (PS3.18), below which /studies lies."""
    user: str = ""
    """For HTTP Basic; "" with a kept password sends that as a bearer token."""
    charset: str = ""

    def __post_init__(self) -> None:
        if not self.name.strip() or len(self.name) > 40 or not self.name.isprintable():
            raise NodeError("A node needs a name of 1 to 40 letters.")
        if self.key_file and not self.cert_file:
            raise NodeError(f"{self.name}: a key says nothing without its certificate; give the certificate's file too.")
        if self.kind == "dicomweb":
            object.__setattr__(self, "url", checked_url(self.name, self.url))
            return
        if self.kind != "dimse" or self.retrieve not in ("get", "move"):
            raise NodeError(f"{self.name}: a node is dimse or dicomweb, and its retrieve get or move.")
        if not is_host(self.host):
            raise NodeError(f"{self.name}: {self.host[:60]!r} is no host; write a name such as pacs.hospital, or an address.")
        if not 1 <= self.port <= 65_535:
            raise NodeError(f"{self.name}: {self.port} is no port; ports go from 1 to 65535, DICOM's own are 104 and 11112.")
        for title in (self.ae_title, self.our_ae):
            check_ae(title, self.name)
        if self.charset not in CHARSETS:
            raise NodeError(f"{self.name}: {self.charset[:20]!r} is no character set Hilum can ask in.")

    @property
    def address(self) -> str:
        """Where it is, for a person: host:port or the URL."""
        return self.url if self.kind == "dicomweb" else f"{self.host}:{self.port}"

    @property
    def origin(self) -> str:
        """Scheme, host and port: what a password is kept for, so that it goes nowhere else when the node is changed."""
        if self.kind == "dimse":
            return f"dicom://{self.host}:{self.port}"
        parts = urllib.parse.urlsplit(self.url)
        return f"{parts.scheme}://{parts.hostname}:{parts.port or (443 if parts.scheme == 'https' else 80)}"

    @property
    def on_this_machine(self) -> bool:
        return is_loopback(urllib.parse.urlsplit(self.url).hostname or "" if self.kind == "dicomweb" else self.host)


@dataclass(frozen=True, slots=True)
class Listening:
    """How the listener behaves while it is on. It is off until the reader switches it on."""

    interface: str = "127.0.0.1"
    """Address it is bound to; anything but loopback must be named by the reader."""
    port: int = 11112
    ae_title: str = "HILUM"
    allowed: tuple[str, ...] = ()
    """Calling AE titles that may send; nobody else."""
    max_object_mib: int = 512
    max_hour_mib: int = 20_480
    max_associations: int = 4

    def __post_init__(self) -> None:
        try:
            ipaddress.ip_address(self.interface)
        except ValueError:
            raise NodeError(f"The listener: {self.interface[:60]!r} is no address of an interface, such as 127.0.0.1.") from None
        if not 0 <= self.port <= 65_535:
            raise NodeError(f"The listener: {self.port} is no port.")
        for title in (self.ae_title, *self.allowed):
            check_ae(title, "The listener")
        if min(self.max_object_mib, self.max_hour_mib, self.max_associations) < 1:
            raise NodeError("The listener's limits must be at least 1.")
