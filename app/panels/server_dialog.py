"""Choosing a server that writes for the window, and confirming what would go there."""

from __future__ import annotations

import urllib.parse
from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QCheckBox, QComboBox, QDialog, QFormLayout, QLineEdit, QVBoxLayout, QWidget

from app.panels.file_line import FileLine
from app.panels.parts import GAP, MARGIN, button, label, reword, row
from inference.endpoint_address import Endpoint, is_loopback
from inference.errors import EndpointRefused

ABOUT = (
    "An OpenAI-compatible server (vLLM, llama-server, LM Studio, Ollama) may write drafts and answers in place of this machine's "
    "model. It gets the prompts and the pixels of the recipe below. Labels and heatmaps stay on this machine."
)
PEM = "Certificates (*.pem *.crt *.cer);;All files (*)"
UNTICKED = "Tick that pictures and questions may go to {host}; until then nothing is sent there."


class ServerDialog(QDialog):
    lookWanted = Signal(object, str)
    """Endpoint, key: what does it have?"""
    useWanted = Signal(object, str)
    """Endpoint, or None for the model of this machine; key, "" leaves the kept one as it is."""

    def __init__(self, chosen: Endpoint | None, here: str, recipes: Sequence[tuple[str, str]], parent: QWidget) -> None:
        """`here` is the drafter of this machine; `recipes` are (title, catalogue id)."""
        super().__init__(parent)
        self.setWindowTitle("Model server")
        self.resize(600, 440)
        self.now = label("", "heading")
        self.url, self.key = QLineEdit(), QLineEdit()
        self.url.setPlaceholderText("http://127.0.0.1:8080")
        self.key.setEchoMode(QLineEdit.EchoMode.Password)
        self.key.setPlaceholderText("where it wants one; kept in the system's keyring, empty leaves it as it is")
        self.model, self.recipe = QComboBox(), QComboBox()
        self.model.setEditable(True)
        if (line := self.model.lineEdit()) is not None:
            line.setPlaceholderText("its only one")
        for title, id in recipes:
            self.recipe.addItem(title, id)
        self.ca = FileLine("CA file", PEM, "who vouches for it; empty: the system")
        self.may = QCheckBox()
        self.look = button("Look", self._look, tip="Connect and list its models; no picture is sent")
        self.back = button(f"Use {here}", lambda: self.useWanted.emit(None, ""), tip="The model of this machine writes again")
        self.word = label("", "hint")
        self._form = QFormLayout()
        self._form.setSpacing(GAP)
        for words, widget, place in (
            ("Address", self.url, row(self.url, self.look, stretch=0)), ("Model", self.model, self.model),
            ("Asked as", self.recipe, self.recipe), ("CA file", self.ca, self.ca), ("Key", self.key, self.key),
            ("", self.may, self.may),
        ):  # fmt: skip
            widget.setAccessibleName(words or "Confirm what is sent")
            self._form.addRow(words, place)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(MARGIN, MARGIN, MARGIN, MARGIN)
        layout.setSpacing(MARGIN)
        layout.addWidget(self.now)
        layout.addWidget(label(ABOUT, "soft"))
        layout.addLayout(self._form)
        layout.addStretch(1)
        layout.addWidget(self.word)
        use = button("Use this server", self._use, primary=True)
        layout.addLayout(row(self.back, QWidget(), button("Close", self.reject), use, stretch=1))
        self.url.textChanged.connect(lambda _: self._suit())
        self._fill(chosen)
        self.show_now(chosen, here)

    def show_now(self, chosen: Endpoint | None, here: str) -> None:
        """Who writes from now on."""
        self.now.setText(f"Drafts and answers come from {f'{chosen.address}' if chosen else f'{here}, on this machine'}.")
        self.back.setEnabled(chosen is not None)

    def show_models(self, names: Sequence[str]) -> None:
        """What a server said it has; what was typed stays."""
        typed = self.model.currentText()
        self.model.clear()
        self.model.addItems(list(names))
        self.model.setCurrentText(typed or (names[0] if len(names) == 1 else ""))
        count = f"{len(names)} models" if len(names) != 1 else "one model"
        self.say(f"It answers and has {count}." if names else "It answers, but has no model loaded.", "good" if names else "bad")

    def say(self, sentence: str, role: str = "bad") -> None:
        reword(self.word, sentence, role)

    def _fill(self, chosen: Endpoint | None) -> None:
        self.url.setText(chosen.url if chosen else "")
        self.model.setCurrentText(chosen.model if chosen else "")
        self.ca.setText(chosen.ca_file if chosen else "")
        self.recipe.setCurrentIndex(max(0, self.recipe.findData(chosen.recipe if chosen else None)))
        self.may.setChecked(bool(chosen and chosen.confirmed))
        self._suit()

    def _suit(self) -> None:
        """What another machine needs: a confirmation that is of this very host, and TLS."""
        host = _host(self.url.text())
        away = bool(host) and not is_loopback(host)
        words = f"Pictures of the patient and my questions may go to {host}"
        if self.may.text() != words:  # a tick is never carried to another host
            self.may.setChecked(False)
            self.may.setText(words)
        self._form.setRowVisible(self.may, away)
        self._form.setRowVisible(self.ca, self.url.text().strip().startswith("https:"))

    def _look(self) -> None:
        self._send(self.lookWanted)

    def _use(self) -> None:
        self._send(self.useWanted)

    def _send(self, wanted: object) -> None:
        host = _host(self.url.text())
        if not self.url.text().strip():
            self.say("Type the server's address.")
            return
        if host and not is_loopback(host) and self.url.text().strip().startswith("https:") and not self.may.isChecked():
            self.say(UNTICKED.format(host=host))
            return
        try:
            one = Endpoint(
                self.url.text(), self.model.currentText().strip(), host if self.may.isChecked() else "", self.ca.text(),
                self.recipe.currentData(),
            )  # fmt: skip
        except EndpointRefused as error:
            self.say(f"{str(error)[:1].upper()}{str(error)[1:]}.")
            return
        self.say(f"asking {one.address} …", "hint")
        wanted.emit(one, self.key.text())  # type: ignore[attr-defined]


def _host(url: str) -> str:
    """Of an address as far as it is typed, "" where there is none yet."""
    try:
        return urllib.parse.urlsplit(url.strip()).hostname or ""
    except ValueError:
        return ""
