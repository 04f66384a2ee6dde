"""Heatmap methods compared on the phantoms' masks, with the controls beside them; part of the benchmark `demo`."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

import resources
from inference.answers import Heatmap
from inference.demo.chest import KINDS, Chest, Kind
from inference.demo.film import Film
from inference.engine import Engine, EngineSpec
from inference.heatmap import METHODS
from inference.questions import HeatmapQuestion, Picture
from tests.bench.results_file import RESULTS, Row

Seen = tuple[int, Chest, Film, Picture]
"""Seed, what is true, the film, and its picture."""
PHRASES: dict[Kind, str] = {
    "cardiomegaly": "signs of cardiomegaly", "effusion": "signs of pleural effusion", "pneumothorax": "signs of pneumothorax",
    "opacity": "signs of lung opacity",
}  # fmt: skip
"""Wordings never trained on."""
RANDOM = "a red bicycle on the road"
COMPARED = 30
"""Positive films a finding for the slow methods."""
Score = tuple[bool, float, float]
"""Hit, AUC of the map over the picture's cells, share of the picture that the mask covers."""


def rows(engine: Engine, seen: Sequence[Seen]) -> list[Row]:
    """Pointing of the default method against chance, and the table of all methods as Markdown."""
    found, lines = [], []
    default = {kind: _scores(engine, seen, kind, PHRASES[kind], None) for kind in KINDS}
    for kind in KINDS:
        hits, chance = np.mean([s[0] for s in default[kind]]), np.mean([s[2] for s in default[kind]])
        found.append(Row(f"heatmap pointing, {kind}", float(hits), "", "≥ 0.85", f"chance {chance:.3f}", bool(hits >= 0.85)))
        found.append(
            Row(f"heatmap AUC, {kind}", float(np.nanmean([s[1] for s in default[kind]])), "", "", f"n = {len(default[kind])}")
        )
    with _home(_allow_all) as free:
        for method in METHODS:
            lines.append(_line(method, {k: _scores(free, seen, k, PHRASES[k], method)[:COMPARED] for k in KINDS}))
        lines.append(_line("patch-head, random prompt", {k: _scores(free, seen, k, RANDOM, "patch-head") for k in KINDS}))
    with _home(_untrained) as raw:
        lines.append(_line("patch-head, untrained encoder", {k: _scores(raw, seen, k, PHRASES[k], "patch-head") for k in KINDS}))
    for line in lines[-2:]:
        found.append(Row(f"heatmap pointing, {line[0]}", float(np.mean([v[0] for v in line[1].values()])), ""))
    _write(lines, {kind: float(np.mean([s[2] for s in default[kind]])) for kind in KINDS}, len(seen))
    return found


Line = tuple[str, dict[Kind, tuple[float, float, int]]]


def _line(name: str, scores: dict[Kind, list[Score]]) -> Line:
    """(name, {kind: (pointing, AUC, n)})."""
    return name, {k: (float(np.mean([s[0] for s in v])), float(np.nanmean([s[1] for s in v])), len(v)) for k, v in scores.items()}


def _scores(engine: Engine, seen: Sequence[Seen], kind: Kind, phrase: str, method: str | None) -> list[Score]:
    """One score per film that shows `kind`."""
    positive = [one for one in seen if one[1].has(kind)]
    if method not in (None, "patch-head", "token-cosine"):
        positive = positive[:COMPARED]
    result = []
    for _, _, film, picture in positive:
        mask = np.any([m for (k, _), m in film.findings.items() if k == kind], axis=0)
        answer = engine.answer(HeatmapQuestion(phrase, method=method), [picture])
        assert isinstance(answer, Heatmap)
        result.append(_score(answer, mask))
    return result


def _score(heatmap: Heatmap, mask: NDArray[np.bool_]) -> Score:
    """Every cell is looked up at its centre; cells outside the picture do not count."""
    x0, y0, x1, y1 = heatmap.extent
    rows, columns = heatmap.values.shape
    y = (y0 + (np.arange(rows) + 0.5) * (y1 - y0) / rows).astype(int)[:, None].repeat(columns, 1)
    x = (x0 + (np.arange(columns) + 0.5) * (x1 - x0) / columns).astype(int)[None, :].repeat(rows, 0)
    inside = (y >= 0) & (y < mask.shape[0]) & (x >= 0) & (x < mask.shape[1])
    values, truth = heatmap.values[inside], mask[y[inside], x[inside]]
    auc = float(roc_auc_score(truth, values)) if 0 < truth.sum() < truth.size else float("nan")
    return bool(truth[values.argmax()]), auc, float(mask.mean())


@contextmanager
def _home(change: object) -> Iterator[Engine]:
    """An engine whose demonstration encoder is a changed copy."""
    before = os.environ.get("HILUM_HOME")
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "models" / "demo-encoder"
        shutil.copytree(resources.path("demo/encoder"), copy)
        change(copy)  # type: ignore[operator]
        os.environ["HILUM_HOME"] = folder
        try:
            engine = Engine(EngineSpec(threads=1))
            yield engine
            engine.close()
        finally:
            os.environ.pop("HILUM_HOME") if before is None else os.environ.update(HILUM_HOME=before)


def _allow_all(folder: Path) -> None:
    facts = json.loads((folder / "hilum.json").read_text(encoding="utf-8"))
    facts["heatmap"]["failed"] = []
    (folder / "hilum.json").write_text(json.dumps(facts), encoding="utf-8")


def _untrained(folder: Path) -> None:
    import torch
    from transformers import SiglipConfig, SiglipModel

    torch.manual_seed(0)
    SiglipModel(SiglipConfig.from_pretrained(folder)).save_pretrained(folder)


def _write(lines: Sequence[Line], chance: dict[Kind, float], count: int) -> None:
    """tests/bench/results/demo-heatmaps.md."""
    text = [
        "# Heatmap methods on the masks of unseen phantoms",
        "",
        f"{count} films, phrases never trained on. Each field: pointing hit rate / AUC over the map's cells (films). A hit is a",
        "highest cell whose centre lies in the true mask; chance is the mean share of the picture that the mask covers.",
        "",
        "| method | " + " | ".join(KINDS) + " |",
        "| --- |" + " --- |" * len(KINDS),
    ]
    for name, values in lines:
        text.append(f"| {name} | " + " | ".join(f"{hit:.2f} / {auc:.2f} ({n})" for hit, auc, n in values.values()) + " |")
    text.append("| chance | " + " | ".join(f"{chance[kind]:.2f} / 0.50" for kind in KINDS) + " |")
    (RESULTS / "demo-heatmaps.md").write_text("\n".join(text) + "\n", encoding="utf-8")
