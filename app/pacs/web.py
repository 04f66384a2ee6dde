"""Questions to a DICOMweb node (QIDO-RS, PS3.18 10.6), and its objects (WADO-RS, 10.4)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from dicomweb_client.uri import URI
from dicomweb_client.web import DICOMwebClient

from app.pacs.answer_text import is_uid
from app.pacs.errors import PacsError, Refused
from app.pacs.limits import Limits
from app.pacs.matches import MOST, SERIES_KEYS, STUDY_KEYS, Answer, Series, Sieve, by_number, series_of
from app.pacs.multipart import Multipart
from app.pacs.nodes import Node
from app.pacs.query import Query
from app.pacs.stopping import Stop
from app.pacs.tray import Part, Tray
from app.pacs.web_session import Session

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

ACCEPT = 'multipart/related; type="application/dicom"; transfer-syntax=*'
"""As it is stored, compressed or not."""


def echo(node: Node, password: str, stop: Stop, limits: Limits) -> str:
    """A search for one study; a sentence that says it worked. Raises PacsError."""
    with _asking(node, password, stop, limits) as (client, session), session.talking():
        client.search_for_studies(limit=1)
    return f"{node.name} answers: DICOMweb at {node.address}."


def find_studies(node: Node, password: str, query: Query, stop: Stop, limits: Limits) -> Answer:
    """Raises PacsError and Stopped."""
    sieve, more = Sieve(node, query), False
    with _asking(node, password, stop, limits) as (client, session):
        with session.talking():
            found = client.search_for_studies(limit=MOST + 1, fields=list(STUDY_KEYS), search_filters=dict(query.keys()))
        for one in _datasets(node, found, stop):
            if not sieve.add(one):
                more = True
                break
        if query.body_part:
            for uid in list(sieve.studies):
                stop.check()
                sieve.give_series(uid, _series(node, client, session, uid, stop))
        return sieve.answer(more or session.warned)


def find_series(node: Node, password: str, study_uid: str, stop: Stop, limits: Limits) -> tuple[Series, ...]:
    """Raises PacsError and Stopped."""
    with _asking(node, password, stop, limits) as (client, session):
        return _series(node, client, session, study_uid, stop)


def get_series(node: Node, password: str, series: Series, tray: Tray, stop: Stop, limits: Limits) -> tuple[str, ...]:
    """Every object of a series into `tray`. Raises PacsError and Stopped."""
    if not (is_uid(series.study_uid) and is_uid(series.uid)):
        raise PacsError(f"{node.name} gave a series a name that is none; it was not asked for.")
    where = str(URI(node.url, series.study_uid, series.uid))
    with _asking(node, password, stop, limits) as (_, session):
        answer = session.get(where, headers={"Accept": ACCEPT}, stream=True)
        kind = answer.headers.get("Content-Type", "")
        pieces = session.pieces(answer, limits.objects * limits.object_bytes)
        try:
            if kind.lower().startswith("application/dicom") and "json" not in kind.lower():
                _put(tray, pieces)
            elif answer.status_code != 204:
                for part in Multipart(node.name, kind, pieces):
                    stop.check()
                    _put(tray, part)
        finally:
            answer.close()
    return ()


def _put(tray: Tray, pieces: Iterator[bytes]) -> None:
    def written(part: Part) -> None:
        for piece in pieces:
            part.write(piece)

    try:
        tray.put(written)
    except Refused:
        return  # the tray counts it; the rest of the series goes on


@contextmanager
def _asking(node: Node, password: str, stop: Stop, limits: Limits) -> Iterator[tuple[Any, Session]]:
    with Session(node, password, stop, limits) as session, stop.waking(session.cut):
        client = DICOMwebClient(node.url, session=session, timeout=limits.answer_s)
        client.set_http_retry_params(retry=False)
        yield client, session


def _series(node: Node, client: Any, session: Session, study_uid: str, stop: Stop) -> tuple[Series, ...]:
    with session.talking():
        found = client.search_for_series(study_uid, limit=MOST + 1, fields=list(SERIES_KEYS))
    kept = [series_of(one, study_uid) for one in _datasets(node, found, stop)]
    return by_number([one for one in kept if one is not None][:MOST])


def _datasets(node: Node, found: Any, stop: Stop) -> Iterator[Dataset]:
    """From DICOM JSON (PS3.18 F); an answer that is none is an empty data set. Raises PacsError."""
    from pydicom.dataset import Dataset

    if not isinstance(found, list):
        raise PacsError(f"{node.name} answers with what is no list of studies; check the address.")
    for one in found[: MOST + 1]:
        stop.check()
        try:
            yield Dataset.from_json(one)
        except Exception:  # whatever JSON holds, pydicom meets it with whatever it raises
            yield Dataset()
