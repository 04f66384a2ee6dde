"""What the actions of a waveform do: speed, gain, layout, group, calipers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from PySide6.QtCore import QObject, Signal

from app.panes import Panes
from viewers.waveform_view import WaveformView


class Tracing(QObject):
    noted = Signal(str)

    def __init__(self, panes: Panes) -> None:
        super().__init__(panes)
        self._panes = panes

    def by_id(self) -> Mapping[str, Callable[[], object]]:
        return {
            "trace-speed": partial(self._trace, lambda view: view.choose(view.setting.next("speed"))),
            "trace-gain": partial(self._trace, lambda view: view.choose(view.setting.next("gain"))),
            "trace-layout": partial(self._trace, lambda view: view.choose(view.setting.next("layout"))),
            "trace-group": partial(self._trace, lambda view: view.choose_group(view.group_number + 1)),
            "trace-clear": partial(self._trace, WaveformView.clear_selection),
        }

    def over(self, work: dict[str, Callable[[], object]]) -> dict[str, Callable[[], object]]:
        """Undo and the like mean the calipers while a trace is in the active pane."""
        own: dict[str, Callable[[WaveformView], object]] = {
            "undo": WaveformView.take_back, "redo": WaveformView.bring_back, "delete-marks": WaveformView.remove_last,
            "invert": WaveformView.invert, "whole": WaveformView.remove_last,
        }  # fmt: skip
        return work | {id: partial(self._either, look, work[id]) for id, look in own.items()}

    def _either(self, look: Callable[[WaveformView], object], otherwise: Callable[[], object]) -> None:
        view = self._panes.view
        if isinstance(view, WaveformView):
            look(view)
        else:
            otherwise()

    def _trace(self, work: Callable[[WaveformView], object]) -> None:
        view = self._panes.view
        if not isinstance(view, WaveformView) or view.source is None:
            self.noted.emit("Only a waveform has this: open an ECG.")
            return
        work(view)
        self.noted.emit(f"{view.setting}, {view.setting.layout}")
