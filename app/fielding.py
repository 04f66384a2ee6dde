"""The fields of a whole slide in the window: chosen beside it, shown as a film and on the slide, swapped by the reader."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QImage, QPainter
from shiboken6 import isValid

from app import slide_fields
from app.analysis import Request
from app.errands import Errands
from app.fielded import Slide, paint
from app.own_job import OwnJob
from app.panels.field_strip import THUMB, FieldStrip
from app.panes import Pane, Panes
from app.slide_fields import Fields
from inference.answers import Progress
from inference.catalogue import facts
from inference.errors import InferenceError
from inference.questions import DraftQuestion, FreeQuestion
from viewers.geometry import Region, Size
from viewers.qimage import to_qimage
from viewers.slide_view import SlideView

if TYPE_CHECKING:
    import threading

    from app.analysis import AnyEngine
    from app.asking import Asking
    from app.shelf import Shelf
    from inference.worker import Worker

AT_ONCE = 8
"""Small pictures told together."""
NO_SLIDE = "fields are for whole slides: open one first"
NO_STRIP = "the fields of this slide are not open: press Alt+Shift+S first"


class Fielding(QObject):
    """One strip at a time, under the pane in which it was opened."""

    noted = Signal(str)
    draftWanted = Signal()
    _pictured = Signal(object, object)
    """Path; (Region, QImage) of some fields."""

    def __init__(self, panes: Panes, worker: Worker, asking: Asking, shelf: Shelf, drafter: Callable[[], str]) -> None:
        """`drafter` gives the catalogue id of whose recipe is used now."""
        super().__init__(panes)
        self._panes, self._shelf, self._drafter = panes, shelf, drafter
        self._of: dict[Path, Slide] = {}
        self._disk = Errands("hilum-fields", self)
        self.strip: FieldStrip | None = None
        self._pane: Pane | None = None
        self._choosing, self._about = OwnJob(worker, asking.session, "fields", self), Path()
        asking.seen_before, asking.dressed = self.seen, self.dressed
        panes.viewLeaving.connect(self._leaving)
        shelf.known.connect(lambda _: self._look_again())
        self._disk.refused.connect(lambda _path, sentence: self.noted.emit(sentence))
        self._pictured.connect(self._show_pictures)
        self._choosing.progressed.connect(self._progress)
        self._choosing.finished.connect(self._finished)
        self._choosing.failed.connect(self._failed)
        self._choosing.cancelled.connect(lambda: self._failed("Stopped; nothing was chosen."))

    def by_id(self) -> Mapping[str, Callable[[], object]]:
        return {
            "fields": self.toggle,
            "field-add": lambda: self._keyed(lambda _: self.add()),
            "field-leave-out": lambda: self._keyed(lambda strip: self.leave_out(strip.chosen)),
        }

    @property
    def path(self) -> Path | None:
        """Of the slide whose strip is open."""
        return self._pane.standing if self._pane is not None and self.strip is not None else None

    def toggle(self) -> None:
        if self.strip is not None and self._pane is self._panes.pane:
            self.shut()
        else:
            self.open()

    def open(self) -> bool:
        """Under the slide in the active pane; False where there is none."""
        pane = self._panes.pane
        if not self._holds_slide(pane) or pane.standing is None:
            self.noted.emit(NO_SLIDE)
            return False
        if self.strip is not None and self._pane is pane:
            self._look_again(by_reader=True)
            return True
        self.shut()
        self._pane, self.strip = pane, FieldStrip()
        slide = self.of(pane.standing)
        strip = self.strip
        strip.put(slide.tissue, slide.procedure, slide.power)
        strip.said.connect(self._take_words)
        strip.powerChosen.connect(self._take_power)
        strip.fieldWanted.connect(self.go)
        strip.addWanted.connect(self.add)
        strip.replaceWanted.connect(self.swap)
        strip.leaveOutWanted.connect(self.leave_out)
        strip.resetWanted.connect(self._reset)
        strip.draftWanted.connect(self._draft)
        strip.closeWanted.connect(self.shut)
        strip.entered.connect(self._come_forward)
        pane.set_foot(strip)
        pane.view.washes.append(self._paint)
        self._drop_unfit(pane, slide)
        if slide.fields is None:
            self._choose()
        else:
            self._show()
        return True

    def shut(self) -> None:
        pane, self._pane = self._pane, None
        self._choosing.leave()  # whatever becomes of it is nothing to the next strip
        if pane is not None and self.strip is not None and isValid(pane):
            pane.set_foot(None)
            pane.view.washes = [wash for wash in pane.view.washes if wash != self._paint]
            pane.view.update()
        self.strip = None

    def close(self) -> None:
        self._disk.close()

    def forget(self, path: Path) -> None:
        if path == self.path:
            self.shut()
        self._of.pop(path, None)

    def of(self, path: Path) -> Slide:
        return self._of.setdefault(path, Slide())

    def give_up(self) -> bool:
        """Escape: stop choosing; whether it was going on."""
        return self._choosing.cancel()

    def seen(self, pane: Pane) -> bool:
        """Whether the reader has seen what would be sent of the slide in the active pane; the strip opens where not."""
        if not self._holds_slide(pane) or pane.standing is None:
            return True
        known = self.of(pane.standing)
        self._drop_unfit(pane, known)
        if known.fields is None:
            self.open()
        return known.fields is not None

    def dressed(self, request: Request) -> Request:
        """A question about a whole slide with its fields and what the reader says of it; others as they are."""
        slide = self._of.get(request.path)
        if slide is None or slide.fields is None:
            return request
        question = request.question
        if isinstance(question, FreeQuestion):
            question = replace(question, text=slide_fields.told_of(slide.tissue, slide.procedure, question.text))
        elif isinstance(question, DraftQuestion):
            question = replace(question, indication=slide_fields.told_of(slide.tissue, slide.procedure, question.indication))
        return replace(request, question=question, power=slide.power, fields=slide.fields)

    def go(self, number: int) -> None:
        """To one of the fields, so large that all of it is seen."""
        found = self._here()
        if found is None or found[1].fields is None or not 0 <= number < len(found[1].fields.places):
            return
        view, slide = found
        place = found[1].fields.places[number]
        slide.chosen = place
        view.show_region(place)
        view.update()

    def add(self) -> None:
        """The field in the middle of the view."""
        self._change(lambda slide, place, most: slide.with_place(place, most))

    def swap(self, number: int) -> None:
        """The field in the middle of the view in place of another."""

        def swapped(fields: Fields, place: Region, most: int) -> Fields:
            both = fields.with_place(place, most + 1)
            return both.without(both.places.index(fields.places[number]))

        self._change(swapped)

    def leave_out(self, number: int) -> None:
        found = self._here()
        if found is None or found[1].fields is None or not 0 <= number < len(found[1].fields.places):
            self.noted.emit("choose a field in the strip under the slide first")
            return
        slide = found[1]
        try:
            slide.fields = found[1].fields.without(number)
        except ValueError as error:
            self.noted.emit(str(error))
            return
        slide.chosen = slide.fields.places[min(number, len(slide.fields.places) - 1)]
        self._show()

    def _change(self, work: Callable[[Fields, Region, int], Fields]) -> None:
        found = self._here()
        if found is None or found[1].fields is None or found[0].source is None:
            self.noted.emit(NO_SLIDE if found is None else "the fields are being chosen; wait a moment")
            return
        view, slide = found
        assert slide.fields is not None
        assert view.source is not None
        x, y = view.camera.from_screen(view.width() / 2, view.height() / 2)
        try:
            place = slide_fields.field_at(view.source, slide.power, x, y, view.frame)
            slide.fields = work(slide.fields, place, slide_fields.most(facts(self._drafter())))
        except (ValueError, InferenceError) as error:
            self.noted.emit(str(error))
            return
        slide.chosen = place
        self._show()
        self._picture(slide)

    def _keyed(self, work: Callable[[FieldStrip], object]) -> None:
        """By a key, which is meant for the active pane: not for a strip under another one."""
        if self.strip is None or self._pane is not self._panes.pane:
            self.noted.emit(NO_STRIP if self._holds_slide(self._panes.pane) else NO_SLIDE)
        else:
            work(self.strip)

    def _come_forward(self) -> None:
        """The pane of the strip becomes the active one."""
        if self._pane is not None:
            self._panes.activate(self._pane.number)

    def _draft(self) -> None:
        self._come_forward()
        self.draftWanted.emit()

    def _look_again(self, *, by_reader: bool = False) -> None:
        """Under the open strip: chosen anew what no longer fits, and what there was trouble with once that may be over."""
        if self._pane is None or self.path is None or self._choosing.running:
            return
        slide = self.of(self.path)
        again = slide.fields is None and (by_reader or slide.chosen_for != self._chosen_for(self._pane))
        if self._drop_unfit(self._pane, slide) or again:
            self._choose()

    def _chosen_for(self, pane: Pane) -> tuple[float, str]:
        """What fields depend on besides the power: µm per pixel, 0 where unknown, and the model."""
        source = pane.view.source
        return (source.spacing.mpp if source is not None and source.spacing is not None else 0.0), self._drafter()

    def _drop_unfit(self, pane: Pane, slide: Slide) -> bool:
        """Fields of another size than the slide's pixels now say, and more than the model reads where the reader swapped none;
        whether there were such."""
        if slide.fields is None:
            return False
        mpp, model = self._chosen_for(pane)
        too_many = 0 < facts(model).max_patches < len(slide.fields.places) and not slide.fields.swapped
        if mpp == slide.chosen_for[0] and not too_many:
            return False
        slide.forget_fields()
        return True

    def _reset(self) -> None:
        found = self._here()
        if found is not None and found[1].proposed is not None:
            found[1].fields, found[1].chosen = found[1].proposed, None
            self._show()
            self._look_again()

    def _take_words(self, tissue: str, procedure: str) -> None:
        if self.path is not None:
            slide = self.of(self.path)
            slide.tissue, slide.procedure = tissue, procedure

    def _take_power(self, power: int) -> None:
        """Other fields altogether."""
        if self.path is None:
            return
        slide = self.of(self.path)
        if power != slide.power:
            slide.power = power
            slide.forget_fields()
            self._choose()

    def _choose(self) -> None:
        path = self.path
        if path is None or self.strip is None or self._pane is None:
            return
        self.give_up()
        self._show()
        self.of(path).chosen_for = self._chosen_for(self._pane)
        power, frame, open_source = self.of(path).power, self._pane.view.frame, self._shelf.opener.source

        def job(engine: AnyEngine, on_progress: Callable[[Progress], None], cancel: threading.Event) -> Fields:
            with closing(open_source(path)) as source:
                return slide_fields.choose(source, facts(engine.spec.recipe), engine, power, on_progress, cancel, frame)

        self.strip.show_trouble("choosing the fields …")
        self._about = path
        self._choosing.start(job)

    def _progress(self, progress: Progress) -> None:
        if self.strip is not None:
            count = f" {progress.done:,} of {progress.total:,}" if progress.total > 1 else ""
            self.strip.show_trouble(f"choosing the fields: {progress.stage}{count} …")

    def _finished(self, result: object) -> None:
        slide = self._of.get(self._about)
        if slide is None or not isinstance(result, Fields) or result.power != slide.power:
            return
        slide.fields = slide.proposed = result
        self._show()
        self._picture(slide)

    def _failed(self, sentence: str) -> None:
        if self.strip is not None:
            self.strip.show_trouble(f"{sentence[:1].upper()}{sentence[1:]}")

    def _show(self) -> None:
        if self.strip is not None and self.path is not None and self._pane is not None:
            slide = self.of(self.path)
            self.strip.show_fields(slide.fields, slide.pictures, slide.chosen)
            self._pane.view.update()

    def _picture(self, slide: Slide) -> None:
        """Small pictures of those that have none, beside the window."""
        path = next((one for one, known in self._of.items() if known is slide), None)
        missing = [place for place in slide.fields.places if place not in slide.pictures] if slide.fields is not None else []
        if path is not None and missing:
            self._disk.start(path, path.name, partial(self._read, path, missing))

    def _read(self, path: Path, places: list[Region]) -> None:
        with closing(self._shelf.opener.source(path)) as source:
            ratio = 2  # sharp on dense monitors too
            for start in range(0, len(places), AT_ONCE):
                part = places[start : start + AT_ONCE]
                size = Size(THUMB * ratio, THUMB * ratio)
                self._disk.tell(self._pictured, path, [(place, to_qimage(source.read(place, size)).copy()) for place in part])

    def _show_pictures(self, path: Path, pictures: list[tuple[Region, QImage]]) -> None:
        slide = self._of.get(path)
        if slide is None:
            return
        slide.pictures.update(pictures)
        if self.strip is not None and path == self.path:
            for place, picture in pictures:
                self.strip.show_picture(place, picture)

    def _holds_slide(self, pane: Pane) -> bool:
        return isinstance(pane.view, SlideView) and pane.view.source is not None and pane.view.source.kind == "slide"

    def _here(self) -> tuple[SlideView, Slide] | None:
        """The slide whose strip is open."""
        if self._pane is None or self.path is None or not isinstance(self._pane.view, SlideView):
            return None
        return self._pane.view, self.of(self.path)

    def _leaving(self, pane: Pane) -> None:
        if pane is self._pane:
            self.shut()

    def _paint(self, painter: QPainter) -> None:
        found = self._here()
        if found is not None:
            paint(painter, *found)
