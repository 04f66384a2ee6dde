"""An answer as JSON holds it: for `--json`, and for the item files of a batch."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from app.analysis import Result
from app.reports import BANNER
from app.reports.sentences import plain
from inference.answers import Draft, Embedding, Heatmap, LabelScores


def described(result: Result) -> dict[str, Any]:
    """The answer, the region in level-0 pixels, and the receipt. Arrays are summed up, boxes are in level-0 pixels; of
    several pictures it says what each was called, of a whole series which frame each slice is that the words name, from 0 (null:
    no such slice was sent)."""
    region = result.region
    place = {"x": region.x, "y": region.y, "width": region.width, "height": region.height, "frame": region.frame}
    body: dict[str, Any] = {"use": BANNER.lower(), "region": place, **_answer(result)}
    if result.request.also:
        paths = [result.request.path, *(one.path for one in result.request.also)]
        named = zip(result.pictures, paths, strict=True)
        body["pictures"] = [{"caption": one.caption, "path": str(path)} for one, path in named]
    elif any(one.caption for one in result.pictures):
        body["pictures"] = [{"caption": one.caption} for one in result.pictures]
    if result.numbered is not None and isinstance(result.answer, Draft):
        words = plain(result.answer.text)
        body["images"] = [{"named": label, "frame": frame} for label, frame in result.numbered.named(words)]
    return {**body, "receipt": asdict(result.answer.receipt)}


def _answer(result: Result) -> dict[str, Any]:
    answer = result.answer
    if isinstance(answer, LabelScores):
        scores = [asdict(one) for one in answer.scores]
        return {"label_set": answer.label_set, "calibrated": answer.calibrated, "scores": scores}
    if isinstance(answer, Heatmap):
        return heatmap(result, answer)
    if isinstance(answer, Draft):
        boxes = [asdict(box) for box in result.boxes()]
        return {"text": plain(answer.text), "thought": plain(answer.thought), "finish": answer.finish, "boxes": boxes,
                **({"verdict": answer.verdict} if answer.verdict else {})}  # fmt: skip
    return {"dimensions": answer.vectors.shape[1], "pictures": answer.vectors.shape[0]} if isinstance(answer, Embedding) else {}


def heatmap(result: Result, answer: Heatmap) -> dict[str, Any]:
    """`peak` is the centre of the strongest cell in level-0 pixels; cells that were not looked at (NaN) count nowhere."""
    rows, columns = answer.values.shape
    row, column = np.unravel_index(int(np.nanargmax(answer.values)), answer.values.shape)
    x0, y0, x1, y1 = result.heatmap_extent()
    peak = [x0 + (int(column) + 0.5) * (x1 - x0) / columns, y0 + (int(row) + 0.5) * (y1 - y0) / rows]
    return {
        "phrase": answer.phrase,
        "method": answer.method,
        "validated": answer.validated,
        "rows": rows,
        "columns": columns,
        "extent": [x0, y0, x1, y1],
        "low": answer.low,
        "high": answer.high,
        "unit": answer.unit,
        "max": float(np.nanmax(answer.values)),
        "mean": float(np.nanmean(answer.values)),
        "peak": peak,
    }
