"""What comparing two films costs: the alignment, the difference, and how well a known map is found again.

`python -m tests.bench.compare [PAIRS]`. The control in the same run is the start of the alignment: the same mm from both middles.
"""

from __future__ import annotations

import sys
import time

import numpy as np

from inference.demo.chest import draw_pair
from inference.demo.film import draw_film
from tests.bench.results_file import Row, write
from tests.viewers.test_alignment import between, centred, corner_error, pose
from viewers.alignment import align
from viewers.difference import subtracted

FIRST, SIDE, OTHER = 2_000_000, 2048, 2304
WITHIN_PX, WITHIN_S = 2.0, 5.0


def main(pairs: int) -> int:
    errors, starts, aligning, subtracting = [], [], [], []
    for seed in range(FIRST, FIRST + pairs):
        pair = draw_pair(seed)
        fixed = draw_film(pair.current, SIDE, SIDE).values.astype(np.float32)
        moving = draw_film(pair.prior, OTHER, OTHER).values.astype(np.float32)
        start = centred((SIDE, SIDE), (OTHER, OTHER))
        known = between(pose(pair.current, SIDE, SIDE), pose(pair.prior, OTHER, OTHER))
        began = time.perf_counter()
        found = align(fixed, moving, start)
        aligning.append(time.perf_counter() - began)
        began = time.perf_counter()
        subtracted(fixed, moving, found.matrix)
        subtracting.append(time.perf_counter() - began)
        small = 512 / OTHER
        errors.append(corner_error(found.matrix, known, SIDE, SIDE) * small)
        starts.append(corner_error(start, known, SIDE, SIDE) * small)
    worst, slowest = max(errors), max(aligning)
    rows = [
        Row("corner error at 512 px, median", float(np.median(errors)), "px", peer=f"{np.median(starts):.1f} px unaligned"),
        Row(
            "corner error at 512 px, worst",
            worst,
            "px",
            f"<= {WITHIN_PX:g}",
            f"{max(starts):.1f} px unaligned",
            worst <= WITHIN_PX,
        ),
        Row(f"align two films of {SIDE} px, median", float(np.median(aligning)), "s"),
        Row(f"align two films of {SIDE} px, worst", slowest, "s", f"<= {WITHIN_S:g}", "", slowest <= WITHIN_S),
        Row("subtract them, median", float(np.median(subtracting)), "s"),
    ]
    write("compare", rows, {"pairs": pairs})
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 12))
