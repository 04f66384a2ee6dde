"""`hilum teach adapter` from a table to an answer, on a tiny random drafter; and what a table must be."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from app import teaching_table
from app.cli import main
from inference.adapters import folder
from tests.inference import tiny
from viewers.errors import SourceError

TEXTS = ("There is a left pleural effusion.", "The heart is enlarged.")
TEACH = ["teach", "adapter", "--model", tiny.DRAFTER, "--device", "cpu", "--rate", "0.02", "--step", "8", "--keep-every", "1"]


@pytest.fixture(autouse=True)
def model(home: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    place = tmp_path_factory.getbasetemp() / "teach-model"
    if not place.is_dir():
        tiny.write_gemma(place)
    shutil.copytree(place, home / "models" / tiny.DRAFTER)


def write(
    path: Path, rows: Iterable[Mapping[str, object]], names: tuple[str, ...] = ("image", "prompt", "text", "patient")
) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        made = csv.DictWriter(file, names)
        made.writeheader()
        made.writerows(rows)
    return path


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """24 films of 12 patients."""
    rows = []
    for number in range(24):
        grey = np.random.default_rng(number).integers(0, 120, (64, 80), dtype=np.uint8) + np.uint8(120 * (number % 2))
        Image.fromarray(grey).save(tmp_path / f"film {number}.png")
        rows.append({"image": f"film {number}.png", "prompt": "", "text": TEXTS[number % 2], "patient": f"P{number // 2}"})
    return write(tmp_path / "effusions.csv", rows)


def refused(path: Path) -> str:
    with pytest.raises(SourceError) as caught:
        teaching_table.read(path)
    return str(caught.value)


def test_what_is_wrong_with_a_table_is_said_line_by_line(table: Path, tmp_path: Path) -> None:
    shutil.copy(tmp_path / "film 0.png", tmp_path / "again.png")
    rows = [
        {"image": "film 0.png", "text": "a", "patient": "A", "split": "train"},
        {"image": "gone.png", "text": "b", "patient": "B", "split": "train"},
        {"image": "film 1.png", "text": " ", "patient": "", "split": "later"},
        {"image": "film 0.png", "text": "a, on\ntwo lines", "patient": "A", "split": "train"},
        {"image": "again.png", "text": "a", "patient": "C", "split": "train"},
        {"image": "film 2.png", "text": "a", "patient": "A", "split": "test"},
    ]
    said = refused(write(tmp_path / "bad.csv", rows, ("image", "text", "patient", "split")))
    for words in (
        f"line 3: the picture {tmp_path / 'gone.png'} is not there", "line 4: text is empty", "line 4: patient is empty",
        "line 4: split is 'later', not train or test", "line 6: the same picture and prompt as line 2", "and 2 more",
    ):  # fmt: skip
        assert words in said
    said = refused(write(tmp_path / "bad.csv", [rows[0], *rows[4:]], ("image", "text", "patient", "split")))
    assert "line 3: the same picture as line 2, of another patient" in said
    assert "line 4: the patient A is learnt from and held out, see line 2" in said
    assert "has no column patient" in refused(write(tmp_path / "bad.csv", [], ("image", "text")))
    (tmp_path / "bad.csv").write_bytes("image,text,patient\na,Größe,b".encode("latin-1"))
    assert "is no CSV in UTF-8" in refused(tmp_path / "bad.csv")
    assert "cannot be read (No such file" in refused(tmp_path / "none.csv")


def test_patients_are_held_out_whole_by_their_hash_and_stay_so_when_others_come() -> None:
    def rows(count: int) -> list[teaching_table.Row]:
        return [teaching_table.Row(n, Path(f"{n}.png"), "", "text", f"patient {n // 3}", "") for n in range(3 * count)]

    few, many = (teaching_table.split(rows(count)) for count in (200, 1000))
    assert few == many[: len(few)]
    held = {row.patient for row in many if row.split == "test"}
    assert held.isdisjoint(row.patient for row in many if row.split == "train")
    assert 70 <= len(held) <= 130
    assert sum(row.split == "test" for row in teaching_table.split(rows(2))) == 3


def test_from_a_table_to_an_answer(table: Path, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*TEACH, "--data", str(table), "--epochs", "2", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    place = home / "adapters" / "effusions"
    assert said["folder"] == str(place)
    assert said["held_out_after"]["loss"] < said["held_out_before"]["loss"]
    assert said["examples"]["learnt"] + said["examples"]["held_out"] == 24

    assert main(["models", "list"]) == 0
    assert f"adapters of {tiny.DRAFTER}: effusions" in capsys.readouterr().out
    draft = ["draft", str(tmp_path / "film 1.png"), "--drafter", tiny.DRAFTER, "--device", "cpu", "--max-tokens", "8", "--json"]
    main([*draft, "--adapter", "effusions"])
    [receipt] = json.loads(capsys.readouterr().out)["report"]["receipts"]
    assert receipt["adapter"] == f"effusions {said['revision']}"
    films = tmp_path / "films"
    films.mkdir()
    shutil.copy(tmp_path / "film 1.png", films)
    batch = [
        "batch",
        str(films),
        "--out",
        str(tmp_path / "batch"),
        "--tasks",
        "draft",
        "--drafter",
        tiny.DRAFTER,
        "--device",
        "cpu",
    ]
    for more, adapter in (([], ""), (["--resume"], ""), (["--resume", "--adapter", "effusions"], receipt["adapter"])):
        main([*batch, "--max-tokens", "8", *more])
        [kept] = [json.loads(one.read_text()) for one in (tmp_path / "batch" / "items").glob("*.json")]
        assert [one["receipt"]["adapter"] for one in kept["tasks"]["draft"]["answers"]] == [adapter]
    capsys.readouterr()
    assert main([*draft, "--adapter", "missing"]) == 4
    assert "there is no adapter missing" in capsys.readouterr().err
    assert main([*draft, "--adapter", "effusions", "--endpoint", "http://127.0.0.1:9"]) == 2
    assert "an endpoint loads its own" in capsys.readouterr().err
    assert main([*TEACH, "--data", str(table)]) == 4
    assert "holds a finished adapter" in capsys.readouterr().err

    (place / folder.CONFIG).unlink()
    assert main(["models", "list"]) == 0
    told = capsys.readouterr()
    assert "adapters of" not in told.out
    assert f"{folder.CONFIG} is missing" in told.err


def test_killed_in_the_middle_it_goes_on_to_the_same_weights(table: Path, tmp_path: Path) -> None:
    """`kill -9` of a real process between two checkpoints; the second call ends what the first began."""
    call = [sys.executable, "-m", "app", *TEACH, "--data", str(table), "--epochs", "8", "--json", "--out"]
    root = Path(__file__).resolve().parents[2]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    whole = subprocess.Popen(
        [*call, f"{tmp_path}/whole"], cwd=root, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    cut = tmp_path / "cut"
    checkpoint = cut / ".teaching" / "checkpoint.safetensors"
    process = subprocess.Popen([*call, str(cut)], cwd=root, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    limit = time.monotonic() + 120
    while not checkpoint.exists() and process.poll() is None and time.monotonic() < limit:
        time.sleep(0.005)
    process.kill()
    process.communicate()
    assert checkpoint.exists()
    assert not (cut / folder.RECEIPT).exists()
    again = subprocess.run([*call, str(cut)], cwd=root, env=environment, capture_output=True, text=True, check=True)
    whole.communicate()
    assert whole.returncode == 0
    a, b = load_file(tmp_path / "whole" / folder.WEIGHTS), load_file(cut / folder.WEIGHTS)
    assert a.keys() == b.keys()
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert json.loads(again.stdout)["steps"] == 24
    assert not checkpoint.parent.exists()
