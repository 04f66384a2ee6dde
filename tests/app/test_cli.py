"""The command line as its caller sees it: exit codes, what stands on stdout, what stands on stderr."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from app.cli import main
from tests.app.fake_engine import LABELS, FakeEngine, install_models

ROOT = Path(__file__).resolve().parents[2]
HEARS_CTRL_C = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
"""What runs behind a shell's & is deaf to it."""
WITH_FAKE = """
import sys
from app.cli import main
from tests.app.fake_engine import FakeEngine
sys.exit(main(sys.argv[1:], FakeEngine))
"""


@pytest.fixture(autouse=True)
def models(home: Path) -> None:
    install_models(home)


def pixels(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as image:
        return np.asarray(image)


@pytest.fixture
def grey() -> NDArray[np.uint8]:
    return np.repeat(np.random.default_rng(1).integers(0, 255, (60, 90, 1), dtype=np.uint8), 3, axis=2)


@pytest.fixture
def film(tmp_path: Path, grey: NDArray[np.uint8]) -> Path:
    path = tmp_path / "film.png"
    Image.fromarray(grey).save(path)
    return path


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    path = tmp_path / "trial.toml"
    path.write_text(LABELS)
    return path


def test_info_as_json(film: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", str(film), "--json"]) == 0
    body = json.loads(capsys.readouterr().out)
    assert (body["kind"], body["width"], body["height"], body["frames"]) == ("picture", 90, 60, 1)
    assert body["spacing"] is None


def test_info_of_a_slide_says_where_its_spacing_comes_from(shared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", str(shared / "slides" / "CMU-1-Small-Region.svs"), "--json"]) == 0
    body = json.loads(capsys.readouterr().out)
    assert (body["kind"], body["width"], body["height"]) == ("slide", 2220, 2967)
    assert body["spacing"]["mpp"] == pytest.approx(0.499)
    assert body["spacing"]["provenance"] == "slide property"


def test_render_is_the_displayed_pixels(film: Path, grey: NDArray[np.uint8], tmp_path: Path) -> None:
    out = tmp_path / "out.png"
    assert main(["render", str(film), "--out", str(out)]) == 0
    assert np.array_equal(pixels(out), grey)
    assert main(["render", str(film), "--out", str(out), "--region", "10,20,30,25"]) == 0
    assert np.array_equal(pixels(out), grey[20:45, 10:40])
    assert main(["render", str(film), "--out", str(out), "--size", "45,30"]) == 0
    assert pixels(out).shape == (30, 45, 3)


def test_render_through_a_window(shared: Path, tmp_path: Path) -> None:
    """Linear window of PS3.3 C.11.2.1.2 on HU, against pydicom's own values."""
    import pydicom
    from pydicom.misc import is_dicom
    from pydicom.pixels import apply_modality_lut

    def syntax(path: Path) -> pydicom.uid.UID:
        return pydicom.dcmread(path, stop_before_pixels=True).file_meta.TransferSyntaxUID

    paths = [path for path in (shared / "dicom" / "ct-in-many-syntaxes").rglob("*") if path.is_file()]
    plain = [path for path in paths if is_dicom(path) and not syntax(path).is_compressed]
    if not plain:
        pytest.skip("no uncompressed CT file among the real test files")
    dataset = pydicom.dcmread(plain[0])
    hu = apply_modality_lut(dataset.pixel_array, dataset)
    expected = np.clip(((hu - (40 - 0.5)) / (350 - 1) + 0.5) * 255, 0, 255)
    out = tmp_path / "out.png"
    assert main(["render", str(plain[0]), "--out", str(out), "--window", "40,350"]) == 0
    assert np.abs(pixels(out)[..., 0] - expected).max() <= 1


def test_render_as_model_is_padded_and_square(film: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.png"
    assert main(["render", str(film), "--out", str(out), "--as-model", "demo-encoder"]) == 0
    got = pixels(out)
    assert got.shape == (64, 64, 3)
    assert not got[:9].any()
    assert not got[-9:].any()
    assert got[12:52].any(axis=(1, 2)).all()


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["info"],
        ["info", "x", "--colour"],
        ["render", "FILM", "--out", "x.jpg"],
        ["render", "FILM", "--out", "no/such/folder/x.png"],
        ["render", "FILM", "--out", "OUT", "--region", "1,2,3"],
        ["render", "FILM", "--out", "OUT", "--region", "1,2,0,3"],
        ["render", "FILM", "--out", "OUT", "--region", "500,500,3,3", "--as-model", "demo-encoder"],
        ["render", "FILM", "--out", "OUT", "--frame", "7"],
        ["render", "FILM", "--out", "OUT", "--window", "40,0"],
        ["render", "FILM", "--out", "OUT", "--window", "40,400"],
        ["render", "FILM", "--out", "OUT", "--size", "9,9", "--as-model", "demo-encoder"],
        ["label", "FILM", "--set", "no-such-set"],
        ["ask", "FILM", "  "],
        ["batch", "FILM.folder", "--out", "OUT", "--tasks", "label,sing"],
    ],
)
def test_a_wrong_call_is_2_and_a_sentence(
    arguments: list[str], film: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = {"FILM": str(film), "OUT": str(tmp_path / "out.png"), "FILM.folder": str(tmp_path)}
    assert main([names.get(one, one) for one in arguments], FakeEngine) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert len(said.err) > 20


def test_bad_input_is_3_and_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty.dcm").touch()
    (tmp_path / "text.dcm").write_text("hello, this is no picture at all\n" * 20)
    for name in ("empty.dcm", "text.dcm", "absent.png"):
        for command in (["info"], ["draft"]):
            assert main([*command, str(tmp_path / name)], FakeEngine) == 3, name
            said = capsys.readouterr()
            assert said.out == ""
            assert name in said.err


def test_a_missing_model_is_4(film: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["draft", str(film), "--drafter", "medgemma-1.5-4b-it"]) == 4
    assert "medgemma-1.5-4b-it is not on this machine" in capsys.readouterr().err
    assert main(["render", str(film), "--out", str(film.with_name("o.png")), "--as-model", "medsiglip-448"]) == 4


def test_label_gives_a_table_sorted_by_contrast(film: Path, labels: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["label", str(film), "--set", str(labels), "--json"], FakeEngine) == 0
    said = capsys.readouterr()
    body = json.loads(said.out)
    assert [one["name"] for one in body["scores"]] == ["effusion", "opacity"]
    assert body["receipt"]["pixels_sha256"]
    assert "looking" in said.err
    assert main(["label", str(film), "--set", str(labels)], FakeEngine) == 0
    text = capsys.readouterr().out
    assert text.index("effusion") < text.index("opacity")
    assert "Draft, not for diagnostic use" in text
    assert "not calibrated" in text


def test_heatmap_writes_picture_and_values(film: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    png, npy = tmp_path / "map.png", tmp_path / "map.npy"
    arguments = ["heatmap", str(film), "--prompt", "effusion", "--out", str(png), "--npy", str(npy), "--json"]
    assert main([*arguments, "--region", "30,20,40,20"], FakeEngine) == 0
    body = json.loads(capsys.readouterr().out)
    values = np.load(npy)
    assert values.dtype == np.float32
    assert body["max"] == pytest.approx(float(values.max()))
    assert body["extent"] == [30, 20, 70, 40]
    assert body["peak"] == [30 + 2.5 / 4 * 40, 20 + 1.5 / 4 * 20]
    picture = pixels(png)
    assert picture.shape[1] > 40
    assert picture.shape[2] == 3


def test_draft_as_text_and_as_files(film: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["draft", str(film), "--indication", "cough"], FakeEngine) == 0
    text = capsys.readouterr().out
    assert text.startswith("Draft, not for diagnostic use.")
    assert "Findings:" in text
    assert "No pneumothorax." in text
    for suffix, start in ((".json", b"{"), (".html", b"<!DOCTYPE html>")):
        assert main(["draft", str(film), "--out", str(tmp_path / f"report{suffix}")], FakeEngine) == 0
        assert (tmp_path / f"report{suffix}").read_bytes().startswith(start)
    report = json.loads((tmp_path / "report.json").read_text())
    assert {one["state"] for one in report["sentences"]} == {"proposed"}


def test_a_prior_is_sent_first(film: Path, grey: NDArray[np.uint8], tmp_path: Path) -> None:
    prior = tmp_path / "prior.png"
    Image.fromarray(255 - grey).save(prior)
    made: list[FakeEngine] = []

    def engine(spec: object) -> FakeEngine:
        made.append(FakeEngine())
        return made[-1]

    assert main(["draft", str(film), "--prior", str(prior), "--json"], engine) == 0
    sent = made[0].asked[0][1]
    assert [np.array_equal(one.pixels, like) for one, like in zip(sent, (255 - grey, grey), strict=True)] == [True, True]


def test_ask(film: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ask", str(film), "Is there an effusion?"], FakeEngine) == 0
    assert "\n\nYes, on the left.\n" in capsys.readouterr().out


def test_a_model_that_fails_is_4_and_never_an_empty_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = tmp_path / "bad.png"
    Image.fromarray(np.full((8, 8, 3), (1, 2, 3), np.uint8)).save(bad)
    out = tmp_path / "report.json"
    assert main(["draft", str(bad), "--out", str(out)], FakeEngine) == 4
    assert not out.exists()
    assert capsys.readouterr().out == ""


def test_the_headless_path_leaves_qt_and_torch_out(film: Path) -> None:
    code = (
        "import sys; from app.cli import main; code = main(sys.argv[1:]);"
        "heavy = sorted({name.partition('.')[0] for name in sys.modules} & {'PySide6', 'torch', 'transformers', 'onnxruntime'});"
        "print(code, heavy, file=sys.stderr)"
    )
    for arguments in (["info", film], ["render", film, "--out", film.with_name("o.png")], ["models", "list"]):
        done = subprocess.run([sys.executable, "-c", code, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=60)
        assert done.stderr.splitlines()[-1] == "0 []"


@pytest.mark.skipif(os.name == "nt", reason="signals are those of Unix")
def test_ctrl_c_ends_with_130_and_without_a_traceback(film: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "FAKE_SECONDS": "60", "FAKE_LOG": str(tmp_path / "log")}
    child = subprocess.Popen(
        [sys.executable, "-c", f"{HEARS_CTRL_C}{WITH_FAKE}", "draft", film],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stderr is not None
    while "looking" not in child.stderr.readline():
        assert child.poll() is None
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=30)
    assert child.returncode == 130
    assert out == ""
    assert err == "hilum: stopped\n"


@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="pdftotext (poppler-utils) is not on this machine")
def test_draft_as_pdf(film: Path, tmp_path: Path) -> None:
    out = tmp_path / "report.pdf"
    subprocess.run(
        [sys.executable, "-c", WITH_FAKE, "draft", film, "--out", out], cwd=ROOT, check=True, timeout=60, capture_output=True
    )
    text = subprocess.run(["pdftotext", "-layout", out, "-"], capture_output=True, check=True, text=True).stdout
    assert "No pneumothorax." in text
    assert "Draft, not for diagnostic use" in text


def test_doctor_as_json(capsys: pytest.CaptureFixture[str], home: Path) -> None:
    assert main(["doctor", "--json"]) == 0
    body = json.loads(capsys.readouterr().out)
    assert body["torch"]["version"].startswith("2.13.0")
    assert "CPUExecutionProvider" in body["onnxruntime"]["usable"]
    assert body["home"]["path"] == str(home)
    assert body["models"]["demo-encoder"] == {"installed": True, "folder": str(home / "models" / "demo-encoder")}
