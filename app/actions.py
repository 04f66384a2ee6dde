"""Every action once: its name, its key, its icon. Menus, the toolbar and the palette are made from this table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QWidget

from app.theme import ThemeName, icon


@dataclass(frozen=True, slots=True)
class Spec:
    """`menu` is where it stands; `plain` keys (one letter) do not act while text is typed."""

    id: str
    text: str
    keys: tuple[str, ...]
    menu: str
    symbol: str = ""
    rule_before: bool = False


SPECS = (
    Spec("open", "Open files…", ("Ctrl+O",), "File", "mdi6.file-plus-outline"),
    Spec("open-folder", "Open folder…", ("Ctrl+Shift+O",), "File", "mdi6.folder-plus-outline"),
    Spec("demo", "Open the demonstration", (), "File", "mdi6.school-outline"),
    Spec("batch", "Analyse a folder…", ("Ctrl+B",), "File", "mdi6.playlist-check", True),
    Spec("save", "Save report…", ("Ctrl+S",), "File", "mdi6.content-save-outline"),
    Spec("recover", "Open the newest unsaved report", ("Ctrl+U",), "File", "mdi6.file-restore-outline"),
    Spec("load-map", "Load a map over the picture…", ("Ctrl+L",), "File", "mdi6.layers-plus", True),
    Spec("export-map", "Export the chosen heatmap…", ("Ctrl+Shift+L",), "File", "mdi6.layers-search-outline"),
    Spec("export-coverage", "Export what has been looked at…", ("Ctrl+Shift+V",), "File", "mdi6.eye-arrow-right-outline"),
    Spec("close", "Close source", ("Ctrl+W",), "File", "mdi6.close"),
    Spec("quit", "Quit", ("Ctrl+Q",), "File", "mdi6.exit-to-app", True),
    Spec("labels", "Labels of the region", ("L",), "Ask", "mdi6.tag-multiple-outline"),
    Spec("heatmap", "Heatmap of the finding or phrase", ("H",), "Ask", "mdi6.blur"),
    Spec("draft", "Draft a report", ("D",), "Ask", "mdi6.text-box-outline"),
    Spec("question", "Ask a question", ("Q",), "Ask", "mdi6.comment-question-outline"),
    Spec("locate", "Box of the finding or phrase", ("B",), "Ask", "mdi6.vector-square"),
    Spec("cancel", "Stop what is running", ("Escape",), "Ask", "mdi6.stop-circle-outline", True),
    Spec("whole", "Clear the region: take the whole view", ("Backspace",), "Ask", "mdi6.select-off"),
    Spec("clear", "Clear heatmap and boxes", ("Shift+Backspace",), "Ask", "mdi6.eraser"),
    Spec("accept", "Accept the sentence", ("A",), "Report", "mdi6.check"),
    Spec("edit", "Edit the sentence", ("E",), "Report", "mdi6.pencil-outline"),
    Spec("refuse", "Refuse the sentence", ("X",), "Report", "mdi6.close-circle-outline"),
    Spec("next-sentence", "Next sentence", ("J",), "Report", "mdi6.chevron-down"),
    Spec("previous-sentence", "Previous sentence", ("K",), "Report", "mdi6.chevron-up"),
    Spec("fit", "Fit to the pane", ("F",), "View", "mdi6.fit-to-page-outline"),
    Spec("one", "One image pixel a screen pixel", ("1",), "View", "mdi6.numeric-1-box-outline"),
    Spec("zoom-in", "Zoom in", ("+", "="), "View", "mdi6.magnify-plus-outline"),
    Spec("zoom-out", "Zoom out", ("-",), "View", "mdi6.magnify-minus-outline"),
    Spec("magnification", "Type a magnification", ("M",), "View", "mdi6.magnify"),
    Spec("spacing", "Set µm/px…", ("Ctrl+M",), "View", "mdi6.ruler"),
    Spec("again", "Read again what could not be read", ("F5",), "View", "mdi6.refresh"),
    Spec("z-up", "Next plane in z", ("]",), "View", "mdi6.layers-plus"),
    Spec("z-down", "Previous plane in z", ("[",), "View", "mdi6.layers-minus"),
    Spec("channels", "Channels and planes", ("Shift+C",), "View", "mdi6.palette-outline"),
    Spec("invert", "Invert grey levels", ("I",), "View", "mdi6.invert-colors"),
    Spec("reset", "Reset window and view", ("R",), "View", "mdi6.restore"),
    Spec("overlay", "Show or hide the heatmaps", ("Shift+H",), "View", "mdi6.layers-outline"),
    Spec("legend", "Fold or unfold the heatmap's legend", ("Shift+L",), "View", "mdi6.format-list-bulleted"),
    Spec("layers", "Heatmaps over the picture, as a list", ("Ctrl+Shift+H",), "View", "mdi6.layers-triple-outline"),
    Spec("next", "Next source", ("Ctrl+Down",), "View", "mdi6.arrow-down", True),
    Spec("previous", "Previous source", ("Ctrl+Up",), "View", "mdi6.arrow-up"),
    Spec("panes-1", "One pane", ("Ctrl+1",), "View", "mdi6.square-outline"),
    Spec("panes-2", "Two panes", ("Ctrl+2",), "View", "mdi6.view-split-vertical"),
    Spec("panes-4", "Four panes", ("Ctrl+4",), "View", "mdi6.view-grid-outline"),
    Spec("next-field", "Next unvisited field of tissue", ("N",), "View", "mdi6.arrow-right-box", True),
    Spec("previous-field", "Previous unvisited field of tissue", ("Shift+N",), "View", "mdi6.arrow-left-box"),
    Spec("coverage", "Show or hide what has been looked at", ("Shift+V",), "View", "mdi6.eye-check-outline"),
    Spec("bookmark", "Bookmark this place", ("Ctrl+D",), "View", "mdi6.bookmark-plus-outline", True),
    Spec("next-bookmark", "Next bookmark", ("Ctrl+.",), "View", "mdi6.bookmark-outline"),
    Spec("previous-bookmark", "Previous bookmark", ("Ctrl+,",), "View", "mdi6.bookmark-outline"),
    Spec("bookmarks", "Bookmarks of this slide…", ("Ctrl+Shift+D",), "View", "mdi6.bookmark-multiple-outline"),
    Spec("link", "Link the panes", ("Ctrl+J",), "View", "mdi6.link-variant", True),
    Spec("unlink", "Unlink the panes", ("Ctrl+Shift+J",), "View", "mdi6.link-variant-off"),
    Spec("label-macro", "Show the slide's label and macro…", ("Ctrl+I",), "View", "mdi6.card-account-details-outline", True),
    Spec("fold", "Fold the panels away", ("Tab",), "View", "mdi6.dock-window", True),
    Spec("theme", "Light or dark theme", ("Ctrl+T",), "View", "mdi6.theme-light-dark"),
    Spec("palette", "Find an action", ("Ctrl+K",), "View", "mdi6.keyboard-outline"),
)


def make(parent: QWidget, theme: ThemeName, run: Mapping[str, Callable[[], object]]) -> dict[str, QAction]:
    """One QAction per line of the table, added to `parent`; `run` says what each id does."""
    actions = {}
    for spec in SPECS:
        action = QAction(spec.text, parent)
        action.setObjectName(spec.id)
        action.setShortcuts([QKeySequence(key) for key in spec.keys])
        action.setShortcutContext(Qt.ShortcutContext.WindowShortcut)
        if spec.keys:
            action.setToolTip(f"{spec.text} ({QKeySequence(spec.keys[0]).toString(QKeySequence.SequenceFormat.NativeText)})")
        work = run[spec.id]
        action.triggered.connect(lambda _checked=False, work=work: work())
        parent.addAction(action)
        actions[spec.id] = action
    dress(actions, theme)
    return actions


def dress(actions: Mapping[str, QAction], theme: ThemeName) -> None:
    for spec in SPECS:
        if spec.symbol:
            actions[spec.id].setIcon(icon(spec.symbol, theme))
