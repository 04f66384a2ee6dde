"""`hilum pacs nodes | add | remove | password | echo | find | get | send`: archives a reader entered, and no other machine."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import TYPE_CHECKING, Any

from app.commands.options import Commands, command, path, typed
from app.commands.output import Meter, WrongCall, complain, show, table
from app.commands.pacs_nodes import add_changes, list_nodes

if TYPE_CHECKING:
    from app.pacs.matches import Answer, Study
    from app.pacs.peers import Peer
    from app.pacs.program import Program
    from app.pacs.query import Query
    from app.pacs.work import Outcome


def add(commands: Commands) -> None:
    parser = commands.add_parser("pacs", help="ask, fetch from and send to the archives that were entered as nodes")
    parser.set_defaults(run=list_nodes, json=False)
    parts = parser.add_subparsers(metavar="WHAT")
    command(parts, "nodes", "the nodes that are entered").set_defaults(run=list_nodes)
    add_changes(parts)
    _node(parts, "echo", "whether a node answers", _echo)
    find = _node(parts, "find", "the studies that fit", _find)
    find.add_argument("--name", default="", metavar="NAME", help='patient\'s, with * and ?; "Family, Given"')
    find.add_argument("--id", default="", metavar="ID", help="patient's")
    find.add_argument("--from", dest="since", type=_day, metavar="DATE", help="2026-05-17; this day and later")
    find.add_argument("--to", dest="until", type=_day, metavar="DATE", help="this day and earlier")
    find.add_argument("--modality", default="", metavar="CODE", help="CT, MR, DX …")
    find.add_argument("--accession", default="", metavar="NUMBER")
    find.add_argument("--body-part", default="", metavar="CODE", help="CHEST … (asks for the series of each study)")
    find.add_argument("--patients", action="store_true", help="show who the patients are; else only when one was asked for")
    get = _node(parts, "get", "fetch a study into a folder", _get)
    get.add_argument("study", metavar="STUDY", help="its Study Instance UID, which find shows")
    get.add_argument("--series", action="append", default=[], metavar="UID", help="only this series; may be repeated")
    get.add_argument("--out", type=path, required=True, metavar="DIR", help="a new or empty folder")
    send = _node(parts, "send", "send DICOM files as they are", _send)
    send.add_argument("paths", nargs="+", type=path, metavar="PATH", help="files and folders")
    send.add_argument("--labels", action="store_true", help="also pictures of a slide's label and of the whole glass")


def _node(parts: Commands, name: str, help: str, run: Any) -> argparse.ArgumentParser:
    parser = command(parts, name, help)
    parser.add_argument("node", metavar="NODE", help="the name under which it was entered")
    parser.add_argument("--password-stdin", action="store_true", help="read its password from stdin, where there is no keyring")
    parser.set_defaults(run=run)
    return parser


@contextmanager
def _peer(args: argparse.Namespace) -> Iterator[tuple[Program, Peer]]:
    from app.pacs.program import Program

    program = Program()
    try:
        node = program.book.node(args.node)
        if args.password_stdin:
            program.credentials.hold(node, typed(node.name))
        yield program, program.peer(node)
    finally:
        program.close()


def _echo(args: argparse.Namespace) -> int:
    from app.pacs.stopping import Stop

    with _peer(args) as (_, peer):
        words = peer.echo(Stop())
        show(args, {"node": peer.node.name, "answers": True, "words": words}, words)
    return 0


def _find(args: argparse.Namespace) -> int:
    from app.pacs import work
    from app.pacs.stopping import Stop

    query = _asked(
        patient_name=args.name, patient_id=args.id, since=args.since, until=args.until, modality=args.modality,
        accession=args.accession, body_part=args.body_part,
    )  # fmt: skip
    with _peer(args) as (_, peer):
        answer = work.find(peer, query, Stop())
    for note in answer.notes:
        complain(note)
    shown = args.patients or query.about_a_patient
    show(args, _studies(answer, shown), _listed(answer, shown))
    return 0


def _asked(**of: Any) -> Query:
    """Raises WrongCall for what cannot be asked."""
    from app.pacs.errors import PacsError
    from app.pacs.query import Query

    try:
        return Query(**of)
    except PacsError as error:
        raise WrongCall(str(error)) from error


def _studies(answer: Answer, shown: bool) -> list[dict[str, Any]]:
    from dataclasses import asdict

    hidden = () if shown else ("patient_name", "patient_id", "birth_date", "accession")
    return [{key: value for key, value in asdict(one).items() if key not in hidden} for one in answer.studies]


def _listed(answer: Answer, shown: bool) -> str:
    if not answer.studies:
        return "no study fits"

    def line(one: Study) -> tuple[str, ...]:
        who = (one.name, one.patient_id) if shown else ()
        count = str(one.count or "?")
        return one.day, " ".join(one.modalities), count, *who, one.description, one.uid

    head = ("date", "what", "images", *(("name", "ID") if shown else ()), "description", "study")
    return table([head, *(line(one) for one in answer.studies)])


def _get(args: argparse.Namespace) -> int:
    from app.pacs import work
    from app.pacs.errors import PacsError
    from app.pacs.retrieval import Retrieval
    from app.pacs.stopping import Stop

    if not args.study.strip():
        raise WrongCall("the study's UID is empty; hilum pacs find shows it")
    if args.out.exists() and (not args.out.is_dir() or any(args.out.iterdir())):
        raise WrongCall(f"{args.out} is not empty; what is fetched gets a folder of its own")
    query, meter = _asked(study_uid=args.study), Meter()
    with _peer(args) as (program, peer):
        found = [one for one in work.find(peer, query, Stop()).studies if one.uid == args.study]
        if not found:
            raise PacsError(f"{peer.node.name} has no study of that UID.")
        series = peer.find_series(args.study, Stop())
        if unknown := set(args.series) - {one.uid for one in series}:
            raise WrongCall(f"the study has no series {sorted(unknown)[0]}")
        args.out.mkdir(parents=True, exist_ok=True, mode=0o700)
        outcome = Retrieval(
            peer, found[0], args.out, "series", [one for one in series if not args.series or one.uid in args.series],
            limits=program.limits, on_progress=lambda progress: meter.say(progress.words(), "fetching"),
        ).run(Stop())  # fmt: skip
    meter.end()
    folders = [str(one) for one in outcome.folders]
    for note in outcome.notes:
        complain(note)
    body = {"state": outcome.state, "objects": outcome.good, "failed": outcome.bad, "bytes": outcome.size, "folders": folders}
    show(args, {**body, "notes": outcome.notes}, "\n".join([outcome.words("fetched"), *folders]))
    return _code(outcome)


def _send(args: argparse.Namespace) -> int:
    from app.pacs import outgoing
    from app.pacs.sending import send
    from app.pacs.stopping import Stop

    for one in args.paths:
        if not one.exists():
            raise WrongCall(f"{one} does not exist; check the path")
    going, staying = outgoing.look(args.paths, labels=args.labels)
    meter = Meter()
    with _peer(args) as (_, peer):
        outcome = send(peer, going, staying, Stop(), lambda progress: meter.say(progress.words(), "sending"))
    meter.end()
    for one in outcome.sent:
        if not one.good:
            complain(f"{one.path}: {one.words}")
    files = [{"path": str(one.path), "sent": one.good, "words": one.words} for one in outcome.sent]
    show(args, {"state": outcome.state, "sent": outcome.good, "failed": outcome.bad, "files": files}, outcome.words("sent"))
    return _code(outcome)


def _code(outcome: Outcome) -> int:
    return {"done": 0, "partly": 5, "stopped": 130, "failed": 3}[outcome.state]


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no date; write it like 2026-05-17") from None
