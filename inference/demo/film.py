"""Draws a `Chest` at any resolution: 12-bit values, an 8-bit rendering, and the true mask of everything in it.

Shapes are analytic in the patient frame (see `chest.py`), so that 128 px and 2048 px agree.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from inference.demo.chest import Anatomy, Chest, Finding, Kind, Side
from inference.demo.vessels import vessel_tree

Field = NDArray[np.floating[Any]]
Mask = NDArray[np.bool_]
TREE = 512
"""Pixels along the unit of the canvas on which vessels are drawn."""


@dataclass(frozen=True, slots=True, eq=False)
class Film:
    """`values` uint16 0..4095, bright is dense; `pixels` uint8 is the same through the window centre 2048, width 4096.

    `findings` holds the mask of every finding by (kind, side); `organs` those of "heart", "left lung", "right lung".
    """

    values: NDArray[np.uint16]
    pixels: NDArray[np.uint8]
    findings: dict[tuple[Kind, Side], Mask]
    organs: dict[str, Mask]


def draw_film(chest: Chest, height: int = 1024, width: int = 1024) -> Film:
    """Draws all of it. Raises ValueError below 32 pixels a side."""
    if min(height, width) < 32:
        raise ValueError(f"a chest phantom needs 32 pixels a side, not {width} x {height}")
    body = Thorax(chest, height, width)
    findings = {(f.kind, f.side): body.mask(f) for f in chest.findings}
    density = body.density()
    value = _tone(density, chest, min(height, width))
    values = (np.clip(value, 0.0, 1.0) * 4095.0).astype(np.uint16)
    organs = {
        "heart": body.heart > 0.5,
        "left lung": (body.lung > 0.5) & body.is_left,
        "right lung": (body.lung > 0.5) & ~body.is_left,
    }
    return Film(values, (values >> 4).astype(np.uint8), findings, organs)


def box_of(mask: Mask) -> tuple[int, int, int, int] | None:
    """(x0, y0, x1, y1) of the true pixels, the upper ends exclusive; None for an empty mask."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if rows.size == 0:
        return None
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _step(distance: Field, softness: float) -> Field:
    """0 far outside, 0.5 on the edge, 1 far inside; smooth over ± `softness`."""
    t = np.clip(distance * np.float32(0.5 / softness) + np.float32(0.5), 0.0, 1.0)
    return np.asarray(t * t * (np.float32(3.0) - np.float32(2.0) * t))


def noise_field(seed: int, cells: int, height: int, width: int) -> Field:
    """Smooth noise, about -1..1, `cells` lattice cells across the picture; the same pattern at every resolution."""
    lattice = np.random.default_rng(seed).uniform(-1.0, 1.0, (cells, cells)).astype(np.float32)
    return np.asarray(Image.fromarray(lattice).resize((width, height), Image.Resampling.BICUBIC))


