"""Edits, their undoing, and which marks meet a box: against plain lists."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from viewers.annotations import index
from viewers.annotations.annotation import Annotation, Kind, ellipse, line, points, polygon, rectangle
from viewers.annotations.classes import DEFAULT, AnnotationClass, unseen
from viewers.annotations.document import Annotations, Edit, classifying


def square(x: float, y: float, name: str = "") -> Annotation:
    return Annotation(rectangle((x, y), (x + 10, y + 10)), Kind.RECTANGLE, class_name=name)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["add", "remove", "move", "undo", "redo", "classify", "bulk", "late"]), st.integers(0, 40)),
        max_size=40,
    )
)
def test_any_edits_are_undone_and_done_again_and_the_index_follows(acts: list[tuple[str, int]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(index, "MOST_FRESH", 7)  # so that the tree is built anew in between
        _follow(acts)


def _follow(acts: list[tuple[str, int]]) -> None:
    document = Annotations([square(x * 30, 0) for x in range(5)])
    states = [dict(document.marks)]
    for act, number in acts:
        ids = list(document.marks)
        chosen = ids[number % len(ids)] if ids else ""
        if act == "add":
            document.add([square(number * 7, number * 3, "Tumor")])
        elif act == "remove":
            document.remove([chosen])
        elif act == "classify":
            document.classify([chosen], "Stroma")
        elif act == "move" and chosen:
            moved = shapely.transform(document.marks[chosen].geometry, lambda places: places + 5)
            document.replace([replace(document.marks[chosen], geometry=moved)], "move")
        elif act == "undo":
            document.undo()
        elif act == "redo":
            document.redo()
        elif act in ("bulk", "late"):
            chosen_ids = ids[: number + 1]
            prepared = document.prepare(lambda marks, wanted=chosen_ids: classifying(marks, wanted, "Necrosis"))  # type: ignore[misc]
            if act == "late":
                document.add([square(number * 5, 40)])
            assert document.commit(prepared) == (act == "bulk")
            if act == "bulk":
                assert all(document.marks[id].class_name == "Necrosis" for id in chosen_ids)
        states.append(dict(document.marks))
        box = (20.0, 0.0, 95.0, 60.0)
        truth = {one.id for one in document.marks.values() if one.geometry.intersects(shapely.box(*box))}
        assert {one.id for one in document.snapshot.meeting(box)} == truth
        assert {id(one) for one in document.snapshot} == {id(one) for one in document.marks.values()}
        assert len(document.snapshot) == len(document.marks)
    end = dict(document.marks)
    steps = 0
    while document.undo():
        steps += 1
    assert document.marks == states[0]
    for _ in range(steps):
        assert document.redo()
    assert document.marks == end


def test_listeners_hear_every_edit_undone_ones_too():
    document, heard = Annotations(), list[Edit]()
    document.listen(heard.append)
    mark = square(0, 0)
    document.add([mark])
    document.undo()
    document.redo()
    assert [(edit.changes[0].before, edit.changes[0].after) for edit in heard] == [(None, mark), (mark, None), (None, mark)]
    assert document.undoable == "draw"
    assert document.redoable == ""


def test_a_locked_mark_is_neither_moved_nor_deleted_until_unlocked():
    document = Annotations([replace(square(0, 0), locked=True)])
    (mark,) = document.marks.values()
    document.remove([mark.id])
    document.replace([replace(mark, geometry=rectangle((5, 5), (6, 6)))], "move")
    assert list(document.marks.values()) == [mark]
    document.replace([replace(mark, locked=False)], "unlock")
    document.remove([mark.id])
    assert not document.marks


def test_classes_are_edited_with_their_marks():
    document = Annotations([square(0, 0, "Tumor"), square(50, 0)])
    document.rename_class("Tumor", AnnotationClass("Carcinoma", (1, 2, 3), "1"))
    assert [one.class_name for one in document.marks.values()] == ["Carcinoma", ""]
    assert document.colour_of("Carcinoma") == (1, 2, 3)
    document.undo()
    assert [one.class_name for one in document.marks.values()] == ["Tumor", ""]
    assert document.classes == DEFAULT
    with pytest.raises(ValueError, match="already"):
        document.rename_class("Tumor", AnnotationClass("Stroma", (1, 2, 3)))
    with pytest.raises(ValueError, match="same name or key"):
        document.set_classes([AnnotationClass("a", (0, 0, 0), "1"), AnnotationClass("b", (0, 0, 0), "1")])


def test_a_class_nobody_knew_comes_with_its_marks_and_goes_with_them():
    document = Annotations()
    document.add([square(0, 0, "Mitosis")])
    assert document.class_of("Mitosis") == unseen("Mitosis")
    document.undo()
    assert document.class_of("Mitosis") is None


@pytest.mark.parametrize("name", ["", " a", "a\nb", "x" * 81, "\x00"])
def test_a_class_needs_a_name_that_can_be_shown(name: str):
    with pytest.raises(ValueError, match="name"):
        AnnotationClass(name, (0, 0, 0))


def test_shapes_are_what_they_are_called():
    assert ellipse((0, 0), (200, 100)).area == pytest.approx(np.pi * 100 * 50, rel=1e-3)
    assert rectangle((10, 20), (0, 0)).bounds == (0, 0, 10, 20)
    assert line([(0, 0), (3, 4)]).length == 5
    assert len(points([(1, 2), (3, 4)]).geoms) == 2
    bow = polygon([(0, 0), (10, 10), (10, 0), (0, 10)])
    assert bow.is_valid
    assert bow.area == pytest.approx(50)
    for broken in (lambda: line([(1, 1), (1, 1)]), lambda: polygon([(0, 0), (1, 1), (2, 2)]), lambda: rectangle((0, 0), (0, 5))):
        with pytest.raises(ValueError, match="needs"):
            broken()
