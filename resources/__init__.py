"""Data only: prompts, label sets, the model catalogue, icons, themes and the demo pack."""

from importlib.resources import files
from pathlib import Path


def path(name: str) -> Path:
    """Where the resource `name` ("models.toml", "demo/encoder") lies on disk."""
    return Path(str(files(__name__))) / name


def text(name: str) -> str:
    return path(name).read_text(encoding="utf-8")


def data(name: str) -> bytes:
    return path(name).read_bytes()
