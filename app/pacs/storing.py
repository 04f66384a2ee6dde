"""C-STORE: files go to an archive as they are (PS3.4 B.2); what it does not accept in that form is said."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pydicom import dcmread
from pynetdicom.presentation import PresentationContext

from app.pacs.association import Talk, associated, contexts_for
from app.pacs.errors import Lost
from app.pacs.limits import Limits
from app.pacs.nodes import Node
from app.pacs.outgoing import Outgoing, Sent
from app.pacs.stopping import Stop
from app.pacs.syntaxes import DEFLATED, MOST_CONTEXTS, PLAIN, name_of

LOSSES = 3
"""So many connections in a row may break on a file of their own."""
WARNINGS = {
    0xB000: "stored, but the archive changed something in it", 0xB006: "stored, but the archive left something out",
    0xB007: "stored, although the archive finds it does not match its kind",
}  # fmt: skip
FAILURES = {
    0x0111: "the archive has it already", 0x0117: "the archive does not accept its identity",
    0x0122: "the archive does not store this kind", 0x0124: "the archive does not allow it",
}  # fmt: skip


def store(node: Node, files: Sequence[Outgoing], on_each: Callable[[Sent], None], stop: Stop, limits: Limits) -> None:
    """`on_each` hears of every file, in their order. Raises PacsError and Stopped; what was not told then was not sent.

    A file on which the archive hangs up costs itself: the next goes over a new connection.
    """
    left, lost = list(files), 0
    while left:
        try:
            with associated(node, _contexts(_group(left)), stop, limits) as talk:
                for one in _group(left):
                    talk.check()
                    on_each(_stored(talk, one))
                    del left[0]
                    lost = 0
        except Lost as error:
            lost += 1
            if lost == LOSSES:
                raise
            on_each(Sent(left.pop(0).path, False, str(error)))


def _group(files: Sequence[Outgoing]) -> list[Outgoing]:
    """The first of them, so many that one association has room for all their contexts."""
    group, forms = list[Outgoing](), set[tuple[str, str]]()
    for one in files:
        forms |= {(one.sop_class, syntax) for syntax in _forms(one)}
        if len(forms) > MOST_CONTEXTS:
            break
        group.append(one)
    return group


def _contexts(files: Sequence[Outgoing]) -> list[PresentationContext]:
    pairs = sorted({(one.sop_class, syntax) for one in files for syntax in _forms(one)})
    return contexts_for([(kind, (syntax,)) for kind, syntax in pairs])


def _forms(one: Outgoing) -> tuple[str, ...]:
    """Transfer syntaxes it can go in without a change of its pixels."""
    return PLAIN if one.syntax in PLAIN else (one.syntax,)


def _stored(talk: Talk, one: Outgoing) -> Sent:
    accepted = talk.accepted()
    form = next((syntax for syntax in (one.syntax, *_forms(one)) if (one.sop_class, syntax) in accepted), None)
    if form is None:
        any_form = any(kind == one.sop_class for kind, _ in accepted)
        what = name_of(one.syntax) if any_form or one.syntax not in PLAIN else name_of(one.sop_class)
        return Sent(one.path, False, f"{talk.node.name} does not accept {what}")
    try:
        status = talk.assoc.send_c_store(one.path if form == one.syntax and not _odd(one) else dcmread(one.path))
    except (AttributeError, ValueError) as error:
        return Sent(one.path, False, f"it could not be put into the form the archive accepts ({type(error).__name__})")
    except OSError as error:
        return Sent(one.path, False, f"it could not be read ({error.strerror or 'the disk reported an error'})")
    talk.guard.handled()
    if "Status" not in status:
        raise talk.lost()
    code = int(status.Status)
    if code == 0 or code in WARNINGS:
        return Sent(one.path, True, WARNINGS.get(code, ""))
    return Sent(one.path, False, f"{_failure(code)} (0x{code:04X})")


def _odd(one: Outgoing) -> bool:
    """Whether its bytes cannot go as they are: a message's pieces have even lengths (PS3.8 9.3.5.1)."""
    return one.syntax == DEFLATED or one.size % 2 == 1


def _failure(code: int) -> str:
    if 0xA700 <= code <= 0xA7FF:
        return "the archive is out of room"
    if 0xA900 <= code <= 0xA9FF:
        return "the archive finds it does not match its kind"
    if 0xC000 <= code <= 0xCFFF:
        return "the archive cannot understand it"
    return FAILURES.get(code, "the archive refused it")
