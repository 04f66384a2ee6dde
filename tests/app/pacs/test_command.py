"""`hilum pacs` against a real archive: words, JSON, exit codes, and no patient unless one was asked for."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydicom import dcmread

from app.cli import main
from tests.app.pacs.conftest import ROOT, MakeStudy
from tests.app.pacs.servers import PASSWORD, Orthanc, free_port

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Call:
    """`call(*words, stdin="")`: exit code, stdout, stderr."""

    def run(*words: object, stdin: str = "") -> tuple[int, str, str]:
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        code = main(["pacs", *map(str, words)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


@pytest.fixture
def filled(orthanc: Orthanc, make_study: MakeStudy, call: Call) -> Iterator[Orthanc]:
    orthanc.clear()
    orthanc.upload(make_study(1, series=2, slices=2, PatientName="Müller^Jürgen"))
    assert call("add", "main", "--host", "127.0.0.1", "--port", orthanc.dicom, "--ae", "ORTHANC")[0] == 0
    assert call("add", "web", "--url", f"http://127.0.0.1:{orthanc.http}/dicom-web", "--user", "reader")[0] == 0
    yield orthanc
    orthanc.clear()


def test_nodes_are_entered_listed_and_removed(call: Call) -> None:
    assert "no node is entered" in call("nodes")[1]
    assert call("add", "one", "--host", "h", "--ae", "A") == (0, "one is entered: h:104\n", "")
    code, out, _ = call("nodes", "--json")
    assert (code, json.loads(out)[0]["ae_title"]) == (0, "A")
    assert "C-GET" in call("nodes")[1]
    assert call("remove", "one")[0] == 0
    assert call("remove", "one")[0] == 2


def test_certificates_are_entered_by_their_place(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Found again from another folder, for either way a node speaks."""
    monkeypatch.chdir(tmp_path)
    files = ("--ca-file", "ca.pem", "--cert-file", "us.crt", "--key-file", "us.key")
    assert call("add", "one", "--host", "h", "--ae", "A", "--tls", *files)[0] == 0
    assert call("add", "two", "--url", "https://h/d", *files)[0] == 0
    for node in json.loads(call("nodes", "--json")[1]):
        found = [node[key] for key in ("ca_file", "cert_file", "key_file")]
        assert found == [str(tmp_path / name) for name in ("ca.pem", "us.crt", "us.key")]
    assert call("nodes")[1].count("yes, with our certificate") == 2


@pytest.mark.parametrize("way", ["main", "web"])
def test_echo_find_get(call: Call, filled: Orthanc, way: str, tmp_path: Path) -> None:
    options = ("--password-stdin",) if way == "web" else ()
    code, out, _ = call("echo", way, *options, stdin=PASSWORD)
    assert (code, "answers" in out) == (0, True)
    code, out, _ = call("find", way, *options, stdin=PASSWORD)
    assert code == 0
    assert f"{ROOT}.1" in out
    assert "Müller" not in out
    assert "P-1" not in out
    assert "Müller, Jürgen" in call("find", way, "--name", "müll", *options, stdin=PASSWORD)[1]
    assert "Müller, Jürgen" in call("find", way, "--patients", *options, stdin=PASSWORD)[1]
    assert "no study fits" in call("find", way, "--from", "2025-01-01", *options, stdin=PASSWORD)[1]
    code, out, _ = call("find", way, "--modality", "CT", "--json", *options, stdin=PASSWORD)
    assert [one["uid"] for one in json.loads(out)] == [f"{ROOT}.1"]
    assert "patient_id" not in json.loads(out)[0]
    code, out, err = call("get", way, f"{ROOT}.1", "--out", tmp_path / "out", "--json", *options, stdin=PASSWORD)
    assert (code, json.loads(out)["state"], json.loads(out)["objects"]) == (0, "done", 4), err
    assert len({dcmread(path).SOPInstanceUID for path in (tmp_path / "out").rglob("*.dcm")}) == 4
    code, _, err = call("get", way, f"{ROOT}.1", "--out", tmp_path / "out", *options, stdin=PASSWORD)
    assert (code, "is not empty" in err) == (2, True)
    one = tmp_path / "one"
    assert call("get", way, f"{ROOT}.1", "--series", f"{ROOT}.1.2", "--out", one, *options, stdin=PASSWORD)[0] == 0
    assert len(list(one.rglob("*.dcm"))) == 2


