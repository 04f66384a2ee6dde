"""Where a phrase is supported: one function per method, compared on masks before it is offered as localisation.

A pooled dual encoder does not localise by itself, so which method may be believed is a property of the model: its
catalogue entry names the default, those that passed a pointing test and those that failed it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from threading import Event

import numpy as np
from numpy.typing import NDArray

from inference.answers import Progress
from inference.errors import ModelRefused, WrongName
from inference.medsiglip import Encoder, Floats, Output
from inference.preprocess import slide
from inference.preprocess.padding import Padding, pad_square
from inference.questions import HeatmapQuestion, Picture
from inference.zero_shot import mean_vector

Square = NDArray[np.uint8]
SPREAD = 4.0
"""The legend spans this many logits either side of even chances, at the model's own scale."""


@dataclass(frozen=True, slots=True)
class Layer:
    """`values` float32 (rows, columns) over `extent` = (x0, y0, x1, y1) in pixels of the picture; `low`, `high` of the legend."""

    values: Floats
    extent: tuple[float, float, float, float]
    low: float
    high: float
    unit: str


@dataclass(frozen=True, slots=True)
class Task:
    """A question at work: vectors of the phrase and of what it is held against (None: nothing), and who watches."""

    encoder: Encoder
    picture: Picture
    phrase: Floats
    against: Floats | None
    on_progress: Callable[[Progress], None]
    cancel: Event

    def see(self, squares: Sequence[Square], output: Output = "pooled") -> Floats:
        """[n, …] vectors of squares of any size."""
        ready = [self.encoder.pixels(square) for square in squares]
        found = self.encoder.pictures(ready, output, stage="scoring windows", on_progress=self.on_progress, cancel=self.cancel)
        return np.stack(list(found))

    def support(self, vectors: Floats) -> Floats:
        """[…, d] → […]: contrast where there is something to hold against, else cosine."""
        near = vectors @ self.phrase
        return np.asarray(near if self.against is None else near - vectors @ self.against, np.float32)

    def layer(self, values: Floats, extent: tuple[float, float, float, float]) -> Layer:
        """With the legend's range from the model's scale: ± SPREAD logits about even chances."""
        half = SPREAD / self.encoder.scale
        if self.against is not None:
            return Layer(values, extent, -half, half, "contrast")
        even = -self.encoder.bias / self.encoder.scale
        return Layer(values, extent, even - half, even + half, "cosine")


class Canvas:
    """The mean of overlapping blocks on a grid; what nothing covers takes the lowest value."""

    def __init__(self, rows: int, columns: int) -> None:
        self._sum = np.zeros((rows, columns), np.float64)
        self._count = np.zeros((rows, columns), np.int64)

    def add(self, row: int, column: int, height: int, width: int, values: Floats | float) -> None:
        """A block, cut where it leaves the grid."""
        place = (slice(row, row + height), slice(column, column + width))
        shape = self._sum[place].shape
        self._sum[place] += values if np.ndim(values) == 0 else np.asarray(values)[: shape[0], : shape[1]]
        self._count[place] += 1

    def mean(self) -> Floats:
        covered = self._count > 0
        values = np.zeros(self._sum.shape)
        values[covered] = self._sum[covered] / self._count[covered]
        values[~covered] = values[covered].min()
        return values.astype(np.float32)


def patch_head(task: Task) -> Layer:
    """The pooling head on every patch token alone. With the model's own bias and scale a probability, sigmoid(s · cos + b)."""
    facts = task.encoder.entry.heatmap
    if facts.bias is None or facts.scale is None:
        return task.layer(*_tokens(task, "grid", task.support))
    near, extent = _tokens(task, "grid", lambda tokens: tokens @ task.phrase)
    logit = facts.scale * near.astype(np.float64) + facts.bias
    return Layer((1 / (1 + np.exp(-logit))).astype(np.float32), extent, 0.0, 1.0, "probability, not calibrated")


def token_cosine(task: Task) -> Layer:
    """Raw patch tokens against the text: a baseline, the tokens do not lie in the text's space."""

    def near(tokens: Floats) -> Floats:
        return np.asarray(tokens @ task.phrase / np.maximum(np.linalg.norm(tokens, axis=-1), 1e-12), np.float32)

    values, extent = _tokens(task, "patches", near)
    return Layer(values, extent, -1.0, 1.0, "cosine")


