"""`hilum heatmap PATH --prompt TEXT --out X.png`: where a phrase is supported."""

from __future__ import annotations

import argparse
import io

from app.commands import options
from app.commands.options import Commands, command
from app.commands.output import out_path, show, warned


def add(commands: Commands) -> None:
    parser = command(commands, "heatmap", "a map of where a phrase is supported, over the picture, with its legend")
    options.add_place(parser)
    options.add_kind(parser)
    parser.add_argument("--prompt", type=options.phrase, required=True, metavar="TEXT", help="the phrase to look for")
    parser.add_argument(
        "--against", type=options.phrase, metavar="TEXT", help="the phrase to contrast with; the model's own without it"
    )
    parser.add_argument("--method", metavar="NAME", help="the model's validated one without it")
    parser.add_argument("--out", type=out_path((".png",)), required=True, metavar="X.png")
    parser.add_argument("--npy", type=out_path((".npy",)), metavar="X.npy", help="also the values, float32 (rows, columns)")
    options.add_engine(parser, encoder=True)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    import numpy as np

    from app import heatmap_png
    from app.described import described
    from app.storage import atomic_write
    from inference.answers import Heatmap
    from inference.questions import HeatmapQuestion

    result = options.answered(args, HeatmapQuestion(args.prompt, args.against, args.method))
    if not isinstance(result.answer, Heatmap):
        raise TypeError("a heatmap question is answered by a heatmap")
    atomic_write(args.out, heatmap_png.drawn(result))
    if args.npy:
        buffer = io.BytesIO()
        np.save(buffer, result.answer.values, allow_pickle=False)
        atomic_write(args.npy, buffer.getvalue())
    about = described(result)
    x, y = about["peak"]
    known = "" if result.answer.validated else ", not validated for this model"
    place = f"{about['max']:.3g} at {x:.0f},{y:.0f} ({result.answer.unit})"
    text = f"{warned(result.answer.receipt.warnings)}{args.out}  highest {place}, method {about['method']}{known}"
    show(args, {**about, "out": str(args.out), "npy": str(args.npy) if args.npy else None}, text)
    return 0
