"""`hilum models list | import FOLDER | get ID | check ID | measure ID | pictures`. `get` alone uses the network."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING, Any

from app.commands.options import Commands, command, count, path
from app.commands.output import Meter, WrongCall, complain, show, table
from inference.quantisations import QUANTISED

if TYPE_CHECKING:
    from inference.catalogue import Entry

PRECISIONS = ("bf16", "int8", "int4")


def add(commands: Commands) -> None:
    parser = commands.add_parser("models", help="list, import, fetch and check models")
    parser.set_defaults(run=_list, json=False)
    parts = parser.add_subparsers(metavar="WHAT")
    command(parts, "list", "the catalogue: what is installed, and what fits into this machine's memory").set_defaults(run=_list)

    bring = command(parts, "import", "copy a model's folder (published layout) to where Hilum keeps models, after checking it")
    bring.add_argument("folder", type=path, metavar="FOLDER")
    bring.add_argument("--as", dest="model", metavar="ID", help="catalogue id; taken from the folder's name without it")
    bring.set_defaults(run=_import)

    get = command(parts, "get", "fetch a model; the token comes from $HF_TOKEN or the keyring (`keyring set hilum huggingface`)")
    get.add_argument("model", metavar="ID")
    get.add_argument("--accept", action="store_true", help="accept the publisher's terms, which are shown")
    get.add_argument("--revision", default="main", metavar="COMMIT", help="branch, tag or commit")
    get.add_argument("--endpoint", metavar="URL", help="another server of the same kind; $HF_ENDPOINT without it")
    get.set_defaults(run=_get)

    check = command(parts, "check", "whether a model's files are whole, of the published layout, and unchanged")
    check.add_argument("model", metavar="ID")
    check.add_argument("--values", action="store_true", help="also look for NaN and infinity in every weight")
    check.set_defaults(run=_check)

    kept = command(parts, "pictures", "what is kept of pictures that a drafter has read, so that it does not read them again")
    kept.add_argument("--forget", action="store_true", help="remove it; it tells of patients as the pictures do")
    kept.add_argument("--most", type=gigabytes, metavar="GB", help="keep so much from now on; 0: nothing")
    kept.set_defaults(run=_pictures)

    measured = command(parts, "measure", "how far a quantised drafter writes from itself unquantised, on films of known findings")
    measured.add_argument("model", metavar="ID")
    measured.add_argument("--quantisation", choices=QUANTISED, default="int4")
    measured.add_argument("--films", type=count, default=12, metavar="N", help="phantom films that both describe")
    measured.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    measured.set_defaults(run=_measure)


def _measure(args: argparse.Namespace) -> int:
    from dataclasses import asdict

    from app import measuring_models

    if not args.films:
        raise WrongCall("--films needs one film at least")
    meter = Meter()
    try:
        found = measuring_models.measure(args.model, args.quantisation, args.device, args.films, meter)
    finally:
        meter.end()
    faster = found.tokens_per_second / max(found.tokens_per_second_exact, 1e-9)
    text = (
        f"{found.model}, {found.words}: {found.sentence}\n"
        f"{found.gigabytes:.3g} GB of weights in place of {found.gigabytes_exact:.3g}, "
        f"{found.tokens_per_second:.3g} tokens/s, {faster:.2g} times as fast; KL at the 99th percentile {found.kl_p99:.2g}"
    )
    show(args, asdict(found), text)
    return 0


def gigabytes(text: str) -> float:
    """Raises ValueError."""
    found = float(text)
    if not 0 <= found < 1e6:
        raise ValueError(text)
    return found


def _pictures(args: argparse.Namespace) -> int:
    from dataclasses import replace

    from app import settings
    from inference import kept_pictures

    chosen = settings.load()
    if args.most is not None:
        chosen = replace(chosen, pictures_gb=args.most)
        settings.save(chosen)
    removed = kept_pictures.forget() if args.forget or not chosen.pictures_gb else 0
    count, size = kept_pictures.held()
    body = {
        "pictures": count,
        "bytes": size,
        "most_gb": chosen.pictures_gb,
        "removed": removed,
        "folder": str(kept_pictures.folder()),
    }
    bound = f"at most {chosen.pictures_gb:g} GB are kept" if chosen.pictures_gb else "none are kept"
    gone = f"{removed} pictures were forgotten; " if args.forget or removed else ""
    show(args, body, f"{gone}tokens of {count} pictures on disk, {size / 2**30:.2g} GB; {bound}")
    return 0


def _list(args: argparse.Namespace) -> int:
    from dataclasses import asdict

    from app import fits
    from inference import catalogue, measured, terms
    from inference.adapters import folder

    adapters, ground = folder.names(lambda error: complain(str(error))), fits.ground()
    body: list[dict[str, Any]] = []
    for one in catalogue.entries():
        said = fits.predicted(one, ground)
        fit = {name: said[name].fit for name in PRECISIONS if name in said}
        rates = {name: round(said[name].tokens_per_second, 1) for name in fit if said[name].tokens_per_second}
        about = {"id": one.id, "title": one.title, "role": one.role, "installed": catalogue.installed(one.id)}
        place = {"folder": str(catalogue.folder(one.id)), "repository": one.repository, "remark": one.remark}
        taught = {"adapters": [*adapters.get(one.id, ())]}
        agreed = {"terms": one.terms, "terms_accepted": terms.accepted(one)}
        body.append({**about, **place, "memory_gb": dict(one.memory), "fit": fit, "tokens_per_second": rates,
                     "words": {name: fits.words(said[name]) for name in fit}, **taught, **agreed,
                     "measured": [{**asdict(own), "sentence": own.sentence} for own in measured.of_model(one.id)]})  # fmt: skip
    told = [f"{one['id']}, {said['words']}: {said['sentence']}" for one in body for said in one["measured"]]
    show(args, body, "\n".join([table([_HEAD, *(_row(one) for one in body)]), *_taught(body), *told]))
    return 0


_HEAD = ("model", "role", "installed", *(f"{name}, GB" for name in PRECISIONS), "terms")


def _row(one: dict[str, Any]) -> tuple[str, ...]:
    sizes = [one["words"].get(name, "") for name in PRECISIONS]
    agreed = f"{one['terms']}{', accepted' if one['terms_accepted'] else ', not accepted'}" if one["terms"] else one["remark"]
    return (one["id"], one["role"], "yes" if one["installed"] else "no", *sizes, agreed)


def _taught(body: list[dict[str, Any]]) -> list[str]:
    """A line for every model that has adapters."""
    return [f"adapters of {one['id']}: {', '.join(one['adapters'])}" for one in body if one["adapters"]]


def _import(args: argparse.Namespace) -> int:
    from inference import catalogue
    from inference.answers import Progress

    meter = Meter()
    try:
        one = catalogue.import_folder(
            args.model, args.folder, on_progress=lambda done, total: meter(Progress("copying, bytes", done, total))
        )
    finally:
        meter.end()
    return _installed(args, one)


def _get(args: argparse.Namespace) -> int:
    from inference import catalogue, download

    one = catalogue.entry(args.model)
    _terms(one, accept=args.accept)
    meter = Meter()
    try:
        download.get(one, token=token(), base=args.endpoint, revision=args.revision, on_progress=meter)
    finally:
        meter.end()
    return _installed(args, one)


def _terms(one: Entry, *, accept: bool) -> None:
    """Show the terms and record a yes. Without one nothing is recorded, and fetching is refused."""
    from inference import terms

    if terms.accepted(one):
        return
    shown = terms.text(one)
    print(shown, file=sys.stderr)
    if not accept and sys.stdin.isatty():
        print("Do you accept these terms? Type yes: ", end="", file=sys.stderr, flush=True)
        accept = sys.stdin.readline().strip().lower() == "yes"
    if accept:
        terms.accept(one, shown)
    else:
        complain("accept the terms above with --accept, or by typing yes at the terminal")


def token() -> str:
    """$HF_TOKEN, else the system keyring's password of huggingface for hilum, else ""."""
    found = os.environ.get("HF_TOKEN", "").strip()
    if found:
        return found
    import keyring
    from keyring.errors import KeyringError

    try:
        return keyring.get_password("hilum", "huggingface") or ""
    except KeyringError:
        return ""


def _installed(args: argparse.Namespace, one: Entry) -> int:
    from inference import catalogue

    _, place, revision = catalogue.require(one.id)
    body = {"id": one.id, "folder": str(place), "revision": revision}
    show(args, body, f"{one.id} is installed in {place}, revision {revision[:12]}")
    return 0


def _check(args: argparse.Namespace) -> int:
    """0 when nothing is wrong, 4 when something is."""
    from inference import catalogue, modelfiles

    place = catalogue.folder(catalogue.entry(args.model).id)
    wrong = catalogue.check(args.model, nan=args.values)
    revision = "" if wrong else modelfiles.revision(place)
    text = f"{args.model} is whole, revision {revision[:12]}"
    show(args, {"id": args.model, "folder": str(place), "problems": wrong, "revision": revision}, "\n".join(wrong) or text)
    return 4 if wrong else 0