CELLS = 24
SCALES = ((12, 3), (8, 2))
"""On a square of CELLS × CELLS: windows of 12 cells every 3, and of 8 cells every 2; 106 crops in all."""
PICTURE_SHARE = 0.25
"""A window that shows less of the picture than this is padding and is not scored."""


def windows(task: Task) -> Layer:
    """Overlapping crops, each scored as the model was trained to see a picture, averaged where they overlap.

    On a slide the crop is the model's field at its trained resolution; else two sizes over the padded square.
    """
    found = field(task.encoder, task.picture)
    if found.crops:
        return _slide_windows(task, found.window)
    padding = Padding(*task.picture.pixels.shape[:2])
    square = pad_square(task.picture.pixels)
    inside = np.zeros(square.shape[:2], bool)
    inside[padding.top : padding.top + padding.height, padding.left : padding.left + padding.width] = True
    edge = np.round(np.linspace(0, padding.side, CELLS + 1)).astype(int)
    blocks, parts = [], []
    for size, stride in SCALES:
        for row in range(0, CELLS - size + 1, stride):
            for column in range(0, CELLS - size + 1, stride):
                place = (slice(edge[row], edge[row + size]), slice(edge[column], edge[column + size]))
                if inside[place].size and inside[place].mean() >= PICTURE_SHARE:
                    blocks.append((row, column, size))
                    parts.append(square[place])
    canvas = Canvas(CELLS, CELLS)
    for (row, column, size), value in zip(blocks, task.support(task.see(parts)), strict=True):
        canvas.add(row, column, size, size, float(value))
    return task.layer(canvas.mean(), padding.extent)


HOLE = 3
HOLES = 16


def occlusion(task: Task) -> Layer:
    """What is lost when a part is hidden behind the picture's mean colour: 3 of 16 cells wide, at every cell."""
    padding = Padding(*task.picture.pixels.shape[:2])
    square = task.encoder.pixels(task.picture.pixels)
    colour = task.picture.pixels.reshape(-1, 3).mean(axis=0).round().astype(np.uint8)
    edge = np.round(np.linspace(0, len(square), HOLES + 1)).astype(int)
    places = [(row, column) for row in range(HOLES - HOLE + 1) for column in range(HOLES - HOLE + 1)]
    parts = [square]
    for row, column in places:
        part = square.copy()
        part[edge[row] : edge[row + HOLE], edge[column] : edge[column + HOLE]] = colour
        parts.append(part)
    whole, *hidden = task.support(task.see(parts))
    canvas = Canvas(HOLES, HOLES)
    for (row, column), value in zip(places, hidden, strict=True):
        canvas.add(row, column, HOLE, HOLE, float(whole - value))
    half = SPREAD / task.encoder.scale
    return Layer(canvas.mean(), padding.extent, -half, half, "contrast lost")


METHODS: Mapping[str, Callable[[Task], Layer]] = {
    "patch-head": patch_head,
    "windows": windows,
    "occlusion": occlusion,
    "token-cosine": token_cosine,
}


def offered(encoder_facts: object) -> tuple[str, ...]:
    """The methods that may be asked of a model, its default first; takes an `Entry`'s HeatmapFacts."""
    failed = getattr(encoder_facts, "failed", ())
    default = getattr(encoder_facts, "method", "windows")
    return tuple(sorted((name for name in METHODS if name not in failed), key=lambda name: name != default))


def draw(
    encoder: Encoder, question: HeatmapQuestion, picture: Picture, on_progress: Callable[[Progress], None], cancel: Event
) -> tuple[Layer, str, tuple[str, ...]]:
    """(layer, method, phrases held against). Raises WrongName for a method that does not exist and
    ModelRefused for one that failed its check."""
    facts = encoder.entry.heatmap
    method = question.method or facts.method
    if method in facts.failed:
        raise ModelRefused(f"heatmaps by {method} failed their check for {encoder.entry.title}; use {facts.method}")
    if method not in METHODS:
        raise WrongName(f"there is no heatmap method {method!r}; choose one of {', '.join(offered(facts))}")
    own = facts.against.get(picture.modality, ())
    against = (question.against,) if question.against else own
    vector = mean_vector(encoder, against) if against else None
    task = Task(encoder, picture, encoder.texts([question.phrase])[0], vector, on_progress, cancel)
    return METHODS[method](task), method, against


