"""`hilum doctor`: what is here, what it can use, and what is wrong."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from app.commands.options import Commands, command
from app.commands.output import complain, show, table

if TYPE_CHECKING:
    from app.doctor import Facts


def add(commands: Commands) -> None:
    command(commands, "doctor", "versions, accelerator, memory, folders, and what is wrong").set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """0 whatever is found: the examination itself was done."""
    from app import doctor

    complain("trying out torch and ONNX Runtime, which takes some seconds")
    facts = doctor.collect()
    wrong = doctor.problems(facts)
    show(args, _body(facts, wrong), _text(facts, wrong))
    return 0


def _body(facts: Facts, wrong: list[str]) -> dict[str, Any]:
    from dataclasses import asdict

    from inference.catalogue import folder

    models = {model: {"installed": there, "folder": str(folder(model))} for model, there in facts.models.items()}
    return {**asdict(facts), "models": models, "problems": wrong}


def _text(facts: Facts, wrong: list[str]) -> str:
    from app import painting
    from app.machine import GIGABYTE
    from inference.catalogue import folder

    torch, runtime = facts.torch, facts.onnxruntime
    device = ", ".join(torch["devices"]) or "processor"
    cards = [
        f"{card.name}, {card.memory_free / GIGABYTE:.1f} of {card.memory_total / GIGABYTE:.1f} GB free" for card in facts.cards
    ]
    rows = [
        ("system", f"{facts.system}, {facts.cores} cores"),
        ("memory", f"{facts.memory.free / GIGABYTE:.1f} of {facts.memory.total / GIGABYTE:.1f} GB free"),
        ("NVIDIA cards", "; ".join(cards) or "none"),
        ("torch", f"{torch['version'] or 'not usable'}, runs on {device}, {'with' if torch['bfloat16'] else 'without'} bfloat16"),
        ("ONNX Runtime", f"{runtime['version'] or 'not usable'}, can use {', '.join(runtime['usable']) or 'nothing'}"),
        *((("slides are drawn", painting.sentence(facts.painting)),) if facts.painting else ()),
        ("data folder", f"{facts.home.path} ({facts.home.file_system}, {facts.home.free / GIGABYTE:.0f} GB free)"),
        *((("drafter", _drafter(facts)),) if facts.drafter else ()),
        *((f"model {model}", f"{folder(model)}" if there else "not installed") for model, there in facts.models.items()),
        *((name, version or "not installed") for name, version in facts.packages.items()),
    ]
    findings = ["", *(f"Wrong: {one}." for one in wrong)] if wrong else ["", "Nothing is wrong."]
    return "\n".join([table(rows), *findings])


def _drafter(facts: Facts) -> str:
    about = facts.drafter
    if "answers_from" in about:
        return f"answers come from {about['answers_from']}"
    name = f"{about['model']}, {'full precision' if about['quantisation'] == 'none' else about['quantisation']}"
    if not about["installed"]:
        return f"{name}: not installed"
    rate = f", about {about['tokens_per_second']:.2g} tokens/s predicted" if about["tokens_per_second"] else ""
    where = "the card" if about["device"] == "cuda" else "the processor"
    return f"{name}, on {where}: {about['gigabytes']:.2g} GB, {about['fit']}{rate}"
