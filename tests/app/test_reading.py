"""A case in the window: studies hang themselves, panes follow each other, the prior flickers and is subtracted."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt
from PySide6.QtGui import QDropEvent, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from app import hanging_files
from app.grid import FOUR, ONE, TWO, Grid
from app.hanging_rules import Rule
from app.panes import PATH_MIME
from tests.app.case_files import VIEWS, breast, chest_pair, mammograms
from tests.app.conftest import Seat
from tests.app.dicom_files import study, write
from viewers.dicom_view import RadiologyView
from viewers.grayscale import Window
from viewers.qimage import to_array


def hangs(seat: Seat, grid: Grid, *folders: Path) -> list[Any]:
    """Open folders and wait until a rule has hung them; the views."""
    seat.window.open_paths(list(folders))
    panes = seat.window.panes
    seat.wait(lambda: panes.grid == grid and all(pane.path is None or pane.view.source for pane in panes.seen))
    seat.wait(lambda: all(pane.view.settled for pane in panes.seen))
    return [pane.view for pane in panes.seen]


def slices(folder: Path, step_mm: float, count: int, number: int, frame: str, start: float = 0.0, **values: object) -> Path:
    """A CT whose every value is its slice's z in mm + 1000."""
    for at in range(count):
        z = start + at * step_mm
        write(
            folder / f"{count - at:03d}.dcm", np.full((64, 64), round(z) + 1000, np.uint16), "CT",
            **study(number, f"202405{number:02d}"),
            SeriesInstanceUID=f"1.2.9.{number}", FrameOfReferenceUID=frame, BodyPartExamined="CHEST", PixelSpacing=[1.5, 1.5],
            ImagePositionPatient=[0, 0, z], ImageOrientationPatient=[1, 0, 0, 0, 1, 0], RescaleIntercept=-1000, RescaleSlope=1,
            InstanceNumber=at + 1, WindowCenter=0, WindowWidth=400, **values,
        )  # fmt: skip
    return folder


def beside(seat: Seat, one: Path, other: Path) -> tuple[RadiologyView, RadiologyView]:
    seat.open(one)
    seat.act("panes-2")
    seat.window.open_paths([other])
    seat.wait(lambda: seat.told(other))
    seat.window.shelf.show_in(one, 0)
    seat.window.shelf.show_in(other, 1)
    panes = seat.window.panes
    seat.wait(lambda: all(pane.standing == pane.path and pane.view.source is not None for pane in panes.seen))
    seat.wait(lambda: all(pane.view.settled for pane in panes.seen))
    left, right = (pane.view for pane in panes.seen)
    assert isinstance(left, RadiologyView)
    assert isinstance(right, RadiologyView)
    return left, right


