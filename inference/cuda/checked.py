"""Our kernels for a decoder on a card, once they are seen to agree with torch's."""

from __future__ import annotations

from threading import Event

import torch

from inference.cuda import kernels
from inference.cuda.fused import FusedStep, Plan
from inference.cuda.kernels import Kernels, NoKernels
from inference.cuda.reading import FusedRead
from inference.decoder import Decoder
from inference.fitting import ROWS_ON_A_CARD
from inference.stepping import recorded

TOLERANCE = 0.1
"""Of logits from those of torch's kernels, relative, in the root mean square; roundings to bfloat16 alone give 0.02."""
_PLACES = 20
_found: dict[tuple[str, tuple[tuple[str, int, int], ...]], dict[str, Plan]] = {}
"""By the card's name and the kinds and sizes of matrices."""


def prepare(decoder: Decoder, own: Kernels | NoKernels | None = None) -> str:
    """Let a decoder in bfloat16 on a card read and step by our kernels (`own`, else those of its card); why not, "" where it
    does. Where there is another format or no card there is nothing to say."""
    if own is None and (decoder.device.type != "cuda" or decoder.dtype != torch.bfloat16):
        return ""
    try:
        own = kernels.of(decoder.device) if own is None else own
        if isinstance(own, NoKernels):
            raise own
        step, read = FusedStep(decoder, own), FusedRead(decoder, own)
        away = _away(decoder, step, read)
        if not away <= TOLERANCE:
            raise NoKernels(f"their answer was off by {away:.0%}")
        if decoder.device.type == "cuda":
            step.plans = _plans(decoder, step)
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:  # NoKernels is one
        return f"our own kernels for this card are not used ({' '.join(str(error).split())[:200]}): slower"
    decoder.fused_step, decoder.fused_read, decoder.rows = step, read, ROWS_ON_A_CARD
    return ""


@torch.inference_mode()
def _plans(decoder: Decoder, step: FusedStep) -> dict[str, Plan]:
    """How this card shares the matrices out most quickly, tried matrix by matrix; once for a shape."""
    key = torch.cuda.get_device_name(decoder.device), step.shape
    if key not in _found:
        cache, best = decoder.cache(_PLACES), dict(step.plans)
        token, position = (torch.zeros(1, dtype=torch.long, device=decoder.device) for _ in range(2))
        for name, choices in step.choices():
            times = {}
            for plan in choices:
                step.plans = {**best, name: plan}
                times[plan] = _seconds(recorded(lambda: step(token, position, cache))[0])
            best[name] = min(times, key=lambda plan: times[plan])
        _found[key] = best
    return dict(_found[key])


def _seconds(graph: torch.cuda.CUDAGraph, rounds: int = 8) -> float:
    """Of one replay."""
    events = [torch.cuda.Event(enable_timing=True) for _ in range(2)]  # type: ignore[no-untyped-call]
    graph.replay()
    events[0].record()
    for _ in range(rounds):
        graph.replay()
    events[1].record()
    events[1].synchronize()
    return float(events[0].elapsed_time(events[1])) / rounds / 1000


@torch.inference_mode()
def _away(decoder: Decoder, step: FusedStep, read: FusedRead) -> float:
    """The greater of how far a prompt read, and a token stepped, are off; 0 for a model that gives NaN in any case."""
    ids = torch.arange(_PLACES, device=decoder.device) + 10
    never, far = Event(), []
    with_torch, with_ours = decoder.cache(_PLACES + 1), decoder.cache(_PLACES + 1)
    want = decoder.logits(decoder.read(decoder.embed(ids), None, with_torch, never))
    got = decoder.logits(read(decoder.embed(ids), None, with_ours, never))
    far.append(got - want)
    stepped = decoder.logits(decoder.step(int(ids[0]), with_torch, never))
    far.append(step(ids[:1], torch.tensor([_PLACES], device=decoder.device), with_ours) - stepped)
    if not bool(torch.isfinite(want).all() & torch.isfinite(stepped).all()):
        return 0.0
    return max(float(one.norm() / exact.norm().clamp_min(1e-6)) for one, exact in zip(far, (want, stepped), strict=True))
