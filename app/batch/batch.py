"""One batch: which jobs are left, doing them, and the tables at the end.

Every answer is written before the next question is asked, as part of its item's JSON: temporary file, sync, rename, sync.
A job is known by its key: SHA-256 of the file's content, task, model, the model's revision, question and settings. On the
next start a job whose key and files are there is kept, any other is done again; so a changed picture, model, prompt or
label set is noticed, and what failed is tried again. The tables are made from the item files at the end. Times and dates
stand in the item's JSON (`when`, `receipt.seconds`), never in the tables.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

from app import __version__
from app.analysis import AnyEngine, Request, Result, ignore, run
from app.batch.folder import BatchError, BatchFolder, holds_batch
from app.batch.items import Item, content_sha256, plan
from app.batch.table import Row, csv_text, parquet_bytes
from app.batch.tasks import TASKS, Settings, Task, perform
from app.label_sets import LabelSetError
from app.modality import modality_of
from app.reports import BANNER
from app.reports.sentences import plain
from app.storage import now_utc
from inference.answers import Progress
from inference.errors import Cancelled, InferenceError, ModelMissing, ModelRefused, OutsideTraining, QuestionTooLong
from inference.questions import Modality, Question
from viewers.errors import SourceError
from viewers.geometry import Region

ANSWERED = frozenset({"done", "partly"})
NOT_ASKED = "not asked"
"""No model of the batch was made for the picture. It is none of the failures, and nothing was found out."""
STATES = ("done", "partly", NOT_ASKED, "failed")
"""What a row's status can be at the end."""


