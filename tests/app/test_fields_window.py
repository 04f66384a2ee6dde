"""The fields of a whole slide in the window: seen before they are sent, on the slide and as a film, swapped, named in the end."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import openslide
import pytest
import tifffile
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from app import endpoints, settings, slide_fields
from app.panels.details import SeenOneByOne
from app.panels.field_strip import FieldStrip
from inference.catalogue import facts
from inference.engine import EngineSpec
from inference.questions import DraftQuestion, EmbedQuestion, FreeQuestion, Picture
from tests.app.conftest import Seat
from tests.app.test_slide_fields import MODEL, SIDE, TISSUE, Clustering, slide, stain
from viewers import theme
from viewers.sources import open_source

ORDER = sorted(TISSUE, key=lambda place: (place[1], place[0]))


@pytest.fixture
def engines(monkeypatch: pytest.MonkeyPatch) -> list[Clustering]:
    made: list[Clustering] = []

    def engine(spec: EngineSpec, *_: object) -> Clustering:
        made.append(Clustering())
        made[-1].spec = replace(spec, drafter=MODEL)
        return made[-1]

    monkeypatch.setattr(endpoints, "engine", engine)
    return made


@pytest.fixture
def seat(qtbot: QtBot, engines: list[Clustering]) -> Iterator[Seat]:
    del engines
    made = Seat(qtbot, replace(settings.Settings(), drafter=MODEL))
    yield made
    made.close()


def opened(seat: Seat, path: Path) -> FieldStrip:
    """With its fields chosen and pictured."""
    seat.open(path)
    seat.act("fields")
    strip = seat.window.fielding.strip
    assert strip is not None
    state = seat.window.fielding.of(path)
    seat.wait(lambda: state.fields is not None and len(state.pictures) >= len(state.fields.places))
    return strip


def sent(engines: list[Clustering]) -> tuple[object, tuple[Picture, ...]]:
    return next(
        (question, pictures) for question, pictures in reversed(engines[-1].asked) if not isinstance(question, EmbedQuestion)
    )


def middle(seat: Seat, place: tuple[float, float]) -> None:
    """The view's middle over a place of the slide."""
    seat.window.panes.view.camera.centre_on(*place)
    seat.window.panes.view.moved_along()


