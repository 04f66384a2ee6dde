"""Who may be whose prior: by number, issuer, birth date, sex and name, by kind, body part and date."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.priors import Known, days_between, priors, same_patient
from tests.app.dicom_files import write
from viewers.sources import open_source
from viewers.sources.facts import Facts

NOW = Facts(
    patient_key="p", study_key="now", body_part="CHEST", view="PA", study_date="2024-05-17", study_time="09:00:00", birth_key="b"
)


def film(name: str, modality: str = "DX", **changes: str) -> Known:
    return Known(Path(name), modality, replace(NOW, **{"study_key": name, "study_date": "2024-03-04", **changes}))


CURRENT = Known(Path("now"), "DX", NOW)


def found(*others: Known) -> list[str]:
    return [str(one.path) for one in priors(CURRENT, [CURRENT, *others])]


def test_the_latest_comes_first_and_in_a_study_the_same_view() -> None:
    older, lateral, frontal = film("a", study_date="2019-01-01"), film("b", view="LL"), film("c")
    assert found(older, lateral, frontal) == ["c", "b", "a"]
    assert [one.days for one in priors(CURRENT, [frontal, older])] == [74, 1963]


@pytest.mark.parametrize(
    "other",
    [
        film("x", patient_key="q"),
        film("x", patient_key=""),
        film("x", birth_key="other"),
        film("x", birth_key="", name_key="n2"),
        film("x", body_part="HAND"),
        film("x", modality="CT"),
        film("x", modality="MG"),
        film("x", study_date="2024-06-01"),
        film("x", study_date=""),
        film("x", study_key="now", study_time="08:00:00"),
    ],
)
def test_what_is_no_prior(other: Known) -> None:
    current = replace(CURRENT, facts=replace(NOW, name_key="n1"))
    assert priors(current, [other]) == []


def test_other_kinds_of_plain_film_and_unstated_body_parts_are_offered_and_the_doubt_is_said() -> None:
    one = priors(CURRENT, [film("x", modality="CR", body_part="")])[0]
    assert not one.sure
    assert one.words == "2024-03-04, 74 days before, body part not stated"


def test_numbers_given_twice_by_two_hospitals_are_told_apart(tmp_path: Path) -> None:
    pixels = np.zeros((8, 8), np.uint16)

    def facts(name: str, **values: object) -> Facts:
        with_facts = open_source(write(tmp_path / name, pixels, PatientID="12345", **values))
        assert with_facts.facts is not None
        with_facts.close()
        return with_facts.facts

    one = facts("1.dcm", PatientBirthDate="19500101", PatientName="MÜLLER^Anna", PatientSex="F")
    assert same_patient(one, facts("2.dcm", PatientBirthDate="19500101", PatientName="Schmidt^Anna", PatientSex="F"))
    assert same_patient(one, facts("3.dcm", PatientBirthDate="", PatientName="Muller ^Anna=", PatientSex=""))
    assert not same_patient(one, facts("4.dcm", PatientBirthDate="19600101", PatientName="MÜLLER^Anna"))
    assert not same_patient(one, facts("5.dcm", PatientBirthDate="", PatientName="Schmidt^Anna"))
    assert not same_patient(one, facts("6.dcm", PatientBirthDate="19500101", PatientSex="M"))
    assert not same_patient(one, facts("7.dcm", PatientBirthDate="19500101", IssuerOfPatientID="elsewhere"))
    assert "ller" not in repr(one), "keys show no name"


def test_days_are_counted_by_the_calendar() -> None:
    assert days_between("2024-03-01", "2024-02-28") == 2
    assert days_between("2023-03-01", "2023-02-28") == 1
    assert days_between("", "2023-02-28") == 0
