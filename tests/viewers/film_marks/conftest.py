"""Films made of known values, and marks on them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from viewers.film_marks.film import Film
from viewers.sources import open_source

Written = Callable[..., Path]


@pytest.fixture
def film(write_dicom: Written) -> Callable[..., Film]:
    """`film(pixels, Keyword=value…)`: an opened film."""

    def make(pixels: Any, **values: object) -> Film:
        name = str(values.pop("name", "film.dcm"))
        if np.ndim(pixels) == 3:
            values = {
                "NumberOfFrames": len(pixels), "Rows": pixels.shape[1], "Columns": pixels.shape[2],
                "SOPClassUID": "1.2.840.10008.5.1.4.1.1.12.1", "Modality": "XA", **values,
            }  # fmt: skip
        return Film(open_source(write_dicom(pixels, name, **values)), "own")

    return make
