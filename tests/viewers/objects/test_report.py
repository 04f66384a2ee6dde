"""Structured reports of others against what was written into them, and against dcmtk's dsrdump."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from types import ModuleType

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import ImplicitVRLittleEndian

from viewers.errors import SourceError
from viewers.objects.opening import opened
from viewers.objects.showing import Images, drawn_on
from viewers.sources import open_source

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")
CT = tuple[Path, list[Dataset]]
OUTLINE = np.array([[20.0, 10.0], [40.5, 10.0], [40.5, 20.25], [20.0, 20.25], [20.0, 10.0]])


@pytest.fixture
def report(made: ModuleType, ct: CT, tmp_path: Path) -> Path:
    made.report(tmp_path / "sr.dcm", ct[1], OUTLINE, 3)
    return tmp_path / "sr.dcm"


def test_a_measurement_group_lies_on_its_image(report: Path, ct: CT) -> None:
    said, images = opened(report), Images(open_source(ct[0]))  # type: ignore[arg-type]
    area = (0.0, 0.0, 64.0, 64.0)
    drawn = {frame: list(drawn_on(said, images, frame, area)) for frame in range(6)}
    assert [len(drawn[frame]) for frame in range(6)] == [0, 0, 0, 1, 0, 0]
    graphic, places = drawn[3][0]
    assert graphic.shape == "area"
    assert np.array_equal(places, OUTLINE)
    found = said.findings[0]
    assert found.title == "Nodule 1: Nodule, Right, Lung"
    assert found.lines == ("Length: 12.5 mm", "Mean: 45 HU", "Severity (attribute): Severe")
    assert images.first(found.where) == 3
    assert said.origin.who == "LungReader"
    assert said.origin.flags == ("COMPLETE", "PRELIMINARY", "UNVERIFIED")


def test_places_in_the_patient_lie_on_the_slice_they_are_in(report: Path, ct: CT) -> None:
    header = pydicom.dcmread(report)

    def turn(item: Dataset) -> None:
        for below in item.get("ContentSequence", ()):
            if below.ValueType == "SCOORD":
                flat = np.array(below.GraphicData).reshape(-1, 2)
                mm = np.stack([(flat[:, 0] - 0.5) * 0.8 - 20, (flat[:, 1] - 0.5) * 0.8 - 10, np.full(len(flat), 3 * 2.5)], axis=1)
                below.ValueType, below.GraphicType = "SCOORD3D", "POLYGON"
                below.GraphicData = [float(one) for one in mm.ravel()]
                below.ReferencedFrameOfReferenceUID = ct[1][0].FrameOfReferenceUID
                del below.ContentSequence
            turn(below)

    turn(header)
    header.save_as(report)
    said, images = opened(report), Images(open_source(ct[0]))  # type: ignore[arg-type]
    drawn = {frame: list(drawn_on(said, images, frame, (0, 0, 64, 64))) for frame in range(6)}
    assert [len(drawn[frame]) for frame in range(6)] == [0, 0, 0, 1, 0, 0]
    assert drawn[3][0][1] == pytest.approx(OUTLINE, abs=1e-4)
    assert said.findings[0].point is not None
    assert images.nearest(said.findings[0].point) == 3


@pytest.mark.skipif(not shutil.which("dsrdump"), reason="dcmtk is not installed")
def test_the_text_holds_what_dsrdump_prints() -> None:
    path = get_testdata_file("test-SR.dcm")
    assert isinstance(path, str)
    said = "\n".join(line for _, line in opened(Path(path)).text)
    dumped = subprocess.run(["/usr/bin/dsrdump", "-q", "+U8", path], capture_output=True, text=True, check=False).stdout
    quoted = {part.split('"')[0] for line in dumped.splitlines() if "<contains TEXT:" in line for part in line.split('="')[1:]}
    assert quoted
    for words in quoted:
        assert " ".join(words.split("\\")[0].removesuffix("...").split()) in " ".join(said.split())


def test_the_patient_is_not_named(report: Path) -> None:
    header = pydicom.dcmread(report)
    item = Dataset()
    item.RelationshipType, item.ValueType = "HAS OBS CONTEXT", "PNAME"
    concept = Dataset()
    concept.CodeValue, concept.CodingSchemeDesignator, concept.CodeMeaning = "121029", "DCM", "Subject Name"
    item.ConceptNameCodeSequence, item.PersonName = [concept], "Secret^Name"
    header.ContentSequence.append(item)
    header.save_as(report)
    text = "\n".join(line for _, line in opened(report).text)
    assert "Secret" not in text
    assert "Subject Name: (hidden)" in text


def _with_region(report: Path, change: object) -> Path:
    header = pydicom.dcmread(report)

    def walk(item: Dataset) -> None:
        for below in item.get("ContentSequence", ()):
            if below.ValueType == "SCOORD":
                change(below)  # type: ignore[operator]
            walk(below)

    walk(header)
    header.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian  # a value of more than 64 KiB keeps its VR only so
    header.save_as(report, implicit_vr=True, little_endian=True)
    return report


@pytest.mark.parametrize(
    ("points", "why"),
    [
        ([1.0, 2.0, 3.0], "half a place"),
        ([float("nan"), 1.0, 2.0, 3.0], "no numbers"),
        ([], "no numbers"),
    ],
)
def test_an_unusable_region_costs_itself_alone(report: Path, points: list[float], why: str) -> None:
    said = opened(_with_region(report, lambda item: setattr(item, "GraphicData", points)))
    assert said.graphics == ()
    assert len(said.findings) == 1
    assert why in said.notes[0]
    assert said.findings[0].lines[0] == "Length: 12.5 mm"


def test_a_million_points_are_not_drawn(report: Path) -> None:
    many = [float(one % 64) for one in range(2_000_002)]
    said = opened(_with_region(report, lambda item: setattr(item, "GraphicData", many)))
    assert said.graphics == ()
    assert "more than are drawn" in said.notes[0]


def test_a_report_that_refers_to_itself_ends(report: Path) -> None:
    def change(item: Dataset) -> None:
        item.ContentSequence[0].ReferencedContentItemIdentifier = [1]

    said = opened(_with_region(report, change))
    assert len(said.findings) == 1


def test_deep_content_is_refused_in_a_sentence(report: Path) -> None:
    header = pydicom.dcmread(report)
    at = header
    for _ in range(50):
        item = Dataset()
        item.RelationshipType, item.ValueType, item.ContinuityOfContent = "CONTAINS", "CONTAINER", "SEPARATE"
        at.ContentSequence = Sequence([item])
        at = item
    header.save_as(report)
    with pytest.raises(SourceError, match=r"sr.dcm .*deep.*"):
        opened(report)


def test_measured_nothing_is_said(report: Path) -> None:
    header = pydicom.dcmread(report)

    def walk(item: Dataset) -> None:
        for below in item.get("ContentSequence", ()):
            if below.ValueType == "NUM":
                below.MeasuredValueSequence = Sequence([])
            walk(below)

    walk(header)
    header.save_as(report)
    assert opened(report).findings[0].lines[:2] == ("Length: not measured", "Mean: not measured")
