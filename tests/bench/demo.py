"""What the demonstration models can do on phantoms never seen, through the engine: `python packaging/dev.py bench demo [COUNT]`.

Seeds from 2,000,000 on; label wordings, questions and indications that training never used. 500 patients by default; the
methods of heatmaps are compared in `tests/bench/results/demo-heatmaps.md` (see `demo_heatmaps.py`).
"""

from __future__ import annotations

import multiprocessing
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score

from app import label_sets
from inference.answers import Draft, LabelScores
from inference.catalogue import facts
from inference.demo import reports, whole_reports
from inference.demo.chest import CHANGES, KINDS, SLOTS, Chest, Kind, Pair, Side, draw_pair
from inference.demo.film import Film, box_of, draw_film
from inference.demo.further import draw_beat, draw_photo, draw_slip
from inference.demo.pictures import render
from inference.demo.sentences import TISSUES, phrase
from inference.demo.slide import CELL, SlidePhantom
from inference.demo.wholes import Scan, Sheet, draw_mr, draw_scan, draw_sheet
from inference.engine import Engine, EngineSpec
from inference.quantisations import Quantisation
from inference.questions import BoxQuestion, DraftQuestion, FreeQuestion, LabelQuestion, Picture
from tests.bench import demo_further, demo_heatmaps
from tests.bench.results_file import Row, share, write

FIRST = 2_000_000
INDICATIONS = ("", "fever and cough", "chest pain after trauma", "Indication: hypoxia.", "follow up of known pneumonia")
"""Combinations never trained on."""
TITLES: dict[Kind, str] = {
    "cardiomegaly": "Cardiomegaly", "effusion": "Pleural effusion", "pneumothorax": "Pneumothorax", "opacity": "Opacity",
}  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """One patient on two days, drawn at a size of their own."""

    seed: int
    pair: Pair
    prior: Film
    current: Film

    @property
    def chest(self) -> Chest:
        return self.pair.current


def draw_case(seed: int) -> list[Case]:
    """One in 25 at 1024 px, half of them not square; for `render`."""
    side = 1024 if seed % 25 == 0 else 320
    width = int(side * (1.0, 1.0, 0.85, 1.15)[seed % 4])
    pair = draw_pair(seed)
    return [Case(seed, pair, draw_film(pair.prior, side, width), draw_film(pair.current, side, width))]


