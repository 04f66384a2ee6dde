"""ZIP archives: what is found, what is refused and why, what is written where; against zipfile and the files themselves."""

from __future__ import annotations

import io
import os
import stat
import struct
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest
from numpy.typing import NDArray
from PIL import Image

from viewers.errors import SourceError
from viewers.sources import GrayscaleSource, archive, open_source, packed
from viewers.sources.folder import Failure, Item
from viewers.sources.unpacked import Unpacked, sweep

WriteDicom = Callable[..., Path]
Ramp = NDArray[np.uint16]


@pytest.fixture
def unpacked(tmp_path: Path) -> Unpacked:
    return Unpacked(tmp_path / "own")


@pytest.fixture
def case(write_dicom: WriteDicom, tmp_path: Path) -> Path:
    """A folder with a CT series over two folders, a film, a picture and a text."""
    for place in range(4):
        (tmp_path / f"case/disc{place % 2}").mkdir(parents=True, exist_ok=True)
        write_dicom(
            np.full((16, 16), 100 + place, np.int16), f"case/disc{place % 2}/i{place}", Modality="CT", SeriesInstanceUID="1.7",
            SeriesDescription="Lung", InstanceNumber=place + 1, ImagePositionPatient=[0, 0, 2.0 * place],
            ImageOrientationPatient=[1, 0, 0, 0, 1, 0], PixelSpacing=[1, 1],
        )  # fmt: skip
    write_dicom(np.arange(256, dtype=np.uint16).reshape(16, 16), "case/film.dcm", ViewPosition="PA", BodyPartExamined="CHEST")
    Image.fromarray(np.full((9, 7, 3), 200, np.uint8)).save(tmp_path / "case/photo.png")
    (tmp_path / "case/notes.txt").write_text("no picture")
    (tmp_path / "case/zero.dcm").touch()
    return tmp_path / "case"


