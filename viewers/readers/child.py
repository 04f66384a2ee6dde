"""`python -m viewers.readers.child SCRATCH`: a reader process. Works off what comes in until its pipe closes."""

from __future__ import annotations

import faulthandler
import os
import sys
from pathlib import Path
from typing import Any

from viewers.errors import SourceError
from viewers.readers import channel, work

TIRED_BYTES = 3 * 2**29
"""A process that once took so much memory is replaced by a new one."""


def main() -> None:
    reader, writer = _own_pipes()
    scratch = channel.Scratch(Path(sys.argv[1]))
    scratch.forget_name()
    limited()
    nothing = Path(os.devnull).open("w")  # noqa: SIM115 (the watchdog writes there until the end)
    _warm()
    channel.send(writer, channel.GREETING)
    while True:
        try:
            asked = channel.receive(reader)
        except channel.Lost:
            os._exit(0)  # the window is gone
        scratch.rewind()
        for item in asked["items"]:
            faulthandler.dump_traceback_later(float(asked["seconds"]), exit=True, file=nothing)
            reply = _replied(asked["do"], item, scratch)
            faulthandler.cancel_dump_traceback_later()
            try:
                channel.send(writer, reply)
            except OSError:
                os._exit(0)


def _replied(do: str, item: dict[str, Any], scratch: channel.Scratch) -> dict[str, Any]:
    found = work.perform(do, item)
    tired = {"tired": True} if _most_memory() > TIRED_BYTES else {}
    if isinstance(found, SourceError):
        return {"error": str(found), **tired}
    values, arrays = found
    return {"values": values, "arrays": [scratch.write(one) for one in arrays], **tired}


def _own_pipes() -> tuple[int, int]:
    """The two pipes as private handles; whatever a library prints goes nowhere, what it reads is empty."""
    reader, writer = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    for handle in (0, 1, 2):
        os.dup2(nothing, handle)
    os.close(nothing)
    return reader, writer


def limited() -> None:
    """Address space, no core files (they would hold a patient's pixels); Ctrl+C in a terminal is the parent's to answer."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_AS, (work.MEMORY_BYTES, work.MEMORY_BYTES))


def _most_memory() -> int:
    """The most resident memory of this process so far, bytes; 0 where the system does not tell."""
    if sys.platform == "win32":
        return 0
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def _warm() -> None:
    """Load the decoders while nobody waits."""
    import imagecodecs

    for name in ("jpeg8_decode", "jpeg2k_decode", "jpegls_decode", "dicomrle_decode"):
        getattr(imagecodecs, name)


if __name__ == "__main__":
    main()
