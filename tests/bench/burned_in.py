"""How much burned-in text is found, how often a picture without text is doubted, and how long a film takes.

Lines of five texts in four fonts, four sizes and three shades on chest-like, ultrasound-like and CT-like ground, whose places are
known; a line counts as found when nine tenths of its box are covered.
"""

from __future__ import annotations

import time

import numpy as np

from tests.bench.results_file import Row, write
from tests.viewers.deidentify import films
from tests.viewers.deidentify.films import covered
from viewers.deidentify.burned_in import proposed


def main() -> None:
    shares = [covered(line, boxes) for film in films.with_text(2) for boxes in [proposed([film.pixels])] for line in film.boxes]
    doubted = [bool(proposed([pixels])) for _, pixels in films.without_text(6)]
    large = films.chest(1, 2048)
    began = time.process_time()
    proposed([large])
    seconds = time.process_time() - began
    found, missed = float(np.mean(np.array(shares) > 0.9)), float(np.mean(np.array(shares) == 0))
    doubt = float(np.mean(doubted))
    grounds = f"{len(shares)} lines"
    write(
        "burned_in",
        [
            Row("lines of burned-in text found, nine tenths covered", found, "of 1", "≥ 0.95", grounds, found >= 0.95),
            Row("lines missed altogether", missed, "of 1", "≤ 0.01", grounds, missed <= 0.01),
            Row("pictures without text that are doubted", doubt, "of 1", "≤ 0.10", f"{len(doubted)} pictures", doubt <= 0.10),
            Row("one film of 2048 × 2048, processor time", seconds, "s", "≤ 5", "", seconds <= 5),
        ],
    )


if __name__ == "__main__":
    main()
