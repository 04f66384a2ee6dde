"""Whole series as a model receives them, against the published windows by plain arithmetic."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from app import volumes
from app.analysis import Request, run
from app.cli import main
from inference.catalogue import facts
from inference.engine import EngineSpec
from inference.errors import Cancelled, OutsideTraining
from inference.questions import DraftQuestion, FreeQuestion, LabelQuestion, LabelSet, Picture
from tests.app.dicom_files import write
from tests.app.fake_engine import FakeEngine
from viewers.errors import SourceError
from viewers.sources import open_source

NEW, OLD = "medgemma-1.5-4b-it", "medgemma-4b-it"
AXIAL, CORONAL = [1, 0, 0, 0, 1, 0], [1, 0, 0, 0, 0, -1]


def series(folder: Path, count: int, modality: str = "CT", orientation: list[int] = AXIAL, **more: object) -> NDArray[np.uint16]:
    """Stored values (count, 6, 8) from the lowest slice up; instance numbers run the other way. CT: HU = 2 · stored - 3000."""
    folder.mkdir()
    stored = np.random.default_rng(count).integers(0, 2500, (count, 6, 8)).astype("<u2")
    for number in range(count):
        place = [0, 0, 2.5 * number] if orientation == AXIAL else [0, 2.5 * number, 0]
        scale = {"RescaleSlope": 2, "RescaleIntercept": -3000} if modality == "CT" else {}
        values = {
            "Modality": modality, "PixelSpacing": [1, 1], "ImageOrientationPatient": orientation, "SeriesInstanceUID": "1.2.3",
            "ImagePositionPatient": place, "InstanceNumber": count - number, **scale, **more,
        }  # fmt: skip
        write(folder / f"{(number * 7) % 10_007:05}.dcm", stored[number], **values)
    return stored


def sent(path: Path, model: str = NEW, frame: int = 0, tails: float = 0.0) -> tuple[Picture, ...]:
    return volumes.pictures(open_source(path), frame, facts(model), lambda _: None, None, tails)


@pytest.mark.parametrize(
    ("model", "windows"),
    [(NEW, ((-1024, 1024), (-135, 215), (0, 80))), (OLD, ((-1225, 1025), (-135, 215), (0, 80)))],
)
def test_ct_in_the_order_of_positions_through_the_windows_of_the_models_version(
    tmp_path: Path, model: str, windows: tuple[tuple[float, float], ...]
) -> None:
    hu = 2.0 * series(tmp_path / "ct", 5) - 3000
    found = sent(tmp_path / "ct", model, frame=3)
    want = np.stack([np.rint((np.clip(hu, low, high) - low) / (high - low) * 255) for low, high in windows], -1)
    assert np.array_equal(np.stack([one.pixels for one in found]), want)
    assert {one.modality for one in found} == {"ct"}
    assert found[0].steps[0] == "all 5 slices along their normal"


def test_of_a_long_series_85_slices_from_the_first_to_the_last(tmp_path: Path) -> None:
    hu = 2.0 * series(tmp_path / "ct", 130) - 3000
    found = sent(tmp_path / "ct")
    assert len(found) == 85
    taken = [round(i / 84 * 129) for i in range(85)]
    red = np.rint((np.clip(hu[taken], -1024, 1024) + 1024) / 2048 * 255)
    assert np.array_equal(np.stack([one.pixels[..., 0] for one in found]), red)
    assert found[0].steps[0] == "85 of 130 slices along their normal, evenly spread"
    numbers = volumes.numbered(open_source(tmp_path / "ct"), 0, facts(NEW))
    assert numbers.frames == dict(enumerate(taken, start=1))


def test_mr_has_one_scale_for_the_whole_acquisition(tmp_path: Path) -> None:
    stored = series(tmp_path / "mr", 100, "MR").astype(float)
    found = np.stack([one.pixels for one in sent(tmp_path / "mr")])
    taken = stored[[round(i / 84 * 99) for i in range(85)]]
    want = np.rint((taken - stored.min()) / (stored.max() - stored.min()) * 255)
    assert np.array_equal(found, np.repeat(want[..., None], 3, -1))
    tailed = np.stack([one.pixels[..., 0] for one in sent(tmp_path / "mr", tails=5)]).astype(float)
    low, high = np.percentile(stored, [5, 95])
    assert np.abs(tailed - np.clip((taken - low) / (high - low) * 255, 0, 255)).max() <= 2


def test_what_models_were_not_trained_on_is_said(tmp_path: Path) -> None:
    series(tmp_path / "coronal", 4, orientation=CORONAL)
    assert "remark: not axial, which models were trained on" in sent(tmp_path / "coronal")[0].steps
    series(tmp_path / "holes", 8)
    (tmp_path / "holes" / f"{4 * 7:05}.dcm").unlink()
    assert "remark: 1 slice missing" in sent(tmp_path / "holes")[0].steps
    series(tmp_path / "unplaced", 4, ImagePositionPatient=None)
    assert any("no positions" in step for step in sent(tmp_path / "unplaced")[0].steps)


def test_what_is_no_series_is_refused_in_a_sentence(tmp_path: Path) -> None:
    series(tmp_path / "one", 1)
    with pytest.raises(ValueError, match="is a single slice"):
        sent(tmp_path / "one")
    with pytest.raises(ValueError, match="no grey CT or MR series"):
        sent(write(tmp_path / "us.dcm", np.zeros((4, 4), "<u2"), Modality="US"))
    series(tmp_path / "ct", 3)
    with pytest.raises(ValueError, match="frame 7 was asked for; ct has 3"):
        sent(tmp_path / "ct", frame=7)


def test_a_slice_that_cannot_be_read_is_an_error_and_not_left_out(tmp_path: Path) -> None:
    series(tmp_path / "ct", 6)
    source = open_source(tmp_path / "ct")
    cut = tmp_path / "ct" / f"{3 * 7:05}.dcm"
    cut.write_bytes(cut.read_bytes()[:-30])
    with pytest.raises(SourceError):
        volumes.pictures(source, 0, facts(NEW), lambda _: None)


def test_it_can_be_stopped_between_slices(tmp_path: Path) -> None:
    series(tmp_path / "ct", 6)
    cancel, seen = threading.Event(), list[int]()

    def on_progress(progress: object) -> None:
        seen.append(1)
        if len(seen) == 3:
            cancel.set()

    with pytest.raises(Cancelled):
        volumes.pictures(open_source(tmp_path / "ct"), 0, facts(NEW), on_progress, cancel)
    assert len(seen) == 3


def test_the_walk_asks_once_with_all_slices(tmp_path: Path) -> None:
    series(tmp_path / "ct", 4)
    engine = FakeEngine(EngineSpec(drafter=NEW))
    result = run(Request(tmp_path / "ct", FreeQuestion("Is there a lesion?"), whole=True, frame=2), engine)
    assert [len(pictures) for _, pictures in engine.asked] == [4]
    assert (result.region.frame, result.region.width, result.region.height) == (2, 8, 6)
    with pytest.raises(ValueError, match="a whole series goes with a draft or a free question"):
        run(Request(tmp_path / "ct", LabelQuestion(LabelSet("x", "ct", ())), whole=True), engine)
    with pytest.raises(OutsideTraining):
        run(Request(tmp_path / "ct", DraftQuestion(), whole=True), FakeEngine(EngineSpec(drafter="medgemma-4b-pt")))


@pytest.mark.parametrize(("model", "lowest"), [(NEW, -1024), (OLD, -1225)])
def test_a_single_slice_goes_through_the_same_windows(tmp_path: Path, model: str, lowest: int) -> None:
    hu = 2.0 * series(tmp_path / "ct", 4)[1] - 3000
    engine = FakeEngine(EngineSpec(drafter=model))
    run(Request(tmp_path / "ct", FreeQuestion("Where?"), frame=1), engine)
    red = engine.asked[0][1][0].pixels[..., 0]
    highest = lowest + (2048 if model == NEW else 2250)
    assert np.array_equal(red, np.rint((np.clip(hu, lowest, highest) - lowest) / (highest - lowest) * 255))


def test_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    series(tmp_path / "ct", 4)
    asked = ["ask", str(tmp_path / "ct"), "Where?", "--whole-series", "--drafter", NEW]
    assert main(asked, FakeEngine) == 0
    assert "Yes, on the left." in capsys.readouterr().out
    monkeypatch.setattr(FakeEngine, "words", "A lesion on slice 3, none on slice 5.")
    assert main(asked, FakeEngine) == 0
    told = capsys.readouterr().out
    assert "Slice 3 is frame 3 of the series." in told
    assert "It names slice 5, but no such picture was sent to the model." in told
    assert main(["draft", str(tmp_path / "ct"), "--whole-series", "--drafter", "medgemma-4b-pt"], FakeEngine) != 0
    assert "medgemma-4b-pt was not made for pictures of the kind ct" in capsys.readouterr().err


def test_percentiles_of_mr_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Grey from the 2nd to the 98th percentile of all 144 values, by NumPy; nearest steps of the histogram's 65,536."""
    stored = series(tmp_path / "mr", 3, "MR")
    made: list[FakeEngine] = []

    def engine(spec: EngineSpec) -> FakeEngine:
        made.append(FakeEngine(spec))
        return made[-1]

    words = ["ask", str(tmp_path / "mr"), "Where?", "--whole-series", "--drafter", NEW, "--percentiles"]
    assert main([*words, "2"], engine) == 0
    sent = np.stack([one.pixels[..., 0] for one in made[-1].asked[-1][1]]).astype(float)
    low, high = (np.percentile(stored, q, method="inverted_cdf") for q in (2, 98))
    want = np.rint((np.clip(stored.astype(float), low, high) - low) / (high - low) * 255)
    assert np.abs(sent - want).max() <= 1
    assert any("percentiles 2 to 98 of the whole acquisition" in step for step in made[-1].asked[-1][1][0].steps)
    assert main([*words, "60"], engine) == 2
    assert "give a number from 0 to 10" in capsys.readouterr().err
