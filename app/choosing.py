"""Where an export goes and in which form, as a person chooses it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from PySide6.QtWidgets import QFileDialog, QWidget


def chosen_file(window: QWidget, title: str, stem: str, forms: Mapping[str, str]) -> tuple[Path, str] | None:
    """The file, and which of `forms` (words of the dialog → ending) was chosen; None where nothing was.

    `stem` is proposed without an ending, so that the chosen form decides; an ending typed by hand wins where it is one of theirs.
    """
    name, form = QFileDialog.getSaveFileName(window, title, stem.replace(".", "-"), ";;".join(forms))
    if not name:
        return None
    file, form = Path(name), form if form in forms else next(iter(forms))
    return (file if file.suffix.lower() in forms.values() else file.with_name(file.name + forms[form])), form