def readings(encoder: Encoder, picture: Picture, method: str) -> tuple[str, ...]:
    """What a receipt says of how often the picture is read."""
    between = METHODS[method] in (patch_head, token_cosine) and not field(encoder, picture).crops
    return ("read four times, a quarter of a patch up or down and left or right",) if between else ()


def field(encoder: Encoder, picture: Picture) -> slide.Field:
    """How the encoder's square lies on the picture."""
    height, width = picture.pixels.shape[:2]
    if picture.modality != "slide":
        return slide.Field(max(height, width), False)
    return slide.field(height, width, picture.mpp, encoder.entry.slide_mpp, encoder.side)


def _slide_windows(task: Task, window: int) -> Layer:
    """Half-overlapping fields on a grid of quarter fields."""
    height, width = task.picture.pixels.shape[:2]
    cell = window / 4
    rows, columns = max(4, int(height / cell)), max(4, int(width / cell))
    places = [(row, column) for row in slide.corners(rows, 4, 2) for column in slide.corners(columns, 4, 2)]
    parts = [slide.crop(task.picture.pixels, round(column * cell), round(row * cell), window) for row, column in places]
    canvas = Canvas(rows, columns)
    for (row, column), value in zip(places, task.support(task.see(parts)), strict=True):
        canvas.add(row, column, 4, 4, float(value))
    return task.layer(canvas.mean(), (0.0, 0.0, columns * cell, rows * cell))


FEW_FIELDS = 6
"""Up to so many fields a side overlap by half, which quarters the speed; more lie side by side."""


def _tokens(task: Task, output: Output, score: Callable[[Floats], Floats]) -> tuple[Floats, tuple[float, float, float, float]]:
    """A value per token over the picture: one square at half a patch's pitch, or the fields of a slide at a patch's pitch joined,
    half overlapping where few."""
    grid, found = task.encoder.grid, field(task.encoder, task.picture)
    height, width = task.picture.pixels.shape[:2]
    if not found.crops:
        return _between(task, output, score), Padding(height, width).extent
    cell = found.window / grid
    rows, columns = max(grid, int(height / cell)), max(grid, int(width / cell))
    step = max(1, grid // 2) if rows * columns <= (FEW_FIELDS * grid) ** 2 else grid
    places = [(row, column) for row in slide.corners(rows, grid, step) for column in slide.corners(columns, grid, step)]
    parts = [slide.crop(task.picture.pixels, round(column * cell), round(row * cell), found.window) for row, column in places]
    canvas = Canvas(rows, columns)
    for (row, column), tokens in zip(places, task.see(parts, output), strict=True):
        canvas.add(row, column, grid, grid, score(tokens).reshape(grid, grid))
    return canvas.mean(), (0.0, 0.0, columns * cell, rows * cell)


def _between(task: Task, output: Output, score: Callable[[Floats], Floats]) -> Floats:
    """(2 · grid, 2 · grid) values of a whole picture at half a patch's pitch.

    The picture is read four times, a quarter of a patch up or down and left or right, its edge repeated: the patches' centres
    then lie on the centres of a grid twice as fine.
    """
    grid, square = task.encoder.grid, task.encoder.pixels(task.picture.pixels)
    side = len(square)
    quarter = max(1, round(side / grid / 4))
    wide = np.pad(square, ((quarter, quarter), (quarter, quarter), (0, 0)), mode="edge")
    turns = [(down, right) for down in (0, 1) for right in (0, 1)]
    starts = [(2 * quarter * down, 2 * quarter * right) for down, right in turns]
    values = np.empty((2 * grid, 2 * grid), np.float32)
    seen = task.see([wide[top : top + side, left : left + side] for top, left in starts], output)
    for (down, right), tokens in zip(turns, seen, strict=True):
        values[down::2, right::2] = score(tokens).reshape(grid, grid)
    return values
