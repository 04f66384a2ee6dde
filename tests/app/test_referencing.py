"""Reference lines of the active pane's slice on the other pane."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PySide6.QtGui import QColor

from app.referencing import COLOUR
from tests.viewers.volumes import AXIAL, SAGITTAL, Phantom, ball
from viewers.qimage import to_array

AT = (14.0, -27.0, 58.0)


def shown_lines(view) -> np.ndarray:  # type: ignore[no-untyped-def]
    """Where the colour of the lines stands on the pane."""
    colour = QColor(COLOUR)
    away = np.abs(to_array(view.grab_view()).astype(int) - [colour.red(), colour.green(), colour.blue()]).sum(axis=2)
    return away < 90


def test_the_slice_of_the_active_pane_is_a_line_on_the_other(seat, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    cube = {"spacing": (1.0, 1.0), "rows": 60, "columns": 60}
    axial = Phantom(AXIAL, count=31, **cube).write(tmp_path / "axial", ball(AT), series="1.2.3.1")
    sagittal = Phantom(SAGITTAL, count=11, **cube).write(tmp_path / "sagittal", ball(AT), series="1.2.3.2")
    window = seat.window
    seat.open(axial, sagittal)
    seat.act("panes-2")
    window.panes.activate(1)
    seat.show(sagittal)
    left, right = window.panes.panes[0], window.panes.panes[1]
    seat.wait(lambda: left.view.settled and right.view.settled)
    assert window.referencing.lines(right) == []
    left.view.set_frame(15)
    right.view.set_frame(3)
    ((_, first), (_, last), (((x0, _), (x1, _)), current)) = window.referencing.lines(left)
    assert (first, last, current) == (False, False, True)
    truth = right.view.source.plane(3).origin[0] - left.view.source.plane(15).origin[0] + 0.5
    assert x0 == x1 == pytest.approx(truth, abs=1e-4)
    seat.wait(lambda: left.view.settled)
    u = left.view.camera.to_screen(x0, 30.0)[0]
    columns = np.flatnonzero(shown_lines(left.view).sum(axis=0) > 100)
    assert columns == pytest.approx(u, abs=2)
    seat.act("reference-lines")
    assert window.referencing.lines(left) == []
    seat.act("reference-lines")
    window.panes.activate(0)
    assert window.referencing.lines(left) == []
    assert len(window.referencing.lines(right)) == 3
