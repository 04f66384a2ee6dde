"""`hilum endpoint show | set | models | key | remove`: the server that writes for the window instead of the drafter."""

from __future__ import annotations

import argparse
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

from app.commands import options
from app.commands.options import Commands, command
from app.commands.output import WrongCall, show

if TYPE_CHECKING:
    from inference.endpoint_address import Endpoint


def add(commands: Commands) -> None:
    parser = commands.add_parser("endpoint", help="the server that writes for the window instead of the drafter")
    parser.set_defaults(run=_show, json=False)
    parts = parser.add_subparsers(metavar="WHAT")
    command(parts, "show", "the server that is entered").set_defaults(run=_show)
    entered = command(parts, "set", "enter a server; the window uses it from its next start on")
    options.add_endpoint(entered, "url")
    entered.add_argument("--drafter", metavar="RECIPE", help="catalogue id of the drafter whose prompts and pixels it gets")
    entered.set_defaults(run=_set)
    models = command(parts, "models", "what a server has, and so whether it answers")
    options.add_endpoint(models, "--endpoint")
    models.set_defaults(run=_models)
    kept = command(parts, "key", "keep its key in the keyring; it is asked for, or read from stdin")
    kept.set_defaults(run=_key)
    command(parts, "remove", "forget it and its key; the drafter writes again").set_defaults(run=_remove)


def _show(args: argparse.Namespace) -> int:
    from app import endpoints, settings

    one = settings.load().endpoint
    none = "no endpoint is entered, the drafter of this machine writes; enter one with: hilum endpoint set URL --model NAME"
    show(args, endpoints.row(one) if one else None, _words(one) if one else none)
    return 0


def _set(args: argparse.Namespace) -> int:
    from app import endpoints, settings
    from inference import catalogue
    from inference.endpoint_address import RECIPE, Endpoint
    from inference.errors import WrongName

    one = Endpoint(args.url, args.model, args.send_to, args.ca_file, args.drafter or RECIPE)
    if catalogue.entry(one.recipe).role != "drafter":
        raise WrongName(f"{one.recipe} writes nothing, so it is no recipe for an endpoint; choose a drafter of the catalogue")
    settings.save(replace(settings.load(), endpoint=one))
    show(args, endpoints.row(one), f"{_words(one)}\nThe window uses it from its next start on.")
    return 0


def _models(args: argparse.Namespace) -> int:
    from app import endpoints
    from inference.endpoint import EndpointEngine
    from inference.endpoint_address import Endpoint
    from inference.engine import EngineSpec

    one = Endpoint(args.endpoint, args.model, args.send_to, args.ca_file) if args.endpoint else _entered()
    with closing(EndpointEngine(EngineSpec(endpoint=one), key=endpoints.kept_key(one))) as engine:
        found = engine.models()
    show(args, list(found), "\n".join(found) or f"{one.address} answers, but has no model loaded")
    return 0


def _key(args: argparse.Namespace) -> int:
    from app.endpoints import place_of_key
    from app.pacs.credentials import Credentials

    one = _entered()
    place = Credentials().keep(place_of_key(one), options.typed(one.address, "Key"))
    if place == "memory":
        raise WrongCall("this machine has no keyring that can be used; give the key to each command with --key-stdin")
    words = "kept in the keyring" if place else "forgotten"
    show(args, {"endpoint": one.address, "key": words}, f"the key of {one.address} is {words}")
    return 0


def _remove(args: argparse.Namespace) -> int:
    from app import settings
    from app.endpoints import place_of_key
    from app.pacs.credentials import Credentials

    one = _entered()
    Credentials().forget(place_of_key(one))
    settings.save(replace(settings.load(), endpoint=None))
    show(args, {"removed": one.address}, f"{one.address} is forgotten; the drafter of this machine writes again")
    return 0


def _entered() -> Endpoint:
    from app import settings

    one = settings.load().endpoint
    if one is None:
        raise WrongCall("no endpoint is entered; enter one with: hilum endpoint set URL --model NAME")
    return one


def _words(one: Endpoint) -> str:
    where = "this machine" if one.here else f"another machine, {one.host}: pictures of the patient and the question go there"
    return f"Answers come from {one.address} · {one.model or 'its only model'} ({where}), asked as {one.recipe} is."
