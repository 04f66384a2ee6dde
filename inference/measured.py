"""What was measured of a quantised model on this machine: how far it writes from itself unquantised. One JSON file each."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from inference.places import home

NOT_MEASURED = "not measured on this machine"


@dataclass(frozen=True, slots=True)
class Measured:
    """Against bfloat16 (float32 where that is the format) of the very same model.

    `kl_mean` and `kl_p99` are Kullback-Leibler divergences in nats a token, `top1` the share of places whose likeliest token is
    the same, along `tokens` of text. `findings` and `sides` are shares of what both drafts say of films; `box_drift_px` is the
    mean distance of the boxes' corners and `box_iou` their mean overlap, over the objects that both gave a box for, `boxes` of
    them; -1 where there was nothing to compare.
    """

    model: str
    revision: str
    adapter: str
    kind: str
    words: str
    """As the receipt names the quantisation."""
    device: str
    when: str
    """ISO date."""
    films: int
    tokens: int
    kl_mean: float
    kl_p99: float
    top1: float
    findings: float = -1.0
    sides: float = -1.0
    boxes: int = 0
    box_drift_px: float = -1.0
    box_iou: float = -1.0
    gigabytes: float = 0.0
    gigabytes_exact: float = 0.0
    tokens_per_second: float = 0.0
    tokens_per_second_exact: float = 0.0
    versions: str = ""
    machine: str = ""

    @property
    def sentence(self) -> str:
        """For a receipt and a list."""
        said = [f"KL {self.kl_mean:.2g}", f"first choice the same at {self.top1:.1%}"]
        if self.findings >= 0:
            said.append(f"findings alike {self.findings:.0%}")
        if self.sides >= 0:
            said.append(f"sides {self.sides:.0%}")
        if self.boxes:
            said.append(f"boxes off by {self.box_drift_px:.0f} px")
        return f"measured {self.when} against full precision on {self.films} films: {', '.join(said)}"


def path(model: str, revision: str, adapter: str, kind: str, device: str) -> Path:
    """Of the file for this very model, quantised so, on such a device."""
    own = f"-{adapter.rpartition(' ')[2][:12]}" if adapter else ""
    return home() / "quantised" / "measured" / f"{model}-{revision[:16]}{own}-{kind}-{device.partition(':')[0]}.json"


def save(found: Measured) -> Path:
    """At once and whole. Raises OSError."""
    place = path(found.model, found.revision, found.adapter, found.kind, found.device)
    place.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=place.parent, prefix=".measured-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(asdict(found), file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(place)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise
    return place


def load(model: str, revision: str, adapter: str, kind: str, device: str) -> Measured | None:
    """None where nothing was measured, or the file cannot be read."""
    try:
        found = json.loads(path(model, revision, adapter, kind, device).read_text(encoding="utf-8"))
        known = {field.name: found[field.name] for field in fields(Measured) if field.name in found}
        return Measured(**known)
    except (OSError, ValueError, TypeError):
        return None


def of_model(model: str) -> tuple[Measured, ...]:
    """All that was measured of a model, whatever its revision was; the newest first."""
    found = []
    for file in (home() / "quantised" / "measured").glob(f"{model}-*.json"):
        try:
            one = Measured(**json.loads(file.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            continue
        if one.model == model:
            found.append(one)
    return tuple(sorted(found, key=lambda one: one.when, reverse=True))