def test_seen_first_then_asked(seat: Seat, engines: list[Clustering], tmp_path: Path) -> None:
    """Tissue, procedure and power are asked under the slide; what is sent is what stood there."""
    path = slide(tmp_path / "slide.tif", TISSUE)
    seat.open(path)
    ask = seat.window.side.ask
    ask.question.setText("Is there a tumour?")
    seat.act("question-whole")
    assert "stand the fields that would be sent" in ask._word.text()
    strip = seat.window.fielding.strip
    assert strip is not None
    seat.wait(lambda: strip.film.count() == len(TISSUE))
    assert not engines or not [one for one in engines[-1].asked if isinstance(one[0], FreeQuestion)]
    strip.tissue.setText("colon")
    strip.procedure.setText("biopsy")
    seat.ask("question-whole")
    question, pictures = sent(engines)
    assert isinstance(question, FreeQuestion)
    assert question.text == "Tissue: colon. Procedure: biopsy. Is there a tumour?"
    assert [tuple(one.pixels[448, 448]) for one in pictures] == [TISSUE[place] for place in ORDER]
    words, result = seat.window.asking.session.findings(path).conversation[-1]
    assert words == "Tissue: colon. Procedure: biopsy. Is there a tumour? (about the whole)"
    assert result.fields is not None
    assert [(one.x // SIDE, one.y // SIDE) for one in result.fields.places] == ORDER
    seat.ask("draft-whole")
    question, pictures = sent(engines)
    assert isinstance(question, DraftQuestion)
    assert question.indication == "Tissue: colon. Procedure: biopsy."
    assert len(pictures) == len(TISSUE)


def test_the_film_and_the_slide_show_them(seat: Seat, tmp_path: Path) -> None:
    path = slide(tmp_path / "slide.tif", TISSUE)
    strip = opened(seat, path)
    for number, place in enumerate(ORDER):
        shown = strip.film.item(number).icon().pixmap(20, 20).toImage().pixelColor(10, 10)
        assert np.abs(np.subtract(shown.getRgb()[:3], TISSUE[place])).max() <= 2  # type: ignore[arg-type]
    view = seat.window.panes.view
    strip.film.setCurrentRow(2)
    seat.wait(lambda: view.settled)
    column, row = ORDER[2]
    region = view.visible_region()
    assert region.x <= column * SIDE
    assert region.y <= row * SIDE
    assert region.x + region.width >= (column + 1) * SIDE
    assert region.y + region.height >= (row + 1) * SIDE
    box = view.camera.on_screen((column * SIDE, row * SIDE, (column + 1) * SIDE, (row + 1) * SIDE))
    picture, ratio = view.grab_view(), view.devicePixelRatioF()
    edge = [
        picture.pixelColor(round(box[0] * ratio), round((box[1] + step) * ratio)) for step in range(4, int(box[3] - box[1]) - 4)
    ]
    dashes = [one == QColor(theme.PROPOSED) for one in edge]
    assert 0.2 < np.mean(dashes) < 1.0  # a dashed line of what a model proposes
    seat.act("fields")
    assert seat.window.fielding.strip is None
    bare = view.grab_view()
    assert QColor(theme.PROPOSED) not in [
        bare.pixelColor(round(box[0] * ratio), round((box[1] + at) * ratio)) for at in range(4, 60)
    ]


def test_the_readers_own_field_is_sent_pixel_for_pixel(seat: Seat, engines: list[Clustering], tmp_path: Path) -> None:
    """By OpenSlide: on a slide whose pixels are fields' pixels, nothing is resized."""
    path = tmp_path / "slide.tif"
    rng = np.random.default_rng(3)
    pixels = np.full((3 * 896 + 100, 3 * 896 + 60, 3), 255, np.uint8)
    pixels[896:1792, 896:1792] = rng.integers((140, 30, 130), (200, 90, 200), (896, 896, 3), np.uint8)
    tifffile.imwrite(
        path, pixels, tile=(256, 256), photometric="rgb", compression="zlib", resolution=(1e4, 1e4), resolutionunit="CENTIMETER"
    )  # fmt: skip
    strip = opened(seat, path)
    middle(seat, (1500.0, 1400.0))
    seat.act("field-add")
    state = seat.window.fielding.of(path)
    assert state.fields is not None
    (own,) = state.fields.own
    assert (own.width, own.height) == (896, 896)
    assert abs(own.x + 448 - 1500) <= 1
    assert abs(own.y + 448 - 1400) <= 1
    assert strip.film.count() == 2
    assert "1 put there by the reader" in strip.word.text()
    seat.window.side.ask.question.setText("What is it?")
    seat.ask("question-whole")
    _, pictures = sent(engines)
    truth = np.asarray(openslide.OpenSlide(str(path)).read_region((own.x, own.y), 0, (896, 896)))[..., :3]
    assert np.array_equal(pictures[state.fields.places.index(own)].pixels, truth)
    assert any("1 put there by the reader" in step for step in pictures[0].steps)


def test_swapped_left_out_and_put_back(seat: Seat, engines: list[Clustering], tmp_path: Path) -> None:
    path = slide(tmp_path / "slide.tif", TISSUE)
    strip = opened(seat, path)
    state = seat.window.fielding.of(path)
    assert state.fields is not None
    before = state.fields
    strip.film.setCurrentRow(1)
    QTest.keyClick(strip.film, Qt.Key.Key_Delete)
    assert [one for one in before.places if one not in state.fields.places] == [before.places[1]]
    assert "1 taken away" in strip.word.text()
    strip.film.setCurrentRow(0)
    middle(seat, (SIDE * 3.5, SIDE * 3.5))
    strip.swap.click()
    assert len(state.fields.places) == len(TISSUE) - 1
    assert before.places[0] not in state.fields.places
    assert [(one.x, one.y) for one in state.fields.own] == [(SIDE * 3, SIDE * 3)]
    assert list(state.fields.places) == sorted(state.fields.places, key=lambda one: (one.y, one.x))
    seat.window.side.ask.question.setText("What is it?")
    seat.ask("question-whole")
    _, pictures = sent(engines)
    assert len(pictures) == len(TISSUE) - 1
    assert any("1 put there by the reader, 2 taken away" in step for step in pictures[0].steps)
    strip.reset.click()
    assert state.fields == before
    assert not strip.reset.isEnabled()
    for _ in range(len(TISSUE)):
        strip.film.setCurrentRow(0)
        strip.leave.click()
    assert len(state.fields.places) == 1
    assert "one field at least" in seat.window.status.note.text()


def test_another_power_has_other_fields(seat: Seat, engines: list[Clustering], tmp_path: Path) -> None:
    path = slide(tmp_path / "slide.tif", {(column, row): stain(3) for column in range(4) for row in range(4)})
    strip = opened(seat, path)
    assert strip.film.count() == 16
    strip.power.setCurrentIndex(strip.power.findData(5))
    strip.power.activated.emit(strip.power.currentIndex())
    seat.wait(lambda: strip.film.count() == 4)
    seat.window.side.ask.question.setText("What is it?")
    seat.ask("question-whole")
    _, pictures = sent(engines)
    assert {one.mpp for one in pictures} == {2.0}
    strip.power.setCurrentIndex(strip.power.findData(20))
    strip.power.activated.emit(strip.power.currentIndex())
    seat.wait(lambda: strip.film.count() == 64)


def test_what_cannot_be_is_a_sentence(seat: Seat, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = slide(tmp_path / "slide.tif", TISSUE)
    strip = opened(seat, path)
    note = seat.window.status.note
    with pytest.raises(ValueError, match="outside the slide"):
        slide_fields.field_at(open_source(path), 10, -1.0, 200.0)
    monkeypatch.setattr(slide_fields, "MOST", len(TISSUE))
    middle(seat, (SIDE * 3.5, SIDE * 3.5))
    seat.act("field-add")
    assert f"the model reads {len(TISSUE)} fields at most" in note.text()
    assert strip.film.count() == len(TISSUE)
    white = slide(tmp_path / "white.tif", {})
    seat.open(white)
    seat.act("fields")
    empty = seat.window.fielding.strip
    assert empty is not None
    assert empty is not strip
    seat.wait(lambda: "holds enough tissue" in empty.hint.text())
    assert empty.hint.isVisible()


def test_escape_stops_the_choosing(seat: Seat, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = slide(tmp_path / "slide.tif", TISSUE)
    seat.open(path)
    work = seat.window.worker

    def slow(engine: object, on_progress: object, cancel: object) -> None:
        cancel.wait(20)  # type: ignore[attr-defined]

    work.submit(10_000, slow)
    seat.act("fields")
    strip = seat.window.fielding.strip
    assert strip is not None
    assert "choosing the fields" in strip.hint.text()
    seat.act("cancel")
    seat.wait(lambda: "Stopped" in strip.hint.text())
    assert seat.window.fielding.of(path).fields is None
    work.cancel(10_000)


def test_a_slide_that_is_left_takes_its_strip_along_and_keeps_its_fields(seat: Seat, tmp_path: Path) -> None:
    one, other = slide(tmp_path / "one.tif", TISSUE), slide(tmp_path / "other.tif", {(1, 1): stain(5)})
    strip = opened(seat, one)
    strip.film.setCurrentRow(0)
    strip.leave.click()
    strip.tissue.setText("colon")
    seat.open(other)
    assert seat.window.fielding.strip is None
    seat.show(one)
    seat.wait(lambda: seat.window.panes.pane.standing == one)
    seat.act("fields")
    again = seat.window.fielding.strip
    assert again is not None
    assert again.film.count() == len(TISSUE) - 1
    assert again.tissue.text() == "colon"


def test_what_the_model_saw_one_by_one_and_only_of_the_newest(seat: Seat, engines: list[Clustering], tmp_path: Path) -> None:
    tissue = {(column, row): stain(3 * column + row) for column in range(4) for row in range(2)}
    path = slide(tmp_path / "slide.tif", tissue)
    opened(seat, path)
    for _ in range(2):
        seat.window.side.ask.question.setText("What is it?")
        seat.ask("question-whole")
    _, pictures = sent(engines)
    seat.window.side.front(seat.window.side.details)
    (shown,) = seat.window.side.details.findChildren(SeenOneByOne)
    assert shown.word.text() == "1 of 8, 896 × 896 pixels, padded and resized"
    shown.slider.setValue(6)
    colour = shown.picture.pixmap().toImage().pixelColor(70, 70).getRgb()[:3]  # type: ignore[index]
    assert colour == tuple(pictures[6].pixels[448, 448])
    first, second = (result for _, result in seat.window.asking.session.findings(path).conversation)
    assert (len(first.pictures), len(first.seen)) == (1, 0)
    assert (len(second.pictures), len(second.seen)) == (8, 8)
    assert np.array_equal(second.seen[2], pictures[2].pixels)


def test_what_was_stopped_or_failed_is_tried_again(seat: Seat, tmp_path: Path) -> None:
    """By asking once more, and by itself once the slide's µm per pixel are given or another model is taken."""
    path = slide(tmp_path / "slide.tif", TISSUE)
    seat.open(path)
    own, work = seat.window.fielding, seat.window.worker
    work.submit(10_000, lambda _engine, _progress, cancel: cancel.wait(20))
    seat.act("fields")
    assert own.strip is not None
    seat.act("cancel")
    seat.wait(lambda: own.strip is not None and "Stopped" in own.strip.hint.text())
    work.cancel(10_000)
    seat.window.side.ask.question.setText("What is it?")
    seat.act("question-whole")
    seat.wait(lambda: own.of(path).fields is not None)
    seat.ask("question-whole")
    assert len(seat.window.asking.session.findings(path).conversation) == 1


def test_fields_follow_the_size_of_a_pixel(seat: Seat, tmp_path: Path) -> None:
    """Of a slide without µm/px they are chosen as soon as the reader gives it, and anew where it is corrected."""
    path = slide(tmp_path / "slide.tif", TISSUE)
    tifffile.imwrite(path, tifffile.imread(path), tile=(256, 256), photometric="rgb", compression="zlib")
    seat.open(path)
    seat.act("fields")
    strip, state = seat.window.fielding.strip, seat.window.fielding.of(path)
    assert strip is not None
    seat.wait(lambda: "does not say its µm per pixel" in strip.hint.text())
    for mpp, side in ((2.0, SIDE), (4.0, SIDE // 2)):
        seat.window.panes.spacingGiven.emit(path, mpp, "")
        seat.wait(lambda side=side: state.fields is not None and state.fields.places[0].width == side)
    seat.act("fields")
    seat.window.panes.spacingGiven.emit(path, 2.0, "")
    seat.wait(lambda: seat.window.panes.view.source.spacing.mpp == 2.0)  # type: ignore[union-attr]
    seat.window.side.ask.question.setText("What is it?")
    seat.act("question-whole")
    seat.wait(lambda: state.fields is not None and state.fields.places[0].width == SIDE)
    assert not seat.window.asking.session.findings(path).conversation


def test_a_model_that_reads_no_slides(seat: Seat, tmp_path: Path) -> None:
    """What cannot be is a sentence; with another model it can be, at once."""
    path = slide(tmp_path / "slide.tif", TISSUE)
    strip = opened(seat, path)
    own, chosen = seat.window.fielding, seat.window.settings
    seat.window.use(replace(chosen, drafter="medgemma-4b-it"))
    seat.act("field-add")
    assert "medgemma-4b-it reads no whole slides" in seat.window.status.note.text()
    assert strip.film.count() == len(TISSUE)
    own.of(path).forget_fields()
    own._look_again(by_reader=True)
    seat.window.use(chosen)
    seat.wait(lambda: strip.film.count() == len(TISSUE))


def test_a_model_that_reads_fewer(seat: Seat, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fields that nobody swapped are chosen anew, as many as it reads; what the reader swapped stays, until it is given up."""
    path = slide(tmp_path / "slide.tif", {(column, row): stain(row) for column in range(5) for row in range(4)})
    strip, most = opened(seat, path), facts("demo-drafter").max_patches

    def engine(spec: EngineSpec, *_: object) -> Clustering:
        made = Clustering()
        made.spec = spec
        return made

    monkeypatch.setattr(endpoints, "engine", engine)
    larger, smaller = seat.window.settings, replace(seat.window.settings, drafter="demo-drafter")
    seat.window.use(smaller)
    seat.wait(lambda: strip.film.count() == most)
    seat.window.use(larger)
    strip.power.setCurrentIndex(strip.power.findData(20))
    strip.power.activated.emit(strip.power.currentIndex())
    seat.wait(lambda: strip.film.count() == 80)
    strip.film.setCurrentRow(0)
    strip.leave.click()
    seat.window.use(smaller)
    seat.window.side.ask.question.setText("What is it?")
    seat.ask("question-whole")
    assert f"reads {most} fields at most, and 79 were chosen" in seat.window.side.ask._word.text()
    assert strip.film.count() == 79
    strip.reset.click()
    seat.wait(lambda: strip.film.count() == most)


def test_the_strip_is_of_its_own_pane(seat: Seat, engines: list[Clustering], tmp_path: Path) -> None:
    """Its Draft is of the slide above it, whichever pane is active; keys are the active pane's."""
    one, other = slide(tmp_path / "one.tif", TISSUE), slide(tmp_path / "other.tif", {(1, 1): stain(5)})
    seat.open(other)
    strip = opened(seat, one)
    seat.act("panes-2")
    seat.window.panes.activate(1)
    seat.show(other)
    seat.act("field-add")
    assert "press Alt+Shift+S first" in seat.window.status.note.text()
    assert strip.film.count() == len(TISSUE)
    QTest.mouseClick(strip.film.viewport(), Qt.MouseButton.LeftButton, pos=strip.film.visualItemRect(strip.film.item(0)).center())
    assert seat.window.panes.active == 0
    seat.window.panes.activate(1)
    strip.draft.click()
    seat.wait(seat.idle)
    assert len(sent(engines)[1]) == len(TISSUE)
    assert seat.window.fielding.path == one


def test_a_choice_that_is_left_says_nothing_under_another_slide(
    seat: Seat, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though it takes a while to stop."""
    one, other = slide(tmp_path / "one.tif", TISSUE), slide(tmp_path / "other.tif", {(1, 1): stain(5)})
    seat.open(other)
    opened(seat, one)
    begun, go_on = threading.Event(), threading.Event()

    def slow(*_: object) -> None:
        begun.set()
        go_on.wait(20)

    monkeypatch.setattr(slide_fields, "choose", slow)
    seat.show(other)
    seat.wait(lambda: seat.window.panes.pane.standing == other)
    seat.act("fields")
    seat.wait(begun.is_set, 8)
    seat.show(one)
    seat.wait(lambda: seat.window.panes.pane.standing == one)
    seat.act("fields")
    strip = seat.window.fielding.strip
    assert strip is not None
    before = strip.word.text()
    assert "5 fields" in before
    go_on.set()
    seat.wait(lambda: not seat.window.worker.busy, 8)
    seat.bot.wait(100)
    assert strip.word.text() == before


@pytest.mark.parametrize("width", [800, 1000, 1400, 2400])
def test_nothing_of_the_strip_is_crushed(seat: Seat, tmp_path: Path, width: int) -> None:
    """Every part as wide as its words, none over another or beyond the strip."""
    strip = opened(seat, slide(tmp_path / "slide.tif", TISSUE))
    seat.window.resize(width, 600)
    parts = [strip.tissue, strip.procedure, strip.power, strip.add, strip.swap, strip.leave, strip.reset, strip.draft, strip.shut]
    seat.wait(lambda: seat.window.width() == width and strip.shut.geometry().right() < strip.width(), 5)
    for number, part in enumerate(parts):
        assert part.width() >= (90 if number < 2 else part.sizeHint().width())
        assert strip.rect().contains(part.geometry())
        assert not any(part.geometry().intersects(other.geometry()) for other in parts[number + 1 :])
        assert not part.geometry().intersects(strip.film.geometry())


def test_of_planes_the_one_that_is_seen_is_sent(seat: Seat, engines: list[Clustering], tmp_path: Path) -> None:
    """Of a focus stack: the model gets the plane that the reader looks at, as chosen and as added."""
    path, planes = tmp_path / "z.ome.tif", np.full((3, 4 * SIDE, 4 * SIDE, 3), 255, np.uint8)
    for z in range(3):
        planes[z, SIDE : 2 * SIDE, SIDE : 2 * SIDE] = stain(10 * z)
        planes[z, 2 * SIDE :, 2 * SIDE :] = stain(10 * z + 5) if z == 2 else 255
    metadata = {"axes": "ZYXS", "PhysicalSizeX": 2.0, "PhysicalSizeY": 2.0}
    tifffile.imwrite(path, planes, ome=True, metadata=metadata, tile=(256, 256), photometric="rgb")
    seat.open(path)
    seat.window.panes.view.set_frame(1)
    seat.act("fields")
    state = seat.window.fielding.of(path)
    seat.wait(lambda: state.fields is not None)
    seat.window.panes.view.set_frame(2)
    middle(seat, (SIDE * 3.0, SIDE * 3.0))
    seat.act("field-add")
    seat.window.side.ask.question.setText("What is it?")
    seat.ask("question-whole")
    _, pictures = sent(engines)
    assert [tuple(one.pixels[448, 448]) for one in pictures] == [stain(10), stain(25)]
    assert [step.rsplit(", ", 1)[-1] for step in pictures[0].steps if step.startswith("field at")] == ["plane 2", "plane 3"]
    strip = seat.window.fielding.strip
    assert strip is not None
    strip.film.setCurrentRow(0)
    assert seat.window.panes.view.frame == 1


def test_a_question_about_the_whole_keeps_to_the_form_of_the_panel(seat: Seat, engines: list[Clustering], tmp_path: Path) -> None:
    """A condition is asked for as one; a follow-up carries what was asked, with the tissue once; a trace is wished for."""
    path = slide(tmp_path / "slide.tif", TISSUE)
    strip, ask = opened(seat, path), seat.window.side.ask
    strip.tissue.setText("colon")
    seat.act("condition")
    seat.act("think")
    ask.question.setText("carcinoma")
    seat.ask("question-whole")
    question, _ = sent(engines)
    assert isinstance(question, FreeQuestion)
    assert question.text == "Tissue: colon. Is there carcinoma?"
    assert question.decoding.thinking_tokens == facts(MODEL).thinking_tokens
    assert not ask.bar.condition.isChecked()
    seat.act("follow-up")
    ask.question.setText("Where?")
    seat.ask("question-whole")
    question, pictures = sent(engines)
    assert isinstance(question, FreeQuestion)
    assert (question.text, len(question.before), len(pictures)) == ("Where?", 1, len(TISSUE))
    assert question.before[0][0] == "Tissue: colon. Is there carcinoma?"
    seat.window.side.report.think.setChecked(True)
    seat.ask("draft-whole")
    question, _ = sent(engines)
    assert isinstance(question, DraftQuestion)
    assert question.decoding.thinking_tokens == facts(MODEL).thinking_tokens
    ask.bar.follow.setChecked(False)
    seat.window.asking.question("What is in view?")
    seat.wait(seat.idle)
    ask.bar.follow.setChecked(True)
    before = len(engines[-1].asked)
    ask.question.setText("And elsewhere?")
    seat.ask("question-whole")
    assert len(engines[-1].asked) == before
    assert "about a region" in ask._word.text()
