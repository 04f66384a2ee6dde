"""Studies to hang: four mammograms and chest films on two days, as a hospital would send them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.demo.chest import Chest, draw_pair
from inference.demo.film import draw_film
from tests.app.dicom_files import study, write

VIEWS = ("RCC", "LCC", "RMLO", "LMLO")


def breast(height: int = 480, width: int = 360, seed: int = 0) -> NDArray[np.uint16]:
    """A half ellipse of tissue whose chest wall is the right edge, 12 bits; the lower half is brighter."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    inside = ((width - x) / (0.8 * width)) ** 2 + ((y - height / 2) / (0.42 * height)) ** 2 < 1
    cells = rng.uniform(0, 1, (height // 24, width // 24))
    texture = np.kron(cells, np.ones((24, 24)))[:height, :width]
    return (inside * (1200 + 1400 * texture + 500 * (y > height / 2))).astype(np.uint16)


def mammograms(folder: Path, number: int, date: str, mirrored: str = "LMLO", patient: str = "PHANTOM-MG") -> dict[str, Path]:
    """The four standard views in one study, named by nothing but their tags; `mirrored` is stored the other way round."""
    paths = {}
    for at, name in enumerate(VIEWS):
        side, view = name[0], name[1:]
        pixels = breast(seed=at)
        rightwards = side == "R"  # the chest wall, which is posterior, lies at picture-right
        if name == mirrored:
            rightwards = not rightwards
        down = ("L" if side == "R" else "R") if view == "CC" else "F"
        values: dict[str, Any] = {
            **study(number, date), "PatientID": patient, "PatientName": "Phantom^Two", "BodyPartExamined": "BREAST",
            "ImageLaterality": side, "ViewPosition": view, "PatientOrientation": ["P" if rightwards else "A", down],
            "ImagerPixelSpacing": [0.1, 0.1], "InstanceNumber": at + 1,
        }  # fmt: skip
        shown = pixels if rightwards else np.ascontiguousarray(pixels[:, ::-1])
        paths[name] = write(folder / f"{number}-{4 - at}.dcm", shown, "MG", **values)
    return paths


def chest_film(path: Path, chest: Chest, number: int, date: str, side: int = 512, view: str = "PA", **values: object) -> Path:
    film = draw_film(chest, side, side).values
    spacing = 400 / side
    given = {
        "BodyPartExamined": "CHEST", "ViewPosition": view, "PatientOrientation": ["L", "F"] if view == "PA" else ["A", "F"],
        "ImagerPixelSpacing": [spacing, spacing], **study(number, date), **values,
    }  # fmt: skip
    return write(path, film, "DX", **given)


def chest_pair(folder: Path, seed: int = 1_000_002) -> tuple[Path, Path]:
    """Current and prior of one patient, 74 days apart, taken at two sizes."""
    pair = draw_pair(seed)
    current = chest_film(folder / "now" / "film.dcm", pair.current, 2, "20240517")
    return current, chest_film(folder / "then" / "film.dcm", pair.prior, 1, "20240304", 600)
