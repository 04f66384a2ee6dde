"""The window in which a reader asks an archive, sees what it has, and fetches it."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QModelIndex, Qt, Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QAbstractItemView, QCheckBox, QComboBox, QToolButton, QTreeView, QVBoxLayout, QWidget

from app.pacs.errors import PacsError
from app.pacs.matches import Answer, Study
from app.panels.pacs_jobs import Jobs
from app.panels.pacs_question import Question
from app.panels.pacs_rows import WHO, WIDTHS, StudyRows
from app.panels.parts import GAP, MARGIN, Elided, button, label, reword, row
from app.theme import ThemeName, icon

NO_NODES = "No node is entered yet: press Nodes… and enter the first archive."
ASK = "Type what is known and press Enter. Unfold a study for its series; Enter fetches what is chosen."


class PacsWindow(QWidget):
    asked = Signal(str, object)
    """Node's name, Query."""
    stopWanted = Signal()
    seriesWanted = Signal(str, object)
    """Node's name, Study."""
    fetchWanted = Signal(str, object)
    """Node's name, list[Chosen]."""
    testWanted = Signal(str)
    settingsWanted = Signal()
    listenWanted = Signal(bool)
    wipeWanted = Signal()

    def __init__(self, theme: ThemeName, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Window)
        self.setObjectName("panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setWindowTitle("PACS")
        self.resize(1180, 700)
        self._answered = ""
        self.rows = StudyRows(self)
        self.question = Question()
        self.jobs = Jobs(theme)
        self._build(theme)
        self.show_nodes([])
        self.eye.setChecked(False)
        self._reveal(False)

    @property
    def node(self) -> str:
        return self.nodes.currentText() if self.nodes.isEnabled() else ""

    def show_nodes(self, names: Sequence[str]) -> None:
        """What can be asked; the chosen one stays."""
        before = self.node
        self.nodes.clear()
        self.nodes.addItems(list(names) or ["no node"])
        self.nodes.setEnabled(bool(names))
        if before in names:
            self.nodes.setCurrentText(before)
        for one in (self.test, self.question.search):
            one.setEnabled(bool(names))
        self.say(ASK if names else NO_NODES)

    def say(self, sentence: str, role: str = "hint") -> None:
        reword(self.word, sentence, role)

    def show_busy(self, words: str) -> None:
        """Something is being asked; "" when nothing is."""
        self.stop.setVisible(bool(words))
        if words:
            self.say(words)

    def show_answer(self, node: str, answer: Answer, patients: bool) -> None:
        """`patients`: the question was about one, so who they are was asked for."""
        self._answered = node
        if patients:
            self.eye.setChecked(True)
        self.rows.show(answer.studies)
        count = len(answer.studies)
        found = f"{count} {'study fits' if count == 1 else 'studies fit'} at {node}." if count else f"Nothing fits at {node}."
        self.say(" ".join([found, *answer.notes]), "warn" if answer.notes else "hint")
        if count:
            self.view.setCurrentIndex(self.rows.index(0, 0))
            self.view.setFocus()
        self._fetchable()

    def show_listener(self, words: str, on: bool) -> None:
        self.listen.blockSignals(True)
        self.listen.setChecked(on)
        self.listen.blockSignals(False)
        self.heard.setText(words)

    def dress(self, theme: ThemeName) -> None:
        self.jobs.dress(theme)
        self.stop.setIcon(icon("mdi6.stop-circle-outline", theme, "text"))
        self.eye.setIcon(icon("mdi6.eye-outline" if self.eye.isChecked() else "mdi6.eye-off-outline", theme))

    def _build(self, theme: ThemeName) -> None:
        self._theme: ThemeName = theme
        self.nodes = QComboBox()
        self.nodes.setAccessibleName("Archive")
        self.nodes.setMinimumWidth(180)
        self.test = button("Test", lambda: self.testWanted.emit(self.node), tip="Whether it answers (C-ECHO or QIDO)")
        self.settings = button(
            "Nodes…", self.settingsWanted.emit, tip="Enter, change and remove archives; the listener's settings"
        )
        self.eye = self._flat("Show who the patients are (Ctrl+P)", checkable=True)
        self.eye.toggled.connect(self._reveal)
        self.stop = self._flat("Stop asking (Escape)")
        self.stop.clicked.connect(self.stopWanted)
        self.word = label(ASK, "hint")
        top = row(self.nodes, self.test, self.settings, QWidget(), self.eye, stretch=3)
        self.view = self._tree()
        self.fetch = button("Fetch", self._fetch, primary=True, tip="Fetch what is chosen (Enter)")
        self.listen = QCheckBox("Listen")
        self.listen.setToolTip("Take what the archives on the list send, while this is on")
        self.listen.toggled.connect(self.listenWanted)
        self.heard = Elided("soft", "")
        self.wipe = button("Wipe what was fetched", self.wipeWanted.emit, tip="Delete everything that came from archives")
        foot = row(self.listen, self.heard, QWidget(), self.wipe, self.fetch, stretch=2)
        told = row(self.word, self.stop, stretch=0)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(MARGIN, MARGIN, MARGIN, MARGIN)
        layout.setSpacing(GAP)
        layout.addLayout(top)
        layout.addWidget(self.question)
        layout.addLayout(told)
        layout.addWidget(self.view, 1)
        layout.addWidget(self.jobs)
        layout.addLayout(foot)
        self.question.asked.connect(self._ask)
        for keys, work in (("Escape", self._escape), ("Ctrl+P", self.eye.toggle), ("Ctrl+F", self.question.name.setFocus)):
            QShortcut(QKeySequence(keys), self).activated.connect(work)
        self.stop.hide()
        self.dress(theme)

    def _tree(self) -> QTreeView:
        view = QTreeView()
        view.setModel(self.rows)
        view.setAccessibleName("Studies")
        view.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        view.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        view.setUniformRowHeights(True)
        view.setAllColumnsShowFocus(True)
        view.expanded.connect(self._unfolded)
        view.activated.connect(lambda _: self._fetch())
        view.selectionModel().selectionChanged.connect(lambda *_: self._fetchable())
        for column, width in enumerate(WIDTHS):
            view.setColumnWidth(column, width)
        return view

    def _flat(self, tip: str, checkable: bool = False) -> QToolButton:
        made = QToolButton()
        made.setObjectName("flat")
        made.setCheckable(checkable)
        made.setToolTip(tip)
        made.setAccessibleName(tip)
        return made

    def _ask(self) -> None:
        if not self.node:
            self.say(NO_NODES)
            return
        try:
            query = self.question.query()
        except PacsError as error:
            self.say(str(error), "bad")
            return
        self.asked.emit(self.node, query)

    def _unfolded(self, index: QModelIndex) -> None:
        study = self.rows.study_at(index)
        if isinstance(study, Study) and self.rows.waits(index):
            self.seriesWanted.emit(self._answered, study)

    def _fetch(self) -> None:
        chosen = self.rows.chosen(self.view.selectionModel().selectedRows())
        if chosen:
            self.fetchWanted.emit(self._answered, chosen)

    def _fetchable(self) -> None:
        self.fetch.setEnabled(bool(self.rows.chosen(self.view.selectionModel().selectedRows())))

    def _reveal(self, shown: bool) -> None:
        for column in WHO:
            self.view.setColumnHidden(column, not shown)
        self.dress(self._theme)

    def _escape(self) -> None:
        """Stops what is asked; when nothing is, the window closes."""
        if self.stop.isVisible():
            self.stopWanted.emit()
        else:
            self.close()
