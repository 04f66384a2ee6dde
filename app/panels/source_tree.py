"""The sources as a tree: patient, study, what can be opened; slides, plain pictures and bad files are lines of their own."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from PySide6.QtCore import QMimeData, QModelIndex, QPersistentModelIndex, QSize, QSortFilterProxyModel, Qt
from PySide6.QtGui import QStandardItem, QStandardItemModel

from app.panes import PATH_MIME
from app.placing import UNDATED, Card, newest_first, patient_words
from viewers.sources.who import Who
from viewers.thumbnail import Thumbnail

ROW, PATIENT_ROW, STUDY_ROW = 64, 34, 28
PICTURE = 48
Index = QModelIndex | QPersistentModelIndex
_HELD = Qt.ItemDataRole.UserRole
_SORT, SEARCH, SEARCH_NAMED = _HELD + 1, _HELD + 2, _HELD + 3


@dataclass(slots=True, eq=False)
class Item:
    """One source: `line` is what it is, `problem` why it cannot be shown."""

    path: Path
    card: Card
    node: QStandardItem
    line: str = ""
    problem: str = ""
    picture: Thumbnail | None = None
    group: Group | None = None

    @property
    def tip(self) -> str:
        """For a tool tip, which takes marked-up text."""
        return f"<qt>{escape(self.path.name)}<br>{escape(self.problem or self.line)}</qt>"


@dataclass(slots=True, eq=False)
class Group:
    """A patient or, with `above`, a study of one."""

    key: str
    node: QStandardItem
    alias: str
    above: Group | None = None
    who: Who | None = None
    kinds: set[str] = field(default_factory=set)
    date: str = ""
    named: bool = False

    @property
    def words(self) -> str:
        if self.above is None:
            return patient_words(self.who) if self.named else self.alias
        said = self.who.study if self.who is not None else ""
        return " · ".join(filter(None, (self.date or UNDATED, "/".join(sorted(filter(None, self.kinds))), said)))

    @property
    def tip(self) -> str:
        return f"<qt>{escape(self.words)}</qt>"

    @property
    def count(self) -> str:
        rows = self.node.rowCount()
        return f"{rows} studies" if self.above is None and rows > 1 else ""


class Sources(QStandardItemModel):
    """Each path once. Patients are called by an alias until `reveal`."""

    def __init__(self) -> None:
        super().__init__()
        self._items: dict[Path, Item] = {}
        self._groups: dict[tuple[str, str], Group] = {}
        self._patients = self._arrivals = 0
        self._kinds: Counter[str] = Counter()
        self._named = False

    def items(self) -> list[Item]:
        """In the order they were opened."""
        return list(self._items.values())

    def __len__(self) -> int:
        return len(self._items)

    def item_of(self, path: Path) -> Item | None:
        return self._items.get(path)

    def index_of(self, path: Path) -> QModelIndex:
        item = self._items.get(path)
        return item.node.index() if item is not None else QModelIndex()

    def kinds(self) -> list[str]:
        """Modalities there are."""
        return sorted(kind for kind, count in self._kinds.items() if kind and count > 0)

    @property
    def grouped(self) -> bool:
        """Whether there is any patient."""
        return bool(self._groups)

    def add(self, cards: Iterable[Card], problems: Mapping[Path, str] | None = None) -> list[Item]:
        """Those that were not there yet; they are in now. `problems` says of some why they cannot be shown."""
        new: dict[Path, Card] = {}
        for card in cards:
            if card.path not in self._items:
                new.setdefault(card.path, card)
        places: dict[int, tuple[QStandardItem, list[QStandardItem]]] = {}
        for path, card in new.items():
            node = QStandardItem()
            node.setEditable(False)
            item = self._items[path] = Item(path, card, node, problem=(problems or {}).get(path, ""))
            self._arrivals += 1
            self._kinds[card.modality] += 1
            node.setData(f"1{self._arrivals:010d}", _SORT)
            parent = self._parent(item)
            self._dress(item)
            places.setdefault(id(parent), (parent, []))[1].append(node)
        for parent, nodes in places.values():
            parent.appendRows(nodes)
        return [self._items[path] for path in new]

    def file(self, card: Card) -> None:
        """More is known of a source that is there: it goes where it belongs."""
        item = self._items[card.path]
        stays = (card.patient, card.study) == (item.card.patient, item.card.study)
        self._kinds[item.card.modality] -= 1
        self._kinds[card.modality] += 1
        item.card = card
        if not stays:
            self._take(item)
            self._parent(item).appendRow(item.node)
        elif item.group is not None and card.modality not in item.group.kinds:
            item.group.kinds.add(card.modality)
            self._dress_group(item.group)
        self._dress(item)

    def describe(self, path: Path, line: str, picture: Thumbnail | None) -> None:
        if item := self._items.get(path):
            item.line, item.problem, item.picture = line, "", picture or item.picture
            self._dress(item)

    def fail(self, path: Path, sentence: str) -> None:
        if item := self._items.get(path):
            item.problem = sentence
            self._dress(item)

    def remove(self, path: Path) -> None:
        if item := self._items.pop(path, None):
            self._kinds[item.card.modality] -= 1
            self._take(item)

    def reveal(self, named: bool) -> None:
        """Show patients by their names, or by their aliases again."""
        self._named = named
        for group in self._groups.values():
            group.named = named
            self._dress_group(group)

    def _parent(self, item: Item) -> QStandardItem:
        """Where it belongs; patient and study are made where they are missing."""
        card = item.card
        if not card.patient:
            item.group = None
            return self.invisibleRootItem()
        patient = self._groups.get((card.patient, ""))
        if patient is None:
            self._patients += 1
            patient = self._group(card.patient, f"Patient {self._patients}", None, card)
            self.invisibleRootItem().appendRow(patient.node)
        study = self._groups.get((card.patient, card.study or "-"))
        if study is None:
            study = self._group(card.study or "-", patient.alias, patient, card)
            patient.node.appendRow(study.node)
        item.group = study
        if card.modality not in study.kinds:
            study.kinds.add(card.modality)
            self._dress_group(study)
        item.node.setData(card.order, _SORT)
        return study.node

    def _group(self, key: str, alias: str, above: Group | None, card: Card) -> Group:
        node = QStandardItem()
        node.setEditable(False)
        node.setDragEnabled(False)
        group = Group(key, node, alias, above, card.who, named=self._named)
        group.date = card.facts.study_date if card.facts is not None else ""
        node.setData(group, _HELD)
        node.setData(QSize(120, PATIENT_ROW if above is None else STUDY_ROW), Qt.ItemDataRole.SizeHintRole)
        self._groups[(key, "") if above is None else (above.key, key)] = group
        node.setData(("0" if above is None else "") + newest_first(card.when) + key, _SORT)
        if above is not None:
            older = newest_first(card.when)
            if "0" + older + above.key < str(above.node.data(_SORT)):
                above.node.setData("0" + older + above.key, _SORT)  # a patient stands where their newest study does
        self._dress_group(group)
        return group

    def _dress_group(self, group: Group) -> None:
        group.node.setText(group.words)

    def _dress(self, item: Item) -> None:
        """Words for the eye, the ear and the search."""
        node, card = item.node, item.card
        words = item.problem or item.line
        if node.data(_HELD) is not item:
            node.setData(item, _HELD)
        node.setText(card.title)
        node.setData(f"{card.title}: {words}", Qt.ItemDataRole.AccessibleTextRole)
        if not item.problem:
            node.setData(QSize(120, ROW), Qt.ItemDataRole.SizeHintRole)
        alias = item.group.alias if item.group is not None else ""
        node.setData(card.searched(alias, False), SEARCH)
        node.setData(card.searched(alias, True), SEARCH_NAMED)

    def _take(self, item: Item) -> None:
        """Out of the tree, and the study and patient that are empty then too."""
        parent, group = item.node.parent() or self.invisibleRootItem(), item.group
        parent.takeRow(item.node.row())
        item.group = None
        while group is not None and group.node.rowCount() == 0:
            above = group.above
            (group.node.parent() or self.invisibleRootItem()).takeRow(group.node.row())
            self._groups.pop((group.key, "") if above is None else (above.key, group.key), None)
            group = above


class Found(QSortFilterProxyModel):
    """The tree in order, and of it what is searched for."""

    def __init__(self, model: Sources) -> None:
        super().__init__()
        self.setSourceModel(model)
        self.setSortRole(_SORT)
        self.setFilterRole(SEARCH)
        self.setRecursiveFilteringEnabled(True)
        self.setDynamicSortFilter(True)
        self.sort(0)

    def mimeTypes(self) -> list[str]:
        return [PATH_MIME]

    def mimeData(self, indexes: Sequence[QModelIndex]) -> QMimeData:
        data = QMimeData()
        held = next((one for index in indexes if isinstance(one := held_by(index), Item)), None)
        if held is not None:
            data.setData(PATH_MIME, os.fsencode(held.path))
        return data


def held_by(index: Index) -> Item | Group | None:
    found = index.data(_HELD) if index.isValid() else None
    return found if isinstance(found, Item | Group) else None
