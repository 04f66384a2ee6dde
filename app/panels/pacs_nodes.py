"""Entering archives, and how the listener and the storage behave."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import cast

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QFormLayout,
    QLineEdit,
    QListWidget,
    QSpinBox,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from app.pacs.book import Book
from app.pacs.errors import NodeError
from app.pacs.nodes import CHARSETS, Listening, Node
from app.panels.file_line import FileLine
from app.panels.parts import GAP, Column, button, inset, label, reword, row

KINDS = (("DICOM (C-FIND, C-GET, C-MOVE)", "dimse"), ("DICOMweb (QIDO, WADO, STOW)", "dicomweb"))
WAYS = (("C-GET: over our own connection", "get"), ("C-MOVE: it connects to our listener", "move"))
PEM = "Certificates and keys (*.pem *.crt *.cer *.key);;All files (*)"


class NodesDialog(QDialog):
    """Each change is kept at once: `kept` bears the whole book and, for a node whose password was typed, that."""

    kept = Signal(object, object, str)
    """Book, Node or None, password."""

    def __init__(self, book: Book, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("PACS nodes, listener, storage")
        self.resize(760, 520)
        self.book = book
        self.names = QListWidget()
        self.names.setAccessibleName("Archives")
        self.names.setMaximumWidth(200)
        self.word = label("", "bad")
        self._chosen = ""
        tabs = QTabWidget()
        tabs.addTab(self._archives(), "Nodes")
        tabs.addTab(self._house(), "Listener and storage")
        layout = QVBoxLayout(self)
        layout.addWidget(tabs, 1)
        layout.addWidget(self.word)
        close = row(QWidget(), button("Close", self.accept), stretch=0)
        layout.addLayout(close)
        self.names.currentTextChanged.connect(self._show)
        self._list("")

    def say(self, sentence: str, role: str = "bad") -> None:
        reword(self.word, sentence, role)

    def _archives(self) -> QWidget:
        self.name, self.host, self.ae, self.ours = (QLineEdit() for _ in range(4))
        self.url, self.user, self.password = (QLineEdit() for _ in range(3))
        self.password.setEchoMode(QLineEdit.EchoMode.Password)
        self.password.setPlaceholderText("kept in the system's keyring; empty leaves it as it is")
        self.url.setPlaceholderText("https://pacs.hospital/dicom-web")
        self.ca = FileLine("CA file", PEM, "who vouches for it; empty: the system")
        self.cert = FileLine("Our certificate", PEM, "where it wants one of us")
        self.pem_key = FileLine("Our key", PEM, "no password; may be in the same file")
        self.port = QSpinBox()
        self.port.setRange(1, 65_535)
        inset(self.port)
        self.kind, self.way, self.charset = _box(KINDS), _box(WAYS), QComboBox()
        for one in CHARSETS:
            self.charset.addItem(one or "UTF-8 (ISO_IR 192)", one)
        self.tls = QCheckBox("TLS")
        self.form = QFormLayout()
        lines: tuple[tuple[str, QWidget, str], ...] = (
            ("Name", self.name, ""), ("Speaks", self.kind, ""), ("Host", self.host, "dimse"), ("Port", self.port, "dimse"),
            ("Its AE title", self.ae, "dimse"), ("Our AE title", self.ours, "dimse"), ("Retrieve by", self.way, "dimse"),
            ("Questions in", self.charset, "dimse"), ("Encryption", self.tls, "dimse"), ("Address", self.url, "dicomweb"),
            ("User", self.user, "dicomweb"), ("Password", self.password, "dicomweb"), ("CA file", self.ca, ""),
            ("Our certificate", self.cert, ""), ("Our key", self.pem_key, ""),
        )  # fmt: skip
        for words, widget, _ in lines:
            widget.setAccessibleName(words)
            self.form.addRow(words, widget)
        self._lines = lines
        for told in (self.kind.currentIndexChanged, self.tls.toggled, self.url.textChanged):
            told.connect(lambda _: self._suit())
        buttons = row(
            button("New", self._new),
            button("Remove", self._remove),
            QWidget(),
            button("Keep", self.keep, primary=True),
            stretch=2,
        )
        right = Column()
        right.column.addLayout(self.form)
        right.column.addStretch(1)
        right.column.addLayout(buttons)
        whole = QWidget()
        both = row(self.names, right, stretch=1)
        both.setContentsMargins(GAP, GAP, GAP, GAP)
        whole.setLayout(both)
        return whole

    def _house(self) -> QWidget:
        now = self.book.listening
        self.interface, self.title = QLineEdit(now.interface), QLineEdit(now.ae_title)
        self.allowed = QLineEdit(", ".join(now.allowed))
        self.allowed.setPlaceholderText("AE titles that may send, with commas between; nobody else")
        self.listen_port, self.object_mib, self.hour_mib, self.most, self.quota = (QSpinBox() for _ in range(5))
        spins = (
            (self.listen_port, 1, 65_535, now.port), (self.object_mib, 1, 4096, now.max_object_mib),
            (self.hour_mib, 1, 1_000_000, now.max_hour_mib), (self.most, 1, 64, now.max_associations),
            (self.quota, 1, 100_000, self.book.quota_gib),
        )  # fmt: skip
        for spin, low, high, value in spins:
            spin.setRange(low, high)
            inset(spin)
            spin.setValue(value)
        self.wiped = QCheckBox("Wipe what was fetched when the window is closed")
        self.wiped.setChecked(self.book.wipe_at_exit)
        page = Column()
        form = QFormLayout()
        for words, widget in (
            ("Interface", self.interface), ("Port", self.listen_port), ("Our AE title", self.title), ("May send", self.allowed),
            ("Most of one object, MiB", self.object_mib), ("Most of an hour, MiB", self.hour_mib),
            ("Most connections", self.most),
            ("Quota of what was fetched, GiB", self.quota), ("", self.wiped),
        ):  # fmt: skip
            widget.setAccessibleName(words or self.wiped.text())
            form.addRow(words, widget)
        page.column.addLayout(form)
        page.column.addWidget(label("127.0.0.1 is reached from this machine alone; another interface lets others in.", "hint"))
        page.column.addStretch(1)
        page.column.addLayout(row(QWidget(), button("Keep", self.keep_house, primary=True), stretch=0))
        return page

    def keep(self) -> None:
        """The node as it stands in the form."""
        try:
            node = Node(
                self.name.text().strip(), self.kind.currentData(), self.host.text().strip(), self.port.value(),
                self.ae.text().strip(), self.ours.text().strip(), self.way.currentData(), self.tls.isChecked(),
                self.ca.text(), self.cert.text(), self.pem_key.text(), self.url.text().strip(), self.user.text().strip(),
                self.charset.currentData(),
            )  # fmt: skip
        except NodeError as error:
            self.say(str(error))
            return
        self._keep(self.book.with_node(node, self._chosen), node, self.password.text())
        self.password.clear()
        self._list(node.name)
        self.say(f"{node.name} is kept.", "good")

    def keep_house(self) -> None:
        titles = tuple(one.strip() for one in self.allowed.text().split(",") if one.strip())
        try:
            listening = Listening(
                self.interface.text().strip(), self.listen_port.value(), self.title.text().strip(), titles,
                self.object_mib.value(), self.hour_mib.value(), self.most.value(),
            )  # fmt: skip
        except NodeError as error:
            self.say(str(error))
            return
        changed = replace(self.book, listening=listening, quota_gib=self.quota.value(), wipe_at_exit=self.wiped.isChecked())
        self._keep(changed, None, "")
        self.say("Kept; a listener that is on takes it up when it is switched on again.", "good")

    def _keep(self, book: Book, node: Node | None, password: str) -> None:
        self.book = book
        self.kept.emit(book, node, password)

    def _list(self, chosen: str) -> None:
        self.names.clear()
        self.names.addItems([one.name for one in self.book.nodes])
        found = next((at for at, one in enumerate(self.book.nodes) if one.name == chosen), 0)
        if self.book.nodes:
            self.names.setCurrentRow(found)
        else:
            self._new()

    def _new(self) -> None:
        self.names.setCurrentRow(-1)
        self._fill(None)
        self.name.setFocus()

    def _remove(self) -> None:
        if self._chosen:
            self._keep(self.book.without(self._chosen), None, "")
            self._list("")

    def _show(self, name: str) -> None:
        self._fill(next((one for one in self.book.nodes if one.name == name), None))

    def _fill(self, node: Node | None) -> None:
        self._chosen = node.name if node else ""
        self.say("")
        texts: tuple[tuple[QLineEdit | FileLine, Callable[[Node], str]], ...] = (
            (self.name, lambda one: one.name), (self.host, lambda one: one.host), (self.ae, lambda one: one.ae_title),
            (self.ca, lambda one: one.ca_file), (self.cert, lambda one: one.cert_file), (self.pem_key, lambda one: one.key_file),
            (self.url, lambda one: one.url), (self.user, lambda one: one.user),
        )  # fmt: skip
        for line, value in texts:
            line.setText(value(node) if node else "")
        self.ours.setText(node.our_ae if node else "HILUM")
        self.port.setValue(node.port if node else 104)
        self.tls.setChecked(bool(node and node.tls))
        for box, chosen in (
            (self.kind, node and node.kind),
            (self.way, node and node.retrieve),
            (self.charset, node and node.charset),
        ):
            box.setCurrentIndex(max(0, box.findData(chosen or box.itemData(0))))
        self._suit()

    def _suit(self) -> None:
        """The lines that the way it speaks needs; files of TLS are entered where there is TLS."""
        chosen = cast("str", self.kind.currentData())
        for _, widget, kind in self._lines:
            self.form.setRowVisible(widget, kind in ("", chosen))
        plain = self.url.text().strip().startswith("http:") if chosen == "dicomweb" else not self.tls.isChecked()
        for files in (self.ca, self.cert, self.pem_key):
            files.setEnabled(not plain)


def _box(choices: tuple[tuple[str, str], ...]) -> QComboBox:
    box = QComboBox()
    for words, value in choices:
        box.addItem(words, value)
    return box
