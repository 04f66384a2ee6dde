"""The demonstration's workspace: phantoms as the files a hospital would have. Made once, from seeds, never committed."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Lock

import numpy as np
from PIL import Image

from app.demo_batch import Seeds, Truth, chest_truth, write_batch
from app.demo_dicom import Study, write_cine, write_film, write_slices
from app.demo_slide import write_slide
from inference.demo import pages, photos
from inference.demo.chest import Pair, draw_pair
from inference.demo.film import draw_film
from inference.demo.heart import Heart
from inference.demo.heart import draw_film as draw_film_of_heart
from inference.demo.slide import CELL, CLASSES, MPP, SlidePhantom
from inference.demo.torso import draw_volume

SEEDS = range(1_000_000, 2_000_000)
"""Neither trained on (below) nor measured with (above)."""
_VERSION = 4
"""Raised when what is written changes; an older workspace is then made anew."""
_MARK = "workspace.json"
SLIDE_SEED = 1_200_025
_PAIR_FROM, _VOLUME, _FURTHER = 1_000_000, 1_300_000, 1_400_000
_BATCH = Seeds(chest=1_100_000, slide=1_200_100, volume=1_300_100)
_FILM_SIDE = 1280

Report = Callable[[float, str], None]
"""Told the share done, 0..1, and what is being made; from any thread."""


@dataclass(frozen=True, slots=True)
class Workspace:
    """Where everything of the demonstration lies. The truth lies beside the batch, not in it."""

    folder: Path

    @property
    def current(self) -> Path:
        return self.folder / "chest" / "current.dcm"

    @property
    def prior(self) -> Path:
        return self.folder / "chest" / "prior.dcm"

    @property
    def ct(self) -> Path:
        return self.folder / "ct"

    @property
    def slide(self) -> Path:
        return self.folder / "slide" / "phantom.tif"

    @property
    def skin(self) -> Path:
        return self.folder / "photograph" / "skin.png"

    @property
    def slip(self) -> Path:
        """A page of laboratory values."""
        return self.folder / "laboratory" / "slip.png"

    @property
    def heart(self) -> Path:
        """An ultrasound film."""
        return self.folder / "heart" / "apical.dcm"

    @property
    def batch(self) -> Path:
        return self.folder / "batch"

    @property
    def truth(self) -> Path:
        """A folder with chest.json, ct.json, slide.json, batch.json, and further.json of all the rest."""
        return self.folder / "truth"

    @property
    def complete(self) -> bool:
        """Whether `make` finished here, with what this version writes."""
        try:
            mark = json.loads((self.folder / _MARK).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return False
        return bool(mark == {"version": _VERSION})


def make(folder: Path, progress: Report | None = None) -> Workspace:
    """The workspace at `folder`; made when it is not complete there, under another name first, so that it is never half.

    Raises OSError when it cannot be written, also when `folder` holds something else.
    """
    workspace = Workspace(folder)
    if workspace.complete:
        return workspace
    if folder.exists() and not (folder / _MARK).exists() and any(folder.iterdir()):
        raise FileExistsError(f"{folder} holds other files: choose an empty folder for the demonstration")
    part = folder.with_name(f"{folder.name}.part-{os.getpid()}")
    shutil.rmtree(part, ignore_errors=True)
    try:
        _write(Workspace(part), _Shares(progress or (lambda share, words: None)))  # noqa: ARG005
        if folder.exists():
            shutil.rmtree(folder)
        part.replace(folder)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    return workspace


def sources(folder: Path) -> list[Path]:
    """What the browser opens of a workspace: the two films, the CT, the slide, the heart, the photograph and the slip."""
    one = Workspace(folder)
    return [one.current, one.prior, one.ct, one.slide, one.heart, one.skin, one.slip]


class _Shares:
    """Adds up how far the parts are, each with its weight in seconds of work."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._done: dict[str, float] = {}
        self._weights = {"slide": 14.0, "films": 4.0, "folder": 12.0}
        self._lock = Lock()
        self.stopped = False
        """Set when another part failed: the next part to report stops as well."""

    def part(self, name: str) -> Callable[[float], None]:
        def told(share: float) -> None:
            if self.stopped:
                raise InterruptedError("another part of the demonstration could not be made")
            with self._lock:
                self._done[name] = share
                done = sum(self._weights[one] * part for one, part in self._done.items())
            self._report(done / sum(self._weights.values()), f"making the demonstration: {name}")

        return told


