"""Reader processes: one that dies, hangs or takes too much costs one file and one sentence, and nothing stays behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import psutil
import pytest
from numpy.typing import NDArray

from tests.viewers.dicom_streams import compressed
from viewers.errors import SourceError
from viewers.readers import channel
from viewers.readers.pool import Answer, Readers
from viewers.sources import open_source
from viewers.sources.header import header_of

WriteDicom = Callable[..., Path]
ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals are those of POSIX")


@pytest.fixture
def slow(write_dicom: WriteDicom) -> Path:
    """A film of noise whose JPEG 2000 takes a second or more to decode."""
    pixels = np.random.default_rng(3).integers(0, 65536, (2048, 2048)).astype(np.uint16)
    return compressed(write_dicom(np.zeros((2048, 2048), np.uint16), "slow.dcm"), imagecodecs.jpeg2k_encode(
        pixels, codecformat="j2k", reversible=True, level=0))  # fmt: skip


@pytest.fixture
def pool() -> Iterator[Readers]:
    one = Readers(2)
    yield one
    one.close()


def frame(path: Path) -> dict[str, Any]:
    from dataclasses import asdict

    header = header_of(path)
    return {
        "path": str(path), "state": header.state, "coded": asdict(header.coded), "frame": 0, "offset": header.offset,
        "ranges": header.ranges(0), "halvings": 0,
    }  # fmt: skip


def working(pool: Readers) -> set[int]:
    return set(pool.pids) - {child.process.pid for child in pool._idle}


def sentence(answer: Answer) -> str:
    assert isinstance(answer, SourceError)
    return str(answer)


@pytest.mark.parametrize("how", [signal.SIGSEGV, signal.SIGKILL])
def test_a_decoder_that_crashes_costs_one_file(pool: Readers, slow: Path, write_dicom: WriteDicom, how: signal.Signals) -> None:
    item, good = frame(slow), frame(write_dicom(np.full((8, 8), 7, np.uint16), "good.dcm"))
    pool.ask("frame", [good])  # the processes are up
    answers: list[list[Answer]] = []
    asking = threading.Thread(target=lambda: answers.append(pool.ask("frame", [item, good])))
    asking.start()
    time.sleep(0.3)
    before = list(working(pool))
    assert len(before) == 1
    os.kill(before[0], how)
    asking.join(30)
    lost, after = answers[0]
    assert "slow.dcm ended its reader process" in sentence(lost)
    assert how.name in sentence(lost)
    assert not isinstance(after, SourceError)
    assert (after[1][0] == 7).all()
    assert not set(before) & set(pool.pids)
    assert len(pool.ask("frame", [good])) == 1


def test_one_that_takes_too_long_is_ended(pool: Readers, slow: Path, write_dicom: WriteDicom) -> None:
    good = frame(write_dicom(np.full((8, 8), 7, np.uint16), "good.dcm"))
    item = frame(slow)
    lost, after = pool.ask("frame", [item, good], seconds=0.25)
    assert "slow.dcm took longer than the limit of 0.25 s" in sentence(lost)
    assert not isinstance(after, SourceError)


def test_what_is_spread_comes_back_in_order(pool: Readers, write_dicom: WriteDicom) -> None:
    paths = [write_dicom(np.full((4, 4 + n % 3), n, np.uint16), f"{n}.dcm") for n in range(70)]
    paths[33].write_bytes(b"no DICOM")
    answers = pool.spread("parse", [{"path": str(path), "image": True} for path in paths])
    for n, answer in enumerate(answers):
        assert not isinstance(answer, SourceError)
        assert answer[0] == {} if n == 33 else answer[0]["coded"]["size"] == [4 + n % 3, 4]


def test_a_frame_too_large_for_a_reader_process(write_dicom: WriteDicom) -> None:
    """A JPEG 2000 stream that claims 30,000² pixels: refused by the process's limit, not by the window's memory."""
    path = compressed(
        write_dicom(np.zeros((8, 8), np.uint8)),
        claims(imagecodecs.jpeg2k_encode(np.zeros((64, 64), np.uint8), codecformat="j2k", reversible=True, level=0), 30_000),
        Rows=30_000, Columns=30_000,
    )  # fmt: skip
    before = psutil.Process().memory_info().rss
    source = open_source(path)
    with pytest.raises(SourceError, match=r"image\.dcm"):
        source.read(region(source))
    assert psutil.Process().memory_info().rss - before < 300 * 2**20


def claims(stream: bytes, side: int) -> bytes:
    at = stream.index(b"\xff\x4f\xff\x51") + 8
    return stream[:at] + side.to_bytes(4, "big") * 2 + stream[at + 8 :]


def region(source: Any) -> Any:
    from viewers.geometry import Region

    return Region.whole(source.size)


def test_no_process_outlives_a_window_that_is_killed() -> None:
    code = (
        "import time; from viewers.readers.pool import readers; r = readers(); r.start()\n"
        "r.ask('parse', [{'path': '/', 'image': True}]); print(*r.pids, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pids = [int(word) for word in parent.stdout.readline().split()]
    assert len(pids) >= 2
    parent.kill()
    parent.wait()
    parent.stdout.close()
    _, alive = psutil.wait_procs([psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)], timeout=10)
    assert not alive


def test_nothing_stays_behind(pool: Readers, write_dicom: WriteDicom) -> None:
    """Descriptors and names in shared memory after many files and many deaths."""
    good = frame(write_dicom(np.full((64, 64), 7, np.uint16)))
    for _ in range(4):
        pool.ask("frame", [good] * 8)
    own, names = psutil.Process(), list[Path]()
    for round_ in range(6):
        for pid in pool.pids:
            os.kill(pid, signal.SIGKILL)
        psutil.wait_procs([one for one in own.children() if one.pid in pool.pids], timeout=5)
        for _ in range(4):
            pool.spread("frame", [good] * 40)
        if round_ == 1:
            files = own.num_fds()
        names += [child._scratch.path for child in pool._children]
    assert own.num_fds() <= files
    pool.close()
    assert not pool.pids
    assert not [path for path in names if path.exists()]


@pytest.mark.parametrize("command", [("/no/such/program",), (sys.executable, "-c", "raise SystemExit(3)")])
def test_where_no_process_can_be_started_it_is_said_and_done_here(write_dicom: WriteDicom, command: tuple[str, ...]) -> None:
    path = write_dicom(np.full((8, 8), 7, np.uint16))
    item = frame(path)
    pool = Readers(2, command)
    answer = pool.ask("frame", [item])[0]
    assert not isinstance(answer, SourceError)
    assert (answer[1][0] == 7).all()
    assert "without the protection" in pool.problem
    assert not pool.pids
    pool.close()


@pytest.mark.parametrize(
    "place",
    [["<u2", [10**9, 10**9], 0], ["<u2", [4], -8], ["<u2", [-4], 0], ["O", [1], 0], ["<u2", [4], 10**9], [], ["<u2", "x", 0]],
)  # fmt: skip
def test_a_place_that_is_none_takes_no_memory(place: list[Any]) -> None:
    scratch = channel.Scratch()
    kept: NDArray[np.uint16] = np.arange(16, dtype=np.uint16)
    assert np.array_equal(scratch.read(scratch.write(kept)), kept)
    with pytest.raises(channel.Lost):
        scratch.read(place)
    scratch.close()
    assert not scratch.path.exists()


def test_a_message_that_is_none() -> None:
    for data in (b"", b"\x04\0\0\0", b"\x04\0\0\0null", b"\x04\0\0\0{{{{", b"\xff\xff\xff\xff"):
        reader, writer = os.pipe()
        os.write(writer, data)
        os.close(writer)
        with pytest.raises(channel.Lost):
            channel.receive(reader)
        os.close(reader)


def test_a_program_that_ends_while_a_process_starts_leaves_no_name(tmp_path: Path) -> None:
    """The thread that waits for the process is gone with the program."""
    code = (
        "import threading, time; from viewers.readers.pool import readers; r = readers(); r.start()\n"
        "ask = lambda: r.ask('parse', [{'path': '/', 'image': True}])\n"
        "threading.Thread(target=ask, daemon=True).start()\n"
        "while len(r._idle) == r.count: time.sleep(0.001)\n"
        "print(*[child._scratch.path for child in r._children], flush=True)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    names = done.stdout.split()
    assert len(names) >= 2
    assert not [name for name in names if Path(name).exists()]
