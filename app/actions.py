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
    """`menu` is where it stands; keys of one letter do not act while text is typed."""

    id: str
    text: str
    keys: tuple[str, ...]
    menu: str
    symbol: str = ""
    rule_before: bool = False
    on_slides: tuple[str, ...] | None = None
    """Its keys while a slide is in the active pane, where letters are the tools that QuPath's users know; None: the same."""


SPECS = (
    Spec("open", "Open files…", ("Ctrl+O",), "File", "mdi6.file-plus-outline"),
    Spec("open-folder", "Open folder…", ("Ctrl+Shift+O",), "File", "mdi6.folder-plus-outline"),
    Spec("demo", "Open the demonstration", (), "File", "mdi6.school-outline"),
    Spec("batch", "Analyse a folder…", ("Ctrl+B",), "File", "mdi6.playlist-check", True),
    Spec("save", "Save report…", ("Ctrl+S",), "File", "mdi6.content-save-outline"),
    Spec("recover", "Open the newest unsaved report", ("Ctrl+U",), "File", "mdi6.file-restore-outline"),
    Spec("load-map", "Load a map over the picture…", ("Ctrl+L",), "File", "mdi6.layers-plus", True),
    Spec("export-map", "Export the chosen heatmap…", ("Ctrl+Shift+L",), "File", "mdi6.layers-search-outline"),
    Spec("deidentify", "De-identify…", ("Ctrl+Alt+D",), "File", "mdi6.incognito"),
    Spec("export-coverage", "Export what has been looked at…", ("Ctrl+Shift+V",), "File", "mdi6.eye-arrow-right-outline"),
    Spec("archives", "PACS: ask and fetch…", ("F6",), "File", "mdi6.database-search-outline", True),
    Spec("send", "Send to PACS…", ("Shift+F6",), "File", "mdi6.database-export-outline"),
    Spec("close", "Close source", ("Ctrl+W",), "File", "mdi6.close"),
    Spec("quit", "Quit", ("Ctrl+Q",), "File", "mdi6.exit-to-app", True),
    Spec("labels", "Labels of the region", ("L",), "Ask", "mdi6.tag-multiple-outline", on_slides=("Alt+L",)),
    Spec("heatmap", "Heatmap of the finding or phrase", ("H",), "Ask", "mdi6.blur"),
    Spec("draft", "Draft a report", ("D",), "Ask", "mdi6.text-box-outline"),
    Spec("question", "Ask a question", ("Q",), "Ask", "mdi6.comment-question-outline"),
    Spec("follow-up", "Follow up on the last answer", ("Alt+Q",), "Ask", "mdi6.comment-arrow-right-outline"),
    Spec("clear-context", "Clear what a follow-up carries", ("Alt+Shift+Q",), "Ask", "mdi6.comment-remove-outline"),
    Spec("condition", "Is there …? A condition, by yes or no", ("Alt+Y",), "Ask", "mdi6.comment-check-outline"),
    Spec("think", "Let the model think before it answers", ("Alt+K",), "Ask", "mdi6.head-cog-outline"),
    Spec("changes", "What became of each finding since the prior", ("Shift+D",), "Ask", "mdi6.compare-horizontal"),
    Spec("question-all", "Ask about the pictures of all panes", ("Shift+Q",), "Ask", "mdi6.comment-multiple-outline"),
    Spec("question-whole", "Ask about the whole series, film or slide", ("Alt+S",), "Ask", "mdi6.comment-processing-outline"),
    Spec(
        "draft-whole",
        "Draft a report of the whole series, film or slide",
        ("Ctrl+Alt+P",),
        "Ask",
        "mdi6.text-box-multiple-outline",
    ),
    Spec(
        "mr-scale", "Whole MR series: by all values, or 0.5 to 99.5 % of them", ("Alt+Shift+M",), "Ask", "mdi6.chart-bell-curve"
    ),
    Spec(
        "fields", "Fields of the whole slide: see and swap what is sent", ("Alt+Shift+S",), "Ask", "mdi6.filmstrip-box-multiple"
    ),
    Spec("field-add", "Send the field in the middle of the view as well", ("Alt+Insert",), "Ask", "mdi6.filmstrip-box"),
    Spec("field-leave-out", "Leave the chosen field out", ("Alt+Delete",), "Ask", "mdi6.filmstrip-off"),
    Spec("ask-record", "Ask about a record…", ("Ctrl+Alt+Q",), "Ask", "mdi6.file-question-outline"),
    Spec("table", "Read the table of the page", ("Ctrl+Alt+T",), "Ask", "mdi6.table-eye"),
    Spec("clear-table", "Clear the table of the page…", (), "Ask", "mdi6.table-remove"),
    Spec("locate", "Box of the finding or phrase", ("B",), "Ask", "mdi6.vector-square", on_slides=("Alt+B",)),
    Spec("cancel", "Stop what is running", ("Escape",), "Ask", "mdi6.stop-circle-outline", True),
    Spec("whole", "Clear the region: take the whole view", ("Backspace",), "Ask", "mdi6.select-off"),
    Spec("clear", "Clear heatmap and boxes", ("Shift+Backspace",), "Ask", "mdi6.eraser"),
    Spec("models", "Models…", ("Ctrl+Alt+O",), "Ask", "mdi6.brain", True),
    Spec("server", "Model server…", ("Ctrl+Alt+E",), "Ask", "mdi6.server-network"),
    Spec("tool-", "Select a region to ask about", ("S",), "Mark", "mdi6.selection"),
    Spec("tool-move", "Move: select, move and change marks", (), "Mark", "mdi6.cursor-default-outline", on_slides=("M",)),
    Spec("tool-points", "Points", (), "Mark", "mdi6.dots-hexagon", on_slides=(".",)),
    Spec("tool-line", "Line, a ruler", (), "Mark", "mdi6.ruler", on_slides=("L",)),
    Spec("tool-polyline", "Line of many corners", (), "Mark", "mdi6.vector-polyline", on_slides=("V",)),
    Spec("tool-rectangle", "Rectangle", (), "Mark", "mdi6.rectangle-outline", on_slides=("R",)),
    Spec("tool-ellipse", "Ellipse", (), "Mark", "mdi6.ellipse-outline", on_slides=("O",)),
    Spec("tool-polygon", "Polygon: click corners or drag freehand", (), "Mark", "mdi6.vector-polygon", on_slides=("P",)),
    Spec("tool-brush", "Brush; Alt erases, [ and ] change its size", (), "Mark", "mdi6.brush", on_slides=("B",)),
    Spec("tool-wand", "Wand: paint what looks alike; Alt erases", (), "Mark", "mdi6.auto-fix", on_slides=("W",)),
    Spec("undo", "Undo", ("Ctrl+Z",), "Mark", "mdi6.undo", True),
    Spec("redo", "Redo", ("Ctrl+Shift+Z", "Ctrl+Y"), "Mark", "mdi6.redo"),
    Spec("delete-marks", "Delete the selected marks", ("Delete",), "Mark", "mdi6.delete-outline"),
    Spec("merge-marks", "Merge the selected areas", ("Ctrl+Alt+J",), "Mark", "mdi6.vector-union"),
    Spec("lock-marks", "Lock or unlock the selected marks", ("Ctrl+Alt+L",), "Mark", "mdi6.lock-outline"),
    Spec("all-marks", "Select all marks", ("Ctrl+A",), "Mark", "mdi6.select-all"),
    Spec("show-marks", "Show or hide all marks", ("Shift+M",), "Mark", "mdi6.eye-outline"),
    Spec("import-marks", "Import marks…", ("Ctrl+I",), "Mark", "mdi6.import", True),
    Spec("export-marks", "Export marks or measurements…", ("Ctrl+E",), "Mark", "mdi6.export"),
    Spec("tissue", "Outline the tissue", (), "Mark", "mdi6.texture-box"),
    Spec("marks", "Marks, classes and measurements", ("Ctrl+Shift+M",), "Mark", "mdi6.format-list-checkbox"),
    Spec("film-length", "Length", ("T",), "Measure", "mdi6.ruler", on_slides=()),
    Spec("film-angle", "Angle: end, vertex, end", ("G",), "Measure", "mdi6.angle-acute", on_slides=()),
    Spec("film-cobb", "Cobb angle: two strokes", ("Y",), "Measure", "mdi6.bone", on_slides=()),
    Spec("film-ellipse roi", "Ellipse with its values", ("O",), "Measure", "mdi6.ellipse-outline", on_slides=()),
    Spec("film-rectangle roi", "Rectangle with its values", ("W",), "Measure", "mdi6.rectangle-outline", on_slides=()),
    Spec("film-freehand roi", "Freehand area with its values", ("N",), "Measure", "mdi6.lasso", on_slides=()),
    Spec("film-probe", "Probe: value and place in the patient", (".",), "Measure", "mdi6.crosshairs-gps", on_slides=()),
    Spec(
        "film-cardiothoracic",
        "Cardiothoracic ratio: the heart, then the inner thorax",
        ("U",),
        "Measure",
        "mdi6.arrow-expand-horizontal",
        on_slides=(),
    ),
    Spec("film-arrow", "Arrow with text", (), "Measure", "mdi6.arrow-top-left", on_slides=()),
    Spec("film-calibration", "Calibrate by a line of known length", ("Ctrl+M",), "Measure", "mdi6.ruler-square", on_slides=()),
    Spec("film-text", "Text beside the selected measurement…", ("F2",), "Measure", "mdi6.form-textbox", True, on_slides=()),
    Spec("accept", "Accept the sentence or row", ("A",), "Report", "mdi6.check"),
    Spec("edit", "Edit the sentence or row", ("E",), "Report", "mdi6.pencil-outline"),
    Spec("refuse", "Refuse the sentence or row", ("X",), "Report", "mdi6.close-circle-outline"),
    Spec("next-sentence", "Next sentence or row", ("J",), "Report", "mdi6.chevron-down"),
    Spec("previous-sentence", "Previous sentence or row", ("K",), "Report", "mdi6.chevron-up"),
    Spec("fit", "Fit to the pane", ("F",), "View", "mdi6.fit-to-page-outline"),
    Spec("one", "One image pixel a screen pixel", ("Ctrl+0",), "View", "mdi6.numeric-1-box-outline"),
    Spec("zoom-in", "Zoom in", ("+", "="), "View", "mdi6.magnify-plus-outline"),
    Spec("zoom-out", "Zoom out", ("-",), "View", "mdi6.magnify-minus-outline"),
    Spec("magnification", "Type a magnification", ("M",), "View", "mdi6.magnify", on_slides=("Alt+M",)),
    Spec("spacing", "Set µm/px…", (), "View", "mdi6.ruler", on_slides=("Ctrl+M",)),
    Spec("again", "Read again what could not be read", ("F5",), "View", "mdi6.refresh"),
    Spec("z-up", "Next plane in z", ("]",), "View", "mdi6.layers-plus"),
    Spec("z-down", "Previous plane in z", ("[",), "View", "mdi6.layers-minus"),
    Spec("channels", "Channels and planes", ("Shift+C",), "View", "mdi6.palette-outline"),
    Spec("invert", "Invert grey levels", ("I",), "View", "mdi6.invert-colors"),
    Spec("reset", "Reset window and view", ("R",), "View", "mdi6.restore", on_slides=("Alt+R",)),
    Spec("overlay", "Show or hide the heatmaps", ("Shift+H",), "View", "mdi6.layers-outline"),
    Spec("legend", "Fold or unfold the heatmap's legend", ("Shift+L",), "View", "mdi6.format-list-bulleted"),
    Spec("layers", "Heatmaps over the picture, as a list", ("Ctrl+Shift+H",), "View", "mdi6.layers-triple-outline"),
    Spec("next", "Next source", ("Ctrl+Down",), "View", "mdi6.arrow-down", True),
    Spec("previous", "Previous source", ("Ctrl+Up",), "View", "mdi6.arrow-up"),
    Spec("panes-1", "One pane", ("Ctrl+1",), "View", "mdi6.square-outline"),
    Spec("panes-2", "Two panes", ("Ctrl+2",), "View", "mdi6.view-split-vertical"),
    Spec("panes-3", "Three panes side by side", ("Ctrl+3",), "View", "mdi6.view-column-outline"),
    Spec("panes-4", "Four panes", ("Ctrl+4",), "View", "mdi6.view-grid-outline"),
    Spec("panes-6", "Six panes (2 × 3)", ("Ctrl+6",), "View", "mdi6.view-module-outline"),
    Spec("panes-9", "Nine panes (3 × 3)", ("Ctrl+9",), "View", "mdi6.grid"),
    Spec("grid", "Rows and columns of panes…", ("Ctrl+G",), "View", "mdi6.view-grid-plus-outline"),
    Spec("turn-right", "Turn the picture 90° clockwise", ("Ctrl+R",), "View", "mdi6.rotate-right", True),
    Spec("turn-left", "Turn the picture 90° anticlockwise", ("Ctrl+Shift+R",), "View", "mdi6.rotate-left"),
    Spec("turn", "Turn the picture to an angle…", ("Ctrl+Alt+R",), "View", "mdi6.angle-acute"),
    Spec("flip", "Flip the picture left to right", ("Ctrl+Shift+F",), "View", "mdi6.flip-horizontal"),
    Spec("next-field", "Next unvisited field of tissue", (), "Slide", "mdi6.arrow-right-box", on_slides=("N",)),
    Spec("fit-window", "Fit the window to the region or frame", ("Shift+A",), "Grey", "mdi6.auto-fix"),
    Spec("next-window", "Next window of the file or modality", ("P",), "Grey", "mdi6.contrast-circle", on_slides=()),
    Spec("windows", "Histogram and windows", ("Shift+W",), "Grey", "mdi6.chart-histogram"),
    Spec("keep-window", "Keep this window…", (), "Grey", "mdi6.content-save-plus-outline"),
    *(Spec(f"window-{n}", f"Window {n}", (str(n),), "Grey", "", n == 1, on_slides=()) for n in range(1, 10)),
    Spec("shutter", "Show or hide the file's shutter", ("Shift+S",), "Grey", "mdi6.camera-iris", True),
    Spec("file-overlays", "Show or hide the file's overlays", ("Shift+O",), "Grey", "mdi6.layers-outline"),
    Spec("check-display", "Check this display…", (), "Grey", "mdi6.monitor-eye", True),
    Spec("previous-field", "Previous unvisited field of tissue", ("Shift+N",), "Slide", "mdi6.arrow-left-box"),
    Spec("coverage", "Show or hide what has been looked at", ("Shift+V",), "Slide", "mdi6.eye-check-outline"),
    Spec("bookmark", "Bookmark this place", ("Ctrl+D",), "Slide", "mdi6.bookmark-plus-outline", True),
    Spec("next-bookmark", "Next bookmark", ("Ctrl+.",), "Slide", "mdi6.bookmark-outline"),
    Spec("previous-bookmark", "Previous bookmark", ("Ctrl+,",), "Slide", "mdi6.bookmark-outline"),
    Spec("bookmarks", "Bookmarks of this slide…", ("Ctrl+Shift+D",), "Slide", "mdi6.bookmark-multiple-outline"),
    Spec(
        "label-macro", "Show the slide's label and macro…", ("Ctrl+Shift+I",), "Slide", "mdi6.card-account-details-outline", True
    ),
    Spec("prior", "Prior beside the film; again: the one before", ("Alt+P",), "Compare", "mdi6.calendar-arrow-left"),
    Spec("flicker", "Flicker between current and prior; hold Z for the prior", ("Alt+F",), "Compare", "mdi6.flip-to-back"),
    Spec("flicker-faster", "Flicker faster", ("Alt+]",), "Compare", "mdi6.speedometer"),
    Spec("flicker-slower", "Flicker slower", ("Alt+[",), "Compare", "mdi6.speedometer-slow"),
    Spec("difference", "Difference of current and prior", ("Alt+D",), "Compare", "mdi6.vector-difference"),
    Spec("align", "Align two films before they are compared", ("Alt+A",), "Compare", "mdi6.vector-combine"),
    Spec("link", "Link the panes", ("Ctrl+J",), "Compare", "mdi6.link-variant", True),
    Spec("unlink", "Unlink the panes", ("Ctrl+Shift+J",), "Compare", "mdi6.link-variant-off"),
    Spec("link-scroll", "Linked films: slices", (), "Compare"),
    Spec("link-zoom", "Linked films: zoom", (), "Compare"),
    Spec("link-pan", "Linked films: place", (), "Compare"),
    Spec("link-window", "Linked films: window", (), "Compare"),
    Spec("hang", "Hang the study; again: by the next rule", ("Alt+H",), "Compare", "mdi6.view-dashboard-outline", True),
    Spec(
        "save-hanging",
        "Save this arrangement for studies of this kind…",
        ("Ctrl+Alt+H",),
        "Compare",
        "mdi6.content-save-cog-outline",
    ),
    Spec("hangings", "Hanging rules…", (), "Compare", "mdi6.format-list-text"),
    Spec("auto-hang", "Studies hang themselves", (), "Compare"),
    Spec("cine", "Play or stop the frames (cine)", ("C",), "Series", "mdi6.play-pause", on_slides=()),
    Spec("cine-all", "Play or stop the frames in all panes", ("Ctrl+Shift+C",), "Series", "mdi6.play-box-multiple-outline"),
    Spec("mpr", "Axial, coronal and sagittal planes (MPR)", ("V",), "Series", "mdi6.axis-arrow", True, on_slides=()),
    Spec("reference-lines", "Show or hide reference lines", ("Shift+X",), "Series", "mdi6.vector-line"),
    Spec("mpr-axes", "Planes along the slices as acquired", (), "Series", "mdi6.layers-outline"),
    Spec("mpr-patient", "Planes along the patient's axes", (), "Series", "mdi6.human"),
    Spec("slab", "Next slab: thin, MIP, MinIP, mean", ("Shift+P",), "Series", "mdi6.arrange-bring-forward", True),
    Spec("slab-thicker", "Thicker slab", ("Ctrl+]",), "Series", "mdi6.arrow-expand-horizontal"),
    Spec("slab-thinner", "Thinner slab", ("Ctrl+[",), "Series", "mdi6.arrow-collapse-horizontal"),
    Spec("trace-speed", "Speed of the trace: 25 or 50 mm/s", ("Ctrl+Alt+S",), "Trace", "mdi6.speedometer"),
    Spec("trace-gain", "Gain of the trace: 5, 10 or 20 mm/mV", ("Ctrl+Alt+G",), "Trace", "mdi6.arrow-expand-vertical"),
    Spec("trace-layout", "Leads 3 × 4 with rhythm, or one below the other", ("Ctrl+Alt+Y",), "Trace", "mdi6.view-grid-outline"),
    Spec("trace-group", "Next group of the waveform", ("Ctrl+Alt+U",), "Trace", "mdi6.heart-pulse"),
    Spec("trace-clear", "Remove all calipers", ("Ctrl+Alt+X",), "Trace", "mdi6.eraser", True),
    Spec("next-key-image", "Next key image", ("Ctrl+PgDown",), "View", "mdi6.key-arrow-right", True),
    Spec("previous-key-image", "Previous key image", ("Ctrl+PgUp",), "View", "mdi6.key-outline"),
    Spec("fold", "Fold the panels away", ("Tab",), "View", "mdi6.dock-window", True),
    Spec("theme", "Light or dark theme", ("Ctrl+T",), "View", "mdi6.theme-light-dark"),
    Spec("find-source", "Search the sources", ("Ctrl+F",), "View", "mdi6.magnify", True),
    Spec("names", "Show or hide patients' names", (), "View", "mdi6.eye-outline"),
    Spec("tags", "Tags of the file…", ("F4",), "View", "mdi6.tag-text-outline"),
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
        _tip(action)
        work = run[spec.id]
        action.triggered.connect(lambda _checked=False, work=work: work())
        parent.addAction(action)
        actions[spec.id] = action
    dress(actions, theme)
    return actions


def suit(actions: Mapping[str, QAction], slide: bool) -> None:
    """The keys for the kind of picture in the active pane."""
    for spec in SPECS:
        if spec.on_slides is not None:
            keys = spec.on_slides if slide else spec.keys
            actions[spec.id].setShortcuts([QKeySequence(key) for key in keys])
            _tip(actions[spec.id])


def _tip(action: QAction) -> None:
    key = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
    action.setToolTip(f"{action.text()} ({key})" if key else action.text())


def dress(actions: Mapping[str, QAction], theme: ThemeName) -> None:
    for spec in SPECS:
        if spec.symbol:
            actions[spec.id].setIcon(icon(spec.symbol, theme))
