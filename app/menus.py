"""The menu bar, made from the table of actions, and the list of recent files in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu, QMenuBar, QWidget

from app import actions


def fill(bar: QMenuBar, by_id: Mapping[str, QAction], recent: QMenu) -> None:
    """`recent` stands in the File menu, above the demonstration."""
    menus: dict[str, QMenu] = {}
    for spec in actions.SPECS:
        if spec.menu not in menus:
            menus[spec.menu] = bar.addMenu(spec.menu)
        if spec.rule_before:
            menus[spec.menu].addSeparator()
        menus[spec.menu].addAction(by_id[spec.id])
    menus["File"].insertMenu(by_id["demo"], recent)


class Recent(QMenu):
    """Files and folders opened lately, newest first."""

    wanted = Signal(object)
    """The path a reader chose."""

    def __init__(self, paths: Sequence[str], parent: QWidget) -> None:
        super().__init__("Recent", parent)
        self.show_paths(paths)

    def show_paths(self, paths: Sequence[str]) -> None:
        self.clear()
        for text in paths:
            self.addAction(text).triggered.connect(partial(self._chosen, Path(text)))
        self.setEnabled(bool(paths))

    def _chosen(self, path: Path, _checked: bool = False) -> None:
        self.wanted.emit(path)
