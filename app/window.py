"""The window: browser, panes, panels and status line put together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt, QTimer
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QApplication, QMainWindow, QMessageBox, QVBoxLayout, QWidget

from app import actions, endpoints, menus, settings, theme
from app.acts import Acts
from app.analysis import AnyEngine
from app.answering import Answering
from app.asking import Asking
from app.batch import Settings as BatchSettings
from app.fielding import Fielding
from app.filing import Filing
from app.film_marking import FilmMarking
from app.greying import Greying
from app.jobs import Batch
from app.layering import Layering
from app.looking import Looking
from app.marking import Marking
from app.menus import Recent
from app.modelling import Modelling
from app.palette import Palette
from app.panels.browser import Browser
from app.panels.side import Side
from app.panels.status import StatusLine
from app.panels.unsaved import UnsavedStrip
from app.panes import Pane, Panes
from app.playing import Playing
from app.presenting import Presenting
from app.reading import Reading
from app.record_questions import RecordQuestions
from app.recovery import Recovery
from app.referencing import Referencing
from app.reformatting import Reformatting
from app.serving import Serving
from app.settings import Settings
from app.shelf import Shelf
from app.split import Split
from app.table_keeping import TableKeeping
from app.tag_browsing import TagBrowsing
from app.toolbar import Toolbar
from app.tracing import Tracing
from app.viewports import Viewports
from inference.answers import EngineState
from inference.endpoint_address import Endpoint
from inference.engine import EngineSpec
from inference.host import EngineProcess
from inference.questions import Modality
from inference.worker import Worker
from viewers.mpr import PlaceInPatient
from viewers.overlay import HeatmapLayer
from viewers.words import Pointed

if TYPE_CHECKING:
    from app.archiving import Archiving
    from app.deidentifying import Deidentifying

WARM_MS = 150
"""After the window is drawn, before the engine process is started."""
TAILS = 0.5
"""Percent of the values of an MR series left out at either end, where the reader wants that."""


class Window(QMainWindow):
    def __init__(self, chosen: Settings, spec: EngineSpec | None = None) -> None:
        super().__init__()
        self.settings = chosen
        self.setWindowTitle("Hilum · draft, not for diagnostic use")
        self.setAcceptDrops(True)
        self.resize(QSize(1480, 900).boundedTo(self.screen().availableSize()))
        self.spec = spec or chosen.spec()
        self.serving = Serving(self, lambda: self.settings)
        self.modelling = Modelling(self, lambda: self.settings)
        self.worker = Worker(self.spec, engine=self._engine_for)
        self.worker.set_idle(60.0 * chosen.unload_min)
        self.browser = Browser(chosen.theme)
        self.panes = Panes()
        self.side = Side()
        self.status = StatusLine(chosen.theme)
        self.shelf = Shelf(self.browser, self.panes, chosen.encoder, chosen.recipe, self)
        self.answering = Answering(self.worker, self.panes, self.shelf, self.side, self)
        self.asking = Asking(self.answering, self.panes, self.shelf, self.side, self)
        self.answering.opacity, self.asking.tails = chosen.opacity, chosen.mr_tails
        self.batch = Batch(self.worker, self.asking.session, self)
        self.recovery = Recovery(self.asking.session, UnsavedStrip(), self, self.shelf.regained_by)
        self.side.report.column.insertWidget(0, self.recovery.strip)
        self.filing = Filing(self, self.side, self.answering, self.recovery)
        self.tables = TableKeeping(self, self.side.table, self.answering)
        self.records = RecordQuestions(self, self.worker, self.asking.session)
        self.fielding = Fielding(self.panes, self.worker, self.asking, self.shelf, lambda: self.spec.recipe)
        self.layering = Layering(self, self.panes, self.side.layers)
        self.greying = Greying(self, self.panes, self.side.window_panel)
        self.marking = Marking(self, self.panes, self.side.marks)
        self.film_marking = FilmMarking(self, self.panes, self.side.films, self.marking)
        self.viewports = Viewports(self.panes, chosen.viewport)
        self.looking = Looking(self, self.panes)
        self.looking.bookmarking.keep = self.marking.keep_bookmarks
        self.marking.bookmarksRead.connect(self.looking.bookmarking.put_back)
        self.marking.bookmarksShared.connect(self.looking.bookmarking.share)
        self.reading = Reading(self, self.panes, self.shelf, self.looking.linking, chosen.auto_hang)
        self.reformatting, self.playing = Reformatting(self.panes), Playing(self.panes)
        self.referencing = Referencing(self.panes)
        self.tag_browsing = TagBrowsing(self, self.panes, self.shelf, chosen.theme)
        self.presenting = Presenting(self, self.panes, self.side.others, self.shelf)
        self.tracing = Tracing(self.panes)
        self.acts = Acts(self, self.browser, self.panes, self.side, self.asking)
        self.actions_by_id = actions.make(self, chosen.theme, self._work())
        self.side.marks.offer_tools(self.actions_by_id)
        self.reading.offer(self.actions_by_id)
        self.side.films.offer_tools(self.actions_by_id)
        self._handing = False
        self._lay_out()
        self.recent = Recent(chosen.recent, self)
        menus.fill(self.menuBar(), self.actions_by_id, self.recent)
        self._connect()
        self.panes.arrange(chosen.arranged)
        # Tab folds while the picture has the keyboard; in the panels it goes from field to field.
        self.removeAction(self.actions_by_id["fold"])
        self.panes.addAction(self.actions_by_id["fold"])
        self.actions_by_id["fold"].setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        self.engine_timer = QTimer(self, singleShot=True, interval=WARM_MS)
        self.engine_timer.timeout.connect(self._start_engine)
        QTimer.singleShot(WARM_MS, self, self.recovery.look)

    @cached_property
    def archiving(self) -> Archiving:
        """Made and imported when first asked for, as `deidentifying`: the window is there sooner."""
        from app.archiving import Archiving

        made = Archiving(self, self.shelf, self.settings.theme, lambda: self.panes.pane.path)
        made.noted.connect(self.status.show_note)
        return made

    @cached_property
    def deidentifying(self) -> Deidentifying:
        from app.deidentifying import Deidentifying

        made = Deidentifying(self, self.panes)
        made.noted.connect(self.status.show_note)
        return made

    def _has(self, part: str) -> bool:
        """Whether it was asked for."""
        return part in vars(self)

    def restore(self) -> None:
        """The sources of the last session."""
        paths = [Path(path) for path in self.settings.open]
        if paths:
            self.shelf.open_paths(paths, Path(self.settings.shown) if self.settings.shown else None)

    def open_paths(self, paths: Sequence[Path]) -> None:
        self.shelf.open_paths(paths)
        for path in paths:
            self.settings = self.settings.with_recent(path.absolute())
        self.recent.show_paths(self.settings.recent)

    def _lay_out(self) -> None:
        middle = QWidget()
        over = QVBoxLayout(middle)
        over.setContentsMargins(0, 0, 0, 0)
        over.setSpacing(0)
        self.toolbar = Toolbar(self.actions_by_id, self.settings.theme)
        over.addWidget(self.toolbar)
        over.addWidget(self.panes, 1)
        self.split = Split(self.browser, middle, self.side, (self.settings.browser_px, self.settings.side_px))
        self.split.widthsChosen.connect(self._widths_chosen)
        ground = QWidget()
        ground.setObjectName("ground")
        layout = QVBoxLayout(ground)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.split, 1)
        self.setCentralWidget(ground)
        self.statusBar().setSizeGripEnabled(False)
        self.statusBar().addWidget(self.status, 1)

    def _widths_chosen(self, browser: int, side: int) -> None:
        self.settings = replace(self.settings, browser_px=browser, side_px=side)

    def _connect(self) -> None:
        self.browser.openWanted.connect(self.filing.open_files)
        self.browser.folderWanted.connect(self.filing.open_folder)
        self.browser.viewWanted.connect(self._to_picture)
        self.recent.wanted.connect(lambda path: self.open_paths([path]))
        self.filing.pathsChosen.connect(self.open_paths)
        self.filing.progressed.connect(self.status.show_job)
        self.filing.noted.connect(self.status.show_note)
        self.filing.batchChosen.connect(self._start_batch)
        self.recovery.opening.connect(self.side.report.settle)
        self.recovery.opened.connect(self._recovered)
        # The panels never show one source's findings while another is being opened in the pane.
        self.browser.chosen.connect(self.reading.hanging.chosen)
        self.browser.chosen.connect(lambda _: self._pane_changed())
        self.panes.activated.connect(lambda _: self._pane_changed())
        self.panes.viewMade.connect(self._view_made)
        self.shelf.shown.connect(lambda *_: self.tag_browsing.attend())
        self.shelf.shown.connect(lambda _path, number: self._shown(number))
        self.shelf.known.connect(lambda _: self._offer())
        self.shelf.failed.connect(self.asking.drop_pending)
        self.side.report.draftWanted.connect(self.asking.draft)
        for panel in (self.side.report, self.side.ask):
            panel.frameWanted.connect(self._to_frame)
        self.side.labels.labelsWanted.connect(self.asking.labels)
        self.side.labels.heatmapWanted.connect(self.asking.heatmap)
        self.side.labels.opacityChanged.connect(self._set_opacity)
        self.side.labels.thresholdChanged.connect(self._set_threshold)
        self.side.layers.edited.connect(self._layer_edited)
        self.layering.noted.connect(self.status.show_note)
        self.marking.noted.connect(self.status.show_note)
        self.marking.marksShown.connect(lambda pane: self.marking.attend() if pane.number == self.panes.active else None)
        self.film_marking.noted.connect(self.status.show_note)
        self.film_marking.openWanted.connect(self.browser.select)
        self.looking.noted.connect(self.status.show_note)
        self.reading.noted.connect(self.status.show_note)
        self.reading.hanging.arranged.connect(self._pane_changed)
        self.presenting.noted.connect(self.status.show_note)
        self.presenting.offered.connect(self.side.offer_others)
        self.shelf.attachedChosen.connect(lambda _: self.side.front(self.side.others))
        self.greying.noted.connect(self.status.show_note)
        self.side.window_panel.wanted.connect(lambda _: self.greying.name(self.actions_by_id))
        self.reformatting.noted.connect(self.status.show_note)
        self.playing.noted.connect(self.status.show_note)
        self.referencing.noted.connect(self.status.show_note)
        self.serving.chosen.connect(self._serve)
        self.modelling.chosen.connect(self.use)
        self.modelling.predicted.connect(self.status.show_predicted)
        self.tracing.noted.connect(self.status.show_note)
        self.fielding.noted.connect(self.status.show_note)
        self.fielding.draftWanted.connect(lambda: self.actions_by_id["draft-whole"].trigger())
        self.reformatting.pointed.connect(self._pointer)
        self.side.ask.asked.connect(self.asking.question)
        self.side.ask.ready.kindSaid.connect(self._kind_said)
        self.side.table.readWanted.connect(self.asking.table)
        self.answering.sheetRead.connect(self.tables.take)
        self.tables.noted.connect(self.status.show_note)
        self.side.labels.opacity.setValue(round(self.settings.opacity * 100))
        self.asking.progressed.connect(self.status.show_work)
        self.worker.state.connect(self._engine_state)
        self.batch.progressed.connect(self.status.show_job)
        self.status.stopWanted.connect(self.asking.cancel)
        self.status.jobStopWanted.connect(self.batch.stop)

    def _work(self) -> dict[str, Callable[[], object]]:
        """What each action of the table does; those on a picture and its answers are in `Acts`."""
        work: dict[str, Callable[[], object]] = {
            "open": self.filing.open_files,
            "open-folder": self.filing.open_folder,
            "demo": self.open_demo,
            "batch": self.filing.choose_batch,
            "load-map": partial(self.acts.in_front, self.side.layers, self.layering.choose_load),
            "export-map": partial(self.acts.in_front, self.side.layers, self.layering.choose_export),
            "save": self.filing.save_report,
            "recover": self.recovery.open_newest,
            "close": self.close_current,
            "quit": self.close,
            **self.acts.by_id(),
            "import-marks": partial(self._on_slide, self.marking.choose_import),
            "export-marks": self._export_marks,
            **self.film_marking.by_id(),
            "tissue": partial(self._on_slide, self.marking.outline_tissue),
            **self.looking.by_id(),
            **self.reading.by_id(),
            **self.presenting.by_id(),
            **self.greying.by_id(),
            "windows": self.side.show_window,
            **self.reformatting.by_id(),
            **self.playing.by_id(),
            **self.referencing.by_id(),
            **self.tag_browsing.by_id(),
            "archives": lambda: self.archiving.show(),
            "send": lambda: self.archiving.choose_send(),
            "deidentify": lambda: self.deidentifying.ask(),
            **self.serving.by_id(),
            **self.modelling.by_id(),
            **self.records.by_id(),
            **self.fielding.by_id(),
            **self.tables.by_id(),
            **self.tracing.by_id(),
            "cancel": self._escape,
            "fold": self._fold,
            "theme": self._toggle_theme,
            "mr-scale": self._toggle_mr_scale,
            "palette": self._palette,
            "find-source": self.browser.search_now,
            "names": self.browser.toggle_names,
        }
        return self.tracing.over(self.playing.over(self.reformatting.over(work)))

    def _escape(self) -> None:
        parts = self.looking, self.reading, self.reformatting, self.fielding
        if not (any(part.give_up() for part in parts) or self.acts.hand_gives_up()):
            self.acts.escape()

    def open_demo(self) -> None:
        self.filing.make_demo()

    def close_current(self) -> None:
        path = self.browser.current()
        if path is not None and self._may_close(path):
            self.side.report.settle()
            self.recovery.set_aside(path)
            self.asking.forget(path)
            self.tables.forget(path)
            self.layering.forget(path)
            self.fielding.forget(path)
            self.marking.forget(path)
            self.looking.forget(path)
            self.reading.forget(path)
            self.reformatting.forget(path)
            self.shelf.close_path(path)
            self._pane_changed()

    def _kind_said(self, kind: Modality) -> None:
        """The reader corrects what the picture in the active pane was taken for."""
        if self.panes.pane.path is not None:
            self.shelf.say_kind(self.panes.pane.path, kind)

    def _to_frame(self, frame: int) -> None:
        """An image that words about the source in the active pane name."""
        pane = self.panes.pane
        if self.shelf.stands(pane):
            pane.view.set_frame(frame)

    def _recovered(self, path: Path, root: Path | None) -> None:
        self.side.front(self.side.report)
        self.shelf.open_paths([root or path], path)
        self.answering.show_findings(self.panes.pane)

    def _set_opacity(self, value: float) -> None:
        self.answering.opacity = value
        self.settings = replace(self.settings, opacity=value)
        for pane in self.panes.panes:
            pane.view.overlay.opacity = value
            pane.view.update()

    def _on_slide(self, work: Callable[[], object]) -> None:
        """With the panel of a slide's marks in front; films have another one."""
        if self.film_marking.view is None:
            self.acts.in_front(self.side.marks, work)
        else:
            self.status.show_note("this is for slides")

    def _export_marks(self) -> None:
        self.side.show_marks()
        (self.marking if self.film_marking.view is None else self.film_marking).choose_export()

    def _suit(self) -> None:
        """Keys and marks of the kind of picture in the active pane."""
        actions.suit(self.actions_by_id, self.marking.view is not None)
        self.side.marks.dress(self.actions_by_id)
        self.side.films.dress(self.actions_by_id)
        self.side.suit(self.film_marking.view is not None)
        self.film_marking.attend()
        self.toolbar.name_keys()
        self.marking.attend()

    def _layer_edited(self, layer: HeatmapLayer) -> None:
        """The Labels panel's sliders go with what was set in the list of layers."""
        if layer is self.panes.view.overlay:
            self.side.labels.show_threshold(layer.threshold)

    def _set_threshold(self, value: float) -> None:
        self.panes.view.overlay.threshold = value
        self.panes.view.update()

    def _fold(self) -> None:
        folded = self.side.isVisible()
        self.side.setVisible(not folded)
        self.browser.setVisible(not folded)

    def _to_picture(self) -> None:
        """The keyboard goes to the picture, once it is there."""
        self.panes.view.setFocus()
        self._handing = not self.shelf.stands(self.panes.pane)

    def _toggle_mr_scale(self) -> None:
        """Against one hot pixel that darkens all."""
        tails = 0.0 if self.settings.mr_tails else TAILS
        self.settings = replace(self.settings, mr_tails=tails)
        self.asking.tails = tails
        ends = (
            f"{tails:g} to {100 - tails:g} % of the values"
            if tails
            else "the least to the greatest value, as models were trained"
        )
        self.status.show_note(f"whole MR series go to a model in grey from {ends}")

    def _toggle_theme(self) -> None:
        name: theme.ThemeName = "light" if self.settings.theme == "dark" else "dark"
        self.settings = replace(self.settings, theme=name)
        application = QApplication.instance()
        if isinstance(application, QApplication):
            theme.apply(application, name)
        actions.dress(self.actions_by_id, name)
        self.side.marks.dress(self.actions_by_id)
        self.side.films.dress(self.actions_by_id)
        self.browser.dress(name)
        self.tag_browsing.dress(name)
        self.modelling.dress(name)
        if self._has("archiving"):
            self.archiving.dress(name)
        self.toolbar.dress(name)
        self.status.dress(name)

    def _palette(self) -> None:
        palette = Palette(list(self.actions_by_id.values()), self)
        palette.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        palette.show_over(self)

    def _view_made(self, pane: Pane) -> None:
        pane.view.pointerMoved.connect(self._pointer)
        self.side.channels.follow(self.panes.view)
        self.side.window_panel.follow(self.panes.view)

    def _pointer(self, place: Pointed | PlaceInPatient | None) -> None:
        self.status.pointer.setText("" if place is None else str(place))

    def _shown(self, number: int) -> None:
        if (path := self.panes.panes[number].standing) is not None:
            self.tables.shown(path)
        self.answering.show_findings(self.panes.panes[number])
        self.layering.shown(self.panes.panes[number])
        self.presenting.attend()
        self.marking.shown(self.panes.panes[number])
        if number == self.panes.active:
            if self._handing:
                self._to_picture()
            self._suit()
            self._offer()

    def _pane_changed(self) -> None:
        self.side.channels.follow(self.panes.view)
        self.side.window_panel.follow(self.panes.view)
        if self.panes.pane.path is not None:
            self.browser.select(self.panes.pane.path)
        self.side.labels.leave()
        self.layering.attend()
        self._suit()
        self.answering.show_findings(self.panes.pane)
        self._offer()

    def _offer(self) -> None:
        """Label sets, findings, priors and facts of the source in the active pane; then what waited for them."""
        path = self.panes.pane.path
        described = self.shelf.describes(path) if path is not None else None
        self.side.details.show_source(described.info if described is not None else {})
        if described is None or path is None:
            self.side.report.offer_priors([])
            self.side.ask.ready.offer(None, False, ())
            return
        self.side.ask.bar.offer_thinking(described.offer.thinking)
        self.side.report.think.setVisible(described.offer.thinking > 0)
        said = self.shelf.opener.said(path) is not None
        self.side.ask.ready.offer(described.modality, described.guessed, described.offer.ready, said)
        self.side.labels.offer(described.modality, tuple(described.offer.sets), described.offer.phrases)
        priors = self.shelf.priors(path) if described.modality == "cxr" else []
        self.side.report.offer_priors([(prior.path, f"{prior.path.name}, {prior.words}") for prior in priors])
        self.asking.ask_pending()

    def _engine_for(self, spec: EngineSpec) -> AnyEngine:
        return endpoints.engine(spec, EngineProcess, self.serving.key(spec.endpoint))

    def _serve(self, endpoint: Endpoint | None) -> None:
        """Another server writes from the next question on, or this machine's drafter again."""
        self.use(replace(self.settings, endpoint=endpoint))

    def use(self, chosen: Settings) -> None:
        """Other models from the next question on; what is running is finished first."""
        self.settings = chosen
        self.spec = chosen.spec(self.spec)
        self.worker.set_idle(60.0 * chosen.unload_min)
        self.worker.set_spec(self.spec)
        self.shelf.ask_others(chosen.encoder, chosen.recipe)
        self.modelling.foretell()

    def _start_engine(self) -> None:
        """Once the window stands: the first question then finds the engine running."""
        self.viewports.decide()
        self.status.show_engine_word("starting the engine …")
        self.worker.submit(self.asking.session.ticket(), _start, priority=2)

    def _start_batch(self, folder: Path, out: Path, chosen: BatchSettings) -> None:
        """By the models that the window asks too."""
        own = self.settings
        chosen = replace(chosen, encoder=own.encoder, drafter=own.drafter, quantisation=own.quantisation, device=own.device)
        self.batch.start(folder, out, replace(chosen, endpoint=own.endpoint, adapter=self.spec.adapter))

    def _engine_state(self, state: EngineState) -> None:
        self.status.show_engine(state)
        self.modelling.foretell()  # not while the engine starts: both would wait for each other

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        paths = [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
        if paths:
            self.open_paths(paths)
            event.acceptProposedAction()

    def _may_close(self, path: Path | None = None) -> bool:
        """Not while marks would be lost, unless the reader says so; of one slide or of all."""
        lost = self.marking.unsaved(path)
        if not lost:
            return True
        what = "\n".join(f"{name}: {why}" for name, why in lost.items())
        question = (
            f"The last marks on these pictures are not on disk:\n\n{what}\n\nMake room and they are written. Close without them?"
        )
        buttons = QMessageBox.StandardButton.Discard | QMessageBox.StandardButton.Cancel
        return QMessageBox.warning(self, "Marks not written", question, buttons) == QMessageBox.StandardButton.Discard

    def closeEvent(self, event: QCloseEvent) -> None:
        if not self._may_close():
            event.ignore()
            return
        keep_out: Callable[[list[str]], Sequence[str]] = self.archiving.keep_out if self._has("archiving") else tuple
        self.settings = replace(
            self.settings,
            open=tuple(keep_out([str(path) for path in self.shelf.roots()])),
            shown="".join(keep_out([str(self.panes.pane.path or "")])),
            grid=str(self.reading.hanging.own_grid),
            auto_hang=self.reading.hanging.auto,
            endpoint=settings.load().endpoint,  # that may have been entered beside the window, for the next start
        )
        settings.save(self.settings)
        self.side.report.settle()
        self.engine_timer.stop()
        self.batch.stop()
        self.asking.cancel()
        self.reformatting.close()
        self.playing.close()
        self.panes.close_all()
        self.filing.close()
        self.layering.close()
        self.presenting.close()
        self.film_marking.close()
        self.marking.close()
        self.looking.close()
        self.reading.close()
        self.greying.close()
        self.tag_browsing.close()
        if self._has("archiving"):
            self.archiving.close()
        if self._has("deidentifying"):
            self.deidentifying.close()
        self.serving.close()
        self.modelling.close()
        self.tables.close()
        self.records.close()
        self.fielding.close()
        self.viewports.close()
        self.recovery.close()
        self.shelf.close()
        self.worker.close()
        event.accept()


def _start(engine: AnyEngine, on_progress: object, cancel: object) -> None:  # noqa: ARG001 - the form of a job
    if isinstance(engine, EngineProcess):
        engine.start()
