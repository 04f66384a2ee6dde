"""What the command line refuses: one sentence, nothing on stdout, nothing written, and the same exit code for the same cause."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from app.cli import main, signed
from tests.app.fake_engine import FakeEngine, install_models

ROOT = Path(__file__).resolve().parents[2]
Refused = Callable[..., str]
CT = Path("dicom") / "ct-in-many-syntaxes" / "CTImage.dcm"


@pytest.fixture(autouse=True)
def models(home: Path) -> None:
    install_models(home)


@pytest.fixture
def film(tmp_path: Path) -> Path:
    path = tmp_path / "film.png"
    Image.fromarray(np.random.default_rng(1).integers(0, 255, (60, 90), dtype=np.uint8)).save(path)
    return path


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Refused:
    """`refused(code, *arguments)`: the sentence; OUT is a file that must not come to be."""

    def call(code: int, *arguments: object, engine: Any = FakeEngine) -> str:
        out = tmp_path / "out.png"
        words = [str(out) if one == "OUT" else str(one) for one in arguments]
        assert main(words, engine) == code, words
        said = capsys.readouterr()
        assert said.out == ""
        assert not out.exists()
        return said.err.splitlines()[-1]

    return call


@pytest.mark.parametrize("size", ["100000,100000", "1,99999999999", "999999999999,999999999999", f"{'9' * 400},1"])
def test_a_picture_that_would_fill_the_memory(film: Path, refused: Refused, size: str) -> None:
    said = refused(2, "render", film, "--out", "OUT", "--size", size)
    assert "limit of 4 GiB" in said or "beyond" in said


@pytest.mark.parametrize("region", ["0,0,99999999999,99999999999", "-99999999999,-5,100000000010,1000", "0,0,90,99999999999"])
def test_a_region_that_would_fill_the_memory(film: Path, refused: Refused, region: str) -> None:
    assert "more than the limit of 4 GiB; ask for a smaller --region" in refused(
        2, "render", film, "--out", "OUT", "--region", region
    )


def test_a_slide_s_region_is_measured_at_the_level_that_is_read(shared: Path, tmp_path: Path, refused: Refused) -> None:
    slide = shared / "slides" / "TCGA-CR-7395-01A-01-TS1.svs"
    assert "limit of 4 GiB" in refused(2, "render", slide, "--out", "OUT", "--region", "0,0,99999999999,99999999999")
    out = tmp_path / "whole.png"
    assert main(["render", str(slide), "--out", str(out), "--size", "300,200"]) == 0
    with Image.open(out) as image:
        assert image.size == (300, 200)


@pytest.mark.parametrize("phrase", ["", "  ", "\t\n"])
def test_an_empty_phrase(film: Path, tmp_path: Path, refused: Refused, phrase: str) -> None:
    for arguments in (
        ["heatmap", film, "--out", "OUT", "--prompt", phrase],
        ["heatmap", film, "--out", "OUT", "--prompt", "x", "--against", phrase],
        ["batch", tmp_path, "--out", "OUT", "--prompt", phrase],
    ):
        assert "the phrase is empty" in refused(2, *arguments)
    assert "the question is empty" in refused(2, "ask", film, phrase)


@pytest.mark.parametrize("value", ["-1", "nan", "inf", "warm", ""])
def test_a_temperature_that_is_none(film: Path, refused: Refused, value: str) -> None:
    for command in (["draft", film], ["ask", film, "why?"]):
        assert "is no temperature" in refused(2, *command, f"--temperature={value}")


@pytest.mark.parametrize("value", ["-1", "1.5", "²", str(2**63), "9" * 5000])
def test_a_seed_that_is_none(film: Path, refused: Refused, value: str) -> None:
    assert "is no whole number" in refused(2, "draft", film, f"--seed={value}")


def test_a_model_of_another_role_is_a_wrong_name(film: Path, tmp_path: Path, refused: Refused) -> None:
    drafter, encoder = "demo-drafter is a drafter, not an encoder", "demo-encoder is an encoder, not a drafter"
    assert drafter in refused(2, "label", film, "--encoder", "demo-drafter", engine=None)
    assert drafter in refused(2, "heatmap", film, "--out", "OUT", "--prompt", "x", "--encoder", "demo-drafter", engine=None)
    assert encoder in refused(2, "draft", film, "--drafter", "demo-encoder", engine=None)
    assert drafter in refused(2, "batch", tmp_path, "--out", "OUT", "--encoder", "demo-drafter")


def test_a_name_that_nothing_bears_is_2(film: Path, tmp_path: Path, refused: Refused) -> None:
    for arguments in (
        ["label", film, "--encoder", "nosuch"],
        ["label", film, "--set", "nosuch"],
        ["draft", film, "--drafter", "nosuch"],
        ["render", film, "--out", "OUT", "--as-model", "nosuch"],
        ["batch", tmp_path, "--out", "OUT", "--drafter", "nosuch"],
        ["models", "check", "nosuch"],
    ):
        said = refused(2, *arguments, engine=None)
        assert "nosuch" in said
        assert "choose one of" in said


def test_a_model_that_was_not_made_for_a_picture_is_4(shared: Path, tmp_path: Path, refused: Refused) -> None:
    """The demonstration's models, by their own catalogue entries, know chest films and stained sections."""
    ct = shared / CT
    for arguments in (
        ["label", ct],
        ["heatmap", ct, "--out", "OUT", "--prompt", "nodule"],
        ["render", ct, "--out", "OUT", "--as-model", "demo-encoder"],
    ):
        assert "was not made for pictures of the kind ct" in refused(4, *arguments, engine=None)


