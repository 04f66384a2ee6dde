"""The endpoint that a reader chose: the engine that asks it, and the place of its key. Nothing is imported for it without one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from inference.engine import AnyEngine, EngineSpec

if TYPE_CHECKING:
    from app.pacs.nodes import Node
    from inference.endpoint_address import Endpoint


def engine(spec: EngineSpec, local: Callable[[EngineSpec], AnyEngine], key: str = "") -> AnyEngine:
    """What answers by `spec`: `local`, or the endpoint with `local` behind it. Asks the keyring where no `key` is given: not for
    the GUI thread."""
    if spec.endpoint is None:
        return local(spec)
    from inference.endpoint import EndpointEngine

    return EndpointEngine(spec, local, key or kept_key(spec.endpoint))


def kept_key(endpoint: Endpoint) -> str:
    """ "" where none is kept."""
    from app.pacs.credentials import Credentials

    return Credentials().password(place_of_key(endpoint))


def place_of_key(endpoint: Endpoint) -> Node:
    """Under what name the keyring keeps its key, by scheme, host and port, apart from any archive's password."""
    from app.pacs.nodes import Node

    return Node("the endpoint", "dicomweb", url=endpoint.url, user="model endpoint")


def row(endpoint: Endpoint) -> dict[str, Any]:
    """What is known of it, for a person."""
    return {
        "url": endpoint.url, "model": endpoint.model, "confirmed": endpoint.confirmed, "ca_file": endpoint.ca_file,
        "recipe": endpoint.recipe,
    }  # fmt: skip
