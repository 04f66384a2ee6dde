"""Questions to a real archive: what it finds is what was put into it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import date

import pytest
from pydicom.dataset import Dataset

from app.pacs import letters, work
from app.pacs.errors import PacsError, Stopped
from app.pacs.matches import Answer, Sieve, Study
from app.pacs.nodes import Node
from app.pacs.query import Query, date_range, person_name
from app.pacs.stopping import Stop
from tests.app.pacs.conftest import ROOT, MakePeer, MakeStudy
from tests.app.pacs.servers import PASSWORD, Orthanc, free_port

BOTH = pytest.mark.parametrize("way", ["dimse", "dicomweb"])
FILLED = (
    (1, {"PatientName": "Müller^Jürgen", "PatientID": "M-1", "StudyDate": "20240110", "StudyDescription": "Schädel"}),
    (2, {"PatientName": "Mueller^Anna", "PatientID": "M-2", "StudyDate": "20240517", "Modality": "MR",
         "SOPClassUID": "1.2.840.10008.5.1.4.1.1.4", "BodyPartExamined": "HEAD"}),
    (3, {"PatientName": "Ivanov^Ivan=Иванов^Иван", "PatientID": "I-3", "StudyDate": "20250101", "AccessionNumber": "ACC3"}),
    (4, {"PatientName": "Yamada^Tarou=山田^太郎=やまだ^たろう", "PatientID": "Y-4", "StudyDate": "20251231"}),
)  # fmt: skip


@pytest.fixture(scope="module")
def filled(orthanc: Orthanc, make_study: MakeStudy) -> Iterator[Orthanc]:
    orthanc.clear()
    for number, values in FILLED:
        orthanc.upload(make_study(number, series=2, slices=2, **values))
    orthanc.upload(
        make_study(5, series=1, slices=1, SpecificCharacterSet="ISO_IR 100", PatientName="Böhm^Käthe", PatientID="B-5")
    )
    yield orthanc
    orthanc.clear()


def ids(answer: Answer) -> list[str]:
    return sorted(one.patient_id for one in answer.studies)


@BOTH
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (Query(), ["B-5", "I-3", "M-1", "M-2", "Y-4"]),
        (Query(patient_name="Mül"), ["M-1"]),
        (Query(patient_name="müller, jürgen"), ["M-1"]),
        (Query(patient_name="M*ller*"), ["M-1", "M-2"]),
        (Query(patient_name="M?eller^*"), ["M-2"]),
        (Query(patient_name="Böhm"), ["B-5"]),
        (Query(patient_name="*Иванов*"), ["I-3"]),
        (Query(patient_name="*山田*"), ["Y-4"]),
        (Query(patient_name="nobody"), []),
        (Query(patient_id="M-2"), ["M-2"]),
        (Query(patient_id="M-*"), ["M-1", "M-2"]),
        (Query(since=date(2024, 5, 17), until=date(2025, 1, 1)), ["B-5", "I-3", "M-2"]),
        (Query(since=date(2025, 12, 31)), ["Y-4"]),
        (Query(until=date(2024, 1, 10)), ["M-1"]),
        (Query(modality="mr"), ["M-2"]),
        (Query(accession="ACC3"), ["I-3"]),
        (Query(body_part="HEAD"), ["M-2"]),
        (Query(patient_name="M", modality="CT", since=date(2024, 1, 1)), ["M-1"]),
    ],
)
def test_what_is_asked_for_is_found(filled: Orthanc, make_peer: MakePeer, way: str, query: Query, expected: list[str]) -> None:
    answer = work.find(make_peer(filled, way), query, Stop())
    assert ids(answer) == expected
    assert not answer.more


@BOTH
def test_names_dates_and_counts_are_those_of_the_files(filled: Orthanc, make_peer: MakePeer, way: str) -> None:
    answer = make_peer(filled, way).find_studies(Query(), Stop())
    assert [one.day for one in answer.studies] == ["2025-12-31", "2025-01-01", "2024-05-17", "2024-05-17", "2024-01-10"]
    found = {one.patient_id: one for one in answer.studies}
    assert found["M-1"].name == "Müller, Jürgen"
    assert found["M-1"].description == "Schädel"
    assert found["B-5"].name == "Böhm, Käthe"
    assert found["I-3"].name == "Ivanov, Ivan (Иванов, Иван)"
    assert found["Y-4"].name == "Yamada, Tarou (山田, 太郎, やまだ, たろう)"
    one = found["M-2"]
    assert (one.uid, one.day, one.time, one.modalities, one.birth_date, one.sex) == (
        f"{ROOT}.2", "2024-05-17", "13:05", ("MR",), "1960-01-02", "F",
    )  # fmt: skip
    assert (one.series_count, one.count) == (2, 4)


@BOTH
def test_the_series_of_a_study(filled: Orthanc, make_peer: MakePeer, way: str) -> None:
    series = make_peer(filled, way).find_series(f"{ROOT}.2", Stop())
    assert [(one.uid, one.number, one.modality, one.body_part, one.count, one.description) for one in series] == [
        (f"{ROOT}.2.{number}", str(number), "MR", "HEAD", 2, f"axial {number}") for number in (1, 2)
    ]


@BOTH
def test_the_test_button(orthanc: Orthanc, make_peer: MakePeer, way: str) -> None:
    assert "answers" in make_peer(orthanc, way).echo(Stop())


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"ae_title": "NOTIT"}, "it is not called NOTIT, or does not let HILUM in"),
        ({"port": 0}, "nothing listens on that port"),
        ({"port": -1}, "check host and port, and whether it wants TLS"),
        ({"host": "no-such-machine.invalid"}, "no machine is called no-such-machine.invalid"),
        ({"tls": True}, "hung up when asked for TLS: it has none on this port|does not speak TLS"),
    ],
)
def test_why_a_dicom_node_does_not_answer(
    orthanc: Orthanc, make_peer: MakePeer, changes: dict[str, object], sentence: str
) -> None:
    port = {0: free_port(), -1: orthanc.http}.get(int(str(changes.get("port", orthanc.dicom))), orthanc.dicom)
    with pytest.raises(PacsError, match=sentence):
        make_peer(orthanc, "dimse", **{**changes, "port": port}).echo(Stop())


@pytest.mark.parametrize(
    ("url", "password", "sentence"),
    [
        ("http://127.0.0.1:{http}/dicom-web", "wrong", "does not accept the user and password.*401"),
        ("http://127.0.0.1:{http}/elsewhere", PASSWORD, "nothing under that address.*404"),
        ("http://127.0.0.1:{free}/dicom-web", PASSWORD, "nothing listens on that port"),
        ("https://127.0.0.1:{http}/dicom-web", PASSWORD, "does not speak TLS"),
        ("http://127.0.0.1:{dicom}/dicom-web", PASSWORD, "does not speak HTTP"),
    ],
)
def test_why_a_web_node_does_not_answer(orthanc: Orthanc, make_peer: MakePeer, url: str, password: str, sentence: str) -> None:
    where = url.format(http=orthanc.http, free=free_port(), dicom=orthanc.dicom)
    peer = make_peer(orthanc, "dicomweb", password=password, url=where)
    with pytest.raises(PacsError, match=sentence) as caught:
        peer.echo(Stop())
    assert password not in str(caught.value)
    assert password not in repr(peer)


def test_our_title_must_be_known_there(orthanc: Orthanc, make_peer: MakePeer) -> None:
    """Orthanc lets anybody echo, but only those it knows ask."""
    stranger = make_peer(orthanc, "dimse", our_ae="STRANGER")
    with pytest.raises(PacsError, match="it may not allow STRANGER"):
        stranger.find_studies(Query(), Stop())


@BOTH
def test_a_stop_before_the_start(orthanc: Orthanc, make_peer: MakePeer, way: str) -> None:
    stop = Stop()
    stop.set()
    began = time.monotonic()
    with pytest.raises(Stopped):
        make_peer(orthanc, way).find_studies(Query(), stop)
    assert time.monotonic() - began < 5


def test_questions_are_written_as_the_standard_says() -> None:
    assert person_name("Müller, Jürgen") == "Müller^Jürgen*"
    assert person_name("  ") == ""
    assert person_name("a*b?") == "a*b?"
    assert date_range(date(2024, 1, 2), None) == "20240102-"
    assert date_range(None, date(2024, 1, 2)) == "-20240102"
    assert date_range(date(2024, 1, 2), date(2024, 1, 2)) == "20240102"
    assert date_range(None, None) == ""


@pytest.mark.parametrize(
    "bad",
    [
        lambda: Query(patient_name="a\\b"),
        lambda: Query(patient_name="x" * 65),
        lambda: Query(modality="CT'; --"),
        lambda: Query(accession="1" * 17),
        lambda: Query(since=date(2025, 1, 2), until=date(2025, 1, 1)),
        lambda: Query(patient_id="a\nb"),
        lambda: Query(study_uid="../x"),
    ],
)
def test_questions_that_cannot_be_asked(bad: Callable[[], Query]) -> None:
    with pytest.raises(PacsError):
        bad()


@pytest.mark.filterwarnings("ignore:Invalid value for VR UI")
def test_what_was_not_asked_for_is_not_shown_and_said() -> None:
    sieve = Sieve(Node("N", host="h", ae_title="A"), Query(patient_id="P-1", modality="CT", since=date(2024, 1, 1)))
    for uid, changes in (
        ("1.1", {}), ("1.2", {"PatientID": "P-2"}), ("1.3", {"ModalitiesInStudy": ["MR", "US"]}),
        ("1.4", {"StudyDate": "20231231"}), ("1.5", {"ModalitiesInStudy": ["MR", "CT"]}), ("not a uid", {}), ("", {}),
    ):  # fmt: skip
        one = Dataset()
        one.StudyInstanceUID, one.PatientID, one.StudyDate, one.ModalitiesInStudy = uid, "P-1", "20240201", "CT"
        for keyword, value in changes.items():
            setattr(one, keyword, value)
        sieve.add(one)
    answer = sieve.answer(False)
    assert sorted(one.uid for one in answer.studies) == ["1.1", "1.5"]
    assert answer.notes == (
        "N also gave 3 that were not asked for; they are not shown.", "2 answers of N named no study and are not shown.",
    )  # fmt: skip


def test_letters_an_archive_cannot_look_for() -> None:
    assert letters.widened("Müller^Jürgen*") == "M*ller*J*rgen*"
    assert letters.fits("müller*", Study("1", "Müller^Jürgen"))
    assert letters.fits("Mu\u0308ller*", Study("1", "MÜLLER^JÜRGEN"))
    assert letters.fits("*иванов*", Study("1", "Ivanov^Ivan=Иванов^Иван"))
    assert not letters.fits("müller^j*", Study("1", "Möller^Jürgen"))
    assert not letters.fits("m.ller", Study("1", "Müller"))