@pytest.mark.parametrize("way", ["main", "web"])
def test_send(call: Call, filled: Orthanc, make_study: MakeStudy, way: str, tmp_path: Path) -> None:
    options = ("--password-stdin",) if way == "web" else ()
    files = make_study(2, series=1, slices=2)
    code, out, _ = call("send", way, *files, *options, stdin=PASSWORD)
    assert (code, out) == (0, "2 sent\n")
    (tmp_path / "note.txt").write_text("no DICOM")
    code, out, err = call("send", way, files[0], tmp_path / "note.txt", *options, stdin=PASSWORD)
    assert code == 5
    assert "note.txt: is no DICOM file" in err
    assert call("send", way, tmp_path / "note.txt", *options, stdin=PASSWORD)[0] == 3


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("echo", "nobody"), 2, "No node is called 'nobody'"),
        (("find", "main", "--from", "yesterday"), 2, "is no date"),
        (("find", "main", "--modality", "c;t"), 2, "is no code"),
        (("get", "main", "1.2.3.4", "--out", "OUT"), 3, "has no study of that UID"),
        (("get", "main", "../..", "--out", "OUT"), 2, "is no Study Instance UID"),
        (("get", "main", f"{ROOT}.1", "--series", "1.9", "--out", "OUT"), 2, "has no series 1.9"),
        (("send", "main", "missing.dcm"), 2, "does not exist"),
        (("add", "x"), 2, "give --host"),
        (("add", "x", "--host", "h", "--url", "https://h/d"), 2, "give --host"),
        (("add", "x", "--host", "h", "--ae", "A", "--cert-file", "us.crt"), 2, "give --tls"),
        (("add", "x", "--url", "http://h/d", "--ca-file", "ca.pem"), 2, "begins with https"),
        (("add", "x", "--host", "h", "--ae", "A", "--tls", "--key-file", "us.key"), 2, "without its certificate"),
        (("add", "x", "--host", "h", "--ae", "far too long a title"), 2, "is no AE title"),
        (("echo", "web"), 3, "does not accept the user and password"),
    ],
)
def test_what_is_refused(call: Call, filled: Orthanc, tmp_path: Path, words: tuple[str, ...], code: int, sentence: str) -> None:
    given = [tmp_path / "out" if one == "OUT" else one for one in words]
    got, out, err = call(*given)
    assert got == code, err
    assert sentence in err
    assert out == ""
    assert not (tmp_path / "out").exists()


def test_an_archive_that_is_away(call: Call) -> None:
    call("add", "gone", "--host", "127.0.0.1", "--port", free_port(), "--ae", "A")
    code, out, err = call("echo", "gone")
    assert (code, out) == (3, "")
    assert err.count("\n") == 1
    assert "nothing listens on that port" in err


def test_a_password_without_a_keyring(call: Call, filled: Orthanc) -> None:
    import keyring
    from keyring.backends.fail import Keyring

    before = keyring.get_keyring()
    keyring.set_keyring(Keyring())
    try:
        code, _, err = call("password", "web", stdin=PASSWORD)
        assert code == 2
        assert "--password-stdin" in err
        assert PASSWORD not in err
    finally:
        keyring.set_keyring(before)


def test_what_cannot_be_asked_is_a_wrong_call_and_fetches_nothing(call: Call, filled: Orthanc, tmp_path: Path) -> None:
    for study in ("", "1.2.*"):
        assert call("get", "main", study, "--out", tmp_path / "out")[0] == 2, "no other study is fetched in its place"
    assert not (tmp_path / "out").exists()
    code, _, err = call("find", "main", "--from", "2030-01-01", "--to", "2020-01-01")
    assert (code, "run backwards" in err) == (2, True)
