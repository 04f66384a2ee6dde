"""One archive to talk to, whichever way it speaks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from app.pacs.limits import Limits
from app.pacs.matches import Answer, Series
from app.pacs.nodes import Node
from app.pacs.outgoing import Outgoing, Sent
from app.pacs.query import Query
from app.pacs.reception import Reception
from app.pacs.stopping import Stop
from app.pacs.tray import Tray


class Peer(Protocol):
    """Each method connects, works and disconnects, and raises PacsError and Stopped; see the modules they call."""

    @property
    def node(self) -> Node: ...
    def echo(self, stop: Stop) -> str: ...
    def find_studies(self, query: Query, stop: Stop) -> Answer: ...
    def find_series(self, study_uid: str, stop: Stop) -> tuple[Series, ...]: ...
    def get_series(self, series: Series, tray: Tray, stop: Stop) -> tuple[str, ...]: ...
    def store(self, files: Sequence[Outgoing], on_each: Callable[[Sent], None], stop: Stop) -> None: ...


@dataclass(frozen=True, slots=True)
class DimsePeer:
    node: Node
    reception: Reception
    limits: Limits = field(default_factory=Limits)

    def echo(self, stop: Stop) -> str:
        from app.pacs import dimse

        return dimse.echo(self.node, stop, self.limits)

    def find_studies(self, query: Query, stop: Stop) -> Answer:
        from app.pacs import dimse

        return dimse.find_studies(self.node, query, stop, self.limits)

    def find_series(self, study_uid: str, stop: Stop) -> tuple[Series, ...]:
        from app.pacs import dimse

        return dimse.find_series(self.node, study_uid, stop, self.limits)

    def get_series(self, series: Series, tray: Tray, stop: Stop) -> tuple[str, ...]:
        from app.pacs import getting, moving

        if self.node.retrieve == "move":
            return moving.move_series(self.node, series, tray, self.reception, stop, self.limits)
        return getting.get_series(self.node, series, tray, stop, self.limits)

    def store(self, files: Sequence[Outgoing], on_each: Callable[[Sent], None], stop: Stop) -> None:
        from app.pacs import storing

        storing.store(self.node, files, on_each, stop, self.limits)


@dataclass(frozen=True, slots=True)
class WebPeer:
    node: Node
    password: str = field(repr=False)
    limits: Limits = field(default_factory=Limits)

    def echo(self, stop: Stop) -> str:
        from app.pacs import web

        return web.echo(self.node, self.password, stop, self.limits)

    def find_studies(self, query: Query, stop: Stop) -> Answer:
        from app.pacs import web

        return web.find_studies(self.node, self.password, query, stop, self.limits)

    def find_series(self, study_uid: str, stop: Stop) -> tuple[Series, ...]:
        from app.pacs import web

        return web.find_series(self.node, self.password, study_uid, stop, self.limits)

    def get_series(self, series: Series, tray: Tray, stop: Stop) -> tuple[str, ...]:
        from app.pacs import web

        return web.get_series(self.node, self.password, series, tray, stop, self.limits)

    def store(self, files: Sequence[Outgoing], on_each: Callable[[Sent], None], stop: Stop) -> None:
        from app.pacs import stowing

        stowing.store(self.node, self.password, files, on_each, stop, self.limits)
