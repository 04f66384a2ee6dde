"""The main job without a display: the real window, offscreen, driven over the demonstration; what it shows is kept.

`python -m app.tour [FOLDER]` leaves screenshots, the drafted report, the labels and the batch table in FOLDER (demo-output).
"""

from __future__ import annotations

import csv
import os
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QEventLoop, QTimer
from PySide6.QtWidgets import QApplication

from app import batch, demo_workspace, ready, settings, theme
from app.storage import data_folder
from app.window import Window
from inference.answers import LabelScores

LIMIT_S = 240.0
"""How long one step may take before the tour gives up and says which."""


class Tour:
    def __init__(self, out: Path) -> None:
        self.out = out
        out.mkdir(parents=True, exist_ok=True)
        application = QApplication.instance() or QApplication(sys.argv[:1])
        assert isinstance(application, QApplication)
        theme.apply(application, "dark")
        self.window = Window(replace(settings.Settings(), theme="dark"))
        self.window.resize(1480, 900)  # the screen that is not there counts as 800 × 800
        self.window.show()

    def run(self) -> None:
        say("making the demonstration's workspace (once, up to a minute)")
        data_folder().mkdir(parents=True, exist_ok=True)
        workspace = demo_workspace.make(data_folder() / "demo")
        self.window.open_paths(demo_workspace.sources(workspace.folder))
        self._shot("1-browser", self._described)
        self._chest(workspace.current)
        self._slide(workspace.slide)
        say("CT-like series: a draft of all its slices, a question")
        self._whole(workspace.ct, "9-ct-draft", "On which slice is the liver lesion?", "10-ct-question")
        self._skin(workspace.skin)
        self._page(workspace.slip)
        say("ultrasound film: a draft of frames spread over it, a question")
        self._whole(workspace.heart, "14-heart-draft", "Does the left ventricle contract normally?", "15-heart-question")
        self._batch(workspace.batch)
        self.window.close()

    def _chest(self, path: Path) -> None:
        say("chest film: labels, heatmap, draft compared with the prior, a question")
        self._open(path)
        self._ask("labels", lambda found: found.labels is not None)
        answer = self._found(path).labels
        assert answer is not None
        assert isinstance(answer.answer, LabelScores)
        with (self.out / "labels.csv").open("w", encoding="utf-8", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["label", "contrast", "score"])
            rows.writerows([one.name, f"{one.contrast:.4f}", f"{one.probability:.4f}"] for one in answer.answer.scores)
        self.window.side.labels.table.selectRow(0)
        self._ask("heatmap", lambda found: found.heatmap is not None)
        self._shot("2-chest-labels-and-heatmap")
        self._ask("draft", lambda found: found.report is not None)
        self._shot("3-chest-draft")
        report = self._found(path).report
        assert report is not None
        for ending in ("json", "html", "pdf"):
            self.window.filing.write(report, self.out / f"report.{ending}", path)
            self._wait((self.out / f"report.{ending}").exists, "report")
        self.window.side.front(self.window.side.ask)
        self.window.asking.question("Is there a pleural effusion?")
        self._wait(lambda: bool(self._found(path).conversation), "question")
        self._shot("4-chest-question")
        self.window.side.front(self.window.side.details)
        self._shot("5-chest-what-the-model-saw")

    def _slide(self, path: Path) -> None:
        say("slide: labels and a heatmap of the whole slide")
        self._open(path)
        self._ask("labels", lambda found: found.labels is not None)
        self.window.side.labels.phrase.setCurrentText("tumour")
        self._ask("heatmap", lambda found: found.heatmap is not None)
        self._shot("6-slide-labels-and-heatmap")
        self.window.actions_by_id["theme"].trigger()
        self._shot("7-slide-light-theme")
        self.window.actions_by_id["theme"].trigger()
        say("slide: the fields that stand for the whole of it, and a draft of them")
        self.window.actions_by_id["fields"].trigger()
        state = self.window.fielding.of(path)
        self._wait(lambda: state.fields is not None and len(state.pictures) >= len(state.fields.places), "fields")
        self._ask("draft-whole", lambda found: found.report is not None)
        self._shot("8-slide-fields-and-draft")
        self.window.actions_by_id["fields"].trigger()

    def _whole(self, path: Path, drafted: str, question: str, answered: str) -> None:
        """A draft and a question, and the pictures' names."""
        self._open(path)
        self._ask("draft-whole", lambda found: found.report is not None)
        self._shot(drafted)
        self.window.side.front(self.window.side.ask)
        self.window.side.ask.question.setText(question)
        self._ask("question-whole", lambda found: bool(found.conversation))
        self._shot(answered)

    def _skin(self, path: Path) -> None:
        say("photograph of skin: a draft, the question that is offered for it")
        self._open(path)
        self._ask("draft", lambda found: found.report is not None)
        self._shot("11-skin-draft")
        self.window.side.front(self.window.side.ask)
        self.window.asking.question(ready.named("skin").text)
        self._wait(lambda: bool(self._found(path).conversation), "question")
        self._shot("12-skin-question")

    def _page(self, path: Path) -> None:
        say("page of a laboratory: its table")
        self._open(path)
        self.window.actions_by_id["table"].trigger()
        self._wait(lambda: self.window.side.table.table.rowCount() > 0, "table")
        self._shot("13-page-table")

    def _batch(self, folder: Path) -> None:
        say(f"batch over {folder.name}")
        out = self.out / "batch"
        shutil.rmtree(out, ignore_errors=True)
        self.window.batch.start(folder, out, batch.Settings(tasks=("label", "draft", "heatmap")))
        self._wait(lambda: not self.window.batch.running, "batch")
        self._shot("16-batch-done")

    def _open(self, path: Path) -> None:
        self.window.browser.select(path)
        self._wait(lambda: self.window.panes.pane.path == path and self.window.panes.view.source is not None, "opening")
        self._settle(0.8)

    def _ask(self, action: str, there: Callable[..., bool]) -> None:
        path = self.window.panes.pane.path
        assert path is not None
        self.window.actions_by_id[action].trigger()
        self._wait(lambda: there(self._found(path)) and not self.window.asking.session.waiting(), action)

    def _found(self, path: Path):  # type: ignore[no-untyped-def]
        return self.window.asking.session.findings(path)

    def _described(self) -> bool:
        return all(item.line or item.problem for item in self.window.browser.model.items())

    def _wait(self, done: Callable[[], bool], what: str) -> None:
        end = time.monotonic() + LIMIT_S
        while not done():
            self._settle(0.02)
            if time.monotonic() > end:
                self._shot(f"stuck-at-{what}")
                raise SystemExit(f"hilum: the tour waited {LIMIT_S:.0f} s for: {what}")

    def _settle(self, seconds: float) -> None:
        loop = QEventLoop()
        QTimer.singleShot(round(seconds * 1000), loop.quit)
        loop.exec()

    def _shot(self, name: str, ready: Callable[[], bool] | None = None) -> None:
        if ready is not None:
            self._wait(ready, name)
        self._settle(0.6)
        self.window.grab().save(str(self.out / f"{name}.png"))


def say(text: str) -> None:
    print(f"hilum: {text}", file=sys.stderr, flush=True)


def main() -> int:
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    out = Path(sys.argv[1] if len(sys.argv) > 1 else "demo-output")
    say("no display here: doing the main job offscreen")
    Tour(out).run()
    say(f"done; screenshots, report, labels and batch table are in {out}/")
    return 0


if __name__ == "__main__":
    sys.exit(main())
