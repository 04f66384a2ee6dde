"""What a program that talks to archives holds: the book of nodes, the passwords, and who receives."""

from __future__ import annotations

from collections.abc import Callable

from app.pacs import book
from app.pacs.credentials import Credentials
from app.pacs.limits import Limits
from app.pacs.listener import Event
from app.pacs.nodes import Node
from app.pacs.peers import DimsePeer, Peer, WebPeer
from app.pacs.reception import Reception


class Program:
    """One for the window or a command. Reads and asks the system: not for the GUI thread."""

    def __init__(self, told: Callable[[Event], None] = lambda _: None, limits: Limits | None = None) -> None:
        self.book = book.load()
        self.credentials = Credentials()
        self.limits = limits or Limits()
        self.reception = Reception(self.book.listening, told)

    def peer(self, node: Node) -> Peer:
        if node.kind == "dicomweb":
            return WebPeer(node, self.credentials.password(node), self.limits)
        return DimsePeer(node, self.reception, self.limits)

    def keep(self, changed: book.Book) -> None:
        """Raises OSError."""
        book.save(changed)
        self.book = changed
        self.reception.listening = changed.listening

    def close(self) -> None:
        self.reception.close()
