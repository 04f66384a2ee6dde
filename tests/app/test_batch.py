"""A folder worked through: rows and files, resuming, refusals; with a real kill -9 at random moments."""

from __future__ import annotations

import csv
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.batch import Batch, BatchError, Settings, plan
from app.batch.table import csv_text, escaped, parquet_bytes
from app.cli import main
from tests.app.fake_engine import LABELS, FakeEngine, install_models

ROOT = Path(__file__).resolve().parents[2]
WITH_FAKE = """
import sys
from app.cli import main
from tests.app.fake_engine import FakeEngine
sys.exit(main(sys.argv[1:], FakeEngine))
"""
TASKS = "label,draft,heatmap,embed"


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    path = tmp_path / "trial.toml"
    path.write_text(LABELS)
    return path


@pytest.fixture
def folder(tmp_path: Path, home: Path) -> Path:
    """Seven pictures in two folders, one empty file, one text, one picture that the model fails on."""
    install_models(home)
    made = tmp_path / "pictures"
    (made / "inside").mkdir(parents=True)
    random_numbers = np.random.default_rng(3)
    for number in range(6):
        name = f"film {number}.png" if number < 3 else f"inside/Größe-{number}.png"
        Image.fromarray(np.repeat(random_numbers.integers(0, 255, (20, 30, 1), np.uint8), 3, axis=2)).save(made / name)
    Image.fromarray(np.full((9, 9, 3), (1, 2, 3), np.uint8)).save(made / "fails.png")
    (made / "empty.dcm").touch()
    (made / "=cmd.png").write_text("this is no picture")
    return made


def call(folder: Path, out: Path, labels: Path, *more: str, tasks: str = TASKS) -> int:
    return main(["batch", str(folder), "--out", str(out), "--tasks", tasks, "--set", str(labels), *more], FakeEngine)


def rows(out: Path) -> dict[str, dict[str, str]]:
    with (out / "results.csv").open(encoding="utf-8", newline="") as file:
        return {row["item"]: row for row in csv.DictReader(file)}


def tables(out: Path) -> tuple[bytes, bytes]:
    return (out / "results.csv").read_bytes(), (out / "results.parquet").read_bytes()


