"""The display's test picture against the numbers of AAPM On-line Report 03."""

from __future__ import annotations

import numpy as np

from viewers.qc_pattern import CONTRASTS, GROUND, LETTERS, LETTERS_TOP, LEVELS, MARK, PATCH, patches, pattern


def test_sixteen_patches_with_two_squares_a_side_of_four_levels() -> None:
    picture = pattern().astype(int)
    assert LEVELS == (8, 24, 40, 56, 72, 88, 104, 120, 136, 152, 168, 184, 200, 216, 232, 248)
    places = patches()
    assert len(set(places)) == 16
    for level, (left, top) in zip(LEVELS, places, strict=True):
        patch = picture[top : top + PATCH, left : left + PATCH]
        assert (patch[MARK:-MARK, MARK:-MARK] == level).all()
        values, counts = np.unique(patch, return_counts=True)
        assert dict(zip(values.tolist(), counts.tolist(), strict=True)) == {
            level - 4: 2 * MARK**2, level: PATCH**2 - 4 * MARK**2, level + 4: 2 * MARK**2
        }  # fmt: skip


def test_five_and_ninety_five_percent() -> None:
    picture, middle = pattern(), 512 - PATCH // 2
    for left, outer, inner in ((middle - PATCH, 0, 13), (middle + PATCH, 255, 242)):
        patch = picture[middle : middle + PATCH, left : left + PATCH]
        assert patch[PATCH // 2, PATCH // 2] == inner
        assert set(np.unique(patch).tolist()) == {outer, inner}


def test_ramps_hold_every_level_and_lines_are_single() -> None:
    picture = pattern()
    assert np.array_equal(picture[256:768, 80], np.repeat(np.arange(256), 2))
    assert np.array_equal(picture[256:768, 1024 - 80], np.repeat(np.arange(255, -1, -1), 2))
    corner = picture[20:71, 20:71]
    assert (np.diff(corner[0].astype(int)) != 0).all()
    assert set(np.unique(corner).tolist()) == {0, 255}


def test_letters_come_closer_to_each_ground() -> None:
    picture = pattern()
    assert len(LETTERS) == len(CONTRASTS)
    strip = picture[LETTERS_TOP : LETTERS_TOP + 48]
    seen = LETTERS.replace(" ", "")
    shades = [contrast for letter, contrast in zip(LETTERS, CONTRASTS, strict=True) if letter in seen]
    assert set(shades) <= set(np.unique(strip[:, 82:342]).tolist())
    assert {GROUND + shade for shade in shades} <= set(np.unique(strip[:, 382:642]).tolist())
    assert {255 - shade for shade in shades} <= set(np.unique(strip[:, 682:942]).tolist())
