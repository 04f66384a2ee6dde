"""Options that several commands share, and what is made of them."""

from __future__ import annotations

import argparse
import math
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.commands.output import Meter, WrongCall
from inference.quantisations import ALL

if TYPE_CHECKING:
    from app.analysis import AnyEngine, Result
    from inference.answers import Draft
    from inference.endpoint_address import Endpoint
    from inference.questions import Modality, Question
    from viewers.geometry import Region

Commands = Any
"""What `ArgumentParser.add_subparsers` gives."""
MOST_THINKING = 100_000
MOST = 10**12
"""Pixels, in either direction: no picture is larger, and larger numbers have no use."""


def command(commands: Commands, name: str, help: str) -> argparse.ArgumentParser:
    """A command with --json."""
    parser: argparse.ArgumentParser = commands.add_parser(name, help=help, description=help)
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    return parser


def add_place(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", type=path, metavar="PATH", help="a file, or the folder of one series")
    add_region(parser)


def add_region(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--region", type=_numbers(4), metavar="X,Y,W,H", help="in level-0 pixels; the whole picture without it")
    parser.add_argument("--frame", type=count, default=0, metavar="N", help="frame or slice, counted from 0")


def add_kind(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--kind", choices=("cxr", "slide", "photo", "document"), help="what the picture is, where the file does not say"
    )


def add_whole(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--whole-series", action="store_true", help="all slices of a CT or MR series, as far as the model reads them"
    )
    cut = "with --whole-series of MR: grey from percentile P to 100 - P of all values, not from least to greatest as trained"
    parser.add_argument("--percentiles", type=_tails, default=0.0, metavar="P", help=cut)


def add_slide(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--whole-slide", action="store_true", help="the fields of a slide that show all its tissue")
    parser.add_argument("--power", type=int, choices=(5, 10, 20), default=10, help="of a whole slide's fields")
    parser.add_argument("--tissue", default="", metavar="TEXT", help="what tissue it is: colon")
    parser.add_argument("--procedure", default="", metavar="TEXT", help="how it was taken: biopsy")


def of_slide(args: argparse.Namespace, text: str) -> str:
    """`text` behind what the reader says of the tissue. Raises WrongCall where that has no place."""
    from app.slide_fields import told_of

    if (args.tissue.strip() or args.procedure.strip()) and not args.whole_slide:
        raise WrongCall("--tissue and --procedure go with --whole-slide")
    return told_of(args.tissue, args.procedure, text)


def add_engine(parser: argparse.ArgumentParser, *, encoder: bool = False, drafter: bool = False, endpoint: bool = False) -> None:
    if encoder:
        parser.add_argument("--encoder", default="demo-encoder", metavar="MODEL", help="catalogue id of the encoder")
    if drafter:
        parser.add_argument("--drafter", default="demo-drafter", metavar="MODEL", help="catalogue id of the drafter")
        parser.add_argument(
            "--quantisation",
            choices=ALL,
            default="none",
            help="of the drafter's decoder; +head: its head in int8 too; nf4 needs hilum[qlora]",
        )
        parser.add_argument("--anyway", action="store_true", help="load a drafter that is predicted not to fit into memory")
        parser.add_argument(
            "--adapter", default="", metavar="NAME|FOLDER", help="taught with `hilum teach`, loaded with the drafter"
        )
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    if endpoint:
        parser.set_defaults(drafter=None)
        add_endpoint(parser, "--endpoint")
        parser.add_argument("--key-stdin", action="store_true", help="read the endpoint's key from stdin")


def add_endpoint(parser: argparse.ArgumentParser, name: str) -> None:
    """Options that make an Endpoint; `name` is "--endpoint", or "url" for one that must be given."""
    url = "an OpenAI-compatible server that writes instead of the drafter, whose prompts and pixels it gets"
    parser.add_argument(name, metavar="URL", help=url)
    parser.add_argument("--model", default="", metavar="NAME", help="as the endpoint calls it; its only one without it")
    sent = "confirm that pictures of the patient and the question go to this other machine"
    parser.add_argument("--send-to", default="", metavar="HOST", help=sent)
    parser.add_argument("--ca-file", default="", metavar="FILE", help="who vouches for the endpoint's certificate, PEM")


def add_decoding(parser: argparse.ArgumentParser, *, thinking: bool = True) -> None:
    parser.add_argument("--max-tokens", type=count, default=0, metavar="N", help="0 takes the model's own limit")
    parser.add_argument("--temperature", type=_temperature, default=0.0, metavar="T", help="0 decodes greedily")
    parser.add_argument("--seed", type=count, default=0, metavar="N", help="matters above a temperature of 0")
    if not thinking:
        return
    parser.add_argument("--thinking", type=_thinking, default=None, metavar="N|off",
                        help="ask for a thinking trace of up to N tokens beside the answer, or let none be written")  # fmt: skip


def decoding(args: argparse.Namespace) -> Any:
    from inference.catalogue import facts
    from inference.questions import Decoding

    return Decoding(args.max_tokens or facts(drafter(args)).max_tokens, args.temperature, args.seed, args.thinking)


def drafter(args: argparse.Namespace) -> str:
    """Catalogue id of who writes, or whose prompts and pixels an endpoint gets."""
    from inference.endpoint_address import RECIPE

    return args.drafter or (RECIPE if args.endpoint else "demo-drafter")


def endpoint(args: argparse.Namespace, url: str | None) -> Endpoint | None:
    """Raises EndpointRefused; WrongCall for options of an endpoint without one."""
    from inference.endpoint_address import Endpoint

    if not url:
        for name in ("model", "send_to", "ca_file", "key_stdin"):
            if getattr(args, name, ""):
                raise WrongCall(f"--{name.replace('_', '-')} goes with --endpoint, which names the server")
        return None
    if getattr(args, "adapter", ""):
        raise WrongCall("--adapter goes with a drafter of this machine; an endpoint loads its own, leave it out")
    return Endpoint(url, args.model, args.send_to, args.ca_file, drafter(args))


def region(args: argparse.Namespace) -> Region | None:
    """The region asked for, None for the whole picture. Raises ValueError."""
    from viewers.geometry import Region

    if not args.region:
        return None
    x, y, width, height = args.region
    return Region(x, y, width, height, args.frame)


def engine(args: argparse.Namespace) -> AnyEngine:
    from app import endpoints, settings
    from inference.engine import Engine, EngineSpec

    named = ("encoder", "drafter", "quantisation", "device", "adapter", "anyway")
    given = {name: getattr(args, name) for name in named if name in args}
    given["pictures_on_disk"] = settings.load().pictures_bytes
    key = ""
    if "endpoint" in args:
        given |= {"drafter": drafter(args), "endpoint": endpoint(args, args.endpoint)}
        key = typed("the endpoint", "Key") if args.key_stdin else ""
    return endpoints.engine(EngineSpec(**given), args.make_engine or Engine, key)


def typed(name: str, what: str = "Password") -> str:
    """A secret, typed unseen or the first line of stdin."""
    if sys.stdin.isatty():
        import getpass

        return getpass.getpass(f"{what} of {name}: ")
    return sys.stdin.readline().rstrip("\r\n")


def answered(args: argparse.Namespace, question: Question) -> Result:
    """The question asked of the place the arguments name, with progress on stderr."""
    from app.analysis import Place, Request, run

    meter = Meter()
    whole = getattr(args, "whole_series", False) or getattr(args, "whole_slide", False)
    kind = getattr(args, "kind", None)
    also = tuple(Place(one, said=kind) for one in getattr(args, "also", ()))
    request = Request(
        args.path, question, region(args), getattr(args, "prior", None), args.frame, whole, kind, also,
        getattr(args, "power", 10), getattr(args, "percentiles", 0.0), getattr(args, "frames", 0),
    )  # fmt: skip
    try:
        with closing(engine(args)) as ready:
            return run(request, ready, meter)
    finally:
        meter.end()


def ended(draft: Draft) -> str:
    """How an incomplete text ended, and what helps."""
    helps = draft.receipt.steps[-1] if draft.finish == "interruption" and draft.receipt.steps else "--max-tokens allows more"
    return f"the model ended by {draft.finish}; {helps}"


def modality(args: argparse.Namespace) -> Modality:
    """What the picture is, for the choice of labels. Raises SourceError, OutsideTraining for a trace."""
    from app.analysis import NO_TRACE, clipped
    from app.modality import modality_of
    from app.spacings import open_source
    from inference.errors import OutsideTraining
    from viewers.geometry import Region

    with closing(open_source(args.path)) as source:
        if source.kind == "waveform":
            raise OutsideTraining(NO_TRACE)
        whole = clipped(Region.whole(source.size, args.frame), source)
        return modality_of(source, source.read(whole, source.size.fitted(256)), getattr(args, "kind", None))[0]


def numbers_type(count: int) -> Any:
    return _numbers(count)


def _numbers(count: int) -> Any:
    def parse(text: str) -> tuple[int, ...]:
        try:
            numbers = tuple(int(part) for part in text.split(","))
        except ValueError:
            numbers = ()
        if len(numbers) != count:
            raise argparse.ArgumentTypeError(f"{text!r} must be {count} whole numbers with commas between")
        if max(map(abs, numbers)) > MOST:
            raise argparse.ArgumentTypeError(f"{text[:40]!r} holds a number beyond {MOST:,}")
        if min(numbers[-2:]) < 1:
            raise argparse.ArgumentTypeError(f"{text!r} needs a width and a height of at least 1")
        return numbers

    return parse


def count(text: str) -> int:
    """An argparse type: 0 to 2⁶³ − 1."""
    if not (text.isascii() and text.isdecimal()) or len(text) > 19 or int(text) >= 2**63:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 0 on")
    return int(text)


def path(text: str) -> Path:
    """An argparse type: any path but an empty one, which would stand for the folder one happens to be in."""
    if not text:
        raise argparse.ArgumentTypeError("the path is empty; write . for this folder")
    return Path(text)


def path_of(text: str) -> Path:
    """The same for what argparse does not parse. Raises WrongCall."""
    try:
        return path(text)
    except argparse.ArgumentTypeError as error:
        raise WrongCall(str(error)) from error


def phrase(text: str) -> str:
    """An argparse type: words."""
    if not text.strip():
        raise argparse.ArgumentTypeError("the phrase is empty; write what is to be looked for")
    return text


def _tails(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 10:
        raise argparse.ArgumentTypeError(f"{text!r} is no percentile of a tail; give a number from 0 to 10")
    return value


def _temperature(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is no temperature; give a number from 0 on, 0 decodes greedily")
    return value


def _thinking(text: str) -> int:
    if text == "off":
        return 0
    if not (text.isascii() and text.isdecimal() and 0 < int(text[:10]) <= MOST_THINKING and len(text) < 10):
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is no budget for thinking; give 1 to {MOST_THINKING:,} tokens, or off")
    return int(text)


def must_not(args: argparse.Namespace, name: str, others: tuple[str, ...]) -> None:
    """Raises WrongCall when option `name` stands beside one of `others`."""
    if getattr(args, name):
        for other in others:
            if getattr(args, other):
                raise WrongCall(f"--{name.replace('_', '-')} shows what the model gets, so --{other} has no place beside it")
