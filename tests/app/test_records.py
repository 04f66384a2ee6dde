"""Records: what of a file reaches the model, and what of it is refused."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import asking_records, fhir_lines, records
from app.cli import main
from inference.answers import Draft
from inference.engine import EngineSpec
from inference.questions import Decoding, FreeQuestion
from tests.app.fake_engine import FakeEngine
from tests.app.pages import pdf
from viewers.errors import SourceError

BUNDLE = {
    "resourceType": "Bundle", "type": "collection", "entry": [
        {"fullUrl": "urn:uuid:1", "resource": {
            "resourceType": "Patient", "id": "p1", "identifier": [{"value": "SECRET-17"}], "gender": "female",
            "birthDate": "1950-01-01", "telecom": [{"value": "555-0100"}]}},
        {"resource": {
            "resourceType": "Observation", "status": "final", "text": {"div": "<div>narrative</div>"},
            "code": {"coding": [{"system": "http://loinc.org", "code": "718-7", "display": "Hemoglobin"}]},
            "effectiveDateTime": "2024-05-17", "valueQuantity": {"value": 9.8, "unit": "g/dL", "system": "http://unitsofmeasure.org"},
            "referenceRange": [{"low": {"value": 12.0, "unit": "g/dL"}, "high": {"value": 15.5, "unit": "g/dL"}}],
            "interpretation": [{"coding": [{"code": "L"}]}]}},
        {"resource": {
            "resourceType": "MedicationRequest", "medicationCodeableConcept": {"text": "Metformin 500 mg"},
            "dosageInstruction": [{"text": "twice a day", "asNeededBoolean": False}]}},
    ],
}  # fmt: skip


def test_a_bundle_in_plain_lines(tmp_path: Path) -> None:
    (tmp_path / "bundle.json").write_text(json.dumps(BUNDLE))
    patient, observation, medication = records.read(tmp_path / "bundle.json").splitlines()
    assert patient == "Patient: gender female; birthDate 1950-01-01"
    assert observation == (
        "Observation: status final; code Hemoglobin; effectiveDateTime 2024-05-17; valueQuantity 9.8 g/dL; "
        "referenceRange 12.0 g/dL to 15.5 g/dL; interpretation L"
    )
    assert medication == (
        "MedicationRequest: medicationCodeableConcept Metformin 500 mg; dosageInstruction text twice a day; "
        "dosageInstruction asNeededBoolean no"
    )


def test_notes_and_what_a_resource_contains_are_told_and_narratives_are_not() -> None:
    resource = {
        "resourceType": "MedicationStatement", "text": {"status": "generated", "div": "<div>DIV</div>"},
        "contained": [{"resourceType": "Medication", "code": {"text": "Warfarin"}}],
        "note": [{"text": "INR is checked weekly", "time": "2024-05-17"}], "dosage": [{"maxDosePerPeriod": {
            "numerator": {"value": 5, "unit": "mg"}, "denominator": {"value": 1, "unit": "d"}}}],
        "valueQuantity": {"comparator": "<", "value": 0.5, "unit": "mg/L"}, "active": True,
    }  # fmt: skip
    (told,) = fhir_lines.lines(resource)
    assert told == (
        "MedicationStatement: contained code Warfarin; note text INR is checked weekly; note time 2024-05-17; "
        "dosage maxDosePerPeriod numerator 5 mg; dosage maxDosePerPeriod denominator 1 d; valueQuantity <0.5 mg/L; active yes"
    )


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["coding", "text", "code", "value", "unit", "low", "start", "given", "entry", "resource",
                                       "resourceType", "a"]), inner, max_size=4),
    max_leaves=20,
)  # fmt: skip


@given(VALUES)
def test_whatever_json_holds_becomes_lines(value: object) -> None:
    assert all(isinstance(line, str) and "\n" not in line for line in fhir_lines.lines(value))


@pytest.mark.parametrize(
    ("name", "raw", "why"),
    [
        ("empty.txt", b"", "no words"),
        ("blank.txt", b" \n\t -- \n", "no words"),
        ("binary.txt", bytes(range(256)) * 8, "is no text"),
        ("latin.txt", "Größe".encode("latin-1"), "no text in UTF-8"),
        ("broken.json", b'{"resourceType": "Bundle", ', "no JSON"),
        ("twice.json", b'{"a": 1, "a": 2}', "stands twice"),
        ("nan.json", b'{"a": NaN}', "NaN is no number"),
        ("deep.json", b"[" * 100_000, "no JSON"),
        ("nothing.json", b'{"resourceType": "Bundle", "entry": []}', "no words"),
        ("sheet.pdf", b"%PDF-1.4 nothing", "damaged"),
    ],
)
def test_what_is_no_record_is_refused_in_a_sentence(tmp_path: Path, name: str, raw: bytes, why: str) -> None:
    (tmp_path / name).write_bytes(raw)
    with pytest.raises(SourceError, match=why) as error:
        records.read(tmp_path / name)
    assert str(error.value).count(". ") == 0


def test_words_of_every_kind_of_file(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Größe 12 mm\x07", encoding="utf-16")
    (tmp_path / "b.txt").write_bytes(b"\xef\xbb\xbfCough for weeks")
    assert records.read(tmp_path / "a.txt") == "Größe 12 mm"
    assert records.read(tmp_path / "b.txt") == "Cough for weeks"
    assert records.read(pdf(tmp_path / "c.pdf", ["Sodium 139"])) == "Sodium 139"
    with pytest.raises(SourceError, match="folder"):
        records.read(tmp_path)


def test_the_model_gets_the_record_and_no_picture() -> None:
    engine = FakeEngine(EngineSpec())
    answer = asking_records.ask(" Hb 9.8 ", "Is there anaemia?", Decoding(max_tokens=9), engine)
    assert isinstance(answer, Draft)
    assert engine.asked == [(FreeQuestion("Is there anaemia?", Decoding(max_tokens=9), "Hb 9.8"), ())]
    with pytest.raises(SourceError, match="no words"):
        asking_records.ask(" ", "?", Decoding(), engine)
    with pytest.raises(ValueError, match="question is empty"):
        asking_records.ask("Hb 9.8", " ", Decoding(), engine)


def test_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "note.txt").write_text("Cough for weeks")
    assert main(["ask", "--json", "--record", str(tmp_path / "note.txt"), "Why?"], FakeEngine) == 0
    body = json.loads(capsys.readouterr().out)
    assert (body["text"], body["receipt"]["pixels_sha256"]) == ("Yes, on the left.", [])
    assert main(["ask", "--record", str(tmp_path / "note.txt"), "film.png", "Why?"], FakeEngine) == 2
    assert "goes with a question alone" in capsys.readouterr().err
    (tmp_path / "note.txt").write_text("")
    assert main(["ask", "--record", str(tmp_path / "note.txt"), "Why?"], FakeEngine) == 3


def test_too_long_a_record_says_how_much_fits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = 4000
    (tmp_path / "long.txt").write_text("effusion left " * (words // 2))
    assert main(["ask", "--record", str(tmp_path / "long.txt"), "Why?", "--device", "cpu"]) == 2
    complaint = capsys.readouterr().err
    fits = int(re.search(r"shorten it to ([\d,]+) words or fewer", complaint)[1].replace(",", ""))  # type: ignore[index]
    assert 0 < fits < words