def _write(workspace: Workspace, shares: _Shares) -> None:
    for path in (workspace.current.parent, workspace.slide.parent, workspace.batch, workspace.truth):
        path.mkdir(parents=True)
    phantom = SlidePhantom(SLIDE_SEED)
    with ThreadPoolExecutor(1) as pool:
        slide = pool.submit(write_slide, workspace.slide, phantom, shares.part("slide"))
        try:
            truths = {"chest": _write_chest(workspace), "ct": _write_ct(workspace), "slide": _slide_truth(phantom)}
            truths["further"] = _write_further(workspace)
            shares.part("films")(1.0)
            truths["batch"] = write_batch(workspace.batch, _BATCH, shares.part("folder"))
            slide.result()
        except BaseException:
            shares.stopped = True
            raise
    shares.part("slide")(1.0)
    for name, truth in truths.items():
        (workspace.truth / f"{name}.json").write_text(json.dumps(truth, indent=1) + "\n", encoding="utf-8")
    (workspace.folder / _MARK).write_text(json.dumps({"version": _VERSION}), encoding="utf-8")


def _write_chest(workspace: Workspace) -> Truth:
    """One patient on two days, ten weeks apart."""
    pair = _pair()
    truth: Truth = {"changes": [{"kind": kind, "side": side, "change": what} for (kind, side), what in pair.changes.items()]}
    for name, chest, path, date in (
        ("prior", pair.prior, workspace.prior, "20240304"), ("current", pair.current, workspace.current, "20240517"),
    ):  # fmt: skip
        film = draw_film(chest, _FILM_SIDE, _FILM_SIDE)
        write_film(path, film.values, Study(f"chest {name}", 1, date, description="Chest PA, phantom"))
        truth[name] = chest_truth(chest, film)
    return truth


def _pair() -> Pair:
    """The first pair with an effusion now, something new or worse, and a finding the other film lacks or shares."""
    for seed in SEEDS[_PAIR_FROM - SEEDS.start :]:
        pair = draw_pair(seed)
        worse = any(change in ("new", "worsened") for change in pair.changes.values())
        if pair.current.has("effusion") and worse and 2 <= len(pair.current.findings) <= 3 and pair.prior.findings:
            return pair
    raise AssertionError("no seed gives such a pair")


def _write_ct(workspace: Workspace) -> Truth:
    volume = draw_volume(_VOLUME)
    write_slices(workspace.ct, volume.hu, volume.spacing_mm, Study("ct", 2, "20240611", description="CT, phantom"))
    inside = np.argwhere(volume.lesion)
    low, high = inside.min(0), inside.max(0) + 1
    return {
        "kind": "ct", "slices": len(volume.hu), "lesion": {"slices": [int(low[0]), int(high[0])],
        "box": [int(low[2]), int(low[1]), int(high[2]), int(high[1])]},
    }  # fmt: skip


def _write_further(workspace: Workspace) -> Truth:
    """An uneven spot of skin, four results, and a weak heart with fluid around it."""
    skin, heart = photos.Skin("uneven spot"), Heart(0.28, fluid=True)
    rows = pages.draw_rows(np.random.default_rng(_FURTHER), pages.MOST)
    for path, pixels in (
        (workspace.skin, photos.draw_photo(skin, _FURTHER, 960)), (workspace.slip, pages.draw_slip(rows, _FURTHER).pixels),
    ):  # fmt: skip
        path.parent.mkdir()
        Image.fromarray(pixels).save(path)
    film = draw_film_of_heart(heart, _FURTHER, np.linspace(0.0, 1.0, 48), 480, 640)
    write_cine(workspace.heart, film.frames, 33.3, Study("heart", 3, "20240702", description="Heart, phantom"))
    return {"skin": asdict(skin), "slip": rows, "heart": asdict(heart)}


def _slide_truth(phantom: SlidePhantom) -> Truth:
    """The class of every cell of 64 × 64 base pixels, row by row as runs of (class, length)."""
    flat = phantom.class_map.ravel()
    starts = np.concatenate([[0], np.flatnonzero(np.diff(flat)) + 1])
    lengths = np.diff(np.concatenate([starts, [flat.size]]))
    return {
        "kind": "slide", "mpp": MPP, "cell": CELL, "classes": list(CLASSES), "rows": phantom.class_map.shape[0],
        "columns": phantom.class_map.shape[1], "runs": [[int(flat[at]), int(n)] for at, n in zip(starts, lengths, strict=True)],
    }  # fmt: skip
