"""Questions to a DICOM node: C-ECHO and C-FIND (PS3.4 C.4.1)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from app.pacs.association import Talk, associated, contexts_for
from app.pacs.errors import Endless, PacsError
from app.pacs.limits import Limits
from app.pacs.matches import MOST, SERIES_KEYS, STUDY_KEYS, Answer, Series, Sieve, by_number, series_of
from app.pacs.nodes import Node
from app.pacs.query import Query
from app.pacs.stopping import Stop
from app.pacs.syntaxes import FIND, PLAIN, VERIFICATION

if TYPE_CHECKING:
    from pydicom.dataset import Dataset


PENDING = (0xFF00, 0xFF01)
CANCELLED = 0xFE00


def echo(node: Node, stop: Stop, limits: Limits) -> str:
    """C-ECHO; a sentence that says it worked. Raises PacsError."""
    with associated(node, contexts_for([(VERIFICATION, PLAIN)]), stop, limits) as talk:
        status = talk.assoc.send_c_echo()
        if "Status" not in status:
            raise talk.lost()
        if status.Status != 0:
            raise PacsError(f"{node.name} answers the echo with an error (0x{status.Status:04X}); ask who runs it.")
    return f"{node.name} answers: {node.ae_title} at {node.address} knows {node.our_ae}."


def find_studies(node: Node, query: Query, stop: Stop, limits: Limits) -> Answer:
    """C-FIND of studies, with a body part also of their series. Raises PacsError and Stopped."""
    sieve, more = Sieve(node, query), False
    with _finding(node, stop, limits) as talk:
        try:
            for one in _matches(talk, _identifier(node, "STUDY", STUDY_KEYS, query.keys())):
                if not sieve.add(one):
                    more = True
                    break
        except Endless:
            if query.body_part:
                raise
            more = True
        if query.body_part:
            for uid in list(sieve.studies):
                sieve.give_series(uid, _series(talk, uid))
    return sieve.answer(more)


def find_series(node: Node, study_uid: str, stop: Stop, limits: Limits) -> tuple[Series, ...]:
    """C-FIND of the series of a study. Raises PacsError and Stopped."""
    with _finding(node, stop, limits) as talk:
        return _series(talk, study_uid)


def instance_classes(node: Node, series: Series, stop: Stop, limits: Limits, most: int = 32) -> frozenset[str]:
    """SOP classes of the first objects of a series, to offer the right ones; empty where the archive does not tell."""
    keys = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID")
    wanted = {"StudyInstanceUID": series.study_uid, "SeriesInstanceUID": series.uid}
    found = set()
    with _finding(node, stop, limits) as talk:
        for count, one in enumerate(_matches(talk, _identifier(node, "IMAGE", keys, wanted)), 1):
            found.add(str(one.get("SOPClassUID", "")))
            if count == most:
                break
    return frozenset(found - {""})


def _finding(node: Node, stop: Stop, limits: Limits) -> Any:
    return associated(node, contexts_for([(FIND, PLAIN)]), stop, limits, cancel=_cancel)


def _cancel(assoc: Any) -> None:
    assoc.send_c_cancel(1, query_model=FIND)


def _series(talk: Talk, study_uid: str) -> tuple[Series, ...]:
    found: list[Series] = []
    for one in _matches(talk, _identifier(talk.node, "SERIES", SERIES_KEYS, {"StudyInstanceUID": study_uid})):
        series = series_of(one, study_uid)
        if series is not None:
            found.append(series)
        if len(found) == MOST:
            break
    return by_number(found)


def _matches(talk: Talk, identifier: Dataset) -> Iterator[Dataset]:
    """Each match; left early, the rest is cancelled. Raises PacsError."""
    answers = talk.assoc.send_c_find(identifier, FIND, msg_id=1)
    ended = False
    try:
        for status, found in answers:
            talk.check()
            if "Status" not in status:
                ended = True
                raise talk.lost()
            if status.Status not in PENDING:
                ended = True
                _check_end(talk.node, status.Status)
                return
            talk.answered(talk.limits.matches, talk.limits.answer_bytes)
            if found is not None:
                yield found
    finally:
        if not ended:
            _leave(talk, answers)


def _leave(talk: Talk, answers: Any) -> None:
    """Cancel what is still coming, and read it to its end; an archive that goes on regardless is hung up on."""
    if not talk.assoc.is_established:
        return
    with talk.ending():
        _cancel(talk.assoc)
        for status, _ in answers:
            talk.guard.handled()
            if status.get("Status") not in PENDING:
                return


def _check_end(node: Node, status: int) -> None:
    if status in (0, CANCELLED):
        return
    known: Mapping[int, str] = {
        0xA700: "it is out of resources; narrow the question",
        0xA900: "it does not understand the question",
        0x0122: "it does not answer questions about studies",
        0x0124: f"it does not allow {node.our_ae} to ask",
    }
    reason = known.get(status, "it could not carry out the search" if 0xC000 <= status <= 0xCFFF else "ask who runs it")
    raise PacsError(f"{node.name} ended the search with an error (0x{status:04X}): {reason}.")


def _identifier(node: Node, level: str, keys: Sequence[str], wanted: Mapping[str, str]) -> Dataset:
    from pydicom.dataset import Dataset

    dataset = Dataset()
    dataset.QueryRetrieveLevel = level
    for keyword in keys:
        setattr(dataset, keyword, wanted.get(keyword, ""))
    dataset.SpecificCharacterSet = charset_for(node, wanted.values())
    return dataset


def charset_for(node: Node, values: Iterable[str]) -> str:
    """What the question is written in and the answer asked for (PS3.3 C.12.1.1.2): UTF-8, unless the node has its own.

    Raises PacsError for letters that do not go into that.
    """
    chosen = node.charset or "ISO_IR 192"
    try:
        "".join(values).encode(_python_name(chosen))
    except UnicodeEncodeError:
        raise PacsError(f"{node.name} is asked in {chosen}, which lacks letters of this question; change its set.") from None
    return chosen


def _python_name(charset: str) -> str:
    from pydicom.charset import python_encoding

    return str(python_encoding.get(charset, "ascii"))