class Batch:
    """One run over `folder` into `out`. Raises BatchError, SourceError (the folder), ModelMissing and ModelRefused.

    `left_out` are folders inside that hold the results of another batch; `kept` are tasks of earlier runs into `out` that this
    one does not ask for: what they gave stays in the tables.
    """

    def __init__(self, folder: Path, out: Path, settings: Settings, *, resume: bool = False) -> None:
        from inference import catalogue

        self.settings = settings
        needed = sorted({(settings.model(task), settings.role(task)) for task in settings.tasks})
        self._models = {
            model: catalogue.require(model, role)
            if role == "encoder" or settings.endpoint is None
            else (catalogue.facts(model), catalogue.folder(model), f"{settings.endpoint.model} at {settings.endpoint.url}")
            for model, role in needed
        }
        self._adapter = self._taught(settings) if settings.adapter and "draft" in settings.tasks else ""
        if holds_batch(folder) and folder.resolve() != out.resolve():
            raise BatchError(f"{folder} holds the results of a batch; choose the folder of the pictures")
        found = plan(folder, leave_out=out)
        self.items, self.left_out = found.items, found.left_out
        self._folder = BatchFolder(out, resume=resume)
        before = self._folder.asked_before()
        tasks = [task for task in TASKS if task in before or task in settings.tasks]
        self.kept = tuple(task for task in tasks if task not in settings.tasks)
        asked = {**asdict(settings), "tasks": tasks}
        self._folder.settings({"folder": str(folder), "settings": asked, "hilum": __version__})

    def _taught(self, settings: Settings) -> str:
        """Name and revision of the adapter. Raises ModelMissing and ModelRefused."""
        from inference.adapters import folder

        return folder.require(settings.adapter, settings.drafter, self._models[settings.drafter][2]).words

    def __enter__(self) -> Batch:
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.close()

    def run_item(
        self,
        item: Item,
        engine: AnyEngine,
        on_progress: Callable[[Progress], None] = ignore,
        cancel: threading.Event | None = None,
    ) -> Row:
        """Do what is left to do of one item and give its row. What goes wrong with the item alone stands in the row.

        Raises ModelMissing, ModelRefused and QuestionTooLong, which end the batch, Cancelled, and OSError when `out` cannot be
        written.
        """
        record = self._opened(item)
        tasks = self.settings.tasks if not record["failure"] else ()
        for task in tasks:
            try:
                questions = self.settings.questions(task, record["modality"])
            except (LabelSetError, OutsideTraining) as error:
                self._without(item, record, task, "", error)
                continue
            key = self._key(task, record, questions)
            done = record["tasks"].get(task, {})
            if done.get("key") == key and done["status"] in ANSWERED and self._folder.holds(done["files"]):
                continue
            self._do(item, record, task, key, questions, engine, on_progress, cancel)
        return self._row(item, record, self._remark([record]))

    def finish(self) -> list[Row]:
        """Write results.csv and results.parquet from the item files and give the rows."""
        records = [self._folder.load(item.id) for item in self.items]
        remark = self._remark(records)
        rows = [self._row(item, record, remark) for item, record in zip(self.items, records, strict=True)]
        self._folder.write("results.csv", csv_text(rows))
        self._folder.write("results.parquet", parquet_bytes(rows))
        return rows

    def _opened(self, item: Item) -> dict[str, Any]:
        """The item's record, begun anew when its content changed or could not be read."""
        failure, about, sha256 = plain(item.failure), {}, ""
        try:
            sha256 = content_sha256(item)
            record = self._folder.load(item.id)
            if record.get("sha256") == sha256 and not record["failure"] and not failure:
                return record
            about = {} if failure else _about(item)
        except (SourceError, ValueError) as error:
            failure = failure or plain(str(error))
        record = {"item": item.name, "sha256": sha256, "failure": failure, "use": BANNER.lower(), "tasks": {}, **about}
        self._folder.save(item.id, record)
        return record

    def _key(self, task: Task, record: dict[str, Any], questions: tuple[Question, ...]) -> str:
        model = self.settings.model(task)
        asked = [{"kind": type(one).__name__, **asdict(one)} for one in questions]
        body = {
            "sha256": record["sha256"],
            "frame": record["frame"],
            "task": task,
            "model": model,
            "revision": self._models[model][2],
            "quantisation": self.settings.quantisation,
            "device": self.settings.device,
            **({"adapter": self._adapter} if task == "draft" and self._adapter else {}),
            "questions": asked,
        }
        return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()

    def _do(
        self,
        item: Item,
        record: dict[str, Any],
        task: Task,
        key: str,
        questions: tuple[Question, ...],
        engine: AnyEngine,
        on_progress: Callable[[Progress], None],
        cancel: threading.Event | None,
    ) -> None:
        def ask(question: Question) -> Result:
            request = Request(item.path, question, frame=record["frame"])
            return run(request, engine, on_progress, cancel, open=lambda _: item.open())

        try:
            outcome = perform(task, item.id, questions, ask)
        except (ModelMissing, ModelRefused, QuestionTooLong, Cancelled):
            raise
        except (InferenceError, SourceError, ValueError) as error:
            self._without(item, record, task, key, error)
            return
        for name, content in outcome.files.items():
            self._folder.write(name, content)
        record["tasks"][task] = {
            "key": key,
            "status": "partly" if outcome.partly else "done",
            "reason": outcome.partly,
            "values": outcome.values,
            "files": list(outcome.files),
            "answers": outcome.answers,
            "when": now_utc(),
        }
        self._folder.save(item.id, record)

    def _without(self, item: Item, record: dict[str, Any], task: Task, key: str, error: Exception) -> None:
        """No answer: the task failed, or the model was not made for such a picture and was not asked."""
        status = NOT_ASKED if isinstance(error, OutsideTraining) else "failed"
        body = {"key": key, "status": status, "reason": plain(str(error)), "values": {}, "files": [], "answers": []}
        record["tasks"][task] = {**body, "when": now_utc()}
        self._folder.save(item.id, record)

    def _remark(self, records: Sequence[dict[str, Any]]) -> str:
        """The standing remarks of the models that are asked and of those that answered."""
        answers = [answer for record in records for one in record.get("tasks", {}).values() for answer in one["answers"]]
        found = {facts.remark for facts, _, _ in self._models.values()} | {answer["receipt"]["remark"] for answer in answers}
        return "; ".join(sorted(found - {""}))

    def _row(self, item: Item, record: dict[str, Any], remark: str) -> Row:
        """The item's row: what is asked for, and what was asked for before."""
        held = record.get("tasks", {})
        tasks = {task: held.get(task) for task in TASKS if task in held or task in self.settings.tasks}
        done = [one["status"] if one else "open" for one in tasks.values()]
        reasons = [
            record.get("failure", ""),
            *(f"{task}: {one['reason']}" for task, one in tasks.items() if one and one["reason"]),
        ]
        if not record or (not record["failure"] and "open" in done):
            status = "open"
        elif record["failure"] or ("failed" in done and not ANSWERED & set(done)):
            status = "failed"
        elif set(done) == {NOT_ASKED}:
            status = NOT_ASKED
        else:
            status = "done" if set(done) == {"done"} else "partly"
        row: Row = {"item": item.name, "status": status, "reason": "; ".join(one for one in reasons if one)}
        row |= {name: record.get(name) for name in ("kind", "modality", "width", "height", "frames", "frame", "sha256")}
        row |= {"record": f"items/{item.id}.json", "remark": remark, "use": BANNER.lower()}
        for one in tasks.values():
            row |= one["values"] if one else {}
        return row


def _about(item: Item) -> dict[str, Any]:
    """What the table says of the picture. Of many frames the middle one is taken. Raises SourceError."""
    with closing(item.open()) as source:
        frame = source.frames // 2
        sample = source.read(Region.whole(source.size, frame), source.size.fitted(256))
        modality: Modality = modality_of(source, sample)[0]
        size = source.size
        known = {"kind": source.kind, "modality": modality, "width": size.width, "height": size.height}
        return {**known, "frames": source.frames, "frame": frame}
