"""A waveform as a source: what the browser lists and the pane draws, on paper of a standard speed and gain."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from viewers.errors import SourceError
from viewers.geometry import Region, Size, Spacing
from viewers.sources import Kind, Level, values
from viewers.sources.describing import described
from viewers.sources.dicom_facts import facts_of
from viewers.sources.facts import Facts
from viewers.sources.header import dataset_of, sop_class_of
from viewers.sources.resample import cut, resized
from viewers.sources.who import who_of
from viewers.waveform import SOP_CLASSES, filters_said, groups_of
from viewers.waveform_paper import PX_PER_MM, Setting, paper, trace

GROUND, FINE, COARSE, INK = (18, 18, 20), (44, 32, 34), (74, 48, 50), (232, 232, 234)
"""sRGB of the paper, its lines of 1 and 5 mm, and the traces."""


class Waveform:
    """Its pixels are the paper's first look; the pane draws the traces themselves."""

    kind: Kind = "waveform"

    def __init__(self, path: Path) -> None:
        dataset = dataset_of(path)
        self.path, self.name = path, path.name
        self.sort = SOP_CLASSES.get(sop_class_of(path), "Waveform")
        self.groups, self.notes = groups_of(path, dataset)
        self.modality = values.code(dataset, "Modality") or "ECG"
        self.facts: Facts | None = facts_of(dataset)
        self.who = who_of(dataset)
        first = paper(self.groups[0], Setting())
        self.size, self.frames = first.size, first.pages
        self.spacing: Spacing | None = None
        self.levels: tuple[Level, ...] = (Level(self.size, 1.0),)
        self.steps: tuple[str, ...] = ()

    def read(self, region: Region, size: Size | None = None) -> NDArray[np.uint8]:
        if not 0 <= region.frame < self.frames:
            raise SourceError(self.path, f"{self.name} has {self.frames} pages; page {region.frame + 1} does not exist.")
        return resized(cut(self._drawn(region.frame), region, GROUND[0]), size or region.size)

    def file_of(self, _page: int) -> Path:
        return self.path

    def info(self) -> Mapping[str, object]:
        groups = [
            {
                "label": one.label,
                "channels": [channel.name for channel in one.channels],
                "frequency_hz": one.frequency_hz,
                "seconds": one.duration_s,
                "filters": filters_said(one.channels),
            }
            for one in self.groups
        ]
        return described(self, sort=self.sort, groups=groups)

    def close(self) -> None:
        """Nothing is held open."""

    def _drawn(self, page: int) -> NDArray[np.uint8]:
        from PIL import Image, ImageDraw

        group = self.groups[0]
        sheet = paper(group, Setting(), page)
        image = Image.new("RGB", (sheet.size.width, sheet.size.height), GROUND)
        draw = ImageDraw.Draw(image)
        for across in (True, False):
            for mm in range(int(sheet.height if across else sheet.width) + 1):
                place = mm * PX_PER_MM
                ends = ((0, place), (sheet.size.width, place)) if across else ((place, 0), (place, sheet.size.height))
                draw.line(ends, COARSE if mm % 5 == 0 else FINE)
        for strip in sheet.strips:
            points = trace(group, sheet, strip)
            whole = points[np.isfinite(points).all(axis=1)]
            if len(whole) > 1:
                draw.line([(float(x), float(y)) for x, y in whole], INK, 2)
        return np.asarray(image)
