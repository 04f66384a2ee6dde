"""The demonstration's workspace: valid files, readable by others, made once and never half."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest

from app import demo_workspace
from app.demo_dicom import Study, write_slices
from app.demo_workspace import Workspace
from app.modality import modality_of
from inference.demo.slide import CELL, TUMOUR, SlidePhantom
from inference.demo.torso import SIGNAL, SPACING, Case, draw_slices
from viewers.geometry import Provenance, Region, Size, Spacing
from viewers.sources import GrayscaleSource, StackedSource, discover, open_source
from viewers.sources.folder import Failure, Item


@pytest.fixture(scope="module")
def told() -> list[float]:
    return []


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory, told: list[float]) -> Workspace:
    def report(share: float, _words: str) -> None:
        told.append(share)

    return demo_workspace.make(tmp_path_factory.mktemp("data") / "demo", report)


def truth(workspace: Workspace, name: str) -> Any:
    return json.loads((workspace.truth / f"{name}.json").read_text())


def test_dciodvfy_finds_no_error(workspace: Workspace, tmp_path: Path) -> None:
    if shutil.which("dciodvfy") is None:
        pytest.skip("dciodvfy (Debian package dicom3tools) is not installed")
    resonance = draw_slices(1, Case(), np.array([0.2, 0.3]), 40, 64, SIGNAL)
    paths = [
        *write_slices(tmp_path, resonance.values, SPACING, Study("mr", 2, "20240618"), "MR"),
        workspace.current,
        workspace.prior,
        *sorted(workspace.ct.iterdir())[:2],
        workspace.heart,
        *sorted(workspace.batch.glob("film-0*.dcm")),
    ]
    assert len(paths) == 16
    for path in paths:
        said = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True, check=False)
        lines = (said.stdout + said.stderr).splitlines()
        assert [line for line in lines if line.startswith(("Error", "Warning", "Abort"))] == [], path


def test_films_are_one_patient_on_two_days(workspace: Workspace) -> None:
    current, prior = open_source(workspace.current), open_source(workspace.prior)
    assert current.facts is not None
    assert prior.facts is not None
    assert current.facts.patient_key == prior.facts.patient_key
    assert current.facts.study_key != prior.facts.study_key
    assert prior.facts.study_date < current.facts.study_date
    assert (current.modality, current.facts.view, current.facts.body_part) == ("DX", "PA", "CHEST")
    assert (current.facts.right_edge, current.facts.bottom_edge, current.facts.laterality) == ("L", "F", "U")
    assert current.spacing == Spacing(0.3125, 0.3125, Provenance.DETECTOR)
    header = pydicom.dcmread(workspace.current)
    assert (header.BitsAllocated, header.BitsStored, header.PhotometricInterpretation) == (16, 12, "MONOCHROME2")


def test_the_left_effusion_lies_where_the_letters_say(workspace: Workspace) -> None:
    findings = truth(workspace, "chest")["current"]["findings"]
    width = open_source(workspace.current).size.width
    sided = [one for one in findings if one["side"] and one["box"]]
    assert sided
    for one in sided:
        middle = (one["box"][0] + one["box"][2]) / 2
        assert (middle > width / 2) == (one["side"] == "left")  # the right edge is the patient's left


def test_the_lesion_is_where_the_truth_says(workspace: Workspace) -> None:
    source = open_source(workspace.ct)
    assert isinstance(source, GrayscaleSource)
    lesion = truth(workspace, "ct")["lesion"]
    low, high = lesion["slices"]
    x0, y0, x1, y1 = lesion["box"]
    slice_, y, x = (low + high) // 2, (y0 + y1) // 2, (x0 + x1) // 2
    values = source.values(slice_)
    inside, beside = values[y - 3 : y + 4, x - 3 : x + 4].mean(), values[y - 3 : y + 4, x1 + 4 : x1 + 10].mean()
    assert -10 < inside < 40 < beside < 80  # HU of the lesion and of the liver
    assert source.frames == truth(workspace, "ct")["slices"]
    assert source.grayscale.unit == "HU"


def test_openslide_opens_the_pyramid(workspace: Workspace) -> None:
    openslide = pytest.importorskip("openslide")
    handle = openslide.OpenSlide(workspace.slide)
    assert min(handle.dimensions) >= 30_000
    assert handle.level_count >= 5
    assert float(handle.properties["openslide.mpp-x"]) == pytest.approx(0.5)
    phantom = SlidePhantom(demo_workspace.SLIDE_SEED)
    rows, columns = np.nonzero(phantom.class_map == TUMOUR)
    x, y = (max(0, int(one[len(rows) // 2]) * CELL - 300) for one in (columns, rows))
    for level, step in ((0, 1), (2, 4)):
        drawn = phantom.tile(step, x // step, y // step, 600, 600).astype(int)
        read = np.asarray(handle.read_region((x // step * step, y // step * step), level, (600, 600)).convert("RGB")).astype(int)
        assert np.abs(read - drawn).mean() < 8.0  # JPEG with halved colour


def test_the_written_classes_are_the_phantoms(workspace: Workspace) -> None:
    written = truth(workspace, "slide")
    flat = np.concatenate([np.full(length, kind) for kind, length in written["runs"]])
    grid = flat.reshape(written["rows"], written["columns"])
    source = open_source(workspace.slide)
    small = source.read(Region.whole(source.size), Size(grid.shape[1], grid.shape[0])).astype(int)
    pink = small[..., 1] < 225
    assert ((grid > 0) == pink).mean() > 0.97


def test_forty_items_two_of_them_broken(workspace: Workspace) -> None:
    found = list(discover(workspace.batch))
    assert len(found) == 40
    assert [one.path.name for one in found if isinstance(one, Failure)] == ["film-17.dcm", "letter.dcm"]
    for one in found:
        if isinstance(one, Item):
            source = one.open()
            assert source.read(Region.whole(source.size), Size(32, 32)).std() > 1.0
    names = {str(one.path.relative_to(workspace.batch)) for one in found}
    assert names == set(truth(workspace, "batch"))


def test_every_kind_is_in_the_batch(workspace: Workspace) -> None:
    items = [one for one in discover(workspace.batch) if isinstance(one, Item)]
    assert {one.kind for one in items} == {"radiograph", "picture", "slide", "series"}
    assert {one.modality for one in items} >= {"DX", "CT", "SM"}


def test_what_the_browser_opens_is_there(workspace: Workspace) -> None:
    kinds = [open_source(path).kind for path in demo_workspace.sources(workspace.folder)]
    assert kinds == ["radiograph", "radiograph", "series", "slide", "series", "picture", "picture"]


def test_every_kind_of_picture_is_told_as_what_it_is(workspace: Workspace) -> None:
    sources = [open_source(path) for path in demo_workspace.sources(workspace.folder)]
    told = [modality_of(source)[0] for source in sources]
    assert told == ["cxr", "cxr", "ct", "slide", "photo", "photo", "document"]
    heart = sources[4]
    assert isinstance(heart, StackedSource)
    assert heart.frames == 48
    assert heart.frame_times is not None
    assert heart.frame_times.shown_ms[0] == pytest.approx(33.3)


def test_a_complete_workspace_is_left_alone(workspace: Workspace, told: list[float]) -> None:
    before = {path: path.stat().st_mtime_ns for path in workspace.folder.rglob("*")}
    assert demo_workspace.make(workspace.folder) == workspace
    assert {path: path.stat().st_mtime_ns for path in workspace.folder.rglob("*")} == before
    assert told[-1] == pytest.approx(1.0)
    assert all(0 <= share <= 1.0001 for share in told)
    assert [path.name for path in workspace.folder.parent.iterdir()] == ["demo"]


def test_other_files_are_never_removed(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="choose an empty folder"):
        demo_workspace.make(tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "mine"


def test_a_stop_in_the_middle_leaves_nothing_half(tmp_path: Path) -> None:
    def stop(share: float, words: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        demo_workspace.make(tmp_path / "demo", stop)
    assert list(tmp_path.iterdir()) == []
