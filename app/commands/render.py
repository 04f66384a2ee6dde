"""`hilum render PATH --out X.png`: the displayed pixels, or exactly what a model gets."""

from __future__ import annotations

import argparse
import io
from contextlib import closing
from typing import TYPE_CHECKING, Any

from app.commands import options
from app.commands.options import Commands, command
from app.commands.output import WrongCall, complain, out_path, show

if TYPE_CHECKING:
    from viewers.geometry import Region, Size
    from viewers.sources import Source

LARGEST = 64_000_000
"""Pixels written without --size; a larger place is shrunk to `FITTED` and that is said."""
FITTED = 4096
MOST_BYTES = 4 * 2**30
"""Memory that one picture may take while it is made."""
_BAND = 64_000_000
"""Stored pixels of a slide that are taken in at once, where one line of the PNG does not need more."""


def add(commands: Commands) -> None:
    parser = command(commands, "render", "write the displayed pixels, or what a model gets, as PNG")
    options.add_place(parser)
    parser.add_argument("--out", type=out_path((".png",)), required=True, metavar="X.png")
    parser.add_argument("--size", type=options.numbers_type(2), metavar="W,H", help="of the PNG; as stored without it")
    parser.add_argument("--window", type=_window, metavar="C,W", help="centre and width in modality values (greyscale DICOM)")
    parser.add_argument(
        "--box", type=options.numbers_type(4), action="append", default=[], metavar="X,Y,W,H", help="burn this box black"
    )
    parser.add_argument(
        "--black-out", choices=("proposed",), default="", help="burn what looks like text black; look at it all the same"
    )
    parser.add_argument("--as-model", metavar="MODEL", help="what this model gets: padded and resized to its square")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from PIL import Image

    from app.analysis import as_model, clipped
    from app.spacings import open_source
    from app.storage import atomic_write
    from inference import catalogue
    from viewers.geometry import Region

    options.must_not(args, "as_model", ("size", "window", "box", "black_out"))
    if args.as_model and not catalogue.installed(args.as_model):
        catalogue.require(args.as_model)
    asked = options.region(args)
    with closing(open_source(args.path)) as source:
        region = clipped(asked or Region.whole(source.size, args.frame), source)
        pixels = as_model(source, region, args.as_model) if args.as_model else _displayed(args, source, asked or region)
        if args.box or args.black_out:
            pixels = _blacked(args, source, asked or region, pixels)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    atomic_write(args.out, buffer.getvalue())
    body = {"out": str(args.out), "width": pixels.shape[1], "height": pixels.shape[0], "as_model": args.as_model}
    show(args, body, f"{args.out}  {pixels.shape[1]} × {pixels.shape[0]} pixels")
    return 0


def _displayed(args: argparse.Namespace, source: Source, region: Region) -> Any:
    """uint8 (H, W, 3) of `region`, which may reach beyond the picture."""
    from viewers.geometry import Size

    size = Size(*args.size) if args.size else _size(region)
    if (needed := memory(source, region, size)) > MOST_BYTES:
        what = f"{region.width} × {region.height} pixels as a picture of {size.width} × {size.height}"
        limit = f"{needed / 2**30:,.0f} GiB of memory, more than the limit of {MOST_BYTES / 2**30:.0f} GiB"
        raise WrongCall(f"{what} would take about {limit}; ask for a smaller --region or another --size")
    return _windowed(source, region, size, args.window) if args.window else source.read(region, size)


def memory(source: Source, region: Region, size: Size) -> int:
    """Bytes that `region` at `size` takes at the most while it is made: the stored pixels, twice the picture, and the file.

    A slide is read in bands of its level that suits the size, at 4 bytes a pixel; anything else as a whole, with 3.
    """
    picture = 3 * 3 * size.width * size.height
    if source.kind != "slide":
        return picture + 3 * region.width * region.height
    shrunk = min(region.width / size.width, region.height / size.height)
    down = max((level.downsample for level in source.levels if level.downsample <= shrunk * 1.01), default=1.0)
    stored = region.width / down * region.height / down
    return picture + round(4 * max(min(stored, _BAND), stored / size.height))


def _blacked(args: argparse.Namespace, source: Source, region: Region, pixels: Any) -> Any:
    """The PNG's pixels with the boxes, which are in the pixels of the picture, burned black."""
    from viewers.deidentify.burned_in import proposed
    from viewers.deidentify.pixels import blacked_out
    from viewers.geometry import Region
    from viewers.sources import GrayscaleSource

    boxes = [Region(*box) for box in args.box]
    if args.black_out:
        size, stored = source.size, source.stored(region.frame) if isinstance(source, GrayscaleSource) else None
        if stored is None:
            size = source.size.fitted(FITTED)
            stored = source.read(Region.whole(source.size, region.frame), size)
        boxes += [_scaled(box, source.size.width / size.width, source.size.height / size.height) for box in proposed([stored])]
        complain(f"{len(boxes)} boxes are burned black; look at the PNG, what was not found is still in it")
    across, down = pixels.shape[1] / region.width, pixels.shape[0] / region.height
    inside = [Region(box.x - region.x, box.y - region.y, box.width, box.height) for box in boxes]
    return blacked_out(pixels, [_scaled(box, across, down) for box in inside], 0)


def _scaled(box: Region, across: float, down: float) -> Region:
    """Every pixel that the box touches."""
    import math

    from viewers.geometry import Region

    left, top = math.floor(box.x * across), math.floor(box.y * down)
    return Region(left, top, math.ceil(box.right * across) - left, math.ceil(box.bottom * down) - top)


def _size(region: Region) -> Size:
    if region.width * region.height <= LARGEST:
        return region.size
    size = region.size.fitted(FITTED)
    complain(f"{region.width} × {region.height} pixels were shrunk to {size.width} × {size.height}; --size asks for another size")
    return size


def _windowed(source: Source, region: Region, size: Size, window: tuple[float, float]) -> Any:
    """Through the reader's window; outside the picture black, as in `Source.read`."""
    import numpy as np
    from PIL import Image

    from viewers.geometry import Region
    from viewers.grayscale import Window
    from viewers.sources import GrayscaleSource

    if not isinstance(source, GrayscaleSource):
        raise WrongCall(f"--window is for greyscale DICOM; {source.name} has no stored values to window")
    inside = region.intersection(Region.whole(source.size))
    grey = source.render(region.frame, Window(*window))
    canvas = np.zeros((region.height, region.width), np.uint8)
    if inside is not None:
        top, left = inside.y - region.y, inside.x - region.x
        canvas[top : top + inside.height, left : left + inside.width] = grey[inside.y : inside.bottom, inside.x : inside.right]
    image = Image.fromarray(canvas)
    if size != region.size:
        image = image.resize((size.width, size.height), Image.Resampling.BILINEAR)
    return np.repeat(np.asarray(image)[..., None], 3, axis=2)


def _window(text: str) -> tuple[float, float]:
    try:
        centre, width = (float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} must be centre,width") from None
    if not width > 0:
        raise argparse.ArgumentTypeError(f"{text!r} needs a width above 0")
    return centre, width