def picture(film: Film) -> Picture:
    return Picture(np.repeat(film.pixels[..., None], 3, 2), "cxr")


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    began = time.monotonic()
    cases = render(draw_case, range(FIRST, FIRST + count))
    seen = [(case.seed, case.chest, case.current, picture(case.current)) for case in cases]
    drawn = render(draw_scan, range(FIRST, FIRST + max(1, 2 * count // 5)))
    resonance = render(draw_mr, range(FIRST, FIRST + max(1, count // 5)))
    fields = render(draw_sheet, range(FIRST, FIRST + max(1, count // 10)))
    singles = [render(draw, range(FIRST, FIRST + max(1, 2 * count // 5))) for draw in (draw_photo, draw_slip, draw_beat)]
    work: dict[str, Callable[[], object]] = {
        "heatmaps": lambda: demo_heatmaps.rows(one_thread(), seen),
        "comparisons": lambda: comparisons(one_thread(), cases),
        "none": lambda: texts(one_thread(), cases),
        "int8": lambda: texts(one_thread("int8"), cases),
        "int4": lambda: texts(one_thread("int4"), cases),
        "boxes": lambda: boxes(one_thread(), cases),
        "questions": lambda: questions(one_thread(), cases),
        "labels": lambda: labels(one_thread(), cases),
        "tissues": lambda: tissues(one_thread(), count),
        "scans": lambda: scans(one_thread(), drawn),
        "sheets": lambda: sheets(one_thread(), fields),
        "photographs": lambda: demo_further.photographs(one_thread(), singles[0]),
        "slips": lambda: demo_further.slips(one_thread(), singles[1]),
        "beats": lambda: demo_further.beats(one_thread(), singles[2]),
        "records": lambda: demo_further.records(one_thread(), max(1, 2 * count // 5), FIRST),
    }
    if "mr" in facts("demo-drafter").modalities:
        work["resonance"] = lambda: scans(one_thread(), resonance)
    done: dict[str, Any] = {}
    for name, result in shared_out(work):
        done[name] = result
        print(f"-- {time.monotonic() - began:.0f} s: {name}", flush=True)
    rows = [*done["labels"], *done["heatmaps"], *done["tissues"], *report_rows(done["none"], cases, "")]
    rows += [*done["comparisons"], *done["questions"], *done["boxes"], *done["scans"], *done["sheets"]]
    rows += [row for name in ("resonance", "photographs", "slips", "beats", "records") for row in done.get(name, ())]
    for name in ("int8", "int4"):
        rows += report_rows(done[name], cases, f" ({name})")
        same = [a == b for a, b in zip(done["none"], done[name], strict=True)]
        rows.append(share(f"report ({name}): the same text as at full precision", same))
    write("demo", rows, {"phantoms": count, "first_seed": FIRST})


def one_thread(quantisation: Quantisation = "none") -> Engine:
    return Engine(EngineSpec(quantisation=quantisation, threads=1))


def shared_out(work: Mapping[str, Callable[[], object]], processes: int = 2) -> Iterator[tuple[str, object]]:
    """(name, result) of every piece of work as it ends, in forked processes; raises the first error of any."""
    context = multiprocessing.get_context("fork")
    names: Any = context.SimpleQueue()
    results: Any = context.SimpleQueue()
    for name in [*work, *[""] * processes]:
        names.put(name)

    def labour() -> None:
        while name := names.get():
            try:
                results.put((name, work[name]()))
            except Exception as error:
                results.put((name, error))

    crew = [context.Process(target=labour, daemon=True) for _ in range(processes)]
    for one in crew:
        one.start()
    for _ in work:
        name, result = results.get()
        if isinstance(result, Exception):
            raise result
        yield name, result
    for one in crew:
        one.join()


def labels(engine: Engine, cases: Sequence[Case]) -> list[Row]:
    """Zero-shot AUC of every finding and of its side (left against right, one-sided findings only)."""
    names = label_sets.load("demo-cxr")
    contrast = []
    for case in cases:
        answer = engine.answer(LabelQuestion(names), [picture(case.current)])
        assert isinstance(answer, LabelScores)
        contrast.append({score.name: score.contrast for score in answer.scores})
    rows = []
    for kind, title in TITLES.items():
        truth = [case.chest.has(kind) for case in cases]
        rows.append(_auc(f"zero-shot AUC, {kind}", truth, [c[title] for c in contrast], 0.97))
    for kind in KINDS[1:]:
        left, right = f"Left {TITLES[kind].lower()}", f"Right {TITLES[kind].lower()}"
        one = [(case.chest.find(kind, "left") is not None, c[left] - c[right]) for case, c in zip(cases, contrast, strict=True)
               if (case.chest.find(kind, "left") is None) != (case.chest.find(kind, "right") is None)]  # fmt: skip
        rows.append(_auc(f"zero-shot side AUC, {kind}", [o[0] for o in one], [o[1] for o in one], 0.95))
        for side, name in (("left", left), ("right", right)):
            truth = [case.chest.find(kind, side) is not None for case in cases]  # type: ignore[arg-type]
            rows.append(_auc(f"zero-shot AUC, {side} {kind}", truth, [c[name] for c in contrast]))
    return rows


def tissues(engine: Engine, count: int) -> list[Row]:
    """Zero-shot AUC of every tissue on patches of unseen slides; present from 30 %, absent below 3 % of the patch."""
    names = label_sets.load("demo-slide")
    shares, contrast = [], []
    for number in range(-(-count // 25)):
        slide = SlidePhantom(FIRST + number, 8192, 8192)
        rng = np.random.default_rng([slide.seed, 43])
        for pick in range(25):
            rows, columns = np.nonzero(slide.class_map == pick % 4)
            at = rng.integers(len(rows))
            x, y = int(columns[at]) * CELL // 4 - 60, int(rows[at]) * CELL // 4 - 60
            answer = engine.answer(LabelQuestion(names), [Picture(slide.tile(4, x, y, 120, 120), "slide", 2.0)])
            assert isinstance(answer, LabelScores)
            contrast.append({score.name: score.contrast for score in answer.scores})
            shares.append(slide.share(4, x, y, 120, 120))
    found = []
    for number, name in enumerate(("Background", "Normal tissue", "Tumour", "Lymphocytes")):
        known = [i for i, share in enumerate(shares) if not 0.03 <= share[number] <= 0.3]
        truth = [shares[i][number] > 0.3 for i in known]
        target = 0.97 if name == "Tumour" else None
        found.append(_auc(f"slide patches, AUC, {TISSUES[number]}", truth, [contrast[i][name] for i in known], target))
    return found


def texts(engine: Engine, cases: Sequence[Case]) -> list[str]:
    """A drafted report of every current film."""
    found = []
    for number, case in enumerate(cases):
        answer = engine.answer(DraftQuestion(INDICATIONS[number % len(INDICATIONS)]), [picture(case.current)])
        assert isinstance(answer, Draft)
        found.append(answer.text)
    return found


def report_rows(texts: Sequence[str], cases: Sequence[Case], mark: str) -> list[Row]:
    """F1 of every finding, side, grade, and the share of sentences that contradict the phantom."""
    read = [reports.read_report(text) for text in texts]
    rows = []
    for kind in KINDS:
        truth = np.array([case.chest.has(kind) for case in cases])
        said = np.array([any(k == kind for k, _ in found) for found in read])
        f1 = 2.0 * (truth & said).sum() / max(1, truth.sum() + said.sum())
        rows.append(Row(f"report{mark}: F1, {kind}", float(f1), "", "≥ 0.93", "", bool(f1 >= 0.93)))
    sides, grades = [], []
    for case, found in zip(cases, read, strict=True):
        for kind in KINDS[1:]:
            true = {side for k, side in SLOTS if k == kind and case.chest.find(k, side)}
            told = {side for k, side in found if k == kind}
            if len(true) == 1 and told:
                sides.append(told == true)
        grades += [found[(f.kind, f.side)][0] == f.grade for f in case.chest.findings if (f.kind, f.side) in found]
    wrong = [_contradicts(part, case.chest) for text, case in zip(texts, cases, strict=True) for part in _sentences(text)]
    exact = [text == reports.report(case.chest) for text, case in zip(texts, cases, strict=True)]
    rows += [
        share(f"report{mark}: side right", sides, 0.95),
        share(f"report{mark}: grade right", grades),
        share(f"report{mark}: sentences that contradict the phantom", wrong, -0.04),
        share(f"report{mark}: whole text as the phantom's", exact),
    ]
    return rows


def _sentences(text: str) -> list[str]:
    return [part.strip() for part in text.replace("Findings:", "").replace("Impression:", "").split(".") if part.strip()]


def _contradicts(part: str, chest: Chest) -> bool:
    """A finding that is not there, the absence of one that is, or words that are neither."""
    words = part.lower()
    if words == "no acute finding":
        return bool(chest.findings)
    if words == "heart size is normal":
        return chest.has("cardiomegaly")
    kind = next((k for k in KINDS if reports.WORDS[k] in words), None)
    if kind is None:
        return True
    if words.startswith("no "):
        return chest.has(kind)
    side: Side = "left" if "left" in words.split() else "right" if "right" in words.split() else ""
    return chest.find(kind, side) is None


def comparisons(engine: Engine, cases: Sequence[Case]) -> list[Row]:
    """Progression of every finding of either film; a finding not named counts as wrong."""
    right: dict[str, list[bool]] = {change: [] for change in CHANGES}
    invented = []
    for number, case in enumerate(cases):
        question = DraftQuestion(INDICATIONS[number % len(INDICATIONS)])
        answer = engine.answer(question, [picture(case.prior), picture(case.current)])
        assert isinstance(answer, Draft)
        found = reports.read_report(answer.text)
        for slot, change in case.pair.changes.items():
            right[change].append(found.get(slot, ("", ""))[1] == change)
        invented += [slot not in case.pair.changes for slot in found]
    rows = [share(f"progression, {change}", values) for change, values in right.items()]
    rows.append(share("progression, all findings", [value for values in right.values() for value in values], 0.9))
    return [*rows, share("progression, findings that neither film has", invented)]


def questions(engine: Engine, cases: Sequence[Case]) -> list[Row]:
    """Questions in wordings never trained on: presence by the first word, side by the whole answer."""
    rng = np.random.default_rng(3)
    presence, side = [], []
    for case in cases:
        asked, true = reports.question(case.chest, rng, held_out=True)
        answer = engine.answer(FreeQuestion(asked), [picture(case.current)])
        assert isinstance(answer, Draft)
        if true.startswith(("Yes", "No")):
            presence.append(answer.text.split(".")[0] == true.split(".")[0])
        else:
            side.append(answer.text.strip() == true)
    return [share("questions: presence right", presence, 0.9), share("questions: side right", side, 0.9)]


def boxes(engine: Engine, cases: Sequence[Case]) -> list[Row]:
    """Mean overlap of the box of one finding a film with the box of its mask; no box counts 0."""
    rng = np.random.default_rng(5)
    overlap: dict[Kind, list[float]] = {kind: [] for kind in KINDS}
    for case in cases:
        if not case.chest.findings:
            continue
        finding = case.chest.findings[rng.integers(len(case.chest.findings))]
        box = box_of(case.current.findings[(finding.kind, finding.side)])
        answer = engine.answer(BoxQuestion(phrase(reports.WORDS[finding.kind], finding.side, "")), [picture(case.current)])
        assert isinstance(answer, Draft)
        if box is not None:
            given = [(b.x0, b.y0, b.x1, b.y1) for b in answer.boxes[:1]]
            overlap[finding.kind].append(_overlap(given[0], box) if given else 0.0)
    rows = [Row(f"box IoU, {kind}", float(np.mean(values)), "", "", f"n = {len(values)}") for kind, values in overlap.items()]
    mean = float(np.mean([value for values in overlap.values() for value in values]))
    return [*rows, Row("box IoU, all", mean, "", "≥ 0.5", "", mean >= 0.5)]


def scans(engine: Engine, drawn: Sequence[Scan]) -> list[Row]:
    """Whole scans, all of CT or all of MR: each finding with its side, its largest slice, questions in words never trained on."""
    rng = np.random.default_rng(7)
    counts = {name: [0, 0, 0] for name in whole_reports.FOUND}
    near, right = [], []
    for number, scan in enumerate(drawn):
        pictures = [Picture(pixels, scan.kind) for pixels in scan.pixels]
        answer = engine.answer(DraftQuestion(INDICATIONS[number % len(INDICATIONS)]), pictures)
        assert isinstance(answer, Draft)
        found = whole_reports.read_scan(answer.text)
        for name, three in counts.items():
            mine, true = ({side for one, side in held if one == name} for held in (found, scan.best))
            three[0] += len(mine & true)
            three[1] += len(mine - true)
            three[2] += len(true - mine)
        near += [abs(found[one] - scan.best[one]) <= 1 for one in found if one in scan.best]
        asked, true_answer = whole_reports.scan_question(scan.best, rng, scan.kind, held_out=True)
        answer = engine.answer(FreeQuestion(asked), pictures)
        assert isinstance(answer, Draft)
        right.append(answer.text.strip() == true_answer)
    kind, title = drawn[0].kind, "scans" if drawn[0].kind == "ct" else "scans of MR"
    rows = []
    for name, (hit, extra, missed) in counts.items():
        f1 = 2 * hit / max(1, 2 * hit + extra + missed)
        words = whole_reports.SCAN_WORDS[kind][name]
        rows.append(Row(f"{title}, F1 with side: {words}", f1, "", "≥ 0.9", f"n = {hit + missed}", f1 >= 0.9))
    return [
        *rows,
        share(f"{title}: slice right or the next", near, 0.9),
        share(f"{title}: questions, the whole answer right", right),
    ]


def sheets(engine: Engine, drawn: Sequence[Sheet]) -> list[Row]:
    """Whole slides: which tissues are said to be there, and in how many of the fields."""
    present, shares = [], []
    for number, sheet in enumerate(drawn):
        pictures = [Picture(pixels, "slide", 1.0) for pixels in sheet.pixels]
        answer = engine.answer(DraftQuestion(INDICATIONS[number % len(INDICATIONS)]), pictures)
        assert isinstance(answer, Draft)
        said, true = (demo_further.findings(text) for text in (answer.text, whole_reports.fields_report(sheet.shares)))
        for at, sentence in enumerate(true):
            mine = said[at] if at < len(said) else ""
            present.append(mine.startswith("No ") == sentence.startswith("No ") and bool(mine))
            shares.append(mine.rstrip(".") == sentence.rstrip("."))
    return [share("whole slides: tissue there or not", present, 0.95), share("whole slides: few, many or most fields", shares)]


def _overlap(a: Sequence[float], b: Sequence[float]) -> float:
    """Intersection over union of two (x0, y0, x1, y1)."""
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    both = max(0.0, width) * max(0.0, height)
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)


def _auc(name: str, truth: Sequence[bool], score: Sequence[float], target: float | None = None) -> Row:
    value = float(roc_auc_score(truth, score)) if len(set(truth)) == 2 else float("nan")
    goal = f"≥ {target}" if target else ""
    return Row(name, value, "", goal, f"{sum(truth)} of {len(truth)}", value >= target if target else None)


if __name__ == "__main__":
    main()
