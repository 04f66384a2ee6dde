"""Passwords of nodes: in the system's keyring, else in memory until the program ends. Never in a file, a log or an argument."""

from __future__ import annotations

import threading
from typing import Literal

from app.pacs.errors import NodeError
from app.pacs.nodes import Node

SERVICE = "hilum-pacs"
MEMORY_ONLY = "This machine has no keyring that Hilum can use: the password is kept in memory and must be given again next time."
Place = Literal["keyring", "memory", ""]


class Credentials:
    """One for the program. Every call asks the system: not for the GUI thread. May be called from any other."""

    def __init__(self) -> None:
        self._memory: dict[str, str] = {}
        self._lock = threading.Lock()

    def keep(self, node: Node, password: str) -> Place:
        """Where it was kept; an empty password is forgotten. Raises NodeError where it would travel readable."""
        if not password:
            self.forget(node)
            return ""
        check_channel(node)
        account = _account(node)
        kept = _keyring_does("set_password", account, password) and _keyring_does("get_password", account) == password
        with self._lock:
            self._memory.pop(account, None)
            if not kept:
                self._memory[account] = password
        return "keyring" if kept else "memory"

    def hold(self, node: Node, password: str) -> None:
        """In memory alone. Raises NodeError where it would travel readable."""
        check_channel(node)
        with self._lock:
            self._memory[_account(node)] = password

    def password(self, node: Node) -> str:
        """ "" where none is kept."""
        with self._lock:
            if found := self._memory.get(_account(node)):
                return found
        return str(_keyring_does("get_password", _account(node)) or "")

    def forget(self, node: Node) -> None:
        with self._lock:
            self._memory.pop(_account(node), None)
        _keyring_does("delete_password", _account(node))


def check_channel(node: Node) -> None:
    """Raises NodeError where a password would travel readable."""
    if node.kind == "dicomweb" and not node.url.startswith("https:") and not node.on_this_machine:
        raise NodeError(f"{node.name}: over http the password could be read on the way; give an address that begins with https.")


def _account(node: Node) -> str:
    return f"{node.user}@{node.origin}"


def _keyring_does(what: str, *values: str) -> object:
    """The keyring's answer, True for none; False where there is no keyring, or one that writes readable files."""
    import keyring

    try:
        if type(keyring.get_keyring()).__module__.startswith("keyrings.alt"):
            return False
        answer = getattr(keyring, what)(SERVICE, *values)
    except Exception:  # a backend raises whatever its system raises; without one the memory serves
        return False
    return True if answer is None and what == "set_password" else answer
