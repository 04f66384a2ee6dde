"""States, signing, and the three written forms of a report."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from app.reports import BANNER, html, record
from app.reports.report import Evidence, Origin, Report, ReportError, Section, State
from app.reports.sentences import from_draft
from inference.answers import Draft, Receipt

RECEIPT = Receipt(
    model="demo-drafter", revision="ab" * 32, quantisation="none", dtype="float32", device="cpu", prompt="<b>describe</b>",
    seed=0,
    preprocessing=("padded to a square",), pixels_sha256=("cd" * 32,), versions=(("torch", "2.13.0"),), seconds=1.5, tokens=9,
)  # fmt: skip
TEXT = "Findings: Left effusion. No pneumothorax. Impression: Left effusion."


@pytest.fixture
def report() -> Report:
    return from_draft(Draft(TEXT, "", "stop", (), RECEIPT), "chest one", indication="cough")


def touched(report: Report) -> Report:
    return report.accept(2).edit(3, "No pneumothorax is seen.").refuse(4)


def test_states(report: Report) -> None:
    done = touched(report)
    assert [one.state for one in done.sentences] == [State.ACCEPTED, State.ACCEPTED, State.EDITED, State.REFUSED]
    assert done.sentence(3).original == "No pneumothorax."
    assert done.section(Section.IMPRESSION) == ()
    assert report.sentence(2).state is State.PROPOSED
    assert done.edit(3, "No pneumothorax.").sentence(3).state is State.ACCEPTED


def test_changes_name_what_the_person_did(report: Report) -> None:
    done = touched(report).add(Section.IMPRESSION, "Effusion, left.")
    assert done.changes() == (
        "Indication: added “cough”",
        "Findings: “No pneumothorax.” became “No pneumothorax is seen.”",
        "Impression: refused “Left effusion.”",
        "Impression: added “Effusion, left.”",
    )


def test_signing_needs_every_sentence_touched_and_a_name(report: Report) -> None:
    with pytest.raises(ReportError, match="3 proposed sentences must be accepted, edited or refused"):
        report.sign("A. Reader", "2026-01-01T00:00:00Z")
    with pytest.raises(ReportError, match="1 proposed sentence must"):
        report.accept(2).accept(3).sign("A. Reader", "2026-01-01T00:00:00Z")
    with pytest.raises(ReportError, match="name"):
        touched(report).sign("  ", "2026-01-01T00:00:00Z")


def test_a_signed_report_says_who_and_when_and_is_closed(report: Report) -> None:
    signed = touched(report).sign("A. Reader", "2026-01-01T00:00:00Z")
    assert report.banner == BANNER
    assert signed.banner == "Signed by A. Reader, 2026-01-01T00:00:00Z"
    assert signed.signature is not None
    assert len(signed.signature.changes) == 3
    for change in (lambda: signed.accept(2), lambda: signed.edit(2, "x"), lambda: signed.add(Section.FINDINGS, "x")):
        with pytest.raises(ReportError, match=r"signed by A\. Reader"):
            change()
    opened = signed.amend()
    assert opened.banner == BANNER
    assert opened.earlier == (signed.signature,)


def test_a_report_of_refusals_is_not_signed() -> None:
    made = from_draft(Draft("Findings: Left effusion.", "", "stop", (), RECEIPT), "chest")
    with pytest.raises(ReportError, match="has no sentence"):
        made.refuse(1).sign("A. Reader", "2026-01-01T00:00:00Z")


def test_empty_words_and_unknown_sentences(report: Report) -> None:
    with pytest.raises(ReportError, match="refuse it instead"):
        report.edit(2, "  ")
    with pytest.raises(ReportError, match="no sentence number 99"):
        report.accept(99)


def test_a_template_sentence_is_only_proposed(report: Report) -> None:
    more = report.add(Section.TECHNIQUE, "Frontal view.", Origin.TEMPLATE)
    assert more.sentences[-1].state is State.PROPOSED


def test_json_round_trip(report: Report) -> None:
    rich = report.add(
        Section.FINDINGS, 'Ä µ "x" </script>', evidence=[Evidence(0, "effusion", 0.25, (1.0, 2.0, 3.5, 4.0), "effusion")]
    )
    signed = touched(rich).sign("A. Reader", "2026-01-01T00:00:00Z")
    for one in (report, rich, signed, signed.amend()):
        assert record.from_json(record.to_json(one)) == one
    assert json.loads(record.to_json(report))["banner"] == BANNER


def test_a_signed_report_that_was_changed_is_refused(report: Report) -> None:
    text = record.to_json(touched(report).sign("A. Reader", "2026-01-01T00:00:00Z"))
    with pytest.raises(ReportError, match=r"changed after A\. Reader signed"):
        record.from_json(text.replace("Left effusion.", "Right effusion."))


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", '{"schema": "other"}', '{"schema": "hilum-report-1"}'])
def test_other_json_is_refused(text: str) -> None:
    with pytest.raises(ReportError):
        record.from_json(text)


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: list[str] = []
        self.said = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links += [str(value) for name, value in attrs if name in ("src", "href", "action", "background", "style")]

    def handle_data(self, data: str) -> None:
        self.said += data


HOSTILE = '<script>alert(1)</script><img src="file:///etc/passwd"><a href="http://x">x</a> & "quoted" \x1b[31m'


def test_html_holds_no_markup_but_its_own(report: Report) -> None:
    hostile = replace(report.edit(2, HOSTILE).add(Section.FINDINGS, HOSTILE), subject=HOSTILE)
    page = _Page()
    page.feed(html.page(hostile))
    assert page.links == []
    assert not page.tags & {"script", "img", "a", "iframe", "link", "object"}
    assert page.said.count("<script>alert(1)</script>") >= 3
    assert "\x1b" not in page.said


def test_html_says_draft_until_signed(report: Report) -> None:
    assert f'<p class="banner">{BANNER}</p>' in html.page(report)
    signed = touched(report).sign("A. Reader", "2026-01-01T00:00:00Z")
    assert BANNER not in html.page(signed)
    assert "Signed by A. Reader, 2026-01-01T00:00:00Z" in html.page(signed)
    assert "became" in html.page(signed)
    assert "abab" in html.page(report)


def test_nothing_is_ever_called_normal(report: Report) -> None:
    assert not re.search("normal", html.body(report) + record.to_json(report), re.IGNORECASE)


@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="pdftotext (poppler-utils) is not on this machine")
def test_pdf_has_the_banner_on_every_page_and_the_receipt_on_the_last(report: Report, tmp_path: Path) -> None:
    long = report
    for number in range(120):
        long = long.add(Section.FINDINGS, f"Sentence number {number} with <b>words</b>.")
    (tmp_path / "report.json").write_text(record.to_json(long), encoding="utf-8")
    code = (
        "import sys; from pathlib import Path; from app.reports import pdf, record;"
        "pdf.write(record.from_json(Path(sys.argv[1]).read_text(encoding='utf-8')), Path(sys.argv[2]))"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path / "report.json", tmp_path / "report.pdf"], check=True, timeout=120)
    text = subprocess.run(
        ["pdftotext", "-layout", tmp_path / "report.pdf", "-"], capture_output=True, check=True, text=True
    ).stdout
    pages = text.rstrip("\f").split("\f")
    assert len(pages) > 2
    assert all(BANNER in page for page in pages)
    assert "demo-drafter" in pages[-1]
    assert "<b>describe</b>" in pages[-1]
    said = re.sub(r"\s+", " ", text)
    for number in range(120):
        assert said.count(f"Sentence number {number} with <b>words</b>.") >= 1, number


def test_a_signature_from_before_receipts_held_warnings_still_holds(report: Report) -> None:
    from app.reports.report import content_sha256

    before = "0daf03a4d21a48e41ef8f793cc54d1e2c7e8fc47ed79f83f01d98890102e6584"
    """Of this report by the version that knew no warnings."""
    assert content_sha256(report) == before
    warned = replace(report, receipts=(replace(RECEIPT, warnings=("A lateral film.",)),))
    assert content_sha256(warned) != before
