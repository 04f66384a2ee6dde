"""Hanging rules as values and as a file: round trip, matching, what is wrong with them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app import hanging_files
from app.grid import Grid
from app.hanging_files import RuleError, add, own, parsed, remove, shipped, written
from app.hanging_rules import Rule, Slot, chosen, hung
from app.priors import Known
from viewers.sources.facts import Facts

CODES = st.lists(st.sampled_from(["CT", "MG", "CC", "A B", "R"]), max_size=3).map(tuple)
SLOTS = st.builds(
    Slot,
    which=st.sampled_from(["current", "prior"]),
    modality=CODES,
    body_part=CODES,
    view=CODES,
    laterality=CODES,
    plane=CODES,
    description=st.text(max_size=30).map(lambda text: text.encode("utf-8", "ignore").decode()),
    right_edge=st.sampled_from(["", "L", "P"]),
    stands=st.sampled_from(["", "left", "right"]),
    window=st.none()
    | st.tuples(st.floats(-2000, 4000).map(lambda x: round(x, 3)), st.floats(1, 9999).map(lambda x: round(x, 3))),
    zoom=st.none() | st.floats(0.01, 8).map(lambda x: round(x, 4)),
    turned=st.sampled_from([0.0, 90.0, 17.5]),
    flipped=st.booleans(),
    optional=st.booleans(),
)


def facts(**values: str) -> Facts:
    return replace(Facts(patient_key="p", study_key="s2", study_date="2024-05-17", study_time="09:00:00"), **values)


def mammogram(name: str, study: str = "s2", date: str = "2024-05-17", patient: str = "p") -> Known:
    side, view = name[0], name[1:]
    edge = "P" if side == "R" else "A"
    found = facts(view=view, laterality=side, body_part="BREAST", right_edge=edge, study_key=study, study_date=date)
    return Known(Path(f"{study}-{name}"), "MG", replace(found, patient_key=patient))


FOUR = [mammogram(name) for name in ("LMLO", "RMLO", "LCC", "RCC")]


@given(name=st.text(min_size=1, max_size=40), slots=st.lists(SLOTS, min_size=1, max_size=6).map(tuple), link=st.booleans())
@settings(max_examples=60, deadline=None)
def test_rules_come_back_from_their_file_as_they_were(name: str, slots: tuple[Slot, ...], link: bool) -> None:
    name = name.encode("utf-8", "ignore").decode()
    try:
        rule = Rule(name, Grid(2, 3), slots, link)
    except ValueError:
        return
    assert parsed(written(rule), "x") == (rule,)


def test_the_shipped_rules_hang_four_mammograms_back_to_back() -> None:
    found = chosen(shipped(), FOUR, FOUR)
    assert found is not None
    assert found.rule.grid == Grid(2, 2)
    assert [one.path.name for one in found.pictures if one] == ["s2-RCC", "s2-LCC", "s2-RMLO", "s2-LMLO"]
    assert [slot.stands for slot in found.rule.slots] == ["right", "left", "right", "left"]
    assert not any(slot.flips(one.facts) for slot, one in zip(found.rule.slots, found.pictures, strict=True) if one)
    mirrored = replace(FOUR[3].facts, right_edge="A")
    assert found.rule.slots[0].flips(mirrored)
    assert not found.rule.slots[0].flips(replace(mirrored, right_edge="")), "unknown sides are left as they are"


def test_with_last_years_mammograms_eight_hang_and_another_patients_never_do() -> None:
    before = [mammogram(one.facts.laterality + one.facts.view, "s1", "2023-05-02") for one in FOUR]
    found = chosen(shipped(), FOUR, [*FOUR, *before])
    assert found is not None
    assert [one.path.name for one in found.pictures if one] == [
        "s2-RCC", "s2-LCC", "s1-RCC", "s1-LCC", "s2-RMLO", "s2-LMLO", "s1-RMLO", "s1-LMLO",
    ]  # fmt: skip
    others = [replace(one, facts=replace(one.facts, patient_key="q")) for one in before]
    found = chosen(shipped(), FOUR, [*FOUR, *others])
    assert found is not None
    assert found.rule.name == "Mammography, four views"


def chest(name: str, view: str, study: str, date: str) -> Known:
    return Known(Path(name), "DX", facts(view=view, body_part="CHEST", study_key=study, study_date=date))


def test_chest_films_hang_by_what_there_is() -> None:
    pa, lateral = chest("pa", "PA", "s2", "2024-05-17"), chest("lat", "LL", "s2", "2024-05-17")
    old_pa, old_lateral = chest("old-pa", "AP", "s1", "2024-03-04"), chest("old-lat", "LL", "s1", "2024-03-04")
    oldest = chest("oldest", "PA", "s0", "2020-01-01")

    def names(study: list[Known], everything: list[Known]) -> list[str]:
        found = chosen(shipped(), study, everything)
        return [] if found is None else [one.path.name if one else "-" for one in found.pictures]

    assert names([lateral, pa], [lateral, pa]) == ["pa", "lat"]
    assert names([pa], [pa, oldest, old_pa]) == ["pa", "old-pa"]
    assert names([pa, lateral], [pa, lateral, old_pa, old_lateral]) == ["pa", "lat", "old-pa", "old-lat"]
    assert names([pa, lateral], [pa, lateral, old_pa]) == ["pa", "lat", "old-pa", "-"]
    assert names([pa], [pa, old_lateral, oldest]) == ["pa", "oldest"], "the latest study that has the view"
    assert names([pa], [pa]) == []
    assert names([old_pa], [pa, old_pa]) == [], "a later study is no prior"


def test_the_readers_own_rule_comes_first_and_free_text_counts_only_where_it_is_asked_for() -> None:
    ct = Known(Path("ct"), "CT", facts(body_part="CHEST", plane="AXIAL"), "Lung 1.0 B60")
    mine = Rule("Thin lung", Grid(), (Slot(modality=("CT",), description="LUNG"),))
    plain = Rule("Any CT", Grid(), (Slot(modality=("CT",), plane=("AXIAL",)),))
    found = chosen([plain, mine], [ct], [ct])
    assert found is not None
    assert found.rule is mine
    other = replace(ct, description="Mediastinum")
    found = chosen([plain, mine], [other], [other])
    assert found is not None
    assert found.rule is plain


def test_no_picture_hangs_twice() -> None:
    film = chest("pa", "PA", "s2", "2024-05-17")
    twice = Rule("Twice", Grid(1, 2), (Slot(modality=("DX",)), Slot(modality=("DX",))))
    assert hung(twice, [film], [film]) is None


def test_own_rules_are_added_changed_and_removed_without_touching_the_readers_words(tmp_path: Path) -> None:
    one, two = Rule('One, “ü” \\ "x"', Grid(), (Slot(modality=("CT",)),)), Rule("Two", Grid(1, 2), (Slot(view=("PA",)),), True)
    assert own(tmp_path) == ()
    add(one, tmp_path)
    path = tmp_path / hanging_files.NAME
    path.write_text(path.read_text() + "# my words\n")
    add(two, tmp_path)
    assert own(tmp_path) == (one, two)
    assert "# my words" in path.read_text()
    changed = replace(two, link=False)
    add(changed, tmp_path)
    assert own(tmp_path) == (one, changed)
    remove(one.name, tmp_path)
    assert own(tmp_path) == (changed,)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[[rule]\n", "cannot be understood"),
        ("rule = 3\n", r"\[\[rule\]\]"),
        ('[[rule]]\nname = "x"\ngrid = "9x9"\n[[rule.pane]]\nmodality = "CT"\n', "1 to 4 rows"),
        ('[[rule]]\nname = "x"\n[[rule.pane]]\ncolour = "CT"\n', "unknown word 'colour'"),
        ('[[rule]]\nname = "x"\n[[rule.pane]]\nmodality = 3\n', "in quotes"),
        ('[[rule]]\nname = "x"\n[[rule.pane]]\nmodality = "CT"\nwindow = [40, 0]\n', "width at least 1"),
        ('[[rule]]\nname = "x"\n[[rule.pane]]\nmodality = "CT"\nzoom = nan\n', "zoom"),
        ('[[rule]]\nname = "x"\n[[rule.pane]]\nstands = "up"\n', "stands cannot be 'up'"),
        ('[[rule]]\nname = ""\n[[rule.pane]]\nmodality = "CT"\n', "needs a name"),
        ('[[rule]]\nname = "x"\n[[rule.pane]]\nzoom = 1\n', "asks for no picture"),
        ('[[rule]]\nname = "x"\n', "0 panes"),
    ],
)
def test_a_broken_file_is_told_in_one_sentence_and_kept(text: str, why: str, tmp_path: Path) -> None:
    path = tmp_path / hanging_files.NAME
    path.write_text(text)
    with pytest.raises(RuleError, match=why) as raised:
        own(tmp_path)
    assert "\n" not in str(raised.value)
    assert path.read_text() == text
    rule = Rule("New", Grid(), (Slot(modality=("CT",)),))
    add(rule, tmp_path)
    assert own(tmp_path) == (rule,)
    assert (tmp_path / "hanging.damaged.toml").read_text() == text
    path.write_text(text)
    add(rule, tmp_path)
    assert (tmp_path / "hanging.damaged-2.toml").read_text() == text, "an older damaged one is not written over"


def test_a_file_that_is_no_text_and_one_that_is_too_large(tmp_path: Path) -> None:
    path = tmp_path / hanging_files.NAME
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(RuleError, match="UTF-8"):
        own(tmp_path)
    path.write_bytes(b"#" * 1_000_001)
    with pytest.raises(RuleError, match="larger"):
        own(tmp_path)