class Thorax:
    """The fields of one film, float32 (height, width), in the patient frame."""

    def __init__(self, chest: Chest, height: int, width: int) -> None:
        self.chest = chest
        self.shape = (height, width)
        a, pose = chest.anatomy, chest.pose
        unit = min(height, width)
        x0 = ((np.arange(width, dtype=np.float32) + 0.5 - width / 2) / unit - pose.shift[0])[None, :]
        y0 = ((np.arange(height, dtype=np.float32) + 0.5 - height / 2) / unit - pose.shift[1])[:, None]
        cos, sin = np.float32(np.cos(pose.angle) / pose.scale), np.float32(np.sin(pose.angle) / pose.scale)
        self.x: Field = (cos * x0 + sin * y0).astype(np.float32)
        self.y: Field = (cos * y0 - sin * x0).astype(np.float32)
        self.xs = np.abs(self.x)
        self.is_left: Mask = self.x > 0
        self.t = np.clip((self.y - a.apex) / (a.base - a.apex), 0.0, 1.0)
        self._bounds(a)
        self.heart = self._heart()

    def _bounds(self, a: Anatomy) -> None:
        """Distances to the walls of the lungs, positive inside; `lung` 0..1."""
        t = self.t
        self.outer = np.float32(0.12) + np.float32(a.wall - 0.12) * (1.0 - (1.0 - t) ** 2.4) ** np.float32(0.54)
        self.inner = np.float32(a.mediastinum) + np.float32(0.12 - a.mediastinum) * np.exp(-t / np.float32(0.06))
        middle = np.float32(0.5 * a.wall)
        hump = ((self.xs - middle) / np.float32(a.wall - 0.5 * a.wall + 0.008)) ** 2
        base = np.where(self.is_left, np.float32(a.base), np.float32(a.base - a.dome_rise))
        self.floor: Field = base - np.float32(a.dome) * (1.0 - hump)
        self.d_out = self.outer - self.xs
        self.d_top = self.y - np.float32(a.apex)
        self.d_floor = self.floor - self.y
        side, top = np.clip(self.d_out, 1e-4, 1.0), np.clip(1.3 * self.d_top, 1e-4, 1.0)
        self.d_wall: Field = (side**-3 + top**-3) ** np.float32(-1 / 3)
        self.hemithorax = _step(self.d_out, 0.007) * _step(self.xs - self.inner, 0.014) * _step(self.d_top, 0.01)
        self.lung: Field = self.hemithorax * _step(self.d_floor, 0.008)

    def _heart(self) -> Field:
        a = self.chest.anatomy
        big = self.chest.find("cardiomegaly")
        ratio = a.ratio if big is None else 0.55 + 0.21 * big.amount
        across = ratio * 2.0 * a.wall
        tall = a.heart_height * (1.0 + 0.9 * max(ratio - 0.46, 0.0))
        x, y = self.x - np.float32(0.20 * across), self.y - np.float32(a.heart_y)
        cos, sin = np.float32(np.cos(a.heart_tilt)), np.float32(np.sin(a.heart_tilt))
        u, v = (cos * x + sin * y) / np.float32(across * 0.53), (cos * y - sin * x) / np.float32(tall)
        ventricle = 1.0 - np.hypot(u, v * (1.0 - 0.25 * u))
        base = 1.0 - np.hypot((self.x - 0.02) / np.float32(0.30 * across), (y + np.float32(0.4 * tall)) / np.float32(tall))
        atrium = 1.0 - np.hypot((self.x + np.float32(0.31 * across - 0.075)) / 0.075, (y + 0.005) / np.float32(tall * 0.85))
        whole = np.maximum(np.maximum(_step(ventricle, 0.09), _step(base, 0.12)), _step(atrium, 0.14))
        return np.asarray(whole * _step(self.d_floor + np.float32(0.02), 0.025))

    def mask(self, finding: Finding) -> Mask:
        """The true pixels of a finding."""
        if finding.kind == "cardiomegaly":
            return self.heart > 0.5
        return self.extent(finding) > 0.5

    def extent(self, finding: Finding) -> Field:
        """0..1, where the finding is."""
        here = self.is_left if finding.side == "left" else ~self.is_left
        if finding.kind == "effusion":
            return self._fluid(finding.amount) * here
        if finding.kind == "pneumothorax":
            return self._air(finding.amount) * here
        return self._blob(finding) * self.lung * here

    def _fluid(self, amount: float) -> Field:
        """Fluid behind a meniscus that climbs along the wall, over the diaphragm."""
        a = self.chest.anatomy
        height, hollow = 0.10 + 0.28 * amount, 0.92 - 0.42 * amount
        level = np.float32(1.0 - hollow) + np.float32(hollow) * np.minimum(self.xs / np.float32(a.wall), 1.0) ** 3
        base = np.where(self.is_left, np.float32(a.base), np.float32(a.base - a.dome_rise)) + np.float32(0.01)
        return _step(self.y - (base - np.float32(height) * level), 0.012) * (self.lung > 0.02)

    def _air(self, amount: float) -> Field:
        """Air between the wall and the collapsed lung, from the apex down the side."""
        return _step(self._pleura(amount), 0.004) * self.lung

    def _pleura(self, amount: float) -> Field:
        """Distance to the edge of the collapsed lung, positive in the free air."""
        end = 0.55 + 0.35 * amount
        depth = np.float32(0.045 + 0.125 * amount) * np.sqrt(np.clip(1.0 - (self.t / np.float32(end)) ** 2, 0.0, 1.0))
        return np.asarray(depth - self.d_wall - np.float32(0.02) * (self.t > np.float32(end)))

    def _blob(self, finding: Finding) -> Field:
        """An irregular consolidation around `finding.place`, its edge at 0.5."""
        a = self.chest.anatomy
        across, down = finding.place
        flip = 1.0 if finding.side == "left" else -1.0
        y = a.apex + (a.base - a.apex) * down
        outer = 0.12 + (a.wall - 0.12) * (1.0 - (1.0 - down) ** 2.4) ** 0.54
        x = flip * (a.mediastinum + (outer - a.mediastinum) * across)
        rng = np.random.default_rng(finding.shape)
        radius = 0.058 + 0.092 * finding.amount
        turn, stretch = rng.uniform(0, np.pi), rng.uniform(0.8, 1.25)
        dx, dy = self.x - np.float32(x), self.y - np.float32(y)
        cos, sin = np.float32(np.cos(turn)), np.float32(np.sin(turn))
        u, v = (cos * dx + sin * dy) * np.float32(stretch), (cos * dy - sin * dx) / np.float32(stretch)
        angle, away = np.arctan2(v, u), np.hypot(u, v)
        ripple = np.ones_like(away)
        for k in (2, 3, 5, 8):
            ripple += np.float32(rng.uniform(0.02, 0.22 / k)) * np.cos(k * angle + np.float32(rng.uniform(0, 6.3)))
        return _step(1.0 - away / (np.float32(radius) * ripple), 0.42)

    def density(self) -> Field:
        """What the beam met, about 0..1; bright is dense."""
        chest, a = self.chest, self.chest.anatomy
        air = np.zeros(self.shape, np.float32)
        white = np.zeros(self.shape, np.float32)
        line = np.zeros(self.shape, np.float32)
        for finding in chest.findings:
            if finding.kind == "cardiomegaly":
                continue
            where = self.extent(finding)
            here = self.is_left if finding.side == "left" else ~self.is_left
            if finding.kind == "pneumothorax":
                air = np.maximum(air, where)
                edge = 1.0 - np.abs(self._pleura(finding.amount)) / np.float32(0.0035)
                line += np.clip(edge, 0.0, 1.0) * self.lung * here * (self.t < 0.9)
            elif finding.kind == "effusion":
                white = np.maximum(white, where * np.float32(0.93))
            else:
                grain = 0.88 + 0.12 * noise_field(finding.shape, 40, *self.shape)
                rng = np.random.default_rng(finding.shape + 1)
                white = np.maximum(white, where * grain * np.float32(rng.uniform(0.46, 0.62) + 0.08 * finding.amount))
        depth = 1.0 - np.exp(-np.clip(np.minimum(self.d_wall, self.d_floor + 0.05), 0.0, 1.0) / np.float32(0.045))
        lung = self.lung * (0.72 + 0.28 * depth) * (1.0 - 0.82 * self.heart) * (1.0 - white)
        vessels = self._vessels() * lung * (1.0 - 0.96 * air)
        frame = np.maximum(self._frame(), 0.0)
        field = 0.58 * self._body() + self._bones() * (0.65 + 0.6 * lung) - 0.44 * lung - 0.07 * air * lung
        belly = 0.13 * _step(-self.d_floor, 0.02) * _step(a.wall + 0.02 - self.xs, 0.09)
        field += (frame**3 + (0.21 * self.heart) ** 3 + belly**3) ** np.float32(1 / 3)
        field += 0.16 * vessels + 0.10 * line
        return np.asarray(field, np.float32)

    def _body(self) -> Field:
        """Thickness of neck, shoulders and trunk; 0 in the air around."""
        a = self.chest.anatomy
        slope = _step(self.y + np.float32(0.385 + a.shoulder), 0.085)
        arm = 0.07 * _step(-0.10 - self.y, 0.12)
        half = 0.12 + np.float32(a.wall - 0.035) * slope + arm * slope
        inside = np.clip((half - self.xs) / np.float32(0.15), 0.0, 1.0)
        return np.asarray(np.sqrt(inside) * (0.90 + 0.10 * np.cos(self.x * 3.2)))

    def _frame(self) -> Field:
        """Spine, mediastinum, aortic knob, hila and the gas bubble of the stomach."""
        a, x, y, xs = self.chest.anatomy, self.x, self.y, self.xs
        middle = np.exp(-((x / np.float32(a.mediastinum * 1.1)) ** 2)) * _step(y + 0.47, 0.06)
        discs = 1.0 + 0.10 * np.cos(y * np.float32(2 * np.pi / 0.062)) * (xs < 0.035)
        knob = _step(1.0 - np.hypot(x - 0.052, y + 0.115) / 0.042, 0.25) * 0.10
        trachea = _step(0.017 - np.abs(x + 0.004), 0.006) * _step(-(y + 0.09), 0.03) * 0.11
        hila = np.exp(-(((xs - 0.085) / 0.026) ** 2) - (((y + 0.01 + 0.015 * self.is_left) / 0.055) ** 2)) * 0.13
        bubble = 0.0 * x
        if a.bubble > 0.02:
            r = a.bubble
            away = np.hypot((x - 0.17) / (1.5 * r), (y - (a.base - 0.55 * a.dome + r + 0.012)) / r)
            bubble = _step(1.0 - away, 0.2) * 0.16 * _step(-self.d_floor, 0.01)
        return np.asarray(0.20 * middle * discs + knob - trachea + hila * 0.8 - bubble)

    def _bones(self) -> Field:
        a = self.chest.anatomy
        u = np.clip(self.xs / np.float32(a.wall), 0.0, 1.2)
        bones = np.zeros(self.shape, np.float32)
        back = -0.045 * np.sin(np.pi * np.minimum(u, 1.0)) + 0.10 * u**2
        front = 0.30 - 0.155 * u - 0.05 * u**2
        span = _step(self.d_out + 0.03, 0.015) * _step(self.y - np.float32(a.apex - 0.015), 0.02)
        for curve, strength, limit in ((back, 1.0, 0.12), (front, 0.62, 0.42)):
            phase = (self.y - curve) / np.float32(a.rib_spacing) + np.float32(a.rib_phase)
            away = np.abs(phase - np.round(phase)) * np.float32(a.rib_spacing)
            plate = _step(0.0125 - away, 0.0035)
            rim = np.clip(1.0 - np.abs(away - 0.0105) / 0.004, 0.0, 1.0)
            shade = (0.040 * plate + 0.034 * rim) * _step(u - limit, 0.05) * strength
            bones = np.maximum(bones, shade)
        bones *= span * np.float32(a.rib_contrast) * (1.0 - 0.75 * _step(-self.d_floor, 0.03))
        rise = np.float32(a.apex + 0.085 + a.clavicle) - 0.10 * self.xs - 0.03 * np.sin(self.xs * 14.0)
        away = np.abs(self.y - rise)
        collar = (0.055 * _step(0.0125 - away, 0.004) + 0.03 * np.clip(1.0 - np.abs(away - 0.011) / 0.004, 0.0, 1.0)) * _step(
            self.xs - 0.03, 0.015
        )
        return np.asarray(bones + collar * _step(np.float32(a.wall + 0.02) - self.xs, 0.02))

    def _vessels(self) -> Field:
        """0..1: two trees that branch outwards from the hila, thinner with every branching."""
        height, width = self.shape
        unit = min(height, width)
        full = max(TREE, unit)
        canvas = Image.new("L", (round(width * full / unit), round(height * full / unit)))
        pen = ImageDraw.Draw(canvas)
        starts, ends, thick = vessel_tree(self.chest.anatomy.vessels)
        points = np.concatenate([self._to_canvas(starts, full), self._to_canvas(ends, full)], 1)
        shade = (255 * np.minimum(1.0, 0.35 + thick / 0.009)).astype(int)
        wide = np.maximum(1, np.round(thick * full * self.chest.pose.scale)).astype(int)
        for line, grey, pixels in zip(points.tolist(), shade.tolist(), wide.tolist(), strict=True):
            pen.line(line, fill=grey, width=pixels)
        return np.asarray(canvas.resize((width, height), Image.Resampling.BOX), np.float32) / np.float32(255.0)

    def _to_canvas(self, points: NDArray[np.float64], full: int) -> NDArray[np.float64]:
        """Patient frame to pixels of the vessel canvas, the inverse of the pose; (n, 2) both."""
        pose = self.chest.pose
        height, width = self.shape
        cos, sin = np.cos(pose.angle) * pose.scale, np.sin(pose.angle) * pose.scale
        turned = points @ np.array([[cos, sin], [-sin, cos]])
        middle = np.array([width, height]) * (0.5 / min(height, width))
        return np.asarray((turned + pose.shift + middle) * full)


def _tone(density: Field, chest: Chest, unit: int) -> Field:
    """Film values 0..1: scatter, tone curve, exposure, quantum noise (independent per pixel, so weaker when averaged)."""
    pose = chest.pose
    rng = np.random.default_rng(pose.seed)
    value = np.clip(density + 0.02 * noise_field(pose.seed, 5, *density.shape), 0.0, 1.4)
    value = (0.05 + 0.98 * value) ** np.float32(pose.gamma) * np.float32(pose.gain) + np.float32(pose.offset)
    sigma = 0.022 * pose.noise * min(1.0, unit / 1024.0)
    grain = rng.standard_normal(density.shape, np.float32) * np.float32(sigma)
    return value + grain * (0.5 + value)