def zipped(folder: Path, path: Path, method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as out:
        for file in sorted(folder.rglob("*")):
            out.write(file, file.relative_to(folder))
    return path


def sentences(found: list[Item | Failure]) -> list[str]:
    return [one.sentence for one in found if isinstance(one, Failure)]


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_an_archive_opens_like_a_folder(case: Path, tmp_path: Path, unpacked: Unpacked, method: int) -> None:
    path = zipped(case, tmp_path / "case.zip", method)
    found = list(packed.discovered(path, unpacked))
    items = {one.path.name: one for one in found if isinstance(one, Item)}
    assert unpacked.folder is None, "nothing is unpacked to be listed"
    assert {name: (one.kind, len(one.files), one.modality) for name, one in items.items()} == {
        "i0": ("series", 4, "CT"), "film.dcm": ("radiograph", 1, "DX"), "photo.png": ("picture", 1, ""),
    }  # fmt: skip
    assert items["i0"].who is not None
    assert items["i0"].who.series == "Lung"
    assert sentences(found) == [
        "notes.txt is text, not a picture: it is left in the archive.",
        "zero.dcm is empty (0 bytes): copy it again from where it came.",
    ]
    source = items["i0"].open()
    assert isinstance(source, GrayscaleSource)
    assert [int(source.stored(frame)[0, 0]) for frame in range(4)] == [100, 101, 102, 103]
    assert (source.path, source.name) == (path / "disc0/i0", "i0")
    film = items["film.dcm"].open()
    assert isinstance(film, GrayscaleSource)
    assert (film.stored() == np.arange(256).reshape(16, 16)).all()
    assert items["photo.png"].open().size.width == 7


def test_what_is_unpacked_is_private_and_goes(case: Path, tmp_path: Path, unpacked: Unpacked) -> None:
    path = zipped(case, tmp_path / "case.zip")
    film = next(one for one in packed.discovered(path, unpacked) if one.path.name == "film.dcm")
    assert isinstance(film, Item)
    film.open()
    film.open()
    folder = unpacked.folder
    assert folder is not None
    assert folder.parent == tmp_path / "own"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [(one.name, stat.S_IMODE(one.stat().st_mode)) for one in folder.iterdir()] == [("00000000.dcm", 0o600)]
    unpacked.close()
    assert not folder.exists()
    with pytest.raises(SourceError, match="closed"):
        film.open()


def test_what_a_killed_window_left_goes_at_the_next_start(tmp_path: Path) -> None:
    own, above = psutil.Process(), tmp_path / "own"
    live = above / f"archive-{os.getpid()}-{round(own.create_time())}-x"
    again = above / f"archive-{os.getpid()}-{round(own.create_time()) - 500}-x"
    dead, foreign = above / "archive-4194000-1000-x", above / "other"
    for folder in (live, again, dead, foreign):
        folder.mkdir(parents=True)
        (folder / "00000000").write_bytes(b"x")
    link = above / "archive-4194000-1000-link"
    link.symlink_to(foreign)
    sweep(above)
    assert sorted(one.name for one in above.iterdir()) == sorted([live.name, foreign.name, link.name])
    assert list(foreign.iterdir())


def link(name: str) -> zipfile.ZipInfo:
    made = zipfile.ZipInfo(name)
    made.external_attr = (stat.S_IFLNK | 0o777) << 16
    return made


HOSTILE: dict[str, tuple[str | zipfile.ZipInfo, str]] = {
    "up": ("../../evil.dcm", r"evil\.dcm leads out of the archive"),
    "up inside": ("a/../../evil.dcm", "leads out"),
    "up windows": ("a\\..\\..\\evil.dcm", "leads out"),
    "root": ("/etc/evil.dcm", "outside the archive"),
    "share": ("\\\\host\\share\\evil.dcm", "outside the archive"),
    "drive": ("C:/evil.dcm", "outside the archive"),
    "drive, relative": ("c:evil.dcm", "outside the archive"),
    "stream": ("a.dcm:hidden", "no system may use"),
    "device": ("CON", "name of a device"),
    "device with suffix": ("a/lpt1.dcm", "name of a device"),
    "link": (link("passwd.dcm"), r"passwd\.dcm is a link"),
}


@pytest.mark.parametrize("which", HOSTILE)
def test_hostile_names_are_refused_in_a_sentence(case: Path, tmp_path: Path, unpacked: Unpacked, which: str) -> None:
    name, words = HOSTILE[which]
    path = tmp_path / "hostile.zip"
    with zipfile.ZipFile(path, "w") as out:
        out.writestr(name, (case / "film.dcm").read_bytes())
        out.write(case / "film.dcm", "good.dcm")
    found = list(packed.discovered(path, unpacked))
    with pytest.raises(SourceError, match=words):
        raise SourceError(path, sentences(found)[0])
    items = [one for one in found if isinstance(one, Item)]
    assert [one.path for one in items] == [path / "good.dcm"]
    before = {one for one in tmp_path.rglob("*") if one.is_file()}
    items[0].open()
    after = {one for one in tmp_path.rglob("*") if one.is_file()} - before
    assert [one.parent for one in after] == [unpacked.folder]


def test_encrypted_members_are_refused(tmp_path: Path, case: Path, unpacked: Unpacked) -> None:
    path = zipped(case, tmp_path / "case.zip")
    data = bytearray(path.read_bytes())
    at = data.rfind(b"PK\x01\x02")
    data[at + 8] |= 1  # the last member's flag of encryption, in the directory
    path.write_bytes(data)
    found = list(packed.discovered(path, unpacked))
    assert any("zero.dcm is encrypted" in one for one in sentences(found))
    assert len([one for one in found if isinstance(one, Item)]) == 3


def test_bombs_are_refused_at_once(tmp_path: Path, unpacked: Unpacked) -> None:
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("zeros.dcm", b"\0" * (40 * 2**20))
    began = time.monotonic()
    assert sentences(list(packed.discovered(path, unpacked))) == [
        "zeros.dcm would unpack to more than 200 times its size: not opened."
    ]
    many = tmp_path / "many.zip"
    with zipfile.ZipFile(many, "w", zipfile.ZIP_DEFLATED) as out:
        for number in range(200):
            out.writestr(f"{number}.dcm", b"\0" * 2**20)
    with pytest.raises(SourceError, match="more than 200 times its size"):
        list(packed.discovered(many, unpacked))
    assert time.monotonic() - began < 10
    assert unpacked.folder is None


def test_an_archive_of_archives_of_archives_is_refused(tmp_path: Path, case: Path, unpacked: Unpacked) -> None:
    """As ZIP-42 is made: 16 archives of 16 archives of 16 …; one level is looked into."""
    level = io.BytesIO()
    with zipfile.ZipFile(level, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("0.dll", b"\0" * 2**20)
    for _ in range(5):
        above = io.BytesIO()
        with zipfile.ZipFile(above, "w", zipfile.ZIP_DEFLATED) as out:
            for number in range(16):
                out.writestr(f"lib {number:x}.zip", level.getvalue())
        level = above
    path = tmp_path / "42.zip"
    path.write_bytes(level.getvalue())
    found = list(packed.discovered(path, unpacked))
    assert len(found) == 16
    assert all("16 archives inside an archive, which are not opened" in one for one in sentences(found))
    inner = zipped(case, tmp_path / "inner.zip")
    with zipfile.ZipFile(tmp_path / "outer.zip", "w") as out:
        out.write(inner, "inner.zip")
    items = [one for one in packed.discovered(tmp_path / "outer.zip", unpacked) if isinstance(one, Item)]
    assert len(items) == 3
    assert next(one for one in items if one.path.name == "i0").open().frames == 4


def test_a_member_that_holds_more_than_it_says_stops(tmp_path: Path, case: Path) -> None:
    path = zipped(case, tmp_path / "case.zip")
    data = path.read_bytes()
    with zipfile.ZipFile(path) as listed:
        info = listed.getinfo("film.dcm")
    patched = bytearray(data)
    at = data.find(b"PK\x01\x02", data.find(struct.pack("<I", info.CRC), data.find(b"PK\x01\x02")) - 40)
    patched[at + 24 : at + 28] = struct.pack("<I", 300)  # the size unpacked, in the directory
    path.write_bytes(patched)
    held = archive.opened(path)
    with pytest.raises(SourceError, match="damaged inside"):
        b"".join(held.chunks(next(one for one in held.members if one.size == 300)))


def test_of_a_damaged_archive_what_is_whole_opens(tmp_path: Path, case: Path, unpacked: Unpacked) -> None:
    path = zipped(case, tmp_path / "case.zip", zipfile.ZIP_STORED)
    data = path.read_bytes()
    cut = data.find(b"photo.png")
    (tmp_path / "cut.zip").write_bytes(data[: cut + 20])  # inside the last member; the directory is gone
    found = list(packed.discovered(tmp_path / "cut.zip", unpacked))
    assert {one.path.name: len(one.files) for one in found if isinstance(one, Item)} == {"i0": 4, "film.dcm": 1}
    assert any("photo.png is cut short" in one for one in sentences(found))
    assert any("cut.zip has lost its directory" in one for one in sentences(found))

    flipped = bytearray(data)
    flipped[data.find(b"film.dcm") + (case / "film.dcm").stat().st_size - 20] ^= 0xFF  # in its pixels
    (tmp_path / "flipped.zip").write_bytes(flipped)
    found = list(packed.discovered(tmp_path / "flipped.zip", unpacked))
    assert "film.dcm is damaged inside flipped.zip: copy the archive again." in sentences(found)
    assert {one.path.name: len(one.files) for one in found if isinstance(one, Item)} == {"i0": 4, "photo.png": 1}


def test_damage_behind_the_first_bytes_is_found_when_it_is_opened(
    tmp_path: Path, write_dicom: WriteDicom, unpacked: Unpacked
) -> None:
    film = write_dicom(np.random.default_rng(1).integers(0, 4096, (400, 400), np.uint16), "large.dcm")
    path = tmp_path / "flipped.zip"
    with zipfile.ZipFile(path, "w") as out:
        out.write(film, "large.dcm")
    data = bytearray(path.read_bytes())
    data[200_000] ^= 0xFF
    path.write_bytes(data)
    (item,) = packed.discovered(path, unpacked)
    assert isinstance(item, Item)
    with pytest.raises(SourceError, match=r"large\.dcm is damaged inside flipped\.zip"):
        item.open()
    assert unpacked.folder is not None
    assert not list(unpacked.folder.iterdir()), "nothing half unpacked stays"


def test_members_without_sizes_are_found_too(tmp_path: Path, case: Path, unpacked: Unpacked) -> None:
    """As written to a pipe: sizes follow the data (a data descriptor); the directory is lost."""

    class Pipe(io.RawIOBase):
        def __init__(self) -> None:
            self.data = b""

        def writable(self) -> bool:
            return True

        def write(self, data: object) -> int:
            self.data += bytes(data)  # type: ignore[call-overload]
            return len(bytes(data))  # type: ignore[call-overload]

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as out:  # type: ignore[arg-type]
        for file in sorted(case.rglob("*")):
            if file.is_file():
                out.write(file, file.relative_to(case))
    path = tmp_path / "streamed.zip"
    path.write_bytes(pipe.data[: pipe.data.find(b"PK\x01\x02")])
    items = [one for one in packed.discovered(path, unpacked) if isinstance(one, Item)]
    assert {one.path.name for one in items} == {"i0", "film.dcm", "photo.png"}
    assert next(one for one in items if one.path.name == "i0").open().frames == 4


def test_same_names_stay_apart_and_litter_is_left_out(tmp_path: Path, case: Path, unpacked: Unpacked) -> None:
    path = tmp_path / "twice.zip"
    with zipfile.ZipFile(path, "w") as out:
        out.write(case / "film.dcm", "a.dcm")
        with pytest.warns(UserWarning, match="Duplicate"):
            out.write(case / "photo.png", "a.dcm")
        out.writestr("__MACOSX/a.dcm", b"x")
        out.writestr(".DS_Store", b"x")
    found = list(packed.discovered(path, unpacked))
    assert sorted(one.path.name for one in found) == ["a.dcm", "a.dcm (2)"]


@pytest.mark.parametrize("content", [b"PK\x05\x06" + b"\0" * 18, b"PK\x03\x04", b"PK\x03\x04" + b"\xff" * 5000])
def test_empty_and_nonsense_archives(tmp_path: Path, unpacked: Unpacked, content: bytes) -> None:
    path = tmp_path / "odd.zip"
    path.write_bytes(content)
    assert not [one for one in packed.discovered(path, unpacked) if isinstance(one, Item)]


def test_one_picture_in_an_archive_opens_by_itself(tmp_path: Path, case: Path) -> None:
    path = tmp_path / "one.zip"
    with zipfile.ZipFile(path, "w") as out:
        out.write(case / "film.dcm", "film.dcm")
    assert open_source(path).modality == "DX"
    with pytest.raises(SourceError, match="holds 3 pictures or series"):
        open_source(zipped(case, tmp_path / "case.zip"))