def test_every_item_has_a_row_and_a_record(
    folder: Path, tmp_path: Path, labels: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert call(folder, out, labels, "--json") == 5
    said = capsys.readouterr()
    assert json.loads(said.out) | {"csv": "", "parquet": ""} == {
        "items": 9, "done": 6, "partly": 0, "not_asked": 0, "failed": 3, "left_out": [], "csv": "", "parquet": "",
    }  # fmt: skip
    found = rows(out)
    assert set(found) == {
        "'=cmd.png", "empty.dcm", "fails.png", "film 0.png", "film 1.png", "film 2.png",
        "inside/Größe-3.png", "inside/Größe-4.png", "inside/Größe-5.png",
    }  # fmt: skip
    assert {name for name, row in found.items() if row["status"] == "failed"} == {"'=cmd.png", "empty.dcm", "fails.png"}
    assert "empty" in found["empty.dcm"]["reason"]
    assert found["fails.png"]["reason"].count("the model could not answer") == 4
    assert found["fails.png"]["draft.impression"] == ""
    good = found["film 0.png"]
    assert (good["width"], good["height"], good["modality"], good["use"]) == ("30", "20", "cxr", "draft, not for diagnostic use")
    assert good["label.highest"] == "effusion"
    for task in ("label", "draft", "heatmap"):
        assert good[f"{task}.warnings"].startswith("Taken for a chest film: a grey picture that names no modality. Not stated in")
    assert good["draft.impression"].startswith("Effusion, ")
    record = json.loads((out / good["record"]).read_text(encoding="utf-8"))
    assert record["tasks"]["label"]["answers"][0]["scores"][0]["contrast"] == float(good["label.effusion.contrast"])
    assert np.load(out / good["embed.file"]).shape == (1, 3)
    with Image.open(out / good["heatmap.1.file"]) as image:
        image.verify()
    assert np.load((out / good["heatmap.1.file"]).with_suffix(".npy")).max() == np.float32(good["heatmap.1.max"])


def test_a_picture_that_no_model_was_made_for_is_not_a_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from pydicom.data import get_testdata_file

    made, out = tmp_path / "pictures", tmp_path / "out"
    made.mkdir()
    shutil.copy(get_testdata_file("CT_small.dcm"), made / "ct.dcm")
    Image.fromarray(np.full((60, 60), 90, np.uint8)).save(made / "film.png")
    assert main(["batch", str(made), "--out", str(out), "--tasks", "label,embed", "--json"]) == 5
    said = json.loads(capsys.readouterr().out)
    assert [said[state] for state in ("done", "partly", "not_asked", "failed")] == [1, 0, 1, 0]
    assert rows(out)["ct.dcm"]["status"] == "not asked"
    assert rows(out)["ct.dcm"]["reason"].count("was not made for pictures of the kind ct") == 2


def test_parquet_holds_the_same_rows(folder: Path, tmp_path: Path, labels: Path) -> None:
    import pyarrow.parquet

    out = tmp_path / "out"
    call(folder, out, labels)
    table = pyarrow.parquet.read_table(out / "results.parquet").to_pylist()
    for row, told in zip(table, rows(out).values(), strict=True):
        for name, cell in row.items():
            assert ("" if cell is None else str(cell)) == told[name].removeprefix("'"), name


def test_nothing_is_done_twice(folder: Path, tmp_path: Path, labels: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out, log = tmp_path / "out", tmp_path / "log"
    call(folder, out, labels)
    before = tables(out), {path.name: path.read_bytes() for path in (out / "items").iterdir() if "fails" not in path.read_text()}
    monkeypatch.setenv("FAKE_LOG", str(log))
    assert call(folder, out, labels, "--resume") == 5
    assert {line.split()[0] for line in log.read_text().splitlines()} == {"asked"}  # only the failed ones are tried again
    assert (tables(out), {name: (out / "items" / name).read_bytes() for name in before[1]}) == before


def test_a_changed_picture_a_new_task_and_a_new_label_set_are_done_again(
    folder: Path, tmp_path: Path, labels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, log = tmp_path / "out", tmp_path / "log"
    for name in ("fails.png", "empty.dcm", "=cmd.png"):
        (folder / name).unlink()
    assert call(folder, out, labels, tasks="label") == 0
    monkeypatch.setenv("FAKE_LOG", str(log))

    def asked(*more: str, tasks: str) -> Counter[str]:
        log.write_text("")
        assert call(folder, out, labels, "--resume", *more, tasks=tasks) == 0
        return Counter(line.split()[1] for line in log.read_text().splitlines() if line.startswith("asked"))

    shutil.copy(folder / "film 1.png", folder / "film 0.png")
    assert asked(tasks="label") == {"LabelQuestion": 1}
    assert rows(out)["film 0.png"]["label.effusion.contrast"] == rows(out)["film 1.png"]["label.effusion.contrast"]
    assert asked(tasks="label,embed") == {"EmbedQuestion": 6}
    assert asked("--device", "cpu", tasks="embed") == {"EmbedQuestion": 6}
    labels.write_text(LABELS.replace("there is an effusion", "effusion is seen"))
    assert asked("--device", "cpu", tasks="embed,label") == {"LabelQuestion": 6}
    next((out / "embeddings").iterdir()).unlink()
    assert asked("--device", "cpu", tasks="embed,label") == {"EmbedQuestion": 1}


def test_killed_at_any_moment_and_resumed_it_equals_an_unbroken_run(folder: Path, tmp_path: Path, labels: Path) -> None:
    """kill -9 of the real process, six times; then to the end. At most the task under way is done again."""
    whole, broken, log = tmp_path / "whole", tmp_path / "broken", tmp_path / "log"
    assert call(folder, whole, labels) == 5
    command = [sys.executable, "-c", WITH_FAKE, "batch", folder, "--tasks", TASKS, "--set", labels, "--resume", "--out"]
    environment = {**os.environ, "FAKE_LOG": str(log), "FAKE_SECONDS": "0.03"}
    chance, kept, kills = random.Random(5), dict[str, str](), 0
    for _ in range(6):
        started = len(lines(log))
        child = subprocess.Popen(
            [*command, broken], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        while child.poll() is None and len(lines(log)) == started:
            time.sleep(0.005)
        time.sleep(chance.uniform(0.0, 0.35))
        child.send_signal(signal.SIGKILL)
        kills += child.wait() == -signal.SIGKILL
        done = finished(broken)
        assert kept.items() <= done.items()  # what was done before is the same to the last byte, its time included
        kept = done
    assert kills >= 3
    assert subprocess.run([*command, broken], cwd=ROOT, env=environment, capture_output=True, timeout=120).returncode == 5
    assert kept.items() <= finished(broken).items()
    assert tables(broken) == tables(whole)
    answered = Counter(line for line in lines(log) if line.startswith("answered"))
    # A heatmap asks for labels again: 6 items, the same question. The task under way is done anew: two questions at most.
    assert sum(answered.values()) - len(answered) - 6 <= 2 * kills
    leftovers = [path for path in broken.rglob("*") if path.name.startswith(".")]
    assert leftovers == []


def lines(log: Path) -> list[str]:
    return log.read_text().splitlines() if log.exists() else []


def finished(out: Path) -> dict[str, str]:
    """Item and task → all that is recorded of a task that is done."""
    found = {}
    for path in (out / "items").glob("*.json"):
        for task, body in json.loads(path.read_text(encoding="utf-8"))["tasks"].items():
            if body["status"] != "failed":
                found[f"{path.stem} {task}"] = json.dumps(body, sort_keys=True)
    return found


def test_a_batch_is_never_overwritten_in_silence(
    folder: Path, tmp_path: Path, labels: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    call(folder, out, labels, tasks="embed")
    before = tables(out)
    assert call(folder, out, labels, tasks="embed") == 2
    assert "go on with --resume" in capsys.readouterr().err
    assert tables(out) == before
    assert call(folder, folder / "inside", labels, tasks="embed") == 2
    assert "holds no batch" in capsys.readouterr().err


def test_a_second_process_is_refused(folder: Path, tmp_path: Path) -> None:
    settings = Settings(tasks=("embed",))
    with Batch(folder, tmp_path / "out", settings), pytest.raises(BatchError, match="another process is working"):
        Batch(folder, tmp_path / "out", settings, resume=True)
    with Batch(folder, tmp_path / "out", settings, resume=True):
        pass


def test_a_missing_model_ends_the_batch_with_4(folder: Path, tmp_path: Path, labels: Path, home: Path) -> None:
    (home / "models" / "demo-drafter" / "model.safetensors").write_bytes(b"\x80\x04 pickle")
    assert call(folder, tmp_path / "out", labels) == 4
    assert call(folder, tmp_path / "out", labels, "--drafter", "medgemma-4b-it") == 4
    assert not (tmp_path / "out").exists()


def test_output_inside_the_folder_is_not_taken_for_input(folder: Path, labels: Path) -> None:
    out = folder / "out"
    call(folder, out, labels)
    call(folder, out, labels, "--resume")
    assert len(rows(out)) == 9
    assert (len(plan(folder, leave_out=out).items), plan(folder, leave_out=out).left_out) == (9, ())
    assert (len(plan(folder).items), plan(folder).left_out) == (9, (out,))


def test_the_output_of_another_batch_is_left_out_and_counted(
    folder: Path, tmp_path: Path, labels: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = folder / "inside" / "last year"
    call(folder, other, labels)
    (folder / "inside" / "batch.json").write_text('{"form": "of another program"}')
    capsys.readouterr()
    assert call(folder, tmp_path / "out", labels) == 5
    said = capsys.readouterr()
    assert said.out.startswith("10 items: 6 done")  # the other program's file is one more that cannot be opened
    assert f"Left out: 1 folder with the results of a batch, {other}" in said.out
    assert call(folder, tmp_path / "again", labels, "--json") == 5
    assert json.loads(capsys.readouterr().out)["left_out"] == [str(other)]
    assert call(other, tmp_path / "of results", labels) == 2
    assert "holds the results of a batch" in capsys.readouterr().err


def test_a_refused_batch_leaves_nothing(folder: Path, tmp_path: Path, labels: Path) -> None:
    before = sorted(folder.rglob("*"))
    assert call(folder, folder, labels) == 2
    assert call(folder, folder / "inside", labels, "--resume") == 2
    assert call(folder, folder / "film 0.png", labels) == 2
    assert call(tmp_path / "absent", tmp_path / "out", labels) == 3
    assert sorted(folder.rglob("*")) == before
    assert not (tmp_path / "out").exists()


def test_an_empty_folder_is_said(tmp_path: Path, labels: Path, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    install_models(home)
    (tmp_path / "empty").mkdir()
    assert call(tmp_path / "empty", tmp_path / "out", labels) == 0
    assert "there is nothing in" in capsys.readouterr().err


@pytest.mark.parametrize("parts", [("label", "draft,embed", "heatmap"), ("label,embed", "draft,heatmap"), ("draft", TASKS)])
def test_task_after_task_equals_all_at_once(
    folder: Path, tmp_path: Path, labels: Path, parts: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    whole, out = tmp_path / "whole", tmp_path / "out"
    assert call(folder, whole, labels) == 5
    for part in parts:
        assert call(folder, out, labels, "--resume", tasks=part) == 5
    assert tables(out) == tables(whole)
    asked = [json.loads((one / "batch.json").read_text())["settings"]["tasks"] for one in (whole, out)]
    assert asked[0] == asked[1] == TASKS.split(",")
    assert ("the tables also hold what" in capsys.readouterr().err) == (parts[-1] != TASKS)


def test_a_phrase_that_no_model_reads_ends_the_batch_with_2(folder: Path, tmp_path: Path) -> None:
    """With the demonstration's own encoder, before a picture is shown to it."""
    for path in folder.glob("*"):
        if path.name != "film 0.png":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    place = folder.parent / "real home"
    environment = {**os.environ, "HILUM_HOME": str(place)}
    done = subprocess.run(
        [sys.executable, "-m", "app", "batch", folder, "--out", tmp_path / "out", "--tasks", "heatmap", "--prompt", "word " * 50],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 2
    assert "has 50 words; demo-encoder reads 16 tokens" in done.stderr


def test_an_unreadable_folder_is_3(tmp_path: Path, labels: Path, home: Path) -> None:
    install_models(home)
    assert call(tmp_path / "absent", tmp_path / "out", labels) == 3


def test_phrases_make_a_heatmap_each(folder: Path, tmp_path: Path, labels: Path) -> None:
    out = tmp_path / "out"
    call(folder, out, labels, "--prompt", "effusion", "--prompt", "=opacity", tasks="heatmap")
    row = rows(out)["film 0.png"]
    assert (row["heatmap.1.phrase"], row["heatmap.2.phrase"]) == ("effusion", "'=opacity")
    assert row["heatmap.1.file"] != row["heatmap.2.file"]


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@x", "\tx", "\rx"])
def test_cells_that_look_like_formulas_are_escaped(cell: str) -> None:
    assert escaped(cell) == f"'{cell}"


def test_numbers_and_plain_text_are_not_escaped() -> None:
    assert [escaped(cell) for cell in (-0.5, 3, None, "left = right", "")] == [-0.5, 3, None, "left = right", ""]


def test_equal_rows_are_equal_bytes() -> None:
    made = [{"item": "a", "label.x.contrast": 0.1}, {"item": 'b\n"c"', "draft.findings": "ä"}]
    assert csv_text(made) == csv_text([dict(row) for row in made])
    assert parquet_bytes(made) == parquet_bytes([dict(row) for row in made])
    assert list(csv.DictReader(csv_text(made).splitlines(keepends=True)))[1]["item"] == 'b\n"c"'
