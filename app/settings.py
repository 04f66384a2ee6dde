"""What the window remembers between two starts, as one frozen value."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Literal

from app.grid import Grid
from app.storage import atomic_write, data_folder, set_aside
from inference import quantisations
from inference.endpoint_address import Endpoint
from inference.engine_spec import EngineSpec
from inference.errors import EndpointRefused
from inference.kept_pictures import ON_DISK
from inference.quantisations import Quantisation

RECENT = 12
"""Files and folders kept in the list of recent ones."""


@dataclass(frozen=True, slots=True)
class Settings:
    theme: Literal["dark", "light"] = "dark"
    encoder: str = "demo-encoder"
    drafter: str = "demo-drafter"
    quantisation: Quantisation = "none"
    device: str = "auto"
    adapter: str = ""
    """Name or folder of what the drafter of this machine is loaded with, "" for none; see `hilum teach`."""
    endpoint: Endpoint | None = None
    """Who writes drafts and answers instead of `drafter`; entered with `hilum endpoint set`."""
    unload_min: int = 30
    """Minutes without a question after which the models are unloaded; 0: never."""
    pictures_gb: float = ON_DISK / 2**30
    """Of tokens of pictures kept on disk, so that they are not read again; 0: none are kept."""
    viewport: Literal["auto", "raster", "opengl"] = "auto"
    """How slides are drawn: as measured at the start, by the processor, or by the graphics card."""
    mr_tails: float = 0.0
    """Percent of an MR series' values lost at either end of the grey scale that a model gets of it; 0: none, as published."""
    grid: str = "1x1"
    """Rows and columns of panes."""
    auto_hang: bool = True
    """Whether a study that is opened hangs itself by the rules."""
    recent: tuple[str, ...] = ()
    """Paths, newest first."""
    open: tuple[str, ...] = ()
    """Paths in the browser when the window was closed."""
    shown: str = ""
    """Path of the source in the active pane, "" for none."""
    browser_px: int = 248
    side_px: int = 372
    opacity: float = 0.55
    """Of a heatmap over the picture, 0 … 1."""

    @property
    def recipe(self) -> str:
        """Catalogue id of the drafter whose prompts and pixels are used, whoever writes."""
        return self.endpoint.recipe if self.endpoint else self.drafter

    @property
    def pictures_bytes(self) -> int:
        return int(self.pictures_gb * 2**30)

    def spec(self, before: EngineSpec | None = None) -> EngineSpec:
        """What an engine is to load; with what is no setting as `before`."""
        return replace(
            before or EngineSpec(), encoder=self.encoder, drafter=self.recipe, quantisation=self.quantisation, device=self.device,
            endpoint=self.endpoint, adapter="" if self.endpoint else self.adapter, pictures_on_disk=self.pictures_bytes,
        )  # fmt: skip

    @property
    def arranged(self) -> Grid:
        return Grid.parse(self.grid)

    def with_recent(self, path: Path) -> Settings:
        others = tuple(item for item in self.recent if item != str(path))
        return replace(self, recent=(str(path), *others)[:RECENT])


def load(folder: Path | None = None) -> Settings:
    """The saved settings; defaults where there are none. A damaged file is kept beside as settings.damaged.json, a second as
    settings.damaged-2.json."""
    path = (folder or data_folder()) / "settings.json"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Settings()
    except (OSError, ValueError):
        return _set_aside(path)
    return _from(found) if isinstance(found, dict) else _set_aside(path)


def save(settings: Settings, folder: Path | None = None) -> None:
    place = folder or data_folder()
    place.mkdir(parents=True, exist_ok=True)
    atomic_write(place / "settings.json", json.dumps(asdict(settings), indent=1, ensure_ascii=False))


def _from(found: dict[str, object]) -> Settings:
    """Fields of the right type are taken, anything else keeps its default: an older or newer file never stops the start."""
    default = Settings()
    taken: dict[str, object] = {}
    for field in fields(Settings):
        value, usual = found.get(field.name), getattr(default, field.name)
        if field.name == "endpoint":
            taken[field.name] = _endpoint(value)
        elif isinstance(value, list) and isinstance(usual, tuple):
            taken[field.name] = tuple(str(item) for item in value)
        elif (type(value) is type(usual) or (type(usual) is float and type(value) is int)) and _allowed(field.name, value):
            taken[field.name] = value
    return replace(default, **taken)  # type: ignore[arg-type]


def _endpoint(value: object) -> Endpoint | None:
    """None for one that is not allowed, so that nothing is sent to it."""
    known = {item.name for item in fields(Endpoint)}
    if not isinstance(value, dict) or not all(isinstance(one, str) for one in value.values()):
        return None
    try:
        return Endpoint(**{name: one for name, one in value.items() if name in known})
    except (EndpointRefused, TypeError):
        return None


def _allowed(name: str, value: object) -> bool:
    choices: dict[str, tuple[object, ...]] = {
        "theme": ("dark", "light"),
        "viewport": ("auto", "raster", "opengl"),
        "quantisation": quantisations.ALL,
    }
    if name in ("unload_min", "pictures_gb"):
        return isinstance(value, int | float) and 0 <= value < 1e6
    if name == "mr_tails":
        return isinstance(value, int | float) and 0 <= value <= 10
    return _is_grid(value) if name == "grid" else value in choices.get(name, (value,))


def _is_grid(value: object) -> bool:
    try:
        Grid.parse(str(value))
    except ValueError:
        return False
    return True


def _set_aside(path: Path) -> Settings:
    with suppress(OSError):
        set_aside(path)
    return Settings()
