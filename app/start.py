"""The program with its window: from the call to the exit status."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtWidgets import QApplication

from app import settings, theme
from app.collecting import Collecting
from app.window import Window
from viewers.readers.pool import readers

SWITCH_S = 0.001
"""How long a worker thread keeps Python to itself: every call into Qt gives it up, and a painting makes many."""


def has_display() -> bool:
    """Whether a window can be opened: a screen, or a platform plug-in that was asked for and needs none."""
    known = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    return not sys.platform.startswith("linux") or any(os.environ.get(name) for name in known)


def _warm() -> None:
    """Load what the first DICOM file would wait for, once the window is drawn."""
    import pydicom  # noqa: F401

    from viewers.sources import dicom  # noqa: F401


def open_window(paths: Sequence[Path], *, demo: bool = False) -> int:
    """Open the window on `paths` (else on the last session's) and run until it is closed; the exit status."""
    if not has_display():
        print("hilum: no display to open a window on; `hilum --help` lists what works without one", file=sys.stderr)
        return 2
    sys.setswitchinterval(SWITCH_S)
    readers().start()  # they load their decoders while the window is made
    application = QApplication(sys.argv[:1])
    application.setApplicationName("hilum")
    chosen = settings.load()
    theme.apply(application, chosen.theme)
    window = Window(chosen)
    window.show()
    collecting = Collecting(application)
    window.engine_timer.start()
    window.engine_timer.timeout.connect(lambda: threading.Thread(target=_warm, name="warm", daemon=True).start())
    if paths:
        window.open_paths(paths)
    elif demo:
        window.open_demo()
    else:
        window.restore()
    status = application.exec()
    collecting.close()
    return status
