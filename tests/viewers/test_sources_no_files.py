"""Pipes, sockets and devices: refused before they are opened, since opening or reading them may never end."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from viewers.errors import SourceError
from viewers.sources import discover, open_source
from viewers.sources.folder import Failure, Item

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes"),
    pytest.mark.timeout(60),  # a pipe that is opened for reading waits for ever
]


def pipe(path: Path) -> Path:
    os.mkfifo(path)
    return path


def bound(path: Path) -> Path:
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(os.path.relpath(path))
    return path


def link(path: Path) -> Path:
    path.symlink_to(pipe(path.with_suffix(".pipe")))
    return path


@pytest.mark.parametrize(("make", "kind"), [(pipe, "a named pipe"), (bound, "a socket"), (link, "a named pipe")])
@pytest.mark.parametrize("name", ["p.dcm", "p.svs", "p.mrxs", "p.png"])
def test_what_is_no_file_is_refused(tmp_path: Path, make: Callable[[Path], Path], kind: str, name: str) -> None:
    with pytest.raises(SourceError, match=f"{name} is {kind}"):
        open_source(make(tmp_path / name))


def test_a_device_is_refused() -> None:
    with pytest.raises(SourceError, match="zero is a device"):
        open_source("/dev/zero")


def test_a_folder_with_a_pipe_is_listed(tmp_path: Path) -> None:
    pipe(tmp_path / "a.dcm")
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(tmp_path / "b.png")
    found = list(discover(tmp_path))
    assert [(type(one), one.path.name) for one in found] == [(Failure, "a.dcm"), (Item, "b.png")]
    assert open_source(tmp_path).size.width == 4


def test_a_dicom_slide_beside_a_pipe(shared: Path, tmp_path: Path) -> None:
    """OpenSlide opens every file beside a DICOM slide, the pipe too."""
    folder = tmp_path / "slide"
    shutil.copytree(shared / "slides" / "CMU-1-Small-Region_dicom", folder)
    folder.chmod(0o755)
    open_source(folder).close()
    pipe(folder / "q")
    for path in sorted(folder.glob("*.dcm")):
        with pytest.raises(SourceError, match="beside q, which is no file"):
            open_source(path)
    assert any(isinstance(one, Item) and one.kind == "slide" for one in discover(folder))


def test_a_mirax_folder_with_a_pipe(tmp_path: Path) -> None:
    (tmp_path / "s.mrxs").write_bytes(b"\xff\xd8\xff\xe0" + bytes(64))
    (tmp_path / "s").mkdir()
    pipe(tmp_path / "s" / "Slidedat.ini")
    with pytest.raises(SourceError, match=r"Slidedat\.ini, which is no file"):
        open_source(tmp_path / "s.mrxs")
