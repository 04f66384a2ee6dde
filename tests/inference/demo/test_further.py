"""Photographs, slips, hearts and records to learn from: pictures show what is said of them, and prompts are the engine's."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from app.ranges import compared
from inference import catalogue, forms, prompts, schema
from inference.demo import further_reports, heart, notes, pages, photos
from inference.demo.batches import tokens_of
from inference.demo.further import FRAMES, Further, draw_beat, draw_photo, draw_slip
from inference.demo.lessons import Lesson
from inference.demo.pictures import GRID, PATCH
from inference.medgemma import Drafter
from inference.questions import DraftQuestion, FreeQuestion, Picture, TableQuestion, Written


def patches(mask: NDArray[np.bool_], least: int) -> list[tuple[float, float]]:
    """(x, y) of the middle of every connected area of at least so many pixels, 0..1."""
    named, count = ndimage.label(mask)
    sizes = ndimage.sum_labels(mask, named, range(1, count + 1))
    middles = ndimage.center_of_mass(mask, named, [1 + at for at in range(count) if sizes[at] >= least])
    return [(x / mask.shape[1], y / mask.shape[0]) for y, x in middles]


@pytest.mark.parametrize(("eye", "count"), [("left", 0), ("right", 5), ("left", 18)])
def test_an_eye_shows_as_many_haemorrhages_as_it_has_and_its_disc_towards_the_nose(eye: photos.Side, count: int) -> None:
    drawn = photos.draw_photo(photos.Fundus(eye, count), 11, 960).astype(int)
    red, green, blue = (ndimage.median_filter(drawn[..., i], 5) for i in range(3))
    dark = (red > 70) & (red < 130) & (green < 40) & (blue < 40)
    away = np.hypot(*(np.indices(dark.shape) / 960 - 0.5))
    assert len(patches(dark & (away < 0.42), 150)) == count
    ((x, _),) = patches((green > 190) & (blue > 110), 2000)
    assert (x > 0.5) == (eye == "right")


def test_skin_is_marked_as_said() -> None:
    """Area of what is darker than the skin around, how far its outline is from a circle, and how much redder it is."""
    found = {}
    for mark in photos.MARKS:
        drawn = photos.draw_photo(photos.Skin(mark), 5, 480).astype(float)
        tone = np.median(drawn.reshape(-1, 3), axis=0)
        dark = ndimage.binary_opening((drawn.sum(2) < 0.72 * tone.sum()), iterations=3)
        redder = (drawn[..., 0] - drawn[..., 1]) > (tone[0] - tone[1]) + 25
        edge = dark & ~ndimage.binary_erosion(dark)
        found[mark] = (int(dark.sum()), edge.sum() ** 2 / max(1, dark.sum()), float(redder.mean()))
    assert found[""][0] == 0
    assert found[""][2] < 0.01
    assert min(found["even spot"][0], found["uneven spot"][0]) > 3000
    assert found["even spot"][1] < 0.8 * found["uneven spot"][1]
    assert found["red patch"][2] > 0.05


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("ejection", [0.25, 0.6])
def test_a_heart_ejects_what_is_said(seed: int, ejection: float) -> None:
    """By the area of the dark chamber in every frame."""
    film = heart.draw_film(heart.Heart(ejection, beats=1.0), seed, np.linspace(0, 1, 40), 480, 640)
    areas = []
    for frame in film.frames:
        named, _ = ndimage.label(ndimage.gaussian_filter(frame.astype(float), 3) < 40)
        areas.append(float((named == named[int(480 * 0.42), int(320 + 480 * 0.055)]).sum()))
    measured = np.asarray(areas) / max(areas)
    assert 1 - measured.min() == pytest.approx(ejection, abs=0.06)
    assert np.abs(measured - film.filled / film.filled.max()).max() < 0.08


def test_fluid_is_a_dark_rim_around_the_heart() -> None:
    at = np.zeros(1)
    bare, fluid = (heart.draw_film(heart.Heart(fluid=there), 4, at).frames[0].astype(float) for there in (False, True))
    darker = ndimage.gaussian_filter(bare, 2) - ndimage.gaussian_filter(fluid, 2) > 30
    rows, columns = np.nonzero(darker)
    ways = np.arctan2(rows - rows.mean(), columns - columns.mean())
    assert darker.sum() > 1000
    assert np.count_nonzero(np.histogram(ways, 24, (-np.pi, np.pi))[0]) >= 20  # nearly all the way round


@pytest.mark.parametrize("seed", range(20))
def test_a_slip_prints_its_rows(seed: int) -> None:
    """Flags by our own arithmetic; ink where a character is said to stand, and none elsewhere but in the title."""
    (one,) = draw_slip(seed)
    slip = pages.draw_slip(one.rows, seed)
    for name, value, unit, reference, flag in one.rows:
        assert compared(value, reference, unit).verdict == {"": "within", "L": "below", "H": "above"}[flag], name
    ink = slip.pixels[..., 0] < 160
    left = ink.copy()
    left[: int(12 * pages.UNIT)] = False
    for letter, x, y in slip.print:
        rows, columns = (slice(max(0, int((at - 5) * pages.UNIT)), int((at + 5.5) * pages.UNIT)) for at in (y, x))
        assert ink[rows, columns].any(), letter
        left[rows, columns] = False
    assert not left.any()
    assert sum((one.letters > 0).sum(axis=1)) >= 0.9 * len(slip.print)  # a fourth in one patch is left out


def test_letters_stand_in_the_patch_where_they_are_printed() -> None:
    rows = (("Hb", "9.8", "g/dL", "12.0-16.0", "L"),)
    slip = pages.draw_slip(rows, 3)
    told = {(letter, int(y // PATCH) * GRID + int(x // PATCH)) for letter, x, y in slip.print}
    assert "".join(letter for letter, _, _ in slip.print) == "".join(rows[0])
    assert {patch // GRID for _, patch in told} == {1}


def test_a_table_is_in_the_form_that_is_asked_for() -> None:
    rows = pages.draw_rows(np.random.default_rng(4), 4)
    read = forms.fitting(further_reports.table(rows), schema.load(forms.LAB))
    assert [tuple(one.values()) for one in read["rows"]] == list(rows)


@pytest.mark.parametrize("seed", range(30))
def test_a_record_says_what_is_answered(seed: int) -> None:
    """An answer is a line of the record, tells its age, or says rightly whether a word stands in it."""
    rng = np.random.default_rng(seed)
    patient = notes.draw_patient(rng)
    record = notes.record(patient, rng)
    for _ in range(10):
        asked, answer = notes.question(patient, rng)
        if answer.startswith(("Yes. ", "No. ")):
            word = answer.split(". ")[1].split(" is ")[0].lower()
            assert word in asked.lower()
            assert (word in record.lower()) == answer.startswith("Yes")
        elif answer.endswith(" years."):
            assert record.startswith(answer.removesuffix("s."))
        elif answer != notes.UNSAID:
            assert answer in record.splitlines()


def test_a_record_that_says_nothing_answers_nothing() -> None:
    rng = np.random.default_rng(1)
    patient = notes.Patient(40, True)
    assert notes.record(patient, rng) == "40 year old woman."
    asked = [notes.question(patient, rng) for _ in range(60)]
    assert {answer for question, answer in asked if question not in notes.ASKED["age"]} == {notes.UNSAID}


@pytest.mark.parametrize("seed", range(20))
def test_a_photograph_is_graded_by_what_is_said_of_it(seed: int) -> None:
    (one,) = draw_photo(seed)
    text = further_reports.photo_report(one.case)
    offered = further_reports.ready()
    rng = np.random.default_rng(seed)
    asked = dict(further_reports.photo_question(one.case, rng, offered) for _ in range(60))
    answer = next(answer for question, answer in asked.items() if question in offered.values())
    if isinstance(one.case, photos.Skin):
        assert answer.rsplit(": ")[-1] in text.lower()
    else:
        grades = dict(line[1:].split(") ") for line in offered["fundus"].splitlines() if line.startswith("("))
        assert grades[answer[-1]].lower() in text.lower()


def test_a_lesson_is_what_the_engine_asks() -> None:
    """Token for token: the prompt of a lesson is the one that the engine makes of the same pictures or record."""
    entry, folder, _ = catalogue.require("demo-drafter", "drafter")
    drafter = Drafter(folder, entry, "cpu")
    made = Further(draw_photo(1), draw_slip(1), draw_beat(1), 0, 1)
    blank = np.zeros((9, 9, 3), np.uint8)
    photo, slip, beat, note = made.photo(), made.slip(), made.beat(), made.note()
    record, _, question = note.first[0].prompt.rpartition(". ")
    assert len(beat.pictures) == len(beat.captions) == FRAMES
    frames = [Picture(blank, "photo", caption=one) for one in beat.captions]
    cases: list[tuple[Lesson, Written, list[Picture]]] = [
        (photo, DraftQuestion(photo.first[0].prompt.partition(". ")[2]), [Picture(blank, "photo")]),
        (slip, TableQuestion(), [Picture(blank, "document")]),
        (beat, DraftQuestion(beat.both[0].prompt.partition(". ")[2]), frames),
        (note, FreeQuestion(question, record=f"{record}."), []),
    ]  # fmt: skip
    for lesson, asked, pictures in cases:
        messages = prompts.messages(asked, pictures, entry)
        ids, positions, labels, owner, *_ = tokens_of(lesson, drafter.tokenizer)
        own = [at for at in range(len(ids)) if owner[at] == -1 or (owner[at] == 0 and labels[at] == -100)]
        assert [ids[at] for at in own] == drafter.prompt(messages, len(pictures)).tolist()
        assert [positions[at] for at in own] == list(range(len(own)))


def test_what_is_known_of_frames_and_slips_belongs_to_their_rows() -> None:
    beats = [*draw_beat(1), *draw_beat(2)]
    made = Further(draw_photo(1), [*draw_slip(1), *draw_slip(2)], beats, 100, 1)
    assert len(made.pixels) == 1 + 2 + 2 * FRAMES
    assert np.array_equal(made.letters([102]), made.slips[1].letters[None])
    known = made.measures(range(103 + FRAMES, 103 + 2 * FRAMES))
    assert np.allclose(known[:, 0], beats[1].filled)
    assert known[0, 1] == 0
    assert known[-1, 1] == pytest.approx(np.ptp(beats[1].filled))
    assert set(known[:, 2]) == {float(beats[1].heart.fluid)}


def test_what_is_known_of_photographs_is_theirs() -> None:
    drawn = [one for seed in range(12) for one in draw_photo(seed)]
    made = Further(drawn, draw_slip(1), draw_beat(1), 5, 1)
    for one, known in zip(drawn, made.shown(range(5, 17)), strict=True):
        if isinstance(one.case, photos.Skin):
            assert [mark for mark, there in zip(photos.MARKS[1:], known, strict=False) if there == 1] == [one.case.mark][
                : bool(one.case.mark)
            ]
        else:
            assert known[3] == (one.case.eye == "left")
            assert known[4] * 25 == pytest.approx(one.case.haemorrhages)
            assert (known[5:] > 0.5).tolist() == [one.case.exudates > 0, one.case.bleeding]
        assert np.isnan(known).tolist() == (
            [False] * 3 + [True] * 4 if isinstance(one.case, photos.Skin) else [True] * 3 + [False] * 4
        )
    assert made.are_slips([17])
    assert not made.are_slips([16, 17])
    assert not made.are_slips([])