def test_four_mammograms_hang_back_to_back_chest_wall_to_chest_wall(seat: Seat, tmp_path: Path) -> None:
    paths = mammograms(tmp_path / "mg", 5, "20240517")
    views = hangs(seat, FOUR, tmp_path / "mg")
    panes = seat.window.panes
    assert [pane.standing for pane in panes.seen] == [paths[name] for name in VIEWS]
    assert seat.window.browser.current() == paths["RCC"], "the browser and the panels go with the active pane"
    for at, view in enumerate(views):
        x0, _, x1, _ = view.camera.on_screen((0, 0, view.source.size.width, view.source.size.height))
        picture = to_array(view.grab_view())[:, :, 0].astype(float)
        middle = picture[picture.shape[0] // 3 : 2 * picture.shape[0] // 3]
        left, right = middle[:, :6].mean(), middle[:, -6:].mean()
        if at % 2 == 0:
            assert x1 == pytest.approx(view.camera.width)
            assert right > 60 > left + 40, "tissue at the inner edge, air at the outer"
        else:
            assert x0 == pytest.approx(0)
            assert left > 60 > right + 40
    assert views[3].camera.flipped, "the left oblique view was stored the other way round"
    assert not any(view.camera.flipped for view in views[:3])
    assert seat.window.reading.linking.on
    views[0].zoom_to(1.6)
    views[0].centre_on(200, 150)
    for at in (1, 2, 3):
        mirrored = (360 - 200, 150) if at == 1 or (at == 3 and not views[3].camera.flipped) else (200, 150)
        assert (views[at].camera.x, views[at].camera.y) == pytest.approx(mirrored), at


def test_chest_films_of_two_days_hang_with_their_titles_and_what_the_reader_changes_stays(seat: Seat, tmp_path: Path) -> None:
    current, prior = chest_pair(tmp_path)
    hangs(seat, TWO, current.parent, prior.parent)
    panes, reading = seat.window.panes, seat.window.reading
    assert [pane.standing for pane in panes.seen] == [current, prior]
    seat.wait(lambda: all(reading.comparing.titles.of(pane) for pane in panes.seen))
    assert reading.comparing.titles.of(panes.panes[0]) == "CURRENT  2024-05-17"
    assert reading.comparing.titles.of(panes.panes[1]) == "PRIOR  2024-03-04, 74 days before"
    assert [priors for priors, _ in seat.window.side.report._priors] == [prior], "the draft's priors are the same"
    seat.act("panes-1")
    seat.bot.wait(600)
    assert panes.grid == ONE, "not hung again"
    seat.act("hang")
    seat.wait(lambda: panes.grid == TWO)
    seat.act("hang")
    assert panes.grid == TWO, "there is no other rule that suits"


def test_an_arrangement_is_kept_by_pointing_and_hangs_the_next_study_of_its_kind(seat: Seat, tmp_path: Path) -> None:
    first = mammograms(tmp_path / "a", 5, "20240517", mirrored="")
    hangs(seat, FOUR, tmp_path / "a")
    panes, hanging = seat.window.panes, seat.window.reading.hanging
    seat.act("unlink")
    panes.arrange(Grid(1, 2))
    for pane, name in zip(panes.seen, ("LMLO", "RMLO"), strict=True):
        seat.window.shelf.show_in(first[name], pane.number)
    seat.wait(lambda: all(pane.standing == pane.path and pane.view.settled for pane in panes.seen))
    left = panes.panes[0].view
    assert isinstance(left, RadiologyView)
    left.flip()
    left.set_window(Window(1500, 2500))
    left.zoom_to(1.25)
    seat.act("auto-hang")
    seat.act("auto-hang")
    hanging.save("Obliques, mine")
    seat.wait(lambda: any(rule.name == "Obliques, mine" for rule in hanging.rules))
    mammograms(tmp_path / "b", 6, "20240601", mirrored="LMLO", patient="PHANTOM-OTHER")
    seat.act("panes-1")
    seat.window.open_paths([tmp_path / "b"])
    seat.wait(lambda: panes.grid == Grid(1, 2) and all(pane.path and pane.path.parent.name == "b" for pane in panes.seen))
    seat.wait(lambda: all(pane.standing == pane.path and pane.view.settled for pane in panes.seen))
    facts = [pane.view.source.facts for pane in panes.seen if pane.view.source is not None]
    assert [(one.laterality, one.view) for one in facts if one] == [("L", "MLO"), ("R", "MLO")]
    view = panes.panes[0].view
    assert isinstance(view, RadiologyView)
    assert view.window_shown == Window(1500, 2500)
    assert view.camera.device_scale == pytest.approx(1.25)
    assert view.edge_letters()[1] == "P", "posterior at picture-right as the reader had it"
    assert not view.camera.flipped, "this one is stored that way round already"
    assert view.camera.x != 0
    assert not seat.window.reading.linking.on


def test_switched_off_nothing_hangs_until_asked(seat: Seat, tmp_path: Path) -> None:
    paths = mammograms(tmp_path / "mg", 5, "20240517")
    seat.act("auto-hang")
    seat.window.open_paths([tmp_path / "mg"])
    seat.wait(lambda: all(seat.told(path) for path in paths.values()))
    seat.bot.wait(700)
    assert seat.window.panes.grid == ONE
    seat.act("hang")
    assert seat.window.panes.grid == FOUR


def test_a_broken_rule_file_is_told_and_the_shipped_rules_hang(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    from app.storage import data_folder

    data_folder().mkdir(parents=True, exist_ok=True)
    (data_folder() / "hanging.toml").write_text("[[rule]\n")
    seat: Seat = request.getfixturevalue("seat")
    seat.wait(lambda: "hanging.toml cannot be understood" in seat.window.status.note.text())
    mammograms(tmp_path / "mg", 5, "20240517")
    hangs(seat, FOUR, tmp_path / "mg")
    assert (data_folder() / "hanging.toml").read_text() == "[[rule]\n"


def test_the_rules_are_read_beside_the_window(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    readers, read = list[threading.Thread](), hanging_files.shipped

    def shipped() -> tuple[Rule, ...]:
        readers.append(threading.current_thread())
        return read()

    monkeypatch.setattr(hanging_files, "shipped", shipped)
    seat: Seat = request.getfixturevalue("seat")
    seat.wait(lambda: seat.window.reading.hanging.rules == read())
    assert threading.main_thread() not in readers


def test_another_patient_takes_the_place_of_what_a_rule_hung(seat: Seat, tmp_path: Path) -> None:
    mammograms(tmp_path / "mg", 5, "20240517")
    hangs(seat, FOUR, tmp_path / "mg")
    film = write(tmp_path / "other.dcm", breast(), **study(9, "20240101"), PatientID="ELSE", BodyPartExamined="HAND")  # type: ignore[arg-type]
    seat.open(film)
    seat.wait(lambda: seat.window.panes.grid == ONE)
    assert seat.window.panes.pane.path == film


def test_stacks_of_one_frame_of_reference_scroll_in_mm_by_the_wheel(seat: Seat, tmp_path: Path) -> None:
    thin, thick = slices(tmp_path / "thin", 1.0, 41, 1, "1.7"), slices(tmp_path / "thick", 4.0, 11, 2, "1.7")
    left, right = beside(seat, thin, thick)
    seat.window.panes.activate(0)
    seat.act("link")
    assert "by place in the patient" in seat.window.status.note.text()
    wheel(left, -13)
    seat.wait(lambda: left.settled and right.settled)
    assert left.frame == 13
    assert left.value_at(10, 10)[0] == 13, "z in mm"
    assert right.value_at(10, 10)[0] == 12
    wheel(right, -3)
    seat.wait(lambda: left.settled and right.settled)
    assert (left.value_at(10, 10)[0], right.value_at(10, 10)[0]) == (24, 24)
    left.set_window(Window(20, 60))
    assert right.window_shown == Window(20, 60)
    for part in ("link-scroll", "link-window"):
        seat.act(part)
        assert not seat.window.actions_by_id[part].isChecked()
    wheel(left, -5)
    left.set_window(Window(30, 60))
    assert right.frame == 6
    assert right.window_shown == Window(20, 60)
    seat.act("unlink")
    assert not seat.window.reading.linking.on


def test_holding_shift_moves_one_stack_alone_and_that_offset_stays(seat: Seat, tmp_path: Path) -> None:
    one, other = slices(tmp_path / "a", 2.0, 21, 1, "1.1"), slices(tmp_path / "b", 2.0, 21, 2, "1.2", start=300)
    left, right = beside(seat, one, other)
    seat.window.panes.activate(0)
    seat.act("link")
    assert "hold Shift" in seat.window.status.note.text()
    wheel(left, -4)
    assert right.frame == 4
    wheel(right, -3, Qt.KeyboardModifier.ShiftModifier)
    assert (left.frame, right.frame) == (4, 7)
    wheel(left, -2)
    assert (left.frame, right.frame) == (6, 9)


def wheel(view: RadiologyView, notches: int, modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
    """As the mouse sends it, through the application."""
    place = QPointF(view.width() / 2, view.height() / 2)
    for _ in range(abs(notches)):
        event = QWheelEvent(
            place, QPointF(view.mapToGlobal(place.toPoint())), QPoint(), QPoint(0, 120 if notches > 0 else -120),
            Qt.MouseButton.NoButton, modifiers, Qt.ScrollPhase.NoScrollPhase, False,
        )  # fmt: skip
        QApplication.sendEvent(view, event)


def test_flicker_shows_the_prior_in_place_and_the_difference_its_lesion(seat: Seat, tmp_path: Path) -> None:
    current, prior = chest_pair(tmp_path)
    left, right = hangs(seat, TWO, current.parent, prior.parent)
    comparing = seat.window.reading.comparing
    seat.wait(lambda: "aligned, correlation" in seat.window.status.note.text())
    left.setFocus()
    film = to_array(left.grab_view())
    seat.act("flicker")
    seat.wait(lambda: comparing._over is not None and comparing._over.prior_seen, 20)
    comparing._beat.stop()
    seat.wait(lambda: comparing._over is not None and comparing._over.companion is not None and comparing._over.companion.ready)
    shown = to_array(left.grab_view())
    inner = np.s_[shown.shape[0] // 3 : 2 * shown.shape[0] // 3, 60:-60]
    assert np.abs(film[inner].astype(int) - shown[inner]).mean() > 3, "another picture is seen"
    beside = to_array(right.grab_view())
    wide = min(film.shape[1], beside.shape[1]) - 60
    grey = [one[inner[0], 60:wide].mean(-1).ravel() for one in (film, shown, beside)]
    here, apart = (np.corrcoef(grey[0], one)[0, 1] for one in grey[1:])
    assert here > apart, "it lies over the film better than the pane beside does"
    seat.act("flicker")
    seat.wait(lambda: left.settled)
    assert (to_array(left.grab_view())[inner] == film[inner]).all()
    seat.act("difference")
    seat.wait(lambda: comparing._over is not None and comparing._over.layer is not None)
    found = to_array(left.grab_view())[inner].astype(int)
    orange = (found[..., 0] > found[..., 2] + 60).mean()
    assert 0.005 < orange < 0.4, "what is brighter now, and only that"
    assert comparing._over is not None
    assert comparing._over.layer is not None
    assert comparing._over.layer.difference.unit == "normalised grey values"
    QTest.keyClick(seat.window, Qt.Key.Key_Escape)
    assert comparing._over is None


def test_z_held_shows_the_prior_and_let_go_the_film(seat: Seat, tmp_path: Path) -> None:
    current, prior = chest_pair(tmp_path)
    left, _ = hangs(seat, TWO, current.parent, prior.parent)
    comparing = seat.window.reading.comparing
    left.setFocus()
    QTest.keyPress(left, Qt.Key.Key_Z)
    seat.wait(lambda: comparing._over is not None and comparing._over.companion is not None and comparing._over.companion.ready)
    assert comparing._over is not None
    assert comparing._over.prior_seen
    QTest.keyRelease(left, Qt.Key.Key_Z)
    assert not comparing._over.prior_seen


def test_the_prior_comes_beside_by_key_and_without_one_that_is_said(seat: Seat, tmp_path: Path) -> None:
    current, prior = chest_pair(tmp_path)
    seat.act("auto-hang")
    seat.open(current)
    seat.act("prior")
    assert "no earlier picture of this patient" in seat.window.status.note.text()
    assert seat.window.panes.grid == ONE
    seat.window.open_paths([prior])
    seat.wait(lambda: seat.told(prior))
    seat.show(current)
    seat.act("prior")
    panes = seat.window.panes
    seat.wait(lambda: panes.grid == TWO and panes.panes[1].standing == prior)
    seat.wait(lambda: seat.window.reading.linking.on)
    assert panes.panes[0].standing == current


def test_films_that_do_not_fit_are_refused_on_the_screen(seat: Seat, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    same = {"BodyPartExamined": "CHEST", "ViewPosition": "PA", "ImagerPixelSpacing": [0.8, 0.8]}
    noise = rng.integers(0, 4096, (256, 256)).astype(np.uint16)
    current = write(tmp_path / "n" / "now.dcm", noise, **same, **study(2, "20240517"))  # type: ignore[arg-type]
    prior = write(tmp_path / "t" / "then.dcm", np.rot90(noise), **same, **study(1, "20240304"))  # type: ignore[arg-type]
    hangs(seat, TWO, current.parent, prior.parent)
    seat.wait(lambda: "Not aligned: the two films" in seat.window.status.note.text())


def test_a_source_is_dropped_onto_any_pane(seat: Seat, tmp_path: Path) -> None:
    paths = mammograms(tmp_path / "mg", 5, "20240517")
    seat.act("auto-hang")
    seat.open(paths["RCC"])
    seat.act("panes-6")
    seat.window.open_paths([tmp_path / "mg"])
    pane = seat.window.panes.panes[4]
    data = QMimeData()
    data.setData(PATH_MIME, os.fsencode(paths["LMLO"]))
    event = QDropEvent(QPointF(20, 20), Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier)
    pane.dropEvent(event)
    assert event.isAccepted()
    seat.wait(lambda: pane.standing == paths["LMLO"])
    assert seat.window.panes.active == 4
    assert seat.window.panes.grid == Grid(2, 3)


def test_rows_and_columns_are_pointed_at(seat: Seat) -> None:
    from app.panels.grid_picker import GridPicker

    seat.act("grid")
    picker = seat.window.findChild(GridPicker)
    assert picker is not None
    QTest.mouseMove(picker, picker.square(1, 2).center())
    QTest.mouseClick(picker, Qt.MouseButton.LeftButton, pos=picker.square(1, 2).center())
    assert seat.window.panes.grid == Grid(2, 3)
    assert [pane.isVisible() for pane in seat.window.panes.panes] == [True] * 6


def test_the_list_of_rules_hangs_and_removes(seat: Seat, tmp_path: Path) -> None:
    from app.panels.hanging_list import HangingList

    mammograms(tmp_path / "mg", 5, "20240517")
    hangs(seat, FOUR, tmp_path / "mg")
    hanging = seat.window.reading.hanging
    hanging.save("Mine")
    seat.wait(lambda: any(rule.name == "Mine" for rule in hanging.rules))
    seat.act("hangings")
    dialog = seat.window.findChild(HangingList)
    assert dialog is not None
    QTest.keyClick(dialog.list, Qt.Key.Key_Up)
    QTest.keyClick(dialog.list, Qt.Key.Key_Delete)
    assert dialog.list.count() == len(hanging.rules), "a shipped rule stays"
    QTest.keyClick(dialog.list, Qt.Key.Key_End)
    QTest.keyClick(dialog, Qt.Key.Key_Delete)
    seat.wait(lambda: all(rule.name != "Mine" for rule in hanging.rules))
    dialog.close()
