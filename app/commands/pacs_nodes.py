"""`hilum pacs nodes | add | remove | password`: which archives are entered."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from app.commands.options import Commands, command, typed
from app.commands.output import WrongCall, show, table


def add_changes(parts: Commands) -> None:
    one = command(parts, "add", "enter a node, or change the one of that name")
    one.add_argument("node", metavar="NAME")
    one.add_argument("--host", default="", help="of a DICOM archive")
    one.add_argument("--port", type=int, default=104)
    one.add_argument("--ae", default="", metavar="TITLE", help="the archive's AE title")
    one.add_argument("--our-ae", default="HILUM", metavar="TITLE", help="ours, as the archive knows us")
    one.add_argument("--retrieve", choices=("get", "move"), default="get")
    one.add_argument("--tls", action="store_true", help="of a DICOM archive; DICOMweb has it by https")
    one.add_argument("--ca-file", type=_file, default="", metavar="PEM", help="who vouches for the archive's certificate")
    one.add_argument(
        "--cert-file", type=_file, default="", metavar="PEM", help="our own certificate, where the archive wants one"
    )
    one.add_argument(
        "--key-file", type=_file, default="", metavar="PEM", help="its key, without a password; else in the same file"
    )
    one.add_argument("--charset", default="", metavar="SET", help="of questions, such as 'ISO_IR 144'")
    one.add_argument("--url", default="", help="of a DICOMweb service, instead of host, port and AE title")
    one.add_argument("--user", default="", help="for that service; its password is given by `hilum pacs password`")
    one.set_defaults(run=_add)
    gone = command(parts, "remove", "forget a node and its password")
    gone.add_argument("node", metavar="NAME")
    gone.set_defaults(run=_remove)
    kept = command(parts, "password", "keep a node's password in the keyring; it is asked for, or read from stdin")
    kept.add_argument("node", metavar="NAME")
    kept.set_defaults(run=_password)


def list_nodes(args: argparse.Namespace) -> int:
    from dataclasses import asdict

    from app.pacs import book

    found = book.load().nodes
    head = ("name", "kind", "address", "its AE title", "our AE title", "retrieve", "TLS")
    rows = [_row(one) for one in found]
    none = "no node is entered; enter one with: hilum pacs add NAME --host HOST --port PORT --ae TITLE"
    show(args, [asdict(one) for one in found], table([head, *rows]) if rows else none)
    return 0


def _row(one: Any) -> tuple[str, ...]:
    if one.kind == "dicomweb":
        return one.name, "DICOMweb", one.address, "", "", "WADO", _tls(one, one.url.startswith("https:"))
    return one.name, "DICOM", one.address, one.ae_title, one.our_ae, f"C-{one.retrieve.upper()}", _tls(one, one.tls)


def _tls(one: Any, secure: bool) -> str:
    return "no" if not secure else "yes, with our certificate" if one.cert_file else "yes"


def _add(args: argparse.Namespace) -> int:
    from app.pacs import book
    from app.pacs.nodes import Node

    if bool(args.url) == bool(args.host):
        raise WrongCall("give --host, --port and --ae of a DICOM archive, or --url of a DICOMweb service")
    files = (args.ca_file, args.cert_file, args.key_file)
    if any(files) and not (args.tls or args.url.startswith("https:")):
        raise WrongCall("certificates are for TLS alone; give --tls of a DICOM archive, or an --url that begins with https")
    if args.url:
        node = Node(args.node, "dicomweb", "", 104, "", "HILUM", "get", False, *files, args.url, args.user)
    else:
        node = Node(
            args.node, "dimse", args.host, args.port, args.ae, args.our_ae, args.retrieve, args.tls, *files, charset=args.charset
        )
    book.save(book.load().with_node(node))
    show(args, {"node": node.name, "address": node.address}, f"{node.name} is entered: {node.address}")
    return 0


def _remove(args: argparse.Namespace) -> int:
    from app.pacs import book
    from app.pacs.credentials import Credentials

    known = book.load()
    node = known.node(args.node)
    Credentials().forget(node)
    book.save(known.without(node.name))
    show(args, {"removed": node.name}, f"{node.name} is forgotten")
    return 0


def _password(args: argparse.Namespace) -> int:
    from app.pacs import book
    from app.pacs.credentials import Credentials

    node = book.load().node(args.node)
    place = Credentials().keep(node, typed(node.name))
    if place == "memory":
        raise WrongCall("this machine has no keyring that can be used; give the password to each command with --password-stdin")
    words = "kept in the keyring" if place else "forgotten"
    show(args, {"node": node.name, "password": words}, f"the password of {node.name} is {words}")
    return 0


def _file(text: str) -> str:
    """An argparse type: a file's place, found from any folder; "" for none."""
    return str(Path(text).expanduser().absolute()) if text else ""