def test_an_empty_path_does_not_stand_for_this_folder(tmp_path: Path, refused: Refused) -> None:
    for arguments in (["info", ""], ["label", ""], ["batch", "", "--out", "OUT"], ["batch", tmp_path, "--out", ""]):
        assert "the path is empty" in refused(2, *arguments)


def test_paths_of_the_wrong_kind(film: Path, tmp_path: Path, refused: Refused) -> None:
    assert "absent.png is not there: check the name" in refused(3, "info", tmp_path / "absent.png")
    assert "film.png is a file, not a folder" in refused(3, "batch", film, "--out", "OUT")
    assert "film.png is not a folder" in refused(2, "batch", tmp_path, "--out", film)
    assert "film.png/deeper cannot be made (Not a directory)" in refused(2, "batch", tmp_path, "--out", film / "deeper")


def test_a_label_set_that_is_no_file(film: Path, tmp_path: Path, refused: Refused) -> None:
    (tmp_path / "set.toml").mkdir()
    assert "is not a file; give a .toml file" in refused(2, "label", film, "--set", tmp_path / "set.toml")


def test_a_folder_of_folders_names_those_with_images(film: Path, tmp_path: Path, refused: Refused) -> None:
    for name in ("a", "b", "empty"):
        (tmp_path / "study" / name / "deep").mkdir(parents=True)
    film.rename(tmp_path / "study" / "a" / "deep" / "film.png")
    assert refused(3, "info", tmp_path / "study").endswith("study holds no image itself, its folders do: open a inside it.")


def test_numbers_that_begin_with_a_minus(film: Path, tmp_path: Path) -> None:
    out = tmp_path / "o.png"
    assert main(["render", str(film), "--out", str(out), "--region", "-10,-20,30,40"]) == 0
    with Image.open(film) as whole, Image.open(out) as part:
        expected = np.zeros((40, 30), np.uint8)
        expected[20:, 10:] = np.asarray(whole)[:20, :20]
        assert np.array_equal(np.asarray(part)[..., 0], expected)
    assert signed(["a", "--window", "-600,1500", "--region"]) == ["a", "--window=-600,1500", "--region"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
@pytest.mark.parametrize(
    "arguments", [["info", "P"], ["info", "."], ["label", "P"], ["batch", ".", "--out", "out", "--tasks", "embed"]]
)
def test_a_named_pipe_stops_nothing(tmp_path: Path, home: Path, arguments: list[str]) -> None:
    """In a process of its own, which is killed where it waits for the pipe."""
    os.mkfifo(tmp_path / "P")
    os.mkfifo(tmp_path / "labels.toml")
    more = ["--set", "labels.toml"] if arguments[0] == "label" else []
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); from app.cli import main; from tests.app.fake_engine import FakeEngine;"
    )
    done = subprocess.run(
        [sys.executable, "-c", code + "sys.exit(main(sys.argv[1:], FakeEngine))", *arguments, *more],
        cwd=tmp_path, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == {"info": 3, "label": 2, "batch": 5}[arguments[0]], done.stderr
    said = {"P": "P is a named pipe", ".": f"{tmp_path.name} holds nothing", "label": "is not a file"}
    assert said["label" if more else arguments[1]] in done.stderr or "P: P is a named pipe" in done.stderr


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody may enter."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_without_the_right_to_read(open_folder: Path) -> None:
    """As another user where this one may read everything."""
    for one in ("closed", "open"):
        (open_folder / one).mkdir()
        Image.fromarray(np.zeros((8, 8), np.uint8)).save(open_folder / one / "a.png")
    (open_folder / "open" / "b.png").write_bytes((open_folder / "open" / "a.png").read_bytes())
    (open_folder / "open" / "b.png").chmod(0)
    (open_folder / "closed").chmod(0)
    other = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.geteuid() == 0 else []

    def hilum(*arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {
            **os.environ,
            "HILUM_HOME": str(open_folder / "home"),
            "PYTHONPATH": str(ROOT),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        command = [*other, sys.executable, "-m", "app", *arguments]
        return subprocess.run(command, cwd=open_folder, env=environment, capture_output=True, text=True, timeout=120)

    try:
        probe = hilum("info", "open/a.png", "--json")
    except OSError as error:
        pytest.skip(f"this user reads everything, and no other can be taken on ({error})")
    if other and probe.returncode != 0:
        pytest.skip(
            f"this user reads everything, and the interpreter cannot be run as another one: {probe.stderr.strip()[-200:]}"
        )
    assert json.loads(probe.stdout)["width"] == 8
    for path, name in (("closed", "closed"), ("closed/a.png", "a.png"), ("open/b.png", "b.png")):
        done = hilum("info", path)
        assert (done.returncode, done.stdout) == (3, "")
        assert done.stderr == f"hilum: {name} may not be read: ask for the right to read it.\n"
    for arguments in (
        ["render", "open/a.png", "--out", "o.png"],
        ["batch", "open", "--out", "closed/out", "--tasks", "embed"],
        ["batch", "open", "--out", "out", "--tasks", "embed"],
    ):
        done = hilum(*arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.count("\n") == 1, done.stderr
        assert "Permission denied" in done.stderr
    (open_folder / "closed").chmod(0o755)
