"""Several pictures, films of many frames, pages and photographs: what a model gets of them, against plain arithmetic."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from app import cine_frames, ready
from app.analysis import Place, Request, run
from app.cli import main
from app.modality import modality_of
from inference.answers import Answer, Draft
from inference.engine import EngineSpec
from inference.errors import OutsideTraining
from inference.questions import FreeQuestion, Picture, Question, TableQuestion
from tests.app.dicom_files import write
from tests.app.fake_engine import FakeEngine
from tests.app.pages import ROWS, noise, pdf, sheet
from viewers.geometry import Region
from viewers.sources import open_source

NEW = "medgemma-1.5-4b-it"
NAMES = ("test", "value", "unit", "reference", "flag")


class Reads(FakeEngine):
    """Answers a table as it was told to, in the form of a laboratory sheet."""

    text = json.dumps({"rows": [dict(zip(NAMES, row, strict=True)) for row in ROWS]})
    finish = "stop"

    def _canned(self, question: Question, pictures: Sequence[Picture], digest: str) -> Answer:
        if isinstance(question, TableQuestion):
            return Draft(self.text, "", self.finish, (), self._receipt(question, digest))  # type: ignore[arg-type]
        receipt = self._receipt(question, digest)
        every = tuple(hashlib.sha256(one.pixels.tobytes()).hexdigest() for one in pictures)
        return Draft("Yes.", "", "stop", (), replace(receipt, pixels_sha256=every))


@pytest.fixture
def made() -> list[Reads]:
    return []


@pytest.fixture
def engine(made: list[Reads]) -> Callable[[EngineSpec], Reads]:
    def make(spec: EngineSpec) -> Reads:
        made.append(Reads(spec))
        return made[-1]

    return make


def png(path: Path, pixels: np.ndarray, **more: Any) -> Path:  # type: ignore[type-arg]
    Image.fromarray(pixels).save(path, **more)
    return path


def test_a_table_as_text_json_and_csv(tmp_path: Path, engine: Any, made: Any, capsys: pytest.CaptureFixture[str]) -> None:
    sheet().save(tmp_path / "sheet.png")
    out = tmp_path / "rows.csv"
    assert main(["table", str(tmp_path / "sheet.png"), "--csv", str(out), "--drafter", NEW], engine) == 0
    shown = capsys.readouterr().out
    assert "5 rows: 1 below, 1 above, 2 within, 1 not compared" in shown
    assert "above its printed range" in shown
    lines = list(csv.DictReader(out.read_text().splitlines()))
    assert [line["test"] for line in lines] == [row[0] for row in ROWS]
    assert [line["range check"] for line in lines] == ["within", "above", "below", "within", "not compared"]
    assert lines[4]["value"] == "'=1+1"
    assert main(["table", "--json", str(tmp_path / "sheet.png"), "--drafter", NEW], engine) == 0
    assert json.loads(capsys.readouterr().out)["rows"][1] | {"remark": ""} == dict(zip(NAMES, ROWS[1], strict=True)) | {
        "range_check": "above", "remark": "",
    }  # fmt: skip
    assert made[0].asked[0][1][0].modality == "document"


@pytest.mark.parametrize(
    ("text", "finish", "code", "says"),
    [
        ('{"rows": []}', "stop", 0, "No row was read"),
        ('{"rows": [', "stop", 4, "no table"),
        ('{"rows": [], "rows": []}', "stop", 4, "stands twice"),
        ('{"rows": NaN}', "stop", 4, "NaN is no number"),
        ("", "stop", 4, "wrote nothing"),
        (Reads.text, "length", 5, "not read to its end"),
    ],
)
def test_a_page_without_a_table_and_answers_that_are_none(
    tmp_path: Path, text: str, finish: str, code: int, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    sheet(()).save(tmp_path / "sheet.png")

    def make(spec: EngineSpec) -> Reads:
        reads = Reads(spec)
        reads.text, reads.finish = text, finish
        return reads

    assert main(["table", str(tmp_path / "sheet.png"), "--drafter", NEW], make) == code
    captured = capsys.readouterr()
    assert says in captured.out + captured.err


def test_a_schema_of_the_readers_own(tmp_path: Path, engine: Any, capsys: pytest.CaptureFixture[str]) -> None:
    sheet().save(tmp_path / "sheet.png")
    for content in ("no json", '{"type": "string", "pattern": "x"}', "[1]"):
        (tmp_path / "own.json").write_text(content)
        assert main(["table", str(tmp_path / "sheet.png"), "--schema", str(tmp_path / "own.json"), "--drafter", NEW], engine) == 2
        assert "mend the schema" in capsys.readouterr().err


def test_a_table_is_read_from_a_page_only(tmp_path: Path, engine: Any, capsys: pytest.CaptureFixture[str]) -> None:
    ct = write(tmp_path / "ct.dcm", np.zeros((8, 8), np.uint16), "CT", RescaleSlope=1, RescaleIntercept=0)
    assert main(["table", str(ct), "--drafter", NEW], engine) == 2
    assert "a table is read from a page" in capsys.readouterr().err
    page = pdf(tmp_path / "sheet.pdf", ["Sodium", "Potassium"])
    assert main(["table", str(page), "--frame", "1", "--drafter", NEW], engine) == 0


def test_pages_are_told_from_films_sections_and_photographs(tmp_path: Path, film: Any) -> None:
    sheet().save(tmp_path / "page.png")
    sheet(ROWS * 6).convert("L").save(tmp_path / "grey.png")
    photo = png(tmp_path / "photo.png", np.full((50, 50, 3), (180, 120, 60), np.uint8))
    blank = png(tmp_path / "blank.png", np.full((50, 50, 3), 255, np.uint8))
    pictures = [tmp_path / "page.png", tmp_path / "grey.png", photo, blank]
    kinds = {path.name: modality_of(open_source(path))[0] for path in pictures}
    assert kinds == {"page.png": "document", "grey.png": "document", "photo.png": "photo", "blank.png": "cxr"}
    assert modality_of(open_source(film(1)[0]))[0] == "cxr"


def test_the_reader_corrects_a_guess_and_never_a_file_that_knows(tmp_path: Path, engine: Any, made: Any) -> None:
    grey = png(tmp_path / "fundus.png", np.repeat(noise(1)[..., :1], 3, 2))
    assert main(["ask", str(grey), "What is it?", "--drafter", NEW], engine) == 0
    assert main(["ask", str(grey), "What is it?", "--kind", "photo", "--drafter", NEW], engine) == 0
    assert [one.asked[0][1][0].modality for one in made] == ["cxr", "photo"]
    assert "one of the photographs, as the reader says" in made[1].asked[0][1][0].steps
    ct = write(tmp_path / "ct.dcm", np.zeros((8, 8), np.uint16), "CT", RescaleSlope=1, RescaleIntercept=0)
    assert main(["ask", str(ct), "What is it?", "--kind", "photo", "--drafter", NEW], engine) == 2


def test_ready_questions_are_asked_by_name(tmp_path: Path, engine: Any, made: Any) -> None:
    photo = png(tmp_path / "eye.png", noise(2))
    assert main(["ask", str(photo), "--recipe", "fundus", "--kind", "photo", "--drafter", NEW], engine) == 0
    question = made[0].asked[0][0]
    assert [line[:3] for line in question.text.splitlines()[1:6]] == ["(A)", "(B)", "(C)", "(D)", "(E)"]
    assert "The most likely diagnosis is: X" in question.text
    assert main(["ask", str(photo), "--recipe", "foot", "--drafter", NEW], engine) == 2
    assert {one.id for one in ready.for_kind("photo")} == {"fundus", "skin"}


def test_several_pictures_in_the_order_they_were_named(tmp_path: Path, engine: Any, made: Any, capsys: Any) -> None:
    pixels = [noise(seed) for seed in range(3)]
    paths = [str(png(tmp_path / f"{number}.png", one)) for number, one in enumerate(pixels)]
    order = [paths[2], paths[0], paths[1]]
    assert main(["ask", "--json", *order, "Which is the largest?", "--kind", "photo", "--drafter", NEW], engine) == 0
    sent = made[0].asked[0][1]
    assert [one.caption for one in sent] == ["IMAGE 1", "IMAGE 2", "IMAGE 3"]
    want = [pixels[2], pixels[0], pixels[1]]
    assert all(np.array_equal(one.pixels, two) for one, two in zip(sent, want, strict=True))
    body = json.loads(capsys.readouterr().out)
    assert [(one["caption"], one["path"]) for one in body["pictures"]] == [
        (f"IMAGE {n}", path) for n, path in enumerate(order, 1)
    ]
    assert body["receipt"]["pixels_sha256"] == [hashlib.sha256(one.tobytes()).hexdigest() for one in want]


def test_kinds_are_not_mixed_unless_the_model_was_shown_such(tmp_path: Path, home: Path) -> None:
    photo = png(tmp_path / "photo.png", noise(1))
    ct = write(tmp_path / "ct.dcm", np.zeros((8, 8), np.uint16), "CT", RescaleSlope=1, RescaleIntercept=0)
    request = Request(photo, FreeQuestion("?"), said="photo", also=(Place(ct),))
    with pytest.raises(OutsideTraining, match="not shown photographs and CT images together"):
        run(request, Reads(EngineSpec(drafter=NEW)))
    folder = home / "models" / NEW
    folder.mkdir(parents=True)
    (folder / "hilum.json").write_text('{"mixed": true, "side": 64}')
    assert run(request, Reads(EngineSpec(drafter=NEW))).answer.receipt.pixels_sha256[1]
    with pytest.raises(ValueError, match="free question only"):
        run(replace(request, question=TableQuestion()), Reads(EngineSpec(drafter=NEW)))


@given(st.lists(st.integers(1, 2000), min_size=2, max_size=60), st.integers(2, 32))
def test_frames_evenly_in_time(shown: list[int], count: int) -> None:
    starts = cine_frames.starts_s(tuple(float(one) for one in shown))
    assert np.allclose(starts, [sum(shown[:number]) / 1000 for number in range(len(shown))])
    chosen = cine_frames.choose(len(shown), count, starts)
    assert (chosen[0], chosen[-1]) == (0, len(shown) - 1)
    assert chosen == sorted(set(chosen))
    assert len(chosen) <= count
    wanted = [starts[-1] * i / (min(count, len(shown)) - 1) for i in range(min(count, len(shown)))]
    far = [(moment, min(abs(start - moment) for start in starts)) for moment in wanted]
    assert all(any(np.isclose(abs(starts[one] - moment), least) for one in chosen) for moment, least in far)


def test_a_film_of_equal_frames_by_the_formula() -> None:
    assert cine_frames.choose(30, 8) == [round(i * 29 / 7) for i in range(8)]
    assert cine_frames.choose(5, 8) == [0, 1, 2, 3, 4]


def test_a_film_reaches_the_model_frame_by_frame_with_its_moments(tmp_path: Path, engine: Any, made: Any) -> None:
    frames = (np.arange(12, dtype=np.uint16)[:, None, None] * 300) * np.ones((1, 16, 16), np.uint16)
    film = write(tmp_path / "us.dcm", frames[0], "CT", Modality="US", NumberOfFrames=12, PixelData=frames.tobytes(), FrameTime=50)
    assert main(["ask", str(film), "Does the wall move?", "--frames", "4", "--drafter", NEW], engine) == 0
    sent = made[0].asked[0][1]
    taken = [round(i * 11 / 3) for i in range(4)]
    assert [one.caption for one in sent] == [f"FRAME {frame + 1}, {frame * 0.05:.2f} s" for frame in taken]
    source = open_source(film)
    for one, frame in zip(sent, taken, strict=True):
        assert np.array_equal(one.pixels, source.read(Region.whole(source.size, frame)))
    assert {one.modality for one in sent} == {"photo"}
    assert "frame times by the file's frame time" in sent[0].steps
    assert main(["ask", str(film), "Moves?", "--frames", "33", "--drafter", NEW], engine) == 2
    assert main(["ask", str(film), "Moves?", "--whole-series", "--drafter", NEW], engine) == 0
    assert len(made[-1].asked[0][1]) == 8
