"""The shipped demonstration pack and the words it was taught: files, sizes, sides, digits, prompts."""

from __future__ import annotations

import hashlib
import json
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import resources
from inference.demo import reports, sentences
from inference.demo.chest import SLOTS, Finding, draw_pair
from inference.demo.sentences import Concept, Truth, truth_of

PACK = resources.path("demo")


def files() -> list[Path]:
    return [path for path in PACK.rglob("*") if path.is_file()]


def test_every_file_has_its_checksum() -> None:
    lines = (PACK / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    listed = {line[66:]: line[:64] for line in lines}
    found = {path.relative_to(PACK).as_posix(): path for path in files() if path.name != "SHA256SUMS"}
    assert set(listed) == set(found)
    for name, path in found.items():
        assert hashlib.sha256(path.read_bytes()).hexdigest() == listed[name], name


def test_the_pack_is_small_and_holds_no_pickle() -> None:
    assert sum(path.stat().st_size for path in files()) <= 30e6
    allowed = {".json", ".safetensors", ".jinja", ".md", ""}
    assert {path.suffix for path in files()} <= allowed
    for model in ("encoder", "drafter"):
        facts = json.loads((PACK / model / "hilum.json").read_text(encoding="utf-8"))
        assert facts["remark"] == "demonstration, knows only phantoms"
        assert (PACK / model / "model.safetensors").is_file()


def test_left_means_the_patients_left_in_words_and_pixels() -> None:
    chest = replace(draw_pair(1).current, findings=(Finding("effusion", "left", 0.5),))
    truth = Truth(chest)
    assert truth_of(Concept("effusion", "left"), truth) == 1.0
    assert truth_of(Concept("effusion", "right"), truth) == 0.0
    assert truth_of(Concept("effusion", "right", present=False), truth) == 1.0
    assert "Moderate left pleural effusion." in reports.report(chest)
    assert "right" not in reports.report(chest)


def test_both_sides_are_said_of_every_film() -> None:
    concepts = sentences.film_concepts()
    for kind, side in SLOTS:
        if side:
            assert {Concept(kind, side), Concept(kind, side, present=False)} <= set(concepts)  # type: ignore[arg-type]
    rng = np.random.default_rng(0)
    for concept in concepts:
        said = sentences.say(concept, rng).split()
        assert (concept.side in said) == bool(concept.side)
        assert not ({"left", "right"} - {concept.side}) & set(said)


def test_the_label_sets_are_wordings_never_trained_on() -> None:
    trained = set(sentences.corpus(count=20000))
    for name in ("demo-cxr", "demo-slide"):
        for label in tomllib.loads(resources.text(f"labels/{name}.toml"))["labels"]:
            assert not trained & {*label["present"], *label["absent"]}
    assert not set(reports.HELD_OUT_PRESENCE) & set(reports.PRESENCE)
    assert not set(reports.HELD_OUT_SIDE) & set(reports.WHICH_SIDE)


@pytest.mark.parametrize("seed", range(30))
def test_a_report_reads_back_as_the_phantom(seed: int) -> None:
    pair = draw_pair(seed)
    read = reports.read_report(reports.report(pair.current))
    assert read == {(f.kind, f.side): (f.grade, "") for f in pair.current.findings}
    compared = reports.read_report(reports.comparison(pair))
    assert {slot: change for slot, (_, change) in compared.items()} == pair.changes


def test_boxes_read_back_in_thousandths() -> None:
    answer = reports.boxes_answer({"left lung": (0.1, 0.25, 0.5, 0.75)})
    assert answer.endswith('```json\n[{"box_2d": [100, 250, 500, 750], "label": "left lung"}]\n```')
    assert reports.read_boxes(answer) == [("left lung", (100, 250, 500, 750))]
    assert reports.read_boxes("no box") == []


def test_digits_stay_alone() -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(PACK / "drafter", local_files_only=True)
    pieces = tokenizer.tokenize("[417, 82]")
    assert [piece for piece in pieces if any(c.isdigit() for c in piece)] == list("41782")
    assert tokenizer("Hello").input_ids[0] == tokenizer.bos_token_id


def test_a_pair_the_other_way_round_says_the_opposite() -> None:
    opposite = {"new": "resolved", "resolved": "new", "improved": "worsened", "worsened": "improved", "stable": "stable"}
    for seed in range(40):
        pair = draw_pair(seed)
        back = pair.reversed()
        assert (back.prior, back.current) == (pair.current, pair.prior)
        said = reports.read_report(reports.comparison(back))
        for slot, change in pair.changes.items():
            assert said[slot][1] == opposite[change]
            before, after = pair.current.find(*slot), pair.prior.find(*slot)
            assert ("previously absent" in reports.comparison(back)) or not (before is None and after is not None)
