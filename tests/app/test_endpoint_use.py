"""An endpoint as its reader meets it: on the command line, in the settings, and at the foot of the window."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import keyring
import numpy as np
import pytest
from keyring.backend import KeyringBackend
from PIL import Image
from pytestqt.qtbot import QtBot

from app import batch, endpoints, settings
from app.cli import main
from app.settings import Settings
from inference.answers import Draft
from inference.demo.chest import Chest
from inference.endpoint_address import Endpoint
from inference.engine import EngineSpec
from inference.questions import DraftQuestion
from tests.app.conftest import Seat
from tests.app.test_volumes import series
from tests.inference.openai_server import KEY, NAME, REPORT, Server
from tests.inference.test_endpoint import images

Call = Callable[..., tuple[int, str, str]]


class Ring(KeyringBackend):
    """A keyring in memory."""

    priority = 1  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        self.kept.pop((service, username), None)


@pytest.fixture(autouse=True)
def ring() -> Iterator[Ring]:
    before, ring = keyring.get_keyring(), Ring()
    keyring.set_keyring(ring)
    yield ring
    keyring.set_keyring(before)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    grey = np.random.default_rng(1).integers(0, 255, (60, 90, 1), dtype=np.uint8)
    Image.fromarray(np.repeat(grey, 3, axis=2)).save(tmp_path / "film.png")
    return tmp_path / "film.png"


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Call:
    """`call(*words, stdin="")`: exit code, stdout, stderr. A local engine that is asked fails the test."""

    def local(spec: EngineSpec) -> object:
        raise AssertionError("the local engine was made")

    def run(*words: object, stdin: str = "") -> tuple[int, str, str]:
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        capsys.readouterr()
        code = main([str(word) for word in words], local)  # type: ignore[arg-type]
        out, err = capsys.readouterr()
        return code, out, err

    return run


def test_ask_and_draft_by_a_server(call: Call, picture: Path, tmp_path: Path) -> None:
    with Server() as server:
        code, out, _ = call("ask", picture, "Any effusion?", "--endpoint", server.url, "--model", NAME)
        assert code == 0
        assert "".join(REPORT) in out  # after what lies outside of the training
        assert f"By {NAME}, answered by the endpoint {server.address}" in out
        assert "Hilum cannot vouch for the model and the quantisation behind it" in out
        report = tmp_path / "report.json"
        code, out, _ = call("draft", picture, "--endpoint", f"{server.url}/v1", "--json", "--out", report, "--max-tokens", 77)
        assert code == 0
        first, second = (one["body"] for one in server.asked())
    body = json.loads(out)
    assert [one["text"] for one in body["report"]["sentences"]] == [
        "There is a left pleural effusion.", "No pneumothorax.", "Effusion, left.",
    ]  # fmt: skip
    assert {one["state"] for one in body["report"]["sentences"]} == {"proposed"}
    receipt = json.loads(report.read_text())["receipts"][0]
    assert (receipt["model"], receipt["device"], receipt["quantisation"]) == (NAME, server.address, "unknown")
    assert first["messages"][0]["content"][1]["text"] == "Any effusion?"
    assert second["max_tokens"] == 77 + 2000
    assert [one.shape for one in images(second)] == [(896, 896, 3)]


def test_what_the_model_saw_is_what_was_sent(picture: Path) -> None:
    from app.analysis import Request, run
    from inference.engine import Engine

    with Server() as server:
        spec = EngineSpec(endpoint=Endpoint(server.url))
        result = run(Request(picture, DraftQuestion()), endpoints.engine(spec, Engine))
        assert np.array_equal(result.seen[0], images(server.asked()[0]["body"])[0])


@pytest.mark.parametrize(("recipe", "lowest"), [("medgemma-1.5-4b-it", -1024), ("medgemma-4b-it", -1225)])
def test_a_whole_ct_series_goes_in_the_windows_of_the_recipe(call: Call, tmp_path: Path, recipe: str, lowest: int) -> None:
    """Red from `lowest` HU up, green -135 to 215, blue 0 to 80 (arXiv 2507.05201 2.1.2); by plain arithmetic."""
    stored = series(tmp_path / "ct", 3)
    with Server() as server:
        words = ("--whole-series", "--endpoint", server.url, "--drafter", recipe)
        assert call("ask", tmp_path / "ct", "Any mass?", *words)[0] == 0
        body = server.asked()[0]["body"]
    content = body["messages"][0]["content"]
    assert [part.get("text") for part in content[1:]] == [None, "SLICE 1", None, "SLICE 2", None, "SLICE 3", "Any mass?"]
    for sent, values in zip(images(body), stored, strict=True):
        hu = values.astype(float) * 2 - 3000
        ends = ((lowest, {-1024: 1024, -1225: 1025}[lowest]), (-135, 215), (0, 80))
        rgb = [np.rint((np.clip(hu, low, high) - low) / (high - low) * 255) for low, high in ends]
        square = np.zeros((8, 8, 3), np.uint8)
        square[1:7] = np.stack(rgb, axis=-1)
        assert np.array_equal(sent, np.asarray(Image.fromarray(square).resize((896, 896), Image.Resampling.BILINEAR)))


def test_an_interrupted_answer_is_incomplete_and_5(call: Call, picture: Path) -> None:
    with Server("cut") as server:
        code, out, err = call("draft", picture, "--endpoint", server.url)
    assert code == 5
    assert "There is a left pleural effusion." in out
    assert "Look at twice:\n  The draft is incomplete: the model ended by interruption." in out
    assert "the draft is incomplete, the model ended by interruption" in err
    assert "--max-tokens" not in err


def test_a_batch_drafts_by_the_server_and_goes_on_without_asking_twice(call: Call, picture: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with Server() as server:
        words = ("batch", picture.parent, "--out", out, "--tasks", "draft", "--endpoint", server.url, "--model", NAME)
        assert call(*words)[0] == 0
        assert call(*words, "--resume")[0] == 0
        assert len(server.asked()) == 1
        with Server() as other:  # another server may run another model
            assert call(*words[:-3], other.url, "--model", NAME, "--resume")[0] == 0
            assert len(other.asked()) == 1
    rows = (out / "results.csv").read_text()
    assert "There is a left pleural effusion." in rows
    assert "Hilum cannot vouch for the model" in rows
    assert json.loads((out / "batch.json").read_text())["settings"]["endpoint"]["model"] == NAME


def test_a_batch_without_its_server_fails_row_by_row(call: Call, picture: Path, tmp_path: Path) -> None:
    with Server() as server:
        pass
    code, _, err = call("batch", picture.parent, "--out", tmp_path / "out", "--tasks", "draft", "--endpoint", server.url)
    assert code == 5
    assert f"no server answers at {server.address}" in err
    assert "failed" in (tmp_path / "out" / "results.csv").read_text()


@pytest.mark.parametrize(
    ("mode", "words", "code", "sentence"),
    [
        ("no-model", ("--model", "wrong"), 2, "has no model 'wrong'; it has: "),
        ("500", (), 4, "error of its own"),
        ("empty", (), 4, "wrote nothing"),
        ("no-eyes", (), 4, "does not take pictures"),
        ("good", ("--drafter", "medsiglip-448"), 2, "no recipe for an endpoint"),
        ("good", ("--drafter", "nothing"), 2, "no model 'nothing' in the catalogue"),
    ],
)
def test_a_failure_is_a_sentence_and_no_report(
    call: Call, picture: Path, tmp_path: Path, mode: str, words: tuple[str, ...], code: int, sentence: str
) -> None:
    with Server(mode) as server:
        found, out, err = call("draft", picture, "--endpoint", server.url, "--out", tmp_path / "r.json", *words)
    assert (found, out) == (code, "")
    assert sentence in err
    assert not (tmp_path / "r.json").exists()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--endpoint", "http://gpu.hospital"), "over http the pictures could be read"),
        (("--endpoint", "https://gpu.hospital"), "pictures of the patient and the question would be sent there"),
        (("--endpoint", "https://gpu.hospital", "--send-to", "other"), "--send-to gpu.hospital"),
        (("--model", "x"), "--model goes with --endpoint"),
        (("--key-stdin",), "--key-stdin goes with --endpoint"),
    ],
)
def test_wrong_calls_send_nothing(call: Call, picture: Path, words: tuple[str, ...], sentence: str) -> None:
    code, out, err = call("ask", picture, "?", *words)
    assert (code, out) == (2, "")
    assert sentence in err


def test_the_setting_is_entered_shown_and_forgotten(call: Call, ring: Ring, home: Path) -> None:
    with Server("key") as server:
        assert "no endpoint is entered" in call("endpoint")[1]
        assert call("endpoint", "key", stdin="x")[0] == 2
        code, out, _ = call("endpoint", "set", f"{server.url}/v1", "--model", NAME)
        assert code == 0
        assert f"Answers come from {server.address} · {NAME} (this machine)" in out
        assert settings.load().endpoint == Endpoint(server.url, NAME)
        assert call("endpoint", "models")[1] == f"{NAME}\n"
        assert call("endpoint", "key", stdin=f"{KEY}\n")[0] == 0
        assert list(ring.kept.values()) == [KEY]
        assert KEY not in "".join(path.read_text() for path in home.rglob("*.json"))
        assert json.loads(call("endpoint", "show", "--json")[1])["url"] == server.url
        assert call("endpoint", "remove")[0] == 0
        assert (settings.load().endpoint, ring.kept) == (None, {})
    assert call("endpoint", "set", "https://gpu.hospital")[0] == 2
    code, out, _ = call("endpoint", "set", "https://gpu.hospital", "--send-to", "gpu.hospital")
    assert "another machine, gpu.hospital: pictures of the patient and the question go there" in out
    assert settings.load().endpoint == Endpoint("https://gpu.hospital", confirmed="gpu.hospital")


def test_the_key_comes_from_the_keyring_or_from_stdin(call: Call, picture: Path) -> None:
    with Server("key") as server:
        asked = ("ask", picture, "?", "--endpoint", server.url)
        assert call(*asked)[0] == 4
        assert call(*asked, "--key-stdin", stdin=f"{KEY}\n")[0] == 0
        assert call("endpoint", "set", server.url)[0] == 0
        assert call("endpoint", "key", stdin=KEY)[0] == 0
        assert call(*asked)[0] == 0


@pytest.mark.parametrize(
    "damage",
    [
        {"url": "https://gpu.hospital", "confirmed": "other"},
        {"url": "http://gpu.hospital", "confirmed": "gpu.hospital"},
        {"url": 7},
        {},
        "http://127.0.0.1",
    ],
)
def test_a_setting_that_is_not_allowed_is_none(tmp_path: Path, damage: object) -> None:
    (tmp_path / "settings.json").write_text(json.dumps({"endpoint": damage, "theme": "light"}))
    assert settings.load(tmp_path) == replace(Settings(), theme="light")


def test_a_setting_survives(tmp_path: Path) -> None:
    chosen = replace(Settings(), endpoint=Endpoint("https://gpu.hospital", "m", "gpu.hospital", "/ca.pem", "medgemma-4b-it"))
    settings.save(chosen, tmp_path)
    assert settings.load(tmp_path) == chosen
    assert (chosen.recipe, Settings().recipe) == ("medgemma-4b-it", "demo-drafter")


def test_the_window_says_whence_answers_come_and_drafts_by_the_server(
    qtbot: QtBot, film: Callable[[int], tuple[Path, Chest]]
) -> None:
    path, _ = film(1)
    with Server() as server:
        chosen = replace(Settings(), endpoint=Endpoint(server.url, NAME))
        settings.save(chosen)
        seat = Seat(qtbot, chosen)
        try:
            seat.window._start_engine()
            said = f"answers come from {server.address} · {NAME}"
            seat.wait(lambda: seat.window.status.engine.text() == said)
            seat.open(path)
            assert server.asked() == []
            seat.ask("draft")
            found = seat.window.asking.session.findings(path)
            assert found.draft is not None
            assert isinstance(found.draft.answer, Draft)
            assert found.draft.answer.text == "".join(REPORT)
            assert found.report is not None
            assert np.array_equal(found.draft.seen[0], images(server.asked()[0]["body"])[0])
            assert not [one for one in threading.enumerate() if one.name == "engine-reader"]
            assert seat.window.status.engine.text() == said
            out = path.parent / "out-endpoint"
            seat.window._start_batch(path.parent, out, batch.Settings(tasks=("draft",)))
            seat.wait(lambda: not seat.window.batch.running)
            assert json.loads((out / "batch.json").read_text())["settings"]["endpoint"]["url"] == server.url
            assert "There is a left pleural effusion." in (out / "results.csv").read_text()
        finally:
            seat.close()
        assert settings.load().endpoint == chosen.endpoint
