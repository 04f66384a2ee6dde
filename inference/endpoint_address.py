"""Where an endpoint is, checked at birth: this machine, or a host that the reader named and confirmed."""

from __future__ import annotations

import ipaddress
import re
import urllib.parse
from dataclasses import dataclass

from inference.errors import EndpointRefused

RECIPE = "medgemma-1.5-4b-it"
_HOST = re.compile(r"[0-9A-Za-z_.:-]{1,253}")
_TAIL = re.compile(r"/v1(?:/(?:chat/completions|models)?)?$")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A server that speaks OpenAI's chat completions: vLLM, llama-server, LM Studio, Ollama. Raises EndpointRefused.

    Beyond this machine it must be https, and `confirmed` must name its host: who confirms agrees that pictures of the patient
    and the question go there.
    """

    url: str
    """With or without the /v1 at its end, which is cut off."""
    model: str = ""
    """As the server calls it; "" takes the only one it has."""
    confirmed: str = ""
    """The host beyond this machine that the reader confirmed."""
    ca_file: str = ""
    """PEM file of who vouches for the server's certificate; "" asks the usual ones."""
    recipe: str = RECIPE
    """Catalogue id of the drafter whose prompts, pixels and limits are used."""

    def __post_init__(self) -> None:
        try:
            parts = urllib.parse.urlsplit(self.url.strip())
            good = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
            good = good and bool(_HOST.fullmatch(parts.hostname or "")) and self.url.isprintable() and len(self.url) <= 500
        except ValueError:
            good = False
        if not good:
            raise EndpointRefused("the endpoint's address must look like http://127.0.0.1:8080 or https://gpu.hospital:8000")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise EndpointRefused("write the endpoint's address without user, password, ? and #; a key is kept apart")
        bare = parts._replace(path=_TAIL.sub("", parts.path.rstrip("/")))
        object.__setattr__(self, "url", bare.geturl().rstrip("/"))
        if len(self.model) > 200 or not self.model.isprintable():
            raise EndpointRefused("the name of an endpoint's model is one line of at most 200 letters")
        if self.here:
            return
        if parts.scheme != "https":
            raise EndpointRefused(
                f"{self.host} is another machine, and over http the pictures could be read on the way; "
                "give an address that begins with https"
            )
        if self.confirmed.casefold() != self.host.casefold():
            raise EndpointRefused(
                f"{self.host} is another machine: pictures of the patient and the question would be sent there; "
                f"confirm this by naming the host, --send-to {self.host}"
            )

    @property
    def host(self) -> str:
        return urllib.parse.urlsplit(self.url).hostname or ""

    @property
    def address(self) -> str:
        """Host and port, for a person."""
        return urllib.parse.urlsplit(self.url).netloc

    @property
    def here(self) -> bool:
        """Whether it can be nothing but this machine."""
        return is_loopback(self.host)


def is_loopback(host: str) -> bool:
    """Whether a host can be nothing but this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.casefold() == "localhost"
